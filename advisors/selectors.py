"""Reads of people and of the audit log."""

from datetime import date

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q

from advisors.models import Membership


def _in_force(on: date) -> Q:
    return (
        Q(is_active=True, user__is_active=True)
        & (Q(starts_on__isnull=True) | Q(starts_on__lte=on))
        & (Q(ends_on__isnull=True) | Q(ends_on__gte=on))
    )


def memberships_of(user: AbstractBaseUser | AnonymousUser, *, on: date) -> tuple[Membership, ...]:
    """Return the memberships of a person that are in force, oldest first."""
    return tuple(
        Membership.objects.filter(_in_force(on), user_id=user.pk)
        .select_related("firm", "user", "office")
        .order_by("pk")
    )


def membership_of(
    user: AbstractBaseUser | AnonymousUser, *, on: date, firm_id: int | None = None
) -> Membership | None:
    """Return the membership that a person works under: of the firm they chose, else their oldest."""
    mine = memberships_of(user, on=on)
    return next((member for member in mine if member.firm_id == firm_id), mine[0] if mine else None)
