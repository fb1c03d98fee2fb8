"""Book what transactions explain of a custodian's statement, before what is left is compared."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from portfolios.ledger.actions_seen import ActionKnown, CashInLieu, see_actions
from portfolios.ledger.booking import apply_events
from portfolios.ledger.comparison import Terms, UnitBreak
from portfolios.ledger.errors import BadInput
from portfolios.ledger.lot_signs import picks_shown
from portfolios.ledger.statements import Statement
from portfolios.ledger.types import (
    OPENING_KINDS,
    REMOVING_KINDS,
    Book,
    Cash,
    EventKind,
    LotEvent,
)

MOVING_KINDS = OPENING_KINDS | REMOVING_KINDS | {EventKind.SPLIT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """
    The transactions as `events` to post, and the `book` that they lead to.

    `paid` is cash in lieu that takes the place of our estimate, already in the book. `waits` keep the account from
    posting until a person confirms an action.
    """

    events: tuple[LotEvent, ...]
    book: Book
    paid: tuple[CashInLieu, ...] = ()
    waits: tuple[UnitBreak, ...] = ()

    @property
    def moved(self) -> frozenset[str]:
        """Return the securities that something new happened to, be it that it only paid or cost cash."""
        return frozenset(event.security for event in self.events if not event.is_past)


def explain(
    *,
    statement: Statement,
    book: Book,
    transactions: Sequence[LotEvent],
    actions: Sequence[ActionKnown] = (),
    terms: Terms,
) -> Explained:
    """
    Book what is new in order of date; what is old, or what the book does not allow, is recorded as past.

    `transactions` have not been posted yet. One that cannot be booked becomes past: what it did is then found by the
    comparison.
    """
    seen = see_actions(transactions, actions=actions, book=book, as_of=statement.as_of, terms=terms)
    stream = sorted(seen.events, key=lambda event: event.traded_on)  # stable: the file's order within a day
    sales: dict[str, int] = defaultdict(int)
    for event in stream:
        sales[event.security] += event.kind is EventKind.SELL and not _is_past(event, terms)
    events = []
    for event in stream:
        if _is_past(event, terms):
            events.append(replace(event, is_past=True))
            continue
        named = _with_lots_shown(event, statement, book) if sales[event.security] == 1 else event
        try:
            book = apply_events(book, [named])
        except BadInput as fault:
            named = replace(event, is_past=True, reason=f"not booked: {fault}"[:240])
        events.append(named)
    return Explained(events=tuple(events), book=_with_cash_paid(book, seen.paid), paid=seen.paid, waits=seen.waits)


def _is_past(event: LotEvent, terms: Terms) -> bool:
    """Tell whether the figures hold an event already; what moves only cash is asked of the cash."""
    return event.is_past or terms.is_past(event.security if event.kind in MOVING_KINDS else "", event.traded_on)


def _with_lots_shown(event: LotEvent, statement: Statement, book: Book) -> LotEvent:
    """Name the lots of a sale where the lots that are left show which were sold."""
    if event.kind is not EventKind.SELL or event.picks or not statement.has_lots_of(event.security):
        return event
    stated = [lot for lot in statement.lots or () if lot.security == event.security]
    picks = picks_shown(book.lots_of(event.security), stated, units=event.units)
    return replace(event, picks=picks, method=None) if picks else event


def _with_cash_paid(book: Book, paid: Sequence[CashInLieu]) -> Book:
    if not paid:
        return book
    more = sum(one.cash_usd - one.estimated_usd for one in paid)
    return replace(book, cash=Cash(settled_usd=book.cash.settled_usd + more, unsettled_usd=book.cash.unsettled_usd))
