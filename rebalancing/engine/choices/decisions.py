"""
What is decided so far, and what the solver says to it: a node of the search.

A decision closes the purchases or the sales of an exclusive, or lets one side of a transfer pay for it.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from rebalancing.engine.bounds import Coupled, Prices, Support, Within, couple, prices_of, support_of
from rebalancing.engine.choices.plan import dust_usd
from rebalancing.engine.constraints import Rank
from rebalancing.engine.kernels.branches import Sides
from rebalancing.engine.problem import Problem, Regimes
from rebalancing.engine.query import ConvexSolver, Query, Solution
from rebalancing.engine.universe import Flags, Places, Vector


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decisions:
    """
    A regime of every return, and by exclusive and by transfer which side is closed or charged.

    `decided` (exclusives,) and `charged` (transfers,) are 1 for the purchases, 2 for the sales, 0 for neither.
    """

    regimes: Regimes
    decided: Sides
    charged: Sides

    def decide(self, exclusives: Places, sides: Sides) -> "Decisions":
        decided = self.decided.copy()
        decided[exclusives] = sides
        return replace(self, decided=decided)

    def charge(self, transfers: Places, sides: Sides) -> "Decisions":
        charged = self.charged.copy()
        charged[transfers] = sides
        return replace(self, charged=charged)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """
    Decisions, solved: `conflicts` are the exclusives that are traded on both sides.

    The bound holds for every answer that keeps to the decisions; `support` gives it, None where it is the solver's.
    """

    made: Decisions
    query: Query
    solution: Solution
    conflicts: Places
    bound_usd: float
    support: Support | None = None

    @property
    def prices(self) -> Prices:
        """Return the best prices known for these decisions."""
        return prices_of(self.query, self.solution) if self.support is None else self.support.prices


@dataclass(slots=True, kw_only=True, eq=False)
class Desk:
    """Where decisions become queries: holds what does not change while a problem is solved, and counts the solves."""

    problem: Problem
    solver: ConvexSolver
    allowed: dict[Rank, float]
    closed: Flags
    coupled: Coupled = field(init=False)
    shut: Flags = field(init=False)
    solves: int = 0

    def __post_init__(self) -> None:
        self.coupled = couple(self.problem)
        empty = Query(problem=self.problem, regimes=(), closed=self.closed, allowed=self.allowed)
        self.shut = empty.shut()

    def undecided(self, regimes: Regimes) -> Decisions:
        return Decisions(
            regimes=regimes,
            decided=np.zeros(self.coupled.exclusives.count, dtype=np.int8),
            charged=np.zeros(self.coupled.transfers.count, dtype=np.int8),
        )

    def query(self, made: Decisions, *, start: Solution | None) -> Query:
        closed = self.closed.copy()
        self.coupled.exclusives.close(made.decided, closed)
        extra: Vector | None = None
        if made.charged.any():
            extra = np.zeros(closed.size)
            self.coupled.transfers.charge(made.charged, self.coupled.transfer_cost, extra)
        return Query(
            problem=self.problem,
            regimes=made.regimes,
            closed=closed,
            allowed=self.allowed,
            extra_cost=extra,
            start=start,
        )

    def within(self, made: Decisions) -> Within:
        """Return what decisions leave open."""
        shut = self.shut.copy()
        self.coupled.exclusives.close(made.decided, shut)
        return Within(coupled=self.coupled, is_open=~shut, charged=made.charged)

    def solve(self, made: Decisions, *, start: Solution | None = None) -> Node | None:
        """Solve under these decisions; None where they cannot be kept."""
        query = self.query(made, start=start)
        solution = self.solver(query)
        self.solves += 1
        if solution.status != "optimal":
            return None
        sides = self.coupled.exclusives.traded_usd(solution.traded_usd)
        conflicts = np.flatnonzero(sides.min(axis=1, initial=np.inf) > dust_usd(self.problem))
        return Node(made=made, query=query, solution=solution, conflicts=conflicts, bound_usd=solution.bound_usd)

    def own_support(self, node: Node) -> Support:
        """Return the support of a node's own solution."""
        shut = self.shut.copy()
        self.coupled.exclusives.close(node.made.decided, shut)
        return support_of(node.query, node.solution, coupled=self.coupled, shut=shut, is_bent=True)

    def objective_usd(self, node: Node) -> float:
        return self.problem.objective_usd(node.solution.traded_usd)

    def uncharged(self, node: Node) -> tuple[Places, Sides, Vector]:
        """Return the transfers that happen and nobody pays for, the lesser side of each, and by how much it is less."""
        sides = self.coupled.transfers.traded_usd(node.solution.traded_usd)
        found = np.flatnonzero((sides.min(axis=1, initial=np.inf) > dust_usd(self.problem)) & (node.made.charged == 0))
        less = np.where(sides[found, 0] <= sides[found, 1], 1, 2).astype(np.int8)
        return found, less, np.abs(sides[found, 0] - sides[found, 1])
