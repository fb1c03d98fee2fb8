"""Measure a split of ten thousand holders while somebody reads accounts, in a database of its own."""

import json
import os
import select
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from portfolios.management.action_bench import measure_split, read_until, show_action

COMMAND = "bench_actions"


class Command(BaseCommand):
    """`bench_actions [--holders N]`: builds the holders, applies the split, prints the numbers as JSON."""

    help = "Apply a split to 10,000 holders of three lots each while another process reads accounts; print seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say how many holders; the other two are how the command calls itself."""
        parser.add_argument("--holders", type=int, default=10_000)
        parser.add_argument("--inside", action="store_true", help="measure in this database, which is thrown away")
        parser.add_argument("--read", action="store_true", help="read accounts until the input ends")

    def handle(self, *, holders: int, inside: bool, read: bool, **_: object) -> None:
        """Measure in a new database, or be one of the two processes that do."""
        if read:
            self.stdout.write(json.dumps(read_until(_is_input_over)))
        elif inside:
            self.stdout.write(json.dumps(self._measure(holders)))
        else:
            self.stdout.write(_in_new_database(holders))

    def _measure(self, holders: int) -> dict[str, float | int]:
        action = show_action(holder_count=holders, now=timezone.now())
        reader = _start("--read", stdin=subprocess.PIPE)
        assert reader.stdin is not None and reader.stdout is not None
        reader.stdout.readline()  # it reads
        numbers = measure_split(action, now=timezone.now())
        reader.stdin.close()
        reads: dict[str, float | int] = json.loads(reader.stdout.read())
        reader.wait()
        return {"holders": holders, **numbers, **reads}


def _is_input_over() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _start(*words: str, stdin: int | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "manage.py", COMMAND, *words],
        cwd=settings.BASE_DIR,
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
    )


def _in_new_database(holders: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{Path(folder) / 'bench.sqlite3'}",
            "TRIMTAB_LOG_LEVEL": "ERROR",
        }
        for words in (("migrate", "--verbosity", "0"), (COMMAND, "--inside", "--holders", str(holders))):
            done = subprocess.run(  # noqa: S603  our own commands
                [sys.executable, "manage.py", *words],
                cwd=settings.BASE_DIR,
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
    return done.stdout.strip()
