"""Measure the whole road in a database of its own, and write docs/performance.md."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

Run = Callable[..., tuple[float, str]]

TARGET = "docs/performance.md"
MARK = "<!-- measured -->"
LARGE_FIRM = 10_000
# One thread a solver: what is compared is the method.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")


class Command(BaseCommand):
    """`bench [--quick] [--print]`: the engine; the demo firm from nothing, its run, every page, a file of lots."""

    help = "Measure the engine, then import, run and pages on a demo firm made for it; write docs/performance.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Choose how much is measured, and whether the document is written."""
        parser.add_argument("--quick", action="store_true", dest="is_quick", help="only the engine, fewer accounts")
        parser.add_argument("--print", action="store_true", dest="is_print", help="print, and leave the document alone")

    def handle(self, *, is_print: bool, is_quick: bool, **_: Any) -> None:
        """Measure everything, the engine first: nothing else has warmed or filled the process that does it."""
        _measure_engine(is_print=is_print, is_quick=is_quick)
        if is_quick:
            return
        with tempfile.TemporaryDirectory() as folder:
            lines = "\n".join(_measured(Path(folder), tell=self.stdout.write))
        if is_print:
            self.stdout.write(lines)
            return
        document = settings.BASE_DIR / TARGET
        kept = document.read_text(encoding="utf-8").split(MARK)[0]
        document.write_text(f"{kept}{MARK}\n{lines}\n", encoding="utf-8")
        self.stdout.write(f"{TARGET} is written")


def _measure_engine(*, is_print: bool, is_quick: bool) -> None:
    """Let the engine's own command measure and write its section; it speaks for itself."""
    options = [word for word, is_set in (("--quick", is_quick), ("--print", is_print)) if is_set]
    command = [sys.executable, "-u", "manage.py", "bench_engine", *options]
    subprocess.run(command, cwd=settings.BASE_DIR, env={**ONE_THREAD, **os.environ}, check=True)  # noqa: S603


def _measured(folder: Path, *, tell: Callable[[str], object]) -> Iterator[str]:
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{folder / 'bench.sqlite3'}", "TRIMTAB_LOG_LEVEL": "ERROR"}

    def run(*words: str) -> tuple[float, str]:
        started = time.perf_counter()
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(  # noqa: S603  our own commands
            command, cwd=settings.BASE_DIR, env=environment, check=True, capture_output=True, text=True
        )
        took = time.perf_counter() - started
        tell(f"{took:8.1f} s  manage.py {' '.join(words)}")
        return took, done.stdout

    yield f"Measured on {timezone.localdate()} with Python {platform.python_version()} on {_machine()}.\n"
    yield from _whole_processes(run, environment, folder)
    yield from _import_rows(json.loads(run("bench_import")[1]))
    yield from _ledger_rows(json.loads(run("bench_ledger")[1]), json.loads(run("bench_actions")[1]))
    yield from _page_rows(json.loads(run("bench_pages", "--json")[1]))
    grown = run("bench_grow", "--accounts", str(LARGE_FIRM))[0]
    yield f"\n## Pages of a firm of {LARGE_FIRM:,} accounts"
    yield f"The demo's households copied with what hangs on them, in {grown:.0f} s.\n"
    yield from _page_table(json.loads(run("bench_pages", "--json")[1]))


def _machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()})"


def _whole_processes(run: Run, environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    yield "| step | seconds |\n|---|---|"
    yield f"| tables of an empty database | {run('migrate')[0]:.1f} |"
    out = str(folder / "demo")
    yield f"| demo firm: 60 households, 151 accounts, 39 files | {run('demo_data', '--out', out)[0]:.1f} |"
    yield f"| the same again: nothing changes | {run('demo_data', '--out', out)[0]:.1f} |"
    with _worker(environment):
        yield f"| nightly run of the firm through the queue, two workers | {run('rebalance', '--all')[0]:.1f} |"


class _worker:  # noqa: N801  used like a function
    """A queue worker for as long as a block lasts."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)

    def __enter__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "qcluster"],
            cwd=settings.BASE_DIR,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


def _import_rows(measured: Mapping[str, float]) -> Iterator[str]:
    yield (
        f"| a file of {measured['rows']:,} lot rows for {measured['accounts']:,} accounts "
        f"({measured['megabytes']} MB), received and posted | {measured['seconds']:.1f} |"
    )


def _ledger_rows(ledger: Mapping[str, Any], action: Mapping[str, Any]) -> Iterator[str]:
    replay, matching, pricing = ledger["replay"], ledger["wash_matching"], ledger["tax_of_list"]
    yield "\n## Lots and taxes\nThe best of several rounds in one process.\n"
    yield "| work | goal | measured |\n|---|---|---|"
    yield (
        f"| {replay['events']:,} events of one household replayed ({replay['dispositions']:,} lot portions sold, "
        f"{replay['wash_matches']:,} wash matches) | 2 s | {replay['seconds']:.2f} s |"
    )
    yield (
        f"| wash sales of {matching['events']:,} trades matched ({matching['wash_matches']:,} matches), booking "
        f"included | 1 s | {matching['seconds']:.2f} s |"
    )
    yield f"| tax of a list of {pricing['trades']} trades priced | 2 ms | {pricing['milliseconds']:.2f} ms |"
    yield (
        f"| a split applied to {action['holders']:,} holders of three lots on SQLite | 30 s | {action['seconds']:.1f} "
        f"s, {action['reads']} accounts read meanwhile, the slowest in {action['worst_read_ms']:.0f} ms |"
    )


def _page_rows(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    yield "\n## Pages\nServer time of each page over the demo firm's own subjects; the most queries of one request.\n"
    yield from _page_table(rows)


def _page_table(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    yield "| page | requests | median ms | p95 ms | queries |\n|---|---|---|---|---|"
    for row in rows:
        median, p95 = f"{row['median_ms']:.0f}", f"{row['p95_ms']:.0f}"
        yield f"| `{row['name']}` | {row['count']} | {median} | {p95} | {row['query_count']} |"
