"""Breaks grow old: from the firm's threshold on they hold their account, until they are resolved."""

from datetime import datetime

from django.db.models import Q

from advisors.models import Firm
from portfolios.ledger.business_days import business_days_between
from portfolios.models.households import AccountHold, HoldKind
from portfolios.models.imports import Break, BreakKind
from portfolios.selectors.break_policies import BreakPolicy, break_policy_of
from portfolios.selectors.breaks import hold_subject
from portfolios.services.gain_breaks import refresh_open_gain_breaks
from portfolios.services.holds import lift_all, place_hold


def age_all_breaks(*, now: datetime) -> int:
    """Age the breaks of every firm that has any; return how many accounts they hold."""
    firms = Firm.objects.filter(
        Q(accounts__breaks__resolved_at__isnull=True, accounts__breaks__isnull=False)
        | Q(accounts__holds__kind=HoldKind.POSITION_BREAK, accounts__holds__lifted_at__isnull=True)
    )
    return sum(age_breaks(firm, now=now) for firm in firms.distinct().order_by("pk"))


def age_breaks(firm: Firm, *, now: datetime) -> int:
    """
    Hold the accounts whose breaks are older, or larger, than the firm allows; return how many are held for one.

    A hold that a person lifted since the break was found is not placed again by age: whoever lifted it knew.
    """
    refresh_open_gain_breaks(firm, now=now)
    policy = break_policy_of(firm)
    opened = list(
        Break.objects.filter(account__firm=firm, resolved_at__isnull=True)
        .select_related("account", "security")
        .order_by("pk")
    )
    _let_go_of_resolved(firm, opened, now=now)
    standing = _standing(opened)
    held = {account_id for account_id, _ in standing}
    for row in opened:
        subject, reason = hold_subject(row), _why(row, policy, firm)
        if not reason or (row.account_id, subject) in standing or _is_forgiven(row):
            continue
        kind = HoldKind.POSITION_BREAK
        place_hold(row.account, kind=kind, subject=subject, reason=reason, actor=None, now=now)
        held.add(row.account_id)
    return len(held)


def _standing(opened: list[Break]) -> set[tuple[int, str]]:
    """Return the breaks that hold their account already."""
    wanted = {(row.account_id, hold_subject(row)) for row in opened}
    holds = AccountHold.objects.filter(
        account_id__in={account_id for account_id, _ in wanted}, kind=HoldKind.POSITION_BREAK, lifted_at__isnull=True
    )
    return wanted & set(holds.values_list("account_id", "subject"))


def _why(row: Break, policy: BreakPolicy, firm: Firm) -> str:
    """Say why a break holds its account, "" where it does not yet."""
    age = 0
    if row.found_on is not None and firm.business_on is not None:
        age = business_days_between(row.found_on, firm.business_on)
    if age >= policy.hold_after_days:
        days = f"{age} business day{'s' if age != 1 else ''}"
        return f"{row.message} The break is {days} old."
    if row.kind != BreakKind.GAIN and policy.holds_at_once(row.size_usd):
        return row.message
    return ""


def _is_forgiven(row: Break) -> bool:
    lifted = AccountHold.objects.filter(
        account_id=row.account_id,
        kind=HoldKind.POSITION_BREAK,
        subject=hold_subject(row)[:64],
        lifted_at__gte=row.found_at,
        lifted_by__isnull=False,
    )
    return lifted.exists()


def _let_go_of_resolved(firm: Firm, opened: list[Break], *, now: datetime) -> None:
    """Lift the holds of gains that agree again; those of positions are lifted by the file that agrees."""
    standing = {(row.account_id, hold_subject(row)) for row in opened}
    holds = AccountHold.objects.filter(
        account__firm=firm, kind=HoldKind.POSITION_BREAK, subject__startswith="gain ", lifted_at__isnull=True
    ).select_related("account")
    gone = [hold for hold in holds.order_by("pk") if (hold.account_id, hold.subject) not in standing]
    lift_all(gone, reason="The gains agree.", now=now)
