"""Small cases, looked through: every combination of a few more and a few less of everything, all of them if few."""

import itertools
from collections.abc import Iterator

import numpy as np

from rebalancing.engine.kernels.shares import Board
from rebalancing.engine.kernels.shares_sets import best_set
from rebalancing.engine.rounding.lattice import Grains, Lattice
from rebalancing.engine.rounding.state import board_of, grains_of

MOST_SETS = 20_000
MOST_POSITIONS = 12
# How many steps to either side of what was found are tried: the widest that gives few enough sets.
WIDTHS = (1_000, 30, 12, 6, 4, 3, 2, 1)
Way = tuple[int, ...]


def look_through(lattice: Lattice, board: Board) -> Board:
    """Return the best trades around those of a board, where the case is small enough to try them all; else the same."""
    positions = _free_positions(lattice)
    if not 0 < positions.size <= MOST_POSITIONS:
        return board
    for width in WIDTHS:
        ways = _all_ways(lattice, board, positions, width=width)
        if ways is not None:
            return _best(lattice, board, positions, ways)
    return board


def _free_positions(lattice: Lattice) -> Grains:
    positions = lattice.board.positions
    return np.flatnonzero((positions["is_pinned"] == 0) & (positions["last"] > positions["first"])).astype(np.int64)


def _all_ways(lattice: Lattice, board: Board, positions: Grains, *, width: int) -> list[list[Way]] | None:
    """Return the ways to trade each position, None where that makes too many sets."""
    found: list[list[Way]] = []
    sets = 1
    for position in positions:
        most = MOST_SETS // sets
        ways = list(itertools.islice(_ways(board, int(position), width=width), most + 1))
        sets *= len(ways)
        if sets > MOST_SETS:
            return None
        found.append(ways)
    return found


def _ways(board: Board, position: int, *, width: int) -> Iterator[Way]:
    """Yield grains by slot of a position: nothing, purchases, and sales of whole steps or of everything."""
    here = board.positions[position]
    slots = board.slots[int(here["first"]) : int(here["last"])]
    step, held, size = int(here["step"]), int(here["held"]), slots.size
    yield (0,) * size
    account = board.accounts[int(here["account"])]
    grain_usd = float(here["grain_usd"])
    for at in np.flatnonzero(slots["sign"] > 0):
        least_usd = max(account["min_trade"], account["min_position"] - held * grain_usd)
        least = max(int(np.ceil(least_usd / (grain_usd * step) - 1e-9)), 1) * step
        middle = max(int(slots["grains"][at]), least)
        for grains in _around(middle, int(slots["most"][at]), step=step, width=width):
            if grains > 0:
                yield (0,) * int(at) + (grains,) + (0,) * (size - int(at) - 1)
    sales = [int(at) for at in np.flatnonzero(slots["sign"] < 0)]
    choices = [_portions(slots[at], step=step, width=width) for at in sales]
    for portions in itertools.product(*choices):
        sold = sum(portions)
        if sold > 0 and (sold % step == 0 or (sold == held and here["can_close"])):
            way = [0] * size
            for spot, portion in zip(sales, portions, strict=True):
                way[spot] = portion
            yield tuple(way)


def _portions(slot: np.void, *, step: int, width: int) -> list[int]:
    """Return how much of a lot to sell: a few steps around what is sold, none, all."""
    most = int(slot["most"])
    return sorted({0, most, *_around(int(slot["grains"]), most, step=step, width=width)})


def _around(middle: int, most: int, *, step: int, width: int) -> Iterator[int]:
    """Yield whole steps around an amount, within 0 and the most."""
    first = max(-(middle // step), -width)
    for steps in range(first, width + 1):
        grains = middle + steps * step
        if grains > most:
            return
        yield grains


def _best(lattice: Lattice, board: Board, positions: Grains, ways: list[list[Way]]) -> Board:
    before = grains_of(board)
    widest = max(len(way) for found in ways for way in found)
    flat = np.zeros((sum(len(found) for found in ways), widest), dtype=np.int64)
    first = np.concatenate([[0], np.cumsum([len(found) for found in ways])]).astype(np.int64)
    for at, way in enumerate(itertools.chain.from_iterable(ways)):
        flat[at, : len(way)] = way
    pairs = lattice.board.pairs
    start = board_of(lattice, lattice.least).pairs if pairs.size else pairs
    allowed = int(((start["buys"] > 0) & (start["sales"] > 0)).sum())
    chosen = best_set(board_of(lattice, before), positions, first, flat, allowed)
    if chosen[0] < 0:
        return board
    grains = before
    for place, position in enumerate(positions):
        here = lattice.board.positions[int(position)]
        mine = slice(int(here["first"]), int(here["last"]))
        grains[mine] = flat[first[place] + chosen[place], : mine.stop - mine.start]
    return board_of(lattice, grains)
