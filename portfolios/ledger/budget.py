"""
The year's limits: what is used, what is free by now, what a list would take (R-1.5.6); and the value of waiting.

Every figure is of recognised gains, after the wash-sale rule.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from portfolios.ledger.errors import BadInput
from portfolios.ledger.gains import first_long_on
from portfolios.ledger.tax import NO_GAINS, Gains, TaxRates, tax_used_usd
from portfolios.ledger.types import CENT, ZERO, Lot

_PARTS: Final = {"none": 1, "quarter": 4, "month": 12}


class Limit(StrEnum):
    """What a year's limit is on; the last is a least, the others are a most."""

    SHORT_GAIN = "short_gain"
    LONG_GAIN = "long_gain"
    NET_GAIN = "net_gain"
    TAX = "tax"
    HARVEST = "harvest"


@dataclass(frozen=True, slots=True, kw_only=True)
class YearLimits:
    """
    The limits of a year, None where there is none; `prorated` is "none", "month" or "quarter".

    Proration frees the limits on gains and tax part by part; what must be harvested is due at the year's end.
    """

    max_short_gain_usd: Decimal | None = None
    max_long_gain_usd: Decimal | None = None
    max_net_gain_usd: Decimal | None = None
    max_tax_usd: Decimal | None = None
    min_harvest_usd: Decimal | None = None
    prorated: str = "none"

    def __post_init__(self) -> None:
        if self.prorated not in _PARTS:
            raise BadInput(f"a budget is prorated by {', '.join(_PARTS)}, not {self.prorated!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    """
    One limit: the whole year's, the part free by now, what is used so far and with the list.

    `left_usd` is what is free after the list (for the harvest: what is still to be found); negative where broken.
    """

    limit: Limit
    year_usd: Decimal
    free_usd: Decimal
    used_usd: Decimal
    after_usd: Decimal

    @property
    def left_usd(self) -> Decimal:
        """Return what is left after the list."""
        return self.free_usd - self.after_usd

    @property
    def is_kept(self) -> bool:
        """Say whether the limit holds after the list."""
        return self.left_usd <= 0 if self.limit is Limit.HARVEST else self.left_usd >= 0


def free_part(as_of: date, *, prorated: str) -> Decimal:
    """Return which part of a year's budget is free: the month or quarter begun counts whole."""
    parts = _PARTS[prorated]
    begun = (as_of.month - 1) * parts // 12 + 1
    return Decimal(begun) / parts


def check_limits(
    limits: YearLimits,
    *,
    as_of: date,
    year_to_date: Gains,
    rates: TaxRates,
    carried_in: Gains = NO_GAINS,
    list_gains: Gains = NO_GAINS,
    harvested_usd: Decimal = ZERO,
    list_harvested_usd: Decimal = ZERO,
) -> tuple[LimitLine, ...]:
    """
    Check the limits that are set, on the year so far and with a list.

    `harvested_usd` are the losses recognised so far, a positive amount, whatever gains stand against them.
    """
    after = year_to_date + list_gains
    part = free_part(as_of, prorated=limits.prorated)
    used = tax_used_usd(realized=year_to_date, carried_in=carried_in, rates=rates)
    used_after = tax_used_usd(realized=after, carried_in=carried_in, rates=rates)
    harvest_after = harvested_usd + list_harvested_usd
    figures = (
        (Limit.SHORT_GAIN, limits.max_short_gain_usd, year_to_date.short_usd, after.short_usd),
        (Limit.LONG_GAIN, limits.max_long_gain_usd, year_to_date.long_usd, after.long_usd),
        (Limit.NET_GAIN, limits.max_net_gain_usd, year_to_date.total_usd, after.total_usd),
        (Limit.TAX, limits.max_tax_usd, used, used_after),
        (Limit.HARVEST, limits.min_harvest_usd, harvested_usd, harvest_after),
    )
    return tuple(
        LimitLine(
            limit=limit,
            year_usd=most,
            free_usd=most if limit is Limit.HARVEST else (most * part).quantize(CENT),
            used_usd=so_far,
            after_usd=with_list,
        )
        for limit, most, so_far, with_list in figures
        if most is not None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A lot that is not long-term yet: since when it will be, how many days that is, what waiting saves."""

    first_long_on: date
    days: int
    value_usd: Decimal


def value_of_waiting(lot: Lot, *, gain_usd: Decimal, rates: TaxRates, as_of: date) -> Waiting | None:
    """
    Return what waiting for the long-term rate is worth (R-1.5.7), negative for a loss; None where nothing is to come.

    The price is assumed to stay.
    """
    first_on = first_long_on(lot.held_from_on)
    if lot.is_inherited or first_on <= as_of:
        return None
    value = gain_usd * (rates.short_frac - rates.long_frac)
    return Waiting(first_long_on=first_on, days=(first_on - as_of).days, value_usd=value)
