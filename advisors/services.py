"""Writes of people: firms, offices, users and what they are in a firm. Every one leaves an audit event."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from advisors import audit, permissions, selectors
from advisors.errors import Conflict, Invalid
from advisors.models import BookOfRecord, Firm, Heartbeat, Membership, Office, Role, User
from advisors.permissions import Capability
from advisors.selectors import SECOND_FACTOR_POLICY


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFirm:
    """What a firm starts with."""

    name: str
    slug: str
    business_on: date | None = None
    is_single_operator: bool = False
    book_of_record: BookOfRecord = BookOfRecord.CUSTODIAN
    defaults: Mapping[str, object] = field(default_factory=dict)
    policies: Mapping[str, object] = field(default_factory=dict)
    mark: str = ""


@transaction.atomic
def create_firm(new: NewFirm, *, actor: User | None, now: datetime) -> Firm:
    """
    Create a firm.

    :raises Conflict: the short name is taken
    """
    if Firm.objects.filter(slug=new.slug).exists():
        raise Conflict(f"There is already a firm with the short name {new.slug}.")
    firm = Firm.objects.create(
        name=new.name,
        slug=new.slug,
        business_on=new.business_on,
        is_single_operator=new.is_single_operator,
        book_of_record=new.book_of_record,
        defaults=dict(new.defaults),
        policies=dict(new.policies),
        mark=new.mark,
        created_at=now,
    )
    facts = {"slug": firm.slug, "is_single_operator": firm.is_single_operator, "book_of_record": firm.book_of_record}
    audit.record("firm.created", actor=actor, subject=firm, firm_id=firm.pk, data=facts, now=now)
    return firm


@transaction.atomic
def advance_business_date(firm: Firm, *, to: date, actor: User | None, now: datetime) -> bool:
    """Set the firm's business date when `to` is later; return whether it moved. It never goes back."""
    rows = Firm.objects.filter(pk=firm.pk).exclude(business_on__gte=to).update(business_on=to)
    if rows:
        audit.record(
            "firm.business_date_advanced", actor=actor, subject=firm, firm_id=firm.pk, data={"business_on": to}, now=now
        )
        firm.business_on = to
    return bool(rows)


@transaction.atomic
def create_office(firm: Firm, *, name: str, actor: User | None, now: datetime) -> Office:
    """
    Create an office of a firm.

    :raises Conflict: the firm has one of this name
    """
    if Office.objects.filter(firm=firm, name=name).exists():
        raise Conflict(f"{firm.name} already has an office called {name}.")
    office = Office.objects.create(firm=firm, name=name)
    audit.record("office.created", actor=actor, subject=office, firm_id=firm.pk, data={"name": name}, now=now)
    return office


def _checked_password(user: User, password: str) -> str:
    try:
        validate_password(password, user)
    except ValidationError as fault:
        raise Invalid("This password is not allowed.", faults=tuple(fault.messages)) from fault
    return password


@transaction.atomic
def create_user(*, email: str, full_name: str, password: str | None, actor: User | None, now: datetime) -> User:
    """
    Create somebody who signs in. Without a password they set one by the link of "forgotten password".

    The address counts as confirmed: an administrator vouches for it.

    :raises Invalid: no address, no name, or a password against the rules
    :raises Conflict: the address is taken
    """
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as fault:
        raise Invalid(f"{email!r} is not an e-mail address.") from fault
    if not full_name.strip():
        raise Invalid("A person needs a name.")
    if User.objects.filter(email=address).exists():
        raise Conflict(f"Somebody already signs in as {address}.")
    user = User(email=address, full_name=full_name.strip(), created_at=now)
    if password is None:
        user.set_unusable_password()
    else:
        user.set_password(_checked_password(user, password))
    user.save()
    EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
    audit.record("user.created", actor=actor, subject=user, data={"has_password": password is not None}, now=now)
    return user


@transaction.atomic
def set_password(user: User, *, password: str, actor: User | None, now: datetime) -> None:
    """
    Set somebody's password; their sessions elsewhere end.

    :raises Invalid: the password is against the rules
    """
    user.set_password(_checked_password(user, password))
    user.save(update_fields=["password"])
    audit.record("user.password_set", actor=actor, subject=user, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMembership:
    """What somebody becomes in a firm."""

    role: Role
    office: Office | None = None
    starts_on: date | None = None
    ends_on: date | None = None


@transaction.atomic
def add_membership(user: User, firm: Firm, new: NewMembership, *, actor: User | None, now: datetime) -> Membership:
    """
    Make a person a member of a firm.

    :raises Conflict: they are one already
    :raises Invalid: the office is another firm's, or it would end before it starts
    """
    if Membership.objects.filter(user=user, firm=firm).exists():
        raise Conflict(f"{user.full_name} already belongs to {firm.name}.")
    if new.office is not None and new.office.firm_id != firm.pk:
        raise Invalid(f"The office {new.office.name} does not belong to {firm.name}.")
    if new.starts_on and new.ends_on and new.ends_on < new.starts_on:
        raise Invalid("A membership cannot end before it starts.")
    member = Membership.objects.create(
        user=user,
        firm=firm,
        role=new.role,
        office=new.office,
        starts_on=new.starts_on,
        ends_on=new.ends_on,
        created_at=now,
    )
    facts = {
        "user_id": user.pk,
        "role": new.role,
        "office_id": new.office.pk if new.office else None,
        "starts_on": new.starts_on,
        "ends_on": new.ends_on,
    }
    audit.record("membership.added", actor=actor, subject=member, firm_id=firm.pk, data=facts, now=now)
    return member


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """Whom an administrator invites."""

    email: str
    full_name: str
    role: Role
    office_id: int | None = None


@transaction.atomic
def invite(member: Membership, person: NewPerson, *, now: datetime) -> Membership:
    """
    Bring somebody into the member's firm; who signs in already keeps their password, who does not sets one by link.

    :raises NotPermitted: the member does not manage people
    :raises Invalid: no address, no name, or another firm's office
    :raises Conflict: they belong to the firm already
    """
    permissions.check_can(member, Capability.MANAGE_PEOPLE)
    user = selectors.user_with_address(person.email)
    if user is None:
        user = create_user(email=person.email, full_name=person.full_name, password=None, actor=member.user, now=now)
    office = Office.objects.filter(pk=person.office_id).first() if person.office_id else None
    new = NewMembership(role=person.role, office=office)
    return add_membership(user, member.firm, new, actor=member.user, now=now)


@transaction.atomic
def set_active(member: Membership, *, membership_id: int, is_active: bool, now: datetime) -> Membership:
    """
    End somebody's work in the member's firm, or take it up again. Nothing that they did is touched.

    :raises NotPermitted: the member does not manage people
    :raises NotFound: nobody of the firm
    :raises Conflict: it is so already, or it is the member's own
    """
    permissions.check_can(member, Capability.MANAGE_PEOPLE)
    other = selectors.membership_in_firm(member, membership_id)
    if other.pk == member.pk:
        raise Conflict("You cannot end your own membership. Ask another administrator.")
    rows = Membership.objects.filter(pk=other.pk, is_active=not is_active).update(is_active=is_active)
    if not rows:
        raise Conflict(f"{other.user.full_name} is already {'active' if is_active else 'inactive'}.")
    action = "membership.resumed" if is_active else "membership.ended"
    audit.record(action, actor=member, subject=other, data={"user_id": other.user_id, "role": other.role}, now=now)
    other.is_active = is_active
    return other


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What somebody is in a firm, and from when until when."""

    role: Role
    office_id: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None


def place_of(member: Membership) -> Place:
    """Return what a member is."""
    return Place(role=Role(member.role), office_id=member.office_id, starts_on=member.starts_on, ends_on=member.ends_on)


@transaction.atomic
def change_place(
    member: Membership, *, membership_id: int, new: Place, seen: Place, reason: str, now: datetime
) -> Membership:
    """
    Make somebody something else in the member's firm; `seen` is what the form showed.

    Whether an advisor may leave a book behind is for `portfolios.services.books` to say, which calls this.
    :raises NotPermitted: the member does not manage people
    :raises NotFound: nobody of the firm
    :raises Conflict: it is the member's own place, or somebody changed it meanwhile
    :raises Invalid: another firm's office, an advisor without one, or an end before the start
    """
    permissions.check_can(member, Capability.MANAGE_PEOPLE)
    other = selectors.membership_in_firm(member, membership_id)
    if other.pk == member.pk:
        raise Conflict("You cannot change your own role. Ask another administrator.")
    if place_of(other) != seen:
        raise Conflict(f"Somebody changed what {other.user.full_name} is meanwhile. Look again.")
    if new.office_id is not None and new.office_id not in dict(selectors.offices_of(member)):
        raise Invalid("This office does not belong to your firm.")
    if new.role is Role.ADVISOR and new.office_id is None:
        raise Invalid("An advisor works in an office. Choose one.")
    if new.starts_on and new.ends_on and new.ends_on < new.starts_on:
        raise Invalid("It would end before it starts.")
    if new == seen:
        return other
    values = {"role": new.role, "office_id": new.office_id, "starts_on": new.starts_on, "ends_on": new.ends_on}
    old = {"role": seen.role, "office_id": seen.office_id, "starts_on": seen.starts_on, "ends_on": seen.ends_on}
    if not Membership.objects.filter(pk=other.pk, **old).update(**values):
        raise Conflict(f"Somebody changed what {other.user.full_name} is meanwhile. Look again.")
    changed = {name: {"old": old[name], "new": value} for name, value in values.items() if value != old[name]}
    audit.record("membership.changed", actor=member, subject=other, data=changed, reason=reason, now=now)
    other.refresh_from_db()
    return other


@transaction.atomic
def require_second_factor(member: Membership, *, roles: Collection[Role], now: datetime) -> None:
    """
    Say which roles need a second factor to sign in; who has none is led to set one up before anything else.

    :raises NotPermitted: the member does not change the firm's settings
    """
    permissions.check_can(member, Capability.MANAGE_SETTINGS)
    firm = Firm.objects.select_for_update().get(pk=member.firm_id)
    old = firm.policies.get(SECOND_FACTOR_POLICY, [])
    new = sorted(role.value for role in roles)
    if sorted(old) == new:
        return
    firm.policies[SECOND_FACTOR_POLICY] = new
    firm.save(update_fields=["policies"])
    audit.record(
        "firm.second_factor_required", actor=member, subject=firm, data={"old": sorted(old), "new": new}, now=now
    )


def beat(name: str, *, now: datetime) -> None:
    """Write down that something is awake."""
    Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": now})


def record_sign_in(user: User, *, action: str, now: datetime) -> None:
    """Write down that somebody signed in or out, or that a factor of theirs changed, in each firm they belong to."""
    with transaction.atomic():
        firm_ids: list[int | None] = [member.firm_id for member in selectors.memberships_of(user, on=now.date())]
        for firm_id in firm_ids or [None]:
            audit.record(action, actor=user, subject=user, firm_id=firm_id, now=now)
