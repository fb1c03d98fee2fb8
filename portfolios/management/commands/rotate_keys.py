"""Seal what is kept secret with the newest key: `manage.py rotate_keys`, or `--check` to look only."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from advisors import audit
from portfolios.services.key_rotation import rotate_keys


class Command(BaseCommand):
    """`rotate_keys`."""

    help = "Seal account numbers, received files and second factors with the first of TRIMTAB_FIELD_KEYS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take `--check`."""
        parser.add_argument("--check", action="store_true", help="say which rows need an older key, and change nothing")

    def handle(self, *, check: bool, **_: Any) -> None:
        """
        Rotate, and say what was found.

        :raises CommandError: rows that no key opens, or with `--check` rows that still need an older key
        """
        with audit.acting_from("command rotate_keys"):
            found = rotate_keys(now=timezone.now(), is_only_looked=check)
        for one in found:
            told = f"{one.old_count:,} of an older key" if check else f"{one.old_count:,} sealed anew"
            self.stdout.write(f"  {one.column:<44} {one.row_count:>9,} rows  {told}")
        lost = [f"{one.column} {', '.join(map(str, one.lost_ids[:20]))}" for one in found if one.lost_ids]
        if lost:
            raise CommandError("No key of TRIMTAB_FIELD_KEYS opens these rows: " + "; ".join(lost))
        if check and any(one.old_count for one in found):
            raise CommandError("Older keys are still needed. Run rotate_keys without --check.")
        self.stdout.write("Everything is sealed with the newest key; older ones can be taken out.")
