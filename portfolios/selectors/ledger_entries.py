"""An event of the journal as a form shows it, to be corrected."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from portfolios.ledger.entries import EntryKind
from portfolios.ledger.types import EventKind
from portfolios.models.lots import LedgerEvent

_KINDS: Final[Mapping[str, EntryKind]] = {
    EventKind.OPEN: EntryKind.TRANSFER_IN,
    EventKind.BUY: EntryKind.PURCHASE,
    EventKind.REINVEST: EntryKind.REINVESTMENT,
    EventKind.TRANSFER_IN: EntryKind.TRANSFER_IN,
    EventKind.SELL: EntryKind.SALE,
    EventKind.TRANSFER_OUT: EntryKind.TRANSFER_OUT,
}


def entry_words(row: LedgerEvent) -> dict[str, object]:
    """Return the fields of the form that an event fills."""
    detail: Mapping[str, Any] = row.detail
    lot: Mapping[str, Any] = detail.get("lot") or {}
    amount = row.amount_usd or Decimal(0)
    kind = _kind_of(row, lot)
    picks = detail.get("picks") or ()
    return {
        "kind": kind.value,
        "on": row.traded_on,
        "security": row.security.symbol if row.security else "",
        "units": _plain(row.units),
        "amount_usd": _plain(amount if kind is EntryKind.CASH else abs(amount) or None),
        "acquired_on": lot.get("holding_on") if kind is EntryKind.GIFT else lot.get("acquired_on"),
        "cost_usd": None if kind is EntryKind.INHERITANCE else lot.get("cost_usd"),
        "fair_usd": lot.get("cost_usd") if kind is EntryKind.INHERITANCE else lot.get("loss_cost_usd"),
        "method": detail.get("method", "fifo"),
        "lots": "\n".join(f"{pick['key']} {pick['units']}" for pick in picks),
    }


def _kind_of(row: LedgerEvent, lot: Mapping[str, Any]) -> EntryKind:
    if lot.get("is_inherited"):
        return EntryKind.INHERITANCE
    if lot.get("loss_cost_usd") is not None:
        return EntryKind.GIFT
    return _KINDS.get(row.kind, EntryKind.CASH)


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else format(number.normalize(), "f")
