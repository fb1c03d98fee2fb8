"""The order in which events of several accounts happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from portfolios.ledger.corrections import effective_rows
from portfolios.ledger.types import EventKind, LotEvent

_OPENS_THE_DAY = {EventKind.SPLIT: 0, EventKind.TRANSFER_OUT: 1}
_Place = tuple[str, str, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent:
    """An event of an account's journal at its position; `source` is the one whose references `corrects` names."""

    account: str
    position: int
    event: LotEvent
    source: str = ""


def in_order(rows: Sequence[AccountEvent], *, is_sequenced: bool) -> list[AccountEvent]:
    """
    Return the events that count by day and position.

    A corporate action opens its day: it is effective before anybody trades. Where positions of different accounts
    cannot be compared, splits do too, and what leaves an account leaves before it arrives in another; but not before
    what the same account's journal says happened earlier that day to the same security.

    :raises BadInput: an event corrects what is not there
    """
    counted = effective_rows(rows, event=lambda row: row.event, scope=lambda row: (row.account, row.source))
    first = {} if is_sequenced else _first_positions(counted)

    def rank(row: AccountEvent) -> tuple[date, int, int, str]:
        event = row.event
        phase = 2
        if event.kind is EventKind.CORPORATE_ACTION:
            phase = 0
        elif first and event.kind in _OPENS_THE_DAY and first[_place(row)] == row.position:
            phase = _OPENS_THE_DAY[event.kind]
        return event.traded_on, phase, row.position, row.account

    return sorted(counted, key=rank)


def _first_positions(rows: Sequence[AccountEvent]) -> dict[_Place, int]:
    """Return the first position of each account, security and day that has a split or a transfer out."""
    places = {_place(row) for row in rows if row.event.kind in _OPENS_THE_DAY}
    first: dict[_Place, int] = {}
    if not places:
        return first
    for row in rows:
        place = _place(row)
        if place in places and row.position < first.get(place, row.position + 1):
            first[place] = row.position
    return first


def _place(row: AccountEvent) -> _Place:
    return row.account, row.event.security, row.event.traded_on
