"""
How little a rank of rules can be violated, what harder ranks attained held fixed: a linear program, solved by HiGHS.

Amounts are in basis points of what the case holds. Columns: u, dollars traded of every segment (shut ones cannot
move), then one slack a rule that may give way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from rebalancing.engine.constraints import INF, Rank, Row
from rebalancing.engine.query import Query, rows_per_dollar
from rebalancing.engine.universe import Places, Vector

BPS = 1e-4
ALLOWED_TOLERANCE_FRAC = 1e-6
ALLOWED_TOLERANCE_BPS = 1e-4
ROW_TOLERANCE_BPS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeastViolation:
    """
    The least total violation of the query's goal in dollars, trades that attain it, and what stands in the way.

    `row_prices` belong to `problem.all_rows(regimes)`: dollars of violation that a dollar more of a row would save,
    rows that only close segments included.
    """

    violation_usd: float
    traded_usd: Vector
    row_prices: Vector


def least_violation(query: Query) -> LeastViolation | None:
    """Minimise the violation of `query.goal`; None where the harder ranks cannot be kept at all."""
    program = _Program(query)
    answer = linprog(
        program.cost,
        A_ub=program.matrix,
        b_ub=program.right,
        bounds=np.column_stack([program.lower, program.upper]),
        method="highs",
    )
    if answer.status != 0 or answer.x is None:
        return None
    segments = query.problem.segments
    traded = np.clip(answer.x[: segments.count] * program.unit_usd, segments.lower_usd, segments.upper_usd)
    return LeastViolation(
        violation_usd=max(float(answer.fun), 0.0) * program.unit_usd,
        traded_usd=traded,
        row_prices=program.row_prices(-np.asarray(answer.ineqlin.marginals), np.asarray(answer.upper.marginals)),
    )


def slack_names(rows: Sequence[Row]) -> list[str]:
    """Name the slack of every row: parts of one rule share theirs."""
    return [row.slack or f"{at}" for at, row in enumerate(rows)]


class _Program:
    """The linear program of one query."""

    def __init__(self, query: Query) -> None:
        problem = query.problem
        self.query = query
        self.unit_usd = max(problem.gross_usd, 1.0) * BPS
        self.rows = problem.all_rows(query.regimes)
        shut = query.shut()
        self.shut = shut
        kept = [at for at, row in enumerate(self.rows) if query.goal is None or row.rank <= query.goal]
        self.kept = [at for at in kept if not self._is_shut(self.rows[at])]
        names = slack_names(self.rows)
        elastic = sorted({names[at] for at in self.kept if self._is_elastic(self.rows[at].rank)})
        self.slack_at = {name: at for at, name in enumerate(elastic)}
        self.slack_rank = {names[at]: self.rows[at].rank for at in self.kept}
        self.names = names
        self._fill()

    def _is_elastic(self, rank: Rank) -> bool:
        return rank == self.query.goal or self.query.allowed.get(rank, 0.0) > 0

    def _is_shut(self, row: Row) -> bool:
        return row.is_closing and not self._is_elastic(row.rank)

    def _fill(self) -> None:
        segments = self.query.problem.segments
        count, slacks = segments.count, len(self.slack_at)
        rows = [self.rows[at] for at in self.kept]
        activity = rows_per_dollar(self.query.problem, rows)
        high = np.array([row.high_usd for row in rows])
        low = np.array([row.low_usd for row in rows])
        give = sp.csr_matrix(
            (
                np.full(self.elastic.size, -1.0),
                (self.elastic, [self.slack_at[self.names[self.kept[at]]] for at in self.elastic]),
            ),
            shape=(len(rows), slacks),
        )
        self.uppers, self.lowers = np.flatnonzero(high < INF), np.flatnonzero(low > -INF)
        above, below = activity[self.uppers], -activity[self.lowers]
        shares, totals = self._allowances()
        self.matrix = sp.vstack(
            [
                sp.hstack([above, give[self.uppers]]),
                sp.hstack([below, give[self.lowers]]),
                sp.hstack([sp.csr_matrix((totals.size, count)), shares]),
            ],
            format="csr",
        )
        bounds = np.concatenate([high[self.uppers], -low[self.lowers]]) / self.unit_usd + ROW_TOLERANCE_BPS
        self.right = np.concatenate([bounds, totals])
        goal = [float(self.slack_rank[name] == self.query.goal) for name in self.slack_at]
        self.cost = np.concatenate([np.zeros(count), goal])
        self.lower = np.concatenate([segments.lower_usd / self.unit_usd, np.zeros(slacks)])
        upper = np.where(self.shut, segments.lower_usd, segments.upper_usd) / self.unit_usd
        self.upper = np.concatenate([upper, np.full(slacks, np.inf)])

    @property
    def elastic(self) -> Places:
        """Return which of the kept rows may give way."""
        return np.array(
            [at for at, place in enumerate(self.kept) if self._is_elastic(self.rows[place].rank)], dtype=np.intp
        )

    def _allowances(self) -> tuple[sp.csr_matrix, Vector]:
        """Keep the total violation of every rank that already gave way within what it attained."""
        shares: list[Vector] = []
        totals: list[float] = []
        for rank, allowed_usd in self.query.allowed.items():
            own = np.array([float(self.slack_rank[name] == rank) for name in self.slack_at])
            if rank != self.query.goal and own.any():
                shares.append(own)
                totals.append(allowed_usd / self.unit_usd * (1 + ALLOWED_TOLERANCE_FRAC) + ALLOWED_TOLERANCE_BPS)
        return sp.csr_matrix(np.array(shares).reshape(len(shares), len(self.slack_at))), np.array(totals)

    def row_prices(self, duals: Vector, bound_marginals: Vector) -> Vector:
        """Bring the prices of the program's rows, and of its shut segments, to the rows of the problem."""
        prices = np.zeros(len(self.rows))
        places = np.array(self.kept, dtype=np.intp)
        np.add.at(prices, places[self.uppers], duals[: self.uppers.size])
        np.add.at(prices, places[self.lowers], -duals[self.uppers.size : self.uppers.size + self.lowers.size])
        for at, row in enumerate(self.rows):
            if self._is_shut(row) and (self.query.goal is None or row.rank <= self.query.goal):
                gains = -bound_marginals[row.segments] / np.maximum(row.values, 1e-12)
                prices[at] = max(0.0, float(np.max(gains, initial=0.0)))
        return prices
