"""
Round a plan to whole steps of named lots, then improve it move by move until no move does any good.

Rules come first, in the order of sacrifice: the hardest violated rank is cured by the cheapest move a dollar, no move
may worsen a harder one. Only moves that worsen no rule serve the objective. Where no single move helps, a move that
does harm is tried together with the best that mends it. The plan's bound stays what it is: below.
"""

from dataclasses import dataclass, replace

import numpy as np

from rebalancing.engine.choices import Plan
from rebalancing.engine.constraints import Rank
from rebalancing.engine.problem import Query
from rebalancing.engine.rounding.lattice import Grains, Lattice, RoundedTrade, build_lattice, rounded_trades
from rebalancing.engine.rounding.moves import (
    TOLERANCE_USD,
    Moves,
    Scores,
    State,
    apply_move,
    list_moves,
    score_moves,
    state_of,
)
from rebalancing.engine.rounding.nearest import nearest_grains
from rebalancing.engine.solver import ConvexSolver
from rebalancing.engine.universe import Flags, Places, Vector

MAX_MOVES = 600
MAX_PAIRS = 12
MAX_PLANS = 3
ROOM_FACTOR = 1.5
FIRST_MOVES = 30
PROGRESS_USD = 0.01
PROGRESS_FRAC = 1e-9
NOTHING_USD = 0.0025


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rounded:
    """The trades of one account, exact, and what they cost and violate by the search's own count."""

    trades: tuple[RoundedTrade, ...]
    traded_usd: Vector
    objective_usd: float
    violations: Vector


def round_plan(plan: Plan, *, solver: ConvexSolver) -> Rounded:
    """
    Turn dollars into trades; into none (but pinned ones) where that is no worse.

    Where whole steps break a rule that the plan kept, the plan is made again with that much room to spare.
    """
    lattice = build_lattice(plan.problem)
    best = state_of(lattice, nothing(lattice))
    query, solution = plan.query, plan.solution
    for _ in range(MAX_PLANS):
        start = nearest_grains(lattice, solution.traded_usd, prices=solution.segment_prices)
        state = improve(lattice, state_of(lattice, start), closed=query.closed)
        if is_better(state, best, progress_usd=0.0):
            best = state
        tighter = _with_room(query, plan, lattice.traded_usd(state.grains))
        if tighter is None:
            break
        query, solution = tighter, solver(tighter)
        if solution.status != "optimal":
            break
    return Rounded(
        trades=rounded_trades(lattice, best.grains),
        traded_usd=lattice.traded_usd(best.grains),
        objective_usd=best.objective_usd,
        violations=best.violations,
    )


def _with_room(query: Query, plan: Plan, traded_usd: Vector) -> Query | None:
    """Tighten every row that the rounded trades break by more than the plan does; None where there is none."""
    problem = query.problem
    rows, is_tighter = list(problem.rows), False
    for at, (asked, row) in enumerate(zip(plan.problem.rows, problem.rows, strict=True)):
        off = asked.violation_usd(traded_usd) - asked.violation_usd(plan.solution.traded_usd)
        if off > TOLERANCE_USD and not row.is_closing and row.high_usd - row.low_usd > 2 * ROOM_FACTOR * off:
            low, high = row.low_usd + ROOM_FACTOR * off, row.high_usd - ROOM_FACTOR * off
            rows[at] = replace(row, low_usd=low, high_usd=high)
            is_tighter = True
    margin = problem.budget_margin_usd
    if problem.year is not None and problem.room_usd is not None:
        short = problem.year.short_usd + float(problem.lots.short_gain @ traded_usd)
        long = problem.year.long_usd + float(problem.lots.long_gain @ traded_usd)
        off = float(problem.year.caused_usd(short, long)) - problem.room_usd
        if off > TOLERANCE_USD:
            margin, is_tighter = margin + ROOM_FACTOR * off, True
    if not is_tighter:
        return None
    return replace(query, problem=replace(problem, rows=tuple(rows), budget_margin_usd=margin))


def nothing(lattice: Lattice) -> Grains:
    """Return no trades but the pinned ones."""
    return lattice.least.copy()


def improve(lattice: Lattice, state: State, *, closed: Flags) -> State:
    """Make the best move until none is left, then the best pair, and so on."""
    pairs = 0
    for _ in range(MAX_MOVES):
        moves = list_moves(lattice, state, closed=closed)
        if moves.count == 0:
            return state
        scores = score_moves(lattice, state, moves)
        at = best_move(lattice, state, scores)
        if at is not None:
            state = apply_move(lattice, state, moves, at)
            continue
        pairs += 1
        better = None if pairs > MAX_PAIRS else _best_pair(lattice, state, moves, scores, closed=closed)
        if better is None:
            return state
        state = better
    return state


def best_move(lattice: Lattice, state: State, scores: Scores) -> int | None:
    """Return the move to make, None where none helps."""
    worse = scores.violations - state.violations
    is_kept = np.ones(worse.shape[0], dtype=bool)
    for rank in Rank:
        gain = -worse[:, rank]
        if state.violations[rank] > 0:
            helps = np.flatnonzero(is_kept & (gain > NOTHING_USD))
            if helps.size:
                return int(helps[_cheapest_cure(scores.objective_change[helps], gain[helps], worse[helps, rank + 1 :])])
        is_kept &= gain > -NOTHING_USD
    helps = np.flatnonzero(is_kept & (scores.objective_change < -progress_usd(lattice)))
    if helps.size == 0:
        return None
    return int(helps[np.argmin(scores.objective_change[helps])])


def _cheapest_cure(cost: Vector, gain: Vector, softer: Vector) -> int:
    """Prefer cures that harm no softer rule, then the cheapest a dollar cured."""
    harm = np.maximum(softer, 0.0).sum(axis=1)
    return int(np.lexsort(((cost + harm) / gain, harm > NOTHING_USD))[0])


def progress_usd(lattice: Lattice) -> float:
    return PROGRESS_USD + PROGRESS_FRAC * lattice.problem.value_usd


def is_better(one: State, other: State, *, progress_usd: float) -> bool:
    """Compare two sets of trades: by violation, rank by rank, then by the objective."""
    for mine, theirs in zip(one.violations, other.violations, strict=True):
        if abs(mine - theirs) > NOTHING_USD:
            return bool(mine < theirs)
    return one.objective_usd < other.objective_usd - progress_usd


def _best_pair(lattice: Lattice, state: State, moves: Moves, scores: Scores, *, closed: Flags) -> State | None:
    """Try promising moves that do some harm, each with the move that mends it; None where no pair is better."""
    best: State | None = None
    for first in _promising(state, scores):
        between = apply_move(lattice, state, moves, int(first))
        follow = list_moves(lattice, between, closed=closed)
        if follow.count == 0:
            continue
        second = best_move(lattice, between, score_moves(lattice, between, follow))
        if second is None:
            continue
        after = apply_move(lattice, between, follow, second)
        if is_better(after, best or state, progress_usd=progress_usd(lattice)):
            best = after
    return best


def _promising(state: State, scores: Scores) -> Places:
    """Order first moves: what cures the hardest violated rank for the least harm, else the best for the objective."""
    broken = np.flatnonzero(state.violations > 0)
    harm = np.maximum(scores.violations - state.violations, 0.0).sum(axis=1)
    if broken.size:
        gain = state.violations[broken[0]] - scores.violations[:, broken[0]]
        useful = np.flatnonzero(gain > NOTHING_USD)
        cost = harm[useful] - gain[useful]
    else:
        useful = np.flatnonzero(scores.objective_change < 0)
        cost = scores.objective_change[useful]
    return np.asarray(useful[np.argsort(cost, kind="stable")][:FIRST_MOVES])
