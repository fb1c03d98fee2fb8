"""Holds: why an account may not trade. Placed by imports and people, lifted with a reason, never deleted."""

from collections.abc import Collection, Iterable
from datetime import date, datetime

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.models import User
from portfolios.models.households import Account, AccountHold, HoldKind


@transaction.atomic
def place_hold(
    account: Account,
    *,
    kind: HoldKind,
    reason: str,
    subject: str = "",
    until_on: date | None = None,
    actor: User | None,
    now: datetime,
) -> AccountHold:
    """
    Hold an account. An open hold of the same kind and subject takes over the new reason instead of a second one.

    :raises Invalid: no reason is given
    """
    said = " ".join(reason.split())[:400]
    if not said:
        raise Invalid("Say why the account is held.")
    hold, is_new = AccountHold.objects.get_or_create(
        account=account,
        kind=kind,
        subject=subject[:64],
        lifted_at=None,
        defaults={"reason": said, "until_on": until_on, "placed_at": now, "placed_by": actor},
    )
    if not is_new and (hold.reason, hold.until_on) == (said, until_on):
        return hold
    if not is_new:
        hold.reason, hold.until_on = said, until_on
        hold.save(update_fields=["reason", "until_on"])
    facts = {"hold_id": hold.pk, "kind": kind, "subject": subject, "until_on": until_on}
    _record("account.held", account, facts, reason=said, actor=actor, now=now)
    return hold


@transaction.atomic
def lift_hold(hold: AccountHold, *, reason: str, actor: User | None, now: datetime) -> None:
    """
    Lift a hold; the account trades again when no other one is open.

    :raises Invalid: no reason is given
    :raises Conflict: somebody lifted it meanwhile
    """
    said = " ".join(reason.split())[:240]
    if not said:
        raise Invalid("Say why the hold is lifted.")
    open_one = AccountHold.objects.filter(pk=hold.pk, lifted_at__isnull=True)
    if not open_one.update(lifted_at=now, lifted_by=actor, lift_reason=said):
        raise Conflict("This hold was lifted meanwhile.")
    facts = {"hold_id": hold.pk, "kind": hold.kind, "subject": hold.subject}
    _record("account.hold_lifted", hold.account, facts, reason=said, actor=actor, now=now)


def lift_settled(
    account: Account,
    *,
    kinds: Collection[HoldKind],
    subjects: Collection[str] | None = None,
    reason: str,
    now: datetime,
) -> int:
    """Lift the open holds of these kinds (and subjects), because what placed them is settled; return how many."""
    holds = AccountHold.objects.filter(account=account, kind__in=kinds, lifted_at__isnull=True)
    if subjects is not None:
        holds = holds.filter(subject__in=subjects)
    settled = list(holds.select_related("account").order_by("pk"))
    lift_all(settled, reason=reason, now=now)
    return len(settled)


def lift_all(settled: Iterable[AccountHold], *, reason: str, now: datetime) -> None:
    """Lift holds that a machine found settled."""
    for hold in settled:
        lift_hold(hold, reason=reason, actor=None, now=now)


def _record(
    action: str, account: Account, facts: dict[str, object], *, reason: str, actor: User | None, now: datetime
) -> None:
    audit.record(
        action,
        actor=actor,
        subject=account,
        firm_id=account.firm_id,
        household_id=account.household_id,
        data=facts,
        reason=reason,
        now=now,
    )
