from datetime import date

import pytest

from portfolios.ledger.business_days import business_days_between, is_business_day


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        ("2026-11-12", "2026-11-12", 0),
        ("2026-11-12", "2026-11-13", 1),
        ("2026-11-13", "2026-11-16", 1),  # over a weekend
        ("2026-11-25", "2026-11-27", 1),  # over Thanksgiving
        ("2026-12-24", "2027-01-04", 5),  # over Christmas, New Year and two weekends
        ("2026-11-13", "2026-11-12", 0),  # before
    ],
)
def test_ages_count_days_on_which_the_exchanges_were_open(since: str, until: str, days: int) -> None:
    assert business_days_between(date.fromisoformat(since), date.fromisoformat(until)) == days


def test_a_holiday_is_no_business_day() -> None:
    assert not is_business_day(date(2026, 4, 3)), "Good Friday"
    assert is_business_day(date(2026, 4, 6))
