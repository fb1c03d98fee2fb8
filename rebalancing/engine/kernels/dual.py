"""
Value of a point and of multipliers, computed plainly and apart from the solver: what an answer claims is checked here.

The dual value is a lower bound on the objective for every z and every y within the caps of rows that are not hard.
"""

import numpy as np

from rebalancing.engine.kernels.compiled import inner, kernel
from rebalancing.engine.kernels.dual_terms import ProgramArrays, Terms, make_terms, program_arrays, row_activity
from rebalancing.engine.kernels.program import INFINITE, Places, Program, Vector


def dual_value(program: Program, z: Vector, y: Vector) -> float:
    """Bound the objective from below by multipliers of the factors and of the rows; y is clipped to what is valid."""
    return float(_dual_value(program_arrays(program), np.asarray(z, np.float64), np.asarray(y, np.float64)))


def objective_value(program: Program, s: Vector) -> float:
    """Return the objective at sales s, with what rows that are not hard cost beyond their bounds."""
    return float(_objective_value(program_arrays(program), np.asarray(s, np.float64)))


@kernel
def _dual_value(arrays: ProgramArrays, z: Vector, y: Vector) -> float:
    return bound_of(make_terms(arrays, 1.0), z, y)


@kernel
def _objective_value(arrays: ProgramArrays, s: Vector) -> float:
    terms = make_terms(arrays, 1.0)
    x, activity = holdings(terms, s), np.empty(terms.low.size)
    row_activity(terms, x, s, activity)
    return objective_of(terms, x, s, activity)


@inner
def holdings(terms: Terms, s: Vector) -> Vector:
    """Return x = top - sales, (n,)."""
    x = terms.top.copy()
    for i in range(x.size):
        for segment in range(terms.seg_ptr[i], terms.seg_ptr[i + 1]):
            x[i] -= s[segment]
    return x


@inner
def objective_of(terms: Terms, x: Vector, s: Vector, activity: Vector) -> float:
    """Return the objective; hard rows cost nothing here, whatever they are violated by."""
    total = 0.0
    factors = np.dot(x, terms.exposures)
    for j in range(factors.size):
        total += 0.5 * (factors[j] - terms.factor_target[j]) ** 2
    for i in range(x.size):
        total += 0.5 * terms.curvature[i] * (x[i] - terms.target[i]) ** 2 + terms.linear[i] * x[i]
    for segment in range(s.size):
        total += terms.cost[segment] * s[segment]
    for j in range(activity.size):
        if not terms.is_hard[j]:
            total += terms.cap_high[j] * max(activity[j] - terms.high[j], 0.0)
            total -= terms.cap_low[j] * max(terms.low[j] - activity[j], 0.0)
    return total


@inner
def hard_violation(terms: Terms, activity: Vector) -> float:
    """Return by how much a hard row is violated at most."""
    worst = 0.0
    for j in range(activity.size):
        if terms.is_hard[j]:
            worst = max(worst, activity[j] - terms.high[j], terms.low[j] - activity[j])
    return worst


@inner
def valid_multiplier(terms: Terms, j: int, y: float) -> float:
    """Clip a multiplier: to the caps where the row may be violated for a price, to the signs of its finite bounds."""
    if (y > 0.0 and terms.high[j] >= INFINITE) or (y < 0.0 and terms.low[j] <= -INFINITE):
        return 0.0
    if terms.is_hard[j]:
        return y
    return float(min(max(y, terms.cap_low[j]), terms.cap_high[j]))


@inner
def add_columns(out: Vector, price: Vector, pointers: Places, rows: Places, values: Vector) -> None:
    """Add to each place what the rows it takes part in charge there."""
    for place in range(out.size):
        for at in range(pointers[place], pointers[place + 1]):
            out[place] += values[at] * price[rows[at]]


@inner
def bound_of(terms: Terms, z: Vector, y: Vector) -> float:
    """Minimise the Lagrangian over the box, security by security."""
    total = -0.5 * float(np.dot(z, z)) - float(np.dot(terms.factor_target, z))
    price = np.empty(y.size)
    for j in range(y.size):
        price[j] = valid_multiplier(terms, j, y[j])
        if price[j] != 0.0:
            total -= price[j] * (terms.high[j] if price[j] > 0.0 else terms.low[j])
    q = terms.linear + np.dot(terms.exposures, z)
    keys = terms.cost.copy()
    add_columns(q, price, terms.a_ptr, terms.a_row, terms.a_val)
    add_columns(keys, price, terms.g_ptr, terms.g_row, terms.g_val)
    seg_ptr, curvature, target, top, most = terms.seg_ptr, terms.curvature, terms.target, terms.top, terms.most
    for i in range(q.size):
        first, last = seg_ptr[i], seg_ptr[i + 1]
        total += least_of_security(first, last, q[i], curvature[i], target[i], top[i], keys, most)
    return total


@inner
def least_of_security(
    first: int, last: int, q: float, delta: float, target: float, top: float, keys: Vector, most: Vector
) -> float:
    """
    Minimise 1/2 delta (x - target)^2 + q x + keys's over the sales of one security: cheapest segments first.

    The keys are used up: a segment that was looked at never comes again.
    """
    x, paid = top, 0.0
    for _ in range(first, last):
        cheapest = first
        for segment in range(first + 1, last):
            if keys[segment] < keys[cheapest]:
                cheapest = segment
        key = keys[cheapest]
        gain = delta * (x - target) + q - key
        if gain <= 0.0:
            break
        sold = most[cheapest]
        if delta * sold > gain:
            sold = gain / delta
        x -= sold
        paid += key * sold
        keys[cheapest] = np.inf
    return 0.5 * delta * (x - target) ** 2 + q * x + paid
