"""
Round a plan to whole steps of named lots, then improve it move by move until no move does any good.

Rules come first, in the order of sacrifice: the hardest violated rank is cured by the cheapest move a dollar, no move
may worsen a harder one. Only moves that worsen no rule serve the objective. The plan's bound stays what it is: below.
"""

from dataclasses import dataclass

import numpy as np

from rebalancing.engine.choices import Plan
from rebalancing.engine.constraints import Rank
from rebalancing.engine.problem import Problem
from rebalancing.engine.rounding.lattice import Grains, Lattice, RoundedTrade, build_lattice, rounded_trades
from rebalancing.engine.rounding.moves import Moves, Scores, State, apply_move, list_moves, score_moves, state_of
from rebalancing.engine.rounding.nearest import nearest_grains
from rebalancing.engine.universe import Flags, Vector

MAX_MOVES = 600
PROGRESS_USD = 0.01
PROGRESS_FRAC = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rounded:
    """The trades of one account, exact, and what the search thinks of them; `is_better` than doing nothing."""

    trades: tuple[RoundedTrade, ...]
    traded_usd: Vector
    objective_usd: float
    violations: Vector


def round_plan(plan: Plan) -> Rounded:
    """Turn dollars into trades."""
    problem = plan.problem
    lattice = build_lattice(problem)
    prices = plan.solution.segment_prices
    closed = plan.query.closed
    states = [state_of(lattice, nearest_grains(lattice, plan.solution.traded_usd, prices=prices))]
    states[0] = improve(lattice, states[0], closed=closed)
    states.append(state_of(lattice, nothing(lattice)))
    best = min(states, key=lambda state: _rank_key(problem, state))
    return Rounded(
        trades=rounded_trades(lattice, best.grains),
        traded_usd=lattice.traded_usd(best.grains),
        objective_usd=best.objective_usd,
        violations=best.violations,
    )


def nothing(lattice: Lattice) -> Grains:
    """Return no trades but the pinned ones."""
    return lattice.least.copy()


def improve(lattice: Lattice, state: State, *, closed: Flags) -> State:
    """Make the best move until none is left."""
    for _ in range(MAX_MOVES):
        moves = list_moves(lattice, state, closed=closed)
        if moves.count == 0:
            return state
        at = best_move(lattice, state, score_moves(lattice, state, moves))
        if at is None:
            return state
        state = apply_move(lattice, state, moves, at)
    return state


def best_move(lattice: Lattice, state: State, scores: Scores) -> int | None:
    """Return the move to make, None where none helps."""
    progress = PROGRESS_USD + PROGRESS_FRAC * lattice.problem.value_usd
    worse = scores.violations - state.violations
    is_kept = np.ones(worse.shape[0], dtype=bool)
    for rank in Rank:
        gain = -worse[:, rank]
        if state.violations[rank] > 0:
            helps = np.flatnonzero(is_kept & (gain > min(progress, float(state.violations[rank]) / 2)))
            if helps.size:
                softer = np.maximum(worse[helps, rank + 1 :], 0.0).sum(axis=1)
                return int(helps[np.argmin((scores.objective_change[helps] + softer) / gain[helps])])
        is_kept &= gain > -PROGRESS_USD / 4
    helps = np.flatnonzero(is_kept & (scores.objective_change < -progress))
    if helps.size == 0:
        return None
    return int(helps[np.argmin(scores.objective_change[helps])])


def _rank_key(problem: Problem, state: State) -> tuple[float, ...]:
    """Order sets of trades: by violation rank by rank to the dime, then by the objective."""
    del problem
    return (*(round(float(amount), 1) for amount in state.violations), state.objective_usd)


__all__ = ["Moves", "Rounded", "improve", "round_plan"]
