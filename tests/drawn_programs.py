"""Random programs for the kernels, and the same programs for an independent solver."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import clarabel
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from rebalancing.engine.kernels.program import INFINITE, Program

Vector = npt.NDArray[np.float64]
CAP = 1e3


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What a drawn program looks like."""

    securities: int = 12
    factors: int = 3
    lots: int = 3
    bands: int = 4
    gain_rows: int = 2
    soft_rows: int = 1
    riskless_frac: float = 0.0  # securities without curvature and exposure
    shut_frac: float = 0.0  # segments without size
    tied: bool = False  # costs rounded, so that many are equal
    repeated: bool = False  # every band twice
    band_width: float = 0.02
    impossible: bool = False  # bounds drawn without a point that meets them
    aversion: float = 30.0


def draw_program(seed: int, draw: Draw) -> Program:
    """Draw a program; unless `impossible`, all rows are met by some point of the box."""
    rng = np.random.default_rng(seed)
    n, k = draw.securities, draw.factors
    target = rng.dirichlet(np.ones(n)) if n else np.zeros(0)
    risky = rng.random(n) >= draw.riskless_frac
    exposures = np.sqrt(draw.aversion) * 0.15 * rng.standard_normal((n, k)) * risky[:, None]
    counts = rng.integers(1, draw.lots + 2, n) if draw.lots else np.zeros(n, np.int64)
    segments = int(counts.sum())
    most = rng.uniform(0.2, 1.0, segments) * np.repeat(target, counts) + 1e-4
    most[rng.random(segments) < draw.shut_frac] = 0.0
    cost = rng.normal(0.02, 0.06, segments)
    if draw.tied:
        cost = np.round(cost, 2)
    place = np.repeat(np.arange(n), counts)
    program = Program(
        exposures=exposures,
        factor_target=exposures.T @ target,
        curvature=np.where(risky, draw.aversion * rng.uniform(0.01, 0.2, n), 0.0),
        target=target,
        linear=rng.normal(0.0, 1e-3, n),
        top=np.bincount(place, most, n) + rng.uniform(0.0, 0.3, n) * target,
        seg_ptr=np.concatenate([[0], np.cumsum(counts)]),
        cost=cost,
        most=most,
        **_no_rows(n, segments),
    )
    return _with_rows(program, rng, draw)


def _no_rows(n: int, segments: int) -> dict[str, Any]:
    places, values = np.zeros(0, np.int64), np.zeros(0)
    return {
        "a_ptr": np.zeros(n + 1, np.int64), "a_row": places, "a_val": values,
        "g_ptr": np.zeros(segments + 1, np.int64), "g_row": places, "g_val": values,
        "low": values, "high": values, "cap_low": values, "cap_high": values, "is_hard": np.zeros(0, np.bool_),
    }  # fmt: skip


def _with_rows(program: Program, rng: np.random.Generator, draw: Draw) -> Program:
    n, segments = program.security_count, program.segment_count
    bands = np.vstack([np.ones((1, n)), (rng.random((draw.bands, n)) < 0.4).astype(float)])[: draw.bands]
    if draw.repeated:
        bands = np.vstack([bands, bands])
    gains = rng.normal(0.1, 0.2, (draw.gain_rows + draw.soft_rows, segments)) * (
        rng.random((draw.gain_rows + draw.soft_rows, segments)) < 0.7
    )
    held = np.vstack([bands, np.zeros((len(gains), n))])
    sold = np.vstack([np.zeros((len(bands), segments)), gains])
    rows = len(held)
    is_hard = np.arange(rows) < len(bands) + draw.gain_rows
    point = rng.random(segments) * program.most
    activity = held @ held_after(program, point) + sold @ point
    width = rng.uniform(0.0, draw.band_width, rows)
    shift = rng.normal(0.0, 0.1, rows) * (rng.random(rows) < 0.3) * draw.impossible
    low = np.where(np.arange(rows) < len(bands), activity + shift - width * rng.random(rows), -1e20)
    high = activity + shift + width * rng.random(rows)
    return with_rows(
        program,
        held=held,
        sold=sold,
        low=low,
        high=np.maximum(high, low),
        cap_low=np.where(is_hard, -CAP, 0.0),
        cap_high=np.where(is_hard, CAP, 0.1),
        is_hard=is_hard,
    )


def with_rows(
    program: Program,
    *,
    held: npt.NDArray[np.float64],
    sold: npt.NDArray[np.float64],
    low: Vector | Sequence[float],
    high: Vector | Sequence[float],
    cap_low: Vector | Sequence[float],
    cap_high: Vector | Sequence[float],
    is_hard: npt.NDArray[np.bool_] | Sequence[bool],
) -> Program:
    """Return the program with these rows instead: dense A (R, n) and G (R, N)."""
    a, g = sp.csc_matrix(held), sp.csc_matrix(sold)
    return replace(
        program,
        a_ptr=a.indptr, a_row=a.indices, a_val=a.data, g_ptr=g.indptr, g_row=g.indices, g_val=g.data,
        low=np.asarray(low, float), high=np.asarray(high, float),
        cap_low=np.asarray(cap_low, float), cap_high=np.asarray(cap_high, float), is_hard=np.asarray(is_hard),
    )  # fmt: skip


def dense_rows(program: Program) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return A (R, n) and G (R, N)."""
    rows = program.row_count
    a = sp.csc_matrix((program.a_val, program.a_row, program.a_ptr), shape=(rows, program.security_count))
    g = sp.csc_matrix((program.g_val, program.g_row, program.g_ptr), shape=(rows, program.segment_count))
    return a.toarray(), g.toarray()


def seller(program: Program) -> sp.csr_matrix:
    """Return the matrix (n, N) that adds up the sales of each security."""
    place = np.repeat(np.arange(program.security_count), np.diff(program.seg_ptr))
    shape = (program.security_count, program.segment_count)
    return sp.csr_matrix((np.ones(place.size), (place, np.arange(place.size))), shape=shape)


def held_after(program: Program, sold: Vector) -> Vector:
    """Return x = top - sales."""
    return np.asarray(program.top - seller(program) @ sold)


def plain_objective(program: Program, sold: Vector) -> float:
    """Return the objective by its formula, what soft rows cost included."""
    x = held_after(program, sold)
    a, g = dense_rows(program)
    activity = a @ x + g @ sold
    factors = program.exposures.T @ x - program.factor_target
    total = 0.5 * factors @ factors + 0.5 * program.curvature @ (x - program.target) ** 2
    total += program.price_scale * (program.linear @ x + program.cost @ sold)
    soft = ~program.is_hard
    above, below = np.maximum(activity - program.high, 0.0), np.maximum(program.low - activity, 0.0)
    return float(total + program.price_scale * (program.cap_high * above - program.cap_low * below)[soft].sum())


def plain_violation(program: Program, sold: Vector) -> float:
    """Return the largest violation of a hard row or of the box."""
    a, g = dense_rows(program)
    activity = a @ held_after(program, sold) + g @ sold
    over = np.concatenate([(activity - program.high)[program.is_hard], (program.low - activity)[program.is_hard]])
    return float(np.concatenate([over, -sold, sold - program.most, [0.0]]).max())


def plain_margin(program: Program, y: Vector) -> float:
    """Return min over the box of y'(A x + G s) - (high y+ - low y-): > 0 proves that the rows in y conflict."""
    a, g = dense_rows(program)
    q = y @ a
    slope = y @ g - seller(program).T @ q
    bounds = np.where(y > 0, program.high, np.where(y < 0, program.low, 0.0))
    return float(q @ program.top + np.minimum(slope, 0.0) @ program.most - y @ bounds)


def solve_by_clarabel(program: Program, *, tolerance: float = 1e-10) -> tuple[str, Vector]:
    """Solve for (s, x, C'x - r, excess above and below of soft rows); return the status and s."""
    n, k = program.exposures.shape
    segments, rows = program.segment_count, program.row_count
    a, g = dense_rows(program)
    soft = np.flatnonzero(~program.is_hard)
    excess = np.zeros((rows, soft.size))
    excess[soft, np.arange(soft.size)] = 1.0
    scale = program.price_scale
    quadratic = sp.diags(np.concatenate([np.zeros(segments), program.curvature, np.ones(k), np.zeros(2 * soft.size)]))
    linear = [scale * program.cost, scale * program.linear - program.curvature * program.target, np.zeros(k)]
    linear += [scale * program.cap_high[soft], -scale * program.cap_low[soft]]
    holds = sp.hstack([seller(program), sp.eye(n), sp.csr_matrix((n, k + 2 * soft.size))])
    loads = sp.hstack(
        [sp.csr_matrix((k, segments)), -program.exposures.T, sp.eye(k), sp.csr_matrix((k, 2 * soft.size))]
    )
    activity = sp.csr_matrix(np.hstack([g, a, np.zeros((rows, k)), -excess, excess]))
    has_high, has_low = program.high < INFINITE, program.low > -INFINITE
    free = segments + n + k
    box = sp.eye(segments, free + 2 * soft.size)
    signs = sp.hstack([sp.csr_matrix((2 * soft.size, free)), -sp.eye(2 * soft.size)])
    matrix = sp.vstack([holds, loads, activity[has_high], -activity[has_low], box, -box, signs], format="csc")
    right = np.concatenate(
        [
            program.top, -program.factor_target, program.high[has_high], -program.low[has_low],
            program.most, np.zeros(segments), np.zeros(2 * soft.size),
        ]
    )  # fmt: skip
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    cones = [clarabel.ZeroConeT(n + k), clarabel.NonnegativeConeT(right.size - n - k)]
    solver = clarabel.DefaultSolver(
        sp.csc_matrix(quadratic), np.concatenate(linear), sp.csc_matrix(matrix), right, cones, settings
    )
    solution = solver.solve()
    return str(solution.status), np.array(solution.x)[:segments]
