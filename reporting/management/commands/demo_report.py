"""Make the client report of one account whose trades were booked, by the queue, and save a copy."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from advisors import audit
from advisors.errors import DomainError
from advisors.models import Firm, Membership
from rebalancing.models.proposals import Proposal, ProposalStatus
from rebalancing.tasks import worker_here
from reporting.forms import this_year
from reporting.models import OPEN_REPORT, Report, ReportStatus
from reporting.services import reports as services
from reporting.services.reports import Wanted

PAUSE_SECONDS = 0.5


class Command(BaseCommand):
    """Asks as the household's advisor, waits for a worker, and copies the PDF to var/demo/report.pdf."""

    help = "Make the client report of one account whose batch was filled; a copy is saved as var/demo/report.pdf."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the account, the patience and the copy."""
        parser.add_argument("--account", type=int, help="account id; else the best example is chosen")
        parser.add_argument("--seconds", type=int, default=120, help="how long to wait for a worker")
        parser.add_argument("--here", action="store_true", help="make it in this process, without a worker")
        parser.add_argument("--out", type=Path, default=settings.TRIMTAB_VAR / "demo" / "report.pdf")

    def handle(self, *args: object, **options: Any) -> None:
        """Ask, wait, copy."""
        proposal = _proposal(options["account"])
        with audit.acting_from("demo_report"):
            report = self._standing(proposal) or self._ask(
                proposal, is_here=options["here"], seconds=options["seconds"]
            )
        out: Path = options["out"]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(bytes(report.content or b""))
        self.stdout.write(f"Client report {report.pk}, {report.page_count} pages: {out}")

    def _standing(self, proposal: Proposal) -> Report | None:
        """Return the report on this proposal that was made before, so that a second demo is quick."""
        made = Report.objects.filter(proposal=proposal, status=ReportStatus.READY).order_by("-pk").first()
        if made is not None:
            self.stdout.write(f"Report {made.pk} was made before and stands.")
        return made

    def _ask(self, proposal: Proposal, *, is_here: bool, seconds: int) -> Report:
        member: Membership = proposal.household.advisor
        days = this_year(member.firm.business_on)
        try:
            asked = services.issue_report(
                member,
                Wanted(
                    account_id=proposal.account_id,
                    proposal_id=proposal.pk,
                    period_starts_on=days["period_starts_on"],
                    period_ends_on=days["period_ends_on"],
                ),
                now=timezone.now(),
            )
        except DomainError as refused:
            raise CommandError(str(refused)) from refused
        if is_here:
            services.make_report(asked.pk, fallback=worker_here().fallback, now=timezone.now())
        return self._wait(asked.pk, seconds=seconds)

    def _wait(self, report_id: int, *, seconds: int) -> Report:
        started, told = time.monotonic(), ""
        while True:
            report = Report.objects.get(pk=report_id)
            spent = time.monotonic() - started
            if report.status != told:
                told = report.status
                self.stdout.write(f"  report {report.pk}: {report.get_status_display().lower()} ({spent:.0f} s)")
                self.stdout.flush()
            if report.status not in OPEN_REPORT:
                return _ended(report)
            if spent > seconds:
                raise CommandError(
                    f"No worker made the report within {seconds} s. Start one with `python manage.py qcluster`, "
                    "or make it here with --here."
                )
            time.sleep(PAUSE_SECONDS)


def _ended(report: Report) -> Report:
    if report.status == ReportStatus.FAILED:
        raise CommandError(report.message)
    return report.same_as or report


def _proposal(account_id: int | None) -> Proposal:
    """Return the booked proposal that shows most: taxable, with losses and gains realised, the largest one first."""
    firms = Firm.objects.filter(business_on__isnull=False)
    booked = (
        Proposal.objects.filter(status=ProposalStatus.BOOKED, firm__in=firms, trades__order__fills__isnull=False)
        .select_related("household__advisor__firm", "household__advisor__user", "account")
        .distinct()
    )
    if account_id is not None:
        booked = booked.filter(account_id=account_id)
    rows = sorted(booked, key=_shows, reverse=True)
    if not rows:
        raise CommandError("No account's trades were booked yet. Release a batch and record its fills first.")
    return rows[0]


def _shows(proposal: Proposal) -> tuple[bool, bool, int, int]:
    reasons = {reason for trade in proposal.trades.all() for reason in trade.reasons}
    wishes = proposal.account.restrictions.filter(ended_at__isnull=True).count()
    return (
        proposal.account.tax_status == "taxable",
        "harvest_loss" in reasons,
        wishes + len(reasons),
        -proposal.pk,
    )
