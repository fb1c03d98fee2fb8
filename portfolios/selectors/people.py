"""One person of the firm with their book: what an administrator changes, and what a person may see of themselves."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Q

from advisors import selectors
from advisors.errors import NotFound
from advisors.models import Membership
from advisors.permissions import Capability, Role, can
from advisors.selectors import DelegationRow
from portfolios.models.households import Household, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLine:
    """One household of a book."""

    id: int
    name: str
    account_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPage:
    """Somebody of the firm: what they are, their book, and who stands in for whom."""

    membership_id: int
    name: str
    email: str
    role: Role
    office: str
    office_id: int | None
    starts_on: date | None
    ends_on: date | None
    is_active: bool
    is_me: bool
    last_sign_in_at: datetime | None
    book: tuple[BookLine, ...]
    delegations: tuple[DelegationRow, ...]
    other_advisors: tuple[tuple[int, str], ...]
    offices: tuple[tuple[int, str], ...]

    @property
    def role_label(self) -> str:
        return str(self.role.label)


def person_page(member: Membership, membership_id: int, *, today: date) -> PersonPage:
    """
    Return somebody of the firm; people see themselves, administrators everybody.

    :raises NotFound: nobody of the firm, or somebody else
    """
    if membership_id != member.pk and not can(member, Capability.MANAGE_PEOPLE):
        raise NotFound("Nobody of your firm is at this address.")
    one = selectors.membership_in_firm(member, membership_id)
    is_open = ~Q(accounts__standing=Standing.CLOSED)
    book = Household.objects.filter(advisor=one).annotate(number=Count("accounts", filter=is_open))
    return PersonPage(
        membership_id=one.pk,
        name=one.user.full_name,
        email=one.user.email,
        role=Role(one.role),
        office=one.office.name if one.office else "",
        office_id=one.office_id,
        starts_on=one.starts_on,
        ends_on=one.ends_on,
        is_active=one.is_active and one.user.is_active,
        is_me=one.pk == member.pk,
        last_sign_in_at=one.user.last_login,
        book=tuple(BookLine(id=row.pk, name=row.name, account_count=row.number) for row in book.order_by("name", "pk")),
        delegations=selectors.delegations_of(member, one.pk, on=today),
        other_advisors=selectors.other_advisors(member, one.pk),
        offices=selectors.offices_of(member),
    )
