"""Trace what a case could cost in tax and risk, without a database: a curve, or a plan over years."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
from django.core.management.base import BaseCommand, CommandParser

from rebalancing.engine.case import Case, parse_case
from rebalancing.engine.frontier import Frontier, YearStep, budget_frontier, tracking_frontier, transition_plan
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import BadCase
from rebalancing.management.commands.solve import MALFORMED, read_blob

CURVES = {"tracking": tracking_frontier, "budget": budget_frontier}


class Command(BaseCommand):
    """`frontier CASE [--over tracking|budget] [--points N] [--years N] [--json]`."""

    help = "Show tax against tracking error of a case (.json), or with --years a plan over years; no database is used."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the case and what to trace."""
        parser.add_argument("case", type=Path, metavar="CASE", help="a .json file")
        parser.add_argument("--over", choices=sorted(CURVES), default="tracking", help="what varies along the curve")
        parser.add_argument("--points", type=int, default=20, metavar="N", help="how many points (2 to 200)")
        parser.add_argument("--years", type=int, metavar="N", help="plan the move to the target over N years instead")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(
        self, *args: object, case: Path, over: str, points: int, years: int | None, json: bool, **options: object
    ) -> None:
        """Print it; exit 2 with one line a fault where the case is malformed."""
        if not 2 <= points <= 200:
            self._refuse([f"--points: must be between 2 and 200, is {points}"])
        try:
            read = parse_case(case.read_bytes(), resolve=partial(read_blob, folder=case.parent / "blobs"))
            lines = self._lines(read, over=over, points=points, years=years, json=json)
        except OSError as error:
            self._refuse([f"{case}: cannot be read: {error.strerror or error}"])
        except BadCase as error:
            self._refuse([f"{case}: {' '.join(str(fault).split())}" for fault in error.faults])
        for line in lines:
            self.stdout.write(line)

    def _lines(self, case: Case, *, over: str, points: int, years: int | None, json: bool) -> list[str]:
        if years is not None:
            steps = transition_plan(case, years=years, fallback=solve_convex)
            return [msgspec.json.encode(steps).decode()] if json else list(plan_lines(steps))
        curve = CURVES[over](case, points=points, fallback=solve_convex)
        return [msgspec.json.encode(curve).decode()] if json else list(curve_lines(curve))

    def _refuse(self, faults: list[str]) -> None:
        for line in faults:
            self.stderr.write(line)
        sys.exit(MALFORMED)


def curve_lines(curve: Frontier) -> Iterator[str]:
    """Write a curve as a table; the last line is where the case stands."""
    head = "tax budget" if curve.over == "tax_budget" else "tracking preference"
    yield f"{head:>20} {'tax':>14} {'tracking error':>15} {'cost':>12} {'turnover':>9} {'gap bps':>9}"
    for name, point in [*((None, point) for point in curve.points), ("as it stands", curve.here)]:
        setting = f"{point.setting:,.2f}" if name is None else name
        gap = point.objective - point.lower_bound
        yield (
            f"{setting:>20} {point.tax:>14,.2f} {point.tracking_error:>15.3%} {point.cost:>12,.2f}"
            f" {point.turnover:>9.2%} {gap / curve.value * 1e4:>9.4f}"
        )


def plan_lines(steps: tuple[YearStep, ...]) -> Iterator[str]:
    """Write a plan over years as a table."""
    names = ("tax", "short gain", "long gain", "turnover", "TE before", "TE after", "moved")
    yield f"{'year':>6} " + " ".join(f"{name:>14}" for name in names)
    for step in steps:
        money = " ".join(f"{amount:>14,.2f}" for amount in (step.tax, step.short_gain, step.long_gain))
        errors = f"{step.tracking_error_before:>14.3%} {step.tracking_error_after:>14.3%}"
        yield f"{step.year:>6} {money} {step.turnover:>14.2%} {errors} {step.progress:>14.1%}"
