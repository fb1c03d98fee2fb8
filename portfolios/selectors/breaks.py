"""Breaks in a member's book: the list with its filters, their ages, and how many there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db.models import Count, Min, Q, QuerySet

from advisors.errors import NotFound
from advisors.models import Membership
from advisors.permissions import Capability, roles_with
from portfolios.custodians.registry import NAMES
from portfolios.ledger.business_days import business_days_between
from portfolios.models.households import AccountHold, HoldKind
from portfolios.models.imports import Break, BreakKind
from portfolios.selectors.books import accounts_in_book
from portfolios.selectors.break_policies import break_policy_of

BREAK_KINDS: Final[tuple[tuple[str, str], ...]] = tuple((kind.value, str(kind.label)) for kind in BreakKind)
MAX_ROWS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakFilter:
    """Which breaks are asked for; "" and 0 ask for all."""

    kind: str = ""
    custodian: str = ""
    is_mine: bool = False
    least_days: int = 0
    account_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakRow:
    """
    One open break.

    `age_days` are business days since it was found. `holds_in_days` says in how many more it holds its account, None
    where it does so already.
    """

    pk: int
    account_id: int
    account_name: str
    number_last4: str
    household_name: str
    custodian: str
    symbol: str
    kind: str
    kind_label: str
    message: str
    note: str
    size_usd: Decimal | None
    ledger_units: Decimal | None
    custodian_units: Decimal | None
    ledger_usd: Decimal | None
    custodian_usd: Decimal | None
    found_on: date | None
    age_days: int
    assigned_to_id: int | None
    assigned_to: str
    is_mine: bool
    is_held: bool
    holds_in_days: int | None
    can_accept: bool

    @property
    def subject(self) -> str:
        """Return what differs: a symbol, or cash."""
        return self.symbol or "Cash"

    @property
    def sentence(self) -> str:
        """Return the message without the symbol that it begins with."""
        told = self.message.removeprefix(f"{self.symbol}: ")
        return told[:1].upper() + told[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakCounts:
    """How many breaks are open in a book, since when the oldest, and how many nobody has."""

    open_count: int
    unassigned_count: int
    mine_count: int
    oldest_days: int


def open_breaks(member: Membership) -> QuerySet[Break]:
    """Return the open breaks of the accounts in a member's book."""
    return Break.objects.filter(account__in=accounts_in_book(member), resolved_at__isnull=True)


def break_counts(member: Membership) -> BreakCounts:
    """Count the open breaks of a book; one query."""
    found = open_breaks(member).aggregate(
        number=Count("pk"),
        unassigned=Count("pk", filter=Q(assigned_to__isnull=True)),
        mine=Count("pk", filter=Q(assigned_to_id=member.user_id)),
        oldest=Min("found_on"),
    )
    return BreakCounts(
        open_count=found["number"],
        unassigned_count=found["unassigned"],
        mine_count=found["mine"],
        oldest_days=_age(found["oldest"], member.firm.business_on),
    )


def break_rows(member: Membership, asked: BreakFilter) -> list[BreakRow]:
    """Return the open breaks of a book, the oldest first, then the largest; two queries."""
    rows = open_breaks(member)
    if asked.kind in BreakKind.values:
        rows = rows.filter(kind=asked.kind)
    if asked.custodian:
        rows = rows.filter(account__custodian=asked.custodian)
    if asked.is_mine:
        rows = rows.filter(assigned_to_id=member.user_id)
    if asked.account_id:
        rows = rows.filter(account_id=asked.account_id)
    listed = list(
        rows.select_related("account__household", "security", "assigned_to").order_by("found_on", "-size_usd", "pk")[
            :MAX_ROWS
        ]
    )
    held = _held(listed)
    made = [_row(row, member, held) for row in listed]
    return [row for row in made if row.age_days >= asked.least_days]


def _held(rows: list[Break]) -> set[tuple[int, str]]:
    holds = AccountHold.objects.filter(
        account_id__in={row.account_id for row in rows}, kind=HoldKind.POSITION_BREAK, lifted_at__isnull=True
    )
    return set(holds.values_list("account_id", "subject"))


def hold_subject(row: Break) -> str:
    """Return the subject of the hold that a break places on its account."""
    symbol = "cash" if row.security is None else row.security.symbol
    return f"gain {symbol}" if row.kind == BreakKind.GAIN else symbol


def _row(row: Break, member: Membership, held: set[tuple[int, str]]) -> BreakRow:
    policy = break_policy_of(member.firm)
    age = _age(row.found_on, member.firm.business_on)
    is_held = (row.account_id, hold_subject(row)) in held
    return BreakRow(
        pk=row.pk,
        account_id=row.account_id,
        account_name=row.account.name,
        number_last4=row.account.number_last4,
        household_name=row.account.household.name,
        custodian=NAMES.get(row.account.custodian, row.account.custodian),
        symbol="" if row.security is None else row.security.symbol,
        kind=row.kind,
        kind_label=row.get_kind_display(),
        message=row.message,
        note=row.note,
        size_usd=row.size_usd,
        ledger_units=row.ledger_units,
        custodian_units=row.custodian_units,
        ledger_usd=row.ledger_usd,
        custodian_usd=row.custodian_usd,
        found_on=row.found_on,
        age_days=age,
        assigned_to_id=row.assigned_to_id,
        assigned_to="" if row.assigned_to is None else row.assigned_to.full_name,
        is_mine=row.assigned_to_id == member.user_id,
        is_held=is_held,
        holds_in_days=None if is_held else max(0, policy.hold_after_days - age),
        can_accept=row.kind != BreakKind.GAIN and row.file_id is not None,
    )


def _age(found_on: date | None, business_on: date | None) -> int:
    return 0 if found_on is None or business_on is None else business_days_between(found_on, business_on)


def break_in_book(member: Membership, break_id: int) -> Break:
    """
    Return one open break in a member's book.

    :raises NotFound: outside the book, or resolved
    """
    row = open_breaks(member).filter(pk=break_id).select_related("account__firm", "security", "file").first()
    if row is None:
        raise NotFound("There is no such break; it may have been resolved.")
    return row


def people_for_breaks(member: Membership) -> list[tuple[int, str]]:
    """Return who of the firm can be given a break: active people who may resolve exceptions, by user id."""
    people = Membership.objects.filter(firm_id=member.firm_id, is_active=True, user__is_active=True)
    if not member.firm.is_single_operator:
        people = people.filter(role__in=roles_with(Capability.RESOLVE_EXCEPTIONS))
    return list(people.order_by("user__full_name", "pk").values_list("user_id", "user__full_name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRow:
    """One break that was resolved lately, and how."""

    account_id: int
    account_name: str
    subject: str
    kind_label: str
    decision_label: str
    resolution: str
    resolved_by: str
    resolved_at: datetime
    is_standing: bool


def resolved_lately(member: Membership, *, limit: int = 20) -> list[ResolvedRow]:
    """Return the breaks of a book that were resolved last, the newest first."""
    rows = Break.objects.filter(account__in=accounts_in_book(member), resolved_at__isnull=False)
    rows = rows.select_related("account", "security", "resolved_by").order_by("-resolved_at", "-pk")
    return [
        ResolvedRow(
            account_id=row.account_id,
            account_name=row.account.name,
            subject="Cash" if row.security is None else row.security.symbol,
            kind_label=row.get_kind_display(),
            decision_label=row.get_decision_display() if row.decision else "",
            resolution=row.resolution,
            resolved_by="" if row.resolved_by is None else row.resolved_by.full_name,
            resolved_at=row.resolved_at,
            is_standing=row.is_standing,
        )
        for row in rows[:limit]
        if row.resolved_at is not None
    ]


def custodian_choices(member: Membership) -> Mapping[str, str]:
    """Return the custodians at which a book has accounts, as they are spelled."""
    keys = accounts_in_book(member).filter(is_held_away=False).values_list("custodian", flat=True).distinct()
    return {key: NAMES.get(key, key) for key in sorted(set(keys))}
