"""Book events: lots and cash are what an account's append-only journal adds up to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

from portfolios.ledger.errors import BadInput
from portfolios.ledger.gains import allocate_usd, dispose, split_lot
from portfolios.ledger.relief import Occasion, average_costs, pick_lots
from portfolios.ledger.types import (
    OPENING_KINDS,
    UNIT_STEP,
    ZERO,
    Book,
    Cash,
    Disposition,
    EventKind,
    Lot,
    LotEvent,
    LotPick,
    Relief,
)


@dataclass(slots=True)
class _Draft:
    """A book while events are being applied: the one thing here that changes."""

    lots: dict[str, Lot]
    settled_usd: Decimal
    unsettled_usd: Decimal
    dispositions: list[Disposition] = field(default_factory=list)
    by_security: dict[str, dict[str, None]] = field(default_factory=dict)

    def put(self, lot: Lot) -> None:
        self.lots[lot.key] = lot
        self.by_security.setdefault(lot.security, {})[lot.key] = None

    def drop(self, key: str) -> None:
        lot = self.lots.pop(key)
        del self.by_security[lot.security][key]

    def held(self, security: str) -> tuple[Lot, ...]:
        """Return the open lots of a security in an order that does not depend on how the book was loaded."""
        lots = (self.lots[key] for key in self.by_security.get(security, ()))
        return tuple(sorted(lots, key=lambda lot: (lot.acquired_on, lot.key)))

    def lot(self, key: str, event: LotEvent) -> Lot:
        lot = self.lots.get(key)
        if lot is None:
            raise BadInput(f"{event.kind} {event.ref} of {event.traded_on} names lot {key}, which is not open")
        return lot


def apply_events(book: Book, events: Iterable[LotEvent]) -> Book:
    """
    Add events to a book, in their order, and return the book that results.

    :raises BadInput: an event that cannot be booked: an unknown lot, more units than are held, a key used twice
    """
    draft = _Draft(lots={}, settled_usd=book.cash.settled_usd, unsettled_usd=book.cash.unsettled_usd)
    for lot in book.lots.values():
        draft.put(lot)
    for event in events:
        _apply(draft, event)
    return Book(
        lots=MappingProxyType(draft.lots),
        cash=Cash(settled_usd=draft.settled_usd, unsettled_usd=draft.unsettled_usd),
        dispositions=(*book.dispositions, *draft.dispositions),
    )


def _apply(draft: _Draft, event: LotEvent) -> None:
    if event.is_past:
        draft.dispositions.extend(event.dispositions)
        return
    book_lots = _LOT_EFFECTS.get(event.kind)
    if book_lots is not None:
        book_lots(draft, event)
    _move_cash(draft, event)


def _move_cash(draft: _Draft, event: LotEvent) -> None:
    if event.kind is EventKind.SETTLE:
        draft.unsettled_usd -= event.amount_usd
        draft.settled_usd += event.amount_usd
    elif event.settled_on is not None and event.settled_on > event.traded_on:
        draft.unsettled_usd += event.amount_usd
    else:
        draft.settled_usd += event.amount_usd


def _open(draft: _Draft, event: LotEvent) -> None:
    lot = event.lot
    assert lot is not None  # LotEvent refuses to exist without
    if lot.key in draft.lots:
        raise BadInput(f"{event.kind} {event.ref} opens lot {lot.key}, which is open already")
    draft.put(lot)


def _sell(draft: _Draft, event: LotEvent) -> None:
    picks = _picks(draft, event)
    for pick, proceeds in zip(picks, allocate_usd(event.amount_usd, tuple(p.units for p in picks)), strict=True):
        lot = draft.lot(pick.key, event)
        sold, left = dispose(lot, pick, proceeds_usd=proceeds, sold_on=event.traded_on, event_ref=event.ref)
        draft.dispositions.append(sold)
        _leave(draft, lot, left)


def _transfer_out(draft: _Draft, event: LotEvent) -> None:
    for pick in _picks(draft, event):
        lot = draft.lot(pick.key, event)
        _leave(draft, lot, split_lot(lot, pick.units).left)


def _leave(draft: _Draft, lot: Lot, left: Lot | None) -> None:
    if left is None:
        draft.drop(lot.key)
    else:
        draft.put(left)


def _picks(draft: _Draft, event: LotEvent) -> tuple[LotPick, ...]:
    """Return the lots of a sale: as named, each once and of the security sold, or by its method."""
    if not event.picks:
        return _picks_by_method(draft, event)
    if sum((pick.units for pick in event.picks), ZERO) != event.units:
        raise BadInput(
            f"{event.kind} {event.ref} is of {event.units} {event.security}, its lots add up to another number"
        )
    if len({pick.key for pick in event.picks}) != len(event.picks):
        raise BadInput(f"{event.kind} {event.ref} names a lot twice")
    for pick in event.picks:
        if draft.lot(pick.key, event).security != event.security:
            raise BadInput(f"{event.kind} {event.ref} of {event.security} names lot {pick.key} of another security")
    return event.picks


def _picks_by_method(draft: _Draft, event: LotEvent) -> tuple[LotPick, ...]:
    assert event.method is not None  # LotEvent refuses to exist without picks or method
    if event.units <= 0:
        raise BadInput(f"{event.kind} {event.ref} of {event.security} is of no units")
    held = draft.held(event.security)
    if event.method is Relief.AVERAGE_COST and held:
        for lot in average_costs(held):
            draft.put(lot)
        held = draft.held(event.security)
    occasion = Occasion(sold_on=event.traded_on, price_usd=event.amount_usd / event.units)
    try:
        return pick_lots(held, units=event.units, method=event.method, occasion=occasion)
    except BadInput as fault:
        raise BadInput(f"{event.kind} {event.ref} of {event.security}: {fault}") from fault


def _split(draft: _Draft, event: LotEvent) -> None:
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


def _adopt(draft: _Draft, event: LotEvent, orphaned: list[Lot]) -> None:
    heir = max(draft.held(event.security), key=lambda lot: (lot.units, lot.key), default=None)
    if heir is None:
        raise BadInput(f"split {event.ref} leaves nothing of {event.security}; it needs cash in lieu")
    costs = [lot.cost_usd for lot in (heir, *orphaned)]
    known = [cost for cost in costs if cost is not None]
    draft.put(replace(heir, cost_usd=sum(known, ZERO) if len(known) == len(costs) else None))


def _adjust_lot(draft: _Draft, event: LotEvent) -> None:
    """Set a lot to what its holder's books say, or take it away."""
    old = draft.lot(event.lot_key, event)
    if event.lot is None:
        draft.drop(old.key)
        return
    if event.lot.key != old.key:
        raise BadInput(f"adjusting event {event.ref} of lot {old.key} carries lot {event.lot.key}")
    draft.drop(old.key)
    draft.put(event.lot)


_LOT_EFFECTS: dict[EventKind, Callable[[_Draft, LotEvent], None]] = {
    **dict.fromkeys(OPENING_KINDS, _open),
    EventKind.SELL: _sell,
    EventKind.TRANSFER_OUT: _transfer_out,
    EventKind.SPLIT: _split,
    EventKind.ADJUST_LOT: _adjust_lot,
}
