"""
What people at the desk do with corporate actions: announce, change, confirm, apply, withdraw, reverse.

Each does its one thing and then looks again which accounts have to wait.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from advisors import permissions
from advisors.errors import Conflict
from advisors.models import Firm, Membership, User
from advisors.permissions import Capability
from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.models.households import AccountHold, HoldKind
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.services import action_detection
from portfolios.services.corporate_actions import applying, life, reversing
from portfolios.services.corporate_actions.agreement import MARK, refresh_action_holds
from portfolios.services.corporate_actions.life import Announced
from portfolios.services.corporate_actions.stored_terms import FORM, ActionChoices
from portfolios.services.holds import lift_all

API: Final = "api"
_OPEN: Final = (ActionStatus.ANNOUNCED, ActionStatus.CONFIRMED)


@transaction.atomic
def announce(
    member: Membership,
    terms: ActionTerms,
    *,
    source: str = FORM,
    note: str = "",
    buy_children: bool = True,
    now: datetime,
) -> Announced:
    """
    Announce an action by hand or through the API; the same one again changes nothing.

    :raises NotPermitted: the role does not bring in data
    :raises Invalid: the security is not in the master
    :raises Conflict: it was applied with other terms
    """
    permissions.check_can(member, Capability.IMPORT_FILES)
    announced = life.announce(
        member.firm,
        terms,
        source=source,
        note=note,
        actor=member.user,
        now=now,
        choices=ActionChoices(buy_children=buy_children),
    )
    if announced.is_new or announced.is_restated:
        action_detection.set_aside_explained(member.firm, now=now)
        _look_again(member.firm, [terms.security], now=now)
    return announced


@transaction.atomic
def change(
    member: Membership,
    action: CorporateAction,
    terms: ActionTerms,
    *,
    note: str = "",
    buy_children: bool = True,
    now: datetime,
) -> Announced:
    """
    Announce an open action with other terms; one of another security, kind or day takes its place.

    :raises Conflict: it was applied or ended, or the new one stands beside it already
    """
    permissions.check_can(member, Capability.IMPORT_FILES)
    if action.status not in _OPEN:
        raise Conflict("Only an action that is not applied yet can be changed.")
    was = (action.security.symbol, action.kind, action.effective_on)
    announced = announce(member, terms, note=note, buy_children=buy_children, now=now)
    if was == (terms.security, terms.kind.value, terms.effective_on):
        return announced
    if not announced.is_new:
        raise Conflict("Such an action is announced already. Change that one, and withdraw this.")
    action.refresh_from_db()
    if action.status in _OPEN:
        life.withdraw(member, action, reason=f"Replaced by action {announced.action.pk}.", now=now)
    _look_again(member.firm, [was[0], terms.security], now=now)
    return announced


def confirm(member: Membership, action: CorporateAction, *, seen: str, now: datetime) -> None:
    """
    Confirm an action as a second person; `seen` marks what the person read.

    :raises NotPermitted: the role does not confirm, or the member announced it
    :raises Invalid: facts are missing
    :raises Conflict: it was changed since it was read
    """
    with transaction.atomic():
        life.confirm(member, action, now=now, seen=seen)
        _look_again(member.firm, [action.security.symbol], now=now)


def apply_now(member: Membership, action: CorporateAction, *, now: datetime) -> applying.Applied:
    """
    Apply a confirmed action whose ex-date has come, without waiting for the next step of the day.

    :raises NotPermitted: the role does not confirm actions
    :raises Conflict: it is not confirmed, or its ex-date lies ahead
    """
    permissions.check_can(member, Capability.CONFIRM_CORPORATE_ACTIONS)
    return applying.apply(action, actor=member.user, now=now)


def withdraw(member: Membership, action: CorporateAction, *, reason: str, now: datetime) -> None:
    """
    Withdraw an action that was not applied; a detected one is not raised again for its day.

    The holds that a statement placed for a false alarm go with it, unless another action of the security waits.
    :raises Invalid: no reason
    :raises Conflict: it was applied or ended
    """
    with transaction.atomic():
        life.withdraw(member, action, reason=reason, now=now)
        _look_again(member.firm, [action.security.symbol], now=now)
        if action.is_detected:
            _let_go(action, now=now)


def _let_go(action: CorporateAction, *, now: datetime) -> None:
    """Lift the holds that statements placed for a detected action that was set aside; those of `agreement` stay."""
    others = CorporateAction.objects.filter(firm=action.firm_id, security=action.security_id, status__in=_OPEN)
    if others.exists():
        return
    placed = AccountHold.objects.filter(
        account__firm=action.firm_id,
        kind=HoldKind.CORPORATE_ACTION,
        subject=action.security.symbol,
        lifted_at__isnull=True,
    ).exclude(reason__startswith=MARK)
    said = f"It was no corporate action: {action.end_reason}"
    lift_all(list(placed.select_related("account").order_by("pk")), reason=said[:240], now=now)


def reverse(member: Membership, action: CorporateAction, *, reason: str, now: datetime) -> int:
    """
    Take an applied action back everywhere, with the reason; return how many accounts it was taken back in.

    :raises Irreversible: an account has traded what it got since
    """
    with transaction.atomic():
        count = reversing.reverse(member, action, reason=reason, now=now).account_count
        _look_again(member.firm, [action.security.symbol], now=now)
    return count


def _look_again(firm: Firm, symbols: Collection[str], *, now: datetime) -> None:
    refresh_action_holds(firm, now=now, symbols=set(symbols))


def act_on_the_day(firm: Firm, *, actor: User | None, now: datetime) -> Sequence[str]:
    """Apply what the day makes due, hold who has to wait, and say what was done, a sentence each."""
    if firm.business_on is None:
        return []
    action_detection.set_aside_explained(firm, now=now)
    came = applying.apply_due(firm, on=firm.business_on, actor=actor, now=now)
    named = CorporateAction.objects.select_related("security").in_bulk([one.action_id for one in came])
    said = []
    for one in came:
        action = named[one.action_id]
        what = f"{action.security.symbol}: {action.get_kind_display().lower()} of {action.effective_on}"
        if one.fault:
            said.append(f"{what} could not be applied. {one.fault}")
        elif one.is_applied:
            waits = f"; {len(one.failed)} wait" if one.failed else ""
            said.append(f"{what} is applied to {one.account_count:,} accounts{waits}.")
    return said
