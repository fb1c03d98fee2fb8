"""
Which rule gives way, in the order of sacrifice, and because of what.

First whatever is out of reach on its own is measured without solving: a row that no trade left open by harder rules
can satisfy. Where that is not enough, rank after rank its total violation is minimised with what the harder ones
attained held fixed: strictly lexicographic. Only then is the objective minimised within what was attained.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from rebalancing.engine.choices import Plan, choose
from rebalancing.engine.constraints import INF, Rank, Row
from rebalancing.engine.problem import Problem, Query, Solution
from rebalancing.engine.solver import ConvexSolver
from rebalancing.engine.universe import Flags, Vector

# A violation below a hundred-thousandth of a basis point of value is the solver's.
VIOLATION_FRAC = 1e-9
PRICE_TOLERANCE = 1e-6


@dataclass(slots=True)
class _Loosened:
    """What was found to give way so far: dollars by rank, and the cause by rule."""

    allowed: dict[Rank, float] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)


def find_plan(problem: Problem, *, solver: ConvexSolver) -> Plan | None:
    """Solve an account, giving up no more of its rules than has to be; None where even the first rank does not fit."""
    reachable, causes = within_reach(problem)
    plan = choose(reachable, solver=solver, allowed={})
    if plan is None:
        closed = np.zeros(problem.segments.count, dtype=bool)
        plan = _sacrifice(reachable, solver=solver, closed=closed)
    return None if plan is None else replace(plan, causes={**causes, **plan.causes})


def within_reach(problem: Problem) -> tuple[Problem, dict[str, str]]:
    """Move the bounds of rows that nothing can satisfy to where they can be met; name what stands in their way."""
    segments = problem.segments
    upper = segments.upper_usd.copy()
    closers: list[str | None] = [None] * segments.count
    causes: dict[str, str] = {}
    rows: list[Row] = []
    for row in problem.rows:
        if row.is_closing:
            for at in np.flatnonzero(row.coefficients > 0):
                upper[at] = segments.lower_usd[at]
                closers[at] = closers[at] or row.rule
            rows.append(_above_pins(row, segments.lower_usd))
            continue
        moved = _moved_row(row, lower=segments.lower_usd, upper=upper)
        if moved is not row:
            causes[row.rule] = _blocker(problem, row, closers, is_above=moved.high_usd > row.high_usd)
        rows.append(moved)
    return replace(problem, rows=tuple(rows)), causes


def _above_pins(row: Row, lower: Vector) -> Row:
    """A closing row that a pinned trade breaks is broken by that much and no more."""
    least = float(row.coefficients @ lower)
    return row if least <= 0 else replace(row, high_usd=least)


def _moved_row(row: Row, *, lower: Vector, upper: Vector) -> Row:
    if row.hinges or row.rank == Rank.LAW:
        return row
    least = float(np.minimum(row.coefficients * lower, row.coefficients * upper).sum())
    most = float(np.maximum(row.coefficients * lower, row.coefficients * upper).sum())
    slack = 1e-9 * (1.0 + abs(least) + abs(most))
    if least > row.high_usd + slack:
        return replace(row, high_usd=least + slack)
    if most < row.low_usd - slack:
        return replace(row, low_usd=most - slack)
    return row


def _blocker(problem: Problem, row: Row, closers: list[str | None], *, is_above: bool) -> str:
    """Name the harder rule that closes what would cure the row, else what keeps it from being traded at all."""
    direction = -1.0 if is_above else 1.0
    useful = np.flatnonzero(row.coefficients * direction > 0)
    for at in useful:
        name = closers[at]
        if name is not None and name != row.rule:
            return name
    segments = problem.segments
    touched = {int(place) for place in segments.security[row.coefficients != 0]}
    for place, item in enumerate(problem.universe.securities):
        if (place in touched or not touched) and item.id in problem.universe.barred:
            return problem.universe.barred[item.id]
    for lot in problem.universe.account.lots:
        if problem.universe.index[lot.security] in touched and (lot.gift or lot.cost is None):
            return "gift" if lot.gift else "unknown_basis"
    return "never_short" if is_above or not problem.universe.held_usd.any() else "no_overdraft"


def _sacrifice(problem: Problem, *, solver: ConvexSolver, closed: Flags) -> Plan | None:
    """Minimise the violation rank by rank, then solve within it; once more where the choices need more room."""
    loosened = minimise_violations(problem, solver=solver, closed=closed)
    if loosened is None:
        return None
    plan = choose(problem, solver=solver, allowed=loosened.allowed)
    if plan is None:
        closed = _no_harvest(problem, closed)
        loosened = minimise_violations(problem, solver=solver, closed=closed)
        if loosened is None:
            return None
        plan = choose(problem, solver=solver, allowed=loosened.allowed, closed=closed)
    return None if plan is None else replace(plan, causes=loosened.causes)


def _no_harvest(problem: Problem, closed: Flags) -> Flags:
    """Close every loss sale that stands beside a purchase: the choice that leaves the other rules most room."""
    closed = closed.copy()
    losses = problem.lots.raw_gain < 0
    for pair in problem.exclusives:
        closed[pair.sales[losses[pair.sales]]] = True
    return closed & (problem.segments.lower_usd <= 0)


def minimise_violations(problem: Problem, *, solver: ConvexSolver, closed: Flags) -> _Loosened | None:
    """Find, rank by rank, the least total violation in dollars."""
    found = _Loosened()
    ranks = sorted({row.rank for row in problem.all_rows(1)} | _cone_ranks(problem))
    tolerance = VIOLATION_FRAC * problem.value_usd
    for rank in ranks:
        if rank == Rank.LAW:
            continue
        best: tuple[Query, Solution] | None = None
        for regime in problem.regimes() if rank >= Rank.TAX_LIMITS else (1,):
            query = Query(problem=problem, regime=regime, closed=closed, allowed=found.allowed, goal=rank)
            solution = solver(query)
            if solution.status == "optimal" and (best is None or solution.objective_usd < best[1].objective_usd):
                best = query, solution
        if best is None:
            return None
        violation = max(best[1].objective_usd, 0.0)
        if violation > tolerance:
            found.allowed[rank] = violation
            _name_causes(best[0], best[1], found)
    return found


def _cone_ranks(problem: Problem) -> set[Rank]:
    return set() if problem.max_tracking_error is None else {Rank.TRACKING_ERROR}


def _name_causes(query: Query, solution: Solution, found: _Loosened) -> None:
    """Name the harder row that is priced highest where a row of this rank is violated."""
    rows = query.problem.all_rows(query.regime)
    cause = _dearest(query, solution, rows)
    tolerance = VIOLATION_FRAC * query.problem.value_usd
    for row in rows:
        if row.rank == query.goal and row.violation_usd(solution.traded_usd) > tolerance:
            found.causes.setdefault(row.rule, cause)
    if query.goal == Rank.TRACKING_ERROR:
        found.causes.setdefault("max_tracking_error", cause)


def _dearest(query: Query, solution: Solution, rows: tuple[Row, ...]) -> str:
    best, name = PRICE_TOLERANCE, "no_overdraft"
    for row, price in zip(rows, closing_prices(query, solution, rows), strict=True):
        if query.goal is not None and row.rank < query.goal and abs(price) > best:
            best, name = abs(float(price)), row.rule
    return name


def closing_prices(query: Query, solution: Solution, rows: tuple[Row, ...]) -> Vector:
    """Complete the prices of rows: a row that closes its segments is worth what the best of them would bring."""
    prices = solution.row_prices.copy()
    segments = query.problem.segments
    reduced = solution.segment_prices.copy()
    if query.goal is None:
        reduced += segments.sign * solution.holding_prices[segments.security]
    for at, row in enumerate(rows):
        if row.is_closing and prices[at] == 0:
            there = row.coefficients > 0
            gains = -reduced[there] / row.coefficients[there]
            prices[at] = max(0.0, float(np.max(gains, initial=0.0)))
    return prices


def relaxed_by_choice(plan: Plan) -> Mapping[Rank, float]:
    """Return what each rank was allowed to be violated by."""
    return plan.query.allowed


__all__ = ["INF", "Plan", "closing_prices", "find_plan", "minimise_violations", "relaxed_by_choice", "within_reach"]
