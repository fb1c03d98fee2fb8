"""Rates derived from income, and where it stands in the brackets."""

from decimal import Decimal

import pytest

from portfolios.ledger.derived_rates import derive_rates
from portfolios.ledger.errors import BadInput
from portfolios.ledger.state_tables import state_table
from portfolios.ledger.tax_tables import federal_table

D = Decimal


def test_rates_and_places_are_derived_from_income_and_state() -> None:
    derived = derive_rates(
        federal_table(2026, "mfj"),
        ordinary_income_usd=D(220_000),
        preferred_income_usd=D(20_000),
        state=state_table(2026, "MA"),
    )

    assert (derived.federal_ordinary_frac, derived.federal_long_frac) == (D("0.24"), D("0.15"))
    assert derived.niit_frac == D("0.038")  # 240,000 and the standard deduction are beyond 250,000
    assert derived.rates.short_frac == D("0.24") + D("0.038") + D("0.085")
    assert derived.rates.long_frac == D("0.15") + D("0.038") + D("0.05")
    assert derived.rates.ordinary_frac == D("0.24") + D("0.05")
    assert derived.ordinary.to_next_usd == D(403_550 - 220_000)
    assert derived.long.to_next_usd == D(613_700 - 240_000)


def test_the_way_to_the_net_investment_income_tax_is_told() -> None:
    derived = derive_rates(
        federal_table(2026, "single"), ordinary_income_usd=D(100_000), modified_income_usd=D(180_000)
    )

    assert (derived.niit_frac, derived.to_niit_usd) == (0, D(20_000))


def test_a_long_term_rate_is_never_above_the_ordinary_one() -> None:
    derived = derive_rates(federal_table(2025, "single"), ordinary_income_usd=D(48_400))

    assert (derived.federal_ordinary_frac, derived.federal_long_frac) == (D("0.12"), D("0.12"))


@pytest.mark.parametrize(
    ("status", "ordinary", "preferred", "short", "long"),
    [
        ("single", 40_000, 100_000, "0.27", "0.15"),
        ("mfj", 0, 150_000, "0.25", "0.15"),
        ("mfj", 20_000, 700_000, "0.338", "0.238"),
    ],
)
def test_a_dollar_of_ordinary_income_also_pushes_what_lies_on_it(
    status: str, ordinary: int, preferred: int, short: str, long: str
) -> None:
    derived = derive_rates(
        federal_table(2026, status), ordinary_income_usd=D(ordinary), preferred_income_usd=D(preferred)
    )

    assert (derived.rates.short_frac, derived.rates.long_frac) == (D(short), D(long))
    assert derived.pushed_frac == derived.federal_ordinary_frac - derived.ordinary.band.rate_frac > 0


def test_the_zero_bracket_and_the_way_out_of_it_are_told() -> None:
    derived = derive_rates(federal_table(2026, "single"), ordinary_income_usd=D(40_000))

    assert derived.federal_long_frac == 0
    assert derived.long.to_next_usd == D(9_450)


def test_the_top_has_no_next_bracket_and_warns_of_the_minimum_tax() -> None:
    derived = derive_rates(federal_table(2026, "mfj"), ordinary_income_usd=D(1_500_000))

    assert derived.ordinary.to_next_usd is None
    assert "alternative minimum tax" in derived.amt_warning
    assert derive_rates(federal_table(2026, "mfj"), ordinary_income_usd=D(300_000)).amt_warning == ""


def test_washington_counts_once_gains_are_beyond_its_threshold() -> None:
    state, table = state_table(2025, "WA"), federal_table(2025, "mfj")

    below = derive_rates(table, ordinary_income_usd=D(500_000), state=state)
    above = derive_rates(table, ordinary_income_usd=D(500_000), preferred_income_usd=D(400_000), state=state)

    assert (below.state_long_frac, above.state_long_frac, above.state_short_frac) == (0, D("0.07"), 0)


def test_a_state_that_taxes_no_gains_saves_nothing_by_a_loss_against_income() -> None:
    derived = derive_rates(federal_table(2026, "single"), ordinary_income_usd=D(120_000), state=state_table(2026, "MO"))

    assert derived.rates.ordinary_frac == derived.federal_ordinary_frac
    assert derived.state_ordinary_frac == D("0.047")


def test_a_negative_income_is_refused() -> None:
    with pytest.raises(BadInput, match="not negative"):
        derive_rates(federal_table(2026, "single"), ordinary_income_usd=D(-1))
