"""The target of an account over its universe."""

import numpy as np

from rebalancing.engine.universe import Universe, Vector


def target_usd(universe: Universe) -> Vector:
    """Return the dollars of each security that the target asks for, shape (n,)."""
    target = universe.account.target
    return np.array([target.get(item.id, 0.0) for item in universe.securities]) * universe.value_usd
