"""A deputy for a while: who works an advisor's book beside their own. Every writing leaves an audit event."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import transaction

from advisors import audit, permissions, selectors
from advisors.errors import Conflict, Invalid, NotFound
from advisors.models import Delegation, Membership, Role
from advisors.permissions import Capability

MOST_DAYS: Final = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelegation:
    """Who stands in for whom, from one day to another, and why."""

    advisor_id: int
    deputy_id: int
    starts_on: date
    ends_on: date
    reason: str


@transaction.atomic
def delegate(member: Membership, new: NewDelegation, *, today: date, now: datetime) -> Delegation:
    """
    Let a deputy work an advisor's book; advisors do so for their own, administrators for everybody's.

    :raises NotPermitted: it is somebody else's book and the member does not manage people
    :raises NotFound: one of them is nobody of the firm
    :raises Invalid: they are not two active advisors, or the days do not fit
    """
    _check_may(member, new.advisor_id)
    advisor = selectors.membership_in_firm(member, new.advisor_id)
    deputy = selectors.membership_in_firm(member, new.deputy_id)
    faults = []
    if advisor.pk == deputy.pk or {advisor.role, deputy.role} != {Role.ADVISOR}:
        faults.append("A book is given to another advisor.")
    if not deputy.is_active:
        faults.append(f"{deputy.user.full_name} is not active.")
    if new.ends_on < new.starts_on:
        faults.append("It would end before it starts.")
    if new.ends_on < today:
        faults.append("It would be over already.")
    if (new.ends_on - new.starts_on).days >= MOST_DAYS:
        faults.append("A deputy stands in for a year at most. Hand the book over instead.")
    if faults:
        raise Invalid(" ".join(faults), faults=tuple(faults))
    made = Delegation.objects.create(
        firm_id=member.firm_id,
        advisor=advisor,
        deputy=deputy,
        starts_on=new.starts_on,
        ends_on=new.ends_on,
        reason=new.reason,
        made_at=now,
        made_by=member.user,
    )
    facts = {
        "advisor_id": advisor.pk,
        "deputy_id": deputy.pk,
        "starts_on": new.starts_on,
        "ends_on": new.ends_on,
    }
    audit.record("delegation.made", actor=member, subject=made, data=facts, reason=new.reason, now=now)
    return made


@transaction.atomic
def end_delegation(member: Membership, delegation_id: int, *, now: datetime) -> Delegation:
    """
    End a delegation before its last day.

    :raises NotFound: the firm has none of this number
    :raises NotPermitted: it is of somebody else's book and the member does not manage people
    :raises Conflict: it was ended already
    """
    row = Delegation.objects.filter(pk=delegation_id, firm_id=member.firm_id).select_related("deputy__user").first()
    if row is None:
        raise NotFound("There is no such delegation in your firm.")
    _check_may(member, row.advisor_id)
    if not Delegation.objects.filter(pk=row.pk, ended_at__isnull=True).update(ended_at=now, ended_by=member.user):
        raise Conflict("It was ended already.")
    audit.record("delegation.ended", actor=member, subject=row, data={"deputy_id": row.deputy_id}, now=now)
    return row


def _check_may(member: Membership, advisor_id: int) -> None:
    if advisor_id != member.pk or member.role != Role.ADVISOR:
        permissions.check_can(member, Capability.MANAGE_PEOPLE)
