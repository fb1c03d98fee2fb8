"""The question to a convex solver and its answer: what is asked of a problem, at what prices it is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import scipy.sparse as sp

from rebalancing.engine.constraints import Rank, Row
from rebalancing.engine.problem import Problem, Regimes
from rebalancing.engine.universe import Flags, Places, Vector

SolveStatus = Literal["optimal", "infeasible", "failed"]
SolverName = Literal["newton", "interior_point", "reference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipliers:
    """
    What the rules and the coupling of one account charge at the optimum, for the reasons.

    `rules`: dollars of objective per dollar (per dollar of tax, of loss) by which a rule would be loosened, by rule
    id; only rules that bind. `holding`: dollars of risk that one more dollar held of a security costs (negative: it is
    wanted), by security id. `selling`: what selling one more dollar of a lot costs in tax, spread, waiting and rows,
    by lot id.
    """

    rules: Mapping[str, float] = field(default_factory=dict)
    holding: Mapping[str, float] = field(default_factory=dict)
    selling: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """
    One convex problem: a regime of each return's tax, segments closed by choice, and how far ranks may be violated.

    `allowed` maps ranks to dollars of total violation; a rank that is absent is hard. With a `goal` the violation of
    that rank is minimised instead of the objective, and softer ranks are left out. `extra_cost` (N,) is added to the
    cost of a dollar traded: what choices charge for transfers. `aversion` stands for the lambda of every block, and
    `budget_cut_usd` is taken off every tax budget: for curves. `start` is a solution of a similar query to start from.
    """

    problem: Problem
    regimes: Regimes
    closed: Flags
    allowed: Mapping[Rank, float] = field(default_factory=dict)
    goal: Rank | None = None
    extra_cost: Vector | None = None
    aversion: float | None = None
    budget_cut_usd: float = 0.0
    start: "Solution | None" = None

    @property
    def cost(self) -> Vector:
        """Return the cost of a dollar traded of each segment, (N,), taxes apart."""
        if self.extra_cost is None:
            return self.problem.cost
        return np.asarray(self.problem.cost + self.extra_cost)

    def plain(self) -> "Query":
        """Return the same query with its aversion and its cut of the budgets written into the problem."""
        if self.aversion is None and self.budget_cut_usd == 0:
            return self
        blocks = self.problem.blocks
        if self.aversion is not None:
            blocks = tuple(replace(block, aversion=self.aversion) for block in blocks)
        margin = self.problem.budget_margin_usd + self.budget_cut_usd
        problem = replace(self.problem, blocks=blocks, budget_margin_usd=margin)
        return replace(self, problem=problem, aversion=None, budget_cut_usd=0.0)

    def shut(self) -> Flags:
        """Mark the segments that choices or hard closing rows keep from being traded."""
        return np.asarray(self.closed | self.shut_by_rules())

    def shut_by_rules(self) -> Flags:
        """Mark the segments that hard closing rows keep from being traded."""
        shut = np.zeros(self.problem.segments.count, dtype=bool)
        for row in self.problem.rows:
            if not row.is_closing or (self.goal is not None and row.rank > self.goal):
                continue
            if self.allowed.get(row.rank, 0.0) <= 0 and row.rank != self.goal:
                shut[row.segments[row.values > 0]] = True
        return shut


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """
    The answer to a query; arrays are empty unless `status` is optimal.

    `row_prices` belong to `problem.all_rows(regimes)`, signed by the upper side; `segment_prices` (N,) price a dollar
    traded by cost, tax and rows, without the risk of what is held. `holding_prices` (risk_count,) price a weighed
    dollar held by all risk; `coupling_prices` (risk_count,) leave out what the security's own variance adds to the
    objective. `tracking_prices` are dollars per dollar of each block's cap on tracking error. `bound_usd` is rigorous:
    no u within the query's open segments and rows costs less. `multipliers` is what a solver may start from again.
    """

    status: SolveStatus
    traded_usd: Vector
    objective_usd: float
    bound_usd: float
    row_prices: Vector
    segment_prices: Vector
    coupling_prices: Vector
    holding_prices: Vector
    tracking_prices: Mapping[str, float] = field(default_factory=dict)
    solver: SolverName = "reference"
    multipliers: object | None = None


def failed_solution(status: SolveStatus) -> Solution:
    """Return the answer of a query that has none."""
    none = np.zeros(0)
    return Solution(
        status=status,
        traded_usd=none,
        objective_usd=float("inf"),
        bound_usd=float("-inf"),
        row_prices=none,
        segment_prices=none,
        coupling_prices=none,
        holding_prices=none,
    )


class ConvexSolver(Protocol):
    """Anything that answers a query; it never raises for an infeasible or a hard one, it says so in the status."""

    def __call__(self, query: Query, /) -> Solution: ...


def rows_per_dollar(problem: Problem, rows: Sequence[Row]) -> sp.csr_matrix:
    """Return what a dollar traded of each segment adds to the activity of each row, (rows, N)."""
    segments = problem.segments
    shape = (len(rows), segments.count)
    if not rows:
        return sp.csr_matrix(shape)
    sides = (segments.sign, (segments.place, np.arange(segments.count)))
    flow = sp.csr_matrix(sides, shape=(problem.position_count, segments.count))
    held = _stack([row.positions for row in rows], [row.weights for row in rows], width=problem.position_count)
    traded = _stack([row.segments for row in rows], [row.values for row in rows], width=segments.count)
    return sp.csr_matrix(held @ flow + traded)


def _stack(columns: Sequence[Places], values: Sequence[Vector], *, width: int) -> sp.csr_matrix:
    starts = np.concatenate([[0], np.cumsum([one.size for one in columns])])
    return sp.csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(len(columns), width))
