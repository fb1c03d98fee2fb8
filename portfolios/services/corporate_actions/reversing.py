"""Take an applied action back: a correcting event for every holder and all else undone, or nothing at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from advisors import audit, permissions
from advisors.errors import Conflict, Invalid, NotFound
from advisors.models import Membership
from advisors.permissions import Capability
from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.ledger.types import EventKind, LotEvent
from portfolios.models.households import Account
from portfolios.models.market import ActionApplication, ActionStatus, CorporateAction
from portfolios.services.action_signals import action_reversed
from portfolios.services.corporate_actions.agreement import refresh_action_holds
from portfolios.services.corporate_actions.applying import locked, security_ids_of
from portfolios.services.corporate_actions.bookings import Booked, FailedHolder, book, ref_of
from portfolios.services.corporate_actions.steps.sequence import setting_of, undo_steps
from portfolios.services.corporate_actions.stored_terms import SOURCE, STEPS, event_ref, terms_of

_BATCH: Final = 1000


class Irreversible(Conflict):
    """Later events stand on the action; `blocked` are the accounts and what stands in the way in each."""

    def __init__(self, message: str, *, blocked: tuple[FailedHolder, ...]) -> None:
        super().__init__(message)
        self.blocked = blocked


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed:
    """From how many accounts an action was taken back."""

    account_count: int


@transaction.atomic
def reverse(member: Membership, action: CorporateAction, *, reason: str, now: datetime) -> Reversed:
    """
    Take an applied action back from every holder, and undo what it changed beside lots.

    A split that a custodian's own transactions booked stays: that is the custodian's event, not ours.
    :raises Invalid: no reason is given
    :raises Irreversible: later events of some accounts need it; all of them are named, nothing is undone
    :raises Conflict: it is not applied
    """
    permissions.check_can(member, Capability.CONFIRM_CORPORATE_ACTIONS)
    if action.firm_id != member.firm_id:
        raise NotFound("There is no such corporate action in the firm.")
    said = " ".join(reason.split())[:240]
    if not said:
        raise Invalid("Say why the action is taken back.")
    row = locked(action)
    claim = CorporateAction.objects.filter(pk=row.pk, status=ActionStatus.APPLIED)
    ended = {"ended_at": now, "ended_by": member.user, "end_reason": said}
    if not claim.update(status=ActionStatus.REVERSED, **ended):
        raise Conflict(f"Only an applied action is reversed; this one is {row.get_status_display().lower()}.")
    row.status = ActionStatus.REVERSED
    terms = terms_of(row)
    undo_steps(setting_of(row, terms, now=now), row.done.get(STEPS, []))
    booked = _cancel(row, terms, member, reason=said, now=now)
    refresh_action_holds(row.firm, now=now, symbols={terms.security})
    _tell(row, terms, booked, member, reason=said, now=now)
    action.refresh_from_db()
    return Reversed(account_count=len(booked.accounts))


def _cancel(action: CorporateAction, terms: ActionTerms, member: Membership, *, reason: str, now: datetime) -> Booked:
    applied = dict(_applications(action))
    events = {account: _cancelling(action, terms, each, reason=reason) for account, each in applied.items()}
    booked = book(events, actor=member.user, now=now)
    if booked.failed:
        count = len(booked.failed)
        accounts = "1 account" if count == 1 else f"{count:,} accounts"
        first = booked.failed[0]
        raise Irreversible(
            f"Later events of {accounts} stand on it, so nothing was undone. {first.account_name}: {first.reason}",
            blocked=tuple(booked.failed),
        )
    ref = _cancel_ref(action)
    undone = []
    for account, application in applied.items():
        application.undone_by_id = booked.accounts[account.pk].event_ids[ref]
        undone.append(application)
    ActionApplication.objects.bulk_update(undone, ["undone_by"], batch_size=_BATCH)
    return booked


def _applications(action: CorporateAction) -> Iterator[tuple[Account, ActionApplication]]:
    ours = action.applications.filter(event__source=SOURCE, undone_by__isnull=True)
    for application in ours.select_related("account", "event").order_by("account_id"):
        yield application.account, application


def _cancel_ref(action: CorporateAction) -> str:
    return f"{event_ref(action)}:undone"


def _cancelling(
    action: CorporateAction, terms: ActionTerms, application: ActionApplication, *, reason: str
) -> LotEvent:
    return LotEvent(
        kind=EventKind.CANCEL,
        ref=_cancel_ref(action),
        traded_on=terms.effective_on,
        security=terms.security,
        corrects=ref_of(application),
        reason=reason,
    )


def _tell(
    action: CorporateAction, terms: ActionTerms, booked: Booked, member: Membership, *, reason: str, now: datetime
) -> None:
    facts: Mapping[str, object] = {
        "symbol": terms.security,
        "kind": action.kind,
        "effective_on": action.effective_on,
        "account_count": len(booked.accounts),
        "undone": [step["words"] for step in action.done.get(STEPS, [])],
    }
    audit.record("corporate_action.reversed", actor=member, subject=action, data=facts, reason=reason, now=now)
    action_reversed.send(
        sender=CorporateAction,
        firm=action.firm,
        action=action,
        security_ids=security_ids_of(terms),
        account_ids=set(booked.accounts),
        now=now,
    )
