"""
Holding periods, the basis that applies, and the gain of a portion sold.

Rules R-1.1 (holding period), R-1.8 (gifts) and R-2.4 (splitting a lot) of the tax specification.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

from portfolios.ledger.errors import BadInput
from portfolios.ledger.making import lot_part, sold_part
from portfolios.ledger.types import CENT, COST_STEP, DUST_UNITS, ZERO, Disposition, Lot, LotPick, Term

_ONE_DAY = timedelta(days=1)


def holding_starts_on(held_from_on: date) -> date:
    """Return the first day of the holding period: the day of acquisition is not counted."""
    return held_from_on + _ONE_DAY


@lru_cache(maxsize=8192)
def first_long_on(held_from_on: date) -> date:
    """Return the first day on which a sale is long-term; 29 February becomes 1 March a year later."""
    start = holding_starts_on(held_from_on)
    try:
        return start.replace(year=start.year + 1)
    except ValueError:
        return date(start.year + 1, 3, 1)


def term_of(*, held_from_on: date, sold_on: date, is_inherited: bool = False) -> Term:
    """Return the term of a sale; what was inherited is long-term whenever sold."""
    if is_inherited or sold_on >= first_long_on(held_from_on):
        return Term.LONG
    return Term.SHORT


def days_to_long(lot: Lot, *, as_of: date) -> int:
    """Count the days until a sale of the lot is long-term, 0 when it is."""
    if lot.is_inherited:
        return 0
    return max(0, (first_long_on(lot.held_from_on) - as_of).days)


def exact_gain_usd(*, proceeds_usd: Decimal, cost_usd: Decimal, loss_cost_usd: Decimal | None = None) -> Decimal:
    """Return the gain before rounding; between the two bases of a gift there is neither gain nor loss."""
    if loss_cost_usd is None or loss_cost_usd >= cost_usd or proceeds_usd >= cost_usd:
        return proceeds_usd - cost_usd
    return min(proceeds_usd - loss_cost_usd, ZERO)


def lot_gain_usd(lot: Lot, *, units: Decimal, proceeds_usd: Decimal) -> Decimal | None:
    """
    Return the gain of selling so many units of a lot for so much, half-even to the cent.

    The whole lot takes the whole basis. None where the basis is unknown.
    :raises BadInput: more units than the lot holds
    """
    if units > lot.units:
        raise BadInput(f"{units} units of lot {lot.key} are asked for, it holds {lot.units}")
    if lot.cost_usd is None:
        return None
    gain = exact_gain_usd(
        proceeds_usd=proceeds_usd,
        cost_usd=_share(lot.cost_usd, units, lot.units),
        loss_cost_usd=None if lot.loss_cost_usd is None else _share(lot.loss_cost_usd, units, lot.units),
    )
    return gain.quantize(CENT, ROUND_HALF_EVEN)


def lot_term(lot: Lot, *, sold_on: date, gain_usd: Decimal | None) -> Term:
    """
    Return the term of a sale of the lot.

    A loss measured against the value at the time of the gift counts from the gift (R-1.8.1), not from the donor.
    """
    held_from_on = lot.acquired_on if _is_loss_of_gift(lot, gain_usd) else lot.held_from_on
    return term_of(held_from_on=held_from_on, sold_on=sold_on, is_inherited=lot.is_inherited)


def _is_loss_of_gift(lot: Lot, gain_usd: Decimal | None) -> bool:
    if lot.loss_cost_usd is None or lot.cost_usd is None or gain_usd is None:
        return False
    return gain_usd < 0 and lot.loss_cost_usd < lot.cost_usd


def _share(whole: Decimal, units: Decimal, of_units: Decimal) -> Decimal:
    return whole if units == of_units else whole * units / of_units


@dataclass(frozen=True, slots=True, kw_only=True)
class LotHalves:
    """A lot in two: what was taken and what is left (None when all was taken)."""

    taken: Lot
    left: Lot | None


def split_lot(lot: Lot, units: Decimal) -> LotHalves:
    """
    Take units out of a lot; what is left is the difference, so that parts add up to the whole.

    Dust that would be left goes with what is taken (R-2.7).
    :raises BadInput: more units than the lot holds
    """
    if lot.units - units < DUST_UNITS:
        if units > lot.units:
            raise BadInput(f"{units} units of lot {lot.key} are asked for, it holds {lot.units}")
        return LotHalves(taken=lot, left=None)
    part = part_of(lot, units)
    taken = lot_part(
        lot,
        key=lot.key,
        units=units,
        cost_usd=part.cost_usd,
        loss_cost_usd=part.loss_cost_usd,
        wash_adjustment_usd=part.wash_usd,
        holding_on=lot.holding_on,
        is_wash_consumed=lot.is_wash_consumed,
    )
    return LotHalves(taken=taken, left=without(lot, part))


def _part(whole: Decimal, units: Decimal, of_units: Decimal) -> Decimal:
    part = (whole * units / of_units).quantize(COST_STEP, ROUND_HALF_UP)
    return min(part, whole)  # of less than the step


class LotPart(NamedTuple):
    """What so many units of a lot carry of its amounts."""

    units: Decimal
    cost_usd: Decimal | None
    loss_cost_usd: Decimal | None
    wash_usd: Decimal


def part_of(lot: Lot, units: Decimal) -> LotPart:
    """
    Return what units of a lot carry; all of it where dust would be left.

    :raises BadInput: more units than the lot holds
    """
    held, cost, loss_cost, wash = lot.units, lot.cost_usd, lot.loss_cost_usd, lot.wash_adjustment_usd
    if held - units < DUST_UNITS:
        if units > held:
            raise BadInput(f"{units} units of lot {lot.key} are asked for, it holds {held}")
        return LotPart(units, cost, loss_cost, wash)
    return LotPart(
        units,
        None if cost is None else _part(cost, units, held),
        None if loss_cost is None else _part(loss_cost, units, held),
        _part(wash, units, held) if wash else ZERO,
    )


def without(lot: Lot, part: LotPart) -> Lot | None:
    """Return the lot without a part, the difference, so that parts add up; None where no more than dust is left."""
    cost, loss_cost = lot.cost_usd, lot.loss_cost_usd
    left = lot.units - part.units
    if left < DUST_UNITS:
        return None
    return lot_part(
        lot,
        key=lot.key,
        units=left,
        cost_usd=None if cost is None or part.cost_usd is None else cost - part.cost_usd,
        loss_cost_usd=None if loss_cost is None or part.loss_cost_usd is None else loss_cost - part.loss_cost_usd,
        wash_adjustment_usd=lot.wash_adjustment_usd - part.wash_usd,
        holding_on=lot.holding_on,
        is_wash_consumed=lot.is_wash_consumed,
    )


def allocate_usd(amount_usd: Decimal, units: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    """Spread an amount over portions by units, to the cent; the last takes the residual, so that rows add up."""
    if len(units) == 1:
        return (amount_usd,)
    total = sum(units, ZERO)
    parts = [(amount_usd * part / total).quantize(CENT, ROUND_HALF_UP) for part in units[:-1]]
    return (*parts, amount_usd - sum(parts, ZERO))


def dispose(
    lot: Lot, pick: LotPick, *, proceeds_usd: Decimal, sold_on: date, event_ref: str
) -> tuple[Disposition, Lot | None]:
    """Sell a portion of a lot: what it realised, and the lot that is left."""
    part = part_of(lot, pick.units)
    left = without(lot, part)
    gain = lot_gain_usd(lot, units=lot.units if left is None else pick.units, proceeds_usd=proceeds_usd)
    cost = part.cost_usd
    if part.loss_cost_usd is not None and gain is not None:
        if gain < 0:
            cost = part.loss_cost_usd
        elif gain == 0:
            cost = proceeds_usd
    sold = sold_part(
        lot,
        event_ref=event_ref,
        units=pick.units,
        proceeds_usd=proceeds_usd,
        cost_usd=cost,
        gain_usd=gain,
        term=lot_term(lot, sold_on=sold_on, gain_usd=gain),
        sold_on=sold_on,
        holding_on=None if _is_loss_of_gift(lot, gain) else lot.holding_on,
        wash_adjustment_usd=part.wash_usd,
    )
    return sold, left
