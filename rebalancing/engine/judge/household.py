"""A unified household: one target and one risk for the after-tax dollars of all accounts; transfers have a price."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancing.engine.judge.booking import BASIS_POINT, AccountBook
from rebalancing.engine.judge.docket import Docket, Vector, after_tax
from rebalancing.engine.types import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdShare:
    """One account's share of the risk before and after and of the transfer cost, in dollars."""

    before_usd: float
    after_usd: float
    transfer_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdMeasures:
    """
    The household's own terms of the objective, in dollars; `value_usd` is V_H. `shares` by account id add up to them.

    Before anything is traded an account bears risk by its part of V_H; what its trades take away is their size times
    the mean of the marginal risk before and after, which is exact since the risk is quadratic.
    """

    value_usd: Decimal
    tracking_error_before: float
    tracking_error_after: float
    risk_before_usd: float
    risk_after_usd: float
    transfer_usd: Decimal
    shares: Mapping[str, HouseholdShare]


def risk_aversion(tracking_preference: int) -> float:
    """Return lambda for a tracking preference from 1 (taxes first) to 10 (target first)."""
    return float(10.0 ** (1.0 + 2.0 * (tracking_preference - 1) / 9.0))


def measure_household(docket: Docket, books: Sequence[AccountBook]) -> HouseholdMeasures:
    """Measure the sum of all accounts against the household's target."""
    household, market = docket.household, docket.market
    assert household is not None
    start, moves = docket.active, {book.account.id: _moves(book, docket) for book in books}
    end = start + sum(moves.values(), start * 0.0)
    variance_before, variance_after = market.variance(start), market.variance(end)
    scale = float(docket.household_usd) * risk_aversion(household.tracking_preference) / 2
    slope = 2.0 * scale * market.marginal((start + end) / 2)
    transfers = transfer_costs_usd(books, bps=household.transfer_cost_bps)
    shares: dict[str, HouseholdShare] = {}
    for book in books:
        part = float(after_tax(book.account) * book.value_usd / docket.household_usd)
        before = part * scale * variance_before
        shares[book.account.id] = HouseholdShare(
            before_usd=before,
            after_usd=before + float(slope @ moves[book.account.id]),
            transfer_usd=float(transfers[book.account.id]),
        )
    return HouseholdMeasures(
        value_usd=docket.household_usd,
        tracking_error_before=math.sqrt(variance_before),
        tracking_error_after=math.sqrt(variance_after),
        risk_before_usd=scale * variance_before,
        risk_after_usd=scale * variance_after,
        transfer_usd=sum(transfers.values(), ZERO),
        shares=shares,
    )


def transfer_costs_usd(books: Sequence[AccountBook], *, bps: float) -> dict[str, Decimal]:
    """
    Price what is sold of a security in one account and bought in another: bps of the lesser side.

    Half of it is borne by the sellers and half by the buyers, each in proportion to what they trade of it.
    """
    shares = {book.account.id: ZERO for book in books}
    rate = Decimal(str(bps)) * BASIS_POINT
    for name in dict.fromkeys(name for book in books for name in book.moved):
        sold = {book.account.id: book.sold.get(name, ZERO) * book.price(name) for book in books}
        bought = {book.account.id: book.bought.get(name, ZERO) * book.price(name) for book in books}
        lesser = min(sum(sold.values(), ZERO), sum(bought.values(), ZERO))
        if not lesser or not rate:
            continue
        for side in (sold, bought):
            whole = sum(side.values(), ZERO)
            for account, worth in side.items():
                shares[account] += rate * lesser / 2 * worth / whole
    return shares


def _moves(book: AccountBook, docket: Docket) -> Vector:
    """Return by how much the trades of an account change the household's weights, (n,)."""
    weight = after_tax(book.account) / docket.household_usd
    return docket.market.vector({name: float(weight * units * book.price(name)) for name, units in book.moved.items()})
