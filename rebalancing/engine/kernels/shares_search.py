"""
Local search over whole grains: the moves that help most, again and again, then pairs of them.

Rules come first, in the order of sacrifice: a move counts by the hardest rank it cures without worsening a harder one;
only where it worsens none does it count by the objective. Every pass ranks all moves, and makes the best of them one
after the other as long as each still helps.
"""

from typing import NamedTuple

import numpy as np

from rebalancing.engine.kernels.shares import RANKED, RANKS, Board, Records, door, inner, merged
from rebalancing.engine.kernels.shares_list import list_moves, most_moves
from rebalancing.engine.kernels.shares_make import make
from rebalancing.engine.kernels.shares_moves import SHIFT, write_move, write_once
from rebalancing.engine.kernels.shares_weigh import common, is_barred, weigh, weigh_once

NOTHING_USD = 0.0025
BY_OBJECTIVE, USELESS = RANKS, RANKS + 1
HARMFUL = 1e12
MOST_PASSES = 60
BATCH = 24
POOL = 96


class Desk(NamedTuple):
    """
    Room for a search: moves to try (M, 3), the best of them and the pool for pairs, best first, and changes written.

    `best_size` (2,) is how many of the best there are and the level at which they count, `pool_size` (1,) how many are
    in the pool.
    """

    codes: np.ndarray
    best: Records
    pool: Records
    best_size: Records
    pool_size: Records
    slots: np.ndarray
    amounts: np.ndarray
    more_slots: np.ndarray
    more_amounts: np.ndarray


def new_desk(board: Board, siblings: Records) -> Desk:
    """Return empty room for a search."""
    most = 2 * board.slots.size + 4
    return Desk(
        codes=np.zeros((most_moves(board, siblings), 3), dtype=np.int64),
        best=np.zeros(BATCH, dtype=RANKED),
        pool=np.zeros(POOL, dtype=RANKED),
        best_size=np.zeros(2, dtype=np.int64),
        pool_size=np.zeros(1, dtype=np.int64),
        slots=np.zeros(most, dtype=np.int64),
        amounts=np.zeros(most, dtype=np.int64),
        more_slots=np.zeros(most, dtype=np.int64),
        more_amounts=np.zeros(most, dtype=np.int64),
    )


@inner
def is_broken(board):
    """Tell whether any rule is violated."""
    worst = 0.0
    for rank in range(RANKS):
        worst = max(worst, board.excess[rank])
    return worst > NOTHING_USD


@merged
def level_of(board, change, cost, priced, progress_usd):
    """
    Return the hardest rank that a change cures (else BY_OBJECTIVE or USELESS) and its key there, least is best.

    Keys are what the change costs at the plan's prices, where whatever is scarce has a price, a dollar of good it does.
    """
    for rank in range(RANKS):
        gain = -change[rank]
        if gain > NOTHING_USD and board.excess[rank] > 0.0:
            harm = 0.0
            for softer in range(rank + 1, RANKS):
                harm += max(change[softer], 0.0)
            key = (priced + harm) / gain
            return rank, key + HARMFUL if harm > NOTHING_USD else key
        if gain < -NOTHING_USD:
            return USELESS, 0.0
    if cost < -progress_usd:
        return BY_OBJECTIVE, (priced + progress_usd) / -cost
    return USELESS, 0.0


@inner
def _insert(ranked, size, key, kind, one, other):
    """Insert a move in order; `size` (1,) or (2,) is how many there are. Return its place, -1 where it is too bad."""
    count = size[0]
    if count == ranked.size:
        if key >= ranked[count - 1].key:
            return -1
        count -= 1
    at = count
    while at > 0 and ranked[at - 1].key > key:
        ranked[at] = ranked[at - 1]
        at -= 1
    ranked[at].key = key
    ranked[at].kind, ranked[at].one, ranked[at].other = kind, one, other
    ranked[at].next_kind = -1
    size[0] = count + 1
    return at


@inner
def _rank(best, size, level, key, kind, one, other):
    """Keep a move where it counts at the hardest level seen so far."""
    if level < size[1]:
        size[0], size[1] = 0, level
    if level == size[1] and level < USELESS:
        return _insert(best, size, key, kind, one, other)
    return -1


@inner
def _scan(board, desk, count, progress_usd):
    """Weigh the listed moves, and keep what is among the best, or among the most promising for pairs."""
    slots, amounts, codes, pool = desk.slots, desk.amounts, desk.codes, desk.pool
    for at in range(count):
        kind, one, other = codes[at, 0], codes[at, 1], codes[at, 2]
        size = write_move(board, kind, one, other, slots, amounts)
        if size == 0 or is_barred(board, slots, amounts, size):
            continue
        cost = weigh(board, slots, amounts, size)
        priced = priced_usd(board, slots, amounts, size)
        level, key = level_of(board, board.change, cost, priced, progress_usd)
        if level <= desk.best_size[1] and level < USELESS:
            _rank(desk.best, desk.best_size, level, key, kind, one, other)
        if desk.pool_size[0] < pool.size or priced < pool[pool.size - 1].key:
            place = _insert(pool, desk.pool_size, priced, kind, one, other)
            position = board.slots[slots[0]].position
            pool[place].cost = cost
            pool[place].place = board.positions[position].place
            pool[place].dollars = 0.0 if kind >= SHIFT else moved_usd(board, slots, amounts, size)


@merged
def priced_usd(board, slots, amounts, count):
    """Return what a change costs at the plan's prices, its own variance apart: how far it is from each place's best."""
    priced, moved = 0.0, 0.0
    for at in range(count):
        slot = slots[at]
        position = board.slots[slot].position
        place = board.positions[position].place
        priced += amounts[at] * board.slots[slot].worth
        moved += (
            amounts[at]
            * board.slots[slot].sign
            * board.positions[position].grain_usd
            * (board.positions[position].weight)
        )
        if at + 1 < count and board.positions[board.slots[slots[at + 1]].position].place == place:
            continue
        bend = board.blocks[board.places[place].block].scale * board.places[place].specific
        priced += moved * (board.places[place].price + bend * (board.places[place].active + moved / 2))
        moved = 0.0
    return priced


@merged
def moved_usd(board, slots, amounts, count):
    """Return the weighed dollars that a change of one position adds to what is held."""
    flow = 0.0
    for at in range(count):
        flow += amounts[at] * board.slots[slots[at]].sign
    position = board.slots[slots[0]].position
    return flow * board.positions[position].grain_usd * board.positions[position].weight


@inner
def _write_both(board, desk, move):
    """Write a ranked move, or a pair of them, into the desk; return how many slots, 0 where it is not possible."""
    count = write_once(board, move.kind, move.one, move.other, desk.slots, desk.amounts)
    if count == 0 or move.next_kind < 0:
        return count
    more = write_once(board, move.next_kind, move.next_one, move.next_other, desk.more_slots, desk.more_amounts)
    if more == 0:
        return 0
    _append(desk, count, more)
    return count + more


@merged
def _append(desk, count, more):
    """Put the second change behind the first."""
    for at in range(more):
        desk.slots[count + at], desk.amounts[count + at] = desk.more_slots[at], desk.more_amounts[at]


@inner
def _make_ranked(board, desk, progress_usd):
    """Make the ranked moves one after the other, each only if it still helps; return how many were made."""
    made, wanted = 0, desk.best_size[1]
    for at in range(desk.best_size[0]):
        count = _write_both(board, desk, desk.best[at])
        if count == 0 or is_barred(board, desk.slots, desk.amounts, count):
            continue
        cost = weigh_once(board, desk.slots, desk.amounts, count)
        level, _ = level_of(board, board.change, cost, 0.0, progress_usd)
        if level <= wanted:
            make(board, desk.slots, desk.amounts, count)
            made += 1
    return made


@inner
def _rank_pairs(board, desk, progress_usd):
    """Rank the pairs of the pool's moves."""
    desk.best_size[0], desk.best_size[1] = 0, USELESS
    broken = is_broken(board)
    for one in range(desk.pool_size[0]):
        for other in range(one):
            if broken or _may_help(board, desk.pool[one], desk.pool[other], progress_usd):
                _try_pair(board, desk, desk.pool[one], desk.pool[other], progress_usd)


@merged
def _may_help(board, one, other, progress_usd):
    """Tell whether two moves together lower the objective, their taxes simply added."""
    cost = one.cost + other.cost
    block = board.places[one.place].block
    if block == board.places[other.place].block:
        cost += board.blocks[block].scale * one.dollars * other.dollars * common(board, one.place, other.place)
    return cost < -progress_usd


@merged
def _try_pair(board, desk, one, other, progress_usd):
    count = write_move(board, one.kind, one.one, one.other, desk.slots, desk.amounts)
    more = write_move(board, other.kind, other.one, other.other, desk.more_slots, desk.more_amounts)
    if count == 0 or more == 0 or _overlap(board, desk, count, more):
        return
    _append(desk, count, more)
    if is_barred(board, desk.slots, desk.amounts, count + more):
        return
    cost = weigh(board, desk.slots, desk.amounts, count + more)
    level, key = level_of(board, board.change, cost, cost, progress_usd)
    at = _rank(desk.best, desk.best_size, level, key, one.kind, one.one, one.other)
    if at >= 0:
        desk.best[at].next_kind, desk.best[at].next_one, desk.best[at].next_other = other.kind, other.one, other.other


@merged
def _overlap(board, desk, count, more):
    """Tell whether two changes touch the same position."""
    for at in range(more):
        for before in range(count):
            if board.slots[desk.more_slots[at]].position == board.slots[desk.slots[before]].position:
                return True
    return False


@door
def improve(board, desk, siblings, reduced, bound_usd, progress_usd):
    """
    Make single moves until none helps, then pairs, and so on; return how many passes it took.

    `reduced` (N,) is what a step of each slot costs at the plan's prices. Where no rule is broken, a slot of which a
    step costs more than all that can still be won above `bound_usd` is left alone.
    """
    for turn in range(MOST_PASSES):
        desk.best_size[0], desk.best_size[1] = 0, USELESS
        desk.pool_size[0] = 0
        limit_usd = np.inf if is_broken(board) else board.total[0] - bound_usd
        count = list_moves(board, siblings, reduced, limit_usd, desk.codes)
        _scan(board, desk, count, progress_usd)
        if desk.best_size[0] > 0 and _make_ranked(board, desk, progress_usd) > 0:
            continue
        _rank_pairs(board, desk, progress_usd)
        if desk.best_size[0] == 0 or _make_ranked(board, desk, progress_usd) == 0:
            return turn
    return MOST_PASSES
