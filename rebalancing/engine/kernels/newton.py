"""
Projected semismooth Newton on the dual, with a proximal term for ties.

The dual of `Program` has k + R unknowns and is concave, once differentiable and piecewise quadratic: once the pieces
are right, a step is exact. Rows whose multiplier is free move; the ray is bent where a multiplier meets zero or a cap.
"""

from typing import NamedTuple

import numpy as np

from rebalancing.engine.kernels.cholesky import factorise, solve_factorised
from rebalancing.engine.kernels.compiled import inner
from rebalancing.engine.kernels.dual_terms import Terms
from rebalancing.engine.kernels.line_search import advance_pieces, aim_ray, find_step
from rebalancing.engine.kernels.newton_matrix import newton_matrix
from rebalancing.engine.kernels.newton_pieces import Pieces, new_pieces, read_pieces
from rebalancing.engine.kernels.program import Places, Vector

MOST_BENDS = 8
NOWHERE = 1e12
# Free rows are damped while they are far from met, so that more rows than active securities do no harm.
MOST_DAMPING = 1e-2
LEAST_DAMPING = 1e-11
DAMPING_PER_RESIDUAL = 10.0
FACTOR_TOLERANCE_RATIO = 10.0
# The proximal term has gone when its largest pull on a price is this small.
CENTRED = 1e-12


class Found(NamedTuple):
    """Where the method stopped; `solved` when every residual is within tolerance (rows at a cap may be violated)."""

    z: Vector
    y: Vector
    x: Vector
    s: Vector
    activity: Vector
    solved: bool
    steps: int


class Residual(NamedTuple):
    """Gradient on the free coordinates, with the largest of factors and of rows."""

    gradient: Vector  # (k + R,), the first k + free used
    free: int
    factors: float
    rows: float


class Crossing(NamedTuple):
    """The first multiplier that meets zero or its cap along a ray."""

    step: float
    row: int
    value: float


@inner
def pressed_bound(terms: Terms, j: int, y: float, activity: float, tolerance: float) -> float:
    """Return the bound that row j has to meet, or its activity where it is content."""
    if terms.is_equal[j] or y < 0.0:
        return float(terms.low[j])
    if y > 0.0 or activity > terms.high[j] + tolerance:
        return float(terms.high[j])
    if activity < terms.low[j] - tolerance:
        return float(terms.low[j])
    return activity


@inner
def read_residual(terms: Terms, pieces: Pieces, z: Vector, y: Vector, column: Places, tolerance: float) -> Residual:
    """Find the free rows and the gradient there; a row at its cap and violated is fixed."""
    k = z.size
    gradient = np.zeros(k + y.size)
    factors, rows = 0.0, 0.0
    for j in range(k):
        gradient[j] = z[j] + terms.factor_target[j] - pieces.factors[j]
        factors = max(factors, abs(gradient[j]))
    free = 0
    for j in range(y.size):
        column[j] = -1
        bound = pressed_bound(terms, j, y[j], pieces.activity[j], tolerance)
        short = bound - pieces.activity[j]
        if short == 0.0 and y[j] == 0.0 and not terms.is_equal[j]:
            continue
        if (y[j] >= terms.cap_high[j] and short < 0.0) or (y[j] <= terms.cap_low[j] and short > 0.0):
            continue
        gradient[k + free] = short
        column[j] = k + free
        free += 1
        rows = max(rows, abs(short))
    return Residual(gradient, free, factors, rows)


@inner
def newton_direction(
    terms: Terms, pieces: Pieces, y: Vector, residual: Residual, column: Places, softness: float, dz: Vector, dy: Vector
) -> None:
    """Write the Newton step; a row at zero or at its cap never starts in the direction it may not go."""
    k, size = dz.size, dz.size + residual.free
    largest = DAMPING_PER_RESIDUAL * residual.rows + residual.factors
    damping = min(MOST_DAMPING, largest) + LEAST_DAMPING
    matrix = newton_matrix(terms, pieces, column, residual.free, damping, softness)
    factorise(matrix, size)
    step = -residual.gradient[:size]
    solve_factorised(matrix, size, step)
    dz[:] = step[:k]
    for j in range(y.size):
        dy[j] = step[column[j]] if column[j] >= 0 else 0.0
        if column[j] < 0 or dy[j] == 0.0:
            continue
        is_wrong = y[j] == 0.0 and not terms.is_equal[j] and dy[j] * residual.gradient[column[j]] > 0.0
        if is_wrong or (y[j] >= terms.cap_high[j] and dy[j] > 0.0) or (y[j] <= terms.cap_low[j] and dy[j] < 0.0):
            dy[j] = 0.0


@inner
def next_crossing(terms: Terms, y: Vector, dy: Vector) -> Crossing:
    """Find the first multiplier that would pass zero or its cap."""
    step, row, value = NOWHERE, -1, 0.0
    for j in range(y.size):
        if dy[j] == 0.0:
            continue
        end = terms.cap_high[j] if dy[j] > 0.0 else terms.cap_low[j]
        if not terms.is_equal[j] and y[j] * dy[j] < 0.0:
            end = 0.0
        reached = (end - y[j]) / dy[j]
        if reached < step:
            step, row, value = reached, j, end
    return Crossing(step, row, value)


@inner
def linear_slope(terms: Terms, z: Vector, y: Vector, dz: Vector, dy: Vector) -> float:
    """Return z'dz + r'dz + the bounds that the rows press against x dy."""
    total = 0.0
    for j in range(z.size):
        total += (z[j] + terms.factor_target[j]) * dz[j]
    for j in range(y.size):
        if dy[j] != 0.0:
            presses_low = terms.is_equal[j] or y[j] < 0.0 or (y[j] == 0.0 and dy[j] < 0.0)
            total += (terms.low[j] if presses_low else terms.high[j]) * dy[j]
    return total


@inner
def move_along(terms: Terms, pieces: Pieces, z: Vector, y: Vector, dz: Vector, dy: Vector, softness: float) -> None:
    """Go to the minimum along the ray, bent at each multiplier that meets zero or its cap."""
    gone = 0.0
    for bend in range(MOST_BENDS):
        crossing = next_crossing(terms, y, dy)
        ray = aim_ray(terms, pieces, dz, dy, linear_slope(terms, z, y, dz, dy), softness)
        if ray.slope >= 0.0:
            return
        first = 1.0 if bend == 0 else max(1.0 - gone, 0.1)
        step = find_step(terms, pieces, ray, first, crossing.step, softness)
        for j in range(z.size):
            z[j] += step * dz[j]
        for j in range(y.size):
            y[j] += step * dy[j]
        advance_pieces(terms, pieces, ray, step, softness)
        if crossing.row < 0 or step < crossing.step:
            return
        y[crossing.row] = crossing.value
        dy[crossing.row] = 0.0
        gone += step


@inner
def descend(
    terms: Terms, pieces: Pieces, z: Vector, y: Vector, softness: float, most_steps: int, tolerance: float
) -> int:
    """
    Run Newton steps for one proximal centre; return how many, negative less one where they did not suffice.

    Pieces that were carried along for some steps hold a little rounding; after no step at all they are exact.
    """
    column = np.empty(y.size, np.int64)
    dz, dy = np.empty(z.size), np.empty(y.size)
    read_pieces(terms, pieces, z, y, softness)
    for step in range(most_steps):
        residual = read_residual(terms, pieces, z, y, column, tolerance)
        if residual.factors < FACTOR_TOLERANCE_RATIO * tolerance and residual.rows < tolerance:
            return step
        newton_direction(terms, pieces, y, residual, column, softness, dz, dy)
        move_along(terms, pieces, z, y, dz, dy, softness)
    return -most_steps - 1


@inner
def recentre(pieces: Pieces) -> float:
    """Move the proximal centre to what is sold; return how far it went."""
    farthest = 0.0
    for segment in range(pieces.s.size):
        farthest = max(farthest, abs(pieces.s[segment] - pieces.center[segment]))
        pieces.center[segment] = pieces.s[segment]
    return farthest


@inner
def newton(
    terms: Terms, z0: Vector, y0: Vector, center: Vector, softness: float, most_steps: int, most_rounds: int,
    tolerance: float,
) -> Found:  # fmt: skip
    """Maximise the dual from (z0, y0) and the sales `center`; `softness` 0 leaves the proximal term out."""
    z, y = z0.copy(), y0.copy()
    for j in range(y.size):
        y[j] = min(max(y[j], terms.cap_low[j]), terms.cap_high[j])
    pieces = new_pieces(terms, center.copy())
    solved = False
    total = 0
    for _ in range(most_rounds):
        steps = descend(terms, pieces, z, y, softness, most_steps, tolerance)
        total += steps if steps >= 0 else -steps - 1
        if steps < 0:
            break
        moved = recentre(pieces)
        if steps == 0 and softness * moved < CENTRED:
            solved = True
            break
    return Found(z, y, pieces.x, pieces.s, pieces.activity, solved, total)
