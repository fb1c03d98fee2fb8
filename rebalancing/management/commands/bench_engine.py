"""Measure the engine against what firms can buy, in one run on one machine, and write its part of the page."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from rebalancing.management.bench.accounts import BenchAccount
from rebalancing.management.bench.measuring import FULL, QUICK, Effort
from rebalancing.management.bench.report import (
    Line,
    Section,
    describe_machine,
    missed,
    replace_section,
    section_lines,
)

TARGET: Final = "docs/performance.md"
DATA: Final = ("shared", "data")
PARTS: Final = ("convex", "processes", "pipeline", "exact", "stress")
RealAccounts = list[tuple[date, BenchAccount]]


class Command(BaseCommand):
    """`bench_engine [--quick] [--print] [--only PART]`: prints the table and writes it into docs/performance.md."""

    help = "Measure the engine against general solvers on drawn accounts and accounts of real prices."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Choose how much is measured and where it is told."""
        parser.add_argument("--quick", action="store_true", dest="is_quick", help="fewer accounts: under five minutes")
        parser.add_argument("--print", action="store_true", dest="is_print", help="print, and leave the document alone")
        parser.add_argument("--json", action="store_true", dest="is_json", help="print the lines as JSON at the end")
        parser.add_argument("--only", choices=PARTS, action="append", help="measure this part only, and just print")
        parser.add_argument("--memory", action="store_true", dest="is_memory", help="be the worker that is weighed")

    def handle(
        self, *, is_quick: bool, is_print: bool, is_json: bool, only: list[str] | None, is_memory: bool, **_: object
    ) -> None:
        """Measure, tell each line as it comes, and write the section."""
        if is_memory:
            from rebalancing.management.bench.process_lines import memory_of_worker

            self.stdout.write(f"{memory_of_worker():.1f}")
            return
        started = time.monotonic()
        lines = []
        for line in self._measured(QUICK if is_quick else FULL, only or list(PARTS)):
            self.stdout.write(f"{time.monotonic() - started:5.0f} s  {line.what}: {line.measured}  {line.verdict}")
            lines.append(line)
        section = Section(
            on=timezone.localdate().isoformat(),
            machine=describe_machine(),
            is_quick=is_quick,
            lines=tuple(lines),
            seconds=time.monotonic() - started,
        )
        if is_json:
            self.stdout.write(json.dumps(section.as_dict()))
        self._write(section, is_print=is_print or only is not None)

    def _write(self, section: Section, *, is_print: bool) -> None:
        if is_print:
            self.stdout.write("\n".join(section_lines(section)))
        else:
            document = settings.BASE_DIR / TARGET
            page = document.read_text(encoding="utf-8")
            document.write_text(replace_section(page, section_lines(section)), encoding="utf-8")
            self.stdout.write(f"{TARGET} is written")
        short = missed(section.lines)
        self.stdout.write(f"not reached: {'; '.join(short)}" if short else "every goal is reached")

    def _measured(self, effort: Effort, parts: list[str]) -> Iterator[Line]:
        """Measure the chosen parts, accounts of real prices only once."""
        from rebalancing.engine.kernels.warm import warm_up

        warm_up()
        real = self._real_accounts(effort) if {"convex", "pipeline"} & set(parts) else []
        for part, lines in _parts(effort, real).items():
            if part in parts:
                yield from lines()

    def _real_accounts(self, effort: Effort) -> RealAccounts:
        from rebalancing.management.bench.real_market import real_accounts

        real = real_accounts(settings.BASE_DIR.parent.joinpath(*DATA), count=effort.real)
        if not real:
            self.stdout.write(f"No market data in ../{'/'.join(DATA)}: accounts of real prices are left out.")
        return real


def _parts(effort: Effort, real: RealAccounts) -> dict[str, Callable[[], Iterator[Line]]]:
    """Name the parts; each imports what it needs, because cvxpy takes two seconds."""
    from rebalancing.management.bench.convex_lines import convex_lines
    from rebalancing.management.bench.exact_lines import exact_lines
    from rebalancing.management.bench.pipeline_lines import pipeline_lines
    from rebalancing.management.bench.process_lines import process_lines
    from rebalancing.management.bench.stress_lines import stress_lines

    return {
        "convex": lambda: convex_lines(effort, [account for _, account in real]),
        "processes": lambda: process_lines(effort),
        "pipeline": lambda: pipeline_lines(effort, real),
        "exact": lambda: exact_lines(effort),
        "stress": lambda: stress_lines(effort),
    }
