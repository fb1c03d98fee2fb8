"""
Corporate actions as a statement shows them: applied here and there, waited for, or seen although nobody announced one.

A split is never booked from a statement. It is confirmed by a person and applied to every holder in one step; what the
custodian tells of it is then recognised as the same thing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from portfolios.ledger.comparison import UNIT_TOLERANCE, Terms, UnitBreak
from portfolios.ledger.statements import Statement
from portfolios.ledger.types import CENT, ZERO, Book, EventKind, LotEvent

_SPLIT_DAYS = timedelta(days=10)  # custodians book a split days before or after its ex-date
_PAID_DAYS = timedelta(days=60)  # cash in lieu follows weeks later
_ROUNDING_USD = CENT * 2  # custodians round a payment by lot, or cut it off
_WITHHELD_FRAC = Decimal("0.01")
_MONEY_KINDS = frozenset({EventKind.CASH_IN, EventKind.DIVIDEND})


class ActionStanding(StrEnum):
    """How far a corporate action is; what was reversed or withdrawn is none."""

    ANNOUNCED = "announced"
    CONFIRMED = "confirmed"
    APPLIED = "applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionKnown:
    """
    One corporate action as it stands for one account.

    `delivered` are the other securities that it brings. `sentence` says what it does. `before_units` and `cash_usd` are
    what it found and what it paid in this account, None before it is applied there. `unit_price_usd` is what a unit is
    worth of which a fraction is paid in cash, None where fractions are kept.
    """

    key: str
    security: str
    effective_on: date
    standing: ActionStanding
    sentence: str
    delivered: tuple[str, ...] = ()
    ratio: Decimal | None = None
    before_units: Decimal | None = None
    cash_usd: Decimal | None = None
    unit_price_usd: Decimal | None = None

    @property
    def securities(self) -> tuple[str, ...]:
        """Return every security that it touches."""
        return (self.security, *self.delivered)

    @property
    def is_here(self) -> bool:
        """Tell whether it was applied to this account."""
        return self.standing is ActionStanding.APPLIED and self.before_units is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class CashInLieu:
    """What the custodian paid in place of a fraction; it takes the place of `estimated_usd`, which was booked."""

    action_key: str
    security: str
    cash_usd: Decimal
    estimated_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsSeen:
    """
    What of the transactions belongs to corporate actions.

    `events` are all transactions, those of actions as past. `paid` is cash in lieu that differs from our estimate.
    `waits` keep the account from posting.
    """

    events: tuple[LotEvent, ...]
    paid: tuple[CashInLieu, ...] = ()
    waits: tuple[UnitBreak, ...] = ()


def in_question(actions: Sequence[ActionKnown], *, as_of: date, terms: Terms) -> tuple[ActionKnown, ...]:
    """Return the actions that took effect since the securities were last compared; none for a first statement."""
    return tuple(
        action
        for action in actions
        if not terms.is_first
        and action.effective_on <= as_of
        and not terms.is_past(action.security, action.effective_on)
    )


def see_actions(
    transactions: Iterable[LotEvent], *, actions: Sequence[ActionKnown], book: Book, as_of: date, terms: Terms
) -> ActionsSeen:
    """
    Recognise what transactions tell of corporate actions, and name the actions that a person must confirm first.

    `actions` are all of the last months: cash in lieu follows its split by weeks.
    """
    questioned = in_question(actions, as_of=as_of, terms=terms)
    waits = {wait.security: wait for wait in _unconfirmed(questioned, book)}
    unpaid = [action for action in actions if action.is_here and action.cash_usd]
    events, paid = [], []
    for event in transactions:
        if event.kind is EventKind.SPLIT and not terms.is_past(event.security, event.traded_on):
            action = _split_of(event, actions)
            if action is None and event.security not in waits and book.units_of(event.security):
                waits[event.security] = _unknown_split(event)
            events.append(_as_told(event, action))
            continue
        payer = None if terms.is_past("", event.traded_on) else _payer(event, unpaid)
        if payer is None:
            events.append(event)
            continue
        unpaid.remove(payer)
        events.append(_as_told(event, payer))
        assert payer.cash_usd is not None  # only such are asked
        if event.amount_usd != payer.cash_usd and payer.unit_price_usd is not None:
            paid.append(_in_lieu(event, payer))
    return ActionsSeen(events=tuple(events), paid=tuple(paid), waits=tuple(waits.values()))


def not_shown_yet(
    actions: Sequence[ActionKnown], *, statement: Statement, stated: dict[str, Decimal | None], book: Book
) -> Iterator[UnitBreak]:
    """Name the securities of applied actions that the custodian still states as before."""
    for action in actions:
        if not action.is_here:
            continue
        for security in action.securities:
            ours, theirs = book.units_of(security), stated.get(security)
            if theirs is None or abs(theirs - ours) <= UNIT_TOLERANCE or not _is_before(action, security, ours, theirs):
                continue
            still = f"{theirs.normalize():f} units of {security} on {statement.as_of}"
            message = f"{action.sentence}. It was applied here, but the custodian still states {still}."
            yield UnitBreak(
                security=security,
                message=message,
                ledger_units=ours,
                custodian_units=theirs,
                waits_for_action=True,
            )


def shown_split(security: str, ratio: Decimal, *, held: Decimal, stated: Decimal) -> UnitBreak:
    """Name a split that the lots show and that nobody announced."""
    message = (
        f"Every lot of {security} has {ratio.normalize():f} times its units and its old basis: that looks like a "
        "split, and none is announced. The account waits until a person confirms one."
    )
    return UnitBreak(
        security=security,
        message=message,
        ledger_units=held,
        custodian_units=stated,
        waits_for_action=True,
        ratio=ratio,
    )


def _unconfirmed(actions: Sequence[ActionKnown], book: Book) -> Iterator[UnitBreak]:
    for action in actions:
        held = book.units_of(action.security)
        if action.standing is ActionStanding.APPLIED or not held:
            continue
        until = "confirmed" if action.standing is ActionStanding.ANNOUNCED else "applied"
        message = f"{action.sentence}. The account waits until the action is {until}."
        yield UnitBreak(security=action.security, message=message, ledger_units=held, waits_for_action=True)


def _unknown_split(event: LotEvent) -> UnitBreak:
    ratio = "" if event.ratio is None else f" {event.ratio.normalize():f} for 1"
    message = (
        f"The custodian books a split of {event.security}{ratio} on {event.traded_on} that nobody announced. "
        "The account waits until a person confirms it."
    )
    return UnitBreak(security=event.security, message=message, waits_for_action=True, ratio=event.ratio)


def _split_of(event: LotEvent, actions: Sequence[ActionKnown]) -> ActionKnown | None:
    for action in actions:
        is_near = abs(event.traded_on - action.effective_on) <= _SPLIT_DAYS
        if event.security in action.securities and is_near:
            return action
    return None


def _payer(event: LotEvent, unpaid: Sequence[ActionKnown]) -> ActionKnown | None:
    """
    Return the applied action that money comes from: the same cents, or nearly.

    Cash in lieu may differ from its estimate by the price of a unit, other payments by rounding; what a payment
    differs by shows in the comparison of cash, never as income a second time.
    """
    if event.kind not in _MONEY_KINDS or not event.security or event.amount_usd <= 0:
        return None
    for action in unpaid:
        is_soon = timedelta(0) <= event.traded_on - action.effective_on <= _PAID_DAYS
        if event.security in action.securities and is_soon and _is_paid_by(event, action):
            return action
    return None


def _is_paid_by(event: LotEvent, action: ActionKnown) -> bool:
    apart = abs(event.amount_usd - (action.cash_usd or ZERO))
    if apart < CENT:
        return True
    if action.unit_price_usd is None and apart <= max(_ROUNDING_USD, (action.cash_usd or ZERO) * _WITHHELD_FRAC):
        return True
    is_lieu = "lieu" in event.reason.lower()
    return is_lieu and action.unit_price_usd is not None and apart <= action.unit_price_usd


def _as_told(event: LotEvent, action: ActionKnown | None) -> LotEvent:
    if action is None:
        return replace(event, is_past=True, reason="not booked: a split that nobody announced")
    return replace(event, is_past=True, reason=f"booked as a corporate action: {action.sentence}"[:240])


def _in_lieu(event: LotEvent, action: ActionKnown) -> CashInLieu:
    return CashInLieu(
        action_key=action.key,
        security=event.security,
        cash_usd=event.amount_usd,
        estimated_usd=action.cash_usd or ZERO,
    )


def _is_before(action: ActionKnown, security: str, ours: Decimal, theirs: Decimal) -> bool:
    if security != action.security:
        return theirs == 0 and ours > 0
    if action.ratio is not None:
        return abs(theirs * action.ratio - ours) < 1
    return theirs == action.before_units
