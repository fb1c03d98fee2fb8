"""
The exact minimum of the negative dual along a ray: convex and piecewise quadratic, so its slope is piecewise linear.

phi'(a) = z'd + a d'd + r'd + bounds'dy - sum_i dq_i x_i(a) - sum_l dkey_l s_l(a). A security that stays on its piece
answers linearly; only those that may have left it are walked again.
"""

from typing import NamedTuple

import numpy as np

from rebalancing.engine.kernels.compiled import inlined, inner
from rebalancing.engine.kernels.dual_terms import Terms, add_rows
from rebalancing.engine.kernels.newton_pieces import Pieces, walk_pieces
from rebalancing.engine.kernels.program import Places, Vector
from rebalancing.engine.kernels.walk import TIED, soft_sale, sort_keys, tied_price, walk

# The slope is small enough beside the one at the start; the bracket is narrow enough beside its far end.
FLAT = 0.2
NARROW = 1e-3
MOST_TRIALS = 30
FARTHEST = 1e9
STRETCH = 4.0
# A trial stays this far inside the bracket.
MARGIN = 0.05


class Ray(NamedTuple):
    """A direction from a point, with the linear answer of every security along it."""

    slope: float  # phi'(0)
    bend: float  # phi'' on the piece of the point
    dq: Vector  # (n,)
    dkey: Vector  # (N,)
    moves_keys: bool
    reach: Vector  # what a step of 1 takes of a security's slack (n,)
    lean: Vector  # how fast the inner segment is sold: (dq - its dkey) / (eps + delta) (n,)
    trial: Vector  # room for starts (N,)
    left: Places  # room for the securities that may have left their piece (n,)


@inlined
def largest_change(first: int, last: int, dkey: Vector) -> float:
    """Return the largest |dkey| among the segments of a security."""
    largest = 0.0
    for segment in range(first, last):
        largest = max(largest, abs(dkey[segment]))
    return largest


@inner
def aim_ray(terms: Terms, pieces: Pieces, dz: Vector, dy: Vector, linear: float, softness: float) -> Ray:
    """Look along (dz, dy); `linear` is z'dz + r'dz + the bounds that the rows press against x dy."""
    n, segments = pieces.x.size, pieces.s.size
    dq, dkey = np.dot(terms.exposures, dz), np.zeros(segments)
    add_rows(dq, dy, terms.held_ptr, terms.held_place, terms.held_val)
    add_rows(dkey, dy, terms.sold_ptr, terms.sold_place, terms.sold_val)
    moves_keys = False
    for j in range(dy.size):
        moves_keys |= dy[j] != 0.0 and terms.sold_ptr[j + 1] > terms.sold_ptr[j]
    reach, lean = np.empty(n), np.empty(n)
    slope = linear - np.dot(dq, pieces.x)
    if moves_keys:
        slope -= np.dot(dkey, pieces.s)
    bend = np.dot(dz, dz)
    seg_ptr, inner, curvature = terms.seg_ptr, pieces.inner, terms.curvature
    for i in range(n):
        moved = abs(dq[i])
        if moves_keys:
            keys = largest_change(seg_ptr[i], seg_ptr[i + 1], dkey)
            moved = max(moved, keys) + keys
        reach[i] = moved
        lean[i] = 0.0
        if inner[i] >= 0:
            pulled = dq[i] - dkey[inner[i]]
            lean[i] = pulled / (softness + curvature[i])
            bend += pulled * lean[i]
    return Ray(slope, bend, dq, dkey, moves_keys, reach, lean, np.empty(segments), np.empty(n, np.int64))


@inner
def list_left(reach: Vector, slack: Vector, step: float, left: Places) -> int:
    """List the securities that may have left their piece at a step along the ray; return how many."""
    count = 0
    for i in range(slack.size):
        left[count] = i
        count += 1 if step * reach[i] > slack[i] else 0
    return count


@inlined
def weighed_sales(first: int, full: int, order: Places, most: Vector, weight: Vector, part: float) -> float:
    """Return sum of weight x sales of a security whose first `full` segments are whole and the next partly sold."""
    total = 0.0
    for at in range(first, first + full):
        total += weight[order[at]] * most[order[at]]
    if part > 0.0:
        total += weight[order[first + full]] * part
    return total


@inner
def tied_answer(
    first: int, last: int, p: float, q: float, curvature: float, target: float, top: float, softness: float,
    start: Vector, most: Vector, dq: float, dkey: Vector,
) -> float:  # fmt: skip
    """Return dq x + dkey's of a security in which several segments are partly sold."""
    p = tied_price(first, last, p, q, curvature, target, top, softness, start, most)
    total = dq * top
    for segment in range(first, last):
        total += (dkey[segment] - dq) * soft_sale(p, start[segment], softness, most[segment])
    return total


@inlined
def answer_before(first: int, last: int, dq: float, x: float, dkey: Vector, s: Vector) -> float:
    """Return dq x + dkey's of a security at the start of the ray."""
    total = dq * x
    for segment in range(first, last):
        total += dkey[segment] * s[segment]
    return total


@inlined
def move_starts(first: int, last: int, step: float, start: Vector, dkey: Vector, out: Vector) -> None:
    """Write the starts of a security's segments at a step along the ray."""
    for segment in range(first, last):
        out[segment] = start[segment] + step * dkey[segment]


@inner
def slope_at(terms: Terms, pieces: Pieces, ray: Ray, step: float, softness: float) -> float:
    """Return phi'(step): what has left its piece is walked anew."""
    left = ray.left
    count = list_left(ray.reach, pieces.slack, step, left)
    seg_ptr, curvature, target, top, most = terms.seg_ptr, terms.curvature, terms.target, terms.top, terms.most
    order, x, s, q0, start0 = pieces.order, pieces.x, pieces.s, pieces.q, pieces.start
    dq0, dkey, lean, moves_keys = ray.dq, ray.dkey, ray.lean, ray.moves_keys
    start = ray.trial if moves_keys else start0
    slope = ray.slope + step * ray.bend
    for at in range(count):
        i = left[at]
        first, last, dq, delta = seg_ptr[i], seg_ptr[i + 1], dq0[i], curvature[i]
        if moves_keys:
            move_starts(first, last, step, start0, dkey, start)
            sort_keys(first, last, order, start)
        q = q0[i] + step * dq
        stop = walk(first, last, delta * (top[i] - target[i]) + q, top[i], delta, softness, order, start, most)
        if stop.kind == TIED:
            answer = tied_answer(first, last, stop.price, q, delta, target[i], top[i], softness, start, most, dq, dkey)
        else:
            answer = dq * stop.held
            if moves_keys:
                answer += weighed_sales(first, stop.full, order, most, dkey, stop.part)
        slope += answer_before(first, last, dq, x[i], dkey, s) - step * lean[i] * lean[i] * (softness + delta) - answer
    return slope


@inner
def advance_pieces(terms: Terms, pieces: Pieces, ray: Ray, step: float, softness: float) -> None:
    """Bring the pieces to a step along the ray: on their piece they move in proportion, the others walk anew."""
    x, s, slack, q, start, inner = pieces.x, pieces.s, pieces.slack, pieces.q, pieces.start, pieces.inner
    dq, dkey, reach, lean, left = ray.dq, ray.dkey, ray.reach, ray.lean, ray.left
    count = list_left(reach, slack, step, left)
    for i in range(x.size):
        q[i] += step * dq[i]
        slack[i] -= step * reach[i]
        sold = step * lean[i]
        x[i] -= sold
        if inner[i] >= 0:
            s[inner[i]] += sold
    if ray.moves_keys:
        for segment in range(start.size):
            start[segment] += step * dkey[segment]
    walk_pieces(terms, pieces, left[:count], softness)


@inner
def find_step(terms: Terms, pieces: Pieces, ray: Ray, first: float, limit: float, softness: float) -> float:
    """Return the step in (0, limit] at which the slope has all but vanished; secants in a bracket, then halves."""
    step = min(first, limit)
    low, low_slope = 0.0, ray.slope
    high, high_slope = -1.0, 0.0
    for trial in range(MOST_TRIALS):
        slope = slope_at(terms, pieces, ray, step, softness)
        if abs(slope) <= FLAT * abs(ray.slope):
            return step
        if slope < 0.0:
            low, low_slope = step, slope
            if step >= limit or step > FARTHEST:
                return step
            if high < 0.0:
                step = min(limit, STRETCH * step)
                continue
        else:
            high, high_slope = step, slope
        if high - low < NARROW * high and low > 0.0:
            return low
        share = 0.5 if trial % 3 == 2 else -low_slope / (high_slope - low_slope)
        step = low + min(max(share, MARGIN), 1.0 - MARGIN) * (high - low)
    return step
