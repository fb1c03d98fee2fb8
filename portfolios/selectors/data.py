"""What the Data pages show: files and their faults, held accounts, corporate actions, old prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Count, Max, Q

from advisors.errors import NotFound
from advisors.models import Firm, Membership, User
from portfolios.custodians.registry import NAMES
from portfolios.models.households import AccountHold, HoldKind
from portfolios.models.imports import CustodianFile, FileFault, StagedAccount, StagedStatus
from portfolios.models.market import CorporateAction
from portfolios.models.securities import Security
from portfolios.selectors.books import accounts_in_book

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
        """Return the reasons of adjusting events."""
        told = self.change.get("reasons", [])
        return [str(one) for one in told] if isinstance(told, list) else []


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


def files_of(member: Membership, *, page: int = 1) -> tuple[list[FileRow], int]:
    """Return one page of the files that a firm received, newest first, and how many there are."""
    files = CustodianFile.objects.filter(firm_id=member.firm_id)
    start = (max(page, 1) - 1) * PAGE_SIZE
    listed = (
        files.defer("content_encrypted")
        .select_related("received_by")
        .annotate(
            account_count=Count("accounts", distinct=True),
            held_count=Count("accounts", filter=Q(accounts__status=StagedStatus.HELD), distinct=True),
            fault_count=Count("faults", filter=Q(faults__is_note=False), distinct=True),
        )
        .order_by("-received_at", "-pk")[start : start + PAGE_SIZE]
    )
    return [_file_row(file) for file in listed], files.count()


def _file_row(file: CustodianFile) -> FileRow:
    return FileRow(
        pk=file.pk,
        name=file.name,
        custodian=NAMES.get(file.custodian, file.custodian),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """One open hold of an account."""

    pk: int
    account_id: int
    account_name: str
    number_last4: str
    household_id: int
    household_name: str
    advisor_name: str
    kind: str
    kind_label: str
    subject: str
    reason: str
    until_on: date | None
    placed_at: datetime
    placed_by: str
    held_days: int


def open_holds(member: Membership, *, kind: str = "", now: datetime) -> list[HoldRow]:
    """Return the open holds in a member's book, oldest first."""
    holds = AccountHold.objects.filter(account__in=accounts_in_book(member), lifted_at__isnull=True)
    if kind in HoldKind.values:
        holds = holds.filter(kind=kind)
    holds = holds.select_related("account__household__advisor__user", "placed_by").order_by("placed_at", "pk")
    return [
        HoldRow(
            pk=hold.pk,
            account_id=hold.account_id,
            account_name=hold.account.name,
            number_last4=hold.account.number_last4,
            household_id=hold.account.household_id,
            household_name=hold.account.household.name,
            advisor_name=hold.account.household.advisor.user.full_name,
            kind=hold.kind,
            kind_label=hold.get_kind_display(),
            subject=hold.subject,
            reason=hold.reason,
            until_on=hold.until_on,
            placed_at=hold.placed_at,
            placed_by="" if hold.placed_by is None else hold.placed_by.full_name,
            held_days=(now - hold.placed_at).days,
        )
        for hold in holds
    ]


def hold_in_book(member: Membership, hold_id: int) -> AccountHold:
    """
    Return one open hold in a member's book.

    :raises NotFound: outside the book, or lifted
    """
    holds = AccountHold.objects.filter(account__in=accounts_in_book(member), pk=hold_id, lifted_at__isnull=True)
    hold = holds.select_related("account").first()
    if hold is None:
        raise NotFound("There is no such hold; it may have been lifted.")
    return hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """One corporate action; `waiting_count` accounts of the firm are held for it."""

    symbol: str
    name: str
    kind: str
    effective_on: date
    ratio: Decimal | None
    status: str
    status_label: str
    source: str
    announced_at: datetime
    waiting_count: int


def corporate_actions(member: Membership) -> list[ActionRow]:
    """Return the newest corporate actions, with the accounts of the firm that wait for each."""
    waiting = (
        AccountHold.objects.filter(
            account__firm_id=member.firm_id, kind=HoldKind.CORPORATE_ACTION, lifted_at__isnull=True
        )
        .values("subject")
        .annotate(count=Count("pk"))
        .values_list("subject", "count")
    )
    counts = dict(waiting)
    actions = CorporateAction.objects.select_related("security").order_by("-effective_on", "-pk")[:PAGE_SIZE]
    return [
        ActionRow(
            symbol=action.security.symbol,
            name=action.security.name,
            kind=action.get_kind_display(),
            effective_on=action.effective_on,
            ratio=None if action.ratio is None else action.ratio.normalize(),
            status=action.status,
            status_label=action.get_status_display(),
            source=action.source,
            announced_at=action.announced_at,
            waiting_count=counts.get(action.security.symbol, 0),
        )
        for action in actions
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleRow:
    """One security whose missing or old price holds accounts."""

    symbol: str
    name: str
    last_on: date | None
    account_count: int


def stale_prices(member: Membership) -> list[StaleRow]:
    """Return the securities whose price holds accounts of the firm, with the day of their last price."""
    held = (
        AccountHold.objects.filter(account__firm_id=member.firm_id, kind=HoldKind.STALE_PRICE, lifted_at__isnull=True)
        .values("subject")
        .annotate(count=Count("account", distinct=True))
        .values_list("subject", "count")
    )
    counts = dict(held)
    securities = (
        Security.objects.filter(symbol__in=counts).annotate(last_on=Max("prices__priced_on")).order_by("symbol")
    )
    return [
        StaleRow(
            symbol=security.symbol,
            name=security.name,
            last_on=security.last_on,
            account_count=counts[security.symbol],
        )
        for security in securities
    ]


def firm_for_command(slug: str) -> Firm:
    """
    Return the firm that a command works for: the one named, or the only one.

    :raises NotFound: no such firm, or several and none named
    """
    firms = list(Firm.objects.filter(slug=slug) if slug else Firm.objects.order_by("pk")[:2])
    if len(firms) == 1:
        return firms[0]
    raise NotFound(f"There is no firm with the short name {slug}." if slug else "Name the firm with --firm.")


def user_for_command(email: str, *, firm_slug: str) -> User | None:
    """
    Return the person who runs a command, None where nobody is named.

    :raises NotFound: nobody of the firm signs in with this address
    """
    if not email:
        return None
    members = Membership.objects.filter(user__email=email.strip().lower(), firm=firm_for_command(firm_slug))
    member = members.select_related("user").first()
    if member is None:
        raise NotFound(f"Nobody of the firm signs in as {email}.")
    return member.user
