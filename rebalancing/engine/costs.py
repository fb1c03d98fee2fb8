"""What trading costs, per dollar traded of each segment."""

import numpy as np

from rebalancing.engine.universe import Universe, Vector


def trading_costs(universe: Universe) -> Vector:
    """Price half the spread of a dollar traded; shape (N,). Tickets are whole numbers and wait for the rounding."""
    spread = np.array([item.half_spread_bps for item in universe.securities]) * 1e-4
    return np.asarray(spread[universe.segments.place])


def hurdles(universe: Universe) -> Vector:
    """Price a dollar held of each security, shape (n,): each distinct substitute at its lowest hurdle."""
    lowest: dict[str, float] = {}
    for substitute in universe.account.substitutes:
        lowest[substitute.use] = min(substitute.hurdle_bps, lowest.get(substitute.use, float("inf")))
    return np.array([lowest.get(item.id, 0.0) * 1e-4 for item in universe.securities])
