"""
Compare what a custodian states with the book, and say what closes the gap.

What transactions explain posts as those events. A difference that is explained (a wash sale that the custodian does not
see, a commission, rounding, a corporate action) stays as it is. What is left posts as adjusting events with a reason
where the custodian is the book of record and the firm's limit allows it, and becomes a break for a person elsewhere.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from portfolios.ledger.actions_seen import ActionKnown, CashInLieu, in_question, not_shown_yet, shown_split
from portfolios.ledger.comparison import UNIT_TOLERANCE, Cause, DifferenceKind, Explanation, LotFacts, Terms, UnitBreak
from portfolios.ledger.differences import difference_of
from portfolios.ledger.explaining import MOVING_KINDS, Explained, explain
from portfolios.ledger.lot_changes import LotChange
from portfolios.ledger.lot_matching import LotComparison, adjust_units, compare_lots
from portfolios.ledger.lot_opening import Setting
from portfolios.ledger.lot_signs import ratio_shown
from portfolios.ledger.statements import StatedLot, Statement
from portfolios.ledger.types import ZERO, Book, Cash, EventKind, Lot, LotEvent

_SETTLED = "a person looked at these figures: the ledger is right"
__all__ = ["Reconciliation", "Terms", "UnitBreak", "compare", "reconcile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """
    `events` in the order of posting, `adjusting` being the last of them. `book` is what the transactions lead to.

    Securities: `matched` needed nothing, `explained` differed for a reason that is known, `adjusted` differed still.
    `explanations` and `adjustments` say how; each of `breaks` waits for a person. `paid` is cash in lieu that takes
    the place of an estimate.
    """

    explaining: tuple[LotEvent, ...]
    adjusting: tuple[LotEvent, ...]
    book: Book
    breaks: tuple[UnitBreak, ...]
    matched: tuple[str, ...]
    explanations: tuple[Explanation, ...]
    adjustments: tuple[UnitBreak, ...]
    paid: tuple[CashInLieu, ...] = ()

    @property
    def events(self) -> tuple[LotEvent, ...]:
        """Return what would be posted, in order."""
        return (*self.explaining, *self.adjusting)

    @property
    def moved_units(self) -> bool:
        """Tell whether a transaction moves units, so that posting it may wash a loss."""
        return any(event.kind in MOVING_KINDS and not event.is_past for event in self.explaining)

    @property
    def explained(self) -> tuple[str, ...]:
        """Return the securities that an explanation settles."""
        unsettled = {found.security for found in (*self.breaks, *self.adjustments)}
        named = {found.security for found in self.explanations if found.security}
        return tuple(sorted(named - unsettled))

    @property
    def adjusted(self) -> tuple[str, ...]:
        """Return the securities that are adjusted to the custodian's word."""
        return tuple(sorted({found.security for found in self.adjustments if found.security}))


def reconcile(
    *,
    statement: Statement,
    book: Book,
    transactions: Sequence[LotEvent] = (),
    actions: Sequence[ActionKnown] = (),
    facts: LotFacts | None = None,
    terms: Terms,
) -> Reconciliation:
    """
    Explain the difference between book and statement.

    `transactions` have not been posted yet; those up to the last statement, or before a first one, become past events.
    """
    explained = explain(statement=statement, book=book, transactions=transactions, actions=actions, terms=terms)
    return compare(statement=statement, explained=explained, actions=actions, facts=facts, terms=terms)


def compare(
    *,
    statement: Statement,
    explained: Explained,
    actions: Sequence[ActionKnown] = (),
    facts: LotFacts | None = None,
    terms: Terms,
) -> Reconciliation:
    """Compare a statement with the book that its transactions lead to."""
    questioned = in_question(actions, as_of=statement.as_of, terms=terms)
    gap = _Gap(statement=statement, terms=terms, book=explained.book, facts=facts or LotFacts(), actions=questioned)
    for lot in statement.lots or ():
        gap.lots_of[lot.security].append(lot)
    for lot_held in explained.book.lots.values():
        gap.held_of[lot_held.security].append(lot_held)
    named = statement.securities(gap.book)
    gap.breaks.extend(explained.waits)
    stated = {security: gap.stated_units(security) for security in named}
    gap.breaks.extend(not_shown_yet(questioned, statement=statement, stated=stated, book=gap.book))
    waiting = gap.broken()
    for security in named:
        if security not in waiting:
            _close_security(security, gap)
    if statement.cash is not None:
        _close_cash(statement.cash, gap)
    _name_trades(explained, named, gap)
    settled = {found.security for found in gap.explanations} | gap.broken() | {a.security for a in gap.adjustments}
    return Reconciliation(
        explaining=explained.events,
        adjusting=tuple(gap.adjusting),
        book=explained.book,
        breaks=tuple(gap.breaks),
        matched=tuple(security for security in named if security not in settled),
        explanations=tuple(gap.explanations),
        adjustments=tuple(gap.adjustments),
        paid=explained.paid,
    )


@dataclass(slots=True)
class _Gap:
    """What is known while the gap is being closed."""

    statement: Statement
    terms: Terms
    book: Book
    facts: LotFacts
    actions: Sequence[ActionKnown]
    lots_of: dict[str, list[StatedLot]] = field(default_factory=lambda: defaultdict(list))
    held_of: dict[str, list[Lot]] = field(default_factory=lambda: defaultdict(list))
    adjusting: list[LotEvent] = field(default_factory=list)
    breaks: list[UnitBreak] = field(default_factory=list)
    explanations: list[Explanation] = field(default_factory=list)
    adjustments: list[UnitBreak] = field(default_factory=list)

    @property
    def setting(self) -> Setting:
        terms = self.terms
        return Setting(as_of=self.statement.as_of, is_first=terms.is_first, is_taxable=terms.is_taxable)

    def stated_units(self, security: str) -> Decimal | None:
        return self.statement.stated_units(self.lots_of.get(security, []), security)

    def broken(self) -> set[str]:
        return {found.security for found in self.breaks}

    def next_ref(self) -> str:
        return f"{self.terms.ref}:{len(self.adjusting) + 1}"

    def explain(self, security: str, cause: Cause, sentence: str, *, cost_usd: Decimal = ZERO) -> None:
        self.explanations.append(Explanation(security=security, cause=cause, sentence=sentence, cost_usd=cost_usd))


def _name_trades(explained: Explained, named: Sequence[str], gap: _Gap) -> None:
    """Say of what moved that its trades, or a corporate action, explain it."""
    touched = {security: action for action in gap.actions if action.is_here for security in action.securities}
    for security in named:
        if security in touched:
            gap.explain(security, Cause.CORPORATE_ACTION, f"{touched[security].sentence}.")
        if security in explained.moved:
            count = sum(1 for event in explained.events if event.security == security and not event.is_past)
            gap.explain(security, Cause.TRADES, f"{count} transaction{'s' * (count != 1)} of the file")
    for paid in explained.paid:
        sentence = (
            f"the custodian paid ${paid.cash_usd:,.2f} in lieu of a fraction of {paid.security}; "
            f"${paid.estimated_usd:,.2f} was estimated"
        )
        gap.explain(paid.security, Cause.CORPORATE_ACTION, sentence)


def _close_security(security: str, gap: _Gap) -> None:
    rows, held = gap.lots_of.get(security, []), gap.held_of.get(security, [])
    units = gap.stated_units(security)
    if units is None:
        return
    if gap.statement.has_lots_of(security):
        lot_units = sum((row.units for row in rows), ZERO)
        if abs(lot_units - units) > UNIT_TOLERANCE:
            message = f"The lots of {security} add up to {lot_units} units, the position is {units}."
            gap.breaks.append(_difference(security, message, gap, units))
            return
        is_asked = not gap.terms.is_first and security not in gap.terms.accepted | gap.terms.no_split
        ratio = ratio_shown(held, rows) if is_asked else None
        if ratio is not None:
            held_units = sum((lot.units for lot in held), ZERO)
            gap.breaks.append(shown_split(security, ratio, held=held_units, stated=units))
            return
        found = compare_lots(held, rows, setting=gap.setting, facts=gap.facts)
    else:
        found = LotComparison(changes=adjust_units(held, units, security=security, setting=gap.setting))
    _settle(security, found, gap, units)


def _settle(security: str, found: LotComparison, gap: _Gap, units: Decimal) -> None:
    """Take over what is explained and what may be adjusted; make a break of the rest."""
    unexplained = [change for change in found.changes if not _is_taken(change, gap, security)]
    if unexplained and not _may_take(security, unexplained, gap, units):
        return
    for note in found.notes:
        gap.explain(security, note.cause, note.sentence, cost_usd=note.cost_usd)
    for change in found.changes:
        if change.cause is not None:
            gap.explain(security, change.cause, change.reason)
        gap.adjusting.append(_event_of(change, gap))
    if found.changes and gap.terms.is_first:
        gap.explain(security, Cause.OPENING, "opening balance")


def _may_take(security: str, unexplained: Sequence[LotChange], gap: _Gap, units: Decimal) -> bool:
    """Tell whether the custodian's word is taken where nothing explains it; note it, or that it waits for a person."""
    terms = gap.terms
    if terms.is_first:
        return True
    message = f"{security}: " + "; ".join(change.reason for change in unexplained[:3]) + "."
    difference = _difference(security, message, gap, units)
    if difference.figures in terms.settled:
        gap.explain(security, Cause.SETTLED, _SETTLED)
        return False
    if not terms.may_adjust_unexplained(security, difference.size_usd):
        gap.breaks.append(difference)
        return False
    gap.adjustments.append(difference)
    return True


def _is_taken(change: LotChange, gap: _Gap, security: str) -> bool:
    """Tell whether a change is explained and may be taken; what the ledger did not know contradicts nothing."""
    return change.cause is Cause.TOLD or (change.cause is not None and gap.terms.may_adjust(security))


def _difference(security: str, message: str, gap: _Gap, units: Decimal) -> UnitBreak:
    has_lots = gap.statement.has_lots_of(security)
    return difference_of(
        security,
        message,
        held=gap.held_of.get(security, []),
        rows=gap.lots_of.get(security, []) if has_lots else None,
        units=units,
        price_usd=gap.terms.prices.get(security),
    )


def _event_of(change: LotChange, gap: _Gap) -> LotEvent:
    opened = change.lot if not change.lot_key else None
    changed = change.lot or _held_lot(change.lot_key, gap)
    reason = "Opening balance" if opened is not None and gap.terms.is_first else change.reason
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


def _held_lot(key: str, gap: _Gap) -> Lot:
    """Return the lot of a key, or one of the sub-lots of its family."""
    found = gap.book.lots.get(key)
    return found or next(lot for lot in gap.book.lots.values() if lot.key.startswith(f"{key}~"))


def _close_cash(stated: Cash, gap: _Gap) -> None:
    held, terms = gap.book.cash, gap.terms
    difference = stated.total_usd - held.total_usd
    is_opening = terms.is_first or not terms.is_cash_known
    if difference and not is_opening:
        message = f"Cash is ${held.total_usd:,.2f} in the ledger, ${stated.total_usd:,.2f} at the custodian."
        found = UnitBreak(
            security="",
            message=message,
            kind=DifferenceKind.CASH,
            ledger_usd=held.total_usd,
            custodian_usd=stated.total_usd,
            size_usd=abs(difference),
        )
        if found.figures in terms.settled:
            gap.explain("", Cause.SETTLED, _SETTLED)
            return
        if not terms.may_adjust_unexplained("", found.size_usd):
            gap.breaks.append(found)
            return
        gap.adjustments.append(found)
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
