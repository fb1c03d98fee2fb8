"""Rates that were derived reach the case: the builder reads what was stored."""

from datetime import date
from decimal import Decimal

import pytest

from portfolios.models.households import TaxSituation
from portfolios.policy import resolve_settings
from portfolios.services.households import state_tax_situation
from portfolios.services.tax_rates import StatedAmounts, StatedIncome, StatedRates, StatedSituation, rate_situation
from rebalancing.snapshots.taxes import ReturnTax, return_tax
from tests.factories import NOW, TaxReturnFactory

pytestmark = pytest.mark.django_db
D = Decimal


def _stored(said: StatedRates | StatedIncome, *, state: str, status: str = "mfj", **amounts: Decimal) -> TaxSituation:
    stated = StatedSituation(
        year=2026, filing_status=status, state=state, said=said, amounts=StatedAmounts(**amounts), reason="Test"
    )
    new = rate_situation(stated, stand_ins={}).new
    made = state_tax_situation(TaxReturnFactory(), new, actor=None, now=NOW)
    return TaxSituation.objects.get(pk=made.pk)


def _block(situation: TaxSituation) -> ReturnTax:
    settings = resolve_settings(firm_defaults={}, chosen={})
    return return_tax(situation, settings=settings, realized=[], as_of=date(2026, 11, 12))


def test_a_state_that_taxes_short_term_gains_higher_does_so_in_the_case() -> None:
    income = StatedIncome(ordinary_usd=D(220_000), preferred_usd=D(20_000))

    tax = _block(_stored(income, state="MA")).tax

    assert (tax.short_rate, tax.long_rate, tax.ordinary_rate) == (0.363, 0.238, 0.29)


def test_a_state_that_knows_no_loss_against_income_saves_none_in_the_case() -> None:
    tax = _block(_stored(StatedIncome(ordinary_usd=D(215_000)), state="PA")).tax

    assert (tax.ordinary_rate, tax.long_rate) == (0.24, 0.15 + 0.0307)


def test_a_stated_short_term_rate_of_the_state_counts() -> None:
    rates = StatedRates(
        federal_ordinary_frac=D("0.24"),
        federal_long_frac=D("0.15"),
        state_ordinary_frac=D("0.05"),
        state_short_frac=D("0.085"),
        state_long_frac=D("0.05"),
    )

    tax = _block(_stored(rates, state="MA")).tax

    assert (tax.short_rate, tax.long_rate, tax.ordinary_rate) == (0.325, 0.2, 0.29)


@pytest.mark.parametrize(
    ("ordinary", "preferred", "short", "long"),
    [(40_000, 1_000_000, "0.358", "0.308"), (80_000, 2_000_000, "0.308", "0.337")],
)
def test_a_state_that_taxes_long_term_gains_alone_is_stored(
    ordinary: int, preferred: int, short: str, long: str
) -> None:
    income = StatedIncome(ordinary_usd=D(ordinary), preferred_usd=D(preferred))

    situation = _stored(income, state="WA", status="single")

    assert (situation.short_rate_frac, situation.long_rate_frac) == (D(short), D(long))
    assert _block(situation).tax.short_rate == float(max(D(short), D(long)))


def test_the_case_counts_short_term_gains_no_lower_than_long_term_ones() -> None:
    situation = _stored(
        StatedRates(federal_ordinary_frac=D("0.12"), federal_long_frac=D("0.15")), state="", outside_short_usd=D(1000)
    )

    block = _block(situation)

    assert (block.tax.short_rate, block.tax.long_rate, block.tax.ordinary_rate) == (0.15, 0.15, 0.12)
    assert block.used_usd == D(150)


def test_capital_gain_distributions_are_long_term_gains_of_the_year() -> None:
    situation = _stored(
        StatedRates(federal_ordinary_frac=D("0.24"), federal_long_frac=D("0.15")),
        state="",
        distributions_usd=D(700),
        outside_long_usd=D(-200),
    )

    block = _block(situation)

    assert block.tax.realized_long == D(500)
    assert block.used_usd == D(75)
