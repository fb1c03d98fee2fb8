"""Walk one day of the demo firm: sign-off, release, order files, fills; may be run again, nothing is done twice."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from advisors import audit
from advisors.errors import DomainError
from rebalancing.services.rehearsal import cast_of, walk_day


class Command(BaseCommand):
    """`demo_day [--firm SLUG] [--out DIR]`."""

    help = "Approve, release and book one batch of the demo firm, by its own people, after `rebalance --all`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the firm, and where the files go."""
        parser.add_argument("--firm", default="", metavar="SLUG", help="needed where there are several firms")
        parser.add_argument("--out", type=Path, default=settings.TRIMTAB_VAR / "demo", help="folder of the files")

    def handle(self, *, firm: str, out: Path, **_: Any) -> None:
        """Do it, with a line a step."""
        folder = out / "orders"

        def keep(name: str, content: str) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8", newline="")

        try:
            with audit.acting_from("demo_day"):
                is_new = walk_day(
                    cast_of(firm), clock=timezone.now, tell=lambda line: self.stdout.write(f"  {line}"), keep=keep
                )
        except DomainError as refusal:
            raise CommandError("\n".join([str(refusal), *getattr(refusal, "faults", ())])) from refusal
        done = f"one batch is released, sent and booked; files in {folder}"
        self.stdout.write(self.style.SUCCESS(done if is_new else "the day was walked already, nothing changed"))
