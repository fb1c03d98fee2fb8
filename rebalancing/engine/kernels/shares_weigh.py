"""What a change of some trades adds to the objective and to the rules, and making it."""

import numpy as np

from rebalancing.engine.kernels.shares import (
    RANKS,
    TAX_LIMITS,
    TRACKING,
    TRADING,
    budget_excess,
    cap_excess,
    count_excess,
    inner,
    merged,
    row_excess,
    size_excess,
    tax_objective,
)


@merged
def is_barred(board, slots, amounts, count):
    """Tell whether a change would begin to trade a slot beside what excludes it."""
    for at in range(count):
        slot = slots[at]
        if amounts[at] <= 0 or board.slots[slot].grains > 0:
            continue
        for place in range(board.slots[slot].first_pair, board.slots[slot].last_pair):
            pair, side = board.members[place].pair, board.members[place].is_buy
            if _other_side(board, slots, amounts, count, pair, side) > 0:
                return True
    return False


@merged
def _other_side(board, slots, amounts, count, pair, side):
    """Return how many slots of a pair's other side a change leaves, or makes, traded."""
    left = board.pairs[pair].sales if side == 1 else board.pairs[pair].buys
    for at in range(count):
        slot = slots[at]
        before = board.slots[slot].grains > 0
        after = board.slots[slot].grains + amounts[at] > 0
        if before == after:
            continue
        for place in range(board.slots[slot].first_pair, board.slots[slot].last_pair):
            if board.members[place].pair == pair and board.members[place].is_buy != side:
                left += 1 if after else -1
    return left


@merged
def weigh(board, slots, amounts, count):
    """
    Return what a change adds to the objective; `board.change` (RANKS,) gets what it adds to every rank's violation.

    Everything else of the change is forgotten again.
    """
    for rank in range(RANKS):
        board.change[rank] = 0.0
    listed, places, cost = _gather(board, slots, amounts, count)
    cost += _weigh_risk(board, places)
    listed, tickets = _weigh_trades(board, listed)
    cost += tickets
    for at in range(listed):
        row = board.listed_rows[at]
        change = board.rows[row].change
        before, after = board.rows[row].activity, board.rows[row].activity + change
        board.change[board.rows[row].rank] += row_excess(board, row, after) - row_excess(board, row, before)
        board.rows[row].change = 0.0
        board.rows[row].is_listed = False
    cost += _weigh_taxes(board)
    return cost + _weigh_transfers(board)


@merged
def _gather(board, slots, amounts, count):
    """Add up what a change does to rows, gains, places, costs and sizes; return rows and places listed, and cost."""
    listed, places, cost = 0, 0, 0.0
    at = 0
    while at < count:
        position = board.slots[slots[at]].position
        flow = 0
        while at < count and board.slots[slots[at]].position == position:
            slot, amount = slots[at], amounts[at]
            flow += amount if board.slots[slot].sign > 0.0 else -amount
            cost += amount * board.slots[slot].cost
            listed = _gather_slot(board, slot, amount, listed)
            at += 1
        before = board.positions[position].flow
        board.accounts[board.positions[position].account].more += (before + flow != 0) - (before != 0)
        board.change[TRADING] += size_excess(board, position, before + flow) - size_excess(board, position, before)
        place, dollars = (
            board.positions[position].place,
            flow * board.positions[position].grain_usd * board.positions[position].weight,
        )
        if dollars != 0.0:
            places = _add_place(board, places, place, dollars)
    return listed, places, cost


@merged
def _gather_slot(board, slot, amount, listed):
    """Add what grains of one slot do to rows, gains and transfers; return how many rows are listed."""
    for place in range(board.slots[slot].first_row, board.slots[slot].last_row):
        row = board.entries[place].row
        if not board.rows[row].is_listed:
            board.rows[row].is_listed = True
            board.listed_rows[listed] = row
            listed += 1
        board.rows[row].change += amount * board.entries[place].value
    book = board.slots[slot].book
    if book >= 0:
        board.books[book].more_short += amount * board.slots[slot].short
        board.books[book].more_both += amount * board.slots[slot].both
    transfer = board.slots[slot].transfer
    if transfer >= 0:
        dollars = amount * board.positions[board.slots[slot].position].grain_usd
        if board.slots[slot].sign > 0.0:
            board.transfers[transfer].more_bought += dollars
        else:
            board.transfers[transfer].more_sold += dollars
    return listed


@merged
def _add_place(board, places, place, dollars):
    for at in range(places):
        if board.listed_places[at] == place:
            board.listed_dollars[at] += dollars
            return places
    board.listed_places[places] = place
    board.listed_dollars[places] = dollars
    return places + 1


@merged
def covariance(board, place):
    """Return the covariance of a dollar of a security with all active dollars of its block, per dollar."""
    block = board.places[place].block
    total = board.places[place].specific * board.places[place].active
    for factor in range(board.loadings.shape[1]):
        total += board.loadings[place, factor] * board.exposures[block, factor]
    return total


@merged
def common(board, one, other):
    """Return the covariance of two securities by their factors."""
    total = 0.0
    for factor in range(board.loadings.shape[1]):
        total += board.loadings[one, factor] * board.loadings[other, factor]
    return total


@merged
def _weigh_risk(board, places):
    """Return the change of all blocks' risk in dollars, and add what it does to their caps."""
    for block in range(board.blocks.size):
        board.blocks[block].change = 0.0
    for at in range(places):
        place, dollars = board.listed_places[at], board.listed_dollars[at]
        change = dollars * (2.0 * covariance(board, place) + dollars * board.places[place].own)
        for before in range(at):
            other = board.listed_places[before]
            if board.places[other].block == board.places[place].block:
                change += 2.0 * dollars * board.listed_dollars[before] * common(board, place, other)
        board.blocks[board.places[place].block].change += change
    cost = 0.0
    for block in range(board.blocks.size):
        change = board.blocks[block].change
        if change != 0.0:
            cost += board.blocks[block].scale / 2 * change
            before = board.blocks[block].variance
            board.change[TRACKING] += cap_excess(board, block, before + change) - cap_excess(board, block, before)
    return cost


@merged
def _weigh_trades(board, listed):
    """Price more or fewer trades: tickets, the cash they take, and the limit on their number."""
    cost = 0.0
    for account in range(board.accounts.size):
        more = board.accounts[account].more
        if more == 0:
            continue
        board.accounts[account].more = 0
        trades = board.accounts[account].trades
        board.change[TRADING] += count_excess(board, account, trades + more) - count_excess(board, account, trades)
        ticket = board.accounts[account].ticket
        if ticket == 0.0:
            continue
        cost += ticket * more
        for row in range(board.rows.size):
            if board.ticket_row[row, account] != 0.0:
                if not board.rows[row].is_listed:
                    board.rows[row].is_listed = True
                    board.listed_rows[listed] = row
                    listed += 1
                board.rows[row].change -= board.ticket_row[row, account] * more
    return listed, cost


@merged
def _weigh_taxes(board):
    cost = 0.0
    for book in range(board.books.size):
        short, both = board.books[book].more_short, board.books[book].more_both
        if short == 0.0 and both == 0.0:
            continue
        board.books[book].more_short = board.books[book].more_both = 0.0
        year = board.books[book]
        had_short, had_both = year.short_gain, year.both_gain
        cost += tax_objective(year, had_short + short, had_both + both) - tax_objective(year, had_short, had_both)
        if year.room < np.inf:
            after = budget_excess(year, had_short + short, had_both + both)
            board.change[TAX_LIMITS] += after - budget_excess(year, had_short, had_both)
    return cost


@merged
def _weigh_transfers(board):
    cost = 0.0
    for at in range(board.transfers.size):
        item = board.transfers[at]
        bought, sold = item.more_bought, item.more_sold
        if bought == 0.0 and sold == 0.0:
            continue
        board.transfers[at].more_bought = 0.0
        board.transfers[at].more_sold = 0.0
        cost += item.cost * (min(item.bought + bought, item.sold + sold) - min(item.bought, item.sold))
    return cost


@inner
def weigh_once(board, slots, amounts, count):
    """Weigh a change where speed does not matter."""
    return weigh(board, slots, amounts, count)
