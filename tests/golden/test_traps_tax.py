"""What other calculators get wrong with the year's tax: traps 16 to 19 of the tax specification, section 5."""

from decimal import Decimal

import pytest

from portfolios.ledger.ladder import loss_ladder
from portfolios.ledger.tax import Gains, TaxRates, net_year, net_years, ordinary_offset_limit_usd
from portfolios.ledger.tax_schemes import MarginalScheme, OtherIncome, ScheduleScheme
from portfolios.ledger.tax_tables import TABLE_YEARS, federal_table
from portfolios.ledger.trade_tax import ListedTrade, tax_of_list
from portfolios.ledger.types import Term

D = Decimal
RATES = TaxRates(short_frac=D("0.408"), long_frac=D("0.238"), ordinary_frac=D("0.37"))


def _trade(term: Term, gain: str) -> ListedTrade:
    return ListedTrade(key=gain, term=term, gain_usd=D(gain))


def _cost(*trades: ListedTrade, so_far: Gains = Gains(), carried: Gains = Gains()) -> Decimal:  # noqa: B008
    return tax_of_list(trades, scheme=MarginalScheme(rates=RATES), year_to_date=so_far, carried_in=carried).cost_usd


def test_trap_16_tax_of_a_list_is_not_the_sum_of_gain_times_rate() -> None:
    trades = (_trade(Term.SHORT, "-20000"), _trade(Term.LONG, "1000"))
    naive = D(-20000) * RATES.short_frac + D(1000) * RATES.long_frac

    cost = _cost(*trades, so_far=Gains(short_usd=D(5000), long_usd=D(4000)))

    assert cost == D(-1110) - D(2992)  # 5,000 at 40.8 %, 4,000 at 23.8 %, 3,000 at 37 %; 7,000 saves nothing now
    assert cost != naive


def test_trap_16_a_carryforward_shelters_a_gain_and_shrinks() -> None:
    priced = tax_of_list(
        [_trade(Term.LONG, "20000")], scheme=MarginalScheme(rates=RATES), carried_in=Gains(long_usd=D(25000))
    )

    assert priced.cost_usd == 0
    assert priced.carried_change == Gains(long_usd=D(-20000))


def test_trap_16_a_long_term_loss_against_short_term_gains_saves_the_short_rate() -> None:
    assert _cost(_trade(Term.LONG, "-6000"), so_far=Gains(short_usd=D(6000))) == D(-6000) * RATES.short_frac


def test_trap_16_a_gain_that_crosses_a_threshold_pays_the_net_investment_income_tax_on_the_part_above() -> None:
    income = OtherIncome(wages_usd=D(190000), deduction_usd=D(15750))
    scheme = ScheduleScheme(table=federal_table(2025, "single"), income=income)

    priced = tax_of_list([_trade(Term.LONG, "30000")], scheme=scheme)

    assert priced.after.niit_usd == D(20000) * D("0.038")


def test_trap_17_a_loss_without_gains_saves_only_the_allowance_this_year() -> None:
    ladder = loss_ladder(term=Term.SHORT, amount_usd=D(20000), rates=RATES)

    assert ladder.current_value_usd == D(3000) * D("0.37")
    assert ladder.carried_value_usd == 0
    assert _cost(_trade(Term.SHORT, "-20000")) == D(-3000) * D("0.37")


def test_trap_17_the_next_loss_is_worth_nothing_now_once_the_allowance_is_used() -> None:
    so_far = Gains(short_usd=D(-4000))

    assert _cost(_trade(Term.SHORT, "-10000"), so_far=so_far) == 0
    assert loss_ladder(term=Term.LONG, amount_usd=D(10000), rates=RATES, year_to_date=so_far).current_value_usd == 0


def test_trap_18_the_deduction_uses_short_term_losses_first_and_what_is_carried_keeps_its_character() -> None:
    year = net_year(realized=Gains(short_usd=D(-2000), long_usd=D(-5000)))

    assert year.carried == Gains(short_usd=D(0), long_usd=D(4000))


def test_trap_18_a_carryforward_is_two_numbers_over_years() -> None:
    first, second = net_years([Gains(short_usd=D(-6000), long_usd=D(-9000)), Gains(short_usd=D(4000))])

    assert first.carried == Gains(short_usd=D(3000), long_usd=D(9000))
    assert second.carried == Gains(long_usd=D(5000))


def test_trap_19_married_filing_separately_may_deduct_half() -> None:
    assert ordinary_offset_limit_usd("mfs") == 1500
    assert {federal_table(year, "mfs").loss_limit_usd for year in TABLE_YEARS} == {D(1500)}


@pytest.mark.parametrize(
    ("status", "threshold"), [("single", 200_000), ("hoh", 200_000), ("mfj", 250_000), ("mfs", 125_000)]
)
def test_trap_19_the_net_investment_income_threshold_is_not_indexed(status: str, threshold: int) -> None:
    assert {federal_table(year, status).niit_threshold_usd for year in TABLE_YEARS} == {D(threshold)}


def test_trap_19_a_long_term_gain_within_the_zero_bracket_is_taxed_nothing() -> None:
    income = OtherIncome(wages_usd=D(40000), deduction_usd=D(15750))  # 24,100 below the breakpoint of 48,350
    scheme = ScheduleScheme(table=federal_table(2025, "single"), income=income)

    assert tax_of_list([_trade(Term.LONG, "24100")], scheme=scheme).cost_usd == 0
    assert tax_of_list([_trade(Term.LONG, "24200")], scheme=scheme).cost_usd == 100 * D("0.15")
