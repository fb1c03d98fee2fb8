"""
The tax of a year: netting, carryforwards, and what trading causes.

Netting is R-1.4 of the tax specification; `year_tax_usd` is "The year's tax" of the case specification.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from portfolios.ledger.errors import BadInput
from portfolios.ledger.tax_tables import FILING_STATUSES
from portfolios.ledger.types import ZERO

_OFFSET_USD = Decimal(3000)
_OFFSET_SEPARATE_USD = Decimal(1500)


def ordinary_offset_limit_usd(filing_status: str) -> Decimal:
    """
    Return how much net loss may be set against ordinary income in a year.

    :raises BadInput: the status is none of those known; a corporation has no such allowance
    """
    if filing_status not in FILING_STATUSES:
        raise BadInput(f"{filing_status!r} is no filing status; it is one of {', '.join(FILING_STATUSES)}")
    return _OFFSET_SEPARATE_USD if filing_status == "mfs" else _OFFSET_USD


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """Net amounts by character, positive for gains; also carryforwards, positive for losses carried."""

    short_usd: Decimal = ZERO
    long_usd: Decimal = ZERO

    def __add__(self, other: "Gains") -> "Gains":
        return Gains(short_usd=self.short_usd + other.short_usd, long_usd=self.long_usd + other.long_usd)

    def __sub__(self, other: "Gains") -> "Gains":
        return Gains(short_usd=self.short_usd - other.short_usd, long_usd=self.long_usd - other.long_usd)

    @property
    def total_usd(self) -> Decimal:
        """Return short and long together."""
        return self.short_usd + self.long_usd


NO_GAINS = Gains()


@dataclass(frozen=True, slots=True, kw_only=True)
class YearNetting:
    """One return's year: `net` after carryforwards, what is taxed, what is deducted, what is carried on."""

    net: Gains
    taxable: Gains
    ordinary_deduction_usd: Decimal
    carried: Gains


def net_year(*, realized: Gains, carried_in: Gains = NO_GAINS, offset_limit_usd: Decimal = _OFFSET_USD) -> YearNetting:
    """
    Net a year's recognised gains with the losses carried into it (R-1.4.1 to R-1.4.4).

    The deduction uses short-term losses first; what is carried on keeps its character.
    :raises BadInput: a negative carryforward
    """
    if carried_in.short_usd < 0 or carried_in.long_usd < 0:
        raise BadInput("carryforwards are positive amounts of loss")
    net = realized - carried_in
    short, long = net.short_usd, net.long_usd
    if short * long < 0:
        short, long = _cross_net(short, long)
    short_loss, long_loss = max(-short, ZERO), max(-long, ZERO)
    deduction = min(offset_limit_usd, short_loss + long_loss)
    from_short = min(deduction, short_loss)
    return YearNetting(
        net=net,
        taxable=Gains(short_usd=max(short, ZERO), long_usd=max(long, ZERO)),
        ordinary_deduction_usd=deduction,
        carried=Gains(short_usd=short_loss - from_short, long_usd=long_loss - (deduction - from_short)),
    )


def _cross_net(short: Decimal, long: Decimal) -> tuple[Decimal, Decimal]:
    total = short + long
    keeps_short = (total > 0) == (short > 0)
    return (total, ZERO) if keeps_short else (ZERO, total)


def net_years(
    years: Iterable[Gains], *, carried_in: Gains = NO_GAINS, offset_limit_usd: Decimal = _OFFSET_USD
) -> tuple[YearNetting, ...]:
    """Net one year after the other, each carrying into the next."""
    netted: list[YearNetting] = []
    for realized in years:
        year = net_year(realized=realized, carried_in=carried_in, offset_limit_usd=offset_limit_usd)
        netted.append(year)
        carried_in = year.carried
    return tuple(netted)


def carryover_by_worksheet(
    *, taxable_income_usd: Decimal, line_7_usd: Decimal, line_15_usd: Decimal, line_21_usd: Decimal
) -> Gains:
    """
    Return what is carried on by the Capital Loss Carryover Worksheet (R-1.4.5).

    Form 1040 line 15 may be negative; the lines of Schedule D are signed as on the form, line 21 as a loss of
    either sign.
    """
    used = min(abs(line_21_usd), max(ZERO, taxable_income_usd + abs(line_21_usd)))
    short_loss, long_gain = max(-line_7_usd, ZERO), max(line_15_usd, ZERO)
    long_loss, short_gain = max(-line_15_usd, ZERO), max(line_7_usd, ZERO)
    left = max(ZERO, used - short_loss)
    return Gains(
        short_usd=max(ZERO, short_loss - used - long_gain),
        long_usd=max(ZERO, long_loss - short_gain - left),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRates:
    """
    The all-in marginal rates of a return, as fractions, and its allowance against ordinary income.

    `carried_loss_frac` is what a dollar of loss carried beyond the year is worth today (rho). Long-term gains may be
    taxed higher than short-term ones, as a state's tax on them alone can do; whoever needs a convex tax (proposals do)
    takes the higher of the two as the short-term rate.
    """

    short_frac: Decimal
    long_frac: Decimal
    ordinary_frac: Decimal
    ordinary_offset_usd: Decimal = _OFFSET_USD
    carried_loss_frac: Decimal = ZERO

    def __post_init__(self) -> None:
        if self.short_frac < self.ordinary_frac:
            raise BadInput("the short-term rate must not be below the ordinary rate")
        if not min(self.ordinary_frac, self.long_frac) >= self.carried_loss_frac >= 0:
            raise BadInput("a carried loss is worth at least nothing and at most the lower of the other rates")
        if self.ordinary_offset_usd < 0:
            raise BadInput("the allowance against ordinary income is not negative")


def year_tax_usd(net: Gains, *, rates: TaxRates, carried_loss_frac: Decimal | None = None) -> Decimal:
    """
    Return the tax of a year whose gains net of carryforwards are S and L; negative where losses save tax.

    Unrounded. `carried_loss_frac` replaces that of the rates: 0 gives what this year's return shows. Each netted
    character is taxed at its own rate (R-1.5.2), so it holds whichever of the two rates is the higher.
    """
    rho = rates.carried_loss_frac if carried_loss_frac is None else carried_loss_frac
    total = net.total_usd
    if total >= 0:
        taxed_short = min(max(net.short_usd, ZERO), total)
        return rates.long_frac * total + (rates.short_frac - rates.long_frac) * taxed_short
    deducted = min(-total, rates.ordinary_offset_usd)
    return -rates.ordinary_frac * deducted - rho * (-total - deducted)


def tax_caused_usd(*, before: Gains, trades: Gains, rates: TaxRates) -> Decimal:
    """Return what trades add to this year's tax; `before` is net of carryforwards."""
    after = year_tax_usd(before + trades, rates=rates, carried_loss_frac=ZERO)
    return after - year_tax_usd(before, rates=rates, carried_loss_frac=ZERO)


def tax_used_usd(*, realized: Gains, carried_in: Gains, rates: TaxRates) -> Decimal:
    """Return what the year's trading has caused so far: realised and carried, less carried alone."""
    return tax_caused_usd(before=NO_GAINS - carried_in, trades=realized, rates=rates)
