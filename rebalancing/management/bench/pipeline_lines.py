"""The lines of the table that speak of whole accounts: from the case's bytes to the outcome's, and how sure it is."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from rebalancing.engine.case import parse_case
from rebalancing.engine.frontier import tracking_frontier
from rebalancing.engine.outcome import encode_outcome, parse_outcome
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.management.bench.accounts import BenchAccount
from rebalancing.management.bench.cases import CaseShape, case_bytes, case_of
from rebalancing.management.bench.drawing import draw_account, draw_market
from rebalancing.management.bench.measuring import MS, Effort, cpu_ms, median, ms, percentile, within
from rebalancing.management.bench.report import Line

SIZE: Final = 500
WHOLE_GOAL_MS: Final = 25.0
GAP_GOAL_BPS: Final = 0.1
WORST_GAP_GOAL_BPS: Final = 1.0
POINTS: Final = 20
VALUES_USD: Final = (250_000.0, 2_000_000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One case's way through the pipeline: milliseconds of CPU, and what its outcome says."""

    whole_ms: float
    parse_ms: float
    step_ms: tuple[float, float, float, float]  # build, solve, round, verify
    gap_bps: float
    status: str
    solver: str
    failed_checks: int


def pipeline_lines(effort: Effort, real: Sequence[tuple[date, BenchAccount]]) -> Iterator[Line]:
    """Solve whole cases of two sizes, and of real prices; yield time and certified gaps of each."""
    seconds = effort.case_seconds / (len(VALUES_USD) + 1)
    for value_usd in VALUES_USD:
        told = solve_cases(drawn_cases(effort.cases, value_usd=value_usd), seconds=seconds)
        yield from _lines_of(told, f"{SIZE} securities x 4 lots, ${value_usd:,.0f}")
    yield _frontier_line(effort)
    if not real:
        yield Line(what="whole accounts of real prices", goal="", measured="the market data is not here", is_met=None)
        return
    cases = (
        case_bytes(case_of(account, seed, CaseShape(value_usd=VALUES_USD[seed % 2], as_of=day)))
        for seed, (day, account) in enumerate(real)
    )
    yield from _lines_of(solve_cases(cases, seconds=seconds), "accounts of real prices, 150 and 450 securities")


def drawn_cases(count: int, *, value_usd: float) -> Iterator[bytes]:
    """Draw the cases of so many accounts."""
    market = draw_market(11, count=SIZE)
    for seed in range(count):
        yield case_bytes(case_of(draw_account(market, seed), seed, CaseShape(value_usd=value_usd)))


def solve_cases(cases: Iterator[bytes], *, seconds: float) -> list[Told]:
    """Solve cases until the time is over; the first one is solved twice, and counted warm."""
    told = []
    for at, data in enumerate(within(cases, seconds=seconds)):
        if at == 0:
            solve_case(data)
        told.append(solve_case(data))
    return told


def solve_case(data: bytes) -> Told:
    """Take one case from its bytes to the bytes of its outcome."""
    started = time.process_time()
    case = parse_case(data)
    parsed = time.process_time()
    written = encode_outcome(rebalance(case, fallback=solve_convex, stopwatch=time.process_time))
    ended = time.process_time()
    outcome = parse_outcome(written)
    spent = outcome.timing_ms
    return Told(
        whole_ms=(ended - started) * MS,
        parse_ms=(parsed - started) * MS,
        step_ms=(spent.build, spent.solve, spent.round, spent.verify),
        gap_bps=outcome.gap_bps,
        status=outcome.status,
        solver=outcome.solver,
        failed_checks=sum(check.verdict == "fail" for account in outcome.accounts for check in account.checks),
    )


def _frontier_line(effort: Effort) -> Line:
    """Time the curve that a page draws: 20 tracking preferences of a whole case, its choices made once."""
    market = draw_market(11, count=SIZE)
    taken = []
    for seed in range(effort.frontiers):
        case = case_of(draw_account(market, seed), seed, CaseShape(value_usd=VALUES_USD[-1]))
        taken.append(cpu_ms(partial(tracking_frontier, case, points=POINTS, fallback=solve_convex), rounds=2))
    return Line(
        what=f"{POINTS}-point frontier of a whole case, from the case to the curve, median",
        goal="",
        measured=ms(median(taken)),
        is_met=None,
        note=f"{len(taken)} cases of {SIZE} securities; building the problem and making its choices included.",
    )


def _lines_of(told: Sequence[Told], what: str) -> Iterator[Line]:
    whole = median([one.whole_ms for one in told])
    yield Line(
        what=f"whole pipeline, {what}, median",
        goal=f"<= {WHOLE_GOAL_MS:.0f} ms",
        measured=f"{ms(whole)} (95th percentile {ms(percentile([one.whole_ms for one in told], 95))})",
        is_met=whole <= WHOLE_GOAL_MS,
        note=_profile(told),
    )
    gaps = [one.gap_bps for one in told]
    middle, high = median(gaps), percentile(gaps, 95)
    yield Line(
        what=f"certified gap of whole-share trades, {what}",
        goal=f"median <= {GAP_GOAL_BPS} bp, 95th percentile <= {WORST_GAP_GOAL_BPS:.0f} bp",
        measured=f"{middle:.3f} bp, {high:.3f} bp",
        is_met=middle <= GAP_GOAL_BPS and high <= WORST_GAP_GOAL_BPS,
        note=_told(told),
    )


def _profile(told: Sequence[Told]) -> str:
    steps = zip(("build", "solve", "round", "verify"), zip(*(one.step_ms for one in told), strict=True), strict=True)
    spent = ", ".join(f"{name} {ms(median(list(values)))}" for name, values in steps)
    return f"{len(told)} cases; medians of the steps: parse {ms(median([one.parse_ms for one in told]))}, {spent}."


def _told(told: Sequence[Told]) -> str:
    statuses = ", ".join(f"{count} {name}" for name, count in Counter(one.status for one in told).most_common())
    solvers = ", ".join(f"{count} {name}" for name, count in Counter(one.solver for one in told).most_common())
    failed = sum(one.failed_checks for one in told)
    return (
        f"{statuses}; solved by {solvers}; {failed} failed checks; largest gap {max(x.gap_bps for x in told):.3f} bp."
    )
