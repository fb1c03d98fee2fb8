"""A case solved with all its choices made, still in dollars."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rebalancing.engine.bounds import Coupled, Support
from rebalancing.engine.problem import Problem
from rebalancing.engine.query import Query, Solution
from rebalancing.engine.universe import Vector
from rebalancing.engine.wash_sales import Exclusive

# Below a thousandth of a basis point of value an amount is the solver's dust.
DUST_FRAC = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """
    A solved case: the query that led to the solution (with what the choices closed), and the lower bound.

    `causes` names, by rule, the harder rule that made it give way; filled by `relax`. `supports`, one a regime that has
    an answer, lie below the objective whatever is chosen: for bounds that know more than dollars.
    """

    query: Query
    solution: Solution
    bound_usd: float
    causes: Mapping[str, str] = field(default_factory=dict)
    supports: tuple[Support, ...] = ()
    coupled: Coupled | None = None

    @property
    def problem(self) -> Problem:
        return self.query.problem


def dust_usd(problem: Problem) -> float:
    return DUST_FRAC * problem.value_usd


def conflicting(problem: Problem, traded_usd: Vector) -> list[Exclusive]:
    """Return what may not be traded together, and is; pinned trades are the business of rows."""
    dust = dust_usd(problem)
    free = problem.segments.lower_usd <= 0
    return [
        pair
        for pair in problem.exclusives
        if traded_usd[pair.buys] @ free[pair.buys] > dust and traded_usd[pair.sales] @ free[pair.sales] > dust
    ]
