"""Which moves a search tries: every small change of every position, and of two accounts that hold the same."""

from rebalancing.engine.kernels.shares import door, inner
from rebalancing.engine.kernels.shares_moves import (
    ADD,
    CLOSE,
    CROSS,
    DROP,
    FLIP,
    SHIFT,
    SWAP,
    SWAP_ALL,
    TAKE,
    UNWIND,
)

# Moves of a slot: up to two strides, and where a stride is many steps also fractions of it, a quarter each.
STRIDES, FINEST = 2, -2


@door
def most_moves(board, siblings):
    """Return how many moves there can be at most."""
    most = 0
    for position in range(board.positions.size):
        slots = board.positions[position].last - board.positions[position].first
        most += slots * (2 * (STRIDES + 1 - FINEST) + 1 + 2 * slots) + 2
    for at in range(siblings.shape[0]):
        here, there = board.positions[siblings[at, 0]], board.positions[siblings[at, 1]]
        most += 2 * (here.last - here.first) * (there.last - there.first)
    return most


@inner
def list_moves(board, siblings, reduced, limit_usd, codes):
    """
    Write every move worth a try as (kind, number, number) into `codes`; return how many.

    Slots that are not traded, and of which a step would cost more than `limit_usd` (`reduced` (N,)), are left out.
    """
    count = 0
    for position in range(board.positions.size):
        here = board.positions[position]
        if here.is_pinned or here.first == here.last:
            continue
        for slot in range(here.first, here.last):
            if reduced[slot] <= limit_usd or board.slots[slot].grains > 0:
                count = _list_slot(board, position, slot, codes, count)
        if here.flow != 0:
            count = _put(codes, count, DROP, position, 0)
        if here.can_close and here.flow != -here.held:
            count = _put(codes, count, CLOSE, position, 0)
        if here.flow < 0:
            count = _list_swaps(board, here.first, here.last, reduced, limit_usd, codes, count)
    return _list_siblings(board, siblings, reduced, limit_usd, codes, count)


@inner
def _put(codes, count, kind, one, other):
    codes[count, 0], codes[count, 1], codes[count, 2] = kind, one, other
    return count + 1


@inner
def _list_slot(board, position, slot, codes, count):
    """List more and less of a slot, and its least trade instead of the other side's."""
    flow, is_buy = board.positions[position].flow, board.slots[slot].sign > 0.0
    if flow != 0 and (flow > 0) != is_buy:
        return _put(codes, count, FLIP, position, slot)
    is_fine = board.positions[position].stride > board.positions[position].step
    if board.slots[slot].grains < board.slots[slot].most:
        for strides in range(FINEST if is_fine else 1, STRIDES + 1):
            count = _put(codes, count, ADD, slot, strides)
    if board.slots[slot].grains > 0:
        for strides in range(FINEST if is_fine else 1, STRIDES + 1):
            count = _put(codes, count, TAKE, slot, strides)
    return count


@inner
def _list_swaps(board, first, last, reduced, limit_usd, codes, count):
    """List the sale of another lot instead of one that is sold."""
    for one in range(first, last):
        if board.slots[one].grains == 0:
            continue
        for other in range(first, last):
            there = board.slots[other]
            if other == one or there.sign > 0.0 or there.grains == there.most:
                continue
            if reduced[other] <= limit_usd or there.grains > 0:
                count = _put(codes, count, SWAP, one, other)
                count = _put(codes, count, SWAP_ALL, one, other)
    return count


@inner
def _list_siblings(board, siblings, reduced, limit_usd, codes, count):
    """List moves of two accounts at once that leave what both hold together as it is."""
    for at in range(siblings.shape[0]):
        here, there = board.positions[siblings[at, 0]], board.positions[siblings[at, 1]]
        for one in range(here.first, here.last):
            if not (reduced[one] <= limit_usd or board.slots[one].grains > 0):
                continue
            for other in range(there.first, there.last):
                if reduced[other] <= limit_usd or board.slots[other].grains > 0:
                    count = _list_both(board, one, other, codes, count)
    return count


@inner
def _list_both(board, one, other, codes, count):
    if board.slots[one].sign == board.slots[other].sign:
        count = _put(codes, count, SHIFT, one, other)
        return _put(codes, count, SHIFT, other, one)
    count = _put(codes, count, UNWIND, one, other)
    return _put(codes, count, CROSS, one, other)
