"""Reads of people, of the audit log, and of what must not sleep."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, cast

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now, TruncDate
from django.utils import timezone

from advisors.errors import NotFound
from advisors.models import AuditEvent, Delegation, Firm, Heartbeat, Membership, Role, User

EVENTS_A_PAGE: Final = 50
SECOND_FACTOR_POLICY: Final = "sign_in.second_factor_roles"


def _in_force(on: date) -> Q:
    return (
        Q(is_active=True, user__is_active=True)
        & (Q(starts_on__isnull=True) | Q(starts_on__lte=on))
        & (Q(ends_on__isnull=True) | Q(ends_on__gte=on))
    )


def memberships_of(user: AbstractBaseUser | AnonymousUser, *, on: date) -> tuple[Membership, ...]:
    """Return the memberships of a person that are in force, oldest first."""
    return tuple(
        Membership.objects.filter(_in_force(on), user_id=cast(int, user.pk))
        .select_related("firm", "user", "office")
        .order_by("pk")
    )


def membership_of(user: AbstractBaseUser | AnonymousUser, *, on: date, firm_id: int | None = None) -> Membership | None:
    """Return the membership that a person works under: of the firm they chose, else their oldest."""
    mine = memberships_of(user, on=on)
    return next((member for member in mine if member.firm_id == firm_id), mine[0] if mine else None)


def user_with_address(address: str) -> User | None:
    """Return the person who signs in with this address."""
    return User.objects.filter(email=address.strip().lower()).first()


def firm_with_slug(slug: str) -> Firm:
    """
    Return a firm by its short name.

    :raises NotFound: there is none
    """
    firm = Firm.objects.filter(slug=slug).first()
    if firm is None:
        raise NotFound(f"There is no firm with the short name {slug}.")
    return firm


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamRow:
    """One person of a firm, as the team page shows them."""

    membership_id: int
    name: str
    email: str
    role_label: str
    office: str
    is_active: bool
    is_me: bool
    has_second_factor: bool
    last_sign_in_at: datetime | None


def team_of(member: Membership) -> tuple[TeamRow, ...]:
    """Return everybody of the member's firm, those at work first, by role and name."""
    from allauth.mfa.models import Authenticator

    factors = Authenticator.objects.filter(user_id=OuterRef("user_id"), type=Authenticator.Type.TOTP)
    found = (
        Membership.objects.filter(firm_id=member.firm_id)
        .select_related("user", "office")
        .annotate(has_second_factor=Exists(factors))
    )
    rows = [
        TeamRow(
            membership_id=one.pk,
            name=one.user.full_name,
            email=one.user.email,
            role_label=Role(one.role).label,
            office=one.office.name if one.office else "",
            is_active=one.is_active and one.user.is_active,
            is_me=one.pk == member.pk,
            has_second_factor=one.has_second_factor,
            last_sign_in_at=one.user.last_login,
        )
        for one in found
    ]
    order = {role.label: place for place, role in enumerate(Role)}
    return tuple(sorted(rows, key=lambda row: (not row.is_active, order[row.role_label], row.name, row.membership_id)))


def membership_in_firm(member: Membership, membership_id: int) -> Membership:
    """
    Return a membership of the member's own firm.

    :raises NotFound: it is another firm's, or nobody's
    """
    found = Membership.objects.filter(firm_id=member.firm_id, pk=membership_id).select_related("user", "firm").first()
    if found is None:
        raise NotFound("Nobody of your firm is at this address.")
    return found


def lacks_second_factor(member: Membership) -> bool:
    """Tell whether the firm asks a second factor of this role, and the person has none; a query only where it asks."""
    if member.role not in member.firm.policies.get(SECOND_FACTOR_POLICY, ()):
        return False
    from allauth.mfa.models import Authenticator

    return not Authenticator.objects.filter(user_id=member.user_id, type=Authenticator.Type.TOTP).exists()


def second_factor_roles(member: Membership) -> tuple[Role, ...]:
    """Return the roles of which the firm asks a second factor."""
    asked = member.firm.policies.get(SECOND_FACTOR_POLICY, ())
    return tuple(role for role in Role if role in asked)


def advisors_represented_by(member: Membership) -> "QuerySet[Membership]":
    """Return the advisors whose books a member works today beside their own."""
    today = TruncDate(Now())
    live = Q(deputy=member, ended_at__isnull=True, starts_on__lte=today, ends_on__gte=today)
    return Membership.objects.filter(pk__in=Delegation.objects.filter(live).values("advisor_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationRow:
    """Who works whose book, from when until when, and why; `is_over` also when it was ended early."""

    id: int
    advisor: str
    deputy: str
    starts_on: date
    ends_on: date
    reason: str
    made_by: str
    is_live: bool
    is_over: bool


def delegations_of(member: Membership, membership_id: int, *, on: date) -> tuple[DelegationRow, ...]:
    """Return the delegations in which somebody of the firm is advisor or deputy, the latest first."""
    either = Q(advisor_id=membership_id) | Q(deputy_id=membership_id)
    rows = Delegation.objects.filter(either, firm_id=member.firm_id).order_by("-starts_on", "-pk")
    return tuple(
        DelegationRow(
            id=row.pk,
            advisor=row.advisor.user.full_name,
            deputy=row.deputy.user.full_name,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            reason=row.reason,
            made_by=row.made_by.full_name,
            is_live=row.ended_at is None and row.starts_on <= on <= row.ends_on,
            is_over=row.ended_at is not None or row.ends_on < on,
        )
        for row in rows.select_related("advisor__user", "deputy__user", "made_by")
    )


def other_advisors(member: Membership, membership_id: int) -> tuple[tuple[int, str], ...]:
    """Return membership id and name of the firm's active advisors, but for one."""
    rows = Membership.objects.filter(firm_id=member.firm_id, role=Role.ADVISOR, is_active=True)
    rows = rows.exclude(pk=membership_id).order_by("user__full_name", "pk")
    return tuple(rows.values_list("pk", "user__full_name"))


def offices_of(member: Membership) -> tuple[tuple[int, str], ...]:
    """Return id and name of the firm's offices."""
    return tuple(member.firm.offices.order_by("name", "pk").values_list("pk", "name"))


def people_of(member: Membership) -> tuple[tuple[int, str], ...]:
    """Return user id and name of everybody who is or was of the firm."""
    found = Membership.objects.filter(firm_id=member.firm_id).order_by("user__full_name", "pk")
    return tuple(found.values_list("user_id", "user__full_name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """What is looked for in the audit log; blank or None means everything."""

    person_id: int | None = None
    is_machine: bool = False
    action: str = ""
    subject_type: str = ""
    subject_id: str = ""
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One event as a page or a file shows it."""

    event_id: int
    happened_at: datetime
    who: str
    action: str
    subject: str
    reason: str
    source: str
    details: tuple[tuple[str, str], ...]
    sequence: int | None
    hash: str


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _events(member: Membership, query: AuditQuery) -> QuerySet[AuditEvent]:
    """Find the events of the member's own firm, newest first."""
    found = AuditEvent.objects.filter(firm_id=member.firm_id)
    if query.is_machine:
        found = found.filter(actor_id__isnull=True)
    elif query.person_id is not None:
        found = found.filter(actor_id=query.person_id)
    if query.action:
        found = found.filter(action__startswith=query.action)
    if query.subject_type:
        found = found.filter(subject_type=query.subject_type)
    if query.subject_id:
        found = found.filter(subject_id=query.subject_id)
    if query.starts_on:
        found = found.filter(happened_at__gte=_start_of(query.starts_on))
    if query.ends_on:
        found = found.filter(happened_at__lt=_start_of(query.ends_on + timedelta(days=1)))
    return found.order_by("-happened_at", "-pk")


def _row(event: AuditEvent) -> AuditRow:
    subject = f"{event.subject_type.replace('_', ' ')} {event.subject_id}".strip()
    return AuditRow(
        event_id=event.pk,
        happened_at=event.happened_at,
        who=event.actor_name or "Trimtab",
        action=event.action,
        subject=subject,
        reason=event.reason,
        source=event.source,
        details=tuple((key.replace("_", " "), _written(value)) for key, value in sorted(event.data.items())),
        sequence=event.sequence,
        hash=event.hash,
    )


def _written(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_written(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_written(one)}" for key, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def audit_page(member: Membership, query: AuditQuery, *, number: int | str) -> Page[AuditRow]:
    """Return one page of the firm's audit log, newest first."""
    page = Paginator(_events(member, query), EVENTS_A_PAGE).get_page(number)
    rows = [_row(event) for event in page.object_list]
    return Page(rows, page.number, cast("Paginator[AuditRow]", page.paginator))


def audit_rows(member: Membership, query: AuditQuery, *, limit: int) -> Iterator[AuditRow]:
    """Yield events for a file, newest first, at most `limit`."""
    for event in _events(member, query)[:limit].iterator(chunk_size=2_000):
        yield _row(event)


def audit_event_count(member: Membership, query: AuditQuery) -> int:
    """Return how many events a search finds."""
    return _events(member, query).count()


def heartbeats() -> dict[str, datetime]:
    """Return when each thing that must not sleep was last awake."""
    return dict(Heartbeat.objects.values_list("name", "beat_at"))
