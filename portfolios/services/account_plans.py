"""What a file means for each account: which events its rows become, what changes, and what holds it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from advisors.models import Firm
from portfolios.custodians.base import Fault, ParsedAccount, ParsedFile, Severity, TransactionKind, TransactionRow
from portfolios.custodians.into_ledger import Known, Spoken, StatedRow, speak
from portfolios.custodians.security_names import SecurityNames
from portfolios.ledger.comparison import UnitBreak
from portfolios.ledger.errors import BadInput
from portfolios.ledger.reconcile import Reconciliation
from portfolios.ledger.statements import Statement
from portfolios.ledger.types import ZERO, Book, EventKind, LotEvent
from portfolios.models.households import Account, HoldKind
from portfolios.selectors import imports
from portfolios.selectors.aliases import renamed_in, successors
from portfolios.selectors.break_policies import BreakPolicy
from portfolios.selectors.imports import AccountBook, Directory
from portfolios.services.account_comparisons import Case, Desk, case_of, look_closer, open_desk

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

    `case` is what was compared and `found` what came of it, also where nothing posts. `breaks` wait for a person while
    the rest posts. `warnings` hold the account though it posts (a debit, a large break). `skipped` says why there is
    nothing to do. `stated_on` is the day of its positions from then on, None where the file states none. `candidates`
    are the accounts that a masked number may mean, where it means several. `outside` are the trades of an account held
    away, by symbol; `stated` the closed lots as the custodian tells them.
    """

    parsed: ParsedAccount
    account: Account | None = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    skipped: str = ""
    book: Book = field(default_factory=Book)
    case: Case | None = None
    found: Reconciliation | None = None
    stated_on: date | None = None
    has_cash: bool = False
    candidates: tuple[Account, ...] = ()
    outside: tuple[tuple[str, TransactionRow], ...] = ()
    stated: tuple[StatedRow, ...] = ()

    @property
    def posts(self) -> Reconciliation | None:
        """Return what would be posted, None where the account is held or there is nothing to do."""
        return None if self.problems else self.found

    @property
    def events(self) -> tuple[LotEvent, ...]:
        """Return what would be posted, in order."""
        return () if self.posts is None else self.posts.events

    @property
    def breaks(self) -> tuple[UnitBreak, ...]:
        """Return the differences that wait for a person while the rest posts."""
        return () if self.found is None else tuple(each for each in self.found.breaks if not each.waits_for_action)

    @property
    def waits(self) -> tuple[UnitBreak, ...]:
        """Return what a corporate action must settle before anything of the account posts."""
        return () if self.found is None else tuple(each for each in self.found.breaks if each.waits_for_action)

    @property
    def is_outside(self) -> bool:
        """Tell whether the account is held away: only its trades are kept."""
        return self.account is not None and self.account.is_held_away


def plan_accounts(
    firm: Firm,
    parsed: ParsedFile,
    *,
    named: Account | None,
    ref: str,
    fault_subject: str,
    accepted: frozenset[str] = frozenset(),
) -> list[AccountPlan]:
    """
    Plan every account of a parsed file, in a constant number of queries.

    `named` is the account that the uploader named. `ref` begins the references of adjusting events. `accepted` are the
    securities for which a person takes the custodian's word.
    """
    directory = imports.directory_of(firm, custodian=parsed.custodian)
    plans = [_matched(each, directory, named=named) for each in _accounts_met(parsed)]
    _refuse_doubles(plans)
    _take_faults(plans, parsed.faults, subject=fault_subject)
    accounts = [plan.account for plan in plans if plan.account is not None]
    books = imports.books_of(accounts, source=imports.source_of(parsed.custodian))
    as_of = parsed.as_of or firm.business_on
    if as_of is None:
        for plan in plans:
            if plan.account is not None and not plan.problems:
                plan.problems.append(
                    _file_fault("The file tells no date, and the firm has no business date.", fault_subject)
                )
        return plans
    desk = open_desk(firm, ref=ref, as_of=as_of, accounts=accounts, accepted=accepted)
    names, later = imports.security_names(), successors(on=as_of)
    for plan in plans:
        if plan.account is not None and not plan.problems:
            known = books[plan.account.pk]
            _plan_one(plan, known, _names_for(known, names, later), desk)
    _compare_all(plans, desk)
    return plans


def _names_for(known: AccountBook, names: SecurityNames, later: Mapping[str, str]) -> SecurityNames:
    """Let an old symbol mean its successor in an account that holds that one already."""
    held = {lot.security for lot in known.book.lots.values()} if later else frozenset[str]()
    renamed = renamed_in(held, later)
    return replace(names, renamed=renamed) if renamed else names


def _accounts_met(parsed: ParsedFile) -> list[ParsedAccount]:
    """Return the accounts of a file, those of which nothing could be read included."""
    met = {each.number for each in parsed.accounts}
    is_masked = any(each.is_masked for each in parsed.accounts)
    lost = sorted(parsed.faulty_accounts() - met)
    return [*parsed.accounts, *(ParsedAccount(number=number, is_masked=is_masked) for number in lost)]


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


def _plan_one(plan: AccountPlan, known: AccountBook, names: SecurityNames, desk: Desk) -> None:
    account = plan.account
    assert account is not None  # plan_accounts passes only matched accounts
    spoken = speak(plan.parsed, as_of=desk.as_of, names=names, known=_known(account, known, desk))
    plan.notes.extend(spoken.notes)
    plan.book, plan.stated = known.book, spoken.stated
    if account.is_held_away:
        _plan_outside(plan, spoken, names)
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
    plan.case = case_of(
        account,
        statement=spoken.statement or Statement(as_of=desk.as_of),
        transactions=[event for event in spoken.events if event.ref not in known.refs],
        book=known.book,
        is_cash_known=known.is_cash_known,
        desk=desk,
    )


def _plan_outside(plan: AccountPlan, spoken: Spoken, names: SecurityNames) -> None:
    """Keep the trades of an account held away; a security that nobody knows cannot be bought here either."""
    plan.notes.extend(replace(fault, severity=Severity.NOTE) for fault in spoken.unknown.values())
    rows = [row for row in plan.parsed.transactions or () if row.kind in OUTSIDE_KINDS and row.units]
    named = [(names.find(row), row) for row in rows]
    plan.outside = tuple((symbol, row) for symbol, row in named if symbol)
    if plan.parsed.transactions is None:
        plan.skipped = "The account is held away: only its trades are kept, and the file has none."


def _known(account: Account, known: AccountBook, desk: Desk) -> Known:
    held: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for lot in known.book.lots.values():
        held[lot.security] += lot.units
    return Known(
        stated_on=account.positions_on,
        held=held,
        ratios={action.security: action.ratio for action in desk.actions.actions if action.ratio is not None},
        fills=known.fills,
        gains=known.gains,
        booked=known.booked,
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


def _compare_all(plans: Sequence[AccountPlan], desk: Desk) -> None:
    """Compare every account; those that differ once more, with what may explain it."""
    for plan in plans:
        _compare(plan)
    differing = {
        plan.account.pk: plan.case
        for plan in plans
        if plan.account is not None and plan.case is not None and plan.found is not None and _differs(plan.found)
    }
    closer = look_closer(differing, desk)
    for plan in plans:
        if plan.account is not None and plan.account.pk in closer:
            plan.case = closer[plan.account.pk]
            _compare(plan)
        _conclude(plan, desk)


def _differs(found: Reconciliation) -> bool:
    return bool(found.breaks or found.adjustments)


def _compare(plan: AccountPlan) -> None:
    if plan.case is None:
        return
    try:
        plan.found = plan.case.found()
    except BadInput as fault:
        plan.problems.append(Problem(kind=HoldKind.POSITION_BREAK, reason=f"{fault}."))
        plan.case = None


def _conclude(plan: AccountPlan, desk: Desk) -> None:
    """Say what of a comparison holds the account, and what day its positions are of."""
    found, case = plan.found, plan.case
    if found is None or case is None:
        return
    action = HoldKind.CORPORATE_ACTION
    plan.problems.extend(Problem(kind=action, reason=wait.message, subject=wait.security) for wait in plan.waits)
    plan.problems.extend(_missing_lots(found, case.statement, is_taxable=case.terms.is_taxable))
    statement = case.statement
    is_whole = statement.positions is not None or (statement.lots is not None and statement.lots_of is None)
    plan.stated_on = statement.as_of if is_whole else None
    plan.has_cash = statement.cash is not None
    plan.warnings.extend(large_breaks(found, desk.policy))
    if statement.cash is not None and statement.cash.total_usd < 0:
        reason = f"The cash is a debit of ${-statement.cash.total_usd:,.2f}: a margin position."
        plan.warnings.append(Problem(kind=HoldKind.SHORT_POSITION, reason=reason, subject="cash"))


def large_breaks(found: Reconciliation, policy: BreakPolicy) -> list[Problem]:
    """Return the breaks that hold their account on the first day."""
    return [
        Problem(kind=HoldKind.POSITION_BREAK, reason=each.message, subject=each.security or "cash")
        for each in found.breaks
        if not each.waits_for_action and policy.holds_at_once(each.size_usd)
    ]


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
