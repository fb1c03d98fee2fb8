"""The arrays of a program as the kernels read them: prices scaled, caps normalised, rows by security and by row."""

from typing import NamedTuple

import numpy as np

from rebalancing.engine.kernels.compiled import inner, kernel
from rebalancing.engine.kernels.program import INFINITE, Flags, Matrix, Places, Program, Vector

FAR = 1e20
# Rows whose two bounds are closer than this are equations: their multiplier has no kink at zero.
SAME = 1e-13

ProgramArrays = tuple[
    Matrix, Vector, Vector, Vector, Vector, Vector, Places, Vector, Vector, Places, Places, Vector, Places, Places,
    Vector, Vector, Vector, Vector, Vector, Flags, float,
]  # fmt: skip


class Terms(NamedTuple):
    """A program, shapes as there: multipliers stay in [cap_low, cap_high], and where no bound is, 0 is the cap."""

    exposures: Matrix
    factor_target: Vector
    curvature: Vector
    target: Vector
    linear: Vector
    top: Vector
    seg_ptr: Places
    cost: Vector
    most: Vector
    a_ptr: Places
    a_row: Places
    a_val: Vector
    g_ptr: Places
    g_row: Places
    g_val: Vector
    low: Vector
    high: Vector
    cap_low: Vector
    cap_high: Vector
    is_hard: Flags
    is_equal: Flags
    held_ptr: Places  # A by row: (R + 1,), then the securities and values of each row
    held_place: Places
    held_val: Vector
    sold_ptr: Places  # G by row, its segments
    sold_place: Places
    sold_val: Vector


def program_arrays(program: Program) -> ProgramArrays:
    """Return what a compiled function may be given of a program, in the order of its fields."""
    p = program
    return (
        p.exposures, p.factor_target, p.curvature, p.target, p.linear, p.top, p.seg_ptr, p.cost, p.most, p.a_ptr,
        p.a_row, p.a_val, p.g_ptr, p.g_row, p.g_val, p.low, p.high, p.cap_low, p.cap_high, p.is_hard, p.price_scale,
    )  # fmt: skip


@kernel
def by_row(pointers: Places, rows: Places, values: Vector, row_count: int) -> tuple[Places, Places, Vector]:
    """Turn a matrix that is stored by place (a column of rows each) into one stored by row."""
    starts = np.zeros(row_count + 1, np.int64)
    for at in range(rows.size):
        starts[rows[at] + 1] += 1
    for j in range(row_count):
        starts[j + 1] += starts[j]
    filled = starts.copy()
    places = np.empty(rows.size, np.int64)
    turned = np.empty(rows.size)
    for place in range(pointers.size - 1):
        for at in range(pointers[place], pointers[place + 1]):
            to = filled[rows[at]]
            places[to] = place
            turned[to] = values[at]
            filled[rows[at]] = to + 1
    return starts, places, turned


@inner
def usable_bounds(
    low: Vector, high: Vector, cap_low: Vector, cap_high: Vector, is_hard: Flags, scale: float, hard_scale: float
) -> tuple[Vector, Vector, Vector, Vector, Flags]:
    """Scale the caps; a bound without a cap is no bound, and a side without a bound has no multiplier."""
    floors, roofs = low.copy(), high.copy()
    least, most = cap_low.copy(), cap_high.copy()
    equal = np.zeros(low.size, np.bool_)
    for j in range(low.size):
        factor = hard_scale if is_hard[j] else scale
        least[j] = max(least[j] * factor, -FAR)
        most[j] = min(most[j] * factor, FAR)
        if floors[j] <= -INFINITE or least[j] == 0.0:
            floors[j], least[j] = -FAR, 0.0
        if roofs[j] >= INFINITE or most[j] == 0.0:
            roofs[j], most[j] = FAR, 0.0
        equal[j] = roofs[j] - floors[j] < SAME
    return floors, roofs, least, most, equal


@inner
def make_terms(arrays: ProgramArrays, hard_scale: float) -> Terms:
    """
    Read a program; `hard_scale` multiplies the caps of hard rows.

    Arrays are copied, a few microseconds: one type of `Terms` for all callers, or each would compile everything anew.
    """
    scale = arrays[20]
    is_hard = arrays[19]
    rows = arrays[15].size
    low, high, cap_low, cap_high, is_equal = usable_bounds(
        arrays[15], arrays[16], arrays[17], arrays[18], is_hard, scale, hard_scale
    )
    held_ptr, held_place, held_val = by_row(arrays[9], arrays[10], arrays[11], rows)
    sold_ptr, sold_place, sold_val = by_row(arrays[12], arrays[13], arrays[14], rows)
    return Terms(
        arrays[0].copy(), arrays[1].copy(), arrays[2].copy(), arrays[3].copy(), arrays[4] * scale, arrays[5].copy(),
        arrays[6].copy(), arrays[7] * scale, arrays[8].copy(), arrays[9].copy(), arrays[10].copy(), arrays[11].copy(),
        arrays[12].copy(), arrays[13].copy(), arrays[14].copy(), low, high, cap_low, cap_high, is_hard.copy(),
        is_equal, held_ptr, held_place, held_val, sold_ptr, sold_place, sold_val,
    )  # fmt: skip


@inner
def add_rows(out: Vector, y: Vector, pointers: Places, places: Places, values: Vector) -> None:
    """Add (matrix by row)' y to `out`: only rows whose multiplier is not zero cost anything."""
    for j in range(y.size):
        price = y[j]
        if price != 0.0:
            for at in range(pointers[j], pointers[j + 1]):
                out[places[at]] += price * values[at]


@inner
def row_activity(terms: Terms, x: Vector, s: Vector, out: Vector) -> None:
    """Write A x + G s, (R,)."""
    for j in range(out.size):
        total = 0.0
        for at in range(terms.held_ptr[j], terms.held_ptr[j + 1]):
            total += terms.held_val[at] * x[terms.held_place[at]]
        for at in range(terms.sold_ptr[j], terms.sold_ptr[j + 1]):
            total += terms.sold_val[at] * s[terms.sold_place[at]]
        out[j] = total
