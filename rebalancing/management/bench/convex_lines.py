"""The lines of the table that speak of the convex kernels alone: one solve, netting, many draws, large, a frontier."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rebalancing.engine.kernels.drive import solve_program
from rebalancing.engine.kernels.program import Answer, Program
from rebalancing.management.bench.accounts import BenchAccount
from rebalancing.management.bench.baselines import BASELINES, Baseline
from rebalancing.management.bench.drawing import draw_account, draw_market
from rebalancing.management.bench.measuring import MS, Effort, cpu_ms, median, ms, percentile
from rebalancing.management.bench.netting import winner_error
from rebalancing.management.bench.programs import netting_programs, program_of, with_aversion
from rebalancing.management.bench.report import Line

SIZE, LARGE, LEAST_REAL = 500, 3000, 400
SOLVE_GOAL_MS, NETTING_GOAL_MS, LARGE_GOAL_MS, FRONTIER_GOAL_MS = 0.8, 2.0, 7.0, 15.0
USUAL_GOAL_MS, WORST_GOAL_MS = 2.5, 20.0
FRONTIER = np.geomspace(0.25, 4.0, 20)
SHAPE = "500 securities x 4 lots, 20 factors, 2 tax rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One account: our milliseconds and those of every baseline that is installed and solved it, by name."""

    ours: float
    theirs: dict[str, float]


def convex_lines(effort: Effort, real: Sequence[BenchAccount]) -> Iterator[Line]:
    """Measure and yield the lines."""
    market = draw_market(11, count=SIZE)
    drawn = compare(market_programs(market_seed=11, count=3 * effort.compared), most=effort.compared)
    large = (program_of(account) for account in real if account.market.count >= LEAST_REAL)
    taken = compare(large, most=effort.compared)
    yield _solve_line(drawn, taken)
    for baseline in BASELINES:
        yield _ratio_line(baseline, drawn, taken)
    yield _netting_line([draw_account(market, seed) for seed in range(effort.compared)])
    yield from _draw_lines(effort)
    yield _large_line(effort)
    yield _frontier_line(effort)


def solve_ms(program: Program, *, rounds: int) -> float:
    """Return the median CPU milliseconds of one convex solve."""
    return cpu_ms(lambda: solve_program(program), rounds=rounds)


def market_programs(*, market_seed: int, count: int, size: int = SIZE, first_seed: int = 0) -> Iterator[Program]:
    """Draw the programs of so many accounts in one market."""
    market = draw_market(market_seed, count=size)
    for seed in range(first_seed, first_seed + count):
        yield program_of(draw_account(market, seed))


def compare(programs: Iterator[Program], *, most: int) -> list[Compared]:
    """Time ourselves and every baseline on the same feasible accounts, one after another in turn."""
    found: list[Compared] = []
    for program in programs:
        if len(found) == most:
            break
        if solve_program(program).status != "optimal":
            continue
        before = solve_ms(program, rounds=5)
        theirs = {one.name: took for one in BASELINES if (took := _baseline_ms(one, program)) is not None}
        after = solve_ms(program, rounds=5)
        found.append(Compared(ours=(before + after) / 2, theirs=theirs))
    return found


def _baseline_ms(baseline: Baseline, program: Program) -> float | None:
    """Return the milliseconds of one baseline, solved or stopped by its own limit; None where it is not installed."""
    return baseline.solve(program).seconds * MS if baseline.is_installed else None


def _solve_line(drawn: Sequence[Compared], real: Sequence[Compared]) -> Line:
    ours = median([one.ours for one in drawn])
    also = f"; real prices {ms(median([one.ours for one in real]))}" if real else "; no real prices here"
    return Line(
        what=f"one convex solve, {SHAPE}, one core, median",
        goal=f"<= {SOLVE_GOAL_MS} ms",
        measured=f"{ms(ours)}{also}",
        is_met=ours <= SOLVE_GOAL_MS,
        note=f"{len(drawn)} drawn accounts and {len(real)} of real prices, feasible ones, CPU time, "
        "interleaved with the baselines; a ratio is the median of the accounts' own ratios.",
    )


def _ratio_line(baseline: Baseline, drawn: Sequence[Compared], real: Sequence[Compared]) -> Line:
    goal = "" if baseline.goal_ratio is None else f">= {baseline.goal_ratio:.0f}x"
    what = f"the same by {baseline.name}"
    if not baseline.is_installed:
        return Line(what=what, goal=goal, measured=f"{baseline.package} is not installed", is_met=None)
    ratio = _ratio(baseline, drawn)
    also = f"; real prices {_ratio(baseline, real):.0f}x" if real else ""
    took = median([one.theirs[baseline.name] for one in drawn])
    return Line(
        what=what,
        goal=goal,
        measured=f"we are {ratio:.0f}x as fast ({ms(took)}){also}",
        is_met=None if baseline.goal_ratio is None else ratio >= baseline.goal_ratio,
    )


def _ratio(baseline: Baseline, compared: Sequence[Compared]) -> float:
    return median([one.theirs[baseline.name] / one.ours for one in compared])


def _netting_line(accounts: Sequence[BenchAccount]) -> Line:
    """Time both solves of exact netting, and see that the winner's tax is the netted tax."""
    taken, errors = [], []
    for seed, account in enumerate(accounts):
        short, long = np.random.default_rng([5, seed]).uniform(-0.01, 0.01, 2)
        programs = netting_programs(account, net_short=float(short), net_long=float(long))
        answers = _both(programs)
        if any(answer.status != "optimal" for answer in answers):
            continue
        taken.append(cpu_ms(partial(_both, programs), rounds=5))
        errors.append(winner_error(programs, answers, net_short=float(short), net_long=float(long)))
    took, worst = median(taken), max(errors, default=float("nan"))
    return Line(
        what="with exact netting (two solves), median",
        goal=f"<= {NETTING_GOAL_MS:.0f} ms",
        measured=ms(took),
        is_met=took <= NETTING_GOAL_MS,
        note=f"{len(taken)} accounts; the winner's convex tax is the netted tax within {worst:.0e} of value.",
    )


def _both(programs: tuple[Program, Program]) -> tuple[Answer, Answer]:
    return solve_program(programs[0]), solve_program(programs[1])


def _draw_lines(effort: Effort) -> Iterator[Line]:
    """Solve many draws once each, warm process, cold start."""
    feasible: list[float] = []
    others: list[float] = []
    count = effort.draws
    for market in range(20):
        for program in market_programs(market_seed=100 + market, count=count // 20, first_seed=1000 * market):
            status = solve_program(program).status
            took = min(solve_ms(program, rounds=1), solve_ms(program, rounds=1))
            (feasible if status == "optimal" else others).append(took)
    usual, worst = percentile(feasible, 99), max(feasible + others)
    yield Line(
        what=f"of {count:,} seeded draws: 99th percentile of the feasible",
        goal=f"<= {USUAL_GOAL_MS} ms",
        measured=f"{ms(usual)} (median {ms(median(feasible))})",
        is_met=usual <= USUAL_GOAL_MS,
        note=f"{len(others)} are infeasible (median {ms(median(others))}); the better of two solves of each.",
    )
    yield Line(
        what=f"of {count:,} seeded draws: the worst of all",
        goal=f"<= {WORST_GOAL_MS:.0f} ms",
        measured=ms(worst),
        is_met=worst <= WORST_GOAL_MS,
    )


def _large_line(effort: Effort) -> Line:
    programs = market_programs(market_seed=3, count=effort.large, size=LARGE)
    taken = [solve_ms(program, rounds=3) for program in programs if solve_program(program).status == "optimal"]
    took = median(taken)
    return Line(
        what="3,000 securities x 4 lots, median",
        goal=f"<= {LARGE_GOAL_MS:.0f} ms",
        measured=ms(took),
        is_met=took <= LARGE_GOAL_MS,
        note=f"{len(taken)} feasible accounts.",
    )


def _frontier_line(effort: Effort) -> Line:
    warm, cold = [], []
    for program in market_programs(market_seed=21, count=effort.frontiers, first_seed=700):
        if solve_program(program).status != "optimal":
            continue
        points = [with_aversion(program, float(factor)) for factor in FRONTIER]
        warm.append(cpu_ms(partial(_chain, points, is_warm=True), rounds=3))
        cold.append(cpu_ms(partial(_chain, points, is_warm=False), rounds=3))
    took = median(warm)
    return Line(
        what="20-point frontier of risk aversion, warm, median",
        goal=f"<= {FRONTIER_GOAL_MS:.0f} ms",
        measured=f"{ms(took)} (cold {ms(median(cold))})",
        is_met=took <= FRONTIER_GOAL_MS,
        note=f"{len(warm)} accounts of {SIZE} securities; aversion from a quarter to four times.",
    )


def _chain(points: Sequence[Program], *, is_warm: bool) -> None:
    last: Answer | None = None
    for point in points:
        answer = solve_program(point, start=last if is_warm else None)
        last = answer if answer.status == "optimal" else None
