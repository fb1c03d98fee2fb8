"""
One query by the kernels, under caps on tracking error: the multiplier of a cap scales the risk of its block.

With pull = 1 + t, t >= 0, the Lagrangian of a cap is risk x pull - t value lambda/2 cap^2: a cap costs a few more
solves of the same arrays, each started from the last; every pull gives a rigorous lower bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rebalancing.engine.constraints import Rank
from rebalancing.engine.kernels.drive import solve_program
from rebalancing.engine.kernels.program import Answer
from rebalancing.engine.layouts import Layout
from rebalancing.engine.programs import Asked, ask
from rebalancing.engine.query import Query, Solution, failed_solution
from rebalancing.engine.universe import Vector

# A cap is met when it is exceeded by no more than a hundred-millionth of itself.
MET_FRAC = 1e-8
LOOSER_FRAC = 1e-7
MOST_STEPS = 40
STEEPEST_PULL = 1e8
IDLE_PULL = 1e-6
LEAST_ERROR = 1e-9
MOST_REWEIGHTINGS = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Warm:
    """What another query on the same layout may start from."""

    layout: Layout
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tried:
    """One solve at given pulls, and the tracking error of every block (empty where there is no answer)."""

    asked: Asked
    answer: Answer
    traded_usd: Vector
    errors: tuple[float, ...]

    @property
    def is_optimal(self) -> bool:
        return self.answer.status == "optimal"


def solve_within_caps(query: Query, *, layout: Layout) -> Solution:
    """Minimise the objective; where a cap is exceeded, raise the pull of that block until it is met."""
    caps = _caps(query, layout)
    pulls = _plain_pulls(query, layout)
    tried = _try(query, layout, pulls, _started(query, layout))
    for _ in range(len(caps) + 1):
        over = [at for at, cap in enumerate(caps) if tried.is_optimal and _is_over(tried.errors[at], cap)]
        for at in over:
            tried = _meet_cap(query, layout, pulls, at=at, cap=float(caps[at] or 0.0), tried=tried)
            if not tried.is_optimal:
                break
        if not over or not tried.is_optimal:
            return _solution(query, layout, tried, pulls, caps)
    return failed_solution("failed")


def least_tracking_error(query: Query, *, layout: Layout) -> Solution:
    """Minimise by how many dollars of tracking error the caps are exceeded, all blocks together, at any cost."""
    caps = [block.max_tracking_error for block in layout.problem.blocks]
    tried = _least(query, layout, caps)
    solution = _solution(query, layout, tried, [1.0] * len(caps), [None] * len(caps))
    if not tried.is_optimal:
        return solution
    excess = sum(
        max(error - cap, 0.0) * block.value_usd
        for error, cap, block in zip(tried.errors, caps, layout.problem.blocks, strict=True)
        if cap is not None
    )
    return replace(solution, objective_usd=excess, bound_usd=float("-inf"))


def _plain_pulls(query: Query, layout: Layout) -> list[float]:
    """Return what the query multiplies the risk of each block with before any cap: 1, but for curves."""
    blocks = layout.problem.blocks
    return [1.0 if query.aversion is None else query.aversion / block.aversion for block in blocks]


def _caps(query: Query, layout: Layout) -> list[float | None]:
    """Return the caps; where they may give way, each as far as it has to."""
    caps = [block.max_tracking_error for block in layout.problem.blocks]
    if query.allowed.get(Rank.TRACKING_ERROR, 0.0) <= 0:
        return caps
    allowed = {rank: usd for rank, usd in query.allowed.items() if rank < Rank.TRACKING_ERROR}
    goal = replace(query, goal=Rank.TRACKING_ERROR, allowed=allowed, start=None)
    least = _least(goal, Layout(goal), caps)
    if not least.is_optimal:
        return caps
    return [
        None if cap is None else max(cap, error * (1 + LOOSER_FRAC))
        for cap, error in zip(caps, least.errors, strict=True)
    ]


def _is_over(error: float, cap: float | None) -> bool:
    return cap is not None and error > cap * (1 + MET_FRAC)


def _started(query: Query, layout: Layout) -> Answer | None:
    warm = query.start.multipliers if query.start is not None else None
    return warm.answer if isinstance(warm, _Warm) and warm.layout is layout else None


def _try(query: Query, layout: Layout, pulls: Sequence[float], start: Answer | None) -> _Tried:
    problem = layout.problem
    asked = ask(layout, query, pull=_by_place(layout, pulls))
    answer = solve_program(asked.program, start=start)
    if answer.status != "optimal":
        return _Tried(asked=asked, answer=answer, traded_usd=np.zeros(0), errors=())
    traded = asked.traded_usd(layout, answer)
    held = problem.held_after_usd(traded)
    errors = tuple(float(np.sqrt(max(block.variance(held), 0.0))) for block in problem.blocks)
    return _Tried(asked=asked, answer=answer, traded_usd=traded, errors=errors)


def _by_place(layout: Layout, factors: Sequence[float]) -> Vector:
    """Spread one number a block over its securities, (risk_count,)."""
    counts = [block.count for block in layout.problem.blocks]
    return np.repeat(np.asarray(factors, dtype=np.float64), counts)


def _meet_cap(query: Query, layout: Layout, pulls: list[float], *, at: int, cap: float, tried: _Tried) -> _Tried:
    """Find the least pull of one block at which its cap is met, to the last digit on the safe side; else infeasible."""
    low, low_error = pulls[at], tried.errors[at]
    high, met = low, tried
    while _is_over(met.errors[at], cap):
        if high >= STEEPEST_PULL:
            return replace(met, answer=replace(met.answer, status="infeasible"))
        low, low_error = high, met.errors[at]
        high = pulls[at] = min(high * max(4.0, (low_error / max(cap, LEAST_ERROR)) ** 1.5), STEEPEST_PULL)
        met = _try(query, layout, pulls, met.answer)
        if not met.is_optimal:
            return met
    for step in range(MOST_STEPS):
        if met.errors[at] >= cap * (1 - MET_FRAC) or high / low - 1.0 < MET_FRAC:
            break
        pulls[at] = _between(low, low_error, high, met.errors[at], cap=cap, bisect=step % 3 == 2)
        middle = _try(query, layout, pulls, met.answer)
        if not middle.is_optimal:
            return middle
        if _is_over(middle.errors[at], cap):
            low, low_error = pulls[at], middle.errors[at]
        else:
            high, met = pulls[at], middle
    pulls[at] = high
    return met


def _between(low: float, low_error: float, high: float, high_error: float, *, cap: float, bisect: bool) -> float:
    """Return the next pull: by a line through the logarithms, or the middle of them where that goes too slowly."""
    share = 0.5
    if not bisect and low_error > high_error > 0 and cap > 0:
        share = float(np.log(low_error / cap) / np.log(low_error / high_error))
        share = min(max(share, 0.02), 0.98)
    return float(low * (high / low) ** share)


def _least(query: Query, layout: Layout, caps: Sequence[float | None]) -> _Tried:
    """
    Minimise the sum of the excess errors by reweighted squares: |e| is the least of (e^2 / w + w) / 2 over w.

    Blocks within their cap, or without one, hardly count.
    """
    blocks = layout.problem.blocks
    pulls = [IDLE_PULL if cap is None else 1.0 for cap in caps]
    tried = _try(query, layout, pulls, None)
    capped = [at for at, cap in enumerate(caps) if cap is not None]
    for _ in range(MOST_REWEIGHTINGS if len(capped) > 1 else 0):
        if not tried.is_optimal:
            break
        for at in capped:
            over = tried.errors[at] > float(caps[at] or 0.0)
            weight = 1.0 / (blocks[at].aversion * max(tried.errors[at], LEAST_ERROR))
            pulls[at] = weight if over else max(pulls[at] / 2, IDLE_PULL)
        tried = _try(query, layout, pulls, tried.answer)
    return tried


def _solution(
    query: Query, layout: Layout, tried: _Tried, pulls: Sequence[float], caps: Sequence[float | None]
) -> Solution:
    """Bring an answer back to the terms of the query."""
    if not tried.is_optimal:
        return failed_solution("infeasible" if tried.answer.status == "infeasible" else "failed")
    problem, asked, answer = layout.problem, tried.asked, tried.answer
    bound = answer.bound * layout.unit_usd + asked.constant_usd
    tracking: dict[str, float] = {}
    plain = _plain_pulls(query, layout)
    for block, pull, base, cap in zip(problem.blocks, pulls, plain, caps, strict=True):
        if cap is not None and pull > base:
            bound -= (pull - base) * block.value_usd * block.aversion / 2 * cap**2
            tracking[block.name] = (pull - base) * block.aversion * cap
    coupling, holding = asked.risk_prices(layout, answer, plain=_by_place(layout, plain))
    row_prices, segment_prices = asked.prices(layout, query, answer)
    return Solution(
        status="optimal",
        traded_usd=tried.traded_usd,
        objective_usd=_objective_usd(query, tried.traded_usd),
        bound_usd=bound,
        row_prices=row_prices,
        segment_prices=segment_prices,
        coupling_prices=coupling,
        holding_prices=holding,
        tracking_prices=tracking,
        solver=answer.method,
        multipliers=_Warm(layout=layout, answer=answer),
    )


def _objective_usd(query: Query, traded_usd: Vector) -> float:
    """Return the objective of the query: the taxes in its regimes, charges for transfers as the choices made them."""
    problem = query.problem
    held = problem.held_after_usd(traded_usd)
    ratios = [1.0 if query.aversion is None else query.aversion / block.aversion for block in problem.blocks]
    total = sum(ratio * block.risk_usd(held) for ratio, block in zip(ratios, problem.blocks, strict=True))
    total += float(query.cost @ traded_usd) + problem.constant_usd
    for term, book in zip(problem.tax_terms(query.regimes), problem.returns, strict=True):
        if book.can_change:
            total += term.value_usd(*book.gains_usd(traded_usd))
    return total
