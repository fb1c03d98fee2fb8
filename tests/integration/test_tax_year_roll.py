"""The turn of the year: what is carried, what stays provisional, what a person said, and that it may run again."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from advisors.models import AuditEvent, Firm
from portfolios.models.households import Account, Origin, StatedAs, TaxSituation, TaxYearClose
from portfolios.models.lots import LedgerEvent, RealizedGain
from portfolios.services.tax_year_roll import RollCount, roll_all_tax_years, roll_tax_years
from tests.factories import NOW, AccountFactory, FirmFactory, HouseholdFactory, SecurityFactory, TaxSituationFactory

pytestmark = pytest.mark.django_db
D = Decimal
LATER = NOW + timedelta(days=60)


@pytest.fixture
def account() -> Account:
    account = AccountFactory()
    TaxSituationFactory(
        tax_return=account.tax_return,
        year=2026,
        carryforward_short_usd=D(1000),
        outside_long_usd=D(200),
        distributions_usd=D(300),
    )
    return Account.objects.get(pk=account.pk)


def _sold(
    account: Account, gain: str | None, *, term: str = "short", on: date = date(2026, 12, 15), disallowed: str = "0"
) -> None:
    number = LedgerEvent.objects.count() + 1
    security = SecurityFactory()
    event = LedgerEvent.objects.create(
        account=account, position=number, kind="sell", security=security, traded_on=on, source="test",
        source_ref=f"S{number}", recorded_at=NOW,
    )  # fmt: skip
    RealizedGain.objects.create(
        event=event, account=account, security=security, lot_key="L", closed_on=on, units=D(1), proceeds_usd=D(1),
        gain_usd=None if gain is None else D(gain), term=term, disallowed_usd=D(disallowed),
    )  # fmt: skip


def _roll(account: Account, on: date) -> RollCount:
    Firm.objects.filter(pk=account.firm_id).update(business_on=on)
    return roll_tax_years(Firm.objects.get(pk=account.firm_id), now=LATER)


def _newest(account: Account, year: int = 2027) -> TaxSituation:
    found = TaxSituation.objects.filter(tax_return=account.tax_return, year=year).order_by("set_at", "pk").last()
    assert found is not None
    return found


def test_nothing_happens_while_the_year_lasts(account: Account) -> None:
    assert _roll(account, date(2026, 12, 31)) == RollCount()
    assert not TaxSituation.objects.filter(year=2027).exists()


def test_the_next_year_opens_with_what_the_books_carry_by_character(account: Account) -> None:
    _sold(account, "-9000")
    _sold(account, "-2500", term="long")

    assert _roll(account, date(2027, 1, 4)) == RollCount(closed=1, opened=1)

    opened = _newest(account)
    # Short 9,000 and 1,000 carried in; long 2,500 less 500 from elsewhere; 3,000 deducted, short first.
    assert (opened.carryforward_short_usd, opened.carryforward_long_usd) == (D(7000), D(2000))
    assert (opened.outside_long_usd, opened.distributions_usd) == (0, 0)
    assert opened.federal_ordinary_frac == D("0.37")
    assert (opened.origin, opened.is_provisional, opened.set_by) == (Origin.YEAR_END, True, None)
    close = TaxYearClose.objects.get()
    assert (close.short_usd, close.long_usd, close.deduction_usd) == (D(-9000), D(-2000), D(3000))
    actions = AuditEvent.objects.filter(action__startswith="tax_").values_list("action", flat=True)
    assert sorted(actions) == ["tax_situation.stated", "tax_year.closed"]


def test_what_was_washed_is_not_carried_and_other_years_do_not_count(account: Account) -> None:
    _sold(account, "-9000", disallowed="9000")
    _sold(account, "-9000", on=date(2027, 1, 3))

    _roll(account, date(2027, 1, 4))

    assert _newest(account).carryforward_short_usd == 0  # 1,000 carried in, 500 of long gains, 500 deducted


def test_a_roll_may_run_again_and_again(account: Account) -> None:
    _sold(account, "-9000")
    _roll(account, date(2027, 1, 4))

    assert _roll(account, date(2027, 1, 5)) == RollCount()
    assert TaxSituation.objects.filter(year=2027).count() == TaxYearClose.objects.count() == 1


def test_the_year_is_provisional_until_thirty_days_are_loaded(account: Account) -> None:
    _roll(account, date(2027, 1, 29))
    assert _newest(account).is_provisional

    assert _roll(account, date(2027, 1, 30)) == RollCount(closed=1, opened=1)

    assert not _newest(account).is_provisional
    assert "is final" in _newest(account).reason


def test_a_year_that_changes_is_closed_again_and_carried_again_with_a_reason(account: Account) -> None:
    _roll(account, date(2027, 2, 4))
    _sold(account, "-20000", on=date(2026, 11, 2))

    assert _roll(account, date(2027, 2, 5)) == RollCount(closed=1, opened=1)

    opened = _newest(account)
    assert opened.carryforward_short_usd == D(17500)
    assert opened.reason == "2026 changed after it was closed"
    event = AuditEvent.objects.get(action="tax_year.closed_again")
    assert event.data["before"]["carried_short_usd"] == "0.00"


def test_what_a_person_stated_is_never_replaced(account: Account) -> None:
    TaxSituationFactory(tax_return=account.tax_return, year=2027, carryforward_short_usd=D(123))
    _sold(account, "-20000")

    assert _roll(account, date(2027, 2, 4)) == RollCount(closed=1)

    assert _newest(account).carryforward_short_usd == D(123)
    assert TaxYearClose.objects.get().carried_short_usd == D(17500)


def test_a_change_two_years_back_goes_on_through_the_years(account: Account) -> None:
    _roll(account, date(2027, 3, 1))
    _roll(account, date(2028, 3, 1))
    assert _newest(account, 2028).carryforward_short_usd == 0
    _sold(account, "-20000", on=date(2026, 11, 2))

    assert _roll(account, date(2028, 3, 2)) == RollCount(closed=2, opened=2)

    assert _newest(account, 2028).carryforward_short_usd == D(14500)


def test_sales_without_a_basis_are_named_and_not_counted(account: Account) -> None:
    _sold(account, None)

    _roll(account, date(2027, 1, 4))

    assert "1 of its sales have no known basis" in _newest(account).reason
    assert TaxYearClose.objects.get().unknown_count == 1


def _stated_by_income(account: Account, ordinary: str) -> None:
    TaxSituation.objects.filter(tax_return=account.tax_return).update(
        year=2025,
        stated_as=StatedAs.INCOME,
        filing_status="single",
        state="",
        ordinary_income_usd=D(ordinary),
        table_year=2025,
        carryforward_short_usd=D(9000),
        outside_long_usd=0,
        distributions_usd=0,
    )


def test_rates_from_income_are_derived_anew_by_the_next_years_table(account: Account) -> None:
    _stated_by_income(account, "105000")  # above the 22 % bracket of 2025, within that of 2026

    _roll(account, date(2026, 2, 4))

    opened = _newest(account, 2026)
    assert (opened.table_year, opened.federal_ordinary_frac, opened.federal_long_frac) == (2026, D("0.22"), D("0.15"))


def test_without_a_table_of_the_next_year_the_rates_stand(account: Account) -> None:
    _stated_by_income(account, "105000")
    TaxSituation.objects.update(year=2026, federal_ordinary_frac=D("0.33"))

    _roll(account, date(2027, 2, 4))

    assert (_newest(account).federal_ordinary_frac, _newest(account).table_year) == (D("0.33"), 2025)


def test_a_firm_may_let_a_table_stand_in(account: Account) -> None:
    _stated_by_income(account, "105000")
    TaxSituation.objects.update(year=2026)
    Firm.objects.filter(pk=account.firm_id).update(policies={"tax_tables": {"2027": 2026}})

    _roll(account, date(2027, 2, 4))

    assert (_newest(account).federal_ordinary_frac, _newest(account).table_year) == (D("0.22"), 2026)


def test_a_year_without_enough_income_uses_up_less(account: Account) -> None:
    _stated_by_income(account, "1000")

    _roll(account, date(2026, 2, 4))

    assert _newest(account, 2026).carryforward_short_usd == D(8000)


def test_every_firm_is_rolled_and_one_without_a_business_date_left_alone(account: Account) -> None:
    FirmFactory(business_on=None)
    Firm.objects.filter(pk=account.firm_id).update(business_on=date(2027, 1, 4))

    assert roll_all_tax_years(now=LATER) == RollCount(closed=1, opened=1)


def test_many_returns_take_as_many_queries_to_look_at_as_one(
    account: Account, django_assert_max_num_queries: object
) -> None:
    for _ in range(5):
        household = HouseholdFactory(firm=account.firm)
        TaxSituationFactory(tax_return=AccountFactory(household=household).tax_return, year=2026)
    assert _roll(account, date(2027, 2, 4)) == RollCount(closed=6, opened=6)

    with django_assert_max_num_queries(12):  # type: ignore[operator]
        assert _roll(account, date(2027, 2, 4)) == RollCount()
