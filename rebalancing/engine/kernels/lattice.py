"""The one-name lattice of harvest or wait, backwards in time: the method stands in waiting.py."""

import numpy as np

from rebalancing.engine.kernels.compiled import kernel
from rebalancing.engine.kernels.program import Vector


@kernel
def lattice_hurdle(
    step_count: int, days: float, long_from_days: float, log_step: float, below: int, above: int,
    worth_now: float, worth_later: float, spread: float, fresh_frac: float,
) -> float:  # fmt: skip
    """
    Return the highest price, per dollar of basis, at which harvesting today is worth what waiting is; 0 where none is.

    The price moves by `log_step` a step, on a grid of `below` points under the basis and `above` over it. `worth_now`
    holds before day `long_from_days`, `worth_later` from it on; `spread` is the cost of the way out and back.
    """
    size = below + above + 1
    prices = np.exp((np.arange(size) - below) * log_step)
    up = 1.0 / (1.0 + np.exp(log_step))  # the price itself is expected to stay where it is
    worth = worth_now if days < long_from_days else worth_later
    value = np.maximum(worth - (worth + spread) * prices, 0.0)
    waited, harvested = np.empty(size), np.empty(size)
    for step in range(step_count - 1, -1, -1):
        worth = worth_now if step * days / step_count < long_from_days else worth_later
        slope = fresh_frac * value[below] - worth - spread
        waited[0] = up * value[1] + (1.0 - up) * value[0]
        for at in range(1, size - 1):
            waited[at] = up * value[at + 1] + (1.0 - up) * value[at - 1]
        waited[size - 1] = (1.0 - up) * value[size - 2]
        for at in range(size):
            harvested[at] = worth + slope * prices[at]
            value[at] = max(waited[at], harvested[at])
    return _highest_crossing(prices, harvested - waited, below)


@kernel
def _highest_crossing(prices: Vector, advantage: Vector, basis: int) -> float:
    """Return the highest price up to the basis at which the advantage is not negative, linear between grid points."""
    at = basis
    while at >= 0 and advantage[at] < 0.0:
        at -= 1
    if at < 0:
        return 0.0
    if at == basis:
        return float(prices[at])
    slope = (advantage[at + 1] - advantage[at]) / (prices[at + 1] - prices[at])
    return float(prices[at] - advantage[at] / slope)
