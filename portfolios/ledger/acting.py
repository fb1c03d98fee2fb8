"""Book a corporate action in one account's draft."""

from dataclasses import replace
from decimal import Decimal

from portfolios.ledger.corporate_actions.effects import apply_action
from portfolios.ledger.corporate_actions.terms import HolderTerms
from portfolios.ledger.draft import Draft
from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import Lot, LotEvent, LotPick, Relief


def act(draft: Draft, event: LotEvent) -> Decimal:
    """
    Let the action of an event change a draft, and return the cash that the account gets.

    The cash follows from the lots as they are now, whatever the event said when it was posted.
    :raises BadInput: the action does not fit the lots
    """
    assert event.action is not None  # LotEvent refuses to exist without
    lots = draft.held(event.security)
    if not lots:
        return Decimal(0)
    try:
        effect = apply_action(
            lots,
            event.action,
            _holder(draft, event),
            method=event.method or Relief.FIFO,
            event_ref=event.ref,
            taken=draft.used,
        )
    except BadInput as fault:
        raise BadInput(f"{event.kind} {event.ref} of {event.traded_on}: {fault}") from fault
    for key in effect.gone:
        draft.drop(key)
    for lot in (*effect.kept, *effect.opened):
        draft.put(lot)
    draft.dispositions.extend(effect.dispositions)
    _note_wash(draft, lots, (*effect.kept, *effect.opened))
    for sold in effect.dispositions:
        draft.state_wash(sold.security, sold.wash_adjustment_usd)
    return effect.cash_usd


def _note_wash(draft: Draft, before: tuple[Lot, ...], after: tuple[Lot, ...]) -> None:
    """Count what moved to another security, or went with basis that no disposition shows, as gone or come."""
    for lot in before:
        draft.state_wash(lot.security, -lot.wash_adjustment_usd)
    for lot in after:
        draft.state_wash(lot.security, lot.wash_adjustment_usd)


def _holder(draft: Draft, event: LotEvent) -> HolderTerms:
    """Return the holder's terms, a tendered lot that wash sales have split named by its parts."""
    holder = event.holder or HolderTerms()
    if not holder.tendered_lots:
        return holder
    parts = [
        (part.key, part.units)
        for key, units in holder.tendered_lots
        for part in draft.parts_of(LotPick(key=key, units=units), event)
    ]
    return replace(holder, tendered_lots=tuple(parts))
