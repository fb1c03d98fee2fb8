"""
Compare what a custodian states with the book, and say what closes the gap.

What transactions or a known split explain posts as those events. What is left posts as adjusting events with a reason
where the custodian is the book of record, and becomes a break for a person where the ledger is.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from portfolios.ledger.booking import apply_events
from portfolios.ledger.errors import BadInput
from portfolios.ledger.lot_matching import (
    UNIT_TOLERANCE,
    LotChange,
    Setting,
    adjust_units,
    match_lots,
    picks_shown,
)
from portfolios.ledger.statements import SplitDue, StatedLot, Statement
from portfolios.ledger.types import OPENING_KINDS, REMOVING_KINDS, ZERO, Book, Cash, EventKind, Lot, LotEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitBreak:
    """A difference that nothing explains; `security` is empty for cash, units None where they do not differ."""

    security: str
    message: str
    ledger_units: Decimal | None = None
    custodian_units: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    How to reconcile: whose books count, whether basis matters for tax, and since when events are new.

    `stated_on` is the day of the last statement posted, None before the first; transactions up to it are already
    in the lots. `ref` begins the references of the adjusting events and names the file. `is_cash_known` says that
    something told the account's cash before.
    """

    ref: str
    stated_on: date | None
    is_custodian_the_record: bool = True
    is_taxable: bool = True
    is_cash_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """
    `events` in the order of posting. Securities: `matched` needed nothing, `explained` needed transactions,
    `adjusted` differed still; each of `breaks` waits for a person.
    """

    events: tuple[LotEvent, ...]
    breaks: tuple[UnitBreak, ...]
    matched: tuple[str, ...]
    explained: tuple[str, ...]
    adjusted: tuple[str, ...]


def reconcile(
    *,
    statement: Statement,
    book: Book,
    transactions: Sequence[LotEvent] = (),
    splits: Sequence[SplitDue] = (),
    terms: Terms,
) -> Reconciliation:
    """
    Explain the difference between book and statement.

    `transactions` have not been posted yet; those up to the last statement, or before a first one, become past
    events. A transaction that cannot be booked becomes one too: what it did is then found by the adjustment.
    """
    gap = _Gap(statement=statement, terms=terms, book=book)
    for lot in statement.lots or ():
        gap.lots_of[lot.security].append(lot)
    _explain(gap, transactions, _due(splits, transactions, gap))
    named = statement.securities(gap.book)
    held = gap.held_by_security()
    for security in named:
        if security not in gap.broken():
            _close_security(security, gap, held.get(security, []))
    if statement.cash is not None:
        _close_cash(statement.cash, gap)
    moved = {event.security for event in gap.explaining if not event.is_past}
    adjusted = {event.security for event in gap.adjusting if event.security}
    unsettled = gap.broken() | adjusted
    settled = [security for security in named if security not in unsettled]
    return Reconciliation(
        events=(*gap.explaining, *gap.adjusting),
        breaks=tuple(gap.breaks),
        matched=tuple(security for security in settled if security not in moved),
        explained=tuple(security for security in settled if security in moved),
        adjusted=tuple(sorted(adjusted)),
    )


@dataclass(slots=True)
class _Gap:
    """What is known while the gap is being closed: the book as explained so far, and how the rest is closed."""

    statement: Statement
    terms: Terms
    book: Book
    lots_of: dict[str, list[StatedLot]] = field(default_factory=lambda: defaultdict(list))
    explaining: list[LotEvent] = field(default_factory=list)
    adjusting: list[LotEvent] = field(default_factory=list)
    breaks: list[UnitBreak] = field(default_factory=list)

    @property
    def is_first(self) -> bool:
        return self.terms.stated_on is None

    @property
    def setting(self) -> Setting:
        return Setting(as_of=self.statement.as_of, is_first=self.is_first, is_taxable=self.terms.is_taxable)

    def stated_units(self, security: str) -> Decimal | None:
        return self.statement.stated_units(self.lots_of.get(security, []), security)

    def held_by_security(self) -> dict[str, list[Lot]]:
        held: dict[str, list[Lot]] = defaultdict(list)
        for lot in self.book.lots.values():
            held[lot.security].append(lot)
        return held

    def broken(self) -> set[str]:
        return {found.security for found in self.breaks}

    def may_adjust(self) -> bool:
        return self.is_first or self.terms.is_custodian_the_record

    def is_past(self, event: LotEvent) -> bool:
        return self.terms.stated_on is None or event.traded_on <= self.terms.stated_on

    def next_ref(self) -> str:
        return f"{self.terms.ref}:{len(self.adjusting) + 1}"


def _explain(gap: _Gap, transactions: Sequence[LotEvent], splits: Sequence[LotEvent]) -> None:
    """Book what is new in order of date; what is old, or what the book does not allow, is recorded as past."""
    stream = sorted((*splits, *transactions), key=lambda event: event.traded_on)  # stable: splits open their day
    sales: dict[str, int] = defaultdict(int)
    for event in stream:
        sales[event.security] += event.kind is EventKind.SELL and not gap.is_past(event)
    for event in stream:
        if gap.is_past(event):
            gap.explaining.append(replace(event, is_past=True))
            continue
        named = _with_lots_shown(event, gap) if sales[event.security] == 1 else event
        try:
            gap.book = apply_events(gap.book, [named])
        except BadInput as fault:
            named = replace(event, is_past=True, reason=f"not booked: {fault}"[:240])
        gap.explaining.append(named)


def _with_lots_shown(event: LotEvent, gap: _Gap) -> LotEvent:
    """Name the lots of a sale where the lots that are left show which were sold."""
    if event.kind is not EventKind.SELL or event.picks or not gap.statement.has_lots_of(event.security):
        return event
    picks = picks_shown(gap.book.lots_of(event.security), gap.lots_of.get(event.security, []), units=event.units)
    return replace(event, picks=picks, method=None) if picks else event


def _due(splits: Sequence[SplitDue], transactions: Sequence[LotEvent], gap: _Gap) -> list[LotEvent]:
    """
    Return the splits that the statement shows; one that it does not show yet is a break, and the account waits.

    Cash in lieu may have taken a fraction of a unit. A split among the transactions speaks for itself.
    """
    told = {event.security for event in transactions if event.kind is EventKind.SPLIT}
    shown: list[LotEvent] = []
    for due in splits:
        stated, held = gap.stated_units(due.security), gap.book.units_of(due.security)
        if due.security in told or not held or stated is None or gap.is_first:
            continue
        event = LotEvent(
            kind=EventKind.SPLIT,
            ref=f"{gap.terms.ref}:split:{due.security}",
            traded_on=due.effective_on,
            security=due.security,
            ratio=due.ratio,
        )
        if gap.is_past(event):
            continue
        if abs(_traded_units(transactions, event, gap, is_split=False) - stated) <= UNIT_TOLERANCE:
            gap.breaks.append(_missing_split(due, held=held, stated=stated))
        elif abs(_traded_units(transactions, event, gap, is_split=True) - stated) < 1:
            shown.append(event)
    return shown


def _traded_units(transactions: Sequence[LotEvent], split: LotEvent, gap: _Gap, *, is_split: bool) -> Decimal:
    """Return the units of a security after the new transactions, with or without the split."""
    assert split.ratio is not None  # made by _due
    units = gap.book.units_of(split.security)
    before = [e for e in transactions if e.traded_on < split.traded_on]
    after = [e for e in transactions if e.traded_on >= split.traded_on]
    units += _net_units(before, split.security, gap)
    return (units * split.ratio if is_split else units) + _net_units(after, split.security, gap)


def _net_units(transactions: Sequence[LotEvent], security: str, gap: _Gap) -> Decimal:
    new = [event for event in transactions if event.security == security and not gap.is_past(event)]
    bought = sum((event.units for event in new if event.kind in OPENING_KINDS), ZERO)
    return bought - sum((event.units for event in new if event.kind in REMOVING_KINDS), ZERO)


def _missing_split(due: SplitDue, *, held: Decimal, stated: Decimal) -> UnitBreak:
    message = (
        f"{due.security} split {due.ratio.normalize():f} for 1 on {due.effective_on}, "
        f"but the custodian still states {stated.normalize():f} units."
    )
    return UnitBreak(security=due.security, message=message, ledger_units=held, custodian_units=stated)


def _close_security(security: str, gap: _Gap, held: Sequence[Lot]) -> None:
    rows = gap.lots_of.get(security, [])
    units = gap.stated_units(security)
    if gap.statement.has_lots_of(security):
        lot_units = sum((row.units for row in rows), ZERO)
        if units is not None and abs(lot_units - units) > UNIT_TOLERANCE:
            message = f"The lots of {security} add up to {lot_units} units, the position is {units}."
            _break(gap, security, message, held, units)
            return
        changes = match_lots(held, rows, setting=gap.setting)
    elif units is not None:
        changes = adjust_units(held, units, security=security, setting=gap.setting)
    else:
        return
    if changes and not gap.may_adjust():
        _break(gap, security, f"{security}: " + "; ".join(change.reason for change in changes[:3]), held, units)
        return
    for change in changes:
        gap.adjusting.append(_event_of(change, gap))


def _break(gap: _Gap, security: str, message: str, held: Sequence[Lot], units: Decimal | None) -> None:
    ledger_units = sum((lot.units for lot in held), ZERO)
    gap.breaks.append(
        UnitBreak(security=security, message=message[:400], ledger_units=ledger_units, custodian_units=units)
    )


def _event_of(change: LotChange, gap: _Gap) -> LotEvent:
    opened = change.lot if not change.lot_key else None
    changed = change.lot or gap.book.lots[change.lot_key]
    reason = "Opening balance" if opened is not None and gap.is_first else change.reason
    return LotEvent(
        kind=EventKind.ADJUST_LOT if opened is None else EventKind.OPEN,
        ref=gap.next_ref(),
        traded_on=gap.statement.as_of,
        security=changed.security,
        units=ZERO if change.lot is None else change.lot.units,
        lot=change.lot,
        lot_key=change.lot_key,
        reason=reason[:240],
    )


def _close_cash(stated: Cash, gap: _Gap) -> None:
    held = gap.book.cash
    difference = stated.total_usd - held.total_usd
    is_opening = gap.is_first or not gap.terms.is_cash_known
    if difference and not is_opening and not gap.may_adjust():
        message = f"Cash is ${held.total_usd:,.2f} in the ledger, ${stated.total_usd:,.2f} at the custodian."
        gap.breaks.append(UnitBreak(security="", message=message))
        return
    if difference:
        reason = "Opening balance" if is_opening else f"cash differs from the custodian's by ${difference:,.2f}"
        _move_cash(EventKind.ADJUST_CASH, difference, gap, reason=reason)
    settling = held.unsettled_usd - stated.unsettled_usd
    if settling:
        _move_cash(EventKind.SETTLE, settling, gap, reason="settled as the custodian states it")


def _move_cash(kind: EventKind, amount_usd: Decimal, gap: _Gap, *, reason: str) -> None:
    gap.adjusting.append(
        LotEvent(kind=kind, ref=gap.next_ref(), traded_on=gap.statement.as_of, amount_usd=amount_usd, reason=reason)
    )
