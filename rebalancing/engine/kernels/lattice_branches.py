"""
The exact minimum of the Lagrangian over one risk place where trades are whole steps, large enough, and cost a ticket.

At given prices a place of one position has four choices: nothing, a purchase, a sale, all of it sold. A purchase and a
sale are convex in the number of steps, so that the best whole number stands beside the best real one. A place that
several accounts share is minimised without steps: that is below.
"""

import numpy as np

from rebalancing.engine.kernels.branches import ACTIVE, CURVATURE, FREE, NO_BUYS, NO_SALES, make_room, place_value
from rebalancing.engine.kernels.shares import door, inner
from rebalancing.engine.kernels.shares_moves import least_trade


@inner
def _purchase_value(board, position, slot, price, linear, bend, with_sizes):
    """Return the least value of a purchase in whole steps, infinite where there is none, and its grains."""
    step = board.positions[position].step
    low = least_trade(board, position, True) if with_sizes else step
    high = board.slots[slot].most // step * step
    if low > high:
        return np.inf, 0
    slope = price + linear
    best = _nearest_step(-slope / bend if bend > 0.0 else (np.inf if slope < 0.0 else 0.0), step, low, high)
    value = slope * best + bend * best * best / 2
    more = min(best + step, high)
    other = slope * more + bend * more * more / 2
    return (other, more) if other < value else (value, best)


@inner
def _nearest_step(amount, step, low, high):
    """Return the whole steps below an amount, within bounds."""
    if amount >= high:
        return high
    return max(int(np.floor(amount / step)) * step, low)


@inner
def _sort_sales(board, position, prices, is_open, sides, outer, order):
    """List the open sales of a position, cheapest first; return how many and how many grains they are."""
    count, total = 0, 0
    for slot in range(board.positions[position].first, board.positions[position].last):
        if board.slots[slot].sign > 0.0 or not is_open[slot] or (outer == NO_SALES and sides[slot] == NO_SALES):
            continue
        spot = count
        while spot > 0 and prices[order[spot - 1]] > prices[slot]:
            order[spot] = order[spot - 1]
            spot -= 1
        order[spot] = slot
        count += 1
        total += board.slots[slot].most
    return count, total


@inner
def _sale_value(board, order, count, prices, amount, linear, bend):
    """Return the value of selling these grains, of the cheapest lots first."""
    value, left = bend * amount * amount / 2 - linear * amount, amount
    for spot in range(count):
        part = min(left, board.slots[order[spot]].most)
        value += part * prices[order[spot]]
        left -= part
    return value


@inner
def _free_sale(board, order, count, prices, linear, bend):
    """Return the real number of grains that would best be sold."""
    sold = 0.0
    for spot in range(count):
        gradient = prices[order[spot]] - linear + bend * sold
        if gradient >= 0.0:
            break
        most = float(board.slots[order[spot]].most)
        if bend > 0.0 and -gradient / bend < most:
            return sold - gradient / bend
        sold += most
    return sold


@inner
def _least_sale(board, position, prices, is_open, sides, outer, linear, bend, with_sizes, order):
    """Return the least value of a sale, whole steps that leave enough or all of the position, and its grains."""
    count, total = _sort_sales(board, position, prices, is_open, sides, outer, order)
    if count == 0 or total == 0:
        return np.inf, 0
    here = board.positions[position]
    best, sold, step = np.inf, 0, here.step
    if here.can_close and total == here.held:
        best, sold = _sale_value(board, order, count, prices, total, linear, bend), total
    low, high = step, total // step * step
    if with_sizes:
        low = least_trade(board, position, False)
        left = board.accounts[here.account].min_position
        if left > 0.0:
            high = min(high, int(np.floor(here.held - left / here.grain_usd + 1e-9)) // step * step)
    if low > high:
        return best, sold
    amount = _nearest_step(_free_sale(board, order, count, prices, linear, bend), step, low, high)
    for grains in (amount, min(amount + step, high)):
        value = _sale_value(board, order, count, prices, grains, linear, bend)
        if value < best:
            best, sold = value, grains
    return best, sold


@inner
def best_trade(board, position, prices, is_open, sides, outer, curvature, slope, with_sizes, order):
    """
    Return the least Lagrangian of trading a position, tickets apart, and its grains, negative for a sale.

    `prices` are per grain, `slope` and `curvature` per weighed dollar held where nothing is traded. Infinite where it
    cannot be traded.
    """
    here = board.positions[position]
    grain = here.weight * here.grain_usd
    linear, bend = slope * grain, curvature * grain * grain
    best, grains = _least_sale(board, position, prices, is_open, sides, outer, linear, bend, with_sizes, order)
    grains = -grains
    for slot in range(here.first, here.last):
        if board.slots[slot].sign < 0.0 or not is_open[slot] or (outer == NO_BUYS and sides[slot] == NO_BUYS):
            continue
        value, bought = _purchase_value(board, position, slot, prices[slot], linear, bend, with_sizes)
        if value < best:
            best, grains = value, bought
    return best, grains


@inner
def fixed_value(board, position, prices, curvature, slope):
    """Return the Lagrangian of a pinned trade."""
    here, flow, value = board.positions[position], 0.0, 0.0
    for slot in range(here.first, here.last):
        value += prices[slot] * board.slots[slot].least
        flow += board.slots[slot].sign * board.slots[slot].least
    flow *= here.weight * here.grain_usd
    return value + slope * flow + curvature * flow * flow / 2


@door
def lattice_values(board, owner, prices, is_open, sides, risk, slopes, charge, with_sizes, outer, values, flows):
    """
    Minimise every place of one position, with one side of its group closed: into `values` (n,), `flows` (n,) in grains.

    `owner` (n,) is the position of a place; -1 none, whose value is 0; below -1 several, whose value is left alone.
    `charge` (A,) is paid for a trade.
    """
    order = np.zeros(board.slots.size + 1, np.int64)
    for place in range(owner.size):
        position = owner[place]
        flows[place] = 0
        if position < 0:
            values[place] = 0.0 if position == -1 else values[place]
            continue
        curvature = risk[place, CURVATURE]
        slope = slopes[place] + curvature * risk[place, ACTIVE]
        paid = charge[board.positions[position].account]
        if board.positions[position].is_pinned:
            values[place] = fixed_value(board, position, prices, curvature, slope) + paid
            continue
        best, grains = best_trade(board, position, prices, is_open, sides, outer, curvature, slope, with_sizes, order)
        values[place] = min(0.0, best + paid)
        flows[place] = grains if best + paid < 0.0 else 0


@door
def spread_flows(board, owner, prices, is_open, sides, outers, flows, grains):
    """Write the trades of single places, `flows` (n,) grains, into `grains` (N,): of a sale the cheapest lots first."""
    order = np.zeros(board.slots.size + 1, np.int64)
    for place in range(owner.size):
        position = owner[place]
        if position < 0 or board.positions[position].is_pinned:
            continue
        for slot in range(board.positions[position].first, board.positions[position].last):
            grains[slot] = max(flows[place], 0) if board.slots[slot].sign > 0.0 and is_open[slot] else 0
        count, _ = _sort_sales(board, position, prices, is_open, sides, outers[place], order)
        left = max(-flows[place], 0)
        for spot in range(count):
            grains[order[spot]] = min(left, board.slots[order[spot]].most)
            left -= grains[order[spot]]


@door
def shared_values(arrays, owner, prices, is_open, slopes, outer, values):
    """Write the least Lagrangian, without steps, of every place that several accounts share into `values` (n,)."""
    room = make_room(arrays.first)
    for place in range(owner.size):
        if owner[place] < -1:
            values[place] = place_value(arrays, prices, is_open, slopes[place], place, outer, 0, 0, room)


__all__ = ["FREE", "best_trade", "lattice_values", "shared_values", "spread_flows"]
