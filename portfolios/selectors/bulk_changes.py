"""Bulk changes of preferences as their pages show them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet

from advisors.errors import NotFound
from advisors.models import Membership
from advisors.permissions import Role
from portfolios.models.bulk_changes import BulkChange, BulkChangeLine, BulkLineStatus, BulkOrigin, BulkStatus
from portfolios.models.households import Account, Standing
from portfolios.selectors.books import account_in_book, accounts_in_book

PAGE_SIZE: Final = 100
MOST_FOUND: Final = 20
_AT_WORK: Final = frozenset({BulkStatus.APPLYING, BulkStatus.UNDOING})


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRow:
    """One bulk change in the list; `counts` are its lines by status."""

    id: int
    title: str
    origin: str
    status: str
    by: str
    prepared_at: datetime
    decided_at: datetime | None
    undone_at: datetime | None
    undone_because: str
    counts: dict[str, int]
    is_own: bool

    @property
    def line_count(self) -> int:
        return sum(self.counts.values())

    @property
    def is_at_work(self) -> bool:
        return self.status in _AT_WORK


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkLine:
    """One line: for whom, what is asked, what stood before, and what became of it."""

    position: int
    account_id: int | None
    account: str
    household: str
    says: str
    was: str
    reason: str
    starts_on: date | None
    ends_on: date | None
    status: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPage:
    """A bulk change with a page of its lines, the refused ones first."""

    row: BulkRow
    lines: "Page[BulkLine]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChoice:
    """An account that preferences can be copied from, and how many of its own it has."""

    id: int
    name: str
    household: str
    own_count: int


def bulk_changes(member: Membership) -> tuple[BulkRow, ...]:
    """Return the last hundred bulk changes that a member may see, the newest first; two queries."""
    changes = list(_visible(member).order_by("-prepared_at", "-pk")[:100])
    counts = _counts([change.pk for change in changes])
    return tuple(_row(change, counts.get(change.pk, {}), member) for change in changes)


def bulk_page(member: Membership, bulk_change_id: int, *, page: str | None) -> BulkPage:
    """
    Return one bulk change; three queries for any number of lines.

    :raises NotFound: there is none, or it is another advisor's
    """
    change = _visible(member).filter(pk=bulk_change_id).first()
    if change is None:
        raise NotFound("This bulk change does not exist or is not yours.")
    counts = _counts([change.pk]).get(change.pk, {})
    paginator: Paginator[BulkChangeLine] = Paginator(_lines(change), PAGE_SIZE)
    shown = paginator.get_page(page)
    shown.object_list = [_line(line) for line in shown.object_list]  # type: ignore[misc]
    return BulkPage(row=_row(change, counts, member), lines=shown)  # type: ignore[arg-type]


def bulk_lines(member: Membership, bulk_change_id: int) -> Iterator[BulkLine]:
    """
    Yield every line of a bulk change.

    :raises NotFound: there is none, or it is another advisor's
    """
    change = _visible(member).filter(pk=bulk_change_id).first()
    if change is None:
        raise NotFound("This bulk change does not exist or is not yours.")
    return (_line(line) for line in _lines(change).iterator(chunk_size=1000))


def accounts_to_copy_from(member: Membership, account_id: int, *, search: str) -> tuple[AccountChoice, ...]:
    """
    Return accounts whose preferences another could take over: those of its household, or what a search finds.

    :raises NotFound: the account lies outside the member's book
    """
    account = account_in_book(member, account_id)
    rows = accounts_in_book(member).exclude(pk=account.pk).exclude(standing=Standing.CLOSED).filter(is_held_away=False)
    for word in search.split()[:6]:
        named = Q(name__icontains=word) | Q(household__name__icontains=word) | Q(external_ref__iexact=word)
        rows = rows.filter(named | Q(number_last4=word.lstrip("·.")))
    if not search.strip():
        rows = rows.filter(household_id=account.household_id)
    is_open = Q(preferences__ended_at__isnull=True, preferences__pk__isnull=False)
    rows = rows.annotate(
        settings=Count("preferences", filter=is_open, distinct=True),
        restricted=Count("restrictions", filter=Q(restrictions__ended_at__isnull=True), distinct=True),
    )
    return tuple(
        AccountChoice(
            id=row.pk,
            name=f"{row.name} ··{row.number_last4}",
            household=row.household.name,
            own_count=row.settings + row.restricted,
        )
        for row in rows.select_related("household").order_by("household__name", "name", "pk")[:MOST_FOUND]
    )


def name_in_book(member: Membership, account_id: int) -> str:
    """
    Return how an account is called at the top of a page.

    :raises NotFound: the account lies outside the member's book
    """
    account: Account = account_in_book(member, account_id)
    return f"{account.name} ··{account.number_last4}"


def _visible(member: Membership) -> "QuerySet[BulkChange]":
    rows = BulkChange.objects.filter(firm_id=member.firm_id).select_related("member__user")
    return rows.filter(member=member) if member.role == Role.ADVISOR else rows


def _counts(ids: list[int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    rows = BulkChangeLine.objects.filter(bulk_change_id__in=ids).values_list("bulk_change_id", "status")
    for pk, status, number in rows.annotate(number=Count("pk")):
        found.setdefault(pk, {})[status] = number
    return found


def _lines(change: BulkChange) -> "QuerySet[BulkChangeLine]":
    """Return the lines, what somebody has to look at first."""
    order = Q(status__in=(BulkLineStatus.REFUSED, BulkLineStatus.LEFT))
    rows = change.lines.select_related("account__household").annotate(is_good=~order)
    return rows.order_by("is_good", "position")


def _row(change: BulkChange, counts: dict[str, int], member: Membership) -> BulkRow:
    return BulkRow(
        id=change.pk,
        title=change.title,
        origin=BulkOrigin(change.origin).label,
        status=change.status,
        by=change.member.user.full_name,
        prepared_at=change.prepared_at,
        decided_at=change.decided_at,
        undone_at=change.undone_at,
        undone_because=change.undone_because,
        counts=counts,
        is_own=change.member_id == member.pk,
    )


def _line(line: BulkChangeLine) -> BulkLine:
    account = line.account
    return BulkLine(
        position=line.position,
        account_id=account.pk if account else None,
        account=f"{account.name} ··{account.number_last4}" if account else line.account_said,
        household=account.household.name if account else "",
        says=line.says,
        was=line.was,
        reason=line.reason,
        starts_on=line.starts_on,
        ends_on=line.ends_on,
        status=line.status,
        why=line.why,
    )
