"""Every set of trades that can be put together from a few ways to trade each position: for small cases, the best."""

import numpy as np

from rebalancing.engine.kernels.shares import RANKS, door, inner
from rebalancing.engine.kernels.shares_make import make
from rebalancing.engine.kernels.shares_search import NOTHING_USD


@inner
def conflicts(board):
    """Return how many exclusives are traded on both sides."""
    count = 0
    for pair in range(board.pairs.size):
        if board.pairs[pair].buys > 0 and board.pairs[pair].sales > 0:
            count += 1
    return count


@inner
def is_less(board, excess, total):
    """Tell whether the board breaks less than that, rank by rank, or the same at a lower objective."""
    for rank in range(RANKS):
        if abs(board.excess[rank] - excess[rank]) > NOTHING_USD:
            return board.excess[rank] < excess[rank]
    return board.total[0] < total - 1e-9


@inner
def trade_as(board, position, wanted, slots, amounts):
    """Trade a position as `wanted` (slots of a position,) grains say."""
    first, count = board.positions[position].first, 0
    for slot in range(first, board.positions[position].last):
        change = wanted[slot - first] - board.slots[slot].grains
        if change != 0:
            slots[count], amounts[count] = slot, change
            count += 1
    if count > 0:
        make(board, slots, amounts, count)


@door
def best_set(board, positions, first, ways, allowed_conflicts):
    """
    Try every combination of `ways` (W, slots) of the positions (K,), those of each in `first` (K+1,); return the best.

    The way of every position, (K,), -1 where no combination is better than the board as it stands at first.
    """
    count = positions.size
    at, found = np.zeros(count, np.int64), np.full(count, -1, np.int64)
    slots, amounts = np.zeros(board.slots.size, np.int64), np.zeros(board.slots.size, np.int64)
    excess, total = board.excess.copy(), board.total[0]
    for place in range(count):
        trade_as(board, positions[place], ways[first[place]], slots, amounts)
    place = count - 1
    while place >= 0:
        if conflicts(board) <= allowed_conflicts and is_less(board, excess, total):
            excess[:], total, found[:] = board.excess, board.total[0], at
        place = count - 1
        while place >= 0 and at[place] + 1 == first[place + 1] - first[place]:
            at[place] = 0
            trade_as(board, positions[place], ways[first[place]], slots, amounts)
            place -= 1
        if place >= 0:
            at[place] += 1
            trade_as(board, positions[place], ways[first[place] + at[place]], slots, amounts)
    return found
