"""
Every small change of a set of trades, and what each would do to the rules and to the objective, all at once.

Moves: one stride more or less of a segment, drop a trade, close a position, raise a purchase to the least allowed size.
"""

from dataclasses import dataclass

import numpy as np

from rebalancing.engine.constraints import Rank
from rebalancing.engine.rounding.lattice import CASH, COST, FIRST_ROW, HELD, LONG, SHORT, Grains, Lattice
from rebalancing.engine.universe import Flags, Matrix, Places, Vector

RANKS = len(Rank) + 1
TOLERANCE_USD = 0.005
STRIDE_FRAC = 2e-5
TRACKING_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """A set of trades: grains of each segment, the totals of their effects, and the marginal risk they leave."""

    grains: Grains
    totals: Vector
    active_usd: Vector
    exposures: Vector
    violations: Vector
    objective_usd: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moves:
    """Parallel arrays over the candidate moves: whose security, and the totals each would lead to less the present."""

    place: Places
    effects: Matrix
    grains: Grains
    segment: Places

    @property
    def count(self) -> int:
        return int(self.place.size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """What each move leads to: violation in dollars by rank (C, ranks), and the change of the objective (C,)."""

    violations: Matrix
    objective_change: Vector


def state_of(lattice: Lattice, grains: Grains) -> State:
    """Add up what a set of trades does."""
    problem = lattice.problem
    totals: Vector = grains @ lattice.effects
    active = problem.held_after_usd(lattice.traded_usd(grains)) - problem.target_usd
    exposures: Vector = active @ problem.risk.loadings
    variance = float(exposures @ exposures + (problem.risk.specific * active) @ active)
    counts = np.asarray(lattice.of_security @ (grains > 0)) > 0
    sizes = _size_violations(lattice, *_trade_sizes(lattice, grains))
    violations = _violations(
        lattice,
        totals=totals[None, :],
        variance=np.array([variance]),
        trades=np.array([counts.sum()]),
        sizes=np.array([sizes.sum()]),
    )[0]
    tickets = float(problem.universe.account.trading.ticket_cost) * int(counts.sum())
    objective = problem.aversion / (2 * problem.value_usd) * variance + float(totals[COST]) + tickets
    if problem.year is not None:
        year = problem.year
        objective += float(year.term_usd(year.short_usd + totals[SHORT], year.long_usd + totals[LONG]))
    return State(
        grains=grains,
        totals=totals,
        active_usd=active,
        exposures=exposures,
        violations=violations,
        objective_usd=objective + problem.constant_usd,
    )


def list_moves(lattice: Lattice, state: State, *, closed: Flags) -> Moves:
    """List every move that leaves the first rank and the exclusives whole."""
    segments, grains = lattice.problem.segments, state.grains
    places = segments.security
    is_free = (lattice.least == 0) & (lattice.most > 0)
    barred = closed | _excluded(lattice, grains)
    sold = np.asarray(lattice.of_security @ grains).astype(np.int64)
    stride = _strides(lattice)[places]
    odd = sold[places] % lattice.step[places]
    room = lattice.most - grains
    can_add = is_free & ~barred & (room >= stride) & (odd == 0)
    fewer = np.where(odd > 0, odd, np.where(grains >= stride, stride, lattice.step[places]))
    can_take = is_free & (grains >= fewer)
    more, less = np.flatnonzero(can_add), np.flatnonzero(can_take)
    pinned = np.asarray(lattice.of_security @ lattice.least) > 0
    traded = np.flatnonzero((sold > 0) & ~pinned)
    to_close = _closable(lattice, grains, barred=barred, pinned=pinned)
    raises, raised = _raises(lattice, grains, is_free=is_free)
    whole = lattice.of_security
    dropping = np.asarray(whole @ (-grains[:, None] * lattice.effects))
    closing = np.asarray(whole @ (np.where(segments.is_buy, 0, room)[:, None] * lattice.effects))
    return Moves(
        place=np.concatenate([places[more], places[less], traded, to_close, places[raises]]),
        effects=np.concatenate(
            [
                stride[more, None] * lattice.effects[more],
                -fewer[less, None] * lattice.effects[less],
                dropping[traded],
                closing[to_close],
                raised[:, None] * lattice.effects[raises],
            ]
        ),
        grains=np.concatenate(
            [stride[more], -fewer[less], np.full(traded.size, -1), np.full(to_close.size, 1), raised]
        ).astype(np.int64),
        segment=np.concatenate([more, less, np.full(traded.size, -1), np.full(to_close.size, -1), raises]),
    )


def apply_move(lattice: Lattice, state: State, moves: Moves, at: int) -> State:
    """Make one move."""
    grains = state.grains.copy()
    segment, place = int(moves.segment[at]), int(moves.place[at])
    if segment >= 0:
        grains[segment] += moves.grains[at]
        return state_of(lattice, grains)
    here = lattice.problem.segments.security == place
    sales = here & ~lattice.problem.segments.is_buy
    grains[here] = 0
    if moves.grains[at] > 0:
        grains[sales] = lattice.most[sales]
    return state_of(lattice, grains)


def score_moves(lattice: Lattice, state: State, moves: Moves) -> Scores:
    """Work out what every move would lead to."""
    problem, place = lattice.problem, moves.place
    change = moves.effects[:, HELD]
    covariance = problem.risk.loadings @ state.exposures + problem.risk.specific * state.active_usd
    own = (problem.risk.loadings**2).sum(axis=1) + problem.risk.specific
    variance_change = 2 * covariance[place] * change + own[place] * change**2
    variance = float(state.exposures @ state.exposures + (problem.risk.specific * state.active_usd) @ state.active_usd)
    trade_usd, held_usd, closes = _trade_sizes(lattice, state.grains)
    before = _size_violations(lattice, trade_usd, held_usd, closes)
    net = trade_usd * np.where(_is_bought(lattice, state.grains), 1.0, -1.0)
    after_trade = net[place] + change
    after_held = held_usd[place] + change
    dust = lattice.grain_usd[place] / 2
    after = _size_violations(lattice, np.abs(after_trade), after_held, after_held < dust)
    after = np.where(np.abs(after_trade) < dust, 0.0, after)
    added = (np.abs(after_trade) >= dust).astype(int) - (trade_usd[place] > 0).astype(int)
    trades = int((trade_usd > 0).sum()) + added
    violations = _violations(
        lattice,
        totals=state.totals + moves.effects,
        variance=np.maximum(variance + variance_change, 0.0),
        trades=trades,
        sizes=before.sum() + after - before[place],
    )
    objective = problem.aversion / (2 * problem.value_usd) * variance_change + moves.effects[:, COST]
    objective = objective + float(problem.universe.account.trading.ticket_cost) * added
    if problem.year is not None:
        year, totals = problem.year, state.totals
        here = float(year.term_usd(year.short_usd + totals[SHORT], year.long_usd + totals[LONG]))
        short = year.short_usd + totals[SHORT] + moves.effects[:, SHORT]
        long = year.long_usd + totals[LONG] + moves.effects[:, LONG]
        objective = objective + year.term_usd(short, long) - here
    return Scores(violations=violations, objective_change=objective)


def _strides(lattice: Lattice) -> Grains:
    """Return how many grains a move takes: one step, or for fine fractions about a fifth of a basis point of value."""
    size = STRIDE_FRAC * lattice.problem.value_usd / (lattice.grain_usd * lattice.step)
    return np.asarray(lattice.step * np.maximum(np.floor(size), 1)).astype(np.int64)


def _excluded(lattice: Lattice, grains: Grains) -> Flags:
    """Mark the segments that may not be traded beside what is."""
    buying, selling = lattice.pair_buys @ grains > 0, lattice.pair_sales @ grains > 0
    return np.asarray((lattice.pair_sales.T @ buying + lattice.pair_buys.T @ selling) > 0)


def _closable(lattice: Lattice, grains: Grains, *, barred: Flags, pinned: Flags) -> Places:
    segments = lattice.problem.segments
    blocked = np.asarray(lattice.of_security @ (barred & ~segments.is_buy)) > 0
    buying = np.asarray(lattice.of_security @ np.where(segments.is_buy, grains, 0)) > 0
    sold = np.asarray(lattice.of_security @ np.where(segments.is_buy, 0, grains))
    return np.flatnonzero(lattice.can_close & ~blocked & ~buying & ~pinned & (sold < lattice.held))


def _raises(lattice: Lattice, grains: Grains, *, is_free: Flags) -> tuple[Places, Grains]:
    """Return the purchases below the least size of a trade or a position, and the grains that each lacks."""
    trading, segments = lattice.problem.universe.account.trading, lattice.problem.segments
    buys = np.flatnonzero(segments.is_buy & is_free & (grains > 0))
    places = segments.security[buys]
    size = lattice.grain_usd[places]
    lack = np.maximum(
        float(trading.min_trade) - grains[buys] * size,
        float(trading.min_position) - (lattice.held[places] + grains[buys]) * size,
    )
    step = lattice.step[places]
    more = (np.ceil(lack / (size * step) - 1e-9) * step).astype(np.int64)
    there = more > 0
    return buys[there], more[there]


def _is_bought(lattice: Lattice, grains: Grains) -> Flags:
    return np.asarray(lattice.of_security @ np.where(lattice.problem.segments.is_buy, grains, 0)) > 0


def _trade_sizes(lattice: Lattice, grains: Grains) -> tuple[Vector, Vector, Flags]:
    """Return by security: dollars traded, dollars held after, and whether the trade closes the position."""
    segments = lattice.problem.segments
    traded = np.asarray(lattice.of_security @ grains)
    held = lattice.held + np.asarray(lattice.of_security @ (segments.sign * grains))
    return traded * lattice.grain_usd, held * lattice.grain_usd, np.asarray((held == 0) & (traded > 0))


def _size_violations(lattice: Lattice, trade_usd: Vector, held_usd: Vector, closes: Flags) -> Vector:
    trading = lattice.problem.universe.account.trading
    small = np.maximum(float(trading.min_trade) - trade_usd, 0.0)
    thin = np.maximum(float(trading.min_position) - held_usd, 0.0)
    return np.asarray(np.where((trade_usd > 0) & ~closes, small + thin, 0.0))


def _violations(lattice: Lattice, *, totals: Matrix, variance: Vector, trades: Places, sizes: Vector) -> Matrix:
    """Add up violations by rank, (C, ranks); rounding to half a cent is not one."""
    problem = lattice.problem
    result = np.zeros((totals.shape[0], RANKS))
    tickets = float(problem.universe.account.trading.ticket_cost) * trades
    for at, row in enumerate(lattice.rows):
        activity = totals[:, FIRST_ROW + at]
        if _counts_cash(row.rule):
            activity = activity - tickets - TOLERANCE_USD
        off = np.maximum(np.maximum(row.low_usd - activity, activity - row.high_usd), 0.0)
        result[:, row.rank] += np.where(off > TOLERANCE_USD, off, 0.0)
    if problem.year is not None and problem.room_usd is not None:
        caused = problem.year.caused_usd(
            problem.year.short_usd + totals[:, SHORT], problem.year.long_usd + totals[:, LONG]
        )
        off = np.maximum(caused - problem.room_usd, 0.0)
        result[:, Rank.TAX_LIMITS] += np.where(off > TOLERANCE_USD, off, 0.0)
    if problem.max_tracking_error is not None:
        off = np.sqrt(variance) / problem.value_usd - problem.max_tracking_error
        result[:, Rank.TRACKING_ERROR] += np.where(off > TRACKING_TOLERANCE, off * problem.value_usd, 0.0)
    most = problem.universe.account.trading.max_trades
    if most is not None:
        result[:, Rank.TRADING] += np.maximum(trades - most, 0)
    result[:, Rank.TRADING] += sizes
    return result


def _counts_cash(rule: str) -> bool:
    return rule.startswith("cash_") or rule in ("no_overdraft", "class_limits cash")


__all__ = ["CASH", "Moves", "Scores", "State", "apply_move", "list_moves", "score_moves", "state_of"]
