"""
The response of one security to prices: walk its segments in the order of their keys until selling no longer pays.

With q the price that factors and rows put on one unit held, holding x costs p = delta (x - g) + q at the margin.
Segment l is sold while p > key_l. A softness eps adds eps/2 (s - c)^2 to it: it starts at start_l = key_l - eps c_l
and is whole at start_l + eps v_l. The walk is exact unless two segments are partly sold at once: a tie, solved as one
root.
"""

from typing import NamedTuple

from rebalancing.engine.kernels.compiled import inlined, inner, kernel
from rebalancing.engine.kernels.program import Places, Vector

AT_KINK, INSIDE, TIED = 0, 1, 2
# The root of a tie is found when its residual is this small, absolutely and in proportion to the price.
RESIDUAL = 1e-15
RELATIVE_RESIDUAL = 1e-14
MOST_ROOT_STEPS = 200
UNBOUNDED = 1e30


class Stop(NamedTuple):
    """Where a walk ends: the marginal price p, x, how many segments of the order are whole, the part of the next."""

    price: float
    held: float
    full: int
    part: float
    ceiling: float  # the largest price at which a segment sold whole would be partly kept
    kind: int


@inlined
def sort_keys(first: int, last: int, order: Places, start: Vector) -> None:
    """Sort order[first:last] by start: insertion, since the keys of the step before are nearly in order."""
    for at in range(first + 1, last):
        moved = order[at]
        key = start[moved]
        to = at - 1
        while to >= first and start[order[to]] > key:
            order[to + 1] = order[to]
            to -= 1
        order[to + 1] = moved


@inlined
def walk(
    first: int, last: int, p: float, x: float, curvature: float, softness: float, order: Places, start: Vector,
    most: Vector,
) -> Stop:  # fmt: skip
    """Sell from the top x at the marginal price p there; order[first:last] is sorted by start."""
    slope = curvature + softness
    at = first
    part = 0.0
    kind = AT_KINK
    ceiling = -UNBOUNDED
    while at < last:
        segment = order[at]
        gain = p - start[segment]
        if gain <= 0.0:
            break
        size = most[segment]
        if gain < slope * size:
            part = gain / slope
            x -= part
            p -= curvature * part
            kind = INSIDE
            break
        x -= size
        p -= curvature * size
        ceiling = max(ceiling, start[segment] + softness * size)
        at += 1
    if softness > 0.0:
        beyond = at + 1 if kind == INSIDE else at
        if p < ceiling or (beyond < last and p > start[order[beyond]]):
            kind = TIED
    return Stop(p, x, at - first, part, ceiling, kind)


@inlined
def soft_sale(p: float, start: float, softness: float, most: float) -> float:
    """Return what is sold of one segment at the marginal price p, softness > 0."""
    return min(max((p - start) / softness, 0.0), most)


@inner
def tied_sales(first: int, last: int, p: float, softness: float, start: Vector, most: Vector) -> tuple[float, int]:
    """Return what a security sells in all at the marginal price p, and how many segments are partly sold."""
    total, inside = 0.0, 0
    for segment in range(first, last):
        sold = (p - start[segment]) / softness
        if sold <= 0.0:
            continue
        if sold >= most[segment]:
            sold = most[segment]
        else:
            inside += 1
        total += sold
    return total, inside


@kernel
def tied_price(
    first: int, last: int, p: float, q: float, curvature: float, target: float, top: float, softness: float,
    start: Vector, most: Vector,
) -> float:  # fmt: skip
    """Solve p = q + curvature (x(p) - target), increasing and piecewise linear in p: guarded Newton steps from p."""
    low, high = -UNBOUNDED, UNBOUNDED
    for _ in range(MOST_ROOT_STEPS):
        total, inside = tied_sales(first, last, p, softness, start, most)
        residual = p - q - curvature * (top - total - target)
        if abs(residual) <= RESIDUAL + RELATIVE_RESIDUAL * abs(p):
            break
        if residual > 0.0:
            high = p
        else:
            low = p
        following = p - residual / (1.0 + curvature * inside / softness)
        if (following <= low or following >= high) and low > -UNBOUNDED and high < UNBOUNDED:
            following = 0.5 * (low + high)
        if following == p:
            break
        p = following
    return p
