"""
What is left of the Newton system of the interior-point method once segments and slacks are eliminated: k + R unknowns.

With theta_l the pull of a segment's two pairs, a_i = sum 1/theta, D_i = a_i / (1 + a_i delta_i) and the mean G of a
security weighed by 1/theta: M = I + sum D f f' + sum (G_l - mean)(G_l - mean)'/theta_l + slacks, f = (C_i, A_i - mean).
"""

from typing import NamedTuple

import numpy as np

from rebalancing.engine.kernels.cholesky import factorise
from rebalancing.engine.kernels.compiled import inner
from rebalancing.engine.kernels.dual_terms import Terms
from rebalancing.engine.kernels.interior_point_state import Interior
from rebalancing.engine.kernels.program import Matrix, Places, Vector

# An equation has no slack: a trace on the diagonal keeps equations that repeat each other solvable.
EQUATION = 1e-12
LEAST_PULL = 1e-14


class System(NamedTuple):
    """The factorised matrix with what leads back to the eliminated unknowns."""

    factor: Matrix  # (k + R, k + R)
    f: Matrix  # (n, k + R)
    ease: Vector  # 1 / theta (N,)
    spread: Vector  # a (n,)
    damped: Vector  # 1 / (1 + a delta) (n,)
    row_pull: Vector  # theta of a row's two bounds, 0 for equations (R,)


@inner
def segment_ease(terms: Terms, state: Interior) -> Vector:
    """Return 1 / theta per segment, (N,)."""
    count = terms.cost.size
    ease = np.empty(count)
    for segment in range(count):
        pull = state.price[segment] / state.room[segment]
        pull += state.price[count + segment] / state.room[count + segment]
        ease[segment] = 1.0 / pull
    return ease


@inner
def mean_of_security(terms: Terms, i: int, ease: Vector, spread: float, mean: Vector, touched: Places) -> int:
    """Add up G of a security weighed by ease, into a mean that is zero before; list the rows it touches."""
    count = 0
    for segment in range(terms.seg_ptr[i], terms.seg_ptr[i + 1]):
        share = ease[segment] / spread
        for at in range(terms.g_ptr[segment], terms.g_ptr[segment + 1]):
            row = terms.g_row[at]
            seen = False
            for other in range(count):
                seen |= touched[other] == row
            if not seen:
                touched[count] = row
                count += 1
            mean[row] += share * terms.g_val[at]
    return count


@inner
def add_spread(
    terms: Terms, i: int, ease: Vector, mean: Vector, touched: Places, own: Vector, first: int, out: Matrix
) -> None:
    """Add (G_l - mean)(G_l - mean)' ease_l of a security to the lower triangle; `own` (R,) is room, left at zero."""
    for segment in range(terms.seg_ptr[i], terms.seg_ptr[i + 1]):
        for row in touched:
            own[row] = -mean[row]
        for at in range(terms.g_ptr[segment], terms.g_ptr[segment + 1]):
            own[terms.g_row[at]] += terms.g_val[at]
        for row in touched:
            weighed = ease[segment] * own[row]
            for other in touched:
                if other <= row:
                    out[first + row, first + other] += weighed * own[other]
        for row in touched:
            own[row] = 0.0


@inner
def weighed_rows(terms: Terms, ease: Vector, spread: Vector, matrix: Matrix) -> Matrix:
    """Return f (n, k + R), and add the spread of G within securities to the matrix."""
    n, k = terms.exposures.shape
    rows = terms.low.size
    f = np.zeros((n, k + rows))
    mean, own, touched = np.zeros(rows), np.zeros(rows), np.empty(rows, np.int64)
    for i in range(n):
        f[i, :k] = terms.exposures[i]
        for at in range(terms.a_ptr[i], terms.a_ptr[i + 1]):
            f[i, k + terms.a_row[at]] += terms.a_val[at]
        if spread[i] == 0.0:
            continue
        count = mean_of_security(terms, i, ease, spread[i], mean, touched)
        if count > 0:
            add_spread(terms, i, ease, mean, touched[:count], own, k, matrix)
        for row in touched[:count]:
            f[i, k + row] -= mean[row]
            mean[row] = 0.0
    return f


@inner
def add_slacks(terms: Terms, state: Interior, first: int, matrix: Matrix) -> Vector:
    """Add what bounds and excesses of the rows put on the diagonal; return the pull of their bounds."""
    rows = terms.low.size
    pairs = state.room.size - 4 * rows
    pull = np.zeros(rows)
    for j in range(rows):
        low, high, above, below = pairs + j, pairs + rows + j, pairs + 2 * rows + j, pairs + 3 * rows + j
        slack = EQUATION
        if not terms.is_equal[j]:
            pull[j] = state.price[low] / state.room[low] + state.price[high] / state.room[high]
            pull[j] = max(pull[j], LEAST_PULL)
            slack = 1.0 / pull[j]
        slack += state.room[above] / state.price[above] + state.room[below] / state.price[below]
        matrix[first + j, first + j] += slack
    return pull


@inner
def reduced_system(terms: Terms, state: Interior) -> System:
    """Build and factorise the system at the present iterate."""
    n, k = terms.exposures.shape
    size = k + terms.low.size
    ease = segment_ease(terms, state)
    spread, damped = np.zeros(n), np.empty(n)
    for i in range(n):
        for segment in range(terms.seg_ptr[i], terms.seg_ptr[i + 1]):
            spread[i] += ease[segment]
        damped[i] = 1.0 / (1.0 + spread[i] * terms.curvature[i])
    matrix = np.zeros((size, size))
    f = weighed_rows(terms, ease, spread, matrix)
    scaled = f.copy()
    for i in range(n):
        scaled[i] *= np.sqrt(spread[i] * damped[i])
    matrix += np.dot(scaled.T, scaled)
    for j in range(k):
        matrix[j, j] += 1.0
    pull = add_slacks(terms, state, k, matrix)
    factorise(matrix, size)
    return System(matrix, f, ease, spread, damped, pull)
