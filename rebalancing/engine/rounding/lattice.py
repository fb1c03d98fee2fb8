"""
The grid on which trades live: whole numbers of grains of each security, and what one grain does to everything.

A grain is the finest amount that lots and steps of a security need, so that every quantity is an exact whole number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from rebalancing.engine.constraints import Row, cash_coefficients
from rebalancing.engine.problem import Problem
from rebalancing.engine.types import ZERO, Lot, Security
from rebalancing.engine.universe import Flags, Matrix, Vector

Grains = npt.NDArray[np.int64]
HELD, CASH, SHORT, LONG, COST, FIRST_ROW = range(6)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lattice:
    """
    `grain` by security; `step`, `held` (n,) and `least`, `most` (N,) in grains; `can_close` where all may be sold.

    `effects` (N, 5 + rows) are what one grain traded of a segment changes: dollars held, cash, short gain, long gain,
    objective cost, and the activity of each row of the problem. `of_security` (n, N) adds segments up.
    """

    problem: Problem
    grain: tuple[Decimal, ...]
    grain_usd: Vector
    step: Grains
    held: Grains
    least: Grains
    most: Grains
    can_close: Flags
    effects: Matrix
    of_security: sp.csr_matrix
    pair_buys: sp.csr_matrix
    pair_sales: sp.csr_matrix

    @property
    def rows(self) -> tuple[Row, ...]:
        return self.problem.rows

    def traded_usd(self, grains: Grains) -> Vector:
        return np.asarray(grains * self.grain_usd[self.problem.segments.security])


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundedTrade:
    """One trade in exact units; `lots` only for a sale, in the order of the account, each with its value of waiting."""

    security: str
    is_buy: bool
    quantity: Decimal
    lots: Mapping[str, Decimal]
    waiting_usd: Mapping[str, float]


def build_lattice(problem: Problem) -> Lattice:
    """Put the problem of one account on its grid."""
    universe, segments = problem.universe, problem.segments
    held_units: dict[str, Decimal] = {}
    for lot in universe.account.lots:
        held_units[lot.security] = held_units.get(lot.security, ZERO) + lot.quantity
    grain = tuple(_grain(item, universe.account.lots, problem=problem) for item in universe.securities)
    grain_usd = np.array([float(size * item.price) for size, item in zip(grain, universe.securities, strict=True)])
    places = segments.security
    most = np.round(segments.upper_usd / grain_usd[places]).astype(np.int64)
    least = np.round(segments.lower_usd / grain_usd[places]).astype(np.int64)
    held = np.array(
        [_count(held_units.get(item.id, ZERO), size) for size, item in zip(grain, universe.securities, strict=True)],
        dtype=np.int64,
    )
    summing = sp.csr_matrix(
        (np.ones(segments.count), (places, np.arange(segments.count))), shape=(universe.count, segments.count)
    )
    sellable = np.asarray(summing @ np.where(segments.is_buy, 0, most)).astype(np.int64)
    return Lattice(
        problem=problem,
        grain=grain,
        grain_usd=grain_usd,
        step=np.array(
            [_count(item.quantity_step, size) for size, item in zip(grain, universe.securities, strict=True)],
            dtype=np.int64,
        ),
        held=held,
        least=least,
        most=most,
        can_close=(sellable == held) & (held > 0),
        effects=_effects(problem, grain_usd),
        of_security=summing,
        pair_buys=_pairs(problem, side="buys"),
        pair_sales=_pairs(problem, side="sales"),
    )


def _effects(problem: Problem, grain_usd: Vector) -> Matrix:
    """Return what a grain of each segment changes, (N, 5 + rows); constant terms of rows stand in their bounds."""
    columns = [
        problem.segments.sign,
        cash_coefficients(problem.universe),
        problem.lots.short_gain,
        problem.lots.long_gain,
        problem.cost,
        *(row.coefficients for row in problem.rows),
    ]
    per_usd: Matrix = np.column_stack(columns)
    return np.asarray(per_usd * grain_usd[problem.segments.security][:, None])


def _pairs(problem: Problem, *, side: str) -> sp.csr_matrix:
    rows = [(at, segment) for at, pair in enumerate(problem.exclusives) for segment in getattr(pair, side)]
    shape = (len(problem.exclusives), problem.segments.count)
    if not rows:
        return sp.csr_matrix(shape)
    where = np.array(rows)
    return sp.csr_matrix((np.ones(len(rows)), (where[:, 0], where[:, 1])), shape=shape)


def _grain(security: Security, lots: tuple[Lot, ...], *, problem: Problem) -> Decimal:
    """Return the finest decimal place that the step, the lots or a pinned quantity of a security use."""
    amounts = [security.quantity_step, *(lot.quantity for lot in lots if lot.security == security.id)]
    for pin in problem.universe.account.trading.pinned:
        if pin.security == security.id:
            amounts += [pin.quantity or ZERO, *(part.quantity for part in pin.lots)]
    finest = min(_places(amount) for amount in amounts)
    whole = Decimal(1).scaleb(finest)
    step = security.quantity_step
    return step if all(amount % step == 0 for amount in amounts) else whole


def _places(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return min(exponent, 0) if isinstance(exponent, int) else 0


def _count(amount: Decimal, grain: Decimal) -> int:
    return int((amount / grain).to_integral_value())


def rounded_trades(lattice: Lattice, grains: Grains) -> tuple[RoundedTrade, ...]:
    """Write whole numbers of grains as exact trades, in the order of the securities."""
    problem = lattice.problem
    traded = lattice.traded_usd(grains)
    trades: list[RoundedTrade] = []
    for place, item in enumerate(problem.universe.securities):
        here = np.flatnonzero((problem.segments.security == place) & (grains > 0))
        if here.size == 0:
            continue
        lots: dict[str, Decimal] = {}
        waiting: dict[str, float] = {}
        for at in here:
            lot = problem.segments.lots[at]
            if lot is not None:
                lots[lot.id] = lattice.grain[place] * int(grains[at])
                waiting[lot.id] = float(problem.lots.waiting[at] * traded[at])
        trades.append(
            RoundedTrade(
                security=item.id,
                is_buy=not lots,
                quantity=lattice.grain[place] * int(grains[here].sum()),
                lots=lots,
                waiting_usd=waiting,
            )
        )
    return tuple(trades)
