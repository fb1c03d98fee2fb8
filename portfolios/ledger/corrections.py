"""Which events of a journal count: one that a later event replaces or cancels never happened."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import EventKind, LotEvent

_Row = TypeVar("_Row")


def effective_events(events: Iterable[LotEvent]) -> tuple[LotEvent, ...]:
    """Return the events of one account and source that count, in their order (see `effective_rows`)."""
    return effective_rows(tuple(events), event=lambda row: row, scope=lambda _: "")


def effective_rows(
    rows: Sequence[_Row], *, event: Callable[[_Row], LotEvent], scope: Callable[[_Row], object]
) -> tuple[_Row, ...]:
    """
    Return the rows whose events count, in their order: none that is replaced or cancelled, and no CANCEL itself.

    An event that names another in `corrects` replaces it, on its own date; a CANCEL takes it away. References are
    unique within a `scope` (account and source). To cancel a replacement does not bring back what it replaced.

    :raises BadInput: an event corrects what is not there, what is corrected already, itself, or a cancellation
    """
    mending = [(row, one) for row in rows if (one := event(row)).corrects]
    if not mending:
        return tuple(rows)
    by_ref = {(scope(row), event(row).ref): event(row) for row in rows}
    mended: set[tuple[object, str]] = set()
    for row, one in mending:
        place = (scope(row), one.corrects)
        named = by_ref.get(place)
        if named is None or one.corrects == one.ref:
            raise BadInput(
                f"{one.kind} {one.ref} of {one.traded_on} corrects {one.corrects}, which is not in the journal"
            )
        if named.kind is EventKind.CANCEL:
            raise BadInput(f"{one.kind} {one.ref} corrects {named.ref}, a cancellation; post the event anew instead")
        if place in mended:
            raise BadInput(
                f"{one.kind} {one.ref} corrects {named.ref}, which is corrected already; name the correction"
            )
        mended.add(place)
    return tuple(
        row for row in rows if (scope(row), event(row).ref) not in mended and event(row).kind is not EventKind.CANCEL
    )
