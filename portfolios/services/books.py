"""Whose book a household is in: handed over whole or in part, and never left behind by who changes their role."""

from collections.abc import Collection
from datetime import date, datetime

from django.db import transaction

from advisors import audit, selectors, services
from advisors.errors import Conflict, Invalid
from advisors.models import Membership
from advisors.permissions import Capability, Role, check_can
from advisors.services import Place
from portfolios.models.households import Household


@transaction.atomic
def change_place(
    member: Membership, *, membership_id: int, new: Place, seen: Place, reason: str, today: date, now: datetime
) -> Membership:
    """
    Change role, office or days of somebody; an advisor's households follow to their new office.

    :raises NotPermitted: the member does not manage people
    :raises NotFound: nobody of the firm
    :raises Conflict: it is the member's own place, or somebody changed it meanwhile
    :raises Invalid: an advisor would leave a book behind, or what `advisors.services.change_place` refuses
    """
    check_can(member, Capability.MANAGE_PEOPLE)
    other = selectors.membership_in_firm(member, membership_id)
    count = Household.objects.filter(advisor=other).count()
    leaves = new.role is not Role.ADVISOR or (new.ends_on is not None and new.ends_on < today)
    if count and leaves:
        raise Invalid(
            f"{other.user.full_name} has {count} household{'' if count == 1 else 's'}. Hand the book over first."
        )
    changed = services.change_place(member, membership_id=membership_id, new=new, seen=seen, reason=reason, now=now)
    if changed.office_id is not None and new.role is Role.ADVISOR:
        Household.objects.filter(advisor=changed).update(office_id=changed.office_id)
    return changed


@transaction.atomic
def hand_over(
    member: Membership,
    *,
    from_id: int,
    to_id: int,
    household_ids: Collection[int] | None,
    reason: str,
    now: datetime,
) -> int:
    """
    Give households from one advisor's book to another's, all of them where none are named; return how many.

    :raises NotPermitted: the member does not manage people
    :raises NotFound: one of the two is nobody of the firm
    :raises Invalid: the other is no active advisor with an office, or there is nothing to give
    :raises Conflict: a household named is not in the book any more
    """
    check_can(member, Capability.MANAGE_PEOPLE)
    giver = selectors.membership_in_firm(member, from_id)
    taker = selectors.membership_in_firm(member, to_id)
    if taker.pk == giver.pk or taker.role != Role.ADVISOR or not taker.is_active or taker.office_id is None:
        raise Invalid("A book is handed to another active advisor who has an office.")
    book = Household.objects.select_for_update().filter(advisor=giver)
    rows = list(book if household_ids is None else book.filter(pk__in=household_ids))
    if household_ids is not None and len(rows) != len(set(household_ids)):
        raise Conflict("Some of these households are not in this book any more. Look again.")
    if not rows:
        raise Invalid("There is no household to hand over.")
    Household.objects.filter(pk__in=[row.pk for row in rows]).update(advisor=taker, office_id=taker.office_id)
    for row in rows:
        audit.record(
            "household.handed_over",
            actor=member,
            subject=row,
            household_id=row.pk,
            data={"old_advisor_id": giver.pk, "new_advisor_id": taker.pk, "office_id": taker.office_id},
            reason=reason,
            now=now,
        )
    return len(rows)
