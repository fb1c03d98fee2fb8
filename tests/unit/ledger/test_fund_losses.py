"""The six-month rule of fund shares."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from portfolios.ledger.fund_losses import seventh_month_starts_on, six_month_loss

D = Decimal


@pytest.mark.parametrize(
    ("held_from", "first_free"),
    [
        (date(2025, 1, 15), date(2025, 7, 16)),
        (date(2025, 8, 30), date(2026, 3, 1)),  # the period began on the 31st, and February has none
        (date(2025, 9, 30), date(2026, 4, 1)),
        (date(2025, 12, 31), date(2026, 7, 1)),
    ],
)
def test_the_six_months_are_counted_like_the_year(held_from: date, first_free: date) -> None:
    last = first_free - timedelta(days=1)

    assert seventh_month_starts_on(held_from) == first_free
    assert six_month_loss(held_from_on=held_from, sold_on=last, gain_usd=D(-5)).applies
    assert not six_month_loss(held_from_on=held_from, sold_on=first_free, gain_usd=D(-5)).applies


def test_a_fund_that_pays_daily_keeps_its_loss_and_gains_are_left_alone() -> None:
    facts = {"held_from_on": date(2025, 1, 2), "sold_on": date(2025, 2, 3), "exempt_interest_usd": D(5)}

    assert six_month_loss(gain_usd=D(-6), pays_daily=True, **facts).disallowed_usd == 0  # type: ignore[arg-type]
    assert six_month_loss(gain_usd=D(6), **facts).short_usd == 6  # type: ignore[arg-type]


@pytest.mark.parametrize("gain", [D("-2.50"), D("2.50")])
@pytest.mark.parametrize(
    ("sold", "is_long"), [(date(2014, 7, 12), True), (date(2013, 4, 7), True), (date(2013, 4, 6), False)]
)
def test_beyond_six_months_the_whole_has_the_term_of_the_holding(gain: Decimal, sold: date, is_long: bool) -> None:
    found = six_month_loss(
        held_from_on=date(2012, 4, 6), sold_on=sold, gain_usd=gain, capital_gain_distributions_usd=D(1)
    )

    assert (found.applies, found.disallowed_usd) == (False, 0)
    assert (found.long_usd, found.short_usd) == ((gain, 0) if is_long else (0, gain))


def test_both_parts_of_the_rule_follow_one_another() -> None:
    loss = six_month_loss(
        held_from_on=date(2025, 1, 2),
        sold_on=date(2025, 2, 3),
        gain_usd=D(-10),
        exempt_interest_usd=D(4),
        capital_gain_distributions_usd=D(5),
    )

    assert (loss.disallowed_usd, loss.long_usd, loss.short_usd) == (D(4), D(-5), D(-1))
