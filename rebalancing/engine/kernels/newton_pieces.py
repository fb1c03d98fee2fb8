"""Where every security stands at given multipliers, and how far prices may move before it leaves its linear piece."""

from typing import NamedTuple

import numpy as np

from rebalancing.engine.kernels.compiled import inlined, inner
from rebalancing.engine.kernels.dual_terms import FAR, Terms, add_rows, row_activity
from rebalancing.engine.kernels.program import Places, Vector
from rebalancing.engine.kernels.walk import (
    INSIDE,
    TIED,
    UNBOUNDED,
    Stop,
    soft_sale,
    sort_keys,
    tied_price,
    walk,
)

# No segment, and several segments, are partly sold.
NONE, SEVERAL = -1, -2


class Pieces(NamedTuple):
    """The state at multipliers (z, y) with proximal centre c; every array is written by `read_pieces`."""

    center: Vector  # c (N,)
    q: Vector  # h + C z + A'y (n,)
    start: Vector  # e + G'y - eps c (N,)
    order: Places  # segments of each security by start (N,)
    x: Vector  # (n,)
    s: Vector  # (N,)
    factors: Vector  # C'x (k,)
    activity: Vector  # A x + G s (R,)
    inner: Places  # the one segment partly sold, NONE or SEVERAL (n,)
    slack: Vector  # how far q and starts may move before the piece changes (n,)


@inner
def new_pieces(terms: Terms, center: Vector) -> Pieces:
    """Make room for the state of a program."""
    n, k = terms.exposures.shape
    segments, rows = terms.cost.size, terms.low.size
    return Pieces(
        center,
        np.empty(n),
        np.empty(segments),
        np.arange(segments),
        np.empty(n),
        np.empty(segments),
        np.empty(k),
        np.empty(rows),
        np.empty(n, np.int64),
        np.empty(n),
    )


@inner
def price_pieces(terms: Terms, pieces: Pieces, z: Vector, y: Vector, softness: float) -> None:
    """Write q and the starts at multipliers (z, y). A segment without size never starts."""
    q, start = pieces.q, pieces.start
    np.dot(terms.exposures, z, q)
    for i in range(q.size):
        q[i] += terms.linear[i]
    add_rows(q, y, terms.held_ptr, terms.held_place, terms.held_val)
    for segment in range(start.size):
        start[segment] = terms.cost[segment] - softness * pieces.center[segment] if terms.most[segment] > 0.0 else FAR
    add_rows(start, y, terms.sold_ptr, terms.sold_place, terms.sold_val)


@inlined
def room_left(
    stop: Stop, first: int, last: int, slope: float, softness: float, order: Places, start: Vector, most: Vector
) -> float:
    """Return how far q and the starts may move, both counted, while the same segments stay whole, part and kept."""
    room = UNBOUNDED
    following = first + stop.full
    if stop.full > 0:
        room = stop.price - stop.ceiling
    if stop.kind == INSIDE:
        inner = order[following]
        room = min(room, slope * min(stop.part, most[inner] - stop.part))
        following += 1
    if following < last:
        room = min(room, start[order[following]] - stop.price)
    return room


@inner
def sell_tied(
    first: int, last: int, p: float, top: float, softness: float, start: Vector, most: Vector, s: Vector
) -> float:
    """Write what is sold of every segment at the marginal price p of a tied security; return x."""
    x = top
    for segment in range(first, last):
        s[segment] = soft_sale(p, start[segment], softness, most[segment])
        x -= s[segment]
    return x


@inner
def walk_pieces(terms: Terms, pieces: Pieces, which: Places, softness: float) -> None:
    """Walk these securities at the prices in `pieces`, then add up activities."""
    q, start, order, x, s = pieces.q, pieces.start, pieces.order, pieces.x, pieces.s
    curvature, target, top, most, seg_ptr = terms.curvature, terms.target, terms.top, terms.most, terms.seg_ptr
    inner, slack = pieces.inner, pieces.slack
    for i in which:
        first, last = seg_ptr[i], seg_ptr[i + 1]
        sort_keys(first, last, order, start)
        delta = curvature[i]
        stop = walk(first, last, delta * (top[i] - target[i]) + q[i], top[i], delta, softness, order, start, most)
        if stop.kind == TIED:
            p = tied_price(first, last, stop.price, q[i], delta, target[i], top[i], softness, start, most)
            x[i] = sell_tied(first, last, p, top[i], softness, start, most, s)
            inner[i] = SEVERAL
            slack[i] = -1.0
            continue
        x[i] = stop.held
        inner[i] = NONE
        whole = first + stop.full
        for at in range(first, last):
            s[order[at]] = most[order[at]] if at < whole else 0.0
        if stop.kind == INSIDE:
            inner[i] = order[whole]
            s[inner[i]] = stop.part
        slack[i] = room_left(stop, first, last, delta + softness, softness, order, start, most)
    np.dot(x, terms.exposures, pieces.factors)
    row_activity(terms, x, s, pieces.activity)


@inner
def read_pieces(terms: Terms, pieces: Pieces, z: Vector, y: Vector, softness: float) -> None:
    """Walk every security at multipliers (z, y): holdings, sales, activities, and the piece each stands on."""
    price_pieces(terms, pieces, z, y, softness)
    walk_pieces(terms, pieces, np.arange(pieces.x.size), softness)
