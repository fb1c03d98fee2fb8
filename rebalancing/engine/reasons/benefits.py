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
    """One trade's share of every term; positive lowers the objective. `tax_usd` is what its lots add up to."""

    trade: Trade
    risk_usd: float
    lots: tuple[LotWorth, ...]
    tax_usd: float
    cost_usd: float
    hurdle_usd: float
    transfer_usd: float
    total_usd: float

    @property
    def this_year_usd(self) -> Decimal:
        return sum((lot.this_year_usd for lot in self.lots), ZERO)

    @property
    def benefit(self) -> Benefit:
        return Benefit(risk=self.risk_usd, tax=self.tax_usd, cost=self.cost_usd + self.hurdle_usd + self.transfer_usd)


def trade_worths(view: AccountView) -> tuple[TradeWorth, ...]:
    """Share the account's opportunity among its trades."""
    lots = _lot_worths(view)
    return tuple(_worth(view, trade, lots=lots) for trade in view.book.trades)


def _worth(view: AccountView, trade: Trade, *, lots: Mapping[str, LotWorth]) -> TradeWorth:
    sign = 1.0 if trade.side == "buy" else -1.0
    price = view.book.price(trade.security)
    dollars = float(trade.quantity * price)
    spread = Decimal(str(view.book.securities[trade.security].half_spread_bps)) * BASIS_POINT
    cost = spread * trade.quantity * price + view.account.trading.ticket_cost
    marginal = float(view.risk.mean_marginals[view.risk.places[trade.security]])
    hurdle_bps = view.book.docket.hurdles.get(trade.security, 0.0)
    sold = tuple(lots[part.lot] for part in trade.lots if part.lot in lots) if trade.side == "sell" else ()
    risk_usd, cost_usd, hurdle_usd = -sign * dollars * marginal, -float(cost), -sign * dollars * hurdle_bps * 1e-4
    tax_usd = float(sum((lot.total_usd for lot in sold), ZERO))
    transfer_usd = -dollars * view.transfer_rates.get((trade.side, trade.security), 0.0)
    return TradeWorth(
        trade=trade,
        risk_usd=risk_usd,
        lots=sold,
        tax_usd=tax_usd,
        cost_usd=cost_usd,
        hurdle_usd=hurdle_usd,
        transfer_usd=transfer_usd,
        total_usd=risk_usd + tax_usd + cost_usd + hurdle_usd + transfer_usd,
    )


def _lot_worths(view: AccountView) -> dict[str, LotWorth]:
    """Price every lot that the account sells, by lot id; nothing where it is not taxed."""
    if view.year is None:
        return {}
    mine = (sale for sale in view.year.sales if sale.account == view.account.id)
    return {sale.sale.lot.id: lot_worth(view.year, sale, rates=view.rates) for sale in mine}


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
