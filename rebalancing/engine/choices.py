"""
The choices around the convex solve: which regime of the tax, and for every exclusive pair whether to buy or to sell.

The relaxation leaves both sides of everything open; its optimum is the lower bound. Where its answer buys and sells what
may not be traded together, each pair is fixed to the side with the smaller one-dimensional Lagrangian value at the
relaxation's prices, the most decided half first, and the problem is solved again (engine.md B6, Lagrangian diving).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rebalancing.engine.constraints import Rank
from rebalancing.engine.problem import Problem, Query, Solution
from rebalancing.engine.solver import ConvexSolver
from rebalancing.engine.taxes import Regime
from rebalancing.engine.universe import Flags, Places, Vector
from rebalancing.engine.wash_sales import Exclusive

MAX_ROUNDS = 5
# Below a thousandth of a basis point of value an amount is the solver's dust.
DUST_FRAC = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """
    A solved account: the query that led to the solution (with what the choices closed), and the lower bound.

    `causes` names, by rule, the harder rule that made it give way; filled by `relax`.
    """

    query: Query
    solution: Solution
    bound_usd: float
    causes: Mapping[str, str] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        return self.query.problem


def choose(
    problem: Problem,
    *,
    solver: ConvexSolver,
    allowed: Mapping[Rank, float],
    closed: Flags | None = None,
) -> Plan | None:
    """
    Solve with all choices made; None where the rules do not fit (then `relax` finds what gives way).

    `closed` starts from choices made before.
    """
    start = np.zeros(problem.segments.count, dtype=bool) if closed is None else closed
    relaxed = [
        (query, solver(query))
        for query in (
            Query(problem=problem, regime=regime, closed=start, allowed=allowed) for regime in problem.regimes()
        )
    ]
    solved = [(query, solution) for query, solution in relaxed if solution.status == "optimal"]
    if not solved:
        return None
    bound = min(solution.bound_usd for _, solution in solved)
    plans = [
        plan
        for query, solution in _worth_diving(solved)
        if (plan := _dive(query, solution, solver=solver, bound_usd=bound)) is not None
    ]
    if not plans:
        return _without_harvest(solved[0][0], solver=solver, bound_usd=bound)
    return min(plans, key=lambda plan: plan.solution.objective_usd)


def _worth_diving(solved: Sequence[tuple[Query, Solution]]) -> list[tuple[Query, Solution]]:
    """Keep the better regime; both where their answers differ by less than they may still lose."""
    best = min(solution.objective_usd for _, solution in solved)
    worth = [pair for pair in solved if pair[1].objective_usd <= best + 1e-9 * abs(best)]
    return worth[:1]


def _dive(query: Query, solution: Solution, *, solver: ConvexSolver, bound_usd: float) -> Plan | None:
    """Fix conflicting pairs until none is left, then use the other regime where the tax has moved there."""
    for turn in range(MAX_ROUNDS):
        conflicts = conflicting(query.problem, solution.traded_usd)
        if not conflicts:
            break
        query = _fix(query, solution, conflicts, all_of_them=turn >= MAX_ROUNDS - 2)
        solution = solver(query)
        if solution.status != "optimal":
            return None
    if conflicting(query.problem, solution.traded_usd):
        return None
    if solution.objective_usd > query.problem.objective_usd(solution.traded_usd) + dust_usd(query.problem):
        other: Regime = 2 if query.regime == 1 else 1
        second = replace(query, regime=other)
        answer = solver(second)
        if answer.status == "optimal" and answer.objective_usd < solution.objective_usd:
            query, solution = second, answer
    return Plan(query=query, solution=solution, bound_usd=bound_usd)


def dust_usd(problem: Problem) -> float:
    return DUST_FRAC * problem.value_usd


def conflicting(problem: Problem, traded_usd: Vector) -> list[Exclusive]:
    """Return the exclusive pairs that are traded on both sides."""
    dust = dust_usd(problem)
    return [
        pair
        for pair in problem.exclusives
        if traded_usd[pair.buys].sum() > dust and traded_usd[pair.sales].sum() > dust
    ]


def _fix(query: Query, solution: Solution, conflicts: list[Exclusive], *, all_of_them: bool) -> Query:
    """Close one side of the most decided half of the conflicts."""
    scored = sorted((_margin(query.problem, solution, pair) for pair in conflicts), key=lambda found: -abs(found[0]))
    count = len(scored) if all_of_them else (len(scored) + 1) // 2
    closed = query.closed.copy()
    for margin, pair in scored[:count]:
        closed[pair.buys if margin > 0 else pair.sales] = True
    return replace(query, closed=closed & (query.problem.segments.lower_usd <= 0))


def _margin(problem: Problem, solution: Solution, pair: Exclusive) -> tuple[float, Exclusive]:
    """Return by how much selling beats buying at the solution's prices, and the pair."""
    buying = selling = 0.0
    for place in np.unique(problem.segments.security[np.concatenate([pair.buys, pair.sales])]):
        here = np.flatnonzero(problem.segments.security == place)
        without_sales = np.setdiff1d(here, pair.sales)
        without_buys = np.setdiff1d(here, pair.buys)
        buying += lagrangian_usd(problem, solution, place=int(place), segments=without_sales)
        selling += lagrangian_usd(problem, solution, place=int(place), segments=without_buys)
    return buying - selling, pair


def lagrangian_usd(problem: Problem, solution: Solution, *, place: int, segments: Places) -> float:
    """
    Minimise one security's part of the Lagrangian over the dollars traded of these segments.

    Its own curvature is kept, everything else is priced. Segments are used in the order of their price, the cheapest
    first; 0 where nothing is traded.
    """
    unit = problem.value_usd
    curvature = problem.aversion * float(problem.risk.specific[place]) / unit
    slope = curvature * (float(problem.universe.held_usd[place]) - float(problem.target_usd[place]))
    slope += float(solution.factor_prices[place])
    total = 0.0
    for sign in (-1.0, 1.0):
        mine = [at for at in segments if problem.segments.sign[at] == sign]
        mine.sort(key=lambda at: (float(solution.segment_prices[at]), int(at)))
        best, here = 0.0, slope
        for at in mine:
            gradient = float(solution.segment_prices[at]) + sign * here
            if gradient >= 0:
                break
            upper = float(problem.segments.upper_usd[at])
            amount = upper if curvature <= 0 else min(upper, -gradient / curvature)
            best += gradient * amount + curvature * amount * amount / 2
            here += sign * curvature * amount
        total = min(total, best)
    return total


def _without_harvest(query: Query, *, solver: ConvexSolver, bound_usd: float) -> Plan | None:
    """Answer where the dive ran into a wall: keep what is bought, sell nothing that conflicts with it; or the reverse."""
    for side in ("sales", "buys"):
        attempt, solution = query, solver(query)
        for _ in range(MAX_ROUNDS):
            conflicts = conflicting(query.problem, solution.traded_usd)
            if not conflicts:
                return Plan(query=attempt, solution=solution, bound_usd=bound_usd)
            closed = attempt.closed.copy()
            for pair in conflicts:
                closed[getattr(pair, side)] = True
            attempt = replace(attempt, closed=closed)
            solution = solver(attempt)
            if solution.status != "optimal":
                break
    return None
