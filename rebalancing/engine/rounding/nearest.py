"""From dollars of every segment to the nearest point of the grid."""

import numpy as np

from rebalancing.engine.rounding.lattice import Grains, Lattice
from rebalancing.engine.universe import Places, Vector

FULL_FRAC = 1e-6


def nearest_grains(lattice: Lattice, traded_usd: Vector, *, prices: Vector) -> Grains:
    """
    Round every security's sale or purchase to its step, and share a sale among the lots as the solution did.

    `prices` (N,) order the lots where shares have to be added or taken away. A side that is only dust is dropped.
    """
    segments = lattice.problem.segments
    grains = lattice.least.copy()
    exact = traded_usd / lattice.grain_usd[segments.security]
    for place in range(lattice.problem.universe.count):
        here = np.flatnonzero(segments.security == place)
        sales, buys = here[segments.sign[here] < 0], here[segments.sign[here] > 0]
        sold, bought = float(exact[sales].sum()), float(exact[buys].sum())
        if lattice.least[here].any():
            continue
        if bought > sold:
            grains[buys] = _steps(lattice, place, bought)
        elif sold > 0:
            grains[sales] = _round_sale(lattice, place, sales, exact[sales], prices=prices)
    return grains


def _steps(lattice: Lattice, place: int, amount: float) -> int:
    step = int(lattice.step[place])
    return int(np.floor(amount / step + 0.5)) * step


def _round_sale(lattice: Lattice, place: int, sales: Places, exact: Vector, *, prices: Vector) -> Grains:
    most = lattice.most[sales]
    total = int(lattice.held[place])
    if lattice.can_close[place] and float(exact.sum()) >= total - lattice.step[place] / 2:
        return most
    step = int(lattice.step[place])
    wanted = min(_steps(lattice, place, float(exact.sum())), int(most.sum()) // step * step)
    grains = np.where(exact >= most * (1 - FULL_FRAC), most, np.floor(exact)).astype(np.int64)
    order = sorted(
        range(sales.size), key=lambda at: (-float(exact[at]) / float(most[at]), float(prices[sales[at]]), at)
    )
    missing = wanted - int(grains.sum())
    for at in order if missing > 0 else reversed(order):
        if missing == 0:
            break
        change = min(missing, int(most[at] - grains[at])) if missing > 0 else max(missing, -int(grains[at]))
        grains[at] += change
        missing -= change
    return grains
