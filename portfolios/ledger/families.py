"""
Lots and their wash sublots: a lot K of which a part was a replacement is K and K~1, then K~2, ... (R-1.3.9).

Together they are the family of K. Who names K means the family, in sublot order; who names K~1 means that part first.
"""

from datetime import date
from decimal import Decimal

from portfolios.ledger.types import ZERO, Lot

_MARK = "~"


def stem_of(key: str) -> str:
    """Return the key of the lot that a sublot was split from, the key itself where it is no sublot."""
    if _MARK not in key:
        return key
    stem, mark, number = key.rpartition(_MARK)
    return stem if mark and stem and number.isdecimal() else key


def is_sublot(key: str) -> bool:
    """Tell whether a key names a wash sublot."""
    return _MARK in key and stem_of(key) != key


def sublot_number(key: str) -> int:
    """Return the number of a sublot in its family, 0 for the lot itself."""
    return int(key.rpartition(_MARK)[2]) if is_sublot(key) else 0


def sublot_key(stem: str, number: int) -> str:
    """Name the sublot with this number."""
    return f"{stem}{_MARK}{number}"


def sublot_order(lot: Lot) -> tuple[date, Decimal, str]:
    """Order the sublots of one acquisition: earliest holding date, then highest basis per unit (R-1.2.5)."""
    return (lot.held_from_on, -(lot.cost_usd or ZERO) / lot.units, lot.key)
