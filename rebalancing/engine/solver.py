"""
The door through which convex problems are solved: the structured Newton method first, then what was passed in.

    solver = CertifyingSolver(fallback)      # remembers layouts, multipliers and which method had to be used
    solution = solver(query)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from portfolios.ledger.errors import BadInput
from rebalancing.engine.constraints import Rank
from rebalancing.engine.layouts import Layout
from rebalancing.engine.problem import Regimes
from rebalancing.engine.query import ConvexSolver, Query, Solution, SolverName, failed_solution
from rebalancing.engine.tracking import least_tracking_error, solve_within_caps

LayoutKey = tuple[int, Regimes, Rank | None, tuple[tuple[Rank, float], ...]]
HARDER: Mapping[SolverName, int] = {"newton": 0, "interior_point": 1, "reference": 2}


class NotCertified(BadInput):
    """Say that the fast solver could not answer and no other was at hand: whoever asked may ask the queue."""


@dataclass(slots=True)
class CertifyingSolver:
    """Answer queries; `used` is the least trusted method that any of them needed."""

    fallback: ConvexSolver | None = None
    used: SolverName = "newton"
    layouts: dict[LayoutKey, Layout] = field(default_factory=dict)

    def __call__(self, query: Query, /) -> Solution:
        """
        Answer a query.

        :raises NotCertified: the fast methods failed, and there is no fallback
        """
        solution = self._solve(query)
        if solution.status == "failed":
            if self.fallback is None:
                raise NotCertified("The fast solver could not certify an answer; the question needs the reference.")
            solution = self.fallback(query.plain())
        if solution.status == "optimal" and HARDER[solution.solver] > HARDER[self.used]:
            self.used = solution.solver
        return solution

    def _solve(self, query: Query) -> Solution:
        if query.goal is not None and query.goal != Rank.TRACKING_ERROR:
            return failed_solution("failed")
        if query.goal is not None:
            return least_tracking_error(query, layout=self._layout(query))
        return solve_within_caps(query, layout=self._layout(query))

    def _layout(self, query: Query) -> Layout:
        key = (id(query.problem), query.regimes, query.goal, tuple(sorted(query.allowed.items())))
        layout = self.layouts.get(key)
        if layout is None or layout.problem is not query.problem:
            layout = self.layouts[key] = Layout(query)
        return layout
