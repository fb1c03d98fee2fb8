"""
The marginal rates of a situation from filing status, income and state, and where it stands in the brackets.

Rates are those of the next dollar of gain on the qualified dividends and capital gain worksheet (R-1.5.4). What is
taxed at long-term rates lies on top of ordinary income, so a dollar of ordinary income also pushes what lies on it up:
it costs its own band's rate and the difference between the long-term rates at the top and at the foot of the stack.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from portfolios.ledger.errors import BadInput
from portfolios.ledger.state_tables import NO_STATE, StateTable
from portfolios.ledger.tax import TaxRates
from portfolios.ledger.tax_schemes import all_in_rates
from portfolios.ledger.tax_tables import NIIT_FRAC, Band, FederalTable, band_of, tax_in_bands_usd
from portfolios.ledger.types import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a schedule: its band, how far to the next one (None: there is none), how far above its start."""

    band: Band
    to_next_usd: Decimal | None
    above_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedRates:
    """
    The components and the places they were read at. `to_niit_usd` is 0 where the NIIT applies already.

    `pushed_frac` is the part of the federal ordinary rate that a dollar costs by pushing long-term income up a band.
    """

    federal_ordinary_frac: Decimal
    federal_long_frac: Decimal
    pushed_frac: Decimal
    niit_frac: Decimal
    state_ordinary_frac: Decimal
    state_short_frac: Decimal
    state_long_frac: Decimal
    state_offset_frac: Decimal
    loss_limit_usd: Decimal
    ordinary: Position
    long: Position
    modified_income_usd: Decimal
    to_niit_usd: Decimal
    amt_warning: str

    @property
    def rates(self) -> TaxRates:
        """Return the all-in rates."""
        return all_in_rates(
            federal_ordinary_frac=self.federal_ordinary_frac,
            federal_long_frac=self.federal_long_frac,
            niit_frac=self.niit_frac,
            state_ordinary_frac=self.state_ordinary_frac,
            state_long_frac=self.state_long_frac,
            state_short_frac=self.state_short_frac,
            state_offset_frac=self.state_offset_frac,
            ordinary_offset_usd=self.loss_limit_usd,
        )


def derive_rates(
    table: FederalTable,
    *,
    ordinary_income_usd: Decimal,
    preferred_income_usd: Decimal = ZERO,
    modified_income_usd: Decimal | None = None,
    state: StateTable = NO_STATE,
) -> DerivedRates:
    """
    Derive the rates of the next dollar of short-term gain, of long-term gain and of loss against other income.

    `ordinary_income_usd` is taxable income without what is taxed at long-term rates, `preferred_income_usd` qualified
    dividends and long-term gains expected anyway. Modified gross income is, unless stated, both and the standard
    deduction.
    :raises BadInput: a negative income, or rates of a state that cannot be
    """
    if min(ordinary_income_usd, preferred_income_usd) < 0:
        raise BadInput("taxable income is not negative")
    total = ordinary_income_usd + preferred_income_usd
    modified = total + table.standard_deduction_usd if modified_income_usd is None else modified_income_usd
    if modified < 0:
        raise BadInput("modified gross income is not negative")
    ordinary, long = _position(table.ordinary, ordinary_income_usd), _position(table.long, total)
    to_niit = max(ZERO, table.niit_threshold_usd - modified)
    ordinary_frac, long_frac = _federal_fracs(table, ordinary_usd=ordinary_income_usd, total_usd=total)
    at = _met_by(state, income_usd=total, preferred_usd=preferred_income_usd, is_joint=table.status == "mfj")
    return DerivedRates(
        federal_ordinary_frac=ordinary_frac,
        federal_long_frac=long_frac,
        pushed_frac=max(ZERO, ordinary_frac - ordinary.band.rate_frac),
        niit_frac=ZERO if to_niit else NIIT_FRAC,
        state_ordinary_frac=at.ordinary_frac,
        state_short_frac=at.short_frac,
        state_long_frac=at.long_frac,
        state_offset_frac=at.offset_frac,
        loss_limit_usd=table.loss_limit_usd,
        ordinary=ordinary,
        long=long,
        modified_income_usd=modified,
        to_niit_usd=to_niit,
        amt_warning=amt_warning(table, income_usd=modified),
    )


def _federal_fracs(table: FederalTable, *, ordinary_usd: Decimal, total_usd: Decimal) -> tuple[Decimal, Decimal]:
    """Return the rates of the next dollar of ordinary and of long-term income: the worksheet takes the lower tax."""
    own = band_of(table.ordinary, ordinary_usd).rate_frac
    foot, top = (band_of(table.long, usd).rate_frac for usd in (ordinary_usd, total_usd))
    all_ordinary = band_of(table.ordinary, total_usd).rate_frac
    stacked_usd = tax_in_bands_usd(table.ordinary, amount_usd=ordinary_usd) + tax_in_bands_usd(
        table.long, amount_usd=total_usd - ordinary_usd, stacked_on_usd=ordinary_usd
    )
    whole_usd = tax_in_bands_usd(table.ordinary, amount_usd=total_usd)
    stacked = (own + top - foot, top)
    if stacked_usd == whole_usd:
        return min(stacked[0], all_ordinary), min(top, all_ordinary)
    return stacked if stacked_usd < whole_usd else (all_ordinary, all_ordinary)


def _position(bands: tuple[Band, ...], income_usd: Decimal) -> Position:
    band = band_of(bands, income_usd)
    return Position(
        band=band,
        to_next_usd=None if band.to_usd is None else band.to_usd - income_usd,
        above_usd=income_usd - band.from_usd,
    )


def _met_by(state: StateTable, *, income_usd: Decimal, preferred_usd: Decimal, is_joint: bool) -> StateTable:
    """Return the state's figures that the next dollar meets: lower rate, surtax, threshold of long-term gains."""
    met = state.at_income(income_usd, is_joint=is_joint)
    if preferred_usd < met.long_from_usd:
        met = replace(met, long_frac=ZERO)
    passed = preferred_usd if met.surtax_on == "long_gains" else income_usd
    if not met.surtax_frac or passed < met.surtax_from_usd:
        return met
    touches = {"long_gains": (0, 0, 1), "gains_above_income": (0, 1, 1)}.get(met.surtax_on, (1, 1, 1))
    ordinary, short, long = (met.surtax_frac * touched for touched in touches)
    return replace(
        met,
        ordinary_frac=met.ordinary_frac + ordinary,
        short_frac=met.short_frac + short,
        long_frac=met.long_frac + long,
    )


def amt_warning(table: FederalTable, *, income_usd: Decimal) -> str:
    """Say where income with its gains may bring the alternative minimum tax, which is not computed; empty where not."""
    if table.amt_from_usd is None or income_usd <= table.amt_from_usd:
        return ""
    return (
        f"Income of ${income_usd:,.0f} is beyond ${table.amt_from_usd:,.0f}, where the alternative minimum tax takes "
        f"its exemption back at {table.amt_rate_frac:.0%} ({table.table_year}). That tax is not computed here: ask the "
        "client's accountant before realising large gains."
    )
