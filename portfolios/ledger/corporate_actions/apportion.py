"""
Spread units and money over lots so that the parts add up to the whole.

Everything is rounded on the running total of the account, so that a position is exactly the old one times the ratio,
and no part is ever negative.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import CENT, COST_STEP, UNIT_STEP, ZERO, Lot


def scale_units(units: Iterable[Decimal], ratio: Decimal) -> tuple[Decimal, ...]:
    """Multiply units of several lots, in steps of the journal; their sum is the old sum times the ratio."""
    return _on_running_total(units, ratio, UNIT_STEP)


def price_units(units: Iterable[Decimal], price_usd: Decimal) -> tuple[Decimal, ...]:
    """Return what so many units of each lot bring, to the cent; the sum is that of the position."""
    return _on_running_total(units, price_usd, CENT)


def _on_running_total(units: Iterable[Decimal], rate: Decimal, step: Decimal) -> tuple[Decimal, ...]:
    parts: list[Decimal] = []
    before, after = ZERO, ZERO
    for part in units:
        before += part
        reached = (before * rate).quantize(step, ROUND_HALF_UP)
        parts.append(reached - after)
        after = reached
    return tuple(parts)


def merge_dust(lots: Sequence[Lot], ratio: Decimal) -> tuple[tuple[Lot, ...], tuple[str, ...]]:
    """
    Put lots that are too small to keep a unit into the largest, and return the lots and the keys that went.

    :raises BadInput: not even the largest keeps a unit
    """
    dust = {lot.key for lot in lots if lot.units * ratio < UNIT_STEP}
    if not dust:
        return tuple(lots), ()
    heir = max(lots, key=lambda lot: (lot.units, lot.key))
    if heir.key in dust:
        raise BadInput(f"{sum((lot.units for lot in lots), ZERO)} units of {heir.security} leave nothing at {ratio}")
    small = [lot for lot in lots if lot.key in dust]
    grown = replace(
        heir,
        units=heir.units + sum((lot.units for lot in small), ZERO),
        cost_usd=_sum_known([lot.cost_usd for lot in (heir, *small)]),
        loss_cost_usd=_loss_cost(heir, small),
        wash_adjustment_usd=heir.wash_adjustment_usd + sum((lot.wash_adjustment_usd for lot in small), ZERO),
    )
    kept = tuple(grown if lot.key == heir.key else lot for lot in lots if lot.key not in dust)
    return kept, tuple(lot.key for lot in small)


def _sum_known(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, ZERO) if len(known) == len(amounts) else None


def _loss_cost(heir: Lot, small: Sequence[Lot]) -> Decimal | None:
    costs = [lot.cost_usd if lot.loss_cost_usd is None else lot.loss_cost_usd for lot in (heir, *small)]
    return None if heir.loss_cost_usd is None else _sum_known(costs)


def take_basis(lot: Lot, fracs: Sequence[Decimal]) -> tuple[tuple[Lot, ...], Lot]:
    """
    Take shares of a lot's basis out of it, and return a lot for each share and the lot with what is left.

    Basis, the basis for a loss, and the wash adjustment in it go by the same shares; what is left is the difference.
    """
    costs = _parts(lot.cost_usd, fracs)
    loss_costs = _parts(lot.loss_cost_usd, fracs)
    washes = _parts(lot.wash_adjustment_usd, fracs)
    shares = tuple(
        replace(lot, cost_usd=cost, loss_cost_usd=loss_cost, wash_adjustment_usd=wash or ZERO)
        for cost, loss_cost, wash in zip(costs[:-1], loss_costs[:-1], washes[:-1], strict=True)
    )
    left = replace(lot, cost_usd=costs[-1], loss_cost_usd=loss_costs[-1], wash_adjustment_usd=washes[-1] or ZERO)
    return shares, left


def _parts(whole: Decimal | None, fracs: Sequence[Decimal]) -> tuple[Decimal | None, ...]:
    """Return the share of each fraction and, last, what is left."""
    if whole is None:
        return (None,) * (len(fracs) + 1)
    parts: list[Decimal] = []
    reached_frac, taken = ZERO, ZERO
    for frac in fracs:
        reached_frac += frac
        reached = min(whole, (whole * reached_frac).quantize(COST_STEP, ROUND_HALF_UP))
        parts.append(reached - taken)
        taken = reached
    return (*parts, whole - taken)
