"""Stock and cash of a merger that its terms give for particular lots (R-3.3, Reg. 1.356-1(b))."""

from decimal import Decimal

from portfolios.ledger.corporate_actions.occasion import ActionOccasion
from portfolios.ledger.types import ZERO, Lot

Amounts = tuple[Decimal, ...]


def assign(
    lots: tuple[Lot, ...], units: tuple[Amounts, ...], cash: Amounts, occasion: ActionOccasion
) -> tuple[tuple[Amounts, ...], Amounts]:
    """
    Replace units and cash that went by each lot's size with what the holder's terms assign to each lot.

    :raises BadInput: not every lot is named once, several securities are delivered, or the parts are not the whole
    """
    named = {key: (part, paid) for key, part, paid in occasion.holder.assigned_lots}
    if len(occasion.deliveries) > 1:
        raise occasion.missing("delivers several securities, whose units cannot be assigned to lots")
    if named.keys() != {lot.key for lot in lots} or len(named) < len(occasion.holder.assigned_lots):
        raise occasion.missing("assigns stock and cash to lots, and does not name every lot that is held once")
    parts = tuple(named[lot.key][0] for lot in lots)
    paid = tuple(named[lot.key][1] for lot in lots)
    for what, given, whole in (("units", parts, units[0]), ("cash", paid, cash)):
        if sum(given, ZERO) != sum(whole, ZERO):
            raise occasion.missing(f"assigns {sum(given, ZERO)} of {what} to lots, the terms bring {sum(whole, ZERO)}")
    return (parts,), paid
