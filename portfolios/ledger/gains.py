"""
Holding periods, the basis that applies, and the gain of a portion sold.

Rules R-1.1 (holding period), R-1.8 (gifts) and R-2.4 (splitting a lot) of the tax specification.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import CENT, COST_STEP, ZERO, Disposition, Lot, LotPick, Term

_ONE_DAY = timedelta(days=1)


def holding_starts_on(held_from_on: date) -> date:
    """Return the first day of the holding period: the day of acquisition is not counted."""
    return held_from_on + _ONE_DAY


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
    is_loss_of_gift = lot.loss_cost_usd is not None and gain_usd is not None and gain_usd < 0
    held_from_on = lot.acquired_on if is_loss_of_gift else lot.held_from_on
    return term_of(held_from_on=held_from_on, sold_on=sold_on, is_inherited=lot.is_inherited)


def _share(whole: Decimal, units: Decimal, of_units: Decimal) -> Decimal:
    return whole if units == of_units else whole * units / of_units


def _part(whole: Decimal, units: Decimal, of_units: Decimal) -> Decimal:
    return _share(whole, units, of_units).quantize(COST_STEP, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotHalves:
    """A lot in two: what was taken and what is left (None when all was taken)."""

    taken: Lot
    left: Lot | None


def split_lot(lot: Lot, units: Decimal) -> LotHalves:
    """
    Take units out of a lot; what is left is the difference, so that parts add up to the whole.

    :raises BadInput: more units than the lot holds
    """
    if units > lot.units:
        raise BadInput(f"{units} units of lot {lot.key} are asked for, it holds {lot.units}")
    if units == lot.units:
        return LotHalves(taken=lot, left=None)
    cost = None if lot.cost_usd is None else _part(lot.cost_usd, units, lot.units)
    loss_cost = None if lot.loss_cost_usd is None else _part(lot.loss_cost_usd, units, lot.units)
    wash = _part(lot.wash_adjustment_usd, units, lot.units)
    taken = replace(lot, units=units, cost_usd=cost, loss_cost_usd=loss_cost, wash_adjustment_usd=wash)
    left = replace(
        lot,
        units=lot.units - units,
        cost_usd=None if lot.cost_usd is None or cost is None else lot.cost_usd - cost,
        loss_cost_usd=None if lot.loss_cost_usd is None or loss_cost is None else lot.loss_cost_usd - loss_cost,
        wash_adjustment_usd=lot.wash_adjustment_usd - wash,
    )
    return LotHalves(taken=taken, left=left)


def allocate_usd(amount_usd: Decimal, units: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    """Spread an amount over portions by units, to the cent; the last takes the residual, so that rows add up."""
    total = sum(units, ZERO)
    parts = [(amount_usd * part / total).quantize(CENT, ROUND_HALF_UP) for part in units[:-1]]
    return (*parts, amount_usd - sum(parts, ZERO))


def dispose(
    lot: Lot, pick: LotPick, *, proceeds_usd: Decimal, sold_on: date, event_ref: str
) -> tuple[Disposition, Lot | None]:
    """Sell a portion of a lot: what it realised, and the lot that is left."""
    halves = split_lot(lot, pick.units)
    gain = lot_gain_usd(lot, units=pick.units, proceeds_usd=proceeds_usd)
    cost = halves.taken.cost_usd
    if gain is not None and gain < 0 and halves.taken.loss_cost_usd is not None:
        cost = halves.taken.loss_cost_usd
    elif gain == 0 and halves.taken.loss_cost_usd is not None:
        cost = proceeds_usd
    sold = Disposition(
        event_ref=event_ref,
        lot_key=lot.key,
        root_key=lot.root_key,
        security=lot.security,
        units=pick.units,
        proceeds_usd=proceeds_usd,
        cost_usd=cost,
        gain_usd=gain,
        term=lot_term(lot, sold_on=sold_on, gain_usd=gain),
        sold_on=sold_on,
        acquired_on=lot.acquired_on,
        holding_on=lot.holding_on,
    )
    return sold, halves.left
