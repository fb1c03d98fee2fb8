"""Check that lots, gains, wash matches and cash are what the journals add up to."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from advisors.models import Firm
from portfolios.services.ledger_check import check_ledger


class Command(BaseCommand):
    """Replay every tax household from its journals and report each row that differs; nothing is written."""

    help = "Replay every tax household and compare its rows with its journals; exit 1 on a difference."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say which firm."""
        parser.add_argument("--firm", help="the slug of one firm")
        parser.add_argument("--show", type=int, default=50, help="how many differences are printed")

    def handle(self, *, firm: str | None, show: int, **_: object) -> None:
        """Check and print."""
        chosen = None if firm is None else Firm.objects.filter(slug=firm).first()
        if firm is not None and chosen is None:
            raise CommandError(f"There is no firm {firm}.")
        report = check_ledger(firm_id=None if chosen is None else chosen.pk)
        for fault in report.faults[:show]:
            self.stdout.write(f"tax household {fault.tax_household_id}, account {fault.account_id}: {fault.what}")
        told = f"{report.household_count} tax households, {report.account_count} accounts"
        if report.faults:
            raise CommandError(f"{told}: {len(report.faults)} differences.")
        self.stdout.write(f"{told}: every row is what its journal adds up to.")
