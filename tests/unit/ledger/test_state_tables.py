"""The shapes in which states tax gains."""

from decimal import Decimal

import pytest

from portfolios.ledger.errors import BadInput
from portfolios.ledger.state_tables import (
    NO_STATE,
    StateTable,
    state_choices,
    state_netting,
    state_table,
    state_tax_usd,
)
from portfolios.ledger.tax import Gains

D = Decimal
YEARS = (2024, 2025, 2026)
NO_TAX = ("AK", "FL", "NV", "NH", "SD", "TN", "TX", "WY")


def _tax(state: StateTable, gains: Gains, *, carried: Gains = Gains(), income: int = 0) -> Decimal:  # noqa: B008
    netting = state_netting(state, realized=gains, carried_in=carried, offset_limit_usd=D(3000))
    return state_tax_usd(state, netting, other_income_usd=D(income), other_investment_usd=D(income))


@pytest.mark.parametrize("year", YEARS)
def test_there_are_fifty_states_and_the_district(year: int) -> None:
    choices = dict(state_choices(year))

    assert len(choices) == 51
    assert {state_table(year, code).table_year for code in choices} == {year}


@pytest.mark.parametrize("year", YEARS)
def test_rates_are_fractions_that_fit_together(year: int) -> None:
    for code in dict(state_choices(year)):
        state = state_table(year, code)
        assert 0 <= state.long_frac <= D("0.14") and 0 <= state.short_frac <= D("0.14"), code
        assert state.offset_frac <= state.short_frac, code
        assert state.long_frac <= state.short_frac or code == "WA", code
        assert not state.lower_frac or state.lower_frac < state.ordinary_frac, code


@pytest.mark.parametrize("code", NO_TAX)
def test_some_states_tax_no_gains(code: str) -> None:
    assert _tax(state_table(2026, code), Gains(short_usd=D(50_000), long_usd=D(50_000))) == 0


def test_some_states_tax_long_term_gains_like_income() -> None:
    state = state_table(2025, "IL")

    assert state.long_frac == state.short_frac == state.ordinary_frac == D("0.0495")


def test_massachusetts_taxes_short_term_gains_higher_and_much_income_more() -> None:
    state = state_table(2025, "MA")

    assert _tax(state, Gains(short_usd=D(1000), long_usd=D(1000))) == D(85) + D(50)
    assert _tax(state, Gains(long_usd=D(1000)), income=2_000_000) == D(50) + D(40)
    assert _tax(state, Gains(long_usd=D(1000)), income=1_082_650) == D(50) + D(500) * D("0.04")


def test_washington_taxes_long_term_gains_above_its_threshold_only() -> None:
    state = state_table(2025, "WA")

    assert _tax(state, Gains(short_usd=D(900_000), long_usd=D(278_000))) == 0
    assert _tax(state, Gains(long_usd=D(300_000))) == D(22_000) * D("0.07")
    assert _tax(state, Gains(long_usd=D(1_378_000))) == D(1_100_000) * D("0.07") + D(100_000) * D("0.029")


@pytest.mark.parametrize(
    ("code", "left_out"), [("AZ", "0.25"), ("AR", "0.5"), ("ND", "0.4"), ("SC", "0.44"), ("WI", "0.3")]
)
def test_some_states_leave_out_part_of_long_term_gains(code: str, left_out: str) -> None:
    state = state_table(2025, code)

    assert state.long_frac == state.ordinary_frac * (1 - D(left_out))


@pytest.mark.parametrize("code", ["NJ", "PA"])
def test_some_states_know_no_carryforward_and_no_loss_against_income(code: str) -> None:
    state = state_table(2026, code)

    with_carry = _tax(state, Gains(long_usd=D(10_000)), carried=Gains(long_usd=D(10_000)))

    assert with_carry == D(10_000) * state.long_frac
    assert _tax(state, Gains(short_usd=D(-10_000))) == 0
    assert state.offset_frac == 0


def test_a_state_with_carryforwards_nets_them() -> None:
    assert _tax(state_table(2026, "IL"), Gains(long_usd=D(10_000)), carried=Gains(long_usd=D(10_000))) == 0


def test_maryland_adds_to_gains_once_income_is_high() -> None:
    state = state_table(2025, "MD")

    assert _tax(state, Gains(long_usd=D(10_000)), income=300_000) == D(10_000) * D("0.065")
    assert _tax(state, Gains(long_usd=D(10_000)), income=360_000) == D(10_000) * D("0.085")


def test_a_lower_rate_is_met_below_its_reach() -> None:
    state = state_table(2025, "CA")

    assert state.at_income(D(150_000), is_joint=False).ordinary_frac == D("0.093")
    assert state.at_income(D(400_000), is_joint=False).ordinary_frac == D("0.123")
    assert state.at_income(D(400_000), is_joint=True).long_frac == D("0.093")


def test_no_state_is_no_tax_and_an_unknown_one_an_error() -> None:
    assert state_table(2031, "") is NO_STATE
    assert _tax(NO_STATE, Gains(short_usd=D(5))) == 0
    with pytest.raises(BadInput, match="no state"):
        state_table(2026, "XX")
    with pytest.raises(BadInput, match="no state tax table of 2027"):
        state_table(2027, "MA")
    assert state_table(2027, "MA", stand_ins={2027: 2026}).table_year == 2026
