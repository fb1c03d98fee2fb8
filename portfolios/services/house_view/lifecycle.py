"""The life of a change of the house view: one person drafts and submits it, another approves it or sends it back."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from django.db import transaction
from django.db.models import F, Max

from advisors import audit
from advisors.errors import Conflict, Invalid, NotFound
from advisors.models import Firm, Membership, User
from advisors.permissions import Capability, check_can, check_can_be_second_person
from advisors.templatetags.ui import day, moment
from portfolios.models.guidance import (
    DefaultsVersion,
    HouseViewChange,
    ProductListVersion,
    RiskProfileVersion,
    ScreenListVersion,
    SecurityModelVersion,
    SubstituteListVersion,
    Version,
    VersionStatus,
)
from portfolios.services.house_view.checks import faults_of_change
from portfolios.services.house_view.screens_applied import apply_screens

KINDS: Final[tuple[type[Version], ...]] = (
    RiskProfileVersion,
    SecurityModelVersion,
    ProductListVersion,
    SubstituteListVersion,
    DefaultsVersion,
    ScreenListVersion,
)
_WHAT: Final = {
    VersionStatus.DRAFT: "is a draft",
    VersionStatus.SUBMITTED: "waits for approval",
    VersionStatus.APPROVED: "is approved",
    VersionStatus.WITHDRAWN: "is dropped",
}


@transaction.atomic
def open_change(member: Membership, *, title: str, why: str, effective_on: date, now: datetime) -> HouseViewChange:
    """
    Begin a change with nothing in it yet.

    :raises Invalid: it has no title, or would take effect before the business date
    """
    check_can(member, Capability.EDIT_GUIDANCE)
    said = _checked(member, title=title, effective_on=effective_on)
    change = _create(
        member.firm,
        title=said,
        why=why,
        effective_on=effective_on,
        author=member.user,
        status=VersionStatus.DRAFT,
        now=now,
    )
    _record("house_view_change.opened", change, member, now=now, reason=why)
    return change


def submitted_change(
    firm: Firm, *, title: str, why: str, effective_on: date, author: User, now: datetime
) -> HouseViewChange:
    """Begin a change that waits for approval at once: what a file or a corporate action brings."""
    change = _create(
        firm, title=title, why=why, effective_on=effective_on, author=author, status=VersionStatus.SUBMITTED, now=now
    )
    _record("house_view_change.submitted", change, author, now=now, reason=why)
    return change


def _create(
    firm: Firm, *, title: str, why: str, effective_on: date, author: User, status: VersionStatus, now: datetime
) -> HouseViewChange:
    Firm.objects.select_for_update().get(pk=firm.pk)  # numbers follow one another
    last: int | None = HouseViewChange.objects.filter(firm=firm).aggregate(last=Max("number"))["last"]
    return HouseViewChange.objects.create(
        firm=firm,
        number=(last or 0) + 1,
        title=title[:120],
        why=" ".join(why.split())[:400],
        status=status,
        effective_on=effective_on,
        author=author,
        created_at=now,
        edited_at=now,
        edited_by=author,
        editor_ids=[author.pk],
        submitted_at=now if status is VersionStatus.SUBMITTED else None,
    )


def _checked(member: Membership, *, title: str, effective_on: date) -> str:
    said = " ".join(title.split())
    faults = [] if said else ["Give the change a title."]
    business_on = member.firm.business_on
    if business_on is not None and effective_on < business_on:
        faults.append(f"It would take effect on {day(effective_on)}, before the business date, {day(business_on)}.")
    if faults:
        raise Invalid(" ".join(faults), faults=tuple(faults))
    return said


@transaction.atomic
def describe_change(
    member: Membership, *, change_id: int, revision: int, title: str, why: str, effective_on: date, now: datetime
) -> None:
    """
    Say anew what a draft is called, why it is made and from when it counts.

    :raises Conflict: somebody edited it meanwhile, or it is no draft any more
    """
    check_can(member, Capability.EDIT_GUIDANCE)
    change = draft_in_firm(member, change_id=change_id, revision=revision)
    said = _checked(member, title=title, effective_on=effective_on)
    change.title, change.why, change.effective_on = said[:120], " ".join(why.split())[:400], effective_on
    change.save(update_fields=["title", "why", "effective_on"])
    for kind in KINDS:
        kind._default_manager.filter(change=change).update(effective_on=effective_on)
    note_edit(change, member, what="details", now=now)


def draft_in_firm(member: Membership, *, change_id: int, revision: int) -> HouseViewChange:
    """
    Lock a draft of the member's firm for an edit of the revision that they saw.

    :raises NotFound: there is none
    :raises Conflict: somebody edited it meanwhile, or it is no draft any more
    """
    change = _locked(member, change_id)
    if change.status != VersionStatus.DRAFT:
        status = VersionStatus(change.status)
        raise Conflict(f"“{change.title}” {_WHAT[status]}: it is not edited any more.")
    if change.revision != revision:
        raise Conflict(f"{change.edited_by.full_name} edited “{change.title}” on {moment(change.edited_at)}.")
    return change


def _locked(member: Membership, change_id: int) -> HouseViewChange:
    rows = HouseViewChange.objects.select_for_update(of=("self",)).select_related("edited_by", "author")
    change = rows.filter(firm_id=member.firm_id, pk=change_id).first()
    if change is None:
        raise NotFound("This change of the house view does not exist.")
    return change


def note_edit(change: HouseViewChange, member: Membership, *, what: str, now: datetime) -> None:
    """Count the edit, so that whoever saw the draft before is told."""
    HouseViewChange.objects.filter(pk=change.pk).update(
        revision=F("revision") + 1,
        edited_at=now,
        edited_by=member.user,
        editor_ids=sorted({*change.editor_ids, member.user_id}),
    )
    _record("house_view_change.edited", change, member, now=now, what=what)


@transaction.atomic
def submit_change(member: Membership, *, change_id: int, revision: int, now: datetime) -> None:
    """
    Let a draft wait for a second person.

    :raises Conflict: somebody edited it meanwhile, or it is no draft any more
    :raises Invalid: it is empty, or the house view would not hold together with it
    """
    check_can(member, Capability.EDIT_GUIDANCE)
    change = draft_in_firm(member, change_id=change_id, revision=revision)
    _checked(member, title=change.title, effective_on=change.effective_on)
    _refuse_faults(change)
    HouseViewChange.objects.filter(pk=change.pk).update(submitted_at=now, decision_note="")
    _move(change, VersionStatus.DRAFT, VersionStatus.SUBMITTED)
    _record("house_view_change.submitted", change, member, now=now)


def _refuse_faults(change: HouseViewChange) -> None:
    faults = faults_of_change(change)
    if faults:
        raise Invalid(f"“{change.title}” does not hold together: {faults[0]}", faults=faults)


@transaction.atomic
def send_back_change(member: Membership, *, change_id: int, note: str, now: datetime) -> None:
    """
    Give a submitted change back to its author, who may edit it again.

    :raises Invalid: nothing says why
    :raises Conflict: it does not wait any more
    """
    check_can(member, Capability.APPROVE_GUIDANCE)
    change = _locked(member, change_id)
    said = " ".join(note.split())
    if not said:
        raise Invalid("Say what has to change, so that the author knows.")
    _move(change, VersionStatus.SUBMITTED, VersionStatus.DRAFT)
    rows = HouseViewChange.objects.filter(pk=change.pk)
    rows.update(decision_note=said[:400], submitted_at=None, revision=F("revision") + 1)
    _record("house_view_change.sent_back", change, member, now=now, reason=said)


@transaction.atomic
def approve_change(member: Membership, *, change_id: int, note: str = "", now: datetime) -> None:
    """
    Approve a submitted change: all of its versions count from its effective date on.

    :raises NotPermitted: the role does not approve, or the member made or edited it
    :raises Conflict: it does not wait any more
    :raises Invalid: the house view would no longer hold together with it
    """
    check_can(member, Capability.APPROVE_GUIDANCE)
    change = _locked(member, change_id)
    for maker_id in change.editor_ids:
        check_can_be_second_person(member, maker_id=maker_id, what="this change of the house view, or a part of it,")
    if change.status == VersionStatus.SUBMITTED:
        _refuse_faults(change)
    _move(change, VersionStatus.SUBMITTED, VersionStatus.APPROVED, approver=member.user, now=now)
    said = " ".join(note.split())
    HouseViewChange.objects.filter(pk=change.pk).update(decision_note=said[:400])
    apply_screens(change.firm, now=now)
    _record("house_view_change.approved", change, member, now=now, reason=said)


@transaction.atomic
def drop_change(member: Membership, *, change_id: int, reason: str, now: datetime) -> None:
    """
    Drop a draft or a submitted change for good; it stays readable.

    :raises Conflict: it is approved or dropped already
    """
    check_can(member, Capability.EDIT_GUIDANCE)
    change = _locked(member, change_id)
    if change.status not in (VersionStatus.DRAFT, VersionStatus.SUBMITTED):
        raise Conflict(f"“{change.title}” {_WHAT[VersionStatus(change.status)]} already.")
    said = " ".join(reason.split())
    if not said:
        raise Invalid("Say why it is dropped: the reason is kept.")
    _move(change, VersionStatus(change.status), VersionStatus.WITHDRAWN)
    rows = HouseViewChange.objects.filter(pk=change.pk)
    rows.update(decided_by=member.user, decided_at=now, decision_note=said[:400])
    _record("house_view_change.dropped", change, member, now=now, reason=said)


def _move(
    change: HouseViewChange,
    before: VersionStatus,
    after: VersionStatus,
    *,
    approver: User | None = None,
    now: datetime | None = None,
) -> None:
    """Compare and set the change and all of its versions."""
    decided = {} if approver is None else {"decided_by": approver, "decided_at": now}
    rows = HouseViewChange.objects.filter(pk=change.pk, status=before)
    if not rows.update(status=after, **decided):
        raise Conflict(f"“{change.title}” {_WHAT[VersionStatus(change.status)]}: somebody else was quicker.")
    approved = {} if approver is None else {"approved_by": approver, "approved_at": now}
    for kind in KINDS:
        kind._default_manager.filter(change=change).update(status=after, **approved)
    change.status = after


def versions_of(change: HouseViewChange) -> Iterator[Version]:
    """Yield everything that a change says."""
    for kind in KINDS:
        yield from kind._default_manager.filter(change=change).order_by("pk")


def _record(
    action: str,
    change: HouseViewChange,
    actor: Membership | User,
    *,
    now: datetime,
    reason: str = "",
    what: str = "",
) -> None:
    facts: dict[str, object] = {"number": change.number, "effective_on": change.effective_on}
    if what:
        facts["what"] = what
    audit.record(action, actor=actor, subject=change, firm_id=change.firm_id, data=facts, reason=reason, now=now)
