"""
Round a plan to whole steps of named lots, then improve it move by move until no move, and no pair, does any good.

Rules come first, in the order of sacrifice: the hardest violated rank is cured by the cheapest move a dollar, no move
may worsen a harder one. Only moves that worsen no rule serve the objective. A small case is looked through entirely
around what was found. The bound is the plan's, or better: no trades on the grid cost less.
"""

from dataclasses import dataclass, replace

import numpy as np

from rebalancing.engine.bounds import Coupled, couple, prices_of, support_of
from rebalancing.engine.choices.plan import Plan
from rebalancing.engine.choices.regimes import count_combinations
from rebalancing.engine.kernels.shares import Board
from rebalancing.engine.kernels.shares_nearest import nearest_grains
from rebalancing.engine.kernels.shares_search import improve, new_desk
from rebalancing.engine.query import ConvexSolver, Query, Solution, rows_per_dollar
from rebalancing.engine.rounding.bound import Steps, lattice_bound_usd, steps_of
from rebalancing.engine.rounding.branching import starts
from rebalancing.engine.rounding.lattice import Grains, Lattice, RoundedTrade, build_lattice, rounded_trades
from rebalancing.engine.rounding.small import look_through
from rebalancing.engine.rounding.state import (
    board_of,
    excess_of,
    fresh_objective_usd,
    grains_of,
    is_better,
    is_broken,
    objective_usd,
)
from rebalancing.engine.universe import Flags, Vector

MAX_PLANS = 3
ROOM_FACTOR = 1.5
PROGRESS_USD = 1e-3
PROGRESS_FRAC = 1e-8
TOLERANCE_USD = 0.005
# Above a tenth of a basis point of value a search is tried from a second start.
WIDE_FRAC = 1e-5
# Above a basis point, or with a broken rule, also from what branching finds.
FAR_FRAC = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rounded:
    """
    The trades of all accounts, exact, what they cost and violate by the search's own count, and the best lower bound.

    `violations` (ranks,) in dollars, trades for counts.
    """

    trades: tuple[RoundedTrade, ...]
    traded_usd: Vector
    objective_usd: float
    bound_usd: float
    violations: Vector


def round_plan(plan: Plan, *, solver: ConvexSolver) -> Rounded:
    """
    Turn dollars into trades; into none (but pinned ones) where that is no worse.

    Where whole steps break a rule that the plan kept, or the nearest ones did and curing it broke a softer one, the
    plan is made again with that much room to spare.
    """
    lattice = build_lattice(
        plan.problem,
        segment_prices=plan.solution.segment_prices,
        coupling_prices=plan.solution.coupling_prices,
    )
    coupled = plan.coupled or couple(plan.problem)
    desk = _Rounding(lattice=lattice, coupled=coupled, plan=plan)
    best = board_of(lattice, lattice.least)
    query, solution = plan.query, plan.solution
    for _ in range(MAX_PLANS):
        board = desk.search(query, solution)
        if is_better(board, best, progress_usd=0.0):
            best = board
        tighter = _with_room(query, plan, lattice.traded_usd(grains_of(board)))
        if tighter is None and is_broken(board):
            tighter = _with_room(query, plan, lattice.traded_usd(nearest(lattice, solution.traded_usd)))
        if tighter is None:
            break
        query, solution = tighter, solver(tighter)
        if solution.status != "optimal":
            break
    best = look_through(lattice, desk.with_branches(best, solver=solver))
    grains = grains_of(best)
    return Rounded(
        trades=rounded_trades(lattice, grains),
        traded_usd=lattice.traded_usd(grains),
        objective_usd=fresh_objective_usd(lattice, grains),
        bound_usd=max(plan.bound_usd, desk.bound_usd(best)),
        violations=excess_of(best),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rounding:
    """A plan on its way to whole shares."""

    lattice: Lattice
    coupled: Coupled
    plan: Plan

    def search(self, query: Query, solution: Solution) -> Board:
        """Search from the grains nearest to a solution; where much may be left, also from what is best by place."""
        prices = prices_of(query, solution)
        steps = self._steps(shut=query.shut(), with_sizes=True)
        by_place = steps.best_grains(prices, nearest(self.lattice, solution.traded_usd))
        start = with_sizes(self.lattice, nearest(self.lattice, solution.traded_usd), by_place)
        board = improve_grains(self.lattice, start, self.plan)
        wide_usd = WIDE_FRAC * self.lattice.problem.value_usd
        if not is_broken(board) and objective_usd(self.lattice, board) <= self.bound_usd(board) + wide_usd:
            return board
        other = improve_grains(self.lattice, by_place, self.plan)
        return other if is_better(other, board, progress_usd=0.0) else board

    def with_branches(self, best: Board, *, solver: ConvexSolver) -> Board:
        """Search once more from what branching finds, where much may still be left."""
        far_usd = FAR_FRAC * self.lattice.problem.value_usd
        if not is_broken(best) and objective_usd(self.lattice, best) <= self.bound_usd(best) + far_usd:
            return best
        plan = self.plan
        known_usd = np.inf if is_broken(best) else objective_usd(self.lattice, best)
        for grains in starts(self.lattice, plan.query, plan.solution, solver=solver, known_usd=known_usd):
            other = improve_grains(self.lattice, grains, plan)
            if is_better(other, best, progress_usd=0.0):
                best = other
        return best

    def bound_usd(self, board: Board) -> float:
        """Bound trades on the grid from below; sizes and counts may only be used where these trades keep every rule."""
        plan = self.plan
        supports = plan.supports
        if not supports and count_combinations(plan.problem) == 1:
            supports = (support_of(plan.query, plan.solution, coupled=self.coupled),)
        shut = replace(plan.query, closed=np.zeros(self.lattice.order.size, dtype=bool)).shut()
        steps = self._steps(shut=shut, with_sizes=not is_broken(board))
        return max(plan.bound_usd, lattice_bound_usd(steps, supports))

    def _steps(self, *, shut: Flags, with_sizes: bool) -> Steps:
        return steps_of(self.lattice, self.coupled, shut=shut, with_sizes=with_sizes)


def nearest(lattice: Lattice, traded_usd: Vector) -> Grains:
    """Return the grains by slot that are nearest to dollars by segment."""
    return np.asarray(nearest_grains(lattice.board, traded_usd[lattice.order] / lattice.grain_usd), dtype=np.int64)


def with_sizes(lattice: Lattice, grains: Grains, best: Grains) -> Grains:
    """Return the grains; where they make a trade that is too small, the trade of `best` instead."""
    board = lattice.board
    positions, position = board.positions, board.slots["position"]
    flow = np.bincount(position, weights=board.slots["sign"] * grains, minlength=positions.size)
    size, account = positions["grain_usd"], board.accounts[positions["account"]]
    left = positions["held"] + flow
    is_small = (np.abs(flow) * size < account["min_trade"]) | (left * size < account["min_position"])
    is_small &= (flow != 0) & (left != 0)
    return np.where(is_small[position], best, grains)


def improve_grains(lattice: Lattice, grains: Grains, plan: Plan) -> Board:
    """Search from a set of trades, at the prices of a plan."""
    board, siblings = board_of(lattice, grains), lattice.siblings
    bound_usd = plan.bound_usd - lattice.problem.constant_usd
    reduced = reduced_usd(lattice, plan.solution.holding_prices)
    improve(board, new_desk(board, siblings), siblings, reduced, bound_usd, progress_usd(lattice))
    return board


def reduced_usd(lattice: Lattice, prices: Vector) -> Vector:
    """Return what a step of every slot costs at the plan's prices; `prices` (risk_count,) are of a dollar held."""
    positions, slots = lattice.board.positions, lattice.board.slots
    held = (prices[positions["place"]] * positions["weight"] * positions["grain_usd"])[slots["position"]]
    return np.asarray((slots["worth"] + slots["sign"] * held) * positions["step"][slots["position"]])


def progress_usd(lattice: Lattice) -> float:
    return PROGRESS_USD + PROGRESS_FRAC * lattice.problem.value_usd


def _with_room(query: Query, plan: Plan, traded_usd: Vector) -> Query | None:
    """Tighten every row that the rounded trades break by more than the plan does; None where there is none."""
    problem = query.problem
    rows, is_tighter = list(problem.rows), False
    per_dollar = rows_per_dollar(plan.problem, plan.problem.rows)
    now, planned = per_dollar @ traded_usd, per_dollar @ plan.solution.traded_usd
    for at, (asked, row) in enumerate(zip(plan.problem.rows, problem.rows, strict=True)):
        off = asked.excess_usd(float(now[at])) - asked.excess_usd(float(planned[at]))
        if off > TOLERANCE_USD and not row.is_closing and row.high_usd - row.low_usd > 2 * ROOM_FACTOR * off:
            low, high = row.low_usd + ROOM_FACTOR * off, row.high_usd - ROOM_FACTOR * off
            rows[at] = replace(row, low_usd=low, high_usd=high)
            is_tighter = True
    margin = problem.budget_margin_usd
    for book in problem.returns:
        if book.room_usd is not None:
            off = book.caused_usd(traded_usd) - book.room_usd
            if off > TOLERANCE_USD:
                margin, is_tighter = margin + ROOM_FACTOR * off, True
    if not is_tighter:
        return None
    return replace(query, problem=replace(problem, rows=tuple(rows), budget_margin_usd=margin), start=None)
