"""Trace what a case could cost in tax and risk, without a database: a curve, a plan over years, or its preferences."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from django.core.management.base import BaseCommand, CommandParser

from rebalancing.engine.case import Case, parse_case
from rebalancing.engine.frontier import Frontier, YearStep, budget_frontier, tracking_frontier, transition_plan
from rebalancing.engine.outcome import PreferenceCost
from rebalancing.engine.preferences import price_preferences
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import BadCase
from rebalancing.management.commands.solve import MALFORMED, read_blob

CURVES = {"tracking": tracking_frontier, "budget": budget_frontier}


class Command(BaseCommand):
    """`frontier CASE [--over tracking|budget] [--points N] [--years N | --preferences] [--json]`."""

    help = "Show tax against tracking error of a case (.json), a plan over years, or what each preference costs."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the case and what to trace."""
        parser.add_argument("case", type=Path, metavar="CASE", help="a .json file")
        parser.add_argument("--over", choices=sorted(CURVES), default="tracking", help="what varies along the curve")
        parser.add_argument("--points", type=int, default=20, metavar="N", help="how many points (2 to 200)")
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument("--years", type=int, metavar="N", help="plan the move to the target over N years instead")
        instead.add_argument("--preferences", action="store_true", help="price each preference of the client instead")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: object, case: Path, points: int, json: bool, **options: Any) -> None:
        """Print it; exit 2 with one line a fault where the case is malformed."""
        if not 2 <= points <= 200:
            self._refuse([f"--points: must be between 2 and 200, is {points}"])
        try:
            read = parse_case(case.read_bytes(), resolve=partial(read_blob, folder=case.parent / "blobs"))
            answer, lines = self._answer(read, points=points, **options)
        except OSError as error:
            self._refuse([f"{case}: cannot be read: {error.strerror or error}"])
        except BadCase as error:
            self._refuse([f"{case}: {' '.join(str(fault).split())}" for fault in error.faults])
        for line in [msgspec.json.encode(answer).decode()] if json else lines:
            self.stdout.write(line)

    def _answer(
        self, case: Case, *, over: str, points: int, years: int | None, preferences: bool, **options: object
    ) -> tuple[object, Iterator[str]]:
        if years is not None:
            steps = transition_plan(case, years=years, fallback=solve_convex)
            return steps, plan_lines(steps)
        if preferences:
            prices = price_preferences(case, fallback=solve_convex)
            return prices, price_lines(prices)
        curve = CURVES[over](case, points=points, fallback=solve_convex)
        return curve, curve_lines(curve)

    def _refuse(self, faults: list[str]) -> NoReturn:
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


def price_lines(prices: tuple[PreferenceCost, ...]) -> Iterator[str]:
    """Write what each preference costs as a table, the dearest first."""
    yield f"{'preference':<40} {'account':<16} {'costs $':>14} {'bps':>10}"
    for price in prices:
        yield f"{price.preference:<40} {price.account or 'all':<16} {price.usd:>14,.2f} {price.bps:>10.2f}"
