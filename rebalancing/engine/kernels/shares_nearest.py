"""From exact amounts of every slot to the nearest point of the grid."""

import numpy as np

from rebalancing.engine.kernels.shares import door, inner

FULL_FRAC = 1e-6


@door
def nearest_grains(board, exact):
    """
    Round every position's sale or purchase to its step; (N,) grains of (N,) exact, not whole ones.

    The rounded amount of a sale is shared among the lots as the exact ones were. Pinned trades stay. Of two sides only
    the larger is kept.
    """
    grains = board.slots["least"].copy()
    for position in range(board.positions.size):
        if board.positions[position].is_pinned:
            continue
        sold = bought = 0.0
        first, last = board.positions[position].first, board.positions[position].last
        for slot in range(first, last):
            if board.slots[slot].sign > 0.0:
                bought += exact[slot]
            else:
                sold += exact[slot]
        if bought > sold:
            _round_purchase(board, exact, grains, position, first, last)
        elif sold > 0.0:
            _round_sale(board, exact, grains, position, first, last, sold)
    return grains


@inner
def _whole_steps(amount, step):
    return int(np.floor(amount / step + 0.5)) * step


@inner
def _round_purchase(board, exact, grains, position, first, last):
    step = board.positions[position].step
    for slot in range(first, last):
        if board.slots[slot].sign > 0.0:
            grains[slot] = min(_whole_steps(exact[slot], step), board.slots[slot].most // step * step)


@inner
def _round_sale(board, exact, grains, position, first, last, sold):
    """Sell everything where the exact sale all but does; else whole steps, those of full lots first."""
    step, whole = board.positions[position].step, 0
    closes = board.positions[position].can_close and sold >= board.positions[position].held - step / 2
    taken = 0
    for slot in range(first, last):
        if board.slots[slot].sign > 0.0:
            continue
        whole += board.slots[slot].most
        if closes or exact[slot] >= board.slots[slot].most * (1.0 - FULL_FRAC):
            grains[slot] = board.slots[slot].most
        else:
            grains[slot] = int(np.floor(exact[slot]))
        taken += grains[slot]
    if closes:
        return
    _settle(board, exact, grains, first, last, min(_whole_steps(sold, step), whole // step * step) - taken)


@inner
def _settle(board, exact, grains, first, last, missing):
    """Sell what is missing of the lots that are sold most, or less of those that are sold least; the cheapest first."""
    while missing != 0:
        chosen, most = -1, 0.0
        for slot in range(first, last):
            can = board.slots[slot].most - grains[slot] if missing > 0 else grains[slot]
            if board.slots[slot].sign > 0.0 or can <= 0:
                continue
            share = exact[slot] / board.slots[slot].most
            key = share if missing > 0 else 1.0 - share
            if chosen < 0 or key > most or (key == most and missing < 0):
                chosen, most = slot, key
        if chosen < 0:
            return
        if missing > 0:
            change = min(missing, board.slots[chosen].most - grains[chosen])
        else:
            change = max(missing, -grains[chosen])
        grains[chosen] += change
        missing -= change
