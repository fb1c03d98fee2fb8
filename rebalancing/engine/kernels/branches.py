"""
The exact minimum of the Lagrangian over one risk place, with what may not be traded together closed in turn.

At given prices a problem falls apart into places (a security of a risk block). One place costs, in the weighed
dollars d that are bought less those that are sold of it,

    slope * d + curvature * (active * d + d^2 / 2) + sum over its segments of their own price per dollar.

Every segment is a sale from the top: of a purchase, what is *not* bought is sold. One walk down the segments, sorted by
what the last dollar has to be worth to stay, is exact: whichever side is open, and also where selling and buying again
pays. Closing one side of a position, one side of an identity group, or charging a transfer to one side gives a branch.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Sides = npt.NDArray[np.int8]

FASTMATH = {"reassoc", "contract", "nsz", "arcp"}
FREE, NO_BUYS, NO_SALES = 0, 1, 2
MOST_NODES = 128
# Both sides of a position count as traded above this many dollars.
TRADED_USD = 1e-7
# Columns of PlaceArrays.tags, .sizes and .risk.
SEGMENT, IS_BUY, LOCAL, PAIR, GROUP, TRANSFER = 0, 1, 2, 3, 4, 5
WEIGHT, LOWER, UPPER = 0, 1, 2
CURVATURE, ACTIVE, COST = 0, 1, 2
# Columns of the lines of a place: what a weighed dollar has to be worth to stay, weighed dollars open, fixed, traded.
KEY, SIZE, FIXED, AMOUNT = 0, 1, 2, 3


class PlaceArrays(NamedTuple):
    """
    What of a problem does not depend on prices or choices: its segments in the order of their risk places.

    `tags` (N, 6): number of the segment in the problem, 1 for a purchase, number of its position within the place, then
    1 for the purchases and 2 for the sales of a position, of an identity group, of a transfer (0: no part of one).
    `sizes` (N, 3): dollars weighed per dollar, least and most dollars. By place: `first` (n+1,) of its segments, `risk`
    (n, 3) curvature per weighed dollar, weighed dollars held less target, cost of a dollar transferred, and `cluster`
    (n,) its identity group or -1; `cluster_first`, `cluster_place` list the places of each group.
    """

    tags: Ints
    sizes: Floats
    first: Ints
    risk: Floats
    cluster: Ints
    cluster_first: Ints
    cluster_place: Ints


class Room(NamedTuple):
    """Memory for one place: its `lines`, the `order` that sorts them by key, and the nodes still to be looked at."""

    lines: Floats
    order: Ints
    nodes: Ints


@njit(cache=True, nogil=True, error_model="numpy")
def make_room(first):
    """Return memory that is enough for the largest place."""
    most = 0
    for place in range(first.size - 1):
        most = max(most, first[place + 1] - first[place])
    return Room(np.empty((most, 4)), np.empty(most, np.int64), np.empty((2 * MOST_NODES + 2, 2), np.int64))


@njit(cache=True, nogil=True, error_model="numpy")
def load_place(tags, sizes, start, stop, prices, is_open, charged, cost, lines, order):
    """
    Sort what is open of a place by what a weighed dollar has to be worth to stay; return how many lines that are.

    `prices` (N,) are per dollar traded, by segment of the problem; the `charged` side pays the cost of a transfer.
    `order` holds rows of `tags`, `lines` belong to it.
    """
    count = 0
    for at in range(start, stop):
        segment, weight = tags[at, SEGMENT], sizes[at, WEIGHT]
        fixed = sizes[at, LOWER] * weight
        size = sizes[at, UPPER] * weight - fixed if is_open[segment] else 0.0
        if size <= 0.0 and fixed == 0.0:
            continue
        price = prices[segment]
        if charged != 0 and tags[at, TRANSFER] == charged:
            price += cost
        key = -price / weight if tags[at, IS_BUY] else price / weight
        spot = count
        while spot > 0 and lines[spot - 1, KEY] > key:
            lines[spot, KEY] = lines[spot - 1, KEY]
            lines[spot, SIZE] = lines[spot - 1, SIZE]
            lines[spot, FIXED] = lines[spot - 1, FIXED]
            order[spot] = order[spot - 1]
            spot -= 1
        lines[spot, KEY], lines[spot, SIZE], lines[spot, FIXED] = key, size, fixed
        order[spot] = at
        count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def is_idle(tags, sizes, start, stop, prices, is_open, worth):
    """Tell whether no trade of a place pays where a weighed dollar more of it is worth that much: the minimum is 0."""
    for at in range(start, stop):
        if sizes[at, LOWER] > 0.0:
            return False
        segment = tags[at, SEGMENT]
        if is_open[segment]:
            pays = worth if tags[at, IS_BUY] else -worth
            if prices[segment] + pays * sizes[at, WEIGHT] < 0.0:
                return False
    return True


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def is_closed(tags, at, outer, no_buys, no_sales):
    """Tell whether a segment is on the closed side of its group (`outer`) or of its position (bits)."""
    if outer != 0 and tags[at, GROUP] == outer:
        return True
    if tags[at, PAIR] == 0:
        return False
    closed = no_buys if tags[at, PAIR] == 1 else no_sales
    return (closed >> tags[at, LOCAL]) & 1 == 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FASTMATH)
def walk(tags, lines, order, count, curvature, active, slope, outer, no_buys, no_sales):
    """
    Minimise one place over its lines; their AMOUNT becomes the weighed dollars traded of each, those fixed apart.

    `slope` is the price of a weighed dollar held, its own variance left out. Doing nothing is worth 0.
    """
    total, flow = 0.0, 0.0
    for spot in range(count):
        at = order[spot]
        size = 0.0 if is_closed(tags, at, outer, no_buys, no_sales) else lines[spot, SIZE]
        lines[spot, AMOUNT] = size
        if tags[at, IS_BUY]:
            flow += lines[spot, FIXED] + size
            total -= lines[spot, KEY] * (lines[spot, FIXED] + size)
        else:
            flow -= lines[spot, FIXED]
            total += lines[spot, KEY] * lines[spot, FIXED]
    total += slope * flow + curvature * flow * (active + flow / 2)
    worth = slope + curvature * (active + flow)
    for spot in range(count):
        most, excess, sold = lines[spot, AMOUNT], worth - lines[spot, KEY], 0.0
        if excess > 0.0 and most > 0.0:
            sold = most if curvature * most <= excess else excess / curvature
            total -= sold * (excess - curvature * sold / 2)
            worth -= curvature * sold
        if tags[order[spot], IS_BUY]:
            lines[spot, AMOUNT] = most - sold
        else:
            lines[spot, AMOUNT] = sold
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def conflict_in(tags, lines, order, count):
    """Return the position of a place that the last walk both buys and sells, -1 if there is none."""
    for spot in range(count):
        at = order[spot]
        if tags[at, PAIR] != 1 or lines[spot, AMOUNT] <= TRADED_USD:
            continue
        for other in range(count):
            beside = order[other]
            is_same = tags[beside, LOCAL] == tags[at, LOCAL] and tags[beside, PAIR] == 2
            if is_same and lines[other, AMOUNT] > TRADED_USD:
                return tags[at, LOCAL]
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def branched(tags, lines, order, nodes, count, curvature, active, slope, outer, no_buys, no_sales):
    """
    Minimise one place where no position is both bought and sold, by closing sides only where the open walk trades both.

    Where there are too many nodes those left over count with the value of their parent, which is below theirs.
    """
    nodes[0, 0], nodes[0, 1] = no_buys, no_sales
    waiting, seen, best = 1, 0, np.inf
    while waiting > 0:
        waiting -= 1
        buys, sales = nodes[waiting, 0], nodes[waiting, 1]
        value = walk(tags, lines, order, count, curvature, active, slope, outer, buys, sales)
        seen += 1
        if value >= best:
            continue
        local = conflict_in(tags, lines, order, count)
        if local < 0 or seen >= MOST_NODES:
            best = value
            continue
        nodes[waiting, 0], nodes[waiting, 1] = buys | (1 << local), sales
        nodes[waiting + 1, 0], nodes[waiting + 1, 1] = buys, sales | (1 << local)
        waiting += 2
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def place_value(arrays, prices, is_open, slope, place, outer, no_buys, no_sales, room):
    """
    Minimise one place over its pairs and over who pays a transfer, with one side of its identity group closed.

    The bits of `no_buys`, `no_sales` say of which of its positions a side is closed whatever it costs.
    """
    tags, sizes, lines, order, nodes = arrays.tags, arrays.sizes, room.lines, room.order, room.nodes
    start, stop = arrays.first[place], arrays.first[place + 1]
    curvature, active, cost = arrays.risk[place, CURVATURE], arrays.risk[place, ACTIVE], arrays.risk[place, COST]
    if is_idle(tags, sizes, start, stop, prices, is_open, slope + curvature * active):
        return 0.0
    best = np.inf
    for charged in range(0 if cost == 0.0 else 1, 1 if cost == 0.0 else 3):
        count = load_place(tags, sizes, start, stop, prices, is_open, charged, cost, lines, order)
        value = branched(tags, lines, order, nodes, count, curvature, active, slope, outer, no_buys, no_sales)
        best = min(best, value)
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def place_values(arrays, prices, is_open, slopes):
    """
    Return the minimum of every place over its branches, (n,); an identity group's stands at its first place.

    `prices` (N,) are per dollar traded, without what choices charge for transfers, `slopes` (n,) per weighed dollar
    held; `is_open` (N,) are the segments that may be used.
    """
    room = make_room(arrays.first)
    values = np.zeros(slopes.size)
    for place in range(slopes.size):
        if arrays.cluster[place] < 0:
            values[place] = place_value(arrays, prices, is_open, slopes[place], place, FREE, 0, 0, room)
    for cluster in range(arrays.cluster_first.size - 1):
        sides = group_value(arrays, prices, is_open, slopes, cluster, -1, 0, 0, room)
        values[arrays.cluster_place[arrays.cluster_first[cluster]]] = min(sides[0], sides[1])
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def group_value(arrays, prices, is_open, slopes, cluster, forced, no_buys, no_sales, room):
    """
    Return the least Lagrangian of an identity group without its purchases, and without its loss sales.

    Of the place `forced` (-1: none) the sides in the bits are closed besides.
    """
    without_buys, without_sales = 0.0, 0.0
    for spot in range(arrays.cluster_first[cluster], arrays.cluster_first[cluster + 1]):
        place = arrays.cluster_place[spot]
        buys, sales = (no_buys, no_sales) if place == forced else (0, 0)
        slope = slopes[place]
        without_buys += place_value(arrays, prices, is_open, slope, place, NO_BUYS, buys, sales, room)
        without_sales += place_value(arrays, prices, is_open, slope, place, NO_SALES, buys, sales, room)
    return without_buys, without_sales


@njit(cache=True, nogil=True, error_model="numpy")
def branch_values(arrays, prices, is_open, slopes, places, locals_, clusters):
    """
    Return (m, 2): the least Lagrangian of m exclusives without their purchases, without their sales.

    An exclusive is a position (`locals_` within `places`) or, where `clusters` is not -1, an identity group. What is
    coupled with it is minimised along.
    """
    room = make_room(arrays.first)
    values = np.empty((places.size, 2))
    for row in range(places.size):
        if clusters[row] >= 0:
            sides = group_value(arrays, prices, is_open, slopes, clusters[row], -1, 0, 0, room)
            values[row, 0], values[row, 1] = sides[0], sides[1]
            continue
        place, bit = places[row], 1 << locals_[row]
        cluster = arrays.cluster[place]
        for column in range(2):
            no_buys, no_sales = (bit, 0) if column == 0 else (0, bit)
            if cluster < 0:
                slope = slopes[place]
                values[row, column] = place_value(arrays, prices, is_open, slope, place, FREE, no_buys, no_sales, room)
                continue
            sides = group_value(arrays, prices, is_open, slopes, cluster, place, no_buys, no_sales, room)
            values[row, column] = min(sides[0], sides[1])
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def open_total(arrays, prices, is_open, slopes):
    """Return the minimum of all places over everything that is open: what a convex solve at these prices finds."""
    room = make_room(arrays.first)
    tags, sizes, lines, order = arrays.tags, arrays.sizes, room.lines, room.order
    total = 0.0
    for place in range(slopes.size):
        start, stop = arrays.first[place], arrays.first[place + 1]
        curvature, active = arrays.risk[place, CURVATURE], arrays.risk[place, ACTIVE]
        if is_idle(tags, sizes, start, stop, prices, is_open, slopes[place] + curvature * active):
            continue
        count = load_place(tags, sizes, start, stop, prices, is_open, 0, 0.0, lines, order)
        total += walk(tags, lines, order, count, curvature, active, slopes[place], FREE, 0, 0)
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FASTMATH)
def spent_total(arrays, prices, traded, slopes):
    """Return what given trades (N,) contribute to the Lagrangian."""
    total = 0.0
    for place in range(slopes.size):
        flow = 0.0
        for at in range(arrays.first[place], arrays.first[place + 1]):
            amount = traded[arrays.tags[at, SEGMENT]]
            total += prices[arrays.tags[at, SEGMENT]] * amount
            sign = 1.0 if arrays.tags[at, IS_BUY] else -1.0
            flow += sign * amount * arrays.sizes[at, WEIGHT]
        total += slopes[place] * flow
        total += arrays.risk[place, CURVATURE] * flow * (arrays.risk[place, ACTIVE] + flow / 2)
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def traded_sides(first_buy, buys, first_sale, sales, traded):
    """Return (m, 2): the dollars traded on both sides of m couples of lists of segments."""
    found = np.zeros((first_buy.size - 1, 2))
    for row in range(first_buy.size - 1):
        for spot in range(first_buy[row], first_buy[row + 1]):
            found[row, 0] += traded[buys[spot]]
        for spot in range(first_sale[row], first_sale[row + 1]):
            found[row, 1] += traded[sales[spot]]
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def close_sides(decided, first_buy, buys, first_sale, sales, closed):
    """Close, in place, the purchases (1) or the sales (2) of every couple of lists that is decided."""
    for row in range(decided.size):
        if decided[row] == NO_BUYS:
            for spot in range(first_buy[row], first_buy[row + 1]):
                closed[buys[spot]] = True
        elif decided[row] == NO_SALES:
            for spot in range(first_sale[row], first_sale[row + 1]):
                closed[sales[spot]] = True


@njit(cache=True, nogil=True, error_model="numpy")
def charge_sides(charged, cost, first_buy, buys, first_sale, sales, extra):
    """Add, in place, the cost of every transfer to its purchases (1) or its sales (2), whichever is charged."""
    for row in range(charged.size):
        if charged[row] == 1:
            for spot in range(first_buy[row], first_buy[row + 1]):
                extra[buys[spot]] += cost[row]
        elif charged[row] == 2:
            for spot in range(first_sale[row], first_sale[row + 1]):
                extra[sales[spot]] += cost[row]
