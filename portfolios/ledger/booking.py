"""Book events: lots and cash are what an account's append-only journal adds up to."""

from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from portfolios.ledger.acting import act
from portfolios.ledger.corrections import effective_events
from portfolios.ledger.draft import Draft, draft_of
from portfolios.ledger.errors import BadInput
from portfolios.ledger.gains import allocate_usd, dispose, split_lot
from portfolios.ledger.relief import LossFate, Occasion, average_costs, pick_by_day, pick_lots
from portfolios.ledger.restating import restate_family
from portfolios.ledger.types import (
    OPENING_KINDS,
    UNIT_STEP,
    ZERO,
    Book,
    EventKind,
    Lot,
    LotEvent,
    LotPick,
    Relief,
)


def apply_events(book: Book, events: Iterable[LotEvent], *, averaged: Container[str] | None = None) -> Book:
    """
    Add events to the book of one account, in their order, and return the book that results; wash sales are not matched.

    `averaged` are the securities that average cost may be used for (R-1.2.3); None leaves it to the caller.
    :raises BadInput: an event that cannot be booked: an unknown lot, more units than are held, a key used twice
    """
    draft = draft_of(book)
    for event in effective_events(events):
        apply_event(draft, event, averaged=averaged)
    added = draft.book()
    return replace(added, dispositions=(*book.dispositions, *added.dispositions))


def apply_event(draft: Draft, event: LotEvent, *, averaged: Container[str] | None = None) -> None:
    """
    Let one event change a draft.

    :raises BadInput: it cannot be booked
    """
    if event.is_past:
        for sold in event.dispositions:
            draft.book_past(sold)
        return
    if event.method is Relief.AVERAGE_COST and averaged is not None and event.security not in averaged:
        raise BadInput(f"{event.kind} {event.ref}: average cost may be used for funds, {event.security} is none")
    if event.kind is EventKind.CORPORATE_ACTION:
        draft.settled_usd += act(draft, event)
        return
    book_lots = _LOT_EFFECTS.get(event.kind)
    if book_lots is not None:
        book_lots(draft, event)
    if event.amount_usd:
        move_cash(draft, event)


def move_cash(draft: Draft, event: LotEvent) -> None:
    """Move the cash of an event, into what is not settled yet where it settles later."""
    if event.kind is EventKind.SETTLE:
        draft.unsettled_usd -= event.amount_usd
        draft.settled_usd += event.amount_usd
    elif event.settled_on is not None and event.settled_on > event.traded_on:
        draft.unsettled_usd += event.amount_usd
    else:
        draft.settled_usd += event.amount_usd


def _open(draft: Draft, event: LotEvent) -> None:
    lot = event.lot
    assert lot is not None  # LotEvent refuses to exist without
    if lot.key in draft.lots:
        raise BadInput(f"{event.kind} {event.ref} opens lot {lot.key}, which is open already")
    draft.put(lot)
    draft.state_wash(lot.security, lot.wash_adjustment_usd)


def _sell(draft: Draft, event: LotEvent) -> None:
    picks = _picks(draft, event)
    for pick, proceeds in zip(picks, allocate_usd(event.amount_usd, tuple(p.units for p in picks)), strict=True):
        parts = draft.parts_of(pick, event)
        shares = (proceeds,) if len(parts) == 1 else allocate_usd(proceeds, tuple(p.units for p in parts))
        for part, usd in zip(parts, shares, strict=True):
            lot = draft.lots[part.key]
            sold, left = dispose(lot, part, proceeds_usd=usd, sold_on=event.traded_on, event_ref=event.ref)
            draft.dispositions.append(sold)
            draft.set(lot, left)


def _transfer_out(draft: Draft, event: LotEvent) -> None:
    take_lots(draft, event)


def take_lots(draft: Draft, event: LotEvent) -> tuple[Lot, ...]:
    """Take the lots of a transfer out of a draft and return them as they leave."""
    gone: list[Lot] = []
    for pick in _picks(draft, event):
        for part in draft.parts_of(pick, event):
            lot = draft.lots[part.key]
            halves = split_lot(lot, part.units)
            draft.set(lot, halves.left)
            draft.state_wash(lot.security, -halves.taken.wash_adjustment_usd)
            gone.append(halves.taken)
    return tuple(gone)


def _picks(draft: Draft, event: LotEvent) -> tuple[LotPick, ...]:
    """Return the lots of a sale: as named, each once, or by its method."""
    picks = event.picks
    if not picks:
        return _picks_by_method(draft, event)
    if sum((pick.units for pick in picks), ZERO) != event.units:
        raise BadInput(
            f"{event.kind} {event.ref} is of {event.units} {event.security}, its lots add up to another number"
        )
    if len(picks) > 1 and len({pick.key for pick in picks}) != len(picks):
        raise BadInput(f"{event.kind} {event.ref} names a lot twice")
    return picks


def _picks_by_method(draft: Draft, event: LotEvent) -> tuple[LotPick, ...]:
    method = event.method
    assert method is not None  # LotEvent refuses to exist without picks or method
    if event.units <= 0:
        raise BadInput(f"{event.kind} {event.ref} of {event.security} is of no units")
    if method is Relief.AVERAGE_COST:
        for lot in average_costs(draft.held(event.security)):
            draft.put(lot)
    try:
        if method in (Relief.FIFO, Relief.LIFO, Relief.AVERAGE_COST):
            days = draft.by_day(event.security, is_latest_first=method is Relief.LIFO)
            return pick_by_day(days, units=event.units)
        occasion = Occasion(
            sold_on=event.traded_on,
            price_usd=event.amount_usd / event.units,
            short_frac=event.short_frac,
            long_frac=event.long_frac,
            fate=_fate(draft, event),
        )
        return pick_lots(draft.held(event.security), units=event.units, method=method, occasion=occasion)
    except BadInput as fault:
        raise BadInput(f"{event.kind} {event.ref} of {event.security}: {fault}") from fault


def _fate(draft: Draft, event: LotEvent) -> Callable[[Lot], LossFate] | None:
    fate = draft.fate
    if fate is None or event.method is not Relief.MIN_TAX:
        return None
    return lambda lot: fate(lot, min(lot.units, event.units), event.traded_on)


def _split(draft: Draft, event: LotEvent) -> None:
    """
    Multiply the units of every lot; basis and dates stay.

    Rounded on the running total, so that the position is exactly the old one times the ratio. A lot too small to
    keep a unit leaves its basis to the largest.
    """
    assert event.ratio is not None  # LotEvent refuses to exist without
    held = draft.held(event.security)
    before, after, orphaned = ZERO, ZERO, []
    for lot in held:
        before += lot.units
        reached = (before * event.ratio).quantize(UNIT_STEP, ROUND_HALF_UP)
        if reached > after:
            draft.put(replace(lot, units=reached - after))
        else:
            draft.drop(lot.key)
            orphaned.append(lot)
        after = reached
    if orphaned:
        _adopt(draft, event, orphaned)


def _adopt(draft: Draft, event: LotEvent, orphaned: list[Lot]) -> None:
    heir = max(draft.held(event.security), key=lambda lot: (lot.units, lot.key), default=None)
    if heir is None:
        raise BadInput(f"split {event.ref} leaves nothing of {event.security}; it needs cash in lieu")
    draft.put(
        replace(
            heir,
            cost_usd=_sum([lot.cost_usd for lot in (heir, *orphaned)]),
            wash_adjustment_usd=sum((lot.wash_adjustment_usd for lot in (heir, *orphaned)), ZERO),
        )
    )


def _sum(costs: list[Decimal | None]) -> Decimal | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known, ZERO) if len(known) == len(costs) else None


def _adjust_lot(draft: Draft, event: LotEvent) -> None:
    """Set a lot (its family) to what its holder's books say, see `restate_family`; or take it away."""
    family = draft.family(event.lot_key, event)
    draft.state_wash(family[0].security, -_wash_of(family))
    for old in family:
        draft.drop(old.key)
    if event.lot is None:
        return
    if event.lot.key != event.lot_key:
        raise BadInput(f"adjusting event {event.ref} of lot {event.lot_key} carries lot {event.lot.key}")
    restated = restate_family(family, event.lot)
    draft.state_wash(event.lot.security, _wash_of(restated))
    for lot in restated:
        draft.put(lot)


def _wash_of(lots: Iterable[Lot]) -> Decimal:
    return sum((lot.wash_adjustment_usd for lot in lots), ZERO)


_LOT_EFFECTS: dict[EventKind, Callable[[Draft, LotEvent], None]] = {
    **dict.fromkeys(OPENING_KINDS, _open),
    EventKind.SELL: _sell,
    EventKind.TRANSFER_OUT: _transfer_out,
    EventKind.SPLIT: _split,
    EventKind.ADJUST_LOT: _adjust_lot,
}
