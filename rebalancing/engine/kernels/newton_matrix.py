"""
The generalised Hessian of the dual on its free coordinates: one row of W per security that is partly sold, W'W.

Security i with m segments partly sold answers with D = m / (eps + m delta) to f = (C_i, A_i - mean of their G);
a tie adds, per segment, its G less that mean over sqrt(eps).
"""

import numpy as np

from rebalancing.engine.kernels.compiled import inner
from rebalancing.engine.kernels.dual_terms import Terms
from rebalancing.engine.kernels.newton_pieces import NONE, SEVERAL, Pieces
from rebalancing.engine.kernels.program import Matrix, Places, Vector


@inner
def active_securities(terms: Terms, pieces: Pieces, place: Places, inside: Places) -> tuple[int, int]:
    """Write which securities are partly sold, and in how many segments; return their number and the rows of W."""
    seg_ptr, most, s, inner = terms.seg_ptr, terms.most, pieces.s, pieces.inner
    count, rows = 0, 0
    for i in range(inner.size):
        if inner[i] == NONE:
            continue
        partly = 1
        if inner[i] == SEVERAL:
            partly = 0
            for segment in range(seg_ptr[i], seg_ptr[i + 1]):
                partly += 1 if 0.0 < s[segment] < most[segment] else 0
        if partly == 0:
            continue
        place[count], inside[count] = i, partly
        count += 1
        rows += 1 + partly if partly > 1 else 1
    return count, rows


@inner
def fill_held(terms: Terms, place: Places, root: Vector, at_row: Places, column: Places, w: Matrix) -> None:
    """Write sqrt(D) (C_i, A_i) of every active security in its row of W."""
    exposures, a_ptr, a_row, a_val = terms.exposures, terms.a_ptr, terms.a_row, terms.a_val
    k = exposures.shape[1]
    for count in range(place.size):
        i, row, weight = place[count], at_row[count], root[count]
        for j in range(k):
            w[row, j] = weight * exposures[i, j]
        for at in range(a_ptr[i], a_ptr[i + 1]):
            to = column[a_row[at]]
            if to >= 0:
                w[row, to] += weight * a_val[at]


@inner
def subtract_segment(
    segment: int, g_ptr: Places, g_row: Places, g_val: Vector, column: Places, weight: float, w: Matrix, row: int
) -> None:
    """Subtract weight x G of a segment in the columns of free rows."""
    for at in range(g_ptr[segment], g_ptr[segment + 1]):
        to = column[g_row[at]]
        if to >= 0:
            w[row, to] -= weight * g_val[at]


@inner
def fill_sold(
    terms: Terms, pieces: Pieces, place: Places, inside: Places, root: Vector, at_row: Places, column: Places,
    softness: float, w: Matrix,
) -> None:  # fmt: skip
    """Subtract the mean G of what is partly sold; below a tie, write the deviations of its segments from that mean."""
    seg_ptr, most, s, inner = terms.seg_ptr, terms.most, pieces.s, pieces.inner
    g_ptr, g_row, g_val = terms.g_ptr, terms.g_row, terms.g_val
    for count in range(place.size):
        i, row, partly = place[count], at_row[count], inside[count]
        if inner[i] >= 0:
            subtract_segment(inner[i], g_ptr, g_row, g_val, column, root[count], w, row)
            continue
        own = 1
        for segment in range(seg_ptr[i], seg_ptr[i + 1]):
            if not 0.0 < s[segment] < most[segment]:
                continue
            subtract_segment(segment, g_ptr, g_row, g_val, column, root[count] / partly, w, row)
            if partly == 1:
                continue
            spread = 1.0 / np.sqrt(softness)
            subtract_segment(segment, g_ptr, g_row, g_val, column, spread, w, row + own)
            for other in range(1, partly + 1):
                subtract_segment(segment, g_ptr, g_row, g_val, column, -spread / partly, w, row + other)
            own += 1


@inner
def newton_matrix(terms: Terms, pieces: Pieces, column: Places, free: int, damping: float, softness: float) -> Matrix:
    """
    Return W'W + I on the factors + `damping` on the free rows, (k + free, k + free).

    `column` (R,) is where a free row stands, counted from 0 with the factors first, or -1.
    """
    n, k = terms.exposures.shape
    place, inside = np.empty(n, np.int64), np.empty(n, np.int64)
    count, rows = active_securities(terms, pieces, place, inside)
    place, inside = place[:count], inside[:count]
    root, at_row = np.empty(count), np.empty(count, np.int64)
    row = 0
    for at in range(count):
        root[at] = np.sqrt(inside[at] / (softness + inside[at] * terms.curvature[place[at]]))
        at_row[at] = row
        row += 1 + inside[at] if inside[at] > 1 else 1
    w = np.zeros((rows, k + free))
    fill_held(terms, place, root, at_row, column, w)
    if free > 0 and terms.g_row.size > 0:
        fill_sold(terms, pieces, place, inside, root, at_row, column, softness, w)
    matrix: Matrix = np.dot(w.T, w)
    for j in range(k):
        matrix[j, j] += 1.0
    for j in range(k, k + free):
        matrix[j, j] += damping
    return matrix
