"""Tracking error and the objective of case.md, computed afresh from the booked trades."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancing.engine.judge.booking import AccountBook, book_account
from rebalancing.engine.judge.taxation import ReturnBook, average_rates, book_returns
from rebalancing.engine.outcome import Trade
from rebalancing.engine.types import CASH, ZERO, Case, RiskModel


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTerms:
    """The dollars of the objective that belong to one account, after its trades; tax by the average marginal rate."""

    risk_usd: float
    tax_usd: float
    waiting_usd: float
    cost_usd: float
    hurdle_usd: float

    @property
    def total_usd(self) -> float:
        return self.risk_usd + self.tax_usd + self.waiting_usd + self.cost_usd + self.hurdle_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMeasures:
    """One account before and after."""

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
    returns = book_returns(books, case=case)
    taxes = account_taxes_usd(returns)
    return Measures(
        accounts=tuple(_measure_account(book, case=case, tax_usd=taxes.get(book.account.id, 0.0)) for book in books),
        returns=returns,
    )


def risk_aversion(tracking_preference: int) -> float:
    """Return lambda for a tracking preference from 1 (taxes first) to 10 (target first)."""
    return float(10.0 ** (1.0 + 2.0 * (tracking_preference - 1) / 9.0))


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
    names = {*held, *book.account.target} - {CASH}
    return {
        name: float(held.get(name, ZERO) * book.price(name) / book.value_usd) - book.account.target.get(name, 0.0)
        for name in sorted(names)
    }


def active_risk(active: Mapping[str, float], model: RiskModel) -> tuple[tuple[float, ...], float]:
    """Return the factor exposures of active weights and their variance per year."""
    size = len(model.factors)
    exposures = tuple(
        math.fsum(weight * model.exposures[name][k] for name, weight in active.items()) for k in range(size)
    )
    common = math.fsum(
        exposures[i] * model.factor_covariance[i][j] * exposures[j] for i in range(size) for j in range(size)
    )
    own = math.fsum(weight * weight * model.specific_variance[name] for name, weight in active.items())
    return exposures, max(common + own, 0.0)


def hurdles_usd(book: AccountBook, held: Mapping[str, Decimal]) -> float:
    """Return the holding cost of substitutes: each distinct one at its lowest hurdle."""
    lowest: dict[str, float] = {}
    for substitute in book.account.substitutes:
        lowest[substitute.use] = min(substitute.hurdle_bps, lowest.get(substitute.use, math.inf))
    return math.fsum(float(held.get(name, ZERO) * book.price(name)) * hurdle * 1e-4 for name, hurdle in lowest.items())


def _measure_account(book: AccountBook, *, case: Case, tax_usd: float) -> AccountMeasures:
    aversion = risk_aversion(book.account.trading.tracking_preference)
    value = float(book.value_usd)
    _, variance_before = active_risk(active_weights(book, book.held_before), case.risk_model)
    _, variance_after = active_risk(active_weights(book, book.held_after), case.risk_model)
    waiting = sum((sale.waiting_usd for sale in book.sales), ZERO) if book.account.is_taxable else ZERO
    return AccountMeasures(
        book=book,
        tracking_error_before=math.sqrt(variance_before),
        tracking_error_after=math.sqrt(variance_after),
        before=AccountTerms(
            risk_usd=value * aversion / 2 * variance_before,
            tax_usd=0.0,
            waiting_usd=0.0,
            cost_usd=0.0,
            hurdle_usd=hurdles_usd(book, book.held_before),
        ),
        after=AccountTerms(
            risk_usd=value * aversion / 2 * variance_after,
            tax_usd=tax_usd,
            waiting_usd=float(waiting),
            cost_usd=float(book.exact_cost_usd),
            hurdle_usd=hurdles_usd(book, book.held_after),
        ),
    )
