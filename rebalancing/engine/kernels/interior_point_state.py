"""
Where the interior-point method stands. Every inequality is a pair (room, price) whose product goes to zero.

The pairs lie in one array: s | v - s (N each), then per row g - low | high - g | excess above | excess below (R each),
where g is the activity a row is allowed to have and the excesses, at the price of the caps, make every row elastic.
"""

from typing import NamedTuple

import numpy as np

from rebalancing.engine.kernels.compiled import inner
from rebalancing.engine.kernels.dual import holdings
from rebalancing.engine.kernels.dual_terms import Terms, row_activity
from rebalancing.engine.kernels.newton_pieces import new_pieces, read_pieces
from rebalancing.engine.kernels.program import INFINITE, Flags, Vector

# Segments start inside this share of their size; narrow bands start in their middle.
LEAST_SHARE, MOST_SHARE = 0.05, 0.9
BAND_SHARE = 0.2
NARROW_BAND = 1e-2
LEAST_COST = 1e-3
LEAST_EXCESS = 1e-3
LEAST_PRODUCT = 1e-12
# What is held from the bounds never becomes less than this, so that narrow bands cannot cancel to nothing.
LEAST_ROOM = 1e-17


class Interior(NamedTuple):
    """The iterate; `on` (2N + 4R,) marks the pairs that exist."""

    x: Vector  # (n,)
    z: Vector  # (k,)
    y: Vector  # (R,)
    allowed: Vector  # g (R,)
    room: Vector  # (2N + 4R,)
    price: Vector
    on: Flags


@inner
def starting_sales(terms: Terms) -> Vector:
    """Return the best sales at prices zero, kept inside the box."""
    k = terms.exposures.shape[1]
    pieces = new_pieces(terms, np.zeros(terms.cost.size))
    read_pieces(terms, pieces, np.zeros(k), np.zeros(terms.low.size), LEAST_PRODUCT)
    s = pieces.s
    for segment in range(s.size):
        s[segment] = min(max(s[segment], LEAST_SHARE * terms.most[segment]), MOST_SHARE * terms.most[segment])
    return s


@inner
def set_segments(terms: Terms, state: Interior, s: Vector) -> float:
    """Set the pairs of segments so that reduced costs are right at once; return the mean product."""
    count = s.size
    q = terms.linear + np.dot(terms.exposures, state.z)
    least = LEAST_COST
    for segment in range(count):
        least = max(least, 0.1 * abs(terms.cost[segment]))
    for i in range(q.size):
        q[i] += terms.curvature[i] * (state.x[i] - terms.target[i])
        least = max(least, 0.1 * abs(q[i]))
    total = 0.0
    for i in range(q.size):
        for segment in range(terms.seg_ptr[i], terms.seg_ptr[i + 1]):
            reduced = terms.cost[segment] - q[i]
            state.room[segment] = s[segment]
            state.room[count + segment] = terms.most[segment] - s[segment]
            state.price[segment] = least + max(reduced, 0.0)
            state.price[count + segment] = least + max(-reduced, 0.0)
            total += state.price[segment] * state.room[segment]
            total += state.price[count + segment] * state.room[count + segment]
    return total / max(2 * count, 1) + LEAST_PRODUCT


@inner
def allowed_activity(activity: float, low: float, high: float) -> float:
    """Return an activity well within a row's bounds, near what it is."""
    width = high - low
    if low <= -INFINITE:
        return min(activity, high - NARROW_BAND)
    if high >= INFINITE:
        return max(activity, low + NARROW_BAND)
    if width < NARROW_BAND:
        return 0.5 * (low + high)
    return min(max(activity, low + BAND_SHARE * width), high - BAND_SHARE * width)


@inner
def set_rows(terms: Terms, state: Interior, activity: Vector, product: float) -> None:
    """Set the pairs of rows, all with the same product."""
    rows = activity.size
    first = state.room.size - 4 * rows
    for j in range(rows):
        low, high = first + j, first + rows + j
        above, below = first + 2 * rows + j, first + 3 * rows + j
        state.on[low] = terms.low[j] > -INFINITE and not terms.is_equal[j]
        state.on[high] = terms.high[j] < INFINITE and not terms.is_equal[j]
        state.on[above], state.on[below] = terms.cap_high[j] > 0.0, terms.cap_low[j] < 0.0
        state.allowed[j] = allowed_activity(activity[j], terms.low[j], terms.high[j])
        if terms.is_equal[j]:
            state.allowed[j] = terms.low[j]
        set_pair(state, low, state.allowed[j] - terms.low[j], product)
        set_pair(state, high, terms.high[j] - state.allowed[j], product)
        set_excess(state, above, terms.cap_high[j], product)
        set_excess(state, below, -terms.cap_low[j], product)


@inner
def set_pair(state: Interior, at: int, room: float, product: float) -> None:
    """Set a bound's pair, or one that stays as it is where the bound does not exist."""
    state.room[at] = max(room, LEAST_ROOM) if state.on[at] else 1.0
    state.price[at] = product / state.room[at] if state.on[at] else 0.0


@inner
def set_excess(state: Interior, at: int, cap: float, product: float) -> None:
    """Set the pair of an excess, whose price starts at the cap."""
    state.room[at] = max(product / cap, LEAST_EXCESS) if state.on[at] else 0.0
    state.price[at] = cap if state.on[at] else 1.0


@inner
def starting_state(terms: Terms) -> Interior:
    """Start inside all bounds, with multipliers of the rows at zero and of the factors at C'x - r."""
    segments, rows = terms.cost.size, terms.low.size
    pairs = 2 * segments + 4 * rows
    s = starting_sales(terms)
    x = holdings(terms, s)
    z = np.dot(x, terms.exposures) - terms.factor_target
    state = Interior(x, z, np.zeros(rows), np.empty(rows), np.empty(pairs), np.empty(pairs), np.ones(pairs, np.bool_))
    product = set_segments(terms, state, s)
    activity = np.empty(rows)
    row_activity(terms, x, s, activity)
    set_rows(terms, state, activity, product)
    return state
