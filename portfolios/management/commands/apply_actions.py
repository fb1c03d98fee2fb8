"""Apply a firm's corporate actions that are due."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from advisors.audit import acting_from
from advisors.errors import DomainError
from portfolios.selectors.operators import firm_for_command
from portfolios.services.corporate_actions.applying import apply_for_firm, words_of


class Command(BaseCommand):
    """`apply_actions --firm FIRM`: what the schedule does, now, and said."""

    help = "Apply every confirmed corporate action of a firm whose ex-date has come, each holder exactly once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the firm."""
        parser.add_argument("--firm", default="", help="short name of the firm; needed where there are several")

    def handle(self, *, firm: str, **_: object) -> None:
        """Apply, and say what came of each."""
        try:
            found = firm_for_command(firm)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        if found.business_on is None:
            raise CommandError(f"{found.name} has no business date yet: import prices or positions first.")
        with acting_from("apply_actions"):
            came = apply_for_firm(found.pk, now=timezone.now())
        for each, words in zip(came, words_of(came), strict=True):
            self.stdout.write(words)
            for failed in each.failed:
                self.stdout.write(f"  {failed.account_name}: {failed.reason}")
        if not came:
            self.stdout.write(f"Nothing is due on {found.business_on}.")
        if any(each.fault or each.failed for each in came):
            raise CommandError("Not everything could be applied.")
