"""
Apply a confirmed action: lots of every holder exactly once, and with them all that hangs on the security, or nothing.

One transaction holds it all. The row's status is the claim: who moves it from confirmed to applied does the work, and
whoever comes second finds nothing to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, DomainError, Invalid
from advisors.jobs import enqueue
from advisors.models import Firm, User
from portfolios.ledger.corporate_actions.check import describe
from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.models.lots import LedgerEvent
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.models.securities import Security
from portfolios.services.action_signals import action_applied
from portfolios.services.corporate_actions.agreement import refresh_action_holds
from portfolios.services.corporate_actions.bookings import Booked, FailedHolder, book_holders
from portfolios.services.corporate_actions.life import faults_of
from portfolios.services.corporate_actions.steps.sequence import make_steps, plan_steps, setting_of
from portfolios.services.corporate_actions.stored_terms import FAILED, STEPS, terms_of

_SLACK: Final = timedelta(hours=1)  # an import that began before an application may commit after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What came of applying an action, `sentence`. `fault` says why nothing was done although it should have been."""

    action_id: int
    sentence: str
    is_applied: bool
    account_count: int = 0
    failed: tuple[FailedHolder, ...] = ()
    fault: str = ""


@transaction.atomic
def apply(action: CorporateAction, *, actor: User | None, now: datetime) -> Applied:
    """
    Apply a confirmed action whose ex-date has come to every holder, with everything else that it changes.

    Applied before: nothing is done. A holder that cannot be booked is left out, held, and tried again later.
    :raises Conflict: it is not confirmed, or its ex-date lies ahead
    :raises Invalid: its terms miss something
    """
    row = locked(action)
    if row.status == ActionStatus.APPLIED:
        return Applied(
            action_id=row.pk, sentence=_sentence(row), is_applied=False, account_count=row.applications.count()
        )
    _check_can_apply(row)
    claim = CorporateAction.objects.filter(pk=row.pk, status=ActionStatus.CONFIRMED)
    if not claim.update(status=ActionStatus.APPLIED, applied_at=now, applied_by=actor):
        raise Conflict("This action was changed meanwhile. Nothing was applied.")
    row.status, row.applied_at, row.applied_by = ActionStatus.APPLIED, now, actor
    terms = terms_of(row)
    setting = setting_of(row, terms, now=now)
    row.done = {STEPS: make_steps(setting, plan_steps(setting))}
    booked = book_holders(row, terms, among=None, actor=actor, now=now)
    _finish(row, terms, booked, now=now)
    _record(row, booked, actor=actor, now=now)
    action.refresh_from_db()
    return Applied(
        action_id=row.pk,
        sentence=_sentence(row),
        is_applied=True,
        account_count=len(booked.accounts),
        failed=tuple(booked.failed),
    )


def _sentence(action: CorporateAction) -> str:
    return describe(terms_of(action))


def _not_applied(action: CorporateAction, refusal: DomainError) -> Applied:
    sentence = f"{action.security.symbol}, {action.get_kind_display().lower()} of {action.effective_on}"
    return Applied(action_id=action.pk, sentence=sentence, is_applied=False, fault=str(refusal))


def locked(action: CorporateAction) -> CorporateAction:
    """Lock the row of an action until the transaction ends, and return it as it stands."""
    rows = CorporateAction.objects.select_for_update(of=("self",))
    return rows.select_related("security", "firm", "announced_by", "confirmed_by").get(pk=action.pk)


def _check_can_apply(action: CorporateAction) -> None:
    if action.status != ActionStatus.CONFIRMED:
        raise Conflict(f"Only a confirmed action is applied; this one is {action.get_status_display().lower()}.")
    on = action.firm.business_on
    if on is None or on < action.effective_on:
        raise Conflict(f"The ex-date, {action.effective_on}, lies ahead of the business date.")
    faults = faults_of(action)
    if faults:
        raise Invalid(f"The action on {action.security.symbol} cannot be applied: {faults[0]}", faults=faults)


def _finish(action: CorporateAction, terms: ActionTerms, booked: Booked, *, now: datetime) -> None:
    """Keep who could not be booked, hold them, let the others go, and tell the rooms above."""
    action.done[FAILED] = {str(failed.account_id): failed.reason for failed in booked.failed}
    action.save(update_fields=["done"])
    refresh_action_holds(action.firm, now=now, symbols={terms.security})
    action_applied.send(
        sender=CorporateAction,
        firm=action.firm,
        action=action,
        security_ids=security_ids_of(terms),
        account_ids=set(booked.accounts),
        now=now,
    )


def security_ids_of(terms: ActionTerms) -> set[int]:
    """Return the ids of every security that an action touches."""
    return set(Security.objects.filter(symbol__in=terms.securities).values_list("pk", flat=True))


def _record(action: CorporateAction, booked: Booked, *, actor: User | None, now: datetime) -> None:
    facts = {
        "symbol": action.security.symbol,
        "kind": action.kind,
        "effective_on": action.effective_on,
        "account_count": len(booked.accounts),
        "failed": [failed.account_id for failed in booked.failed],
        "steps": [step["words"] for step in action.done[STEPS]],
    }
    audit.record("corporate_action.applied", actor=actor, subject=action, firm_id=action.firm_id, data=facts, now=now)


def apply_due(firm: Firm, *, on: date, actor: User | None = None, now: datetime) -> tuple[Applied, ...]:
    """
    Apply every confirmed action whose ex-date has come, the oldest first, then catch up who came late.

    One that cannot be applied stops no other; it says why. Accounts that wait for one are held, the others let go.
    """
    due = CorporateAction.objects.filter(firm=firm, status=ActionStatus.CONFIRMED, effective_on__lte=on)
    came: list[Applied] = []
    for action in due.select_related("security").order_by("effective_on", "pk"):
        try:
            came.append(apply(action, actor=actor, now=now))
        except DomainError as refusal:
            came.append(_not_applied(action, refusal))
    apply_to_latecomers(firm, now=now)
    refresh_action_holds(firm, now=now)
    return tuple(came)


def words_of(came: Sequence[Applied]) -> list[str]:
    """Say what came of applications, one sentence each."""
    return [_words(each) for each in came]


def _words(came: Applied) -> str:
    if came.fault:
        return f"{came.sentence}: not applied. {came.fault}"
    accounts = "1 account" if came.account_count == 1 else f"{came.account_count:,} accounts"
    failed = f", {len(came.failed)} could not be booked and wait" if came.failed else ""
    return f"{came.sentence}: applied to {accounts}{failed}."


def ring_for_actions(*, wake: str) -> int:
    """Put one job (`wake`, a task that takes a firm's id) on the queue for every firm with actions to look after."""
    looked_after = CorporateAction.objects.filter(status__in=[ActionStatus.CONFIRMED, ActionStatus.APPLIED])
    firms = Firm.objects.filter(business_on__isnull=False, pk__in=looked_after.values("firm"))
    keys = list(firms.order_by("pk").values_list("pk", flat=True))
    for key in keys:
        enqueue(wake, firm_id=key)
    return len(keys)


def apply_for_firm(firm_id: int, *, now: datetime) -> tuple[Applied, ...]:
    """Apply what is due in a firm on its business date; a firm without one has nothing due."""
    firm = Firm.objects.get(pk=firm_id)
    return () if firm.business_on is None else apply_due(firm, on=firm.business_on, now=now)


def apply_to_latecomers(firm: Firm, *, now: datetime) -> int:
    """
    Book applied actions to holders who were not there: lots of before the ex-date that a later file brought.

    Who could not be booked before is tried again. Returns how many accounts were caught up.
    """
    count = 0
    applied = CorporateAction.objects.filter(firm=firm, status=ActionStatus.APPLIED)
    for action in applied.order_by("effective_on", "pk"):
        if _latecomers(action):
            count += _catch_up(action, now=now)
    return count


def _latecomers(action: CorporateAction) -> set[int]:
    """Return the accounts whose journal has learned of units of before the ex-date since the action was applied."""
    assert action.applied_at is not None  # an applied action says when
    told = LedgerEvent.objects.filter(
        account__firm_id=action.firm_id,
        security_id=action.security_id,
        traded_on__lt=action.effective_on,
        recorded_at__gte=action.applied_at - _SLACK,
    )
    late = set(told.values_list("account_id", flat=True).distinct()) | {int(key) for key in action.done.get(FAILED, {})}
    return late - set(action.applications.filter(account_id__in=late).values_list("account_id", flat=True))


@transaction.atomic
def _catch_up(action: CorporateAction, *, now: datetime) -> int:
    row = locked(action)
    if row.status != ActionStatus.APPLIED:
        return 0
    late = _latecomers(row)
    terms = terms_of(row)
    booked = book_holders(row, terms, among=late, actor=None, now=now)
    failed = {str(each.account_id): each.reason for each in booked.failed}
    if not booked.accounts and failed == row.done.get(FAILED, {}):
        return 0
    _finish(row, terms, booked, now=now)
    facts = {"account_ids": sorted(booked.accounts), "failed": [each.account_id for each in booked.failed]}
    audit.record(
        "corporate_action.applied_to_latecomers", actor=None, subject=row, firm_id=row.firm_id, data=facts, now=now
    )
    return len(booked.accounts)
