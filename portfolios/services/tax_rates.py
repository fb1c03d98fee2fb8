"""From what an advisor states to rates: either the rates themselves, or income from which they are derived."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from advisors.errors import Invalid
from portfolios.ledger.derived_rates import DerivedRates, derive_rates
from portfolios.ledger.errors import BadInput
from portfolios.ledger.state_tables import StateTable, state_table
from portfolios.ledger.tax_tables import federal_table
from portfolios.models.households import StatedAs
from portfolios.services.households import NewTaxSituation

_STEP: Final = Decimal("0.00001")
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedRates:
    """The components that an advisor states; None for the two that follow the ordinary rate of the state."""

    federal_ordinary_frac: Decimal = _ZERO
    federal_long_frac: Decimal = _ZERO
    niit_frac: Decimal = _ZERO
    state_ordinary_frac: Decimal = _ZERO
    state_long_frac: Decimal = _ZERO
    state_short_frac: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedIncome:
    """
    Income from which rates are derived; a state rate that is stated replaces the one of the table.

    `ordinary_usd` is taxable income without what is taxed at long-term rates; `modified_usd` None: reckoned.
    """

    ordinary_usd: Decimal
    preferred_usd: Decimal = _ZERO
    modified_usd: Decimal | None = None
    state_ordinary_frac: Decimal | None = None
    state_long_frac: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedAmounts:
    """The amounts of a year beside its rates."""

    ordinary_offset_usd: Decimal = Decimal(3000)
    carryforward_short_usd: Decimal = _ZERO
    carryforward_long_usd: Decimal = _ZERO
    outside_short_usd: Decimal = _ZERO
    outside_long_usd: Decimal = _ZERO
    distributions_usd: Decimal = _ZERO
    later_rate_frac: Decimal = _ZERO
    later_discount_frac: Decimal = _ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedSituation:
    """What the form of a tax situation says: one of the two ways, and the amounts."""

    year: int
    filing_status: str
    state: str
    said: StatedRates | StatedIncome
    amounts: StatedAmounts
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedSituation:
    """A situation with its rates, and (where derived) how they came about."""

    new: NewTaxSituation
    derived: DerivedRates | None
    state_note: str
    table_source: str


def rate_situation(stated: StatedSituation, *, stand_ins: Mapping[int, int]) -> RatedSituation:
    """
    Turn what was stated into rates to store.

    :raises Invalid: the year has no table, a state is unknown, or an income cannot be
    """
    amounts: dict[str, Any] = {name: getattr(stated.amounts, name) for name in StatedAmounts.__dataclass_fields__}
    common: dict[str, Any] = {"year": stated.year, "filing_status": stated.filing_status, "state": stated.state}
    said = stated.said
    if isinstance(said, StatedRates):
        rates = {name: getattr(said, name) for name in StatedRates.__dataclass_fields__}
        new = NewTaxSituation(**common, **rates, **amounts, reason=stated.reason)
        return RatedSituation(new=new, derived=None, state_note="", table_source="")
    try:
        table = federal_table(stated.year, stated.filing_status, stand_ins=stand_ins)
        state = _overridden(state_table(stated.year, stated.state, stand_ins=stand_ins), said)
        derived = derive_rates(
            table,
            ordinary_income_usd=said.ordinary_usd,
            preferred_income_usd=said.preferred_usd,
            modified_income_usd=said.modified_usd,
            state=state,
        )
    except BadInput as error:
        raise Invalid(str(error)) from error
    new = NewTaxSituation(
        **common,
        **amounts,
        stated_as=StatedAs.INCOME,
        ordinary_income_usd=said.ordinary_usd,
        preferred_income_usd=said.preferred_usd,
        modified_income_usd=said.modified_usd,
        table_year=table.table_year,
        is_state_stated=said.state_ordinary_frac is not None,
        federal_ordinary_frac=derived.federal_ordinary_frac,
        federal_long_frac=derived.federal_long_frac,
        niit_frac=derived.niit_frac,
        state_ordinary_frac=_stored(derived.state_ordinary_frac),
        state_short_frac=_stored(derived.state_short_frac),
        state_long_frac=_stored(derived.state_long_frac),
        state_offset_frac=_stored(derived.state_offset_frac),
        reason=stated.reason,
    )
    return RatedSituation(
        new=new, derived=derived, state_note=state.note, table_source=f"{table.source} ({table.table_year})"
    )


def _overridden(state: StateTable, said: StatedIncome) -> StateTable:
    if said.state_ordinary_frac is None:
        return state
    ordinary = said.state_ordinary_frac
    long = ordinary if said.state_long_frac is None else said.state_long_frac
    return StateTable(
        year=state.year,
        table_year=state.table_year,
        code=state.code,
        name=state.name,
        source="stated",
        ordinary_frac=ordinary,
        short_frac=ordinary,
        long_frac=long,
        carries_losses=state.carries_losses,
        offsets_income=state.offsets_income,
    )


def _stored(rate: Decimal) -> Decimal:
    return rate.quantize(_STEP, ROUND_HALF_UP)
