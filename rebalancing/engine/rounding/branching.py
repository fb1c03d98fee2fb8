"""
A second search where whole steps matter: branch on what is not whole, depth first, with the convex solver in each node.

A single move changes one position, but in a small account what is rounded here is paid for in all the others. The
better side is looked at first, and a node that is no better than what is known is left. The effort is limited: what is
found serves as a start for the moves, and no bound is claimed from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from rebalancing.engine.constraints import INF, Rank, Row
from rebalancing.engine.kernels.shares_nearest import nearest_grains
from rebalancing.engine.query import ConvexSolver, Query, Solution
from rebalancing.engine.rounding.lattice import Grains, Lattice
from rebalancing.engine.universe import Places, Vector

MOST_NODES = 80
MOST_SEGMENTS = 40_000  # over all nodes
LEAST_STEP_FRAC = 1e-5  # of value: a smaller step is not worth a node
WHOLE_FRAC = 1e-3  # this near to a whole step, in steps, is whole
RULE = "whole steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    query: Query
    solution: Solution


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The dollars of one side of a position that are not whole: `steps` of `step_usd` each, over these segments."""

    segments: Places
    steps: float
    step_usd: float

    @property
    def off_usd(self) -> float:
        """Return how far it is from the nearest whole step."""
        return abs(self.steps - round(self.steps)) * self.step_usd


def starts(
    lattice: Lattice, query: Query, solution: Solution, *, solver: ConvexSolver, known_usd: float
) -> Iterator[Grains]:
    """
    Yield trades in whole steps, by slot, where they may cost less than `known_usd` and less than those before.

    Where the effort ends before the search does, the last ones are those nearest to the deepest node.
    """
    stack = [_Node(query=query, solution=solution)]
    left = min(MOST_NODES, MOST_SEGMENTS // max(lattice.order.size, 1))
    deepest = stack[0]
    while stack and left > 0:
        node = stack.pop()
        if node.solution.objective_usd >= known_usd:
            continue
        part = max(_parts(lattice, node.solution), key=lambda part: part.off_usd, default=None)
        if part is None:
            known_usd = node.solution.objective_usd
            yield _nearest(lattice, node.solution.traded_usd)
            continue
        children = [child for child in _children(node, part, solver) if child.solution.objective_usd < known_usd]
        left -= 2
        children.sort(key=lambda child: -child.solution.objective_usd)
        stack.extend(children)
        deepest = children[-1] if children else deepest
    if stack:
        yield _nearest(lattice, deepest.solution.traded_usd)


def _parts(lattice: Lattice, solution: Solution) -> Iterator[_Part]:
    """Yield what is not whole: for each position the side that is traded, unless everything held is sold."""
    board = lattice.board
    slots, positions = board.slots, board.positions
    exact = solution.traded_usd[lattice.order]
    is_sale = slots["sign"] < 0
    sold = np.bincount(slots["position"], weights=np.where(is_sale, exact, 0.0), minlength=positions.size)
    bought = np.bincount(slots["position"], weights=np.where(is_sale, 0.0, exact), minlength=positions.size)
    step_usd = positions["step"] * positions["grain_usd"]
    steps = np.maximum(sold, bought) / step_usd
    everything = positions["held"] * positions["grain_usd"]
    closes = positions["can_close"] & (sold > bought) & (sold >= everything - WHOLE_FRAC * step_usd)
    matters = (np.abs(steps - np.round(steps)) > WHOLE_FRAC) & (step_usd > LEAST_STEP_FRAC * lattice.problem.value_usd)
    for at in np.flatnonzero(matters & ~closes & ~positions["is_pinned"]):
        side = (slots["position"] == at) & (is_sale if sold[at] > bought[at] else ~is_sale)
        yield _Part(segments=lattice.order[side], steps=float(steps[at]), step_usd=float(step_usd[at]))


def _children(node: _Node, part: _Part, solver: ConvexSolver) -> Iterator[_Node]:
    """Yield the node with the part rounded down at most, and up at least, where they have an answer."""
    for low_usd, high_usd in ((0.0, np.floor(part.steps) * part.step_usd), (np.ceil(part.steps) * part.step_usd, INF)):
        row = Row(
            rule=RULE,
            rank=Rank.LAW,
            segments=part.segments,
            values=np.ones(part.segments.size),
            low_usd=float(low_usd),
            high_usd=float(high_usd),
        )
        problem = replace(node.query.problem, rows=(*node.query.problem.rows, row))
        query = replace(node.query, problem=problem, start=None)
        solution = solver(query)
        if solution.status == "optimal":
            yield _Node(query=query, solution=solution)


def _nearest(lattice: Lattice, traded_usd: Vector) -> Grains:
    exact = traded_usd[lattice.order] / lattice.grain_usd
    return np.asarray(nearest_grains(lattice.board, exact), dtype=np.int64)
