"""
The convex problem written in cvxpy: the readable definition, the cross-check of the fast solver, and its fallback.

Amounts are scaled to basis points of what the account holds, so that a solver's tolerance means the same for $50k and
$20M. Variables, stacked in one vector v: u dollars traded of every open segment; t one epigraph a hinge (t >= 0,
t >= inside); e one slack a row that may give way; a active dollars of every security that can trade; f the factor
exposures of all. Every hinge has its own epigraph: cvxpy 1.9 solves maxima of multiples of one expression wrongly.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import cvxpy
import numpy as np
import scipy.sparse as sp

from rebalancing.engine.constraints import INF, Hinge, Rank, Row
from rebalancing.engine.problem import Problem, Query, Solution, SolveStatus, failed_solution
from rebalancing.engine.universe import Places, Vector

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
    if solution.status == "failed" and query.problem.max_tracking_error is None:
        return solve_with(query, backend="osqp")
    return solution


def solve_with(query: Query, *, backend: Backend) -> Solution:
    """Answer a query with one solver. OSQP knows no cones: a cap on tracking error fails there."""
    layout = _Layout(query)
    if backend == "osqp" and layout.has_cone:
        return failed_solution("failed")
    model = _build_model(layout)
    status = _run(model.problem, backend=backend)
    if status != "optimal" or model.v.value is None:
        return failed_solution("failed" if status == "optimal" else status)
    return _read_solution(layout, model)


def _run(problem: Modelled, *, backend: Backend) -> SolveStatus:
    options: dict[str, Any] = {"solver": cp.CLARABEL}
    if backend == "osqp":
        # A fixed small step: adapting it runs in circles where tax is dear and risk is cheap.
        options = {"solver": cp.OSQP, "eps_abs": 1e-7, "eps_rel": 1e-7, "max_iter": 200_000, "polishing": True}
        options |= {"rho": 1e-3, "adaptive_rho": False}
    try:
        problem.solve(**options)
    except cp.SolverError:
        return "failed"
    if problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        return "optimal"
    return "infeasible" if problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE) else "failed"


@dataclass(slots=True)
class _Triplets:
    """A sparse matrix and its right-hand side while rows are added to it."""

    rows: list[Places] = field(default_factory=list)
    columns: list[Places] = field(default_factory=list)
    values: list[Vector] = field(default_factory=list)
    right: list[float] = field(default_factory=list)

    def add(self, columns: Places, values: Vector, right: float) -> None:
        self.rows.append(np.full(columns.size, len(self.right), dtype=np.intp))
        self.columns.append(columns)
        self.values.append(values)
        self.right.append(right)

    def matrix(self, width: int) -> sp.csr_matrix:
        if not self.right:
            return sp.csr_matrix((0, width))
        entries = np.concatenate(self.values), (np.concatenate(self.rows), np.concatenate(self.columns))
        return sp.csr_matrix(entries, shape=(len(self.right), width))


class _Layout:
    """Where everything stands in v, and what is left once fixed and closed segments are taken out."""

    def __init__(self, query: Query) -> None:
        problem = query.problem
        self.query, self.problem = query, problem
        self.unit_usd = problem.gross_usd * BPS
        self.pull = problem.aversion * self.unit_usd / problem.value_usd
        self.rows = problem.all_rows(query.regime)
        self.kept = [row for row in self.rows if query.goal is None or row.rank <= query.goal]
        is_open = ~query.shut() & (problem.segments.upper_usd > problem.segments.lower_usd)
        self.open: Places = np.flatnonzero(is_open)
        self.fixed_usd: Vector = np.where(is_open, 0.0, problem.segments.lower_usd)
        self.moving: Places = np.unique(problem.segments.security[self.open])
        self.pieces = problem.tax_pieces(query.regime)
        self.cost_hinges = self.pieces.hinges if query.goal is None else ()
        self.hinges: list[Hinge] = list(_walk(self.cost_hinges))
        for row in self.kept:
            self.hinges += _walk(row.hinges)
        self.hinge_at = {id(hinge): at for at, hinge in enumerate(self.hinges)}
        self.elastic = [row for row in self.kept if self.is_elastic(row.rank) and not self.is_shut(row)]
        self.has_cone = problem.max_tracking_error is not None and (
            query.goal is None or query.goal >= Rank.TRACKING_ERROR
        )
        self.at_t = self.open.size
        self.at_e = self.at_t + len(self.hinges)
        self.at_cone = self.at_e + len(self.elastic)
        self.at_a = self.at_cone + int(self.has_cone)
        self.at_f = self.at_a + self.moving.size
        self.width = self.at_f + problem.risk.loadings.shape[1]

    def is_elastic(self, rank: Rank) -> bool:
        return rank == self.query.goal or self.query.allowed.get(rank, 0.0) > 0

    def is_shut(self, row: Row) -> bool:
        return row.is_closing and not self.is_elastic(row.rank)

    def scaled(self, row: Row | Hinge) -> tuple[Places, Vector, float]:
        """Return columns and values of the open segments, and what the fixed ones contribute, in basis points."""
        values = row.coefficients[self.open]
        there = np.flatnonzero(values)
        return there, values[there], float(row.coefficients @ self.fixed_usd) / self.unit_usd


def _walk(hinges: tuple[Hinge, ...]) -> Iterator[Hinge]:
    for hinge in hinges:
        yield from _walk(hinge.inner)
        yield hinge


@dataclass(slots=True, kw_only=True)
class _Model:
    problem: Modelled
    v: Modelled
    inequalities: Modelled
    cone: Modelled
    hinge_rows: list[int]
    upper_rows: dict[int, int]
    lower_rows: dict[int, int]


def _build_model(layout: _Layout) -> _Model:
    v = cp.Variable(layout.width)
    table = _Triplets()
    hinge_rows = [_add_hinge(layout, table, hinge) for hinge in layout.hinges]
    upper_rows: dict[int, int] = {}
    lower_rows: dict[int, int] = {}
    for place, row in enumerate(layout.rows):
        if row in layout.kept and not layout.is_shut(row):
            _add_row(layout, table, row, place=place, upper_rows=upper_rows, lower_rows=lower_rows)
    _add_allowances(layout, table)
    _add_bounds(layout, table)
    inequalities = table.matrix(layout.width) @ v <= np.array(table.right)
    exposure, right = _exposures(layout)
    constraints: list[Modelled] = [inequalities, exposure @ v == right]
    cone = _cone(layout, v) if layout.has_cone else None
    if cone is not None:
        constraints.append(cone)
    return _Model(
        problem=cp.Problem(cp.Minimize(_goal(layout, v)), constraints),
        v=v,
        inequalities=inequalities,
        cone=cone,
        hinge_rows=hinge_rows,
        upper_rows=upper_rows,
        lower_rows=lower_rows,
    )


def _add_hinge(layout: _Layout, table: _Triplets, hinge: Hinge) -> int:
    """t >= coefficients'u + inner - offset, as coefficients'u + inner - t <= offset."""
    columns, values, fixed = layout.scaled(hinge)
    inner = [layout.at_t + layout.hinge_at[id(part)] for part in hinge.inner]
    own = layout.at_t + layout.hinge_at[id(hinge)]
    table.add(
        np.concatenate([columns, np.array([*inner, own], dtype=np.intp)]),
        np.concatenate([values, [part.weight for part in hinge.inner], [-1.0]]),
        hinge.offset_usd / layout.unit_usd - fixed,
    )
    return len(table.right) - 1


def _add_row(
    layout: _Layout, table: _Triplets, row: Row, *, place: int, upper_rows: dict[int, int], lower_rows: dict[int, int]
) -> None:
    columns, values, fixed = layout.scaled(row)
    extra = [layout.at_t + layout.hinge_at[id(hinge)] for hinge in row.hinges]
    weights = [hinge.weight for hinge in row.hinges]
    slack = [layout.at_e + layout.elastic.index(row)] if row in layout.elastic else []
    where = np.concatenate([columns, np.array([*extra, *slack], dtype=np.intp)])
    if row.high_usd < INF:
        upper_rows[place] = len(table.right)
        full = np.concatenate([values, weights, [-1.0] * len(slack)])
        table.add(where, full, row.high_usd / layout.unit_usd - fixed + ROW_TOLERANCE_BPS)
    if row.low_usd > -INF:
        lower_rows[place] = len(table.right)
        full = np.concatenate([-values, np.zeros(len(extra)), [-1.0] * len(slack)])
        table.add(where, full, fixed - row.low_usd / layout.unit_usd + ROW_TOLERANCE_BPS)


def _add_allowances(layout: _Layout, table: _Triplets) -> None:
    """Keep the total violation of every rank that may give way within what is allowed."""
    for rank, allowed_usd in layout.query.allowed.items():
        places = [layout.at_e + at for at, row in enumerate(layout.elastic) if row.rank == rank]
        if rank == Rank.TRACKING_ERROR and layout.has_cone:
            places.append(layout.at_cone)
        if places and rank != layout.query.goal:
            allowed = allowed_usd / layout.unit_usd * (1 + ALLOWED_TOLERANCE_FRAC) + ALLOWED_TOLERANCE_BPS
            table.add(np.array(places, dtype=np.intp), np.ones(len(places)), allowed)


def _add_bounds(layout: _Layout, table: _Triplets) -> None:
    upper = layout.problem.segments.upper_usd[layout.open] / layout.unit_usd
    for at in range(layout.at_a):
        table.add(np.array([at]), np.array([-1.0]), 0.0)
    for at, bound in enumerate(upper):
        table.add(np.array([at]), np.array([1.0]), float(bound))
    if layout.has_cone and not layout.is_elastic(Rank.TRACKING_ERROR):
        table.add(np.array([layout.at_cone]), np.array([1.0]), 0.0)


def _active_before(layout: _Layout) -> Vector:
    """Return what is held less target before anything open is traded, in basis points, (n,)."""
    problem = layout.problem
    return (problem.held_after_usd(layout.fixed_usd) - problem.target_usd) / layout.unit_usd


def _exposures(layout: _Layout) -> tuple[sp.csr_matrix, Vector]:
    """Tie a and f to u: a - sign'u = a0, f - loadings'a = loadings' (what cannot trade)."""
    problem, table = layout.problem, _Triplets()
    before = _active_before(layout)
    security, sign = problem.segments.security[layout.open], problem.segments.sign[layout.open]
    for at, place in enumerate(layout.moving):
        columns = np.flatnonzero(security == place)
        table.add(np.append(columns, layout.at_a + at), np.append(-sign[columns], 1.0), float(before[place]))
    still = np.delete(np.arange(problem.universe.count), layout.moving)
    loadings = problem.risk.loadings
    columns = layout.at_a + np.arange(layout.moving.size)
    for factor in range(loadings.shape[1]):
        table.add(
            np.append(columns, layout.at_f + factor),
            np.append(-loadings[layout.moving, factor], 1.0),
            float(before[still] @ loadings[still, factor]),
        )
    return table.matrix(layout.width), np.array(table.right)


def _goal(layout: _Layout, v: Modelled) -> Modelled:
    """Write the objective, or the violation of one rank, in basis points."""
    problem, query = layout.problem, layout.query
    linear = np.zeros(layout.width)
    if query.goal is not None:
        for at, row in enumerate(layout.elastic):
            linear[layout.at_e + at] = float(row.rank == query.goal)
        if query.goal == Rank.TRACKING_ERROR and layout.has_cone:
            linear[layout.at_cone] = 1.0
        return linear @ v
    linear[: layout.at_t] = (problem.cost + layout.pieces.linear)[layout.open]
    for hinge in layout.cost_hinges:
        linear[layout.at_t + layout.hinge_at[id(hinge)]] = hinge.weight
    scale = layout.pull
    own = np.sqrt(scale * problem.risk.specific[layout.moving])
    weights = np.concatenate([own, np.full(layout.width - layout.at_f, np.sqrt(scale))])
    return cp.sum_squares(cp.multiply(weights, v[layout.at_a :])) / 2 + linear @ v


def _cone(layout: _Layout, v: Modelled) -> Modelled:
    """Cap the tracking error: the norm of specific and factor parts, what cannot trade included."""
    problem = layout.problem
    before = _active_before(layout)
    still = np.delete(np.arange(problem.universe.count), layout.moving)
    constant = float(np.sqrt(problem.risk.specific[still] @ before[still] ** 2))
    own = cp.multiply(np.sqrt(problem.risk.specific[layout.moving]), v[layout.at_a : layout.at_f])
    parts = cp.hstack([own, v[layout.at_f :], np.array([constant])])
    cap = float(problem.max_tracking_error or 0.0) * problem.value_usd / layout.unit_usd
    return cp.SOC(cap + v[layout.at_cone], parts)


def _read_solution(layout: _Layout, model: _Model) -> Solution:
    problem = layout.problem
    values: Vector = np.asarray(model.v.value)
    traded = layout.fixed_usd.copy()
    upper = problem.segments.upper_usd[layout.open]
    traded[layout.open] = np.clip(values[: layout.at_t] * layout.unit_usd, 0.0, upper)
    duals: Vector = np.maximum(np.asarray(model.inequalities.dual_value), 0.0)
    prices = _segment_prices(layout, model, duals)
    active = (problem.held_after_usd(traded) - problem.target_usd) / layout.unit_usd
    tracking_price = _tracking_price(model)
    capped = tracking_price / max(float(np.sqrt(problem.risk.variance(active))), 1e-9)
    factor = problem.risk.loadings @ (active @ problem.risk.loadings)
    own = problem.risk.specific * active
    coupling = (layout.pull + capped) * factor + capped * own
    objective = float(model.problem.value) * layout.unit_usd
    if layout.query.goal is None:
        objective += _constants_usd(layout)
    return Solution(
        status="optimal",
        traded_usd=traded,
        objective_usd=objective,
        bound_usd=objective - BOUND_TOLERANCE * (layout.unit_usd + abs(objective)),
        row_prices=_row_prices(layout, model, duals),
        segment_prices=prices,
        coupling_prices=coupling,
        holding_prices=coupling + layout.pull * own,
        tracking_price=tracking_price,
    )


def _constants_usd(layout: _Layout) -> float:
    """Return the part of the objective that no open segment changes."""
    problem = layout.problem
    before = _active_before(layout)
    still = np.delete(np.arange(problem.universe.count), layout.moving)
    own = float(problem.risk.specific[still] @ before[still] ** 2) * layout.pull / 2 * layout.unit_usd
    fixed = float((problem.cost + layout.pieces.linear) @ layout.fixed_usd)
    return own + fixed + problem.constant_usd + layout.pieces.constant_usd


def _tracking_price(model: _Model) -> float:
    if model.cone is None or model.cone.dual_value is None:
        return 0.0
    return max(float(np.ravel(model.cone.dual_value[0])[0]), 0.0)


def _row_prices(layout: _Layout, model: _Model, duals: Vector) -> Vector:
    """Return what loosening a row by a dollar would save; upper and lower side together, signed by the upper."""
    prices = np.zeros(len(layout.rows))
    for place, at in model.upper_rows.items():
        prices[place] += duals[at]
    for place, at in model.lower_rows.items():
        prices[place] -= duals[at]
    return prices


def _segment_prices(layout: _Layout, model: _Model, duals: Vector) -> Vector:
    """Price a dollar traded of every segment, open or not: cost, tax and rows, without the risk of what is held."""
    problem: Problem = layout.problem
    prices = np.zeros(problem.segments.count)
    if layout.query.goal is None:
        prices += problem.cost + layout.pieces.linear
    for hinge, at in zip(layout.hinges, model.hinge_rows, strict=True):
        prices += duals[at] * hinge.coefficients
    for place, price in enumerate(_row_prices(layout, model, duals)):
        if price:
            prices += price * layout.rows[place].coefficients
    return prices
