"""
Which status may follow which, for proposals and for orders, and by what.

The members carry the same values as `models.proposals.ProposalStatus` and `models.orders.OrderStatus`; a test holds
them together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Status(StrEnum):
    """Where a proposal stands."""

    NO_TRADE = "no_trade"
    PROPOSED = "proposed"
    ADVISOR_APPROVED = "advisor_approved"
    APPROVED = "approved"
    RELEASED = "released"
    SENT = "sent"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    BOOKED = "booked"
    SENT_BACK = "sent_back"
    REJECTED = "rejected"
    STALE = "stale"
    SUPERSEDED = "superseded"


class Action(StrEnum):
    """What moves a proposal: the first five are people's, the others follow from what happens."""

    APPROVE_AS_ADVISOR = "approve_as_advisor"
    APPROVE = "approve"
    SEND_BACK = "send_back"
    REJECT = "reject"
    RELEASE = "release"
    MARK_STALE = "mark_stale"
    SUPERSEDE = "supersede"
    SEND = "send"
    FILL_PART = "fill_part"
    FILL = "fill"
    BOOK = "book"
    CLOSE_UNFILLED = "close_unfilled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An action, the statuses it starts from, and the one it ends in."""

    sources: frozenset[Status]
    target: Status


_S = Status

OPEN_TO_REVIEW: Final = frozenset({_S.PROPOSED, _S.ADVISOR_APPROVED, _S.APPROVED})
WITH_ORDERS: Final = frozenset({_S.RELEASED, _S.SENT, _S.PARTLY_FILLED, _S.FILLED})

MOVES: Final[Mapping[Action, Move]] = MappingProxyType(
    {
        Action.APPROVE_AS_ADVISOR: Move(sources=frozenset({_S.PROPOSED}), target=_S.ADVISOR_APPROVED),
        Action.APPROVE: Move(sources=frozenset({_S.PROPOSED, _S.ADVISOR_APPROVED}), target=_S.APPROVED),
        Action.SEND_BACK: Move(sources=OPEN_TO_REVIEW, target=_S.SENT_BACK),
        Action.REJECT: Move(sources=OPEN_TO_REVIEW, target=_S.REJECTED),
        Action.RELEASE: Move(sources=frozenset({_S.APPROVED}), target=_S.RELEASED),
        Action.MARK_STALE: Move(sources=OPEN_TO_REVIEW, target=_S.STALE),
        Action.SUPERSEDE: Move(sources=OPEN_TO_REVIEW | {_S.NO_TRADE, _S.SENT_BACK, _S.STALE}, target=_S.SUPERSEDED),
        Action.SEND: Move(sources=frozenset({_S.RELEASED}), target=_S.SENT),
        Action.FILL_PART: Move(sources=frozenset({_S.SENT}), target=_S.PARTLY_FILLED),
        Action.FILL: Move(sources=frozenset({_S.SENT, _S.PARTLY_FILLED}), target=_S.FILLED),
        Action.BOOK: Move(sources=frozenset({_S.FILLED}), target=_S.BOOKED),
        Action.CLOSE_UNFILLED: Move(sources=frozenset({_S.RELEASED, _S.SENT}), target=_S.REJECTED),
    }
)


class OrderState(StrEnum):
    """Where an order stands."""

    RELEASED = "released"
    SENT = "sent"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


_O = OrderState

ORDER_MOVES: Final[Mapping[OrderState, frozenset[OrderState]]] = MappingProxyType(
    {
        _O.RELEASED: frozenset({_O.SENT, _O.CANCELLED}),
        _O.SENT: frozenset({_O.PARTLY_FILLED, _O.FILLED, _O.REJECTED, _O.CANCELLED}),
        _O.PARTLY_FILLED: frozenset({_O.PARTLY_FILLED, _O.FILLED, _O.CANCELLED}),
        _O.FILLED: frozenset(),
        _O.REJECTED: frozenset(),
        _O.CANCELLED: frozenset(),
    }
)


def can_move(status: Status, action: Action) -> bool:
    """Tell whether an action starts from a status."""
    return status in MOVES[action].sources


def can_follow(before: Status, after: Status) -> bool:
    """Tell whether any action leads from one status to another."""
    return any(before in move.sources and move.target is after for move in MOVES.values())


def can_order_follow(before: OrderState, after: OrderState) -> bool:
    """Tell whether an order may go from one state to another."""
    return after in ORDER_MOVES[before]


def is_final(status: Status) -> bool:
    """Tell whether no action starts from a status."""
    return not any(status in move.sources for move in MOVES.values())


def as_mermaid() -> str:
    """Draw both tables as Mermaid state diagrams, one after the other."""
    lines = ["stateDiagram-v2", "    [*] --> proposed", "    [*] --> no_trade"]
    for action, move in MOVES.items():
        lines += [f"    {source} --> {move.target}: {action}" for source in Status if source in move.sources]
    lines += [f"    {status} --> [*]" for status in Status if is_final(status)]
    lines += ["", "stateDiagram-v2", "    [*] --> released"]
    for before, following in ORDER_MOVES.items():
        lines += [f"    {before} --> {after}" for after in OrderState if after in following]
        lines += [] if following else [f"    {before} --> [*]"]
    return "\n".join(lines)
