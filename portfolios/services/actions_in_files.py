"""Corporate actions around an import: applied before a statement is compared, announced where a statement shows one."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Q

from advisors.errors import DomainError
from advisors.models import Firm, User
from portfolios.ledger.actions_seen import CashInLieu
from portfolios.ledger.comparison import UnitBreak
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.selectors.held import ORDERS_MARK
from portfolios.services.account_comparisons import Case
from portfolios.services.corporate_actions.agreement import MARK
from portfolios.services.corporate_actions.applying import apply_due
from portfolios.services.corporate_actions.cash_in_lieu import correct_cash_in_lieu
from portfolios.services.corporate_actions.life import announce
from portfolios.services.holds import lift_all

SOURCE: Final = "statements"
_NEAR: Final = timedelta(days=10)


def apply_actions_due(firm: Firm, *, as_of: date | None, now: datetime) -> bool:
    """Apply the confirmed actions whose ex-date a statement has passed; tell whether any was."""
    if as_of is None or firm.business_on is None:
        return False
    until = min(as_of, firm.business_on)
    due = CorporateAction.objects.filter(firm=firm, status=ActionStatus.CONFIRMED, effective_on__lte=until)
    return due.exists() and any(each.is_applied for each in apply_due(firm, on=until, now=now))


def pay_in_lieu(account: Account, paid: CashInLieu, *, actor: User | None, now: datetime) -> None:
    """Put what the custodian paid for a fraction in the place of what was estimated."""
    action = CorporateAction.objects.get(pk=int(paid.action_key.rpartition(":")[2]), firm_id=account.firm_id)
    correct_cash_in_lieu(action, account, security=paid.security, cash_usd=paid.cash_usd, actor=actor, now=now)


def announce_splits_seen(firm: Firm, waits: Iterable[UnitBreak], case: Case | None, *, now: datetime) -> int:
    """Announce the splits that a statement shows and nobody told of, as detected; return how many are new."""
    if case is None:
        return 0
    count = 0
    for wait in waits:
        if wait.ratio is None or _is_known(firm, wait.security, case.statement.as_of):
            continue
        kind = ActionKind.SPLIT if wait.ratio > 1 else ActionKind.REVERSE_SPLIT
        terms = ActionTerms(
            kind=kind, key="", security=wait.security, effective_on=case.statement.as_of, ratio=wait.ratio
        )
        try:
            announced = announce(
                firm, terms, source=SOURCE, note=wait.message[:400], actor=None, now=now, is_detected=True
            )
        except DomainError:
            continue  # the account is held and says why; what contradicts it stands in the queue already
        count += announced.is_new
    return count


def _is_known(firm: Firm, symbol: str, day: date) -> bool:
    near = CorporateAction.objects.filter(
        firm=firm, security__symbol=symbol, effective_on__range=(day - _NEAR, day + _NEAR)
    )
    return near.exclude(status__in=[ActionStatus.REVERSED]).exists()


def lift_actions_seen(account: Account, *, reason: str, now: datetime) -> None:
    """Lift the holds that a statement placed for an action; those of the actions' own queue, and for orders, stay."""
    seen = AccountHold.objects.filter(account=account, kind=HoldKind.CORPORATE_ACTION, lifted_at__isnull=True).exclude(
        Q(reason__startswith=MARK) | Q(subject__endswith=ORDERS_MARK)
    )
    lift_all(list(seen.select_related("account").order_by("pk")), reason=reason, now=now)
