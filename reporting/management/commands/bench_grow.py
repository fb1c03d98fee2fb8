"""Make a firm large in a database of its own, to measure pages on it."""

import time
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from reporting.management.growing import grow


class Command(BaseCommand):
    """`bench_grow --accounts N`."""

    help = "Copy the demo's households until there are so many accounts. Only for a scratch database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say how many accounts."""
        parser.add_argument("--accounts", type=int, default=10_000)

    def handle(self, *, accounts: int, **_: object) -> None:
        """
        Copy, and say how long it took.

        :raises CommandError: this is the database of the installation
        """
        if str(connection.settings_dict["NAME"]) == str(settings.TRIMTAB_VAR / "trimtab.sqlite3"):
            raise CommandError("Name a scratch database by DATABASE_URL: this one would be full of invented clients.")
        started = time.perf_counter()
        count = grow(accounts)
        self.stdout.write(f"{count:,} accounts after {time.perf_counter() - started:.0f} s")
