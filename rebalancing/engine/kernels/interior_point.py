"""
Mehrotra's predictor and corrector on the program with elastic rows: slower than Newton on the dual, but never stuck.

It solves what remains where the dual is all but polyhedral (fewer active securities than binding rows), and its
multipliers start Newton steps that make the answer exact.
"""

from typing import NamedTuple

import numpy as np

from rebalancing.engine.kernels.compiled import inner
from rebalancing.engine.kernels.dual_terms import Terms
from rebalancing.engine.kernels.interior_point_matrix import reduced_system
from rebalancing.engine.kernels.interior_point_state import LEAST_ROOM, Interior, starting_state
from rebalancing.engine.kernels.interior_point_steps import Direction, find_direction, read_gaps
from rebalancing.engine.kernels.program import Vector

FULL_STEP = 0.995
LEAST_FULL_STEP = 0.9
STUCK = 1e-8
LEAST_SCALE = 1e-2
FINEST_PRIMAL, FINEST_DUAL = 1e-12, 1e-11


class Reached(NamedTuple):
    """Where the method stopped, strictly inside all bounds."""

    z: Vector
    y: Vector
    s: Vector
    solved: bool
    steps: int


@inner
def mean_product(state: Interior) -> float:
    """Return the mean of room x price over the pairs that exist."""
    total, count = 0.0, 0
    for at in range(state.room.size):
        if state.on[at]:
            total += state.room[at] * state.price[at]
            count += 1
    return total / max(count, 1)


@inner
def longest_step(state: Interior, direction: Direction) -> float:
    """Return how far all rooms and prices stay positive."""
    farthest = np.inf
    for at in range(state.room.size):
        if direction.room[at] < 0.0:
            farthest = min(farthest, -state.room[at] / direction.room[at])
        if direction.price[at] < 0.0:
            farthest = min(farthest, -state.price[at] / direction.price[at])
    return farthest


@inner
def product_after(state: Interior, direction: Direction, step: float) -> float:
    """Return the mean product that a step would leave."""
    total, count = 0.0, 0
    for at in range(state.room.size):
        if state.on[at]:
            room = state.room[at] + step * direction.room[at]
            total += room * (state.price[at] + step * direction.price[at])
            count += 1
    return total / max(count, 1)


@inner
def wanted_products(state: Interior, direction: Direction, goal: float, second_order: float) -> Vector:
    """Return by how much the products are to change: to `goal`, less what the predictor's own product adds."""
    wanted = np.zeros(state.room.size)
    for at in range(wanted.size):
        if state.on[at]:
            wanted[at] = goal - state.room[at] * state.price[at]
            wanted[at] -= second_order * direction.room[at] * direction.price[at]
    return wanted


@inner
def take_step(state: Interior, direction: Direction, step: float) -> None:
    """Move every unknown."""
    state.x[:] += step * direction.x
    state.z[:] += step * direction.z
    state.y[:] += step * direction.y
    state.allowed[:] += step * direction.allowed
    for at in range(state.room.size):
        state.price[at] += step * direction.price[at]
        moved = state.room[at] + step * direction.room[at]
        state.room[at] = max(moved, LEAST_ROOM) if state.on[at] else state.room[at]


@inner
def size_of_objective(terms: Terms, state: Interior) -> float:
    """Return the objective without excesses, in absolute value, as the scale of what is small."""
    factors = np.dot(state.x, terms.exposures) - terms.factor_target
    active = state.x - terms.target
    total = 0.5 * np.dot(factors, factors) + np.dot(terms.linear, state.x)
    total += 0.5 * np.dot(terms.curvature * active, active)
    return abs(float(total + np.dot(terms.cost, state.room[: terms.cost.size])))


@inner
def new_direction(terms: Terms) -> Direction:
    """Make room for a direction."""
    n, k = terms.exposures.shape
    segments, rows = terms.cost.size, terms.low.size
    pairs = 2 * segments + 4 * rows
    return Direction(np.zeros(n), np.zeros(k), np.zeros(rows), np.zeros(rows), np.zeros(pairs), np.zeros(pairs))


@inner
def interior_point(terms: Terms, tolerance: float, most_steps: int) -> Reached:
    """Solve a program whose segments all have a size; `solved` says nothing of rows, which may be in excess."""
    state, direction = starting_state(terms), new_direction(terms)
    pairs = max(state.on.sum(), 1)
    solved = False
    steps = 0
    for step in range(most_steps):
        steps = step
        gaps = read_gaps(terms, state)
        product = mean_product(state)
        scale = max(size_of_objective(terms, state), LEAST_SCALE)
        is_small = gaps.primal < max(tolerance, FINEST_PRIMAL) and gaps.dual < max(tolerance, FINEST_DUAL)
        solved = is_small and product * pairs < tolerance * scale
        if solved:
            break
        system = reduced_system(terms, state)
        find_direction(terms, state, system, gaps, wanted_products(state, direction, 0.0, 0.0), direction)
        length = min(1.0, longest_step(state, direction))
        goal = product * (product_after(state, direction, length) / product) ** 3
        find_direction(terms, state, system, gaps, wanted_products(state, direction, goal, 1.0), direction)
        share = min(max(LEAST_FULL_STEP, 1.0 - product), FULL_STEP)
        length = min(1.0, share * longest_step(state, direction))
        if not length > STUCK:
            break
        take_step(state, direction, length)
    return Reached(state.z, state.y, state.room[: terms.cost.size].copy(), solved, steps)
