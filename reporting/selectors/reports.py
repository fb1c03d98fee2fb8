"""Reports as pages show them: those of the member's own book, newest first."""

from dataclasses import dataclass
from datetime import date, datetime

import zstandard
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

from advisors.errors import NotFound
from advisors.models import Membership
from portfolios.models.households import Account
from portfolios.selectors.books import account_in_book, accounts_in_book
from rebalancing.selectors.facts import account_label, proposal_in_book
from reporting.measures.facts import ReportFacts, parse_facts
from reporting.models import OPEN_REPORT, Report, ReportKind, ReportStatus

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """One line of the list."""

    id: int
    household: str
    household_id: int
    account: str
    account_id: int
    period_starts_on: date
    period_ends_on: date
    kind: str
    kind_label: str
    status: str
    page_count: int
    requested_at: datetime
    requested_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """One report: where it stands, what it says, and its file."""

    row: ReportRow
    message: str
    finished_at: datetime | None
    content_sha256: str
    same_as_id: int | None
    facts: ReportFacts | None

    @property
    def is_open(self) -> bool:
        """Tell whether it is still being made."""
        return self.row.status in OPEN_REPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSubject:
    """The account that a report is asked for, and the days it may cover."""

    account_id: int
    account: str
    household: str
    household_id: int
    business_on: date | None
    proposal_id: int | None


def reports_in_book(member: Membership) -> QuerySet[Report]:
    """Return the reports on accounts of the member's book, without facts and file."""
    return (
        Report.objects.filter(firm_id=member.firm_id, account__in=accounts_in_book(member))
        .select_related("account", "household", "requested_by")
        .defer("facts", "content")
    )


def report_rows(
    member: Membership, *, page: int | str = 1, account_id: int | None = None, household_id: int | None = None
) -> "Page[ReportRow]":
    """Return one page of the list, or of one account's or household's part of it, newest first; two queries."""
    found = reports_in_book(member).order_by("-requested_at", "-pk")
    if account_id is not None:
        found = found.filter(account_id=account_id)
    if household_id is not None:
        found = found.filter(household_id=household_id)
    pages = Paginator(found, PAGE_SIZE)
    shown = pages.get_page(page)
    return Page([_row(report) for report in shown.object_list], shown.number, pages)  # type: ignore[arg-type]


def report_in_book(member: Membership, report_id: int) -> Report:
    """
    Return one report, without facts and file.

    :raises NotFound: it does not exist or lies outside the member's book
    """
    report = reports_in_book(member).filter(pk=report_id).first()
    if report is None:
        raise NotFound("This report does not exist or is not in your book.")
    return report


def report_page(member: Membership, report_id: int) -> ReportPage:
    """
    Return what the page of a report shows; its facts when it is ready.

    :raises NotFound: it does not exist or lies outside the member's book
    """
    report = report_in_book(member, report_id)
    return ReportPage(
        row=_row(report),
        message=report.message,
        finished_at=report.finished_at,
        content_sha256=report.content_sha256,
        same_as_id=report.same_as_id,
        facts=stored_facts(report)
        if report.status == ReportStatus.READY and report.kind == ReportKind.CLIENT
        else None,
    )


def stored_facts(report: Report) -> ReportFacts | None:
    """Read back what a report printed."""
    return None if report.facts is None else parse_facts(zstandard.decompress(bytes(report.facts)))


def report_subject(member: Membership, account_id: int, *, proposal_id: int | None = None) -> ReportSubject:
    """
    Return the account that a report is asked for.

    :raises NotFound: account or proposal lie outside the member's book, or do not belong together
    """
    account = account_in_book(member, account_id)
    if proposal_id is not None and proposal_in_book(member, proposal_id).account_id != account.pk:
        raise NotFound("This proposal is not one of this account.")
    return ReportSubject(
        account_id=account.pk,
        account=account_label(account),
        household=account.household.name,
        household_id=account.household_id,
        business_on=member.firm.business_on,
        proposal_id=proposal_id,
    )


def _row(report: Report) -> ReportRow:
    account: Account = report.account
    return ReportRow(
        id=report.pk,
        household=report.household.name,
        household_id=report.household_id,
        account=account_label(account),
        account_id=account.pk,
        period_starts_on=report.period_starts_on,
        period_ends_on=report.period_ends_on,
        kind=report.kind,
        kind_label=report.get_kind_display(),
        status=report.status,
        page_count=report.page_count,
        requested_at=report.requested_at,
        requested_by=report.requested_by.full_name,
    )
