"""What a file means for each account: which events its rows become, what changes, and what holds it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from advisors.models import BookOfRecord, Firm
from portfolios.custodians.base import Fault, ParsedAccount, ParsedFile, Severity, TransactionKind, TransactionRow
from portfolios.custodians.into_ledger import Known, SecurityNames, Spoken, speak
from portfolios.ledger.errors import BadInput
from portfolios.ledger.reconcile import Reconciliation, Terms, UnitBreak, reconcile
from portfolios.ledger.statements import SplitDue, Statement
from portfolios.ledger.types import ZERO, Book, EventKind, LotEvent
from portfolios.models.households import Account, HoldKind, TaxStatus
from portfolios.selectors import imports
from portfolios.selectors.imports import AccountBook, Directory

OUTSIDE_KINDS = frozenset({TransactionKind.BUY, TransactionKind.SELL, TransactionKind.REINVEST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why an account is held: the kind and subject of the hold, and the sentence."""

    kind: HoldKind
    reason: str
    subject: str = ""
    row: int | None = None
    column: str = ""


@dataclass(slots=True, kw_only=True)
class AccountPlan:
    """
    One account of a file. With `problems` nothing of it is posted.

    `warnings` hold the account though it posts (a debit). `skipped` says why there is nothing to do. `stated_on` is
    the day of its positions from then on, None where the file states none. `candidates` are the accounts that a masked
    number may mean, where it means several. `outside` are the trades of an account held away, by symbol.
    """

    parsed: ParsedAccount
    account: Account | None = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    breaks: tuple[UnitBreak, ...] = ()
    skipped: str = ""
    book: Book = field(default_factory=Book)
    reconciliation: Reconciliation | None = None
    stated_on: date | None = None
    has_cash: bool = False
    candidates: tuple[Account, ...] = ()
    outside: tuple[tuple[str, TransactionRow], ...] = ()

    @property
    def events(self) -> tuple[LotEvent, ...]:
        """Return what would be posted, in order."""
        return () if self.reconciliation is None else self.reconciliation.events

    @property
    def is_outside(self) -> bool:
        """Tell whether the account is held away: only its trades are kept."""
        return self.account is not None and self.account.is_held_away


def plan_accounts(
    firm: Firm, parsed: ParsedFile, *, named: Account | None, ref: str, fault_subject: str
) -> list[AccountPlan]:
    """
    Plan every account of a parsed file, in a constant number of queries.

    `named` is the account that the uploader named. `ref` begins the references of adjusting events.
    """
    directory = imports.directory_of(firm, custodian=parsed.custodian)
    plans = [_matched(each, directory, named=named) for each in _accounts_met(parsed)]
    _refuse_doubles(plans)
    _take_faults(plans, parsed.faults, subject=fault_subject)
    accounts = [plan.account for plan in plans if plan.account is not None]
    books = imports.books_of(accounts, source=imports.source_of(parsed.custodian))
    names = imports.security_names()
    splits = imports.splits_known()
    as_of = parsed.as_of or firm.business_on
    for plan in plans:
        if plan.account is None or plan.problems:
            continue
        if as_of is None:
            plan.problems.append(
                _file_fault("The file tells no date, and the firm has no business date.", fault_subject)
            )
            continue
        _plan_one(plan, books[plan.account.pk], _Firm(firm=firm, names=names, splits=splits, as_of=as_of, ref=ref))
    return plans


def _accounts_met(parsed: ParsedFile) -> list[ParsedAccount]:
    """Return the accounts of a file, those of which nothing could be read included."""
    met = {each.number for each in parsed.accounts}
    is_masked = any(each.is_masked for each in parsed.accounts)
    lost = sorted(parsed.faulty_accounts() - met)
    return [*parsed.accounts, *(ParsedAccount(number=number, is_masked=is_masked) for number in lost)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Firm:
    """What all accounts of one file share."""

    firm: Firm
    names: SecurityNames
    splits: Sequence[SplitDue]
    as_of: date
    ref: str


def _matched(parsed: ParsedAccount, directory: Directory, *, named: Account | None) -> AccountPlan:
    plan = AccountPlan(parsed=parsed)
    found = (named,) if named is not None and not parsed.is_masked else directory.find(parsed)
    shown = parsed.number[-4:]
    if len(found) == 1:
        plan.account = found[0]
    elif not found:
        reason = f"There is no account with number …{shown}."
        plan.problems.append(Problem(kind=HoldKind.FILE_FAULT, reason=reason, row=_first_row(parsed), column="account"))
    else:
        reason = f"{len(found)} accounts end in {shown}: the file does not tell which one is meant."
        plan.problems.append(
            Problem(kind=HoldKind.FILE_FAULT, reason=reason, subject="ambiguous", row=_first_row(parsed))
        )
        plan.candidates = found
    return plan


def _first_row(parsed: ParsedAccount) -> int | None:
    parts = (parsed.lots, parsed.positions, parsed.transactions, parsed.realised, (parsed.cash,) if parsed.cash else ())
    return min((row.row for part in parts for row in part or ()), default=None)


def _refuse_doubles(plans: Sequence[AccountPlan]) -> None:
    """Two parts of a file that turn out to be one account contradict each other; neither is posted."""
    met = Counter(plan.account.pk for plan in plans if plan.account is not None)
    for plan in plans:
        if plan.account is not None and met[plan.account.pk] > 1:
            reason = f"The account …{plan.account.number_last4} appears twice in the file."
            plan.problems.append(Problem(kind=HoldKind.FILE_FAULT, reason=reason, row=_first_row(plan.parsed)))


def _take_faults(plans: Sequence[AccountPlan], faults: Iterable[Fault], *, subject: str) -> None:
    by_number: dict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        if fault.account and fault.severity is Severity.ERROR:
            by_number[fault.account].append(fault)
    for plan in plans:
        for fault in by_number.get(plan.parsed.number, ()):
            plan.problems.append(_file_fault(fault.message, subject, row=fault.row, column=fault.column))


def _file_fault(reason: str, subject: str, *, row: int | None = None, column: str = "") -> Problem:
    return Problem(kind=HoldKind.FILE_FAULT, reason=reason, subject=subject, row=row, column=column)


def _plan_one(plan: AccountPlan, known: AccountBook, shared: _Firm) -> None:
    account = plan.account
    assert account is not None  # plan_accounts passes only matched accounts
    spoken = speak(plan.parsed, as_of=shared.as_of, names=shared.names, known=_known(account, known, shared.splits))
    plan.notes.extend(spoken.notes)
    plan.book = known.book
    if account.is_held_away:
        _plan_outside(plan, spoken, shared)
        return
    for name, fault in spoken.unknown.items():
        unknown = HoldKind.UNKNOWN_SECURITY
        plan.problems.append(
            Problem(kind=unknown, reason=fault.message, subject=name, row=fault.row, column=fault.column)
        )
    if plan.problems:
        return
    plan.skipped = _why_old(spoken.statement, account, known)
    if plan.skipped:
        return
    _reconcile(plan, spoken, known, shared)


def _plan_outside(plan: AccountPlan, spoken: Spoken, shared: _Firm) -> None:
    """Keep the trades of an account held away; a security that nobody knows cannot be bought here either."""
    plan.notes.extend(replace(fault, severity=Severity.NOTE) for fault in spoken.unknown.values())
    rows = [row for row in plan.parsed.transactions or () if row.kind in OUTSIDE_KINDS and row.units]
    named = [(shared.names.find(row), row) for row in rows]
    plan.outside = tuple((symbol, row) for symbol, row in named if symbol)
    if plan.parsed.transactions is None:
        plan.skipped = "The account is held away: only its trades are kept, and the file has none."


def _known(account: Account, known: AccountBook, splits: Sequence[SplitDue]) -> Known:
    held: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for lot in known.book.lots.values():
        held[lot.security] += lot.units
    return Known(
        stated_on=account.positions_on,
        held=held,
        ratios={due.security: due.ratio for due in splits},
        fills=known.fills,
        gains=known.gains,
    )


def _why_old(statement: Statement | None, account: Account, known: AccountBook) -> str:
    """Say why a statement is too old to be compared, "" where it is not."""
    if statement is None:
        return ""
    if account.positions_on is not None and statement.as_of < account.positions_on:
        return f"The file states {statement.as_of}, but positions of {account.positions_on} are posted already."
    if known.last_trade_on is not None and statement.as_of < known.last_trade_on:
        return f"The file states {statement.as_of}, but trades up to {known.last_trade_on} are booked already."
    return ""


def _reconcile(plan: AccountPlan, spoken: Spoken, known: AccountBook, shared: _Firm) -> None:
    account = plan.account
    assert account is not None
    statement = spoken.statement or Statement(as_of=shared.as_of)
    transactions = tuple(event for event in spoken.events if event.ref not in known.refs)
    terms = Terms(
        ref=f"{shared.ref}:{account.pk}",
        stated_on=account.positions_on,
        is_custodian_the_record=shared.firm.book_of_record == BookOfRecord.CUSTODIAN,
        is_taxable=account.tax_status == TaxStatus.TAXABLE,
        is_cash_known=known.is_cash_known,
    )
    due = [split for split in shared.splits if split.effective_on <= statement.as_of]
    try:
        found = reconcile(statement=statement, book=known.book, transactions=transactions, splits=due, terms=terms)
    except BadInput as fault:
        plan.problems.append(Problem(kind=HoldKind.POSITION_BREAK, reason=f"{fault}."))
        return
    plan.breaks = found.breaks
    plan.problems.extend(_break_problems(found.breaks, splits=due))
    plan.problems.extend(_missing_lots(found, statement, is_taxable=terms.is_taxable))
    if plan.problems:
        return
    plan.reconciliation = found
    is_whole = statement.positions is not None or (statement.lots is not None and statement.lots_of is None)
    plan.stated_on = statement.as_of if is_whole else None
    plan.has_cash = statement.cash is not None
    if statement.cash is not None and statement.cash.total_usd < 0:
        reason = f"The cash is a debit of ${-statement.cash.total_usd:,.2f}: a margin position."
        plan.warnings.append(Problem(kind=HoldKind.SHORT_POSITION, reason=reason, subject="cash"))


def _break_problems(breaks: Iterable[UnitBreak], *, splits: Iterable[SplitDue]) -> list[Problem]:
    split_names = {due.security for due in splits}
    problems = []
    for found in breaks:
        is_split = found.security in split_names and " split " in found.message
        kind = HoldKind.CORPORATE_ACTION if is_split else HoldKind.POSITION_BREAK
        problems.append(Problem(kind=kind, reason=found.message, subject=found.security or "cash"))
    return problems


def _missing_lots(found: Reconciliation, statement: Statement, *, is_taxable: bool) -> list[Problem]:
    """Positions that exceed their open lots wait for the lots: nobody knows their basis. An IRA needs none."""
    if not is_taxable:
        return []
    missing = [
        event
        for event in found.events
        if event.kind is EventKind.OPEN and not event.is_past and not statement.has_lots_of(event.security)
    ]
    return [
        Problem(
            kind=HoldKind.MISSING_BASIS,
            reason=f"The open lots of {event.units.normalize():f} {event.security} are missing; import them first.",
            subject=event.security,
        )
        for event in missing
    ]


def change_of(plan: AccountPlan) -> dict[str, object]:
    """Return the preview of a plan as plain values: lots and cash before and after, and the reasons."""
    found = plan.reconciliation
    if found is None:
        return {}
    opened = sum(1 for event in found.events if event.lot is not None and not event.lot_key and not event.is_past)
    changed = sum(1 for event in found.events if event.lot_key and event.lot is not None)
    closed = sum(1 for event in found.events if event.lot_key and event.lot is None)
    moved = sum((event.amount_usd for event in found.events if not event.is_past), ZERO)
    settled = sum((event.amount_usd for event in found.events if event.kind is EventKind.SETTLE), ZERO)
    reasons = [f"{event.security or 'Cash'}: {event.reason}" for event in found.events if event.reason]
    return {
        "lots_before": len(plan.book.lots),
        "lots_opened": opened,
        "lots_changed": changed,
        "lots_closed": closed,
        "sales": sum(1 for event in found.events if event.kind is EventKind.SELL and not event.is_past),
        "events": len(found.events),
        "past_events": sum(1 for event in found.events if event.is_past),
        "cash_before_usd": str(plan.book.cash.total_usd),
        "cash_after_usd": str(plan.book.cash.total_usd + moved - settled),
        "matched": len(found.matched),
        "explained": len(found.explained),
        "adjusted": len(found.adjusted),
        "reasons": _told(reasons),
    }


def _told(reasons: Sequence[str]) -> list[str]:
    openings = sum(1 for reason in reasons if reason.endswith("Opening balance"))
    told = [reason for reason in reasons if not reason.endswith("Opening balance")][:8]
    if openings:
        told.insert(0, f"{openings} opening balances")
    left = len(reasons) - openings - 8
    return [*told, f"and {left} more"] if left > 0 else told


def reason_of(problems: Sequence[Problem]) -> str:
    """Put the reasons of a held account into one line of at most 400 characters."""
    told = list(dict.fromkeys(problem.reason for problem in problems))
    more = f" And {len(told) - 3} more." if len(told) > 3 else ""
    return (" ".join(told[:3]) + more)[:400]
