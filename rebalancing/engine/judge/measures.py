"""Tracking error and the objective of case.md, computed afresh from the booked trades."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancing.engine.judge.booking import AccountBook, book_account
from rebalancing.engine.judge.docket import docket_of
from rebalancing.engine.judge.household import HouseholdMeasures, HouseholdShare, measure_household, risk_aversion
from rebalancing.engine.judge.taxation import ReturnBook, average_rates, book_returns
from rebalancing.engine.judge.wash import WashWindow, open_wash_window
from rebalancing.engine.outcome import Trade
from rebalancing.engine.types import CASH, ZERO, Case

__all__ = [
    "AccountMeasures",
    "AccountTerms",
    "Measures",
    "account_taxes_usd",
    "active_weights",
    "hurdles_usd",
    "measure_trades",
    "risk_aversion",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTerms:
    """
    The dollars of the objective that belong to one account, after its trades; tax by the average marginal rate.

    In a unified household risk and transfer are shares: those of all accounts add up to the household's.
    """

    risk_usd: float
    tax_usd: float
    waiting_usd: float
    cost_usd: float
    hurdle_usd: float
    transfer_usd: float = 0.0

    @property
    def total_usd(self) -> float:
        own = self.tax_usd + self.waiting_usd + self.cost_usd + self.hurdle_usd
        return self.risk_usd + own + self.transfer_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMeasures:
    """One account before and after. In a unified household its tracking error is that to the household's target."""

    book: AccountBook
    tracking_error_before: float
    tracking_error_after: float
    before: AccountTerms
    after: AccountTerms

    @property
    def opportunity_usd(self) -> float:
        return self.before.total_usd - self.after.total_usd

    @property
    def opportunity_bps(self) -> float:
        return self.opportunity_usd / float(self.book.value_usd) * 1e4


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Everything about a set of trades that can be computed from the case alone."""

    accounts: tuple[AccountMeasures, ...]
    returns: tuple[ReturnBook, ...]
    window: WashWindow
    household: HouseholdMeasures | None = None

    @property
    def objective_usd(self) -> float:
        return math.fsum(account.after.total_usd for account in self.accounts)

    @property
    def objective_before_usd(self) -> float:
        return math.fsum(account.before.total_usd for account in self.accounts)

    @property
    def value_usd(self) -> float:
        return float(sum((account.book.value_usd for account in self.accounts), ZERO))


def measure_trades(case: Case, trades: Mapping[str, Sequence[Trade]]) -> Measures:
    """Book the trades of every account (by account id) and measure them."""
    books = tuple(book_account(account, trades.get(account.id, ()), case=case) for account in case.accounts)
    window = open_wash_window(case, books)
    returns = book_returns(books, window=window)
    taxes = account_taxes_usd(returns)
    docket = docket_of(case)
    household = measure_household(docket, books) if docket.is_unified else None
    return Measures(
        accounts=tuple(
            _measure_account(book, tax_usd=taxes.get(book.account.id, 0.0), household=household) for book in books
        ),
        returns=returns,
        window=window,
        household=household,
    )


def account_taxes_usd(returns: Sequence[ReturnBook]) -> dict[str, float]:
    """Share each return's tax and deferral among its accounts, so that the shares add up to the terms."""
    shares: dict[str, Decimal] = {}
    for book in returns:
        rates = average_rates(book)
        deferred = Decimal(str(book.tax.phi)) * Decimal(str(book.tax.long_rate))
        for sale in book.sales:
            due = rates[sale.sale.term] * sale.counted_usd - deferred * book.deferred_gain_usd(sale)
            shares[sale.account] = shares.get(sale.account, ZERO) + due
    return {name: float(share) for name, share in shares.items()}


def active_weights(book: AccountBook, held: Mapping[str, Decimal]) -> dict[str, float]:
    """Return weight less target of every security; cash bears no risk."""
    known, weights, target = book.docket.held, book.docket.weights, book.docket.target
    found = {
        name: weights[name] if known.get(name) is units else float(units * book.price(name) / book.value_usd)
        for name, units in held.items()
    }
    return {name: found.get(name, 0.0) - target.get(name, 0.0) for name in sorted({*found, *target} - {CASH})}


def hurdles_usd(book: AccountBook, held: Mapping[str, Decimal]) -> float:
    """Return the holding cost of substitutes: each distinct one at its lowest hurdle."""
    hurdles = book.docket.hurdles.items()
    return math.fsum(float(held.get(name, ZERO) * book.price(name)) * hurdle * 1e-4 for name, hurdle in hurdles)


def _measure_account(book: AccountBook, *, tax_usd: float, household: HouseholdMeasures | None) -> AccountMeasures:
    variance_before, variance_after = book.docket.variance, _variance_after(book)
    waiting = sum((sale.waiting_usd for sale in book.sales), ZERO) if book.account.is_taxable else ZERO
    if household is None:
        scale = float(book.value_usd) * risk_aversion(book.account.trading.tracking_preference) / 2
        share = HouseholdShare(before_usd=scale * variance_before, after_usd=scale * variance_after, transfer_usd=0.0)
    else:
        share = household.shares[book.account.id]
    return AccountMeasures(
        book=book,
        tracking_error_before=math.sqrt(variance_before),
        tracking_error_after=math.sqrt(variance_after),
        before=AccountTerms(
            risk_usd=share.before_usd,
            tax_usd=0.0,
            waiting_usd=0.0,
            cost_usd=0.0,
            hurdle_usd=hurdles_usd(book, book.held_before),
        ),
        after=AccountTerms(
            risk_usd=share.after_usd,
            tax_usd=tax_usd,
            waiting_usd=float(waiting),
            cost_usd=float(book.exact_cost_usd),
            hurdle_usd=hurdles_usd(book, book.held_after),
            transfer_usd=share.transfer_usd,
        ),
    )


def _variance_after(book: AccountBook) -> float:
    """Return the squared tracking error after the trades: only what is traded is weighed anew."""
    docket = book.docket
    if not book.moved:
        return docket.variance
    active = docket.active.copy()
    for name in book.moved:
        weight = float(book.worth_after_usd(name) / book.value_usd)
        active[docket.market.place[name]] = weight - docket.target.get(name, 0.0)
    return docket.market.variance(active)
