"""Residuals and directions of the interior-point method: every unknown is led back from those of the rows."""

from typing import NamedTuple

import numpy as np

from rebalancing.engine.kernels.cholesky import solve_factorised
from rebalancing.engine.kernels.compiled import inner
from rebalancing.engine.kernels.dual_terms import Terms, add_rows, row_activity
from rebalancing.engine.kernels.interior_point_matrix import System
from rebalancing.engine.kernels.interior_point_state import Interior
from rebalancing.engine.kernels.program import Vector


class Gaps(NamedTuple):
    """By how much the optimality conditions are missed."""

    segments: Vector  # key - p - price of s + price of v - s (N,)
    factors: Vector  # C'x - r - z (k,)
    rows: Vector  # activity - allowed - excess above + excess below (R,)
    bounds: Vector  # prices of the two bounds - y (R,)
    above: Vector  # cap - y - price of the excess (R,)
    below: Vector
    primal: float  # the largest of factors and rows
    dual: float  # the largest of the others


class Direction(NamedTuple):
    """A step of every unknown."""

    x: Vector
    z: Vector
    y: Vector
    allowed: Vector
    room: Vector
    price: Vector


@inner
def largest(values: Vector) -> float:
    """Return the largest absolute value, 0 of none."""
    found = 0.0
    for at in range(values.size):
        found = max(found, abs(values[at]))
    return found


@inner
def segment_gaps(terms: Terms, state: Interior) -> Vector:
    """Return key - p - price of s + price of v - s, (N,)."""
    count = terms.cost.size
    q = terms.linear + np.dot(terms.exposures, state.z)
    add_rows(q, state.y, terms.held_ptr, terms.held_place, terms.held_val)
    gaps = terms.cost.copy()
    add_rows(gaps, state.y, terms.sold_ptr, terms.sold_place, terms.sold_val)
    for i in range(q.size):
        p = q[i] + terms.curvature[i] * (state.x[i] - terms.target[i])
        for segment in range(terms.seg_ptr[i], terms.seg_ptr[i + 1]):
            gaps[segment] += state.price[count + segment] - state.price[segment] - p
    return gaps


@inner
def read_gaps(terms: Terms, state: Interior) -> Gaps:
    """Compute all residuals."""
    count, rows = terms.cost.size, terms.low.size
    segments = segment_gaps(terms, state)
    factors = np.dot(state.x, terms.exposures) - terms.factor_target - state.z
    activity = np.empty(rows)
    row_activity(terms, state.x, state.room[:count], activity)
    price, room, on = state.price[2 * count :], state.room[2 * count :], state.on[2 * count :]
    missed, bounds, above, below = np.empty(rows), np.zeros(rows), np.zeros(rows), np.zeros(rows)
    dual = largest(segments)
    for j in range(rows):
        missed[j] = activity[j] - state.allowed[j] - room[2 * rows + j] + room[3 * rows + j]
        if not terms.is_equal[j]:
            bounds[j] = price[rows + j] - price[j] - state.y[j]
        if on[2 * rows + j]:
            above[j] = terms.cap_high[j] - state.y[j] - price[2 * rows + j]
            dual = max(dual, abs(above[j]) / (1.0 + terms.cap_high[j]))
        if on[3 * rows + j]:
            below[j] = state.y[j] - terms.cap_low[j] - price[3 * rows + j]
            dual = max(dual, abs(below[j]) / (1.0 - terms.cap_low[j]))
    dual = max(dual, largest(bounds))
    return Gaps(segments, factors, missed, bounds, above, below, max(largest(factors), largest(missed)), dual)


@inner
def segment_rests(terms: Terms, state: Interior, gaps: Gaps, wanted: Vector) -> Vector:
    """Return the residuals of segments once their pairs are eliminated, (N,)."""
    count = terms.cost.size
    rests = gaps.segments.copy()
    for segment in range(count):
        rests[segment] -= wanted[segment] / state.room[segment]
        rests[segment] += wanted[count + segment] / state.room[count + segment]
    return rests


@inner
def bound_rests(terms: Terms, state: Interior, gaps: Gaps, wanted: Vector) -> Vector:
    """Return the residuals of rows once the pairs of their bounds are eliminated, (R,)."""
    rows = terms.low.size
    first = 2 * terms.cost.size
    rests = np.zeros(rows)
    for j in range(rows):
        if not terms.is_equal[j]:
            low, high = first + j, first + rows + j
            rests[j] = gaps.bounds[j] - wanted[low] / state.room[low] + wanted[high] / state.room[high]
    return rests


@inner
def right_side(
    terms: Terms, state: Interior, system: System, gaps: Gaps, wanted: Vector, rests: Vector, sums: Vector
) -> Vector:
    """Return the right side on factors and rows, (k + R,); `sums` (n,) becomes the sums of rests / theta."""
    k, rows = terms.exposures.shape[1], terms.low.size
    eased = rests * system.ease
    moved, weight = np.zeros(rows), np.empty(sums.size)
    for i in range(sums.size):
        sums[i] = 0.0
        for segment in range(terms.seg_ptr[i], terms.seg_ptr[i + 1]):
            sums[i] += eased[segment]
        weight[i] = system.damped[i] * sums[i]
    # Of every segment (G - mean) rest / theta is taken off; the mean is A - f, and the factors have no part in it.
    right: Vector = np.dot(weight - sums, system.f)
    row_activity(terms, sums, -eased, moved)
    right[:k] += gaps.factors + np.dot(sums, terms.exposures)
    right[k:] += gaps.rows + moved
    add_row_rests(terms, state, system, gaps, wanted, k, right)
    return right


@inner
def add_row_rests(
    terms: Terms, state: Interior, system: System, gaps: Gaps, wanted: Vector, first: int, right: Vector
) -> None:
    """Add what the eliminated pairs of the rows leave on the right side."""
    rows = terms.low.size
    pairs = state.room.size - 4 * rows
    bounds = bound_rests(terms, state, gaps, wanted)
    for j in range(rows):
        above, below = pairs + 2 * rows + j, pairs + 3 * rows + j
        if not terms.is_equal[j]:
            right[first + j] += bounds[j] / system.row_pull[j]
        right[first + j] -= (wanted[above] - state.room[above] * gaps.above[j]) / state.price[above]
        right[first + j] += (wanted[below] - state.room[below] * gaps.below[j]) / state.price[below]


@inner
def lead_back_segments(
    terms: Terms, system: System, rests: Vector, sums: Vector, step: Vector, direction: Direction
) -> None:
    """Write the steps of holdings and sales that follow from the step of (z, y), (k + R,)."""
    count = rests.size
    dq, dkey = np.dot(terms.exposures, direction.z), np.zeros(count)
    add_rows(dq, direction.y, terms.held_ptr, terms.held_place, terms.held_val)
    add_rows(dkey, direction.y, terms.sold_ptr, terms.sold_place, terms.sold_val)
    pulled = np.dot(system.f, step)
    for i in range(sums.size):
        damped = system.damped[i]
        direction.x[i] = damped * (sums[i] - system.spread[i] * pulled[i])
        dp = dq[i] + terms.curvature[i] * direction.x[i]
        for segment in range(terms.seg_ptr[i], terms.seg_ptr[i + 1]):
            sold = (dp - dkey[segment] - rests[segment]) * system.ease[segment]
            direction.room[segment] = sold
            direction.room[count + segment] = -sold


@inner
def lead_back_rows(
    terms: Terms, state: Interior, system: System, gaps: Gaps, wanted: Vector, dy: Vector, direction: Direction
) -> None:
    """Write the steps of what rows are allowed and of their excesses."""
    rows = dy.size
    first = state.room.size - 4 * rows
    bounds = bound_rests(terms, state, gaps, wanted)
    for j in range(rows):
        low, high, above, below = first + j, first + rows + j, first + 2 * rows + j, first + 3 * rows + j
        direction.allowed[j] = 0.0 if terms.is_equal[j] else (dy[j] - bounds[j]) / system.row_pull[j]
        direction.room[low] = direction.allowed[j] if state.on[low] else 0.0
        direction.room[high] = -direction.allowed[j] if state.on[high] else 0.0
        direction.price[above] = gaps.above[j] - dy[j] if state.on[above] else 0.0
        direction.price[below] = gaps.below[j] + dy[j] if state.on[below] else 0.0
        for at in (above, below):
            direction.room[at] = (wanted[at] - state.room[at] * direction.price[at]) / state.price[at]


@inner
def find_direction(
    terms: Terms, state: Interior, system: System, gaps: Gaps, wanted: Vector, direction: Direction
) -> None:
    """Solve for the step whose pairs change their products by `wanted` (2N + 4R,) to first order."""
    k, rows = terms.exposures.shape[1], terms.low.size
    rests = segment_rests(terms, state, gaps, wanted)
    sums = np.empty(terms.top.size)
    right = right_side(terms, state, system, gaps, wanted, rests, sums)
    solve_factorised(system.factor, k + rows, right)
    direction.z[:] = right[:k]
    direction.y[:] = right[k:]
    lead_back_segments(terms, system, rests, sums, right, direction)
    lead_back_rows(terms, state, system, gaps, wanted, direction.y, direction)
    for at in range(state.room.size - 2 * rows):
        direction.price[at] = (wanted[at] - state.price[at] * direction.room[at]) / state.room[at]
