"""
Trades in whole grains: the board on which a search counts what every trade does to the rules and to the objective.

A slot is a way to trade one position (a lot to sell, or a purchase); the slots of a position stand together, sales the
cheapest first. Each kind of thing is one array of records, its constants and its running totals side by side, so that
a compiled function gets few arguments.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Records = npt.NDArray[Any]
RANKS = 10
TAX_LIMITS, TRACKING, TRADING = 6, 8, 9
TOLERANCE_USD = 0.005
TRACKING_TOLERANCE = 1e-9
# What only kernels call has no door to the interpreter, and as it makes no arrays it does not count who holds them. A
# board is many arguments: where a move is weighed, everything is compiled into one function; `merged` marks what is.
WITHIN: dict[str, Any] = {
    "_nrt": False,
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
}
WITHIN |= {"no_cfunc_wrapper": True, "fastmath": {"reassoc", "contract", "nsz", "arcp"}}
inner = njit(**WITHIN)
merged = njit(**WITHIN, forceinline=True)
door = njit(cache=True, nogil=True, error_model="numpy")


def _record(integers: str, reals: str, flags: str = "") -> np.dtype[Any]:
    """Lay out a record of whole numbers, then reals, then flags."""
    fields = [(name, np.int64) for name in integers.split()] + [(name, np.float64) for name in reals.split()]
    return np.dtype([*fields, *((name, np.int64) for name in flags.split())])


# `held`, `step`, `stride` and `flow` (bought less sold) are grains; `weight` is what a dollar weighs in its risk block.
POSITION = _record("place account step stride held first last flow", "grain_usd weight", flags="can_close is_pinned")
# `least`, `most`, `grains` traded are grains. For one grain: `cost` in dollars, `worth` the price of cost, tax and rows
# at the plan, `short` and `both` the gain it adds to return `book` (-1 none).
SLOT = _record(
    "position least most grains book transfer first_row last_row first_pair last_pair", "sign cost worth short both"
)
# What a grain of a slot adds to a row; which side of an exclusive a slot is on.
ENTRY = _record("row", "value")
MEMBER = _record("pair is_buy", "")
PAIR = _record("buys sales", "")
ROW = _record("rank", "low high activity change", flags="is_listed")
ACCOUNT = _record("trades more", "ticket min_trade min_position most_trades")
# `own` is the variance of a dollar of the security, `active` are its dollars over target, `price` is what all but its
# own variance charges for a dollar held at the plan.
PLACE = _record("block", "specific own target active price")
# `scale` is twice what a squared dollar costs; `variance` in dollars squared.
BLOCK = _record("", "scale cap value variance change")
BOOK = _record(
    "",
    "short_rate long_rate ordinary_rate offset rho short long room before shown_before "
    "short_gain both_gain more_short more_both",
    flags="is_off",
)
TRANSFER = _record("", "cost bought sold more_bought more_sold")
# A move (`kind`, `one`, `other`), for pairs a second one (`kind` -1: none); what it costs and moves where, for pairing.
RANKED = _record("kind one other next_kind next_one next_other place", "key cost dollars")


class Board(NamedTuple):
    """
    P positions, N slots, R rows, A accounts, n risk places in B blocks of k factors, Q returns, T transfers.

    `ticket_row` (R, A) is what a trade of an account takes out of a row's activity. `excess` (RANKS,) is the violation
    by rank, `total` (1,) the objective. `change` (RANKS,) and the lists belong to the change being weighed.
    """

    positions: Records
    slots: Records
    entries: Records
    members: Records
    pairs: Records
    rows: Records
    accounts: Records
    places: Records
    blocks: Records
    books: Records
    transfers: Records
    loadings: Records
    exposures: Records
    ticket_row: Records
    excess: Records
    change: Records
    total: Records
    listed_rows: Records
    listed_places: Records
    listed_dollars: Records


@merged
def year_tax(year, short, long, rho):
    """Return T(S, L) of a return."""
    total = short + long
    if total >= 0.0:
        extra = year.short_rate - year.long_rate
        return year.long_rate * total + extra * min(max(short, 0.0), total)
    loss = -total
    return -year.ordinary_rate * min(loss, year.offset) - rho * max(loss - year.offset, 0.0)


@merged
def tax_objective(year, short, both):
    """Return the objective's tax term once S' and z' are added."""
    change = year_tax(year, year.short + short, year.long + both - short, year.rho) - year.before
    return max(change, 0.0) if year.is_off else change


@merged
def budget_excess(year, short, both):
    """Return by how much the tax that the return shows exceeds the room of its budget."""
    if year.room == np.inf:
        return 0.0
    caused = year_tax(year, year.short + short, year.long + both - short, 0.0) - year.shown_before
    return above_tolerance(caused - year.room)


@merged
def above_tolerance(off):
    """Return an excess in dollars, none up to half a cent."""
    return off if off > TOLERANCE_USD else 0.0


@merged
def row_excess(board, row, activity):
    """Return by how much an activity breaks a row."""
    return above_tolerance(max(board.rows[row].low - activity, activity - board.rows[row].high))


@merged
def cap_excess(board, block, variance):
    """Return the dollars of tracking error above a block's cap."""
    if board.blocks[block].cap == np.inf:
        return 0.0
    off = np.sqrt(max(variance, 0.0)) / board.blocks[block].value - board.blocks[block].cap
    return off * board.blocks[block].value if off > TRACKING_TOLERANCE else 0.0


@merged
def size_excess(board, position, flow):
    """Return by how many dollars a trade, or what it leaves, is too small; closing is free of both."""
    if flow == 0 or board.positions[position].held + flow == 0:
        return 0.0
    size, account = board.positions[position].grain_usd, board.positions[position].account
    small = max(board.accounts[account].min_trade - abs(flow) * size, 0.0)
    return small + max(board.accounts[account].min_position - (board.positions[position].held + flow) * size, 0.0)


@merged
def count_excess(board, account, trades):
    """Return how many trades there are too many."""
    return max(trades - board.accounts[account].most_trades, 0.0)
