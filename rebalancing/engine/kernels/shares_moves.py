"""
Small changes of a set of trades, each written as slots and grains.

A move is a kind and two numbers; `write_move` says what it changes now, so that a move found before others were made
can be made after them.
"""

import numpy as np

from rebalancing.engine.kernels.shares import inner, merged

# More or less of a slot by a number of strides, no trade of a position, all of it sold, from one lot to another by a
# stride or entirely, the other side of a position, and two accounts at once: less here and more there, less of both,
# more of both.
ADD, TAKE, DROP, CLOSE, SWAP, SWAP_ALL, FLIP, SHIFT, UNWIND, CROSS = range(10)


@merged
def write_move(board, kind, one, other, slots, amounts):
    """Write what a move changes into `slots` and `amounts`; return how many slots, 0 where it is not possible."""
    if kind == ADD:
        return write_more(board, one, other, slots, amounts, 0)
    if kind == TAKE:
        return write_less(board, one, other, slots, amounts, 0)
    if kind == DROP:
        return _write_drop(board, one, slots, amounts)
    if kind == CLOSE:
        return _write_close(board, one, slots, amounts)
    if kind in (SWAP, SWAP_ALL):
        return _write_swap(board, one, other, slots, amounts, kind == SWAP_ALL)
    if kind == FLIP:
        return _write_flip(board, one, other, slots, amounts)
    return _write_two(board, kind, one, other, slots, amounts)


@merged
def _write_two(board, kind, one, other, slots, amounts):
    """Write a change of two accounts that leaves what they hold together as it is."""
    if kind == CROSS:
        first = write_more(board, one, 1, slots, amounts, 0)
    else:
        first = write_less(board, one, 1, slots, amounts, 0)
    if first == 0:
        return 0
    if kind == UNWIND:
        both = write_less(board, other, 1, slots, amounts, first)
    else:
        both = write_more(board, other, 1, slots, amounts, first)
    return both if both > first else 0


@merged
def least_trade(board, position, is_buy):
    """Return the grains of the least trade that a position's account allows on one side, in whole steps, at least 1."""
    account, size = board.positions[position].account, board.positions[position].grain_usd
    least_usd = board.accounts[account].min_trade
    if is_buy:
        least_usd = max(least_usd, board.accounts[account].min_position - board.positions[position].held * size)
    step = board.positions[position].step
    return max(int(np.ceil(least_usd / (size * step) - 1e-9)), 1) * step


@merged
def fine_stride(stride, step, strides):
    """Return a quarter of a stride, or a quarter of that for every number below 0, in whole steps."""
    return max(stride >> (2 - 2 * strides), 1) // step * step if stride > step else step


@merged
def write_more(board, slot, strides, slots, amounts, start):
    """Write more of a slot, at least up to the least trade; what one lot lacks is taken from the next. 0: cannot."""
    position = board.slots[slot].position
    flow, step = board.positions[position].flow, board.positions[position].step
    is_buy = board.slots[slot].sign > 0.0
    if board.positions[position].is_pinned or board.slots[slot].grains >= board.slots[slot].most:
        return 0
    if flow % step != 0 or (is_buy and flow < 0) or (not is_buy and flow > 0):
        return 0
    stride = board.positions[position].stride
    lack = least_trade(board, position, is_buy) - abs(flow)
    if strides < 1:
        amount = max(fine_stride(stride, step, strides), lack)
    else:
        amount = max(stride, lack) + (strides - 1) * stride
    return _spill_more(board, slot, amount, slots, amounts, start)


@merged
def _spill_more(board, slot, amount, slots, amounts, start):
    """Write `amount` more of a slot, the rest from the other lots of its position, cheapest first."""
    position, count = board.slots[slot].position, start
    part = min(amount, board.slots[slot].most - board.slots[slot].grains)
    slots[count], amounts[count] = slot, part
    count += 1
    left = amount - part
    for other in range(board.positions[position].first, board.positions[position].last):
        if left == 0:
            break
        room = board.slots[other].most - board.slots[other].grains
        if other == slot or room <= 0 or board.slots[other].sign != board.slots[slot].sign:
            continue
        slots[count], amounts[count] = other, min(left, room)
        left -= amounts[count]
        count += 1
    return count if left == 0 else 0


@merged
def write_less(board, slot, strides, slots, amounts, start):
    """Write less of a slot, to whole steps where all was sold; what it lacks from the dearest others. 0: cannot."""
    position = board.slots[slot].position
    flow, stride = board.positions[position].flow, board.positions[position].stride
    if board.positions[position].is_pinned or board.slots[slot].grains <= 0:
        return 0
    odd = abs(flow) % board.positions[position].step
    if strides < 1:
        amount = odd if odd > 0 else fine_stride(stride, board.positions[position].step, strides)
    else:
        amount = odd + (strides - 1) * stride if odd > 0 else strides * stride
    if amount >= abs(flow):
        return 0
    count = start
    part = min(amount, board.slots[slot].grains)
    slots[count], amounts[count] = slot, -part
    count += 1
    left = amount - part
    for other in range(board.positions[position].last - 1, board.positions[position].first - 1, -1):
        if left == 0:
            break
        if other == slot or board.slots[other].grains <= 0:
            continue
        slots[count], amounts[count] = other, -min(left, board.slots[other].grains)
        left += amounts[count]
        count += 1
    return count


@merged
def _write_drop(board, position, slots, amounts):
    if board.positions[position].is_pinned or board.positions[position].flow == 0:
        return 0
    count = 0
    for slot in range(board.positions[position].first, board.positions[position].last):
        if board.slots[slot].grains > 0:
            slots[count], amounts[count] = slot, -board.slots[slot].grains
            count += 1
    return count


@merged
def _write_close(board, position, slots, amounts):
    """Write the sale of all that is held, instead of whatever is traded."""
    if (
        board.positions[position].is_pinned
        or not board.positions[position].can_close
        or board.positions[position].flow == -board.positions[position].held
    ):
        return 0
    count = 0
    for slot in range(board.positions[position].first, board.positions[position].last):
        wanted = 0 if board.slots[slot].sign > 0.0 else board.slots[slot].most
        if wanted != board.slots[slot].grains:
            slots[count], amounts[count] = slot, wanted - board.slots[slot].grains
            count += 1
    return count


@merged
def _write_swap(board, one, other, slots, amounts, everything):
    """Write the sale of another lot instead of one."""
    amount = min(board.slots[one].grains, board.slots[other].most - board.slots[other].grains)
    if board.positions[board.slots[one].position].is_pinned or amount <= 0:
        return 0
    stride = board.positions[board.slots[one].position].stride
    if not everything:
        if amount <= stride:
            return 0
        amount = stride
    slots[0], amounts[0] = one, -amount
    slots[1], amounts[1] = other, amount
    return 2


@merged
def _write_flip(board, position, slot, slots, amounts):
    """Write the least trade of a slot instead of what is traded of its position on the other side."""
    is_buy = board.slots[slot].sign > 0.0
    count = _write_drop(board, position, slots, amounts)
    if count == 0 or (board.positions[position].flow > 0) == is_buy:
        return 0
    amount = max(board.positions[position].stride, least_trade(board, position, is_buy))
    return _spill_more(board, slot, amount, slots, amounts, count)


@inner
def write_once(board, kind, one, other, slots, amounts):
    """Write a move where speed does not matter."""
    return write_move(board, kind, one, other, slots, amounts)
