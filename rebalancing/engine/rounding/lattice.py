"""
The grid on which trades live: whole numbers of grains of each position, and what one grain does to everything.

A grain is the finest amount that the lots and steps of a position need, so that every quantity is an exact whole
number. The kernels see slots: segments in the order of their positions, sales the cheapest first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from rebalancing.engine.kernels.shares import ACCOUNT, ENTRY, POSITION, RANKS, ROW, SLOT, Board, Records
from rebalancing.engine.problem import Problem
from rebalancing.engine.query import rows_per_dollar
from rebalancing.engine.rounding.records import (
    book_records,
    exposures,
    fill,
    pair_records,
    risk_records,
    ticket_rows,
    transfer_records,
)
from rebalancing.engine.types import ZERO
from rebalancing.engine.universe import Places, Universe, Vector

Grains = npt.NDArray[np.int64]
# A move takes one step, or for fine fractions about a fifth of a basis point of value.
STRIDE_FRAC = 2e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lattice:
    """
    `board` holds no trades, not even pinned ones; searches work on copies of it. `grain` by position, exact.

    `order` (N,) are the segments of the slots, `grain_usd` (N,) the dollars of a grain of each slot. `siblings` (S, 2)
    are positions of the same security in two accounts of one risk block.
    """

    problem: Problem
    grain: tuple[Decimal, ...]
    order: Places
    grain_usd: Vector
    board: Board
    siblings: Grains

    @property
    def least(self) -> Grains:
        """Return the grains by slot that have to be traded: what is pinned."""
        return np.asarray(self.board.slots["least"])

    def traded_usd(self, grains: Grains) -> Vector:
        """Return dollars by segment of grains by slot."""
        traded = np.empty(grains.size)
        traded[self.order] = grains * self.grain_usd
        return traded


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundedTrade:
    """One trade in exact units; `lots` only for a sale, in the order of the account, each with its value of waiting."""

    account: str
    security: str
    is_buy: bool
    quantity: Decimal
    lots: Mapping[str, Decimal]
    waiting_usd: Mapping[str, float]


def build_lattice(problem: Problem, *, segment_prices: Vector, coupling_prices: Vector) -> Lattice:
    """Put a problem on its grid, at the prices of the plan that is to be rounded: by segment (N,), by place (n,)."""
    segments = problem.segments
    grain, step = _grains(problem)
    price = np.concatenate([universe.price_usd for universe in problem.universes])
    position_usd = np.array([float(size) for size in grain]) * price
    order = np.lexsort((segment_prices, segments.sign, segments.place)).astype(np.intp)
    grain_usd = position_usd[segments.place[order]]
    slots = _slot_records(problem, order, grain_usd, segment_prices)
    activity = sp.csc_matrix(rows_per_dollar(problem, problem.rows)[:, order] @ sp.diags(grain_usd))
    slots["first_row"], slots["last_row"] = activity.indptr[:-1], activity.indptr[1:]
    slots["first_pair"], slots["last_pair"], members, pairs = pair_records(problem, order)
    places, blocks, loadings = risk_records(problem)
    places["price"] = coupling_prices
    ticket_row, low, high = ticket_rows(problem)
    board = Board(
        positions=_position_records(problem, step, position_usd, slots),
        slots=slots,
        entries=fill(ENTRY, activity.indices.size, row=activity.indices, value=activity.data),
        members=members,
        pairs=pairs,
        rows=fill(ROW, low.size, rank=np.array([int(row.rank) for row in problem.rows]), low=low, high=high),
        accounts=_account_records(problem),
        places=places,
        blocks=blocks,
        books=book_records(problem),
        transfers=transfer_records(problem),
        loadings=loadings,
        exposures=exposures(problem, places, loadings),
        ticket_row=ticket_row,
        excess=np.zeros(RANKS),
        change=np.zeros(RANKS),
        total=np.zeros(1),
        listed_rows=np.zeros(low.size, dtype=np.int64),
        listed_places=np.zeros(slots.size + 1, dtype=np.int64),
        listed_dollars=np.zeros(slots.size + 1),
    )
    return Lattice(
        problem=problem,
        grain=grain,
        order=order,
        grain_usd=grain_usd,
        board=board,
        siblings=_siblings(problem),
    )


def _slot_records(problem: Problem, order: Places, grain_usd: Vector, segment_prices: Vector) -> Records:
    segments, count = problem.segments, order.size
    book = np.full(count, -1, dtype=np.int64)
    short, both = np.zeros(count), np.zeros(count)
    for at, item in enumerate(problem.returns):
        if item.can_change:
            book[item.segments] = at
            short[item.segments] = item.short
            both[item.segments] = item.both
    transfer = np.full(count, -1, dtype=np.int64)
    for at, moved in enumerate(problem.transfers):
        transfer[moved.buys] = at
        transfer[moved.sales] = at
    return fill(
        SLOT,
        count,
        position=segments.place[order],
        least=np.round(segments.lower_usd[order] / grain_usd),
        most=np.round(segments.upper_usd[order] / grain_usd),
        book=book[order],
        transfer=transfer[order],
        sign=segments.sign[order],
        cost=problem.cost[order] * grain_usd,
        worth=segment_prices[order] * grain_usd,
        short=short[order] * grain_usd,
        both=both[order] * grain_usd,
    )


def _position_records(problem: Problem, step: Grains, position_usd: Vector, slots: Records) -> Records:
    count, position = problem.position_count, slots["position"]
    held = np.round(problem.held_usd / position_usd).astype(np.int64)
    is_sale = slots["sign"] < 0
    sellable = np.bincount(position, weights=np.where(is_sale, slots["most"], 0), minlength=count).astype(np.int64)
    counts = [universe.count for universe in problem.universes]
    value = np.repeat([universe.value_usd for universe in problem.universes], counts)
    stride = step * np.maximum(np.floor(STRIDE_FRAC * value / (position_usd * step)), 1).astype(np.int64)
    ends = np.searchsorted(position, np.arange(count + 1))
    return fill(
        POSITION,
        count,
        place=problem.risk_place,
        account=np.repeat(np.arange(len(counts)), counts),
        step=step,
        stride=stride,
        held=held,
        first=ends[:-1],
        last=ends[1:],
        grain_usd=position_usd,
        weight=problem.risk_weight,
        can_close=(sellable == held) & (held > 0),
        is_pinned=np.bincount(position, weights=slots["least"], minlength=count) > 0,
    )


def _account_records(problem: Problem) -> Records:
    trading = [universe.account.trading for universe in problem.universes]
    return fill(
        ACCOUNT,
        len(trading),
        ticket=np.array([float(one.ticket_cost) for one in trading]),
        min_trade=np.array([float(one.min_trade) for one in trading]),
        min_position=np.array([float(one.min_position) for one in trading]),
        most_trades=np.array([np.inf if one.max_trades is None else float(one.max_trades) for one in trading]),
    )


def _siblings(problem: Problem) -> Grains:
    """Pair the positions that share a risk place."""
    by_place: dict[int, list[int]] = {}
    if problem.risk_count < problem.position_count:
        for position, place in enumerate(problem.risk_place):
            by_place.setdefault(int(place), []).append(position)
    pairs = [(one, other) for found in by_place.values() for one in found for other in found if one < other]
    return np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)


def _grains(problem: Problem) -> tuple[tuple[Decimal, ...], Grains]:
    """Return the grain of every position, and the step of its security in grains."""
    grains: list[Decimal] = []
    steps: list[int] = []
    for universe in problem.universes:
        odd = _odd_amounts(universe)
        for item in universe.securities:
            step = item.quantity_step
            amounts = odd.get(item.id)
            grain = step if amounts is None else _finest([step, *amounts])
            grains.append(grain)
            steps.append(1 if amounts is None else int(step / grain))
    return tuple(grains), np.array(steps, dtype=np.int64)


def _odd_amounts(universe: Universe) -> dict[str, list[Decimal]]:
    """Return, by security, the lots and pinned amounts that are no whole number of steps."""
    steps = {item.id: item.quantity_step for item in universe.securities}
    odd: dict[str, list[Decimal]] = {}
    for lot in universe.account.lots:
        if lot.quantity % steps[lot.security]:
            odd.setdefault(lot.security, []).append(lot.quantity)
    for pin in universe.account.trading.pinned:
        for amount in (pin.quantity or ZERO, *(part.quantity for part in pin.lots)):
            if amount % steps[pin.security]:
                odd.setdefault(pin.security, []).append(amount)
    return odd


def _finest(amounts: Sequence[Decimal]) -> Decimal:
    """Return the finest decimal place that any amount uses."""
    return Decimal(1).scaleb(min(_decimals(amount) for amount in amounts))


def _decimals(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return min(exponent, 0) if isinstance(exponent, int) else 0


def rounded_trades(lattice: Lattice, grains: Grains) -> tuple[RoundedTrade, ...]:
    """Write grains by slot as exact trades, in the order of the accounts and their securities."""
    problem = lattice.problem
    by_segment = np.empty_like(grains)
    by_segment[lattice.order] = grains
    traded = lattice.traded_usd(grains)
    owners = [(universe, item) for universe in problem.universes for item in universe.securities]
    found: dict[int, list[int]] = {}
    for at in np.flatnonzero(by_segment > 0):
        found.setdefault(int(problem.segments.place[at]), []).append(int(at))
    trades: list[RoundedTrade] = []
    for position in sorted(found):
        universe, item = owners[position]
        here = found[position]
        sold = [(lot, at) for at in here if (lot := problem.segments.lots[at]) is not None]
        trades.append(
            RoundedTrade(
                account=universe.account.id,
                security=item.id,
                is_buy=not sold,
                quantity=lattice.grain[position] * int(by_segment[here].sum()),
                lots={lot.id: lattice.grain[position] * int(by_segment[at]) for lot, at in sold},
                waiting_usd={lot.id: float(problem.lots.waiting[at] * traded[at]) for lot, at in sold},
            )
        )
    return tuple(trades)
