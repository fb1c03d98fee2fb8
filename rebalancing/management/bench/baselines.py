"""
General solvers on the same program, each as its users call it; one that is not installed is None.

Direct solvers are timed without the assembly of matrices, which favours them; cvxpy from the model's statement on.
"""

import importlib.util
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import scipy.sparse as sp

from rebalancing.engine.kernels.program import Program
from rebalancing.management.bench.accounts import Vector
from rebalancing.management.bench.programs import FAR, rows_of
from rebalancing.management.bench.quadratic import QuadraticProgram, quadratic_of

TIGHT: Final = 1e-8
LOOSE: Final = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solved:
    """What a general solver found, and the CPU seconds of its own work."""

    sold: Vector
    seconds: float
    is_solved: bool


Modelled: TypeAlias = Any  # cvxpy states models without types
Solve: TypeAlias = Callable[[Program], Solved]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A general solver: the package it needs, and how much faster we have to be (None: told, not judged)."""

    name: str
    package: str
    solve: Solve
    goal_ratio: float | None = None

    @property
    def is_installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None


def solve_piqp(program: Program) -> Solved:
    """Solve by PIQP's sparse interior point with proximal terms."""
    import piqp

    form = quadratic_of(program)
    size = form.linear.size
    free = np.full(size - form.segment_count, np.inf)
    bounds = np.concatenate([np.zeros(form.segment_count), -free]), np.concatenate([form.segment_most, free])
    low = np.where(form.low < -FAR / 2, -np.inf, form.low)
    high = np.where(form.high > FAR / 2, np.inf, form.high)
    solver = piqp.SparseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = TIGHT
    solver.settings.verbose = False
    started = time.process_time()
    solver.setup(form.hessian, form.linear, form.equalities, form.equal_to, form.rows, low, high, *bounds)
    status = solver.solve()
    took = time.process_time() - started
    return _solved(form, solver.result.x, took, is_solved=status == piqp.PIQP_SOLVED)


def solve_clarabel(program: Program, tolerance: float = TIGHT) -> Solved:
    """Solve by Clarabel, called directly."""
    import clarabel

    form = quadratic_of(program)
    sided, bound = form.one_sided()
    matrix = sp.vstack([form.equalities, sided], format="csc")
    cones = [clarabel.ZeroConeT(form.equal_to.size), clarabel.NonnegativeConeT(bound.size)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    right = np.concatenate([form.equal_to, bound])
    started = time.process_time()
    answer = clarabel.DefaultSolver(form.hessian, form.linear, matrix, right, cones, settings).solve()
    took = time.process_time() - started
    return _solved(form, answer.x, took, is_solved=str(answer.status) in {"Solved", "AlmostSolved"})


def solve_qoco(program: Program) -> Solved:
    """Solve by QOCO, an interior point in C."""
    import qoco

    form = quadratic_of(program)
    sided, bound = form.one_sided()
    upper = sp.triu(form.hessian, format="csc")
    solver = qoco.QOCO()
    started = time.process_time()
    solver.setup(
        form.linear.size, bound.size, form.equal_to.size, upper, form.linear, form.equalities, form.equal_to, sided,
        bound, bound.size, 0, np.zeros(0, np.int32), abstol=TIGHT, reltol=TIGHT, verbose=0,
    )  # fmt: skip
    answer = solver.solve()
    took = time.process_time() - started
    return _solved(form, answer.x, took, is_solved="SOLVED" in str(answer.status))


def solve_osqp(program: Program) -> Solved:
    """Solve by OSQP at 1e-5, called directly."""
    import osqp

    form = quadratic_of(program)
    take = sp.eye(form.segment_count, form.linear.size, format="csc")
    matrix = sp.vstack([form.equalities, form.rows, take], format="csc")
    low = np.concatenate([form.equal_to, form.low, np.zeros(form.segment_count)])
    high = np.concatenate([form.equal_to, form.high, form.segment_most])
    solver = osqp.OSQP()
    started = time.process_time()
    solver.setup(
        form.hessian, form.linear, matrix, low, high, eps_abs=LOOSE, eps_rel=LOOSE, verbose=False, max_iter=20_000
    )
    answer = solver.solve()
    took = time.process_time() - started
    return _solved(form, answer.x, took, is_solved=answer.info.status == "solved")


def solve_by_cvxpy(program: Program, solver: str, options: dict[str, Any]) -> Solved:
    """State the model in cvxpy as a practitioner writes it, and solve it."""
    import cvxpy

    cp: Modelled = cvxpy
    count, segments = program.top.size, program.most.size
    places = np.repeat(np.arange(count), np.diff(program.seg_ptr))
    sales = sp.csc_matrix((np.ones(segments), (places, np.arange(segments))), shape=(count, segments))
    by_held, by_sold = rows_of(program)
    has_low, has_high = program.low > -FAR / 2, program.high < FAR / 2
    root = np.sqrt(program.curvature)
    started = time.process_time()
    sold, held = cp.Variable(segments), cp.Variable(count)
    risk = cp.sum_squares(program.exposures.T @ held - program.factor_target)
    risk += cp.sum_squares(cp.multiply(root, held) - root * program.target)
    rules = [held == program.top - sales @ sold, sold >= 0, sold <= program.most]
    rules += [(by_held @ held + by_sold @ sold)[has_low] >= program.low[has_low]]
    rules += [(by_held @ held + by_sold @ sold)[has_high] <= program.high[has_high]]
    problem = cp.Problem(cp.Minimize(0.5 * risk + program.linear @ held + program.cost @ sold), rules)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(solver=solver, **options)
    took = time.process_time() - started
    is_solved = problem.status == cp.OPTIMAL
    amount = np.zeros(segments) if sold.value is None else np.asarray(sold.value)
    return Solved(sold=amount, seconds=took, is_solved=is_solved)


def _solved(form: QuadraticProgram, point: object, seconds: float, *, is_solved: bool) -> Solved:
    sold = np.array(point, dtype=np.float64)[: form.segment_count]
    return Solved(sold=sold, seconds=seconds, is_solved=is_solved)


def _cvxpy_clarabel(program: Program) -> Solved:
    return solve_by_cvxpy(program, "CLARABEL", {})


def _cvxpy_osqp(program: Program) -> Solved:
    return solve_by_cvxpy(program, "OSQP", {"eps_abs": LOOSE, "eps_rel": LOOSE})


BASELINES: Final = (
    Baseline(name="PIQP", package="piqp", solve=solve_piqp, goal_ratio=10),
    Baseline(name="Clarabel direct", package="clarabel", solve=solve_clarabel, goal_ratio=30),
    Baseline(name="QOCO", package="qoco", solve=solve_qoco),
    Baseline(name="OSQP direct, 1e-5", package="osqp", solve=solve_osqp),
    Baseline(name="cvxpy + Clarabel, fresh", package="cvxpy", solve=_cvxpy_clarabel, goal_ratio=60),
    Baseline(name="cvxpy + OSQP, fresh, 1e-5", package="cvxpy", solve=_cvxpy_osqp, goal_ratio=200),
)
