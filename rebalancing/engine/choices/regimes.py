"""
Which regimes of the returns to try, and what can be said of those not tried.

A few returns are tried in every combination. Of many, one after the other changes its regime while that helps, and the
bound is that of a combination tried, less what the true tax can be below its piece within reach of the lots.
"""

from collections.abc import Iterator

import numpy as np

from rebalancing.engine.problem import Problem, Regimes
from rebalancing.engine.query import Query, Solution
from rebalancing.engine.taxes import Piece, Regime, ReturnTax, affine_pieces
from rebalancing.engine.universe import Vector


def count_combinations(problem: Problem) -> int:
    return 1 << sum(book.can_change for book in problem.returns)


def uniform_regimes(problem: Problem) -> tuple[Regimes, ...]:
    """Return the two combinations in which all returns that can change are in the same regime."""
    sides: tuple[Regime, ...] = (1, 2)
    return tuple(tuple(side if book.can_change else 1 for book in problem.returns) for side in sides)


def neighbours(problem: Problem, regimes: Regimes) -> Iterator[Regimes]:
    """Yield the combinations in which one return changes its regime."""
    for at, book in enumerate(problem.returns):
        if book.can_change:
            other: Regime = 2 if regimes[at] == 1 else 1
            yield (*regimes[:at], other, *regimes[at + 1 :])


def others_below_usd(query: Query, solution: Solution) -> float:
    """
    Bound by how much the objective of any other combination can be below what a solution's prices prove of its own.

    It is not above 0. The budget of a return counts at its price: another regime may let more trades pass.
    """
    problem = query.problem
    total, upper = 0.0, problem.segments.upper_usd
    rows = problem.all_rows(query.regimes)
    for book, regime in zip(problem.returns, query.regimes, strict=True):
        if not book.can_change:
            continue
        total += most_below_usd(book, regime=regime, rho=book.year.rho, upper_usd=upper)
        paid = sum(
            float(price)
            for row, price in zip(rows, solution.row_prices, strict=True)
            if row.slack == f"tax_budget {book.id}" and price > 0
        )
        if paid > 0:
            total += paid * most_below_usd(book, regime=regime, rho=0.0, upper_usd=upper)
    return total


def most_below_usd(book: ReturnTax, *, regime: Regime, rho: float, upper_usd: Vector) -> float:
    """Bound from below the true tax less its piece of this regime, over all gains within reach of the lots (N,)."""
    upper = upper_usd[book.segments]
    low, high = np.minimum(book.both * upper, 0.0).sum(), np.maximum(book.both * upper, 0.0).sum()
    other: Regime = 2 if regime == 1 else 1
    mine, theirs = (_flat(affine_pieces(book.year, regime=one, rho=rho)) for one in (regime, other))
    bends = [float(low), float(high), *_crossings((*mine, *theirs), float(low), float(high))]
    least = min(_largest(theirs, at) - _largest(mine, at) for at in bends)
    if regime == 1:
        short = book.year.short_usd + float(np.maximum(book.short * upper, 0.0).sum())
        least -= (book.year.short_rate - book.year.long_rate) * max(short, 0.0)
    return min(least, 0.0)


def _flat(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Return the pieces that do not look at short-term gains: the rest is what these add to them."""
    return tuple(piece for piece in pieces if piece.short == 0)


def _largest(pieces: tuple[Piece, ...], total_usd: float) -> float:
    return max(piece.value_usd(0.0, total_usd) for piece in pieces)


def _crossings(pieces: tuple[Piece, ...], low: float, high: float) -> Iterator[float]:
    """Yield the total gains within reach at which two pieces cross: where the largest of them can bend."""
    for at, one in enumerate(pieces):
        for other in pieces[at + 1 :]:
            if one.total != other.total:
                crossing = (one.offset_usd - other.offset_usd) / (one.total - other.total)
                if low < crossing < high:
                    yield crossing
