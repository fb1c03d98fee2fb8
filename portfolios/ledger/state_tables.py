"""
How a state taxes gains, read from the data files of `tables`; and its tax of a year.

The state taxes the federal net gain by character at flat marginal rates (R-1.5.5). The figures are defaults to verify:
a stated rate replaces them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any, Final

from portfolios.ledger.errors import BadInput
from portfolios.ledger.tables import states_2024, states_2025, states_2026
from portfolios.ledger.tax import NO_GAINS, Gains, YearNetting, net_year
from portfolios.ledger.types import ZERO

_ONE: Final = Decimal(1)
_YEARS: Final[Mapping[int, Mapping[str, Any]]] = {
    module.STATES["year"]: module.STATES for module in (states_2024, states_2025, states_2026)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTable:
    """
    One state's figures of one year.

    `lower_frac` is met up to an income of `lower_to_usd` (joint: `lower_to_joint_usd`). `surtax_on` is "income",
    "investment_income", "long_gains" or "gains_above_income" (all net gains, once income passes the threshold).
    `long_frac` is after the part of long-term gains that is left out.
    """

    year: int
    table_year: int
    code: str
    name: str
    source: str
    note: str = ""
    ordinary_frac: Decimal = ZERO
    short_frac: Decimal = ZERO
    long_frac: Decimal = ZERO
    long_from_usd: Decimal = ZERO
    lower_frac: Decimal | None = None
    lower_to_usd: Decimal = ZERO
    lower_to_joint_usd: Decimal = ZERO
    carries_losses: bool = True
    offsets_income: bool = True
    surtax_frac: Decimal = ZERO
    surtax_from_usd: Decimal = ZERO
    surtax_on: str = ""

    @property
    def offset_frac(self) -> Decimal:
        """Return the rate at which net losses reduce the tax on other income."""
        return min(self.ordinary_frac, self.short_frac) if self.offsets_income else ZERO

    def at_income(self, income_usd: Decimal, *, is_joint: bool) -> "StateTable":
        """Return the figures met at an income: the lower rate where it is within its reach."""
        reach = self.lower_to_joint_usd if is_joint else self.lower_to_usd
        if self.lower_frac is None or income_usd >= reach:
            return self
        scale = self.lower_frac / self.ordinary_frac
        return replace(
            self,
            ordinary_frac=self.lower_frac,
            short_frac=self.short_frac * scale,
            long_frac=self.long_frac * scale,
            lower_frac=None,
        )


NO_STATE: Final = StateTable(year=0, table_year=0, code="", name="No state", source="")


def state_table(year: int, code: str, *, stand_ins: Mapping[int, int] | None = None) -> StateTable:
    """
    Return the figures of a state; an empty code is no state at all.

    :raises BadInput: the state is unknown, or there is no table of the year and none stands in
    """
    if not code:
        return NO_STATE
    table_year = year if year in _YEARS else (stand_ins or {}).get(year)
    if table_year is None or table_year not in _YEARS:
        known = ", ".join(str(known) for known in sorted(_YEARS))
        raise BadInput(f"There is no state tax table of {year}; there are those of {known}.")
    if code not in _YEARS[table_year]["states"]:
        raise BadInput(f"{code!r} is no state of the tax tables; write its two letters, such as MA")
    return _table(year, table_year, code)


def state_choices(year: int) -> tuple[tuple[str, str], ...]:
    """Return the codes and names of the states, in the order of their names; those of the nearest year kept."""
    nearest = min(_YEARS, key=lambda known: abs(known - year))
    states = _YEARS[nearest]["states"]
    return tuple(sorted(((code, row["name"]) for code, row in states.items()), key=lambda choice: choice[1]))


@cache
def _table(year: int, table_year: int, code: str) -> StateTable:
    data = _YEARS[table_year]
    row = data["states"][code]
    ordinary = Decimal(row.get("rate", 0))
    long = Decimal(row["long"]) if "long" in row else ordinary * (_ONE - Decimal(row.get("long_exclusion", 0)))
    lower_to = row.get("lower_to", (0, 0))
    return StateTable(
        year=year,
        table_year=table_year,
        code=code,
        name=row["name"],
        source=data["source"],
        note=row.get("note", ""),
        ordinary_frac=ordinary,
        short_frac=Decimal(row["short"]) if "short" in row else ordinary,
        long_frac=long,
        long_from_usd=Decimal(row.get("long_from", 0)),
        lower_frac=Decimal(row["lower"]) if "lower" in row else None,
        lower_to_usd=Decimal(lower_to[0]),
        lower_to_joint_usd=Decimal(lower_to[1]),
        carries_losses=row.get("carries", True),
        offsets_income=row.get("offsets", True),
        surtax_frac=Decimal(row.get("surtax", 0)),
        surtax_from_usd=Decimal(row.get("surtax_from", 0)),
        surtax_on=row.get("surtax_on", ""),
    )


def state_netting(state: StateTable, *, realized: Gains, carried_in: Gains, offset_limit_usd: Decimal) -> YearNetting:
    """Net the year as the state does: some states know no carryforward, some no loss against other income."""
    return net_year(
        realized=realized,
        carried_in=carried_in if state.carries_losses else NO_GAINS,
        offset_limit_usd=offset_limit_usd if state.offsets_income else ZERO,
    )


def state_tax_usd(
    state: StateTable, netting: YearNetting, *, other_income_usd: Decimal = ZERO, other_investment_usd: Decimal = ZERO
) -> Decimal:
    """
    Return what the gains of a year add to (or losses take from) the state's tax; unrounded.

    `netting` is the state's own. Other income decides how much of the gains lies above a surtax's threshold.
    """
    taxable, deduction = netting.taxable, netting.ordinary_deduction_usd
    long_taxed = max(ZERO, taxable.long_usd - state.long_from_usd)
    tax = taxable.short_usd * state.short_frac + long_taxed * state.long_frac - deduction * state.offset_frac
    if not state.surtax_frac:
        return tax
    gains = taxable.total_usd - deduction
    if state.surtax_on == "gains_above_income":
        above = max(ZERO, gains) if other_income_usd + gains > state.surtax_from_usd else ZERO
    else:
        base = {
            "income": (other_income_usd, gains),
            "investment_income": (other_investment_usd, gains),
            "long_gains": (ZERO, taxable.long_usd),
        }[state.surtax_on]
        above = _above(base[0] + base[1], state.surtax_from_usd) - _above(base[0], state.surtax_from_usd)
    return tax + above * state.surtax_frac


def _above(amount_usd: Decimal, threshold_usd: Decimal) -> Decimal:
    return max(ZERO, amount_usd - threshold_usd)
