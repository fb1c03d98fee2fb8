"""Bring a database up to date in one go: tables, cache table, what runs by the clock."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from advisors import jobs


class Command(BaseCommand):
    """`prepare`: after every installation and upgrade; may be run again."""

    help = "Migrate, make the cache table, and set the schedules of the queue to those of the code."

    def handle(self, *_: Any, verbosity: int, **__: Any) -> None:
        """Do the three and say so."""
        call_command("migrate", interactive=False, verbosity=verbosity)
        call_command("createcachetable", verbosity=0)
        count = jobs.ensure_schedules()
        self.stdout.write(f"{count} schedules stand")
