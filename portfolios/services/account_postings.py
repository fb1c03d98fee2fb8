"""Post one account of a file, whole or not at all; hold it where something is wrong, let it go where all is well."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from django.db import transaction

from advisors.errors import Invalid
from advisors.models import User
from portfolios.custodians.base import TransactionKind
from portfolios.custodians.told_before import transaction_ref
from portfolios.ledger.types import Book, LotEvent
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.imports import CustodianFile, StagedAccount, StagedStatus
from portfolios.models.lots import OutsideTrade
from portfolios.models.securities import Security
from portfolios.selectors.imports import source_of
from portfolios.selectors.ledgers import load_book
from portfolios.services.account_comparisons import compared_again
from portfolios.services.account_plans import AccountPlan, Problem
from portfolios.services.actions_in_files import announce_splits_seen, lift_actions_seen, pay_in_lieu
from portfolios.services.gain_breaks import refresh_gain_breaks
from portfolios.services.holds import lift_settled, place_hold
from portfolios.services.outside_trades import replay_outside
from portfolios.services.plan_words import breaks_said, change_of, reason_of
from portfolios.services.posting import JournalMoved, PostedEvents, post_events
from portfolios.services.reconciliation import keep_breaks, keep_day, symbols_spoken
from portfolios.services.stated_gains import keep_stated_gains

Replan = Callable[[AccountPlan], AccountPlan]
SETTLED = "A later file is clean."


class Outcome(StrEnum):
    POSTED = "posted"
    HELD = "held"
    UNCHANGED = "unchanged"


def post_plan(
    file: CustodianFile, plan: AccountPlan, row: StagedAccount, *, replan: Replan, actor: User | None, now: datetime
) -> Outcome:
    """
    Post the plan of one account in one transaction and write down what came of it.

    Where somebody posted to the account since it was planned, `replan` plans it again, once.

    :raises JournalMoved: somebody posts to the account all the time; nothing of it was written
    """
    if not plan.problems:
        try:
            return _post(file, plan, row, actor=actor, now=now)
        except JournalMoved:
            renewed = replan(plan)
            return post_plan(file, renewed, row, replan=_give_up, actor=actor, now=now)
        except Invalid as refusal:
            plan.problems.append(Problem(kind=HoldKind.POSITION_BREAK, reason=str(refusal), subject="posting"))
    return _hold(file, plan, row, now=now)


def _give_up(plan: AccountPlan) -> AccountPlan:
    raise JournalMoved(
        f"The account …{plan.parsed.number[-4:]} is being changed by somebody else. Post the file again."
    )


@transaction.atomic
def _post(file: CustodianFile, plan: AccountPlan, row: StagedAccount, *, actor: User | None, now: datetime) -> Outcome:
    account = plan.account
    assert account is not None  # without one there is a problem
    posted = 0
    if plan.outside:
        posted = _keep_outside_trades(plan, account, now=now)
    elif plan.posts is not None:
        posted = _post_comparison(file, plan, account, actor=actor, now=now)
    keep_stated_gains(account, plan.stated, file=file, now=now)
    if plan.stated and not plan.is_outside:
        refresh_gain_breaks(account, file=file, now=now)
    if plan.stated_on is not None:
        account.positions_on = plan.stated_on
        account.save(update_fields=["positions_on"])
    if not plan.skipped:
        _settle(file, plan, account, now=now)
    for warning in plan.warnings:
        _place(account, warning, file=file, now=now)
    outcome = Outcome.POSTED if posted else Outcome.UNCHANGED
    status = StagedStatus.POSTED if posted else StagedStatus.UNCHANGED
    _write(row, plan, status=status, message=plan.skipped or breaks_said(plan), now=now)
    return outcome


def _post_comparison(
    file: CustodianFile, plan: AccountPlan, account: Account, *, actor: User | None, now: datetime
) -> int:
    """
    Post what explains the difference, then what is left of it, and keep how the account compared.

    A trade may wash a loss, and the lots are then others than the comparison expected: it is made again with them.
    """
    found, case, source = plan.posts, plan.case, source_of(file.custodian)
    assert found is not None and case is not None  # the caller looked
    book: Book | None = plan.book
    for paid in found.paid:
        pay_in_lieu(account, paid, actor=actor, now=now)
        account.refresh_from_db(fields=["journal_position"])
        book = None
    if found.adjusting and not found.moved_units:
        posted = _append(account, found.events, source=source, book=book, actor=actor, now=now).posted_count
    else:
        first = _append(account, found.explaining, source=source, book=book, actor=actor, now=now)
        if first.book.lots != found.book.lots:
            plan.case, found = compared_again(account, case, first.book, before=found)
            plan.found = found
        second = _append(account, found.adjusting, source=source, book=first.book, actor=actor, now=now)
        posted = first.posted_count + second.posted_count
    keep_day(account, file=file, case=case, found=found, now=now)
    keep_breaks(account, file=file, case=case, found=found, now=now)
    return posted


def _append(
    account: Account,
    events: Sequence[LotEvent],
    *,
    source: str,
    book: Book | None,
    actor: User | None,
    now: datetime,
) -> PostedEvents:
    if not events:
        kept = load_book(account) if book is None else book
        return PostedEvents(posted_count=0, skipped_count=0, book=kept, dispositions=())
    return post_events(account, events, source=source, actor=actor, now=now, book=book)


def _write(row: StagedAccount, plan: AccountPlan, *, status: StagedStatus, message: str, now: datetime) -> None:
    row.account, row.status, row.message, row.change = plan.account, status, message[:400], change_of(plan)
    row.posted_at = None if status == StagedStatus.HELD else now
    row.save(update_fields=["account", "status", "message", "change", "posted_at"])


def _keep_outside_trades(plan: AccountPlan, account: Account, *, now: datetime) -> int:
    seen: Counter[str] = Counter()
    keys = dict(Security.objects.filter(symbol__in=[symbol for symbol, _ in plan.outside]).values_list("symbol", "pk"))
    trades = [
        OutsideTrade(
            account=account,
            security_id=keys[symbol],
            traded_on=row.traded_on,
            side="sell" if row.kind is TransactionKind.SELL else "buy",
            units=abs(row.units),
            loss_usd=max(row.loss_usd or Decimal(0), Decimal(0)) if row.kind is TransactionKind.SELL else Decimal(0),
            source_ref=f"{account.pk}:{transaction_ref(row, seen)}",
            recorded_at=now,
        )
        for symbol, row in plan.outside
    ]
    before = OutsideTrade.objects.filter(account=account).count()
    OutsideTrade.objects.bulk_create(trades, ignore_conflicts=True)
    new_count = OutsideTrade.objects.filter(account=account).count() - before
    if new_count:
        replay_outside(account, keys.values(), actor=None, now=now)
    return new_count


def _settle(file: CustodianFile, plan: AccountPlan, account: Account, *, now: datetime) -> None:
    """Lift what earlier files had placed and this one no longer shows."""
    subjects = [f"{file.custodian} {file.kind}", "ambiguous"]
    if not AccountHold.objects.filter(account=account, lifted_at__isnull=True).exists():
        return
    lift_settled(account, kinds=[HoldKind.FILE_FAULT], subjects=subjects, reason=SETTLED, now=now)
    if plan.stated_on is not None:
        kinds = [HoldKind.UNKNOWN_SECURITY, HoldKind.MISSING_BASIS]
        lift_settled(account, kinds=kinds, reason=SETTLED, now=now)
        lift_actions_seen(account, reason=SETTLED, now=now)
        lift_settled(account, kinds=[HoldKind.POSITION_BREAK], subjects=["posting"], reason=SETTLED, now=now)
    if plan.case is not None and plan.found is not None:
        broken = {each.security for each in plan.found.breaks}
        agreed = {name or "cash" for name in symbols_spoken(plan.case, plan.found) if name not in broken}
        lift_settled(account, kinds=[HoldKind.POSITION_BREAK], subjects=agreed, reason=SETTLED, now=now)
    if plan.has_cash and not any(warning.kind is HoldKind.SHORT_POSITION for warning in plan.warnings):
        lift_settled(account, kinds=[HoldKind.SHORT_POSITION], subjects=["cash"], reason=SETTLED, now=now)


@transaction.atomic
def _hold(file: CustodianFile, plan: AccountPlan, row: StagedAccount, *, now: datetime) -> Outcome:
    """Hold the account, or every account that a masked number may mean, once for each kind and subject."""
    accounts = (plan.account,) if plan.account is not None else plan.candidates
    first: dict[tuple[HoldKind, str], Problem] = {}
    for problem in plan.problems:
        first.setdefault((problem.kind, problem.subject), problem)
    for account in accounts:
        for problem in first.values():
            _place(account, problem, file=file, now=now)
    if plan.account is not None:
        keep_stated_gains(plan.account, plan.stated, file=file, now=now)
        if plan.case is not None and plan.found is not None:
            keep_day(plan.account, file=file, case=plan.case, found=plan.found, now=now)
        announce_splits_seen(plan.account.firm, plan.waits, plan.case, now=now)
    _write(row, plan, status=StagedStatus.HELD, message=reason_of(plan.problems), now=now)
    return Outcome.HELD


def _place(account: Account, problem: Problem, *, file: CustodianFile, now: datetime) -> None:
    place = f"{file.name}, row {problem.row}: " if problem.row else ""
    place_hold(
        account, kind=problem.kind, subject=problem.subject, reason=f"{place}{problem.reason}", actor=None, now=now
    )
