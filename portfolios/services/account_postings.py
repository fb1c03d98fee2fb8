"""Post one account of a file, whole or not at all; hold it where something is wrong, let it go where all is well."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from django.db import transaction

from advisors.errors import Invalid
from advisors.models import User
from portfolios.custodians.base import TransactionKind
from portfolios.custodians.into_ledger import transaction_ref
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.imports import Break, CustodianFile, StagedAccount, StagedStatus
from portfolios.models.lots import OutsideTrade
from portfolios.models.securities import Security
from portfolios.selectors.imports import source_of
from portfolios.services.account_plans import AccountPlan, Problem, change_of, reason_of
from portfolios.services.holds import lift_settled, place_hold
from portfolios.services.posting import JournalMoved, post_events

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
    elif plan.events:
        source = source_of(file.custodian)
        posted = post_events(account, plan.events, source=source, actor=actor, now=now, book=plan.book).posted_count
    if plan.stated_on is not None:
        account.positions_on = plan.stated_on
        account.save(update_fields=["positions_on"])
    if not plan.skipped:
        _settle(file, plan, account, now=now)
    for warning in plan.warnings:
        _place(account, warning, file=file, now=now)
    outcome = Outcome.POSTED if posted else Outcome.UNCHANGED
    status = StagedStatus.POSTED if posted else StagedStatus.UNCHANGED
    _write(row, plan, status=status, message=plan.skipped, now=now)
    return outcome


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
    return OutsideTrade.objects.filter(account=account).count() - before


def _settle(file: CustodianFile, plan: AccountPlan, account: Account, *, now: datetime) -> None:
    """Lift what earlier files had placed and this one no longer shows; close the breaks that it answers."""
    subjects = [f"{file.custodian} {file.kind}", "ambiguous"]
    if not AccountHold.objects.filter(account=account, lifted_at__isnull=True).exists():
        return
    lift_settled(account, kinds=[HoldKind.FILE_FAULT], subjects=subjects, reason=SETTLED, now=now)
    if plan.stated_on is not None:
        kinds = [HoldKind.UNKNOWN_SECURITY, HoldKind.CORPORATE_ACTION, HoldKind.MISSING_BASIS]
        lift_settled(account, kinds=kinds, reason=SETTLED, now=now)
        open_breaks = AccountHold.objects.filter(account=account, kind=HoldKind.POSITION_BREAK, lifted_at__isnull=True)
        broken = set(open_breaks.exclude(subject="cash").values_list("subject", flat=True))
        lift_settled(account, kinds=[HoldKind.POSITION_BREAK], subjects=broken, reason=SETTLED, now=now)
        Break.objects.filter(account=account, resolved_at__isnull=True, security__isnull=False).update(
            resolved_at=now, resolution=SETTLED
        )
    if plan.has_cash:
        lift_settled(account, kinds=[HoldKind.POSITION_BREAK], subjects=["cash"], reason=SETTLED, now=now)
        if not plan.warnings:
            lift_settled(account, kinds=[HoldKind.SHORT_POSITION], subjects=["cash"], reason=SETTLED, now=now)
        Break.objects.filter(account=account, resolved_at__isnull=True, security__isnull=True).update(
            resolved_at=now, resolution=SETTLED
        )


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
        _keep_breaks(file, plan, plan.account, now=now)
    plan.reconciliation = None
    _write(row, plan, status=StagedStatus.HELD, message=reason_of(plan.problems), now=now)
    return Outcome.HELD


def _place(account: Account, problem: Problem, *, file: CustodianFile, now: datetime) -> None:
    place = f"{file.name}, row {problem.row}: " if problem.row else ""
    place_hold(
        account, kind=problem.kind, subject=problem.subject, reason=f"{place}{problem.reason}", actor=None, now=now
    )


def _keep_breaks(file: CustodianFile, plan: AccountPlan, account: Account, *, now: datetime) -> None:
    told = set(Break.objects.filter(account=account, resolved_at__isnull=True).values_list("message", flat=True))
    found = [each for each in plan.breaks if each.message[:400] not in told]
    keys = _keys(each.security for each in found if each.security)
    Break.objects.bulk_create(
        Break(
            account=account,
            file=file,
            security_id=keys.get(each.security),
            ledger_units=each.ledger_units,
            custodian_units=each.custodian_units,
            message=each.message[:400],
            found_at=now,
        )
        for each in found
    )


def _keys(symbols: Iterable[str]) -> dict[str, int]:
    return dict(Security.objects.filter(symbol__in=list(symbols)).values_list("symbol", "pk"))
