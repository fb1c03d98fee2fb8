"""
Reports: asked for by a person, made by the queue, the same facts only once.

A request is a row. A worker claims it, reads the material, solves the same cases without tax outside any transaction,
draws the PDF and stores both in one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec
import zstandard
from django.db import IntegrityError, transaction
from django.db.models import Q

from advisors import audit, permissions
from advisors.errors import DomainError, Invalid, NotFound
from advisors.jobs import enqueue
from advisors.models import Membership
from advisors.permissions import Capability
from portfolios.ledger.errors import BadInput
from portfolios.selectors.books import account_in_book
from rebalancing.engine.outcome import Outcome
from rebalancing.engine.query import ConvexSolver
from rebalancing.selectors.facts import proposal_in_book
from rebalancing.services.solving import solve_case
from reporting import pdf
from reporting.measures.blind import tax_blind_case
from reporting.measures.build import build_facts
from reporting.measures.facts import ReportFacts, encode_facts
from reporting.measures.inputs import Episode, Inputs
from reporting.models import OPEN_REPORT, Report, ReportKind, ReportStatus
from reporting.selectors.form_8949 import tax_form
from reporting.selectors.material import report_inputs
from reporting.selectors.policy_statement import policy_statement
from reporting.selectors.reports import report_in_book

LEASE: Final = timedelta(minutes=10)
TASK: Final = "reporting.tasks.make_report_task"
_MESSAGE: Final = 400
_FILE_NAMES: Final[Mapping[str, str]] = {
    ReportKind.CLIENT: "client-report",
    ReportKind.FORM_8949: "form-8949",
    ReportKind.POLICY: "policy-statement",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a report is asked about: an account, days of one calendar year, and a proposal or the one that stands."""

    account_id: int
    period_starts_on: date
    period_ends_on: date
    proposal_id: int | None = None
    kind: ReportKind = ReportKind.CLIENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a report says, as canonical JSON, and how it is drawn when its hash is known."""

    data: bytes
    draw: Callable[[str], pdf.MadePdf]


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A report's file and the name under which it is saved."""

    name: str
    content: bytes


def issue_report(member: Membership, wanted: Wanted, *, now: datetime) -> Report:
    """
    Ask for a report; the queue makes it. While one of the same days is being made, that one is returned.

    :raises NotPermitted: the role does not issue reports
    :raises NotFound: account or proposal lie outside the member's book
    :raises Invalid: days that a report cannot cover
    """
    permissions.check_can(member, Capability.ISSUE_REPORTS)
    account = account_in_book(member, wanted.account_id)
    if wanted.proposal_id is not None and proposal_in_book(member, wanted.proposal_id).account_id != account.pk:
        raise NotFound("This proposal is not one of this account.")
    _check_days(wanted, business_on=member.firm.business_on)
    days = {"period_starts_on": wanted.period_starts_on, "period_ends_on": wanted.period_ends_on}
    with transaction.atomic():
        report, is_new = Report.objects.get_or_create(
            kind=wanted.kind,
            account=account,
            status__in=OPEN_REPORT,
            **days,
            defaults={
                "firm_id": member.firm_id,
                "household_id": account.household_id,
                "proposal_id": wanted.proposal_id,
                "status": ReportStatus.QUEUED,
                "requested_at": now,
                "requested_by": member.user,
            },
        )
        if is_new:
            audit.record(
                "report.requested", actor=member, subject=report, household_id=report.household_id, data=days, now=now
            )
        if is_new or _is_left_lying(report, now=now):
            enqueue(TASK, report_id=report.pk)
    return report


def issue_policy_statement(member: Membership, account_id: int, *, now: datetime) -> Report:
    """
    Ask for the policy statement of an account as a PDF, as of the business date.

    :raises NotPermitted: the role does not issue reports
    :raises NotFound: the account lies outside the member's book
    :raises Invalid: the firm has no business date yet
    """
    on = member.firm.business_on or now.date()
    wanted = Wanted(account_id=account_id, period_starts_on=on, period_ends_on=on, kind=ReportKind.POLICY)
    return issue_report(member, wanted, now=now)


def _check_days(wanted: Wanted, *, business_on: date | None) -> None:
    if business_on is None:
        raise Invalid("The firm has no business date yet: import a day's data first.")
    if wanted.period_starts_on > wanted.period_ends_on:
        raise Invalid("The first day of the report must not be after its last day.")
    if wanted.period_ends_on > business_on:
        raise Invalid(f"The report cannot go beyond the firm's business date, {business_on:%B} {business_on.day}.")
    if wanted.period_starts_on.year != wanted.period_ends_on.year:
        raise Invalid("A report covers days of one calendar year, as taxes do. Ask for one report a year.")


def _is_left_lying(report: Report, *, now: datetime) -> bool:
    """Tell whether the job of an open report seems lost: then it is put on the queue once more."""
    return (report.started_at or report.requested_at) <= now - LEASE


def make_report(report_id: int, *, fallback: ConvexSolver, now: datetime) -> bool:
    """
    Make one report that waits; return whether this call did it.

    What is wrong with its material is told on the report; what is wrong with us is raised.
    """
    report = _claim(report_id, now=now)
    if report is None:
        return False
    try:
        draft = _draft(report, fallback=fallback)
    except (DomainError, BadInput, LookupError) as error:
        fail_report(report_id, message=str(error), now=now)
        return True
    facts_hash = sha256(draft.data).hexdigest()
    if _end_as_repeat(report, facts_hash, now=now):
        return True
    made = draft.draw(facts_hash)
    try:
        _store(report, data=draft.data, facts_hash=facts_hash, made=made, now=now)
    except IntegrityError:
        if not _end_as_repeat(report, facts_hash, now=now):
            raise
    return True


def _claim(report_id: int, *, now: datetime) -> Report | None:
    """Take a waiting report, or one whose worker has been silent for longer than its lease."""
    waiting = Q(status=ReportStatus.QUEUED) | Q(status=ReportStatus.RUNNING, started_at__lte=now - LEASE)
    if not Report.objects.filter(waiting, pk=report_id).update(status=ReportStatus.RUNNING, started_at=now):
        return None
    return Report.objects.select_related(
        "firm",
        "household__advisor__user",
        "account__firm",
        "account__risk_profile",
        "account__household",
        "account__tax_return",
        "requested_by",
    ).get(pk=report_id)


def _draft(report: Report, *, fallback: ConvexSolver) -> Draft:
    if report.kind == ReportKind.FORM_8949:
        found = tax_form(report.account, year=report.period_ends_on.year)
        data = msgspec.json.encode(found, order="deterministic")
        return Draft(data=data, draw=lambda _: pdf.make_form_pdf(found))
    if report.kind == ReportKind.POLICY:
        policy = policy_statement(report.account, on=report.period_ends_on)
        told = msgspec.json.encode(policy, order="deterministic")
        return Draft(data=told, draw=lambda facts_hash: pdf.make_policy_pdf(policy, facts_hash=facts_hash))
    facts = gather_facts(report, fallback=fallback)
    return Draft(
        data=encode_facts(facts),
        draw=lambda facts_hash: pdf.make_pdf(facts, facts_hash=facts_hash, mark=report.firm.mark),
    )


def gather_facts(report: Report, *, fallback: ConvexSolver) -> ReportFacts:
    """
    Read the material of a report, solve its cases without tax, and say what it says.

    :raises NothingToReport: the account was never analysed
    :raises BadInput: a stored case cannot be used
    """
    inputs = report_inputs(report)
    return build_facts(replace(inputs, episodes=_with_blind(inputs, fallback=fallback)))


def _with_blind(inputs: Inputs, *, fallback: ConvexSolver) -> tuple[Episode, ...]:
    if not inputs.heading.is_taxable:
        return inputs.episodes
    return tuple(replace(episode, blind=_blind(episode, fallback=fallback)) for episode in inputs.episodes)


def _blind(episode: Episode, *, fallback: ConvexSolver) -> Outcome:
    outcome = solve_case(tax_blind_case(episode.case), fallback=fallback)
    if outcome.status == "invalid":
        faults = "; ".join(fault.message for fault in outcome.faults)
        raise BadInput(f"The comparison without tax could not be solved: {faults or 'the case is invalid'}.")
    return outcome


def _end_as_repeat(report: Report, facts_hash: str, *, now: datetime) -> bool:
    """End a request whose facts were printed before: the report that stands is named, no second one is made."""
    same = Report.objects.filter(
        kind=report.kind,
        account_id=report.account_id,
        period_starts_on=report.period_starts_on,
        period_ends_on=report.period_ends_on,
        facts_hash=facts_hash,
    ).first()
    if same is None:
        return False
    message = "Nothing has changed since this report was made. It stands."
    values = {"status": ReportStatus.UNCHANGED, "same_as": same, "message": message, "finished_at": now}
    _finish(report, values, action="report.unchanged", data={"same_as": same.pk}, now=now)
    return True


def _store(report: Report, *, data: bytes, facts_hash: str, made: pdf.MadePdf, now: datetime) -> None:
    values = {
        "status": ReportStatus.READY,
        "message": "",
        "facts": zstandard.ZstdCompressor(level=9).compress(data),
        "facts_hash": facts_hash,
        "content": made.content,
        "content_sha256": made.sha256,
        "page_count": made.page_count,
        "finished_at": now,
    }
    told = {"facts_hash": facts_hash, "content_sha256": made.sha256, "page_count": made.page_count}
    _finish(report, values, action="report.made", data=told, now=now)


@transaction.atomic
def _finish(
    report: Report, values: Mapping[str, object], *, action: str, data: Mapping[str, object], now: datetime
) -> None:
    """Move a report on, unless its lease went to somebody else meanwhile."""
    mine = Report.objects.filter(pk=report.pk, status=ReportStatus.RUNNING, started_at=report.started_at)
    if mine.update(**values):
        audit.record(
            action,
            actor=None,
            subject=report,
            firm_id=report.firm_id,
            household_id=report.household_id,
            data=data,
            now=now,
        )


@transaction.atomic
def fail_report(report_id: int, *, message: str, now: datetime) -> None:
    """Say on a report why it could not be made."""
    report = Report.objects.filter(pk=report_id, status__in=OPEN_REPORT).first()
    if report is None:
        return
    Report.objects.filter(pk=report_id, status__in=OPEN_REPORT).update(
        status=ReportStatus.FAILED, message=message[:_MESSAGE], finished_at=now
    )
    audit.record(
        "report.failed",
        actor=None,
        subject=report,
        firm_id=report.firm_id,
        household_id=report.household_id,
        reason=message,
        now=now,
    )


@transaction.atomic
def download_report(member: Membership, report_id: int, *, now: datetime) -> Download:
    """
    Hand out a report's file, and note who took it.

    :raises NotFound: it lies outside the member's book, or is not ready
    """
    permissions.check_can(member, Capability.VIEW_REPORTS)
    report = report_in_book(member, report_id)
    if report.status != ReportStatus.READY or report.content is None:
        raise NotFound("This report has no file: it is not ready.")
    audit.record(
        "report.downloaded",
        actor=member,
        subject=report,
        household_id=report.household_id,
        data={"content_sha256": report.content_sha256},
        now=now,
    )
    name = f"{_FILE_NAMES[report.kind]}-{report.account.external_ref}-{report.period_ends_on:%Y-%m-%d}.pdf"
    return Download(name=name, content=bytes(report.content))
