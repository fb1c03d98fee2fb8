"""
The choices around the convex solve: which regime of the tax, and for every exclusive pair whether to buy or to sell.

The relaxation leaves both sides of everything open. Where its answer buys and sells what may not be traded together,
each pair is fixed to the side with the smaller one-dimensional Lagrangian value at the present prices, the most decided
half first, and the problem is solved again (engine.md B6, Lagrangian diving). Any prices give a lower bound once every
pair's part is minimised over its branches alone; the best bound found stands, the smaller of the two regimes'.
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
MAX_THINNINGS = 12
# Below a thousandth of a basis point of value an amount is the solver's dust.
DUST_FRAC = 1e-7
# Leaving out a trade below the least size may cost a tenth of a basis point; a gap above one is worth another try.
SMALL_TRADE_FRAC = 1e-5
WIDE_GAP_FRAC = 1e-4


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Branch:
    """One regime: its solved query, without conflicts or not yet, and the best bound of it so far."""

    query: Query
    solution: Solution
    bound_usd: float


def choose(
    problem: Problem, *, solver: ConvexSolver, allowed: Mapping[Rank, float], closed: Flags | None = None
) -> Plan | None:
    """
    Solve with all choices made; None where the rules do not fit (then `relax` finds what gives way).

    `closed` starts from choices made before.
    """
    start = np.zeros(problem.segments.count, dtype=bool) if closed is None else closed
    roots: dict[Regime, _Branch] = {}
    for regime in problem.regimes():
        query = Query(problem=problem, regime=regime, closed=start, allowed=allowed)
        solution = solver(query)
        if solution.status == "optimal":
            roots[regime] = _Branch(query=query, solution=solution, bound_usd=lower_bound_usd(query, solution))
    if not roots:
        return None
    first = min(roots.values(), key=lambda branch: branch.solution.objective_usd)
    leaves = {first.query.regime: _dive(first, solver=solver)}
    for regime, root in roots.items():
        leaf = leaves[first.query.regime]
        if regime not in leaves and (leaf is None or root.bound_usd < leaf.solution.objective_usd):
            leaves[regime] = _dive(_follow(root, leaf, solver=solver), solver=solver)
    plan = _best(problem, roots, leaves)
    if plan is None or plan.solution.objective_usd - plan.bound_usd > WIDE_GAP_FRAC * problem.value_usd:
        plan = _better(plan, _one_sided(first, solver=solver))
    return None if plan is None else thin_out(plan, solver=solver)


def _better(plan: Plan | None, other: Plan | None) -> Plan | None:
    """Take the lower objective of two plans, and the higher bound."""
    if plan is None or other is None:
        return plan or other
    best = min(plan, other, key=lambda one: one.problem.objective_usd(one.solution.traded_usd))
    return replace(best, bound_usd=plan.bound_usd)


def _best(problem: Problem, roots: Mapping[Regime, _Branch], leaves: Mapping[Regime, _Branch | None]) -> Plan | None:
    """Take the best answer by the true objective, and the bound that holds in every regime."""
    found = [leaf for leaf in leaves.values() if leaf is not None]
    if not found:
        return None
    best = min(found, key=lambda leaf: problem.objective_usd(leaf.solution.traded_usd))
    bounds = []
    for regime, root in roots.items():
        leaf = leaves.get(regime)
        bounds.append(root.bound_usd if leaf is None else max(root.bound_usd, leaf.bound_usd))
    return Plan(query=best.query, solution=best.solution, bound_usd=min(bounds))


def _follow(root: _Branch, leaf: _Branch | None, *, solver: ConvexSolver) -> _Branch:
    """Start one regime from the choices that were made in the other, where they fit."""
    if leaf is None or not conflicting(root.query.problem, root.solution.traded_usd):
        return root
    query = replace(root.query, closed=leaf.query.closed)
    solution = solver(query)
    if solution.status != "optimal":
        return root
    bound = lower_bound_usd(query, solution, free=root.query)
    return _Branch(query=query, solution=solution, bound_usd=max(bound, root.bound_usd))


def _dive(branch: _Branch, *, solver: ConvexSolver) -> _Branch | None:
    """Fix conflicting pairs until none is left."""
    free, query, solution, bound = branch.query, branch.query, branch.solution, branch.bound_usd
    for turn in range(len(query.problem.exclusives) + 1):
        conflicts = conflicting(query.problem, solution.traded_usd)
        if not conflicts:
            return _Branch(query=query, solution=solution, bound_usd=bound)
        query = _fix(query, solution, conflicts, all_of_them=turn >= MAX_ROUNDS - 3)
        solution = solver(query)
        if solution.status != "optimal":
            return None
        bound = max(bound, lower_bound_usd(query, solution, free=free))
    return None


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


def lower_bound_usd(query: Query, solution: Solution, *, free: Query | None = None) -> float:
    """
    Bound the objective of this regime from below at the solution's prices.

    The Lagrangian falls apart into securities; each pair's part is minimised over its branches instead of freely.
    `free` is the query before the choices that `query` closed: its segments may all be used again.
    """
    problem = query.problem
    open_segments = ~(free or query).shut()
    bound = solution.bound_usd
    for pair in _disjoint(problem, solution.traded_usd, closed=query.closed):
        places = _places(problem, pair)
        spent = sum(_spent_usd(problem, solution, place=place) for place in places)
        buying, selling = _branches(problem, solution, pair, open_segments=open_segments)
        bound += min(buying, selling) - spent
    return bound


def _disjoint(problem: Problem, traded_usd: Vector, *, closed: Flags) -> list[Exclusive]:
    """Pick pairs that matter (in conflict, or decided before) and share no security, groups before securities."""
    conflicts = {pair.name for pair in conflicting(problem, traded_usd)}
    taken: set[int] = set()
    picked: list[Exclusive] = []
    for pair in sorted(problem.exclusives, key=lambda pair: -pair.buys.size):
        matters = pair.name in conflicts or closed[pair.buys].any() or closed[pair.sales].any()
        places = _places(problem, pair)
        if matters and not taken.intersection(places):
            taken.update(places)
            picked.append(pair)
    return picked


def _places(problem: Problem, pair: Exclusive) -> list[int]:
    segments = np.concatenate([pair.buys, pair.sales])
    return [int(place) for place in np.unique(problem.segments.security[segments])]


def _fix(query: Query, solution: Solution, conflicts: Sequence[Exclusive], *, all_of_them: bool) -> Query:
    """Close one side of the most decided half of the conflicts."""
    open_segments = ~query.shut()
    scored: list[tuple[float, Exclusive]] = []
    for pair in conflicts:
        buying, selling = _branches(query.problem, solution, pair, open_segments=open_segments)
        scored.append((buying - selling, pair))
    scored.sort(key=lambda found: (-abs(found[0]), found[1].name))
    closed = query.closed.copy()
    for margin, pair in scored if all_of_them else scored[: (len(scored) + 1) // 2]:
        closed[pair.buys if margin > 0 else pair.sales] = True
    return replace(query, closed=closed & (query.problem.segments.lower_usd <= 0))


def _branches(problem: Problem, solution: Solution, pair: Exclusive, *, open_segments: Flags) -> tuple[float, float]:
    """Return the Lagrangian value of a pair's securities without its sales, and without its purchases."""
    buying = selling = 0.0
    for place in _places(problem, pair):
        here = np.flatnonzero((problem.segments.security == place) & open_segments)
        buying += lagrangian_usd(problem, solution, place=place, segments=np.setdiff1d(here, pair.sales))
        selling += lagrangian_usd(problem, solution, place=place, segments=np.setdiff1d(here, pair.buys))
    return buying, selling


def _slope(problem: Problem, solution: Solution, place: int) -> tuple[float, float]:
    """Return curvature and slope, at no trade, of the Lagrangian in the dollars held of a security."""
    curvature = problem.aversion * float(problem.risk.specific[place]) / problem.value_usd
    active = float(problem.universe.held_usd[place]) - float(problem.target_usd[place])
    return curvature, curvature * active + float(solution.coupling_prices[place])


def _spent_usd(problem: Problem, solution: Solution, *, place: int) -> float:
    """Return what the solution's own trades in a security contribute to the Lagrangian."""
    curvature, slope = _slope(problem, solution, place)
    here = problem.segments.security == place
    traded = solution.traded_usd[here]
    flow = float(problem.segments.sign[here] @ traded)
    return float(solution.segment_prices[here] @ traded) + slope * flow + curvature * flow * flow / 2


def lagrangian_usd(problem: Problem, solution: Solution, *, place: int, segments: Places) -> float:
    """
    Minimise one security's part of the Lagrangian over these segments, either side alone.

    Its own curvature is kept, everything else is priced. Segments are used the cheapest first; 0 is doing nothing.
    """
    curvature, slope = _slope(problem, solution, place)
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


def thin_out(plan: Plan, *, solver: ConvexSolver) -> Plan:
    """
    Close the trades that are too small, not worth their ticket, or too many, and solve for what is left.

    Half of what is too many goes at a time, the least worth first, fewer where a rule needs them; the bound stays, for
    it knows nothing of counts.
    """
    protected: set[int] = set()
    most = plan.problem.universe.count
    for _ in range(MAX_THINNINGS):
        dropped = _not_worth_it(plan, protected)[:most]
        if not dropped:
            return plan
        closed = plan.query.closed | np.isin(plan.problem.segments.security, dropped)
        query = replace(plan.query, closed=closed & (plan.problem.segments.lower_usd <= 0))
        solution = solver(query)
        thinner = replace(plan, query=query, solution=solution)
        if solution.status == "optimal" and _is_acceptable(thinner, plan, protected=protected):
            plan = thinner
        elif len(dropped) == 1:
            protected.update(dropped)
        else:
            most = (len(dropped) + 1) // 2
    return plan


def _is_acceptable(thinner: Plan, plan: Plan, *, protected: set[int]) -> bool:
    """Tell whether fewer trades may replace a plan: they have to, or what is lost is no more than the tickets saved."""
    problem = plan.problem
    if conflicting(problem, thinner.solution.traded_usd):
        return False
    trading = problem.universe.account.trading
    before, after = _trade_count(plan), _trade_count(thinner)
    if trading.max_trades is not None and before > max(trading.max_trades, len(protected)):
        return True
    lost = thinner.solution.objective_usd - plan.solution.objective_usd
    saved = float(trading.ticket_cost) * (before - after)
    return lost <= saved + SMALL_TRADE_FRAC * problem.value_usd * max(before - after, 1)


def _trade_count(plan: Plan) -> int:
    segments = plan.problem.segments
    traded = np.bincount(segments.security, weights=plan.solution.traded_usd, minlength=1)
    return int((traded > dust_usd(plan.problem)).sum())


def _not_worth_it(plan: Plan, protected: set[int]) -> list[int]:
    """Return the securities whose trades should go, the least worth first."""
    problem, solution = plan.problem, plan.solution
    trading = problem.universe.account.trading
    traded = np.bincount(problem.segments.security, weights=solution.traded_usd, minlength=problem.universe.count)
    pinned = np.bincount(
        problem.segments.security, weights=problem.segments.lower_usd, minlength=problem.universe.count
    )
    movable = np.flatnonzero((traded > dust_usd(problem)) & (pinned <= 0))
    free = [int(place) for place in movable if int(place) not in protected]
    left = problem.held_after_usd(solution.traded_usd)
    worth = {place: -_spent_usd(problem, solution, place=place) for place in free}
    small, ticket = float(trading.min_trade) / 2, float(trading.ticket_cost)
    dropped = {
        place
        for place in free
        if (ticket > 0 and worth[place] < ticket) or (traded[place] < small and left[place] > dust_usd(problem))
    }
    if trading.max_trades is not None:
        kept = sorted((place for place in free if place not in dropped), key=lambda place: (worth[place], place))
        excess = len(kept) - max(trading.max_trades - int((pinned > 0).sum()) - len(protected), 0)
        dropped |= set(kept[: (excess + 1) // 2 if excess > 0 else 0])
    return sorted(dropped, key=lambda place: (worth[place], place))


def _one_sided(root: _Branch, *, solver: ConvexSolver) -> Plan | None:
    """Answer where the dive ran into a wall: no sales that conflict with purchases, else no such purchases."""
    for side in ("sales", "buys"):
        query, solution = root.query, root.solution
        for _ in range(len(query.problem.exclusives) + 1):
            conflicts = conflicting(query.problem, solution.traded_usd)
            if not conflicts:
                return Plan(query=query, solution=solution, bound_usd=root.bound_usd)
            closed = query.closed.copy()
            for pair in conflicts:
                closed[getattr(pair, side)] = True
            query = replace(query, closed=closed & (query.problem.segments.lower_usd <= 0))
            solution = solver(query)
            if solution.status != "optimal":
                break
    return None
