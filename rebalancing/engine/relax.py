"""
Which rule gives way, in the order of sacrifice, and because of what.

First whatever is out of reach on its own is measured without solving: a row that no trade left open by harder rules
can satisfy. Where that is not enough, rank after rank its total violation is minimised with what the harder ones
attained held fixed: strictly lexicographic. Only then is the objective minimised within what was attained.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rebalancing.engine.choices.plan import Plan, conflicting
from rebalancing.engine.choices.search import choose
from rebalancing.engine.constraints import INF, Rank, Row
from rebalancing.engine.problem import Problem
from rebalancing.engine.query import ConvexSolver, Query, Solution, rows_per_dollar
from rebalancing.engine.universe import Flags, Universe, Vector
from rebalancing.engine.violations import LeastViolation, least_violation

# A violation below a hundred-thousandth of a basis point of value is the solver's.
VIOLATION_FRAC = 1e-9
PRICE_TOLERANCE = 1e-6
MOST_ROUNDS = 6
ROOM = 10.0  # times everything that a case holds: no violation is larger


@dataclass(slots=True)
class _Loosened:
    """What was found to give way so far: dollars by rank, and the cause by rule."""

    allowed: dict[Rank, float] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    reached_usd: Vector | None = None  # trades that attain it, where anything had to be measured


def find_plan(problem: Problem, *, solver: ConvexSolver) -> Plan | None:
    """Solve a case, giving up no more of its rules than has to be; None where even the first rank does not fit."""
    reachable, causes = within_reach(problem)
    plan = choose(reachable, solver=solver, allowed={})
    if plan is None:
        closed = np.zeros(problem.segments.count, dtype=bool)
        plan = _sacrifice(reachable, solver=solver, closed=closed)
    return None if plan is None else replace(plan, causes={**causes, **plan.causes})


def within_reach(problem: Problem) -> tuple[Problem, dict[str, str]]:
    """Move the bounds of rows that nothing can satisfy to where they can be met; name what stands in their way."""
    segments = problem.segments
    activity = rows_per_dollar(problem, problem.rows)
    upper = segments.upper_usd.copy()
    closers: dict[int, str] = {}
    causes: dict[str, str] = {}
    rows: list[Row] = []
    for at, row in enumerate(problem.rows):
        if row.is_closing:
            for segment in row.segments[row.values > 0]:
                upper[segment] = segments.lower_usd[segment]
                closers.setdefault(int(segment), row.rule)
            rows.append(_above_pins(row, segments.lower_usd))
            continue
        span = slice(activity.indptr[at], activity.indptr[at + 1])
        places, values = activity.indices[span], activity.data[span]
        moved = _moved_row(row, values, lower=segments.lower_usd[places], upper=upper[places])
        if moved is not row:
            useful = places[values > 0] if moved.low_usd < row.low_usd else places[values < 0]
            causes[row.rule] = _blocker(problem, row, useful, closers=closers)
        rows.append(moved)
    return replace(problem, rows=tuple(rows)), causes


def _above_pins(row: Row, lower: Vector) -> Row:
    """A closing row that a pinned trade breaks is broken by that much and no more."""
    least = float(row.values @ lower[row.segments])
    return row if least <= 0 else replace(row, high_usd=least)


def _moved_row(row: Row, values: Vector, *, lower: Vector, upper: Vector) -> Row:
    if row.rank == Rank.LAW:
        return row
    least = float(np.minimum(values * lower, values * upper).sum())
    most = float(np.maximum(values * lower, values * upper).sum())
    slack = 1e-9 * (1.0 + abs(least) + abs(most))
    if least > row.high_usd + slack:
        return replace(row, high_usd=least + slack)
    if most < row.low_usd - slack:
        return replace(row, low_usd=most - slack)
    return row


def _blocker(problem: Problem, row: Row, useful: Sequence[int], *, closers: dict[int, str]) -> str:
    """Name the harder rule that closes what would cure the row, else what keeps it from being traded at all."""
    for segment in useful:
        name = closers.get(int(segment))
        if name is not None and name != row.rule:
            return name
    for universe in problem.universes:
        if row.account in (None, universe.account.id):
            name = _barred_by(universe, row)
            if name is not None:
                return name
    is_above = row.high_usd < INF
    return "never_short" if is_above or not problem.held_usd.any() else "no_overdraft"


def _barred_by(universe: Universe, row: Row) -> str | None:
    """Name what of the first rank keeps an account's securities of a row, or all of them, from being traded."""
    touched = set((row.positions - universe.first_position).tolist())
    touched |= {
        int(universe.segments.place[at - universe.first_segment])
        for at in row.segments
        if 0 <= at - universe.first_segment < universe.segments.count
    }
    for place, item in enumerate(universe.securities):
        if (place in touched or not touched) and item.id in universe.barred:
            return universe.barred[item.id]
    for lot in universe.account.lots:
        if universe.index[lot.security] in touched and (lot.gift or lot.cost is None):
            return "gift" if lot.gift else "unknown_basis"
    return None


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
    if plan is None:
        loosened, plan = _one_sided(problem, loosened, solver=solver, closed=closed)
    if plan is None:
        plan = _with_more_room(problem, loosened, solver=solver)
    return None if plan is None else replace(plan, causes=loosened.causes)


def _one_sided(
    problem: Problem, loosened: _Loosened, *, solver: ConvexSolver, closed: Flags
) -> tuple[_Loosened, Plan | None]:
    """
    Measure again with one side closed of everything that was bought and sold at once, until nothing is.

    The least violation is sought without the rule that a security is not bought beside its sale: trading to and fro
    burns cash and shrinks what is held, so that no honest trades attain as little.
    """
    for _ in range(MOST_ROUNDS):
        traded = loosened.reached_usd
        pairs = [] if traded is None else conflicting(problem, traded)
        if traded is None or not pairs:
            break
        closed = closed.copy()
        for pair in pairs:
            lesser = pair.sales if traded[pair.sales].sum() <= traded[pair.buys].sum() else pair.buys
            closed[lesser] = True
        closed &= problem.segments.lower_usd <= 0
        again = minimise_violations(problem, solver=solver, closed=closed)
        if again is None:
            break
        loosened = again
        for start in (None, closed):
            plan = choose(problem, solver=solver, allowed=loosened.allowed, closed=start)
            if plan is not None:
                return loosened, plan
    return loosened, None


def _with_more_room(problem: Problem, loosened: _Loosened, *, solver: ConvexSolver) -> Plan | None:
    """Give the softest ranks all the room there is, one more at a time, rather than trade nothing at all."""
    allowed = dict(loosened.allowed)
    for rank in sorted(Rank, reverse=True):
        if rank <= Rank.CLIENT_NEVER:
            return None
        allowed[rank] = ROOM * problem.gross_usd
        plan = choose(problem, solver=solver, allowed=allowed)
        if plan is not None:
            return plan
    return None


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
    ranks = sorted({row.rank for row in problem.all_rows(problem.regimes()[0])} | _cone_ranks(problem))
    tolerance = VIOLATION_FRAC * problem.value_usd
    reached: Vector | None = None
    for rank in ranks:
        if rank == Rank.LAW or (reached is not None and _is_kept(problem, reached, rank, tolerance_usd=tolerance)):
            continue
        best: tuple[Query, LeastViolation] | None = None
        for regimes in problem.regimes() if rank >= Rank.TAX_LIMITS else problem.regimes()[:1]:
            query = Query(problem=problem, regimes=regimes, closed=closed, allowed=found.allowed, goal=rank)
            answer = _least(query, solver=solver)
            if answer is not None and (best is None or answer.violation_usd < best[1].violation_usd):
                best = query, answer
        if best is None:
            return None
        reached = found.reached_usd = best[1].traded_usd
        if best[1].violation_usd > tolerance:
            found.allowed[rank] = best[1].violation_usd
            _name_causes(best[0], best[1], found)
    return found


def _least(query: Query, *, solver: ConvexSolver) -> LeastViolation | None:
    """Ask the linear program; where a cap on tracking error is the goal, or is to be kept, the convex solver."""
    assert query.goal is not None
    if query.goal < Rank.TRACKING_ERROR or not _cone_ranks(query.problem):
        return least_violation(query)
    solution = solver(query)
    if solution.status != "optimal":
        return None
    return LeastViolation(
        violation_usd=max(solution.objective_usd, 0.0),
        traded_usd=solution.traded_usd,
        row_prices=closing_prices(query, solution, query.problem.all_rows(query.regimes)),
    )


def _is_kept(problem: Problem, traded_usd: Vector, rank: Rank, *, tolerance_usd: float) -> bool:
    """Tell whether trades found for a harder rank break nothing of this one in any regime, so that no one has to."""
    if rank == Rank.TRACKING_ERROR:
        held = problem.held_after_usd(traded_usd)
        return all(
            block.max_tracking_error is None or block.variance(held) <= block.max_tracking_error**2
            for block in problem.blocks
        )
    rows = [row for row in problem.all_rows(problem.regimes()[0]) if row.rank == rank]
    activity = rows_per_dollar(problem, rows) @ traded_usd
    return all(row.excess_usd(float(here)) <= tolerance_usd for row, here in zip(rows, activity, strict=True))


def _cone_ranks(problem: Problem) -> set[Rank]:
    has_cap = any(block.max_tracking_error is not None for block in problem.blocks)
    return {Rank.TRACKING_ERROR} if has_cap else set()


def _name_causes(query: Query, answer: LeastViolation, found: _Loosened) -> None:
    """Name the harder row that is priced highest where a row of this rank is violated."""
    rows = query.problem.all_rows(query.regimes)
    cause = _dearest(query, answer, rows)
    tolerance = VIOLATION_FRAC * query.problem.value_usd
    activity = rows_per_dollar(query.problem, rows) @ answer.traded_usd
    for row, here in zip(rows, activity, strict=True):
        if row.rank == query.goal and row.excess_usd(float(here)) > tolerance:
            found.causes.setdefault(row.rule, cause)
    if query.goal == Rank.TRACKING_ERROR:
        found.causes.setdefault("max_tracking_error", cause)


def _dearest(query: Query, answer: LeastViolation, rows: tuple[Row, ...]) -> str:
    is_beside_cap = query.goal is not None and query.goal > Rank.TRACKING_ERROR and bool(_cone_ranks(query.problem))
    best, name = PRICE_TOLERANCE, "max_tracking_error" if is_beside_cap else "no_overdraft"
    for row, price in zip(rows, answer.row_prices, strict=True):
        if query.goal is not None and row.rank < query.goal and abs(price) > best:
            best, name = abs(float(price)), row.rule
    return name


def closing_prices(query: Query, solution: Solution, rows: Sequence[Row]) -> Vector:
    """Complete the prices of rows: a row that closes its segments is worth what the best of them would bring."""
    problem = query.problem
    prices = solution.row_prices.copy()
    segments = problem.segments
    reduced = solution.segment_prices.copy()
    if query.goal is None:
        held = solution.holding_prices[problem.risk_place] * problem.risk_weight
        reduced += segments.sign * held[segments.place]
    for at, row in enumerate(rows):
        if row.is_closing and prices[at] == 0:
            there = row.values > 0
            gains = -reduced[row.segments[there]] / row.values[there]
            prices[at] = max(0.0, float(np.max(gains, initial=0.0)))
    return prices


__all__ = ["Plan", "closing_prices", "find_plan", "minimise_violations", "within_reach"]
