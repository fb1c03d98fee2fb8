"""The words in which the ledger page speaks of events and of what they did."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from advisors.templatetags.ui import day, money, units
from portfolios.ledger.corporate_actions.check import describe
from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.ledger.types import EventKind
from portfolios.models.lots import LedgerEvent, RealizedGain

KIND_WORDS: Final[Mapping[str, str]] = {
    EventKind.OPEN: "Opening lot",
    EventKind.BUY: "Purchase",
    EventKind.REINVEST: "Reinvestment",
    EventKind.TRANSFER_IN: "Received in kind",
    EventKind.SELL: "Sale",
    EventKind.TRANSFER_OUT: "Delivered in kind",
    EventKind.SPLIT: "Split",
    EventKind.DIVIDEND: "Dividend",
    EventKind.INTEREST: "Interest",
    EventKind.CASH_IN: "Cash received",
    EventKind.CASH_OUT: "Cash paid",
    EventKind.FEE: "Fee or tax",
    EventKind.SETTLE: "Settlement",
    EventKind.ADJUST_LOT: "Lot adjusted",
    EventKind.ADJUST_CASH: "Cash adjusted",
    EventKind.CORPORATE_ACTION: "Corporate action",
    EventKind.CANCEL: "Cancellation",
}


def effect_words(row: LedgerEvent, gains: Sequence[RealizedGain], action: ActionTerms | None) -> tuple[str, ...]:
    """Say what an event did: the lot it opened or changed, what was sold of which lot, the terms of an action."""
    told: list[str] = []
    detail: Mapping[str, Any] = row.detail
    lot = detail.get("lot")
    if action is not None:
        told.append(describe(action))
    elif row.kind == EventKind.SPLIT.value and detail.get("ratio"):
        told.append(f"{units(Decimal(detail['ratio']))} units for each one held")
    elif row.kind == EventKind.ADJUST_LOT.value:
        told.append(_adjusted(detail))
    elif lot:
        told.append(_opened(lot))
    told.extend(_sold(gain) for gain in gains)
    return tuple(told)


def _opened(lot: Mapping[str, Any]) -> str:
    cost = lot.get("cost_usd")
    told = f"lot {lot['key']}, basis {money(Decimal(cost), 2) if cost is not None else 'unknown'}"
    told += f", acquired {lot['acquired_on']}"
    if lot.get("is_inherited"):
        told += ", inherited"
    if lot.get("loss_cost_usd") is not None:
        told += f", {money(Decimal(lot['loss_cost_usd']), 2)} for a loss"
    return told


def _adjusted(detail: Mapping[str, Any]) -> str:
    lot = detail.get("lot")
    if not lot:
        return f"lot {detail.get('lot_key', '')} taken away"
    cost = lot.get("cost_usd")
    basis = money(Decimal(cost), 2) if cost is not None else "unknown"
    return f"lot {detail.get('lot_key', '')}: {units(Decimal(lot['units']))} units, basis {basis}"


def _sold(gain: RealizedGain) -> str:
    told = f"{units(gain.units)} of lot {gain.lot_key}"
    if gain.acquired_on is not None:
        told += f" of {day(gain.acquired_on)}"
    if gain.gain_usd is None:
        return f"{told}: gain unknown, the basis is"
    word = "gain" if gain.gain_usd >= 0 else "loss"
    told += f": {gain.get_term_display().lower()} {word} of {money(abs(gain.gain_usd), 2)}"
    if gain.disallowed_usd:
        told += f", {money(gain.disallowed_usd, 2)} of it disallowed"
    if gain.permanent_usd:
        told += f", {money(gain.permanent_usd, 2)} lost for good"
    return told
