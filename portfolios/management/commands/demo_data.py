"""Make the demo firm and import its files; may be run again, nothing is made twice."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from advisors import audit
from portfolios.demo.all_files import demo_files, write_files
from portfolios.demo.files import build_demo
from portfolios.demo.loading import load_demo


class Command(BaseCommand):
    """`demo_data [--out DIR] [--files-only]`."""

    help = "Make the demo firm, write its custodian files and import them by the road of real ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name where the files go."""
        parser.add_argument(
            "--out", type=Path, default=settings.TRIMTAB_VAR / "demo", help="folder of files and password"
        )
        parser.add_argument("--files-only", action="store_true", help="write the files and stop")

    def handle(self, *, out: Path, files_only: bool, **_: Any) -> None:
        """Do it, with a line a step."""
        if files_only:
            files = tuple(demo_files(build_demo()))
            write_files(files, out / "files")
            self.stdout.write(f"{len(files)} files written")
            return
        with audit.acting_from("demo_data"):
            loaded = load_demo(folder=out, now=timezone.now(), tell=lambda line: self.stdout.write(f"  {line}"))
        what = f"{loaded.client_count} households and {loaded.file_count} files are new"
        self.stdout.write(
            self.style.SUCCESS(what if loaded.file_count else "the demo is there already, nothing changed")
        )
