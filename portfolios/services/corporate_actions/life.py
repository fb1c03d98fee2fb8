"""The life of a corporate action before it is applied: announced, restated, confirmed by a person, withdrawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from advisors import audit, permissions
from advisors.errors import Conflict, Invalid, NotFound
from advisors.models import Firm, Membership, User
from advisors.permissions import Capability
from portfolios.ledger.corporate_actions.check import check_terms
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, HolderTerms
from portfolios.models.households import Account
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.models.securities import Security
from portfolios.services.corporate_actions.stored_terms import (
    CHOICES,
    ENTERED_BY,
    FORM,
    HOLDERS,
    STANDARD,
    ActionChoices,
    as_json,
    plain_terms,
    ratio_column,
    stamp_of,
    terms_of,
)
from portfolios.services.corporate_actions.twins import twin_faults

_OPEN = (ActionStatus.ANNOUNCED, ActionStatus.CONFIRMED)
_MEANWHILE = "This action was changed meanwhile. Open it again to see what it says now."


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """An action as it stands after somebody announced it; neither new nor restated means that it was known."""

    action: CorporateAction
    is_new: bool = False
    is_restated: bool = False


@transaction.atomic
def announce(
    firm: Firm,
    terms: ActionTerms,
    *,
    source: str,
    note: str = "",
    actor: User | None,
    now: datetime,
    choices: ActionChoices = STANDARD,
    is_detected: bool = False,
) -> Announced:
    """
    Write down an action, once for each security, kind and day; other terms for a known one restate it.

    A restated one that was confirmed has to be confirmed again. What a file or system announced and somebody withdrew
    is not announced again by the same one in the same words.

    :raises Invalid: the security is not in the master
    :raises Conflict: it was applied with other terms
    """
    security = Security.objects.filter(symbol=terms.security).first()
    if security is None:
        raise Invalid(f"The security {terms.security} is not in the security master.")
    said = _said(terms, choices)
    of_it = CorporateAction.objects.filter(
        firm=firm, security=security, kind=terms.kind.value, effective_on=terms.effective_on
    ).select_related("security", "firm")
    known = (
        of_it.exclude(status__in=[ActionStatus.REVERSED, ActionStatus.WITHDRAWN])
        .select_for_update(of=("self",))
        .first()
    )
    if known is not None:
        return _restate(known, said, terms, source=source, note=note, actor=actor, now=now, is_detected=is_detected)
    withdrawn = of_it.filter(status=ActionStatus.WITHDRAWN, source=source[:64]).order_by("-pk").first()
    if withdrawn is not None and source != FORM and _without_holders(withdrawn.terms) == said:
        return Announced(action=withdrawn)
    action = CorporateAction(
        firm=firm,
        security=security,
        kind=terms.kind.value,
        effective_on=terms.effective_on,
        ratio=ratio_column(terms),
        terms=said,
        source=source[:64],
        note=note[:400],
        is_detected=is_detected,
        announced_at=now,
        announced_by=actor,
    )
    _save_new(action)
    _record("corporate_action.announced", action, {"terms": said, "source": source}, actor=actor, now=now)
    return Announced(action=action, is_new=True)


def _save_new(action: CorporateAction) -> None:
    try:
        with transaction.atomic():
            action.save(force_insert=True)
    except IntegrityError as twin:
        raise Conflict("Somebody announced the same action at this moment. Open the queue again.") from twin


def _said(terms: ActionTerms, choices: ActionChoices) -> dict[str, object]:
    said = plain_terms(terms)
    if choices != STANDARD:
        said[CHOICES] = as_json(choices)
    return said


def _without_holders(terms: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in terms.items() if name not in (HOLDERS, ENTERED_BY)}


def _restate(
    known: CorporateAction,
    said: dict[str, object],
    terms: ActionTerms,
    *,
    source: str,
    note: str,
    actor: User | None,
    now: datetime,
    is_detected: bool,
) -> Announced:
    before = _without_holders(known.terms) or plain_terms(terms_of(known))
    if before == said:
        _note(known, note, source=source, actor=actor, now=now)
        return Announced(action=known)
    if known.status == ActionStatus.APPLIED:
        raise Conflict(
            f"The action on {terms.security} of {terms.effective_on} was applied with other terms. Reverse it first."
        )
    was = known.status
    kept = (HOLDERS,) if was == ActionStatus.CONFIRMED else (HOLDERS, ENTERED_BY)
    known.terms = {**said, **{name: known.terms[name] for name in kept if known.terms.get(name)}}
    known.ratio, known.status = ratio_column(terms), ActionStatus.ANNOUNCED
    known.source, known.note = source[:64], note[:400] or known.note
    known.announced_at, known.announced_by = now, actor
    known.confirmed_at = known.confirmed_by = None
    known.is_detected = is_detected
    known.save()
    facts = {"before": before, "after": said, "was": was, "source": source}
    _record("corporate_action.restated", known, facts, actor=actor, now=now)
    return Announced(action=known, is_restated=True)


def _note(known: CorporateAction, note: str, *, source: str, actor: User | None, now: datetime) -> None:
    """Keep the note that a person adds to an announced action that stays the same; a detected one becomes theirs."""
    if source != FORM or known.status != ActionStatus.ANNOUNCED or note[:400] in ("", known.note):
        return
    before, known.note = known.note, note[:400]
    if known.is_detected:
        known.is_detected, known.announced_by = False, actor
    known.save(update_fields=["note", "is_detected", "announced_by"])
    facts = {"before": before, "after": known.note}
    _record("corporate_action.noted", known, facts, actor=actor, now=now)


def faults_of(action: CorporateAction) -> tuple[str, ...]:
    """Return what keeps an action from being confirmed, one sentence each: missing facts, unknown securities."""
    try:
        terms = terms_of(action)
    except Invalid as fault:
        return (str(fault),)
    wanted = {each.security for each in terms.delivered}
    if terms.kind is ActionKind.SYMBOL_CHANGE:
        wanted = set()  # the successor's row is made from its predecessor's
    unknown = sorted(wanted - set(Security.objects.filter(symbol__in=wanted).values_list("symbol", flat=True)))
    return (
        *check_terms(terms),
        *(f"The security {symbol} is not in the security master; add it first." for symbol in unknown),
        *twin_faults(action, terms),
    )


@transaction.atomic
def confirm(member: Membership, action: CorporateAction, *, now: datetime, seen: str = "") -> None:
    """
    Confirm an announced action; from its ex-date on it is applied. `seen` is the stamp of what the person read.

    :raises NotPermitted: the role does not confirm, or the member announced it
    :raises Invalid: facts are missing, each named
    :raises Conflict: it is not announced any more, or was restated since it was read
    """
    row = _own(member, action)
    permissions.check_can_be_second_person(member, maker_id=row.announced_by_id, what="this announcement")
    if member.user_id in row.terms.get(ENTERED_BY, {}).values():
        permissions.check_can_be_second_person(member, maker_id=member.user_id, what="an entry on its holders")
    if (seen or stamp_of(action)) != stamp_of(row):
        raise Conflict(_MEANWHILE)
    faults = faults_of(row)
    if faults:
        raise Invalid(f"The action on {row.security.symbol} cannot be confirmed yet: {faults[0]}", faults=faults)
    waiting = CorporateAction.objects.filter(pk=row.pk, status=ActionStatus.ANNOUNCED)
    if not waiting.update(status=ActionStatus.CONFIRMED, confirmed_at=now, confirmed_by=member.user):
        raise Conflict(_MEANWHILE)
    action.refresh_from_db()
    _record("corporate_action.confirmed", row, {"terms": row.terms}, actor=member.user, now=now)


@transaction.atomic
def withdraw(member: Membership, action: CorporateAction, *, reason: str, now: datetime) -> None:
    """
    Withdraw an action that was not applied.

    :raises Invalid: no reason is given
    :raises Conflict: it was applied or ended
    """
    row = _own(member, action)
    said = _reason(reason)
    ended = {"ended_at": now, "ended_by": member.user, "end_reason": said}
    open_one = CorporateAction.objects.filter(pk=row.pk, status__in=_OPEN)
    if not open_one.update(status=ActionStatus.WITHDRAWN, **ended):
        raise Conflict("Only an action that is announced or confirmed can be withdrawn.")
    action.refresh_from_db()
    _record("corporate_action.withdrawn", row, {"was": row.status}, reason=said, actor=member.user, now=now)


@transaction.atomic
def set_holder_terms(
    member: Membership, action: CorporateAction, *, account_id: int, holder: HolderTerms | None, now: datetime
) -> None:
    """
    Keep what one holder elected, tendered or was paid, before the action is applied; None takes it back.

    Who entered it does not confirm the action. One that was confirmed has to be confirmed again, by somebody else.
    :raises NotFound: the account is not the firm's
    :raises Conflict: it was applied or ended
    """
    row = _own(member, action)
    if row.status not in _OPEN:
        raise Conflict("What a holder elects can be kept only until the action is applied.")
    if not Account.objects.filter(pk=account_id, firm_id=row.firm_id).exists():
        raise NotFound("There is no such account in the firm.")
    holders = dict(row.terms.get(HOLDERS, {}))
    before = holders.pop(str(account_id), None)
    if holder is not None:
        holders[str(account_id)] = as_json(holder)
    was = row.status
    entered = {} if was == ActionStatus.CONFIRMED else dict(row.terms.get(ENTERED_BY, {}))
    entered[str(account_id)] = member.user_id
    said = _without_holders(row.terms) or plain_terms(terms_of(row))
    row.terms = {**said, HOLDERS: holders, ENTERED_BY: entered}
    if was == ActionStatus.CONFIRMED:
        row.status, row.confirmed_at, row.confirmed_by = ActionStatus.ANNOUNCED, None, None
        row.announced_at, row.announced_by = now, member.user
    row.save()
    action.refresh_from_db()
    facts = {"account_id": account_id, "before": before, "after": holders.get(str(account_id)), "was": was}
    _record("corporate_action.holder_terms_set", row, facts, actor=member.user, now=now)


def _own(member: Membership, action: CorporateAction) -> CorporateAction:
    """Lock the row of an action of the member's firm, for a member who may decide on actions."""
    permissions.check_can(member, Capability.CONFIRM_CORPORATE_ACTIONS)
    rows = CorporateAction.objects.filter(pk=action.pk, firm_id=member.firm_id)
    row = rows.select_for_update(of=("self",)).select_related("security", "firm").first()
    if row is None:
        raise NotFound("There is no such corporate action in the firm.")
    return row


def _reason(reason: str) -> str:
    said = " ".join(reason.split())[:240]
    if not said:
        raise Invalid("Say why.")
    return said


def _record(
    name: str,
    action: CorporateAction,
    facts: Mapping[str, object],
    *,
    reason: str = "",
    actor: User | None,
    now: datetime,
) -> None:
    data = {"symbol": action.security.symbol, "kind": action.kind, "effective_on": action.effective_on, **facts}
    audit.record(name, actor=actor, subject=action, firm_id=action.firm_id, data=data, reason=reason, now=now)
