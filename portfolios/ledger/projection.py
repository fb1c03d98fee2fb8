"""
Replay the events of all accounts of a tax household, matching wash sales as it goes: the one projector of the ledger.

Lots, cash and gains follow from the journal through the same effects as `booking.apply_events`; where no wash sale
arises the books are the same (rules R-0.2 and R-1.3 of the tax specification).
"""

import gc
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import partial
from types import MappingProxyType

from portfolios.ledger.errors import BadInput
from portfolios.ledger.ordering import AccountEvent, in_order
from portfolios.ledger.replaying import Carried, PendingLoss, Replay
from portfolios.ledger.types import Book, Disposition, WashMatch
from portfolios.ledger.wash_facts import AccountFacts, Loss
from portfolios.ledger.wash_identity import check_flow
from portfolios.ledger.wash_policy import WashPolicy

__all__ = ["AccountEvent", "AccountFacts", "Carried", "PendingLoss", "Projection", "project"]

_NO_BOOKS: Mapping[str, Book] = MappingProxyType({})
_NO_GROUPS: Mapping[str, str] = MappingProxyType({})
_LITERAL = WashPolicy()
_LONG = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """
    What the events of a tax household add up to.

    `books` are by account, their dispositions with what is disallowed, in cents. `pending` are losses, or parts, that
    nothing washed so far. `amended` are the dispositions from before that later purchases washed, by account.
    `stated_wash_usd` sums, by security, the wash adjustments that came from outside with lots, `stated_deferred_usd`
    what past dispositions state as disallowed but not lost. `carried`, with `books`, lets a later projection go on
    from here; the days of its events must come after those of this one.
    """

    books: Mapping[str, Book]
    matches: tuple[WashMatch, ...]
    pending: tuple[PendingLoss, ...]
    amended: Mapping[str, tuple[Disposition, ...]]
    stated_wash_usd: Mapping[str, Decimal]
    stated_deferred_usd: Mapping[str, Decimal]
    carry: Callable[[], Carried] = field(repr=False, compare=False)

    @property
    def carried(self) -> Carried:
        """Return what a projection that goes on from here must know beside the books."""
        return self.carry()

    @property
    def dispositions(self) -> Mapping[str, tuple[Disposition, ...]]:
        """Return what was disposed of, by account."""
        return {account: book.dispositions for account, book in self.books.items()}


def project(
    events: Iterable[AccountEvent],
    *,
    accounts: Mapping[str, AccountFacts],
    groups: Mapping[str, str] = _NO_GROUPS,
    policy: WashPolicy = _LITERAL,
    opening: Mapping[str, Book] = _NO_BOOKS,
    carried: Carried | None = None,
    averaged: Container[str] | None = None,
    is_sequenced: bool = False,
) -> Projection:
    """
    Replay events over the accounts of one tax household and match its wash sales.

    `groups` name the identity group of a security, missing is the security itself. `opening` are books to begin from
    with what was `carried` out of the projection before. `averaged` are the securities that average cost may be used
    for, None leaves it to the caller. `is_sequenced` says that positions of different accounts can be compared;
    otherwise the order of one day's events across accounts is unknown, and taxable replacements go first.

    :raises BadInput: an event that cannot be booked, of an account that is not there, or that corrects the unknown
    """
    replay = Replay.begin(
        accounts=accounts,
        groups=groups,
        policy=policy,
        opening=opening,
        carried=carried or Carried(),
        averaged=averaged,
        is_sequenced=is_sequenced,
    )
    rows = in_order(_known(events, accounts), is_sequenced=is_sequenced)
    with _uncollected(len(rows)):
        day = _run(replay, rows)
        check_flow(replay.drafts, replay.matcher.matches, groups=groups)
        return _projection(replay, opening=opening, day=day, carried=carried or Carried())


def _run(replay: Replay, rows: Sequence[AccountEvent]) -> date | None:
    day: date | None = None
    for row in rows:
        traded_on = row.event.traded_on
        if day is not None and traded_on != day:
            replay.close_day(day)
        day = traded_on
        replay.book(row)
    if day is not None:
        replay.close_day(day)
    return day


@contextmanager
def _uncollected(row_count: int) -> Iterator[None]:
    """Hold back the search for reference cycles: a long replay makes many values and no cycle, and it costs a fifth."""
    is_held_back = row_count >= _LONG and gc.isenabled()
    if is_held_back:
        gc.disable()
    try:
        yield
    finally:
        if is_held_back:
            gc.enable()


def _known(events: Iterable[AccountEvent], accounts: Mapping[str, AccountFacts]) -> Sequence[AccountEvent]:
    rows = tuple(events)
    strange = sorted({row.account for row in rows} - set(accounts))
    if strange:
        raise BadInput(f"events of accounts that nothing is known of: {', '.join(strange[:5])}")
    return rows


def _projection(replay: Replay, *, opening: Mapping[str, Book], day: date | None, carried: Carried) -> Projection:
    amended = _amended(replay.losses)
    books: dict[str, Book] = {}
    for loss in replay.losses:
        if loss.place >= 0 and loss.disallowed_usd:
            replay.drafts[loss.account].dispositions[loss.place] = loss.washed()
    for account, draft in replay.drafts.items():
        before = opening[account].dispositions if account in opening else ()
        after = draft.book()
        books[account] = replace(after, dispositions=(*_with(before, amended.get(account, ())), *after.dispositions))
    return Projection(
        books=MappingProxyType(books),
        matches=tuple(replay.matcher.matches),
        pending=replay.pending(),
        amended=MappingProxyType(amended),
        stated_wash_usd=MappingProxyType(replay.stated_wash_usd()),
        stated_deferred_usd=MappingProxyType(replay.stated_deferred_usd()),
        carry=partial(replay.carried, day or carried.through_on),
    )


def _amended(losses: Collection[Loss]) -> dict[str, tuple[Disposition, ...]]:
    amended: dict[str, tuple[Disposition, ...]] = {}
    for loss in losses:
        if loss.place < 0 and loss.is_amended:
            amended[loss.account] = (*amended.get(loss.account, ()), loss.washed())
    return amended


def _with(before: tuple[Disposition, ...], amended: tuple[Disposition, ...]) -> tuple[Disposition, ...]:
    if not amended:
        return before
    new = {(one.event_ref, one.lot_key, one.kind): one for one in amended}
    return tuple(new.get((one.event_ref, one.lot_key, one.kind), one) for one in before)
