"""
What a stated lot makes of the lots that the ledger has for it.

A custodian states one lot K: its units, dates and cost. The replay may have made a family of it by wash sales that the
custodian does not know: K, K~1, ... Rules R-1.2.6, R-1.3.9 and R-2.4 of the tax specification.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from portfolios.ledger.errors import BadInput
from portfolios.ledger.gains import split_lot
from portfolios.ledger.types import COST_STEP, ZERO, Lot


def restate_family(family: Sequence[Lot], stated: Lot) -> tuple[Lot, ...]:
    """
    Return the family as it is once `stated` is said of it; `family` is in sublot order and keeps its keys.

    Units: fewer are taken from the front of the sublot order, as a sale would; more go to the last sublot. What is
    stated of root, dates and flags holds for all; the days that a wash sale tacked on stay before the stated date.
    Basis: `stated.cost_usd - stated.wash_adjustment_usd` is the unadjusted basis of the whole, spread by units. A
    stated wash adjustment of zero says nothing: what the replay put on each sublot stays (less the part of units
    that went), with its tacked days and its consumed flag, whatever the stated lot has of them. One that is not zero
    counts instead of the replay's; it goes to the sublots that had one, by their amounts, else to all by units.

    :raises BadInput: the stated wash adjustment is more than the stated basis
    """
    kept = _with_units(family, stated.units)
    units = [lot.units for lot in kept]
    washes = [lot.wash_adjustment_usd for lot in kept]
    says_wash = bool(stated.wash_adjustment_usd) and sum(washes, ZERO) != stated.wash_adjustment_usd
    if says_wash:
        weights = washes if any(washes) else units
        washes = [_known(part) for part in _spread(stated.wash_adjustment_usd, weights)]
    costs = _spread(_unadjusted(stated.cost_usd, stated), units)
    loss_costs = _spread(_unadjusted(stated.loss_cost_usd, stated), units)
    return tuple(
        _restated(lot, stated, cost_usd=cost, loss_cost_usd=loss_cost, wash_usd=wash, says_wash=says_wash)
        for lot, cost, loss_cost, wash in zip(kept, costs, loss_costs, washes, strict=True)
    )


def _restated(
    lot: Lot,
    stated: Lot,
    *,
    cost_usd: Decimal | None,
    loss_cost_usd: Decimal | None,
    wash_usd: Decimal,
    says_wash: bool,
) -> Lot:
    return replace(
        stated,
        key=lot.key,
        units=lot.units,
        cost_usd=None if cost_usd is None else cost_usd + wash_usd,
        loss_cost_usd=None if loss_cost_usd is None else loss_cost_usd + wash_usd,
        wash_adjustment_usd=wash_usd,
        holding_on=_holding_on(lot, stated, says_wash=says_wash),
        is_wash_consumed=lot.is_wash_consumed or (says_wash and bool(wash_usd)),
    )


def _holding_on(lot: Lot, stated: Lot, *, says_wash: bool) -> date | None:
    if says_wash:
        return stated.holding_on
    if lot.is_wash_consumed:
        tacked = lot.acquired_on - lot.held_from_on
        return stated.acquired_on - tacked if tacked else stated.holding_on
    # a date that was tacked by a wash sale since undone does not come back by being repeated
    return lot.holding_on if stated.is_wash_consumed else stated.holding_on


def _with_units(family: Sequence[Lot], units: Decimal) -> tuple[Lot, ...]:
    more = units - sum((lot.units for lot in family), ZERO)
    if more >= 0:
        last = family[-1]
        return (*family[:-1], replace(last, units=last.units + more) if more else last)
    kept: list[Lot] = []
    gone = -more
    for lot in family:
        taken = min(gone, lot.units)
        left = split_lot(lot, taken).left if taken else lot
        gone -= taken
        if left is not None:
            kept.append(left)
    return tuple(kept)


def _unadjusted(cost_usd: Decimal | None, stated: Lot) -> Decimal | None:
    if cost_usd is None:
        return None
    if cost_usd < stated.wash_adjustment_usd:
        raise BadInput(
            f"lot {stated.key} of {stated.security} is stated with a wash adjustment of {stated.wash_adjustment_usd}"
            f" in a basis of {cost_usd}"
        )
    return cost_usd - stated.wash_adjustment_usd


def _spread(whole: Decimal | None, weights: Sequence[Decimal]) -> tuple[Decimal | None, ...]:
    """Spread an amount by weights; the last takes the residual, so that the parts add up."""
    if whole is None:
        return (None,) * len(weights)
    total, left, parts = sum(weights, ZERO), whole, []
    for weight in weights[:-1]:
        part = (whole * weight / total).quantize(COST_STEP, ROUND_HALF_UP)
        parts.append(part)
        left -= part
    return (*parts, left)


def _known(part: Decimal | None) -> Decimal:
    assert part is not None  # a wash adjustment is always known
    return part
