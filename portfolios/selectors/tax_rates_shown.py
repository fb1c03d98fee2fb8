"""Rates of a tax situation as pages show them: all in, how derived, and what the next loss is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from portfolios.ledger.derived_rates import DerivedRates, derive_rates
from portfolios.ledger.errors import BadInput
from portfolios.ledger.ladder import HarvestBenefit, LossLadder, Rung, harvest_benefit, loss_ladder
from portfolios.ledger.state_tables import NO_STATE, StateTable, state_table
from portfolios.ledger.tax import TaxRates
from portfolios.ledger.tax_tables import federal_table
from portfolios.ledger.types import Term
from portfolios.models.households import StatedAs, TaxSituation
from portfolios.policy import SettingValue
from portfolios.selectors.tax_years import RecognizedYear, net_situation

LADDER_USD: Final = Decimal(10_000)
_ZERO: Final = Decimal(0)
_RUNG_WORDS: Final[Mapping[Rung, str]] = {
    Rung.SHORT_GAINS: "Short-term gains of the year",
    Rung.LONG_GAINS: "Long-term gains of the year",
    Rung.ORDINARY: "Ordinary income, up to the allowance",
    Rung.CARRIED: "Carried into later years",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RungLine:
    """One step of a ladder in words."""

    words: str
    amount_usd: Decimal
    rate_frac: Decimal
    value_usd: Decimal
    is_carried: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderLines:
    """What the next dollars of a loss are worth."""

    term: str
    amount_usd: Decimal
    lines: tuple[RungLine, ...]
    now_usd: Decimal
    later_usd: Decimal
    benefit: HarvestBenefit
    years: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesShown:
    """All-in rates, where they come from, and the two ladders; `derived` where income was stated."""

    short_frac: Decimal
    long_frac: Decimal
    offset_frac: Decimal
    offset_usd: Decimal
    derived: DerivedRates | None
    table: str
    is_stand_in: bool
    state: str
    state_note: str
    is_state_stated: bool
    ladders: tuple[LadderLines, ...]

    @property
    def is_long_dearer(self) -> bool:
        """Say whether long-term gains are taxed higher than short-term ones: possible, and rarely meant."""
        return self.long_frac > self.short_frac


def rates_of(situation: TaxSituation) -> TaxRates:
    """Return the all-in rates of a situation, as the ledger counts with them."""
    short, offset = situation.short_rate_frac, situation.offset_rate_frac
    return TaxRates(
        short_frac=max(short, offset),
        long_frac=situation.long_rate_frac,
        ordinary_frac=offset,
        ordinary_offset_usd=situation.ordinary_offset_usd,
    )


def rates_shown(
    situation: TaxSituation, recognized: RecognizedYear, settings: Mapping[str, SettingValue]
) -> RatesShown:
    """Show a situation's rates, stored or about to be; the settings say when a lower basis is sold."""
    netted = net_situation(situation, recognized)
    state = _state_of(situation)
    derived = _derived_of(situation, state)
    is_stated_income = situation.stated_as == StatedAs.INCOME
    return RatesShown(
        short_frac=situation.short_rate_frac,
        long_frac=situation.long_rate_frac,
        offset_frac=situation.offset_rate_frac,
        offset_usd=situation.ordinary_offset_usd,
        derived=derived,
        table=_table_words(situation),
        is_stand_in=is_stated_income and situation.table_year != situation.year,
        state=state.name if situation.state else "",
        state_note=state.note if is_stated_income and not situation.is_state_stated else "",
        is_state_stated=situation.is_state_stated,
        ladders=tuple(
            _ladder_lines(
                loss_ladder(
                    term=term,
                    amount_usd=LADDER_USD,
                    rates=rates_of(situation),
                    year_to_date=netted.realized,
                    carried_in=netted.carried_in,
                    later_rate_frac=situation.later_rate_frac,
                    discount_frac=situation.later_discount_frac,
                ),
                situation,
                settings,
            )
            for term in (Term.SHORT, Term.LONG)
        ),
    )


def _stand_ins(situation: TaxSituation) -> Mapping[int, int]:
    return {situation.year: situation.table_year} if situation.table_year else {}


def _state_of(situation: TaxSituation) -> StateTable:
    try:
        return state_table(situation.year, situation.state, stand_ins=_stand_ins(situation))
    except BadInput:
        return NO_STATE


def _table_words(situation: TaxSituation) -> str:
    if situation.stated_as != StatedAs.INCOME:
        return ""
    try:
        table = federal_table(situation.year, situation.filing_status, stand_ins=_stand_ins(situation))
    except BadInput:
        return f"the table of {situation.table_year}"
    return f"{table.source}, the table of {table.table_year}"


def _derived_of(situation: TaxSituation, state: StateTable) -> DerivedRates | None:
    """Read the places in the brackets off the stated income; the stored rates stay what counts."""
    if situation.stated_as != StatedAs.INCOME or situation.ordinary_income_usd is None:
        return None
    try:
        table = federal_table(situation.year, situation.filing_status, stand_ins=_stand_ins(situation))
        return derive_rates(
            table,
            ordinary_income_usd=situation.ordinary_income_usd,
            preferred_income_usd=situation.preferred_income_usd,
            modified_income_usd=situation.modified_income_usd,
            state=state,
        )
    except BadInput:
        return None


def _ladder_lines(ladder: LossLadder, situation: TaxSituation, settings: Mapping[str, SettingValue]) -> LadderLines:
    years = int(str(settings.get("tax.deferral_years", 10)))
    is_never_sold = bool(settings.get("tax.never_realize_gains", False))
    lines = tuple(
        RungLine(
            words=_RUNG_WORDS[step.rung],
            amount_usd=step.amount_usd,
            rate_frac=step.rate_frac,
            value_usd=step.value_usd,
            is_carried=step.rung is Rung.CARRIED,
        )
        for step in ladder.steps
    )
    return LadderLines(
        term="short-term" if ladder.term is Term.SHORT else "long-term",
        amount_usd=sum((line.amount_usd for line in lines), _ZERO),
        lines=lines,
        now_usd=ladder.current_value_usd,
        later_usd=ladder.carried_value_usd,
        benefit=harvest_benefit(
            loss_usd=LADDER_USD - ladder.amount_usd(Rung.CARRIED),
            saved_now_usd=ladder.current_value_usd,
            later_rate_frac=_ZERO if is_never_sold else situation.long_rate_frac,
            years=years,
            discount_frac=Decimal(str(settings.get("tax.discount_frac", "0.06"))),
        ),
        years=years,
    )
