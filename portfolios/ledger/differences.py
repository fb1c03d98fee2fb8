"""A difference in figures: both sides, what kind it is, and how many dollars are at stake."""

from collections.abc import Sequence
from decimal import Decimal

from portfolios.ledger.basis_views import known_cost
from portfolios.ledger.comparison import UNIT_TOLERANCE, DifferenceKind, UnitBreak
from portfolios.ledger.statements import StatedLot
from portfolios.ledger.types import ZERO, Lot


def difference_of(
    security: str,
    message: str,
    *,
    held: Sequence[Lot],
    rows: Sequence[StatedLot] | None,
    units: Decimal,
    price_usd: Decimal | None,
) -> UnitBreak:
    """
    Put the two sides of a security into figures; `rows` are None where the custodian states units alone.

    Units are worth the price of the day, else the larger basis of a unit that is known.
    """
    ours = sum((lot.units for lot in held), ZERO)
    ours_usd, theirs_usd = known_cost(held), None if rows is None else known_cost(rows)
    kind, size = DifferenceKind.UNITS, None
    apart = None if ours_usd is None or theirs_usd is None else abs(theirs_usd - ours_usd)
    lot_units = units if rows is None else sum((row.units for row in rows), ZERO)
    if abs(ours - units) > UNIT_TOLERANCE or abs(lot_units - units) > UNIT_TOLERANCE:
        each = price_usd if price_usd is not None else _basis_each((ours, ours_usd), (lot_units, theirs_usd))
        size = None if each is None else max(abs(ours - units), abs(lot_units - units)) * each
    elif apart:
        kind, size = DifferenceKind.COST, apart
    else:
        kind, size = DifferenceKind.DATES, ZERO
    return UnitBreak(
        security=security,
        message=message[:400],
        kind=kind,
        ledger_units=ours,
        custodian_units=units,
        ledger_usd=ours_usd,
        custodian_usd=theirs_usd,
        size_usd=size,
    )


def _basis_each(*sides: tuple[Decimal, Decimal | None]) -> Decimal | None:
    known = [usd / units for units, usd in sides if usd is not None and units]
    return max(known, default=None)
