"""
The convex problem written in cvxpy: the readable definition, the cross-check of the fast solver, and its last fallback.

Amounts are scaled to basis points of what the case holds, so that a solver's tolerance means the same for $50k and
$20M. Variables: u dollars traded of every open segment, t one a bend of the taxes (t >= 0, t >= each of its pieces), e
one slack a rule that may give way, c one slack a cap on tracking error. Every bend has a variable of its own: cvxpy 1.9
solves maxima of multiples of one expression wrongly.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import cvxpy
import numpy as np
import scipy.sparse as sp

from rebalancing.engine.constraints import INF, Rank
from rebalancing.engine.query import Query, Solution, SolveStatus, failed_solution, rows_per_dollar
from rebalancing.engine.risk import RiskBlock
from rebalancing.engine.universe import Vector

# The library is only half typed: its problems, variables and constraints are `Modelled` here.
Modelled: TypeAlias = Any
cp: Modelled = cvxpy
Backend = Literal["clarabel", "osqp"]
BPS = 1e-4
# Rows give by this much, so that rules which just fit together leave the solver an inside to work in.
ROW_TOLERANCE_BPS = 1e-5
ALLOWED_TOLERANCE_BPS = 1e-4
ALLOWED_TOLERANCE_FRAC = 1e-6
BOUND_TOLERANCE = 1e-7


def solve_convex(query: Query) -> Solution:
    """Answer a query with Clarabel, and with OSQP where that one fails."""
    solution = solve_with(query, backend="clarabel")
    has_cap = any(block.max_tracking_error is not None for block in query.problem.blocks)
    if solution.status == "failed" and not has_cap:
        return solve_with(query, backend="osqp")
    return solution


def solve_with(query: Query, *, backend: Backend) -> Solution:
    """Answer a query with one solver. OSQP knows no cones: a cap on tracking error fails there."""
    model = _Model(query.plain())
    if backend == "osqp" and model.cones:
        return failed_solution("failed")
    status = _run(model.program(), backend=backend)
    if status != "optimal" or model.u.value is None:
        return failed_solution("failed" if status == "optimal" else status)
    return model.solution()


def _run(program: Modelled, *, backend: Backend) -> SolveStatus:
    options: dict[str, Any] = {"solver": cp.CLARABEL}
    if backend == "osqp":
        # A fixed small step: adapting it runs in circles where tax is dear and risk is cheap.
        options = {"solver": cp.OSQP, "eps_abs": 1e-7, "eps_rel": 1e-7, "max_iter": 200_000, "polishing": True}
        options |= {"rho": 1e-3, "adaptive_rho": False}
    try:
        program.solve(**options)
    except cp.SolverError:
        return "failed"
    if program.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        return "optimal"
    return "infeasible" if program.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE) else "failed"


@dataclass(slots=True, kw_only=True)
class _Cone:
    """A cap on the tracking error of one block, and by how much it may be exceeded."""

    block: RiskBlock
    slack: Modelled
    constraint: Modelled


@dataclass(slots=True, kw_only=True)
class _Bend:
    """One hinge of a return's tax: its variable, and a constraint a piece with what a dollar of each segment adds."""

    weight: float
    variable: Modelled
    constraint: Modelled
    values: Vector


@dataclass(slots=True)
class _Model:
    """A query in the language of cvxpy. `kept` are the rows that count, hardly shut ones left out."""

    query: Query
    constraints: list[Modelled] = field(default_factory=list)
    bends: list[_Bend] = field(default_factory=list)
    cones: list[_Cone] = field(default_factory=list)
    violation: Modelled = field(default_factory=lambda: cp.Constant(0.0))
    unit_usd: float = 1.0
    open: Any = None
    fixed_usd: Any = None
    u: Modelled = None
    rows: Any = ()
    kept: Any = ()
    activity: Any = None
    upper: Any = None
    lower: Any = None

    def __post_init__(self) -> None:
        query, problem = self.query, self.query.problem
        self.unit_usd = max(problem.gross_usd, 1.0) * BPS
        segments = problem.segments
        is_open = ~query.shut() & (segments.upper_usd > segments.lower_usd)
        self.open = np.flatnonzero(is_open)
        self.fixed_usd = np.where(is_open, 0.0, segments.lower_usd)
        self.u = cp.Variable(self.open.size)
        self.constraints += [self.u >= 0, self.u <= segments.upper_usd[self.open] / self.unit_usd]
        self.rows = problem.all_rows(query.regimes)
        self._add_rows()
        self._add_caps()
        if query.goal is None:
            self._add_taxes()

    def is_elastic(self, rank: Rank) -> bool:
        return rank == self.query.goal or self.query.allowed.get(rank, 0.0) > 0

    def _add_rows(self) -> None:
        """Add every row that counts, its violation in a slack where its rank may give way."""
        goal = self.query.goal
        self.kept = [
            at
            for at, row in enumerate(self.rows)
            if (goal is None or row.rank <= goal) and not (row.is_closing and not self.is_elastic(row.rank))
        ]
        rows = [self.rows[at] for at in self.kept]
        self.activity = rows_per_dollar(self.query.problem, rows)
        fixed = self.activity @ self.fixed_usd / self.unit_usd
        names = [row.slack or f"{at}" for at, row in enumerate(rows)]
        slacks = {name: at for at, name in enumerate(dict.fromkeys(names))}
        ranks = {name: row.rank for name, row in zip(names, rows, strict=True)}
        e = cp.Variable(len(slacks), nonneg=True) if slacks else np.zeros(0)
        give = sp.csr_matrix((np.ones(len(rows)), (np.arange(len(rows)), [slacks[name] for name in names])))
        moved = self.activity[:, self.open] @ self.u + fixed if rows else np.zeros(0)
        high = np.array([row.high_usd for row in rows]) / self.unit_usd + ROW_TOLERANCE_BPS
        low = np.array([row.low_usd for row in rows]) / self.unit_usd - ROW_TOLERANCE_BPS
        self.upper, self.lower = np.flatnonzero(high < INF), np.flatnonzero(low > -INF)
        if rows:
            self.constraints.append(moved[self.upper] - (give @ e)[self.upper] <= high[self.upper])
            self.constraints.append(moved[self.lower] + (give @ e)[self.lower] >= low[self.lower])
        self._add_allowances(e, slacks, ranks)

    def _add_allowances(self, e: Modelled, slacks: dict[str, int], ranks: dict[str, Rank]) -> None:
        """Keep the total violation of every rank within what is allowed, that of hard ones at nothing."""
        for rank in set(ranks.values()):
            mine = np.array([slacks[name] for name in slacks if ranks[name] == rank])
            if rank == self.query.goal:
                self.violation = cp.sum(e[mine])
            elif self.is_elastic(rank):
                self.constraints.append(cp.sum(e[mine]) <= self._allowed(rank))
            else:
                self.constraints.append(e[mine] == 0)

    def _allowed(self, rank: Rank) -> float:
        allowed = self.query.allowed.get(rank, 0.0) / self.unit_usd
        return allowed * (1 + ALLOWED_TOLERANCE_FRAC) + ALLOWED_TOLERANCE_BPS

    def _add_caps(self) -> None:
        """Cap the tracking error of every block that asks for it: the norm of its specific and factor parts."""
        goal, rank = self.query.goal, Rank.TRACKING_ERROR
        if goal is not None and goal < rank:
            return
        for block in self.query.problem.blocks:
            if block.max_tracking_error is None:
                continue
            slack = cp.Variable(nonneg=True)
            active = self.active(block)
            parts = cp.hstack([cp.multiply(np.sqrt(block.terms.specific), active), block.terms.loadings.T @ active])
            cap = block.max_tracking_error * block.value_usd / self.unit_usd
            self.cones.append(_Cone(block=block, slack=slack, constraint=cp.SOC(cap + slack, parts)))
        total = sum(cone.slack for cone in self.cones)
        if goal == rank:
            self.violation = self.violation + total
        elif self.cones:
            self.constraints.append(total <= (self._allowed(rank) if self.is_elastic(rank) else 0.0))

    def active(self, block: RiskBlock) -> Modelled:
        """Return what is held less target of each security of a block, in basis points."""
        problem, segments = self.query.problem, self.query.problem.segments
        before = block.held_usd(problem.held_after_usd(self.fixed_usd)) - block.target_usd
        weight = np.zeros(problem.position_count)
        weight[block.positions] = block.weight
        place = np.full(problem.position_count, -1)
        place[block.positions] = block.place
        whose = segments.place[self.open]
        mine = np.flatnonzero(place[whose] >= 0)
        flow = sp.csr_matrix(
            (segments.sign[self.open][mine] * weight[whose[mine]], (place[whose[mine]], mine)),
            shape=(block.count, self.open.size),
        )
        return flow @ self.u + before / self.unit_usd

    def _add_taxes(self) -> None:
        problem = self.query.problem
        for term, book in zip(problem.tax_terms(self.query.regimes), problem.returns, strict=True):
            for hinge in term.hinges:
                t = cp.Variable(nonneg=True)
                values = np.zeros((len(hinge.pieces), problem.segments.count))
                for at, piece in enumerate(hinge.pieces):
                    values[at, book.segments] = book.piece_values(piece)
                offsets = np.array([piece.offset_usd for piece in hinge.pieces])
                fixed = (values @ self.fixed_usd - offsets) / self.unit_usd
                above = values[:, self.open] @ self.u + fixed <= t
                self.bends.append(_Bend(weight=hinge.weight, variable=t, constraint=above, values=values))

    def linear(self) -> Vector:
        """Return the price of a dollar traded of each segment by cost and the straight part of the taxes, (N,)."""
        problem = self.query.problem
        prices = self.query.cost.copy()
        for term, book in zip(problem.tax_terms(self.query.regimes), problem.returns, strict=True):
            prices[book.segments] += term.total * book.both
        return np.asarray(prices)

    def program(self) -> Modelled:
        """Write the objective, or the violation of one rank, in basis points."""
        constraints = [*self.constraints, *(bend.constraint for bend in self.bends)]
        constraints += [cone.constraint for cone in self.cones]
        if self.query.goal is not None:
            return cp.Problem(cp.Minimize(self.violation + 0 * cp.sum(self.u)), constraints)
        total = self.linear()[self.open] @ self.u + sum(bend.weight * bend.variable for bend in self.bends)
        for block in self.query.problem.blocks:
            pull, active = block.aversion * self.unit_usd / block.value_usd, self.active(block)
            own = cp.multiply(np.sqrt(pull * block.terms.specific), active)
            factors = np.sqrt(pull) * block.terms.loadings.T @ active
            total = total + (cp.sum_squares(own) + cp.sum_squares(factors)) / 2
        return cp.Problem(cp.Minimize(total), constraints)

    def solution(self) -> Solution:
        """Read the answer and its prices."""
        problem, segments = self.query.problem, self.query.problem.segments
        traded = self.fixed_usd.copy()
        upper = segments.upper_usd[self.open]
        traded[self.open] = np.clip(np.asarray(self.u.value) * self.unit_usd, 0.0, upper)
        rows = self._row_prices()
        prices = np.zeros(segments.count) if self.query.goal is not None else self.linear()
        for bend in self.bends:
            prices += np.maximum(np.ravel(bend.constraint.dual_value), 0.0) @ bend.values
        prices += rows[self.kept] @ self.activity
        coupling, holding, tracking = self._risk_prices(problem.held_after_usd(traded))
        objective = self._objective_usd(traded)
        return Solution(
            status="optimal",
            traded_usd=traded,
            objective_usd=objective,
            bound_usd=objective - BOUND_TOLERANCE * (self.unit_usd + abs(objective)),
            row_prices=rows,
            segment_prices=prices,
            coupling_prices=coupling,
            holding_prices=holding,
            tracking_prices=tracking,
        )

    def _row_prices(self) -> Vector:
        """Return what loosening a row by a dollar would save; both sides together, signed by the upper."""
        prices = np.zeros(len(self.rows))
        if self.kept:
            kept = np.array(self.kept)
            above, below = self.constraints[2].dual_value, self.constraints[3].dual_value
            if self.upper.size:
                prices[kept[self.upper]] += np.maximum(np.ravel(above), 0.0)
            if self.lower.size:
                prices[kept[self.lower]] -= np.maximum(np.ravel(below), 0.0)
        return prices

    def _risk_prices(self, held_usd: Vector) -> tuple[Vector, Vector, dict[str, float]]:
        """Return coupling and holding prices by risk place, and the price of every cap that binds."""
        cones = {cone.block.name: cone for cone in self.cones}
        coupling, holding, tracking = [], [], {}
        for block in self.query.problem.blocks:
            active = (block.held_usd(held_usd) - block.target_usd) / block.value_usd
            capped = 0.0
            if block.name in cones:
                price = max(float(np.ravel(cones[block.name].constraint.dual_value[0])[0]), 0.0)
                capped = price / max(float(np.sqrt(block.terms.variance(active))), 1e-9)
                tracking[block.name] = price
            pull = 0.0 if self.query.goal is not None else block.aversion
            factor = block.terms.loadings @ (active @ block.terms.loadings)
            own = block.terms.specific * active
            coupling.append((pull + capped) * factor + capped * own)
            holding.append((pull + capped) * (factor + own))
        return np.concatenate(coupling), np.concatenate(holding), tracking

    def _objective_usd(self, traded_usd: Vector) -> float:
        """Return the objective of the query at these trades, or the violation that was minimised."""
        query, problem = self.query, self.query.problem
        if query.goal is not None:
            return float(self.violation.value) * self.unit_usd
        total = problem.risk_usd(problem.held_after_usd(traded_usd)) + float(query.cost @ traded_usd)
        for term, book in zip(problem.tax_terms(query.regimes), problem.returns, strict=True):
            if book.can_change:
                total += term.value_usd(*book.gains_usd(traded_usd))
        return total + problem.constant_usd
