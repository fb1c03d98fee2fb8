"""
Make lots and dispositions out of parts of lots that were checked when they came to be.

A replay makes tens of thousands of them, and a frozen dataclass takes three times as long to check what cannot be
wrong: a part of a lot has units, and no more of its basis than there is.
"""

from datetime import date
from decimal import Decimal

from portfolios.ledger.types import ZERO, Disposition, DispositionKind, Lot, Term

_new = object.__new__
_LOT = tuple(getattr(Lot, name).__set__ for name in Lot.__dataclass_fields__)
_SOLD = tuple(getattr(Disposition, name).__set__ for name in Disposition.__dataclass_fields__)


def lot_part(
    lot: Lot,
    *,
    key: str,
    units: Decimal,
    cost_usd: Decimal | None,
    loss_cost_usd: Decimal | None,
    wash_adjustment_usd: Decimal,
    holding_on: date | None,
    is_wash_consumed: bool,
) -> Lot:
    """Return a part of a lot, with what is its own; everything else is the lot's."""
    made = _new(Lot)
    values = (
        key, lot.security, units, cost_usd, lot.acquired_on, lot.root_key, holding_on, loss_cost_usd,
        wash_adjustment_usd, lot.is_inherited, lot.is_gift, lot.is_wash_acquisition, is_wash_consumed,
    )  # fmt: skip
    for put, value in zip(_LOT, values, strict=True):
        put(made, value)
    return made


def sold_part(
    lot: Lot,
    *,
    event_ref: str,
    units: Decimal,
    proceeds_usd: Decimal,
    cost_usd: Decimal | None,
    gain_usd: Decimal | None,
    term: Term,
    sold_on: date,
    holding_on: date | None,
    wash_adjustment_usd: Decimal,
) -> Disposition:
    """Return the sale of a part of a lot."""
    made = _new(Disposition)
    values = (
        event_ref, lot.key, lot.root_key, lot.security, units, proceeds_usd, cost_usd, gain_usd, term, sold_on,
        lot.acquired_on, holding_on, ZERO, ZERO, wash_adjustment_usd, DispositionKind.SALE,
    )  # fmt: skip
    for put, value in zip(_SOLD, values, strict=True):
        put(made, value)
    return made
