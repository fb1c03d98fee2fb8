"""Estimate a risk model from the stored prices, for a second person to approve: `manage.py estimate_risk_model`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from advisors import audit
from advisors.errors import DomainError
from rebalancing.services.risk_models import estimate_for_firm
from rebalancing.services.runs import firm_by_name


class Command(BaseCommand):
    """`estimate_risk_model`."""

    help = "Estimate a risk model from the stored prices. It counts once somebody approves it on its page."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the firm."""
        parser.add_argument("--firm", default="", help="the firm's short name; needed where there are several")

    def handle(self, *, firm: str, **_: Any) -> None:
        """
        Estimate, and say what was found.

        :raises CommandError: no such firm, or too few prices
        """
        try:
            with audit.acting_from("command estimate_risk_model"):
                version = estimate_for_firm(firm_by_name(firm).pk, actor_id=None, now=timezone.now())
        except DomainError as error:
            raise CommandError(str(error)) from error
        if version is None:
            self.stdout.write("The prices say what they said when the last model was estimated.")
            return
        told = version.findings
        self.stdout.write(
            f"  {version.factor_count} factors, {version.security_count:,} securities, {told['day_count']:,} days; "
            f"{len(told['by_peers'])} known by their peers alone"
        )
        for name, what in (("foresight", "this estimate"), ("present", "the model in force")):
            if told[name]:
                ratio = told[name]
                self.stdout.write(
                    f"  realised over predicted tracking error, {what}: median {ratio['median_ratio']:.2f}, "
                    f"{ratio['low_ratio']:.2f} to {ratio['high_ratio']:.2f} in nine accounts of ten"
                )
        self.stdout.write("  It waits for a second person: House view, Risk models.")
