"""The records of a board that come from the case's rules: taxes, risk, tickets, exclusives, transfers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rebalancing.engine.kernels.shares import BLOCK, BOOK, MEMBER, PAIR, PLACE, TOLERANCE_USD, TRANSFER, Records
from rebalancing.engine.problem import Problem
from rebalancing.engine.universe import Matrix, Places, Vector

CASH_RULES = ("no_overdraft", "class_limits cash", "household_class_limits cash")


def fill(layout: np.dtype[Any], count: int, **columns: npt.NDArray[Any]) -> Records:
    """Return records with these columns, everything else zero."""
    records = np.zeros(count, dtype=layout)
    for name, values in columns.items():
        records[name] = values
    return records


def ticket_rows(problem: Problem) -> tuple[Matrix, Vector, Vector]:
    """
    Return what a trade of each account takes out of each row's activity, (R, A), and the rows' bounds, (R,).

    A ticket is paid in cash; rows on cash are also kept half a cent further, for cash is booked to the cent.
    """
    accounts = {universe.account.id: at for at, universe in enumerate(problem.universes)}
    ticket = np.array([float(universe.account.trading.ticket_cost) for universe in problem.universes])
    taken = np.zeros((len(problem.rows), len(accounts)))
    low = np.array([row.low_usd for row in problem.rows])
    high = np.array([row.high_usd for row in problem.rows])
    for at, row in enumerate(problem.rows):
        if not (row.rule.startswith("cash_") or row.rule in CASH_RULES):
            continue
        low[at] += TOLERANCE_USD
        high[at] += TOLERANCE_USD
        if row.account is not None:
            taken[at, accounts[row.account]] = ticket[accounts[row.account]]
        else:
            weights = np.array([universe.account.after_tax_weight for universe in problem.universes])
            taken[at] = ticket * weights
    return taken, low, high


def book_records(problem: Problem) -> Records:
    """Return the rates of every return, where it stands before, and the room of its budget."""
    records = np.zeros(len(problem.returns), dtype=BOOK)
    for record, item in zip(records, problem.returns, strict=True):
        year = item.year
        record["short_rate"], record["long_rate"] = year.short_rate, year.long_rate
        record["ordinary_rate"], record["offset"], record["rho"] = year.ordinary_rate, year.offset_usd, year.rho
        record["short"], record["long"], record["is_off"] = year.short_usd, year.long_usd, year.is_off
        record["room"] = np.inf if item.room_usd is None or not item.can_change else item.room_usd
        record["before"] = year.tax_usd(year.short_usd, year.long_usd)
        record["shown_before"] = year.tax_usd(year.short_usd, year.long_usd, carried=False)
    return records


def transfer_records(problem: Problem) -> Records:
    costs = np.array([item.cost for item in problem.transfers], dtype=np.float64)
    return fill(TRANSFER, costs.size, cost=costs)


def pair_records(problem: Problem, order: Places) -> tuple[Places, Places, Records, Records]:
    """Return, by slot, where its memberships in exclusives begin and end; the memberships; and the exclusives."""
    sides = [one for pair in problem.exclusives for one in (pair.buys, pair.sales)]
    segment = np.concatenate(sides) if sides else np.zeros(0, dtype=np.intp)
    side = np.repeat(np.arange(len(sides)), [one.size for one in sides])
    slot = np.empty(order.size, dtype=np.intp)
    slot[order] = np.arange(order.size)
    by_slot = np.argsort(slot[segment], kind="stable")
    ends = np.searchsorted(slot[segment][by_slot], np.arange(order.size + 1))
    members = fill(MEMBER, segment.size, pair=side[by_slot] // 2, is_buy=1 - side[by_slot] % 2)
    return ends[:-1], ends[1:], members, np.zeros(len(problem.exclusives), dtype=PAIR)


def risk_records(problem: Problem) -> tuple[Records, Records, Matrix]:
    """Return places, blocks and loadings (n, k) of all blocks, one below the other, before any trade."""
    blocks = problem.blocks
    loadings = np.ascontiguousarray(np.vstack([block.terms.loadings for block in blocks]))
    specific = np.concatenate([block.terms.specific for block in blocks])
    target = np.concatenate([block.target_usd for block in blocks])
    weighed = problem.risk_weight * problem.held_usd
    held = np.bincount(problem.risk_place, weights=weighed, minlength=target.size)
    places = fill(
        PLACE,
        target.size,
        block=np.repeat(np.arange(len(blocks)), [block.count for block in blocks]),
        specific=specific,
        own=(loadings**2).sum(axis=1) + specific,
        target=target,
        active=held - target,
    )
    caps = [np.inf if block.max_tracking_error is None else block.max_tracking_error for block in blocks]
    records = fill(
        BLOCK,
        len(blocks),
        scale=np.array([block.aversion / block.value_usd for block in blocks]),
        cap=np.array(caps),
        value=np.array([block.value_usd for block in blocks]),
    )
    return places, records, loadings


def exposures(problem: Problem, places: Records, loadings: Matrix) -> Matrix:
    """Return the dollars of factor exposure of every block before any trade, (B, k)."""
    found = [
        places["active"][block.first_place : block.first_place + block.count]
        @ loadings[block.first_place : block.first_place + block.count]
        for block in problem.blocks
    ]
    return np.ascontiguousarray(np.vstack(found))
