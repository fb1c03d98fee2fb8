"""
The tax of one year under three ways of counting: marginal rates, the federal schedule, a corporation's flat rate.

Each assesses a year from what was realised and what was carried in (R-1.5.1, R-1.5.2, R-1.5.4, R-1.4.6). The marginal
scheme is what optimisation uses; the schedule is for reports and what-ifs.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Protocol

from portfolios.ledger.errors import BadInput
from portfolios.ledger.state_tables import NO_STATE, StateTable, state_netting, state_tax_usd
from portfolios.ledger.tax import Gains, TaxRates, YearNetting, carryover_by_worksheet, net_year, year_tax_usd
from portfolios.ledger.tax_tables import CORPORATE_FRAC, NIIT_FRAC, FederalTable, tax_in_bands_usd
from portfolios.ledger.types import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """
    The tax of a year and what it carries on; unrounded.

    The parts are set by the schedule alone: income tax, net investment income tax, and what gains add to state tax.
    """

    netting: YearNetting
    tax_usd: Decimal
    carried: Gains
    income_tax_usd: Decimal = ZERO
    niit_usd: Decimal = ZERO
    state_tax_usd: Decimal = ZERO


class Scheme(Protocol):
    """A way to count the tax of a year."""

    def assess(self, *, realized: Gains, carried_in: Gains) -> Assessment:
        """Assess a year: gains recognised, and losses carried in as positive amounts."""

    def tax_usd(self, *, realized: Gains, carried_in: Gains) -> Decimal:
        """Return the tax of the assessment alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginalScheme:
    """All-in marginal rates on the net of the year (R-1.5.2); what is carried on counts nothing."""

    rates: TaxRates

    def assess(self, *, realized: Gains, carried_in: Gains) -> Assessment:
        """Assess a year at the marginal rates."""
        netting = net_year(realized=realized, carried_in=carried_in, offset_limit_usd=self.rates.ordinary_offset_usd)
        tax = self.tax_usd(realized=realized, carried_in=carried_in)
        return Assessment(netting=netting, tax_usd=tax, carried=netting.carried)

    def tax_usd(self, *, realized: Gains, carried_in: Gains) -> Decimal:
        """Return the year's tax without netting it for show."""
        return year_tax_usd(realized - carried_in, rates=self.rates, carried_loss_frac=ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherIncome:
    """
    What a return earns beside its gains. Interest holds every other investment income taxed at ordinary rates.

    The deduction is the standard one or the itemised ones; it lowers taxable income, not modified gross income.
    """

    wages_usd: Decimal = ZERO
    interest_usd: Decimal = ZERO
    qualified_dividends_usd: Decimal = ZERO
    deduction_usd: Decimal = ZERO

    def __post_init__(self) -> None:
        if min(self.interest_usd, self.qualified_dividends_usd, self.deduction_usd) < 0:
            raise BadInput("interest, qualified dividends and the deduction are not negative")

    @property
    def gross_usd(self) -> Decimal:
        """Return the income before any deduction."""
        return self.wages_usd + self.interest_usd + self.qualified_dividends_usd

    @property
    def investment_usd(self) -> Decimal:
        """Return the part that is net investment income."""
        return self.interest_usd + self.qualified_dividends_usd


NO_INCOME: Final = OtherIncome()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleScheme:
    """Brackets, the qualified dividends and capital gain worksheet, NIIT (R-1.5.4); and a state where one is given."""

    table: FederalTable
    income: OtherIncome = NO_INCOME
    state: StateTable = field(default=NO_STATE)

    def assess(self, *, realized: Gains, carried_in: Gains) -> Assessment:
        """Assess a year by the schedule; what is carried on follows the Capital Loss Carryover Worksheet."""
        limit = self.table.loss_limit_usd
        netting = net_year(realized=realized, carried_in=carried_in, offset_limit_usd=limit)
        income_tax = self._income_tax_usd(netting)
        niit = self._niit_usd(netting)
        state_tax = ZERO
        if self.state.code:
            own = state_netting(self.state, realized=realized, carried_in=carried_in, offset_limit_usd=limit)
            state_tax = state_tax_usd(
                self.state,
                own,
                other_income_usd=self.income.gross_usd,
                other_investment_usd=self.income.investment_usd,
            )
        return Assessment(
            netting=netting,
            tax_usd=income_tax + niit + state_tax,
            carried=self._carried(netting),
            income_tax_usd=income_tax,
            niit_usd=niit,
            state_tax_usd=state_tax,
        )

    def tax_usd(self, *, realized: Gains, carried_in: Gains) -> Decimal:
        """Return the year's tax alone."""
        return self.assess(realized=realized, carried_in=carried_in).tax_usd

    def _before_floor_usd(self, netting: YearNetting) -> Decimal:
        """Return taxable income as it would be without its floor of nothing, the loss deduction taken."""
        gains = netting.taxable.total_usd - netting.ordinary_deduction_usd
        return self.income.gross_usd + gains - self.income.deduction_usd

    def _income_tax_usd(self, netting: YearNetting) -> Decimal:
        taxable = max(ZERO, self._before_floor_usd(netting))
        preferred = min(taxable, netting.taxable.long_usd + self.income.qualified_dividends_usd)
        ordinary = taxable - preferred
        whole = tax_in_bands_usd(self.table.ordinary, amount_usd=taxable)
        if not preferred:
            return whole
        stacked = tax_in_bands_usd(self.table.ordinary, amount_usd=ordinary) + tax_in_bands_usd(
            self.table.long, amount_usd=preferred, stacked_on_usd=ordinary
        )
        return min(stacked, whole)

    def _niit_usd(self, netting: YearNetting) -> Decimal:
        gains = netting.taxable.total_usd - netting.ordinary_deduction_usd
        above = self.income.gross_usd + gains - self.table.niit_threshold_usd
        return NIIT_FRAC * max(ZERO, min(self.income.investment_usd + gains, above))

    def _carried(self, netting: YearNetting) -> Gains:
        if not netting.ordinary_deduction_usd:
            return netting.carried
        return carryover_by_worksheet(
            taxable_income_usd=self._before_floor_usd(netting),
            line_7_usd=netting.net.short_usd,
            line_15_usd=netting.net.long_usd,
            line_21_usd=-netting.ordinary_deduction_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateScheme:
    """A corporation: a flat rate, losses against gains only; what is carried on is short-term (R-1.4.6)."""

    rate_frac: Decimal = CORPORATE_FRAC

    def assess(self, *, realized: Gains, carried_in: Gains) -> Assessment:
        """Assess a year of a corporation."""
        netting = net_year(realized=realized, carried_in=carried_in, offset_limit_usd=ZERO)
        return Assessment(
            netting=netting,
            tax_usd=netting.taxable.total_usd * self.rate_frac,
            carried=Gains(short_usd=netting.carried.total_usd),
        )

    def tax_usd(self, *, realized: Gains, carried_in: Gains) -> Decimal:
        """Return the year's tax alone."""
        return self.assess(realized=realized, carried_in=carried_in).tax_usd


def all_in_rates(
    *,
    federal_ordinary_frac: Decimal,
    federal_long_frac: Decimal,
    niit_frac: Decimal = ZERO,
    state_ordinary_frac: Decimal = ZERO,
    state_long_frac: Decimal = ZERO,
    state_short_frac: Decimal | None = None,
    state_offset_frac: Decimal | None = None,
    ordinary_offset_usd: Decimal = Decimal(3000),
) -> TaxRates:
    """
    Add components up to all-in rates (R-1.5.1): no net investment income tax is saved by a loss against income.

    :raises BadInput: the sums do not make a possible set of rates
    """
    state_short = state_ordinary_frac if state_short_frac is None else state_short_frac
    state_offset = state_ordinary_frac if state_offset_frac is None else state_offset_frac
    return TaxRates(
        short_frac=federal_ordinary_frac + niit_frac + state_short,
        long_frac=federal_long_frac + niit_frac + state_long_frac,
        ordinary_frac=federal_ordinary_frac + state_offset,
        ordinary_offset_usd=ordinary_offset_usd,
    )
