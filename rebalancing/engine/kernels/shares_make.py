"""Making a change of trades on the board, and counting a board afresh."""

import numpy as np

from rebalancing.engine.kernels.shares import (
    RANKS,
    TAX_LIMITS,
    TRACKING,
    TRADING,
    budget_excess,
    cap_excess,
    count_excess,
    door,
    inner,
    row_excess,
    size_excess,
    tax_objective,
)
from rebalancing.engine.kernels.shares_weigh import weigh_once


@inner
def make(board, slots, amounts, count):
    """Make a change."""
    cost = weigh_once(board, slots, amounts, count)
    board.total[0] += cost
    for rank in range(RANKS):
        board.excess[rank] += board.change[rank]
    for block in range(board.blocks.size):
        board.blocks[block].variance += board.blocks[block].change
    at = 0
    while at < count:
        position = board.slots[slots[at]].position
        before = board.positions[position].flow
        while at < count and board.slots[slots[at]].position == position:
            _apply_slot(board, slots[at], amounts[at])
            at += 1
        more = (board.positions[position].flow != 0) - (before != 0)
        if more != 0:
            _apply_trades(board, board.positions[position].account, more)
        _apply_risk(board, position, board.positions[position].flow - before)


@inner
def _apply_slot(board, slot, amount):
    position = board.slots[slot].position
    was = board.slots[slot].grains > 0
    board.slots[slot].grains += amount
    board.positions[position].flow += amount if board.slots[slot].sign > 0.0 else -amount
    more = (board.slots[slot].grains > 0) - was
    if more != 0:
        for place in range(board.slots[slot].first_pair, board.slots[slot].last_pair):
            if board.members[place].is_buy == 1:
                board.pairs[board.members[place].pair].buys += more
            else:
                board.pairs[board.members[place].pair].sales += more
    for place in range(board.slots[slot].first_row, board.slots[slot].last_row):
        board.rows[board.entries[place].row].activity += amount * board.entries[place].value
    book, transfer = board.slots[slot].book, board.slots[slot].transfer
    if book >= 0:
        board.books[book].short_gain += amount * board.slots[slot].short
        board.books[book].both_gain += amount * board.slots[slot].both
    if transfer >= 0:
        dollars = amount * board.positions[position].grain_usd
        if board.slots[slot].sign > 0.0:
            board.transfers[transfer].bought += dollars
        else:
            board.transfers[transfer].sold += dollars


@inner
def _apply_trades(board, account, more):
    board.accounts[account].trades += more
    for row in range(board.rows.size):
        board.rows[row].activity -= board.ticket_row[row, account] * more


@inner
def _apply_risk(board, position, flow):
    place = board.positions[position].place
    dollars = flow * board.positions[position].grain_usd * board.positions[position].weight
    board.places[place].active += dollars
    block = board.places[place].block
    for factor in range(board.loadings.shape[1]):
        board.exposures[block, factor] += dollars * board.loadings[place, factor]


@inner
def recount(board):
    """Add up violations and the objective's variable parts afresh: what repeated changes may have rounded away."""
    for rank in range(RANKS):
        board.excess[rank] = 0.0
    board.total[0] = 0.0
    for row in range(board.rows.size):
        board.excess[board.rows[row].rank] += row_excess(board, row, board.rows[row].activity)
    for block in range(board.blocks.size):
        board.blocks[block].variance = 0.0
        for factor in range(board.exposures.shape[1]):
            board.blocks[block].variance += board.exposures[block, factor] ** 2
    for place in range(board.places.size):
        board.blocks[board.places[place].block].variance += (
            board.places[place].specific * board.places[place].active ** 2
        )
    for block in range(board.blocks.size):
        board.excess[TRACKING] += cap_excess(board, block, board.blocks[block].variance)
        board.total[0] += board.blocks[block].scale / 2 * board.blocks[block].variance
    for account in range(board.accounts.size):
        board.excess[TRADING] += count_excess(board, account, board.accounts[account].trades)
        board.total[0] += board.accounts[account].ticket * board.accounts[account].trades
    for position in range(board.positions.size):
        board.excess[TRADING] += size_excess(board, position, board.positions[position].flow)
    for slot in range(board.slots.size):
        board.total[0] += board.slots[slot].cost * board.slots[slot].grains
    _recount_returns(board)


@inner
def _recount_returns(board):
    for book in range(board.books.size):
        short, both = board.books[book].short_gain, board.books[book].both_gain
        board.total[0] += tax_objective(board.books[book], short, both)
        board.excess[TAX_LIMITS] += budget_excess(board.books[book], short, both)
    for at in range(board.transfers.size):
        board.total[0] += board.transfers[at].cost * min(board.transfers[at].bought, board.transfers[at].sold)


@door
def begin(board, grains):
    """Fill a state that holds no trades (activities at what they are then) with these grains, position by position."""
    slots, amounts = np.zeros(board.slots.size, np.int64), np.zeros(board.slots.size, np.int64)
    for position in range(board.positions.size):
        count = 0
        for slot in range(board.positions[position].first, board.positions[position].last):
            if grains[slot] > 0:
                slots[count], amounts[count] = slot, grains[slot]
                count += 1
        before = board.positions[position].flow
        for at in range(count):
            _apply_slot(board, slots[at], amounts[at])
        if board.positions[position].flow != before:
            _apply_trades(board, board.positions[position].account, 1)
            _apply_risk(board, position, board.positions[position].flow)
    recount(board)
