"""The files that a firm received: the list, and one file with its accounts and faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import cast

from django.core.paginator import Page, Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from advisors.errors import NotFound
from advisors.models import Membership
from portfolios.custodians.registry import NAMES
from portfolios.models.imports import CustodianFile, FileFault, StagedAccount, StagedStatus

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One file in the list of files received."""

    pk: int
    name: str
    custodian: str
    kind: str
    as_of_on: date | None
    status: str
    status_label: str
    row_count: int
    received_at: datetime
    received_by: str
    account_count: int
    held_count: int
    fault_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """One fault or note of a file."""

    row: int | None
    column: str
    number_last4: str
    message: str
    is_note: bool

    @property
    def sentence(self) -> str:
        """Return place and message as one line."""
        places = [f"row {self.row}" if self.row else "", f"column {self.column}" if self.column else ""]
        place = ", ".join(part for part in places if part)
        return f"{place}: {self.message}" if place else self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRow:
    """One account of a file: what posting changes, or why it is held. `account_id` is None where nobody knows it."""

    account_id: int | None
    account_name: str
    household_name: str
    number_last4: str
    status: str
    status_label: str
    message: str
    change: Mapping[str, object]

    @property
    def sentence(self) -> str:
        """Return why, or what changes, in one line."""
        return self.message or _change_words(self.change)

    @property
    def reasons(self) -> Sequence[str]:
        """Return the reasons of adjusting events, opening balances left out."""
        told = self.change.get("reasons", [])
        return [str(one) for one in told if "opening balance" not in str(one)] if isinstance(told, list) else []


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSummary:
    """A file with its accounts and faults."""

    accounts: tuple[StagedRow, ...]
    faults: tuple[FaultRow, ...]

    def _count(self, status: StagedStatus) -> int:
        return sum(1 for account in self.accounts if account.status == status)

    @property
    def account_count(self) -> int:
        """Return how many accounts the file speaks of."""
        return len(self.accounts)

    @property
    def ready_count(self) -> int:
        """Return how many accounts would change."""
        return self._count(StagedStatus.READY)

    @property
    def posted_count(self) -> int:
        """Return how many accounts changed."""
        return self._count(StagedStatus.POSTED)

    @property
    def unchanged_count(self) -> int:
        """Return for how many accounts nothing changes."""
        return self._count(StagedStatus.UNCHANGED)

    @property
    def held_count(self) -> int:
        """Return how many accounts are held."""
        return self._count(StagedStatus.HELD)

    @property
    def fault_count(self) -> int:
        """Return how many faults there are, notes not counted."""
        return sum(1 for fault in self.faults if not fault.is_note)


def _change_words(change: Mapping[str, object]) -> str:
    words = []
    for key, singular, plural in (
        ("lots_opened", "lot opened", "lots opened"),
        ("lots_changed", "lot changed", "lots changed"),
        ("lots_closed", "lot closed", "lots closed"),
        ("sales", "sale booked", "sales booked"),
        ("past_events", "past event kept", "past events kept"),
    ):
        count = change.get(key, 0)
        if isinstance(count, int) and count:
            words.append(f"{count:,} {singular if count == 1 else plural}")
    before, after = change.get("cash_before_usd"), change.get("cash_after_usd")
    if isinstance(before, str) and isinstance(after, str) and Decimal(before) != Decimal(after):
        words.append(f"cash ${Decimal(before):,.2f} becomes ${Decimal(after):,.2f}")
    return ", ".join(words).capitalize() + "." if words else "Nothing changes." if change else ""


def file_summary(file: CustodianFile) -> FileSummary:
    """Return the accounts of a file, held ones first, and its faults, in two queries."""
    staged = StagedAccount.objects.filter(file=file).select_related("account__household").order_by("pk")
    rows = [
        StagedRow(
            account_id=one.account_id,
            account_name="" if one.account is None else one.account.name,
            household_name="" if one.account is None else one.account.household.name,
            number_last4=one.number_last4,
            status=one.status,
            status_label=one.get_status_display(),
            message=one.message,
            change=one.change,
        )
        for one in staged
    ]
    faults = FileFault.objects.filter(file=file).order_by("is_note", "pk")
    return FileSummary(
        accounts=tuple(
            sorted(rows, key=lambda row: (row.status != StagedStatus.HELD, row.status != StagedStatus.READY))
        ),
        faults=tuple(
            FaultRow(
                row=one.row, column=one.column, number_last4=one.number_last4, message=one.message, is_note=one.is_note
            )
            for one in faults
        ),
    )


def files_page(member: Membership, *, number: str) -> Page[FileRow]:
    """Return one page of the files that a firm received, newest first."""
    listed = (
        CustodianFile.objects.filter(firm_id=member.firm_id)
        .defer("content_encrypted")
        .select_related("received_by")
        .annotate(
            account_count=_count_of(StagedAccount.objects.all()),
            held_count=_count_of(StagedAccount.objects.filter(status=StagedStatus.HELD)),
            fault_count=_count_of(FileFault.objects.filter(is_note=False)),
        )
        .order_by("-received_at", "-pk")
    )
    page = Paginator(listed, PAGE_SIZE).get_page(number)
    return Page([_file_row(file) for file in page.object_list], page.number, cast("Paginator[FileRow]", page.paginator))


def _count_of(rows: QuerySet[StagedAccount] | QuerySet[FileFault]) -> Coalesce:
    counted = rows.filter(file=OuterRef("pk")).order_by().values("file").annotate(count=Count("pk"))
    return Coalesce(Subquery(counted.values("count")), 0)


def custodian_name(key: str) -> str:
    """Return how a custodian is spelled."""
    return NAMES.get(key, key)


def _file_row(file: CustodianFile) -> FileRow:
    return FileRow(
        pk=file.pk,
        name=file.name,
        custodian=custodian_name(file.custodian),
        kind=file.kind.replace("_", " "),
        as_of_on=file.as_of_on,
        status=file.status,
        status_label=file.get_status_display(),
        row_count=file.row_count,
        received_at=file.received_at,
        received_by="Import by command" if file.received_by is None else file.received_by.full_name,
        account_count=getattr(file, "account_count", 0),
        held_count=getattr(file, "held_count", 0),
        fault_count=getattr(file, "fault_count", 0),
    )


def file_of(member: Membership, file_id: int) -> CustodianFile:
    """
    Return one file of the member's firm, without its content.

    :raises NotFound: another firm's, or none
    """
    file = (
        CustodianFile.objects.filter(firm_id=member.firm_id, pk=file_id)
        .defer("content_encrypted")
        .select_related("received_by", "account", "firm")
        .first()
    )
    if file is None:
        raise NotFound("There is no such file.")
    return file
