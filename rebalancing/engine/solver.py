"""
The door through which the convex problem is solved.

Today the caller passes the solver in (`engine/reference.py`); the structured dual Newton method of engine.md B3 gets
its place here, behind the same protocol, and the reference becomes its fallback.
"""

from typing import Protocol

from portfolios.ledger.errors import BadInput
from rebalancing.engine.problem import Query, Solution


class ConvexSolver(Protocol):
    """Anything that answers a query; it never raises for an infeasible or a hard one, it says so in the status."""

    def __call__(self, query: Query, /) -> Solution: ...


def choose_solver(fallback: ConvexSolver | None) -> ConvexSolver:
    """
    Return the solver to use.

    :raises BadInput: none was passed in, and this version has no fast one
    """
    if fallback is None:
        raise BadInput("no solver: this version needs the reference solver, pass fallback=solve_convex")
    return fallback
