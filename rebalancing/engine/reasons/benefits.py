"""What each trade is worth, in dollars of the objective, so that the trades of an account add up to its opportunity."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from rebalancing.engine.judge.booking import BASIS_POINT, BookedSale
from rebalancing.engine.judge.taxation import CountedSale, ReturnBook
from rebalancing.engine.outcome import Benefit, Trade
from rebalancing.engine.reasons.view import AccountView
from rebalancing.engine.types import ZERO, Term


@dataclass(frozen=True, slots=True, kw_only=True)
class LotWorth:
    """What selling part of a lot does to the tax: saved this year, saved or lost later, and given up by not waiting."""

    sale: BookedSale
    counted_usd: Decimal
    this_year_usd: Decimal
    later_usd: Decimal
    waiting_usd: Decimal

    @property
    def total_usd(self) -> Decimal:
        return self.this_year_usd + self.later_usd - self.waiting_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeWorth:
    """One trade's share of every term; positive lowers the objective."""

    trade: Trade
    risk_usd: float
    lots: tuple[LotWorth, ...]
    cost_usd: float
    hurdle_usd: float

    @property
    def tax_usd(self) -> float:
        return float(sum((lot.total_usd for lot in self.lots), ZERO))

    @property
    def this_year_usd(self) -> Decimal:
        return sum((lot.this_year_usd for lot in self.lots), ZERO)

    @property
    def benefit(self) -> Benefit:
        return Benefit(risk=self.risk_usd, tax=self.tax_usd, cost=self.cost_usd + self.hurdle_usd)


def trade_worths(view: AccountView) -> tuple[TradeWorth, ...]:
    """Share the account's opportunity among its trades."""
    hurdles, marginals = _hurdles(view), view.risk.mean_marginals()
    return tuple(
        _worth(view, trade, marginal=marginals[trade.security], hurdle_bps=hurdles.get(trade.security, 0.0))
        for trade in view.book.trades
    )


def _worth(view: AccountView, trade: Trade, *, marginal: float, hurdle_bps: float) -> TradeWorth:
    sign = 1.0 if trade.side == "buy" else -1.0
    price = view.book.price(trade.security)
    dollars = float(trade.quantity * price)
    spread = Decimal(str(view.book.securities[trade.security].half_spread_bps)) * BASIS_POINT
    cost = spread * trade.quantity * price + view.account.trading.ticket_cost
    return TradeWorth(
        trade=trade,
        risk_usd=-sign * dollars * marginal,
        lots=_lot_worths(view, trade),
        cost_usd=-float(cost),
        hurdle_usd=-sign * dollars * hurdle_bps * 1e-4,
    )


def _lot_worths(view: AccountView, trade: Trade) -> tuple[LotWorth, ...]:
    if view.year is None or trade.side == "buy":
        return ()
    of_account = [sale for sale in view.year.sales if sale.account == view.account.id]
    return tuple(
        lot_worth(view.year, sale, rates=view.rates)
        for sale in of_account
        if sale.sale.lot.security == trade.security and any(part.lot == sale.sale.lot.id for part in trade.lots)
    )


def lot_worth(year: ReturnBook, sale: CountedSale, *, rates: Mapping[Term, Decimal]) -> LotWorth:
    """Share the return's tax with one sale: its gain times the average marginal rate of its term, less deferral."""
    deferred = Decimal(str(year.tax.phi)) * Decimal(str(year.tax.long_rate))
    return LotWorth(
        sale=sale.sale,
        counted_usd=sale.counted_usd,
        this_year_usd=-rates[sale.sale.term] * sale.counted_usd,
        later_usd=deferred * year.deferred_gain_usd(sale),
        waiting_usd=sale.sale.waiting_usd,
    )


def _hurdles(view: AccountView) -> dict[str, float]:
    lowest: dict[str, float] = {}
    for substitute in view.account.substitutes:
        lowest[substitute.use] = min(substitute.hurdle_bps, lowest.get(substitute.use, substitute.hurdle_bps))
    return lowest
