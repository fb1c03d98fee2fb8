"""Whether a trade was told before: by our own fills, by a file of another layout, or under the same reference."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from portfolios.custodians.base import TransactionRow
from portfolios.ledger.types import ZERO

BookedTrade: TypeAlias = tuple[str, str, date, Decimal]  # side, symbol, day, units
MAX_REF = 100


def is_filled(row: TransactionRow, symbol: str, fills: dict[tuple[str, str, date], Decimal]) -> bool:
    """Tell whether our own fills booked a trade; a custodian may state several fills as one, or one as several."""
    told = (row.kind.value, symbol, row.traded_on)
    units = abs(row.units)
    if not units or fills.get(told, ZERO) < units:
        return False
    fills[told] -= units
    return True


def is_told(
    row: TransactionRow, symbol: str, *, ref: str, told: set[str], booked: Mapping[BookedTrade, frozenset[str]]
) -> bool:
    """
    Tell whether a file of another layout booked a trade under a reference of its own.

    What this file repeats it repeats under the same reference; `told` are all of its references, and those that turned
    out to be the same trade.
    """
    side = trade_side(row.kind.value, row.units)
    earlier = booked.get((side, symbol, row.traded_on, abs(row.units).normalize()), frozenset()) if side else ()
    others = sorted(each for each in earlier if each not in told)
    if ref in earlier or not others:
        return False
    told.add(others[0])
    return True


def trade_side(kind: str, units: Decimal) -> str:
    """Return which way a trade goes, alike for rows and events; "" for what is none."""
    if kind in ("buy", "reinvest"):
        return "buy"
    if kind in ("transfer_in", "transfer_out"):
        return kind
    if kind == "transfer" and units:
        return "transfer_in" if units > 0 else "transfer_out"
    return kind if kind == "sell" else ""


def transaction_ref(row: TransactionRow, seen: Counter[str]) -> str:
    """Return the custodian's own reference, else the row's content and its place among equals."""
    if row.ref:
        return f"t:{row.ref}" if len(row.ref) <= MAX_REF else f"t:{digest(row.ref)}"
    told = digest(row.kind, row.traded_on, row.symbol, row.cusip, row.units.normalize(), row.amount_usd.normalize())
    seen[told] += 1
    return f"t:{told}:{seen[told]}"


def digest(*parts: object) -> str:
    """Return a short fingerprint of what a row says."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:20]
