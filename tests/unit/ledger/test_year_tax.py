"""The tax of lists, the ladder, limits, derived rates, and losses that are carried in other ways."""

from datetime import date
from decimal import Decimal

import pytest

from portfolios.ledger.budget import Limit, YearLimits, check_limits, free_part, value_of_waiting
from portfolios.ledger.carryovers import (
    carried_after_death,
    carry_corporate_loss,
    expire_corporate_losses,
    pass_out,
    split_by_owner,
)
from portfolios.ledger.errors import BadInput
from portfolios.ledger.ladder import Rung, harvest_benefit, loss_ladder
from portfolios.ledger.state_tables import state_table
from portfolios.ledger.tax import Gains, TaxRates, ordinary_offset_limit_usd
from portfolios.ledger.tax_schemes import CorporateScheme, MarginalScheme, OtherIncome, ScheduleScheme
from portfolios.ledger.tax_tables import federal_table
from portfolios.ledger.trade_tax import ListedTrade, tax_of_list
from portfolios.ledger.types import Term
from tests.lots import lots

D = Decimal
RATES = TaxRates(short_frac=D("0.408"), long_frac=D("0.238"), ordinary_frac=D("0.37"))
MARGINAL = MarginalScheme(rates=RATES)


def _trade(gain: str | None, **more: object) -> ListedTrade:
    return ListedTrade(key="T", term=Term.SHORT, gain_usd=None if gain is None else D(gain), **more)  # type: ignore[arg-type]


# --- lists ---


def test_a_list_tells_what_is_disallowed_and_what_of_it_is_lost_for_good() -> None:
    trades = [_trade("-1000", disallowed_usd=D(300), permanent_usd=D(100)), _trade("50")]

    totals = tax_of_list(trades, scheme=MARGINAL).totals

    assert totals.recognized == Gains(short_usd=D(-650))
    assert (totals.disallowed_usd, totals.permanent_usd) == (D(300), D(100))


def test_a_washed_loss_in_an_untaxed_account_counts_nowhere() -> None:
    totals = tax_of_list([_trade("-1000", disallowed_usd=D(300), tax_status="roth_ira")], scheme=MARGINAL).totals

    assert totals.recognized == Gains()
    assert totals.disallowed_usd == 0


@pytest.mark.parametrize(
    ("trade", "words"),
    [
        (_trade(None), "basis is unknown"),
        (_trade("5", tax_status="offshore"), "no tax status"),
        (_trade("-100", disallowed_usd=D(101)), "cannot be"),
        (_trade("100", disallowed_usd=D(1)), "cannot be"),
        (_trade("-100", disallowed_usd=D(5), permanent_usd=D(6)), "cannot be"),
    ],
)
def test_a_trade_that_cannot_be_counted_is_refused(trade: ListedTrade, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        tax_of_list([trade], scheme=MARGINAL)


# --- schedule ---


def test_a_deduction_larger_than_income_shelters_long_term_gains() -> None:
    income = OtherIncome(wages_usd=D(5000), deduction_usd=D(15750))
    scheme = ScheduleScheme(table=federal_table(2025, "single"), income=income)

    year = scheme.assess(realized=Gains(long_usd=D(60000)), carried_in=Gains())

    assert year.income_tax_usd == (D(49250) - D(48350)) * D("0.15")


def test_gains_taxed_at_long_term_rates_never_cost_more_than_as_income() -> None:
    # 48,400 of ordinary income: the worksheet alone would tax the next 50 dollars at 15 %, the table does at 12 %.
    income = OtherIncome(wages_usd=D(48400))
    scheme = ScheduleScheme(table=federal_table(2025, "single"), income=income)

    cost = tax_of_list([ListedTrade(key="T", term=Term.LONG, gain_usd=D(50))], scheme=scheme).cost_usd

    assert cost == D(50) * D("0.12")


def test_a_year_without_enough_income_uses_up_less_of_its_loss() -> None:
    income = OtherIncome(wages_usd=D(10000), deduction_usd=D(12000))
    scheme = ScheduleScheme(table=federal_table(2025, "single"), income=income)

    year = scheme.assess(realized=Gains(short_usd=D(-5000)), carried_in=Gains())

    assert year.netting.ordinary_deduction_usd == 3000
    assert year.carried == Gains(short_usd=D(5000))  # taxable income before the loss is negative: nothing is used up


def test_the_allowance_lowers_net_investment_income() -> None:
    income = OtherIncome(wages_usd=D(300000), interest_usd=D(10000))
    scheme = ScheduleScheme(table=federal_table(2025, "single"), income=income)

    year = scheme.assess(realized=Gains(short_usd=D(-9000)), carried_in=Gains())

    assert year.niit_usd == D(7000) * D("0.038")


def test_a_state_is_added_where_one_is_given() -> None:
    scheme = ScheduleScheme(
        table=federal_table(2025, "single"), income=OtherIncome(wages_usd=D(100000)), state=state_table(2025, "IL")
    )

    priced = tax_of_list([_trade("1000")], scheme=scheme)

    assert priced.after.state_tax_usd == D("49.5")
    assert priced.cost_usd == D(220) + D("49.5")


# --- corporations, trusts, spouses ---


def test_a_corporation_pays_a_flat_rate_and_carries_losses_as_short_term() -> None:
    gain = CorporateScheme().assess(realized=Gains(short_usd=D(100), long_usd=D(900)), carried_in=Gains())
    loss = CorporateScheme().assess(realized=Gains(long_usd=D(-900)), carried_in=Gains())

    assert gain.tax_usd == D(210)
    assert (loss.tax_usd, loss.netting.ordinary_deduction_usd) == (0, 0)
    assert loss.carried == Gains(short_usd=D(900))


def test_a_corporation_carries_back_three_years_the_earliest_first() -> None:
    carry = carry_corporate_loss(D(1000), earlier_gains_usd=[D(300), D(-50), D(200)])

    assert carry.used_back_usd == (D(300), D(0), D(200))
    assert carry.forward == Gains(short_usd=D(500))
    with pytest.raises(BadInput, match="back 3 years"):
        carry_corporate_loss(D(1), earlier_gains_usd=[D(0)] * 4)


def test_a_corporation_uses_losses_for_five_years() -> None:
    losses = {2020: D(1), 2021: D(2), 2025: D(3), 2026: D(4)}

    assert dict(expire_corporate_losses(losses, year=2026)) == {2021: D(2), 2025: D(3)}


def test_a_trust_passes_its_losses_out_in_its_final_year_only() -> None:
    shares = {"Ann": D("0.25"), "Ben": D("0.75")}
    carried = Gains(short_usd=D(100), long_usd=D(40))

    assert pass_out(carried, shares=shares, is_final_year=False) == {}
    assert pass_out(carried, shares=shares, is_final_year=True)["Ben"] == Gains(short_usd=D(75), long_usd=D(30))
    with pytest.raises(BadInput, match="do not add up"):
        pass_out(carried, shares={"Ann": D("0.5")}, is_final_year=True)


def test_spouses_take_their_own_losses_and_death_ends_them() -> None:
    own = {"Ann": Gains(short_usd=D(2000)), "Ben": Gains(short_usd=D(1000), long_usd=D(500))}
    parts = split_by_owner(Gains(short_usd=D(900), long_usd=D(500)), own_losses=own)

    assert parts == {"Ann": Gains(short_usd=D(600)), "Ben": Gains(short_usd=D(300), long_usd=D(500))}
    assert carried_after_death(parts, deceased="Ben") == Gains(short_usd=D(600))


# --- ladder ---


def test_what_is_carried_is_worth_what_the_profile_expects() -> None:
    ladder = loss_ladder(
        term=Term.LONG,
        amount_usd=D(10000),
        rates=RATES,
        later_rate_frac=D("0.2"),
        discount_frac=D("0.5"),
    )

    assert [step.rung for step in ladder.steps] == [Rung.LONG_GAINS, Rung.SHORT_GAINS, Rung.ORDINARY, Rung.CARRIED]
    assert ladder.carried_value_usd == D(7000) * D("0.1")
    assert ladder.current_value_usd == D(1110)


def test_deferral_and_permanent_benefit_are_told_apart() -> None:
    benefit = harvest_benefit(
        loss_usd=D(1000), saved_now_usd=D(408), later_rate_frac=D("0.238"), years=1, discount_frac=D("0.25")
    )

    assert benefit.owed_later_usd == D(238)
    assert benefit.deferral_usd == D(238) - D(238) / D("1.25")
    assert benefit.permanent_usd == D(170)
    assert benefit.total_usd == D(408) - D(238) / D("1.25")


def test_a_loss_that_steps_up_later_is_permanent_as_a_whole() -> None:
    benefit = harvest_benefit(
        loss_usd=D(1000), saved_now_usd=D(238), later_rate_frac=D(0), years=20, discount_frac=D("0.06")
    )

    assert (benefit.deferral_usd, benefit.permanent_usd) == (0, D(238))


# --- limits ---


@pytest.mark.parametrize(
    ("day", "by", "part"),
    [
        (date(2026, 1, 1), "month", D(1) / 12),
        (date(2026, 6, 30), "month", D(6) / 12),
        (date(2026, 4, 1), "quarter", D("0.5")),
        (date(2026, 3, 31), "quarter", D("0.25")),
        (date(2026, 2, 1), "none", D(1)),
    ],
)
def test_a_budget_is_freed_by_the_part_of_the_year_begun(day: date, by: str, part: Decimal) -> None:
    assert free_part(day, prorated=by) == part


def test_every_limit_is_checked_with_the_list_and_after_carryforwards() -> None:
    limits = YearLimits(
        max_short_gain_usd=D(1000),
        max_long_gain_usd=D(20000),
        max_net_gain_usd=D(12000),
        max_tax_usd=D(4800),
        min_harvest_usd=D(5000),
        prorated="quarter",
    )

    lines = {
        line.limit: line
        for line in check_limits(
            limits,
            as_of=date(2026, 5, 4),
            year_to_date=Gains(short_usd=D(-500), long_usd=D(4000)),
            list_gains=Gains(short_usd=D(600), long_usd=D(5000)),
            carried_in=Gains(long_usd=D(1000)),
            rates=RATES,
            harvested_usd=D(2000),
            list_harvested_usd=D(3000),
        )
    }

    assert (lines[Limit.SHORT_GAIN].used_usd, lines[Limit.SHORT_GAIN].after_usd) == (D(-500), D(100))
    assert lines[Limit.SHORT_GAIN].free_usd == D(500)
    assert lines[Limit.NET_GAIN].left_usd == D(6000) - D(9100)
    assert not lines[Limit.NET_GAIN].is_kept
    # Without trading the 1,000 carried in would have saved 370.
    assert lines[Limit.TAX].after_usd == D(100) * D("0.408") + D(8000) * D("0.238") + D(370)
    assert lines[Limit.TAX].is_kept == (lines[Limit.TAX].after_usd <= D(2400))
    assert lines[Limit.HARVEST].free_usd == D(5000) and lines[Limit.HARVEST].is_kept


def test_limits_that_are_not_set_are_not_checked() -> None:
    assert check_limits(YearLimits(), as_of=date(2026, 5, 4), year_to_date=Gains(), rates=RATES) == ()
    with pytest.raises(BadInput, match="prorated by"):
        YearLimits(prorated="week")


def test_waiting_for_the_long_rate_has_a_date_and_a_value() -> None:
    (lot,) = lots("AAPL 100 @ 10 2025-06-10")

    waiting = value_of_waiting(lot, gain_usd=D(1000), rates=RATES, as_of=date(2026, 6, 1))

    assert waiting is not None
    assert (waiting.first_long_on, waiting.days, waiting.value_usd) == (date(2026, 6, 11), 10, D(170))
    assert value_of_waiting(lot, gain_usd=D(1000), rates=RATES, as_of=date(2026, 6, 11)) is None


@pytest.mark.parametrize(
    ("status", "limit"), [*((name, 3000) for name in ("single", "mfj", "hoh", "trust")), ("mfs", 1500)]
)
def test_each_filing_status_has_its_allowance(status: str, limit: int) -> None:
    assert ordinary_offset_limit_usd(status) == limit == federal_table(2026, status).loss_limit_usd


def test_long_term_gains_may_be_taxed_higher() -> None:
    rates = TaxRates(short_frac=D("0.258"), long_frac=D("0.337"), ordinary_frac=D("0.258"))
    year = Gains(short_usd=D(2000), long_usd=D(1000))

    assert MarginalScheme(rates=rates).tax_usd(realized=year, carried_in=Gains()) == D(516) + D(337)
    with pytest.raises(BadInput, match="below the ordinary"):
        TaxRates(short_frac=D("0.258"), long_frac=D("0.337"), ordinary_frac=D("0.3"))


@pytest.mark.parametrize("status", ["MFS", "bogus", "corporation", ""])
def test_an_unknown_filing_status_has_no_allowance(status: str) -> None:
    with pytest.raises(BadInput, match="no filing status"):
        ordinary_offset_limit_usd(status)
