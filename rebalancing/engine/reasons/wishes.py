"""Wishes: one more trade on top of an outcome, alone, and what it would bring and cost."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal

import msgspec
import numpy as np

from portfolios.ledger.gains import first_long_on
from portfolios.ledger.tax import Gains, year_tax_usd
from rebalancing.engine.judge.booking import BookedSale, book_part, lot_gain_usd, lot_term
from rebalancing.engine.judge.taxation import CountedSale, ReturnBook
from rebalancing.engine.outcome import LotSale, Trade
from rebalancing.engine.reasons.view import AccountView, Vector
from rebalancing.engine.types import ZERO, Lot, Side, Term
from rebalancing.engine.waiting import waiting_per_dollar

LEAST_WISH_USD = Decimal(1)
LEAST_WEIGHT = 0.0005
FLOAT_DUST = Decimal("1e-6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    One more trade on top of the outcome.

    `tax_usd` is what it would cost in tax, deferral counted (negative: it would save), `waiting_usd` what harvesting
    today would give up, `risk_usd` the tracking risk it would remove: a gap is closed against the opposite gaps, and
    what a harvest frees goes to the rest of the target.
    """

    trade: Trade
    sales: tuple[BookedSale, ...]
    is_harvest: bool
    gain_usd: Decimal
    tax_usd: float
    waiting_usd: float
    risk_usd: float
    cost_usd: float

    @property
    def size_usd(self) -> float:
        """What would be won if nothing else stood in the way."""
        return max(-self.tax_usd, 0.0) + max(self.risk_usd, 0.0)

    @property
    def net_usd(self) -> float:
        return self.risk_usd - self.tax_usd - self.waiting_usd - self.cost_usd


def wishes(view: AccountView, *, most: int) -> Iterator[Wish]:
    """Yield what the account would have liked: gaps to the target closed, losses harvested; the largest so many."""
    likely = heapq.nlargest(most, [*_likely_gaps(view), *_likely_harvests(view)], key=lambda each: each[0])
    for _, what in likely:
        wish = _gap_wish(view, what) if isinstance(what, str) else _harvest_wish(view, what)
        if wish is not None:
            yield wish


def _likely_gaps(view: AccountView) -> Iterator[tuple[float, str | Lot]]:
    """Yield the securities that are off target, with an estimate in dollars of what closing the gap removes."""
    likely = view.risk.closing_usd().tolist()
    for (name, gap), usd in zip(view.gaps.items(), likely, strict=True):
        if abs(gap) >= LEAST_WEIGHT and usd > 0 and (gap < 0 or view.book.held_after.get(name)):
            yield usd, name


def _likely_harvests(view: AccountView) -> Iterator[tuple[float, str | Lot]]:
    """Yield the lots with a loss, with an estimate in dollars of what it saves and of the risk it removes."""
    year = view.year
    if year is None or year.tax.harvest == "off":
        return
    prices, places = view.risk.market.prices, view.risk.places
    first, second = (each.tolist() for each in view.risk.leaving_usd())
    rates = {term: float(rate) - year.tax.phi * year.tax.long_rate for term, rate in _loss_rates_after(year).items()}
    for lot in view.account.lots:
        worth = lot.quantity * prices[lot.security]
        if lot.cost is None or worth >= lot.cost:
            continue
        at, weight = places[lot.security], view.risk.weight_of(float(worth))
        saved = float(lot.cost - worth) * rates[lot_term(lot, as_of=view.case.as_of)]
        yield max(saved, 0.0) + max(first[at] * weight + second[at] * weight**2, 0.0), lot


def _loss_rates_after(year: ReturnBook) -> dict[Term, Decimal]:
    """Return what the next dollar of loss of each term saves after the proposal."""
    return replace(year, before=year.before + year.added).loss_rates


def _gap_wish(view: AccountView, name: str) -> Wish | None:
    gap = view.gap_after(name)
    side: Side = "sell" if gap > 0 else "buy"
    quantity = _quantity(view, name, gap=abs(gap), side=side)
    wish = _priced(view, name, side, quantity) if quantity > 0 else None
    return wish if wish is not None and wish.risk_usd >= LEAST_WISH_USD else None


def _quantity(view: AccountView, name: str, *, gap: float, side: Side) -> Decimal:
    """Turn a gap into whole steps; a gap of all that is held closes the position."""
    held = view.book.held_after.get(name, ZERO)
    item = view.book.securities[name]
    dollars = Decimal(repr(min(gap / view.risk.weight_of(1.0), view.value_usd)))
    steps = (dollars / item.price / item.quantity_step + FLOAT_DUST).to_integral_value(ROUND_FLOOR)
    quantity = steps * item.quantity_step
    if side == "sell" and (view.target(name) == 0 or quantity > held):
        return held
    return quantity


def _priced(view: AccountView, name: str, side: Side, quantity: Decimal) -> Wish | None:
    price = view.book.price(name)
    parts = _cheapest(view, name, quantity) if side == "sell" else ()
    if side == "sell" and not parts:
        parts = _any_lots(view, name, quantity)
    sold = sum((part.quantity for part in parts), ZERO)
    if side == "sell" and sold == 0:
        return None
    quantity = sold if side == "sell" else quantity
    trade = Trade(side=side, security=name, quantity=quantity, price=price, lots=parts)
    sales = _book(view, parts, price=price)
    return _wish(view, trade, sales, is_harvest=False, moves=_against_gaps(view, trade))


def _wish(
    view: AccountView,
    trade: Trade,
    sales: tuple[BookedSale, ...],
    *,
    is_harvest: bool,
    moves: Vector,
) -> Wish:
    spread = view.book.securities[trade.security].half_spread_bps * 1e-4
    return Wish(
        trade=trade,
        sales=sales,
        is_harvest=is_harvest,
        gain_usd=sum((sale.gain_usd or ZERO for sale in sales), ZERO),
        tax_usd=0.0 if view.year is None else _tax_usd(view, view.year, sales),
        waiting_usd=sum(_waiting_usd(view, sale) for sale in sales),
        risk_usd=view.risk.removed_usd(moves),
        cost_usd=float(trade.quantity * trade.price) * spread + float(view.account.trading.ticket_cost),
    )


def _moved_weight(view: AccountView, trade: Trade) -> float:
    weight = view.risk.weight_of(float(trade.quantity * trade.price))
    return weight if trade.side == "buy" else -weight


def _against_gaps(view: AccountView, trade: Trade) -> Vector:
    """Close a gap with what closes the opposite gaps in part; what is left of the money is cash; (n,)."""
    weight, here = _moved_weight(view, trade), view.risk.places[trade.security]
    gaps = view.risk.end
    opposite = np.where(gaps * weight > 0, gaps, 0.0)
    opposite[here] = 0.0
    total = float(opposite.sum())
    moves = -opposite * (min(abs(weight), abs(total)) / abs(total) if total else 0.0)
    moves[here] = weight
    return moves


def _into_target(view: AccountView, trade: Trade) -> Vector:
    """Spread what a harvest frees over the rest of the target, outside the group that may not be bought; (n,)."""
    weight = _moved_weight(view, trade)
    rest = view.risk.target.copy()
    rest[list(view.group_places[view.risk.market.groups[trade.security]])] = 0.0
    total = float(rest.sum())
    moves = -weight / total * rest if total else rest
    moves[view.risk.places[trade.security]] = weight
    return np.asarray(moves)


def _harvest_wish(view: AccountView, lot: Lot) -> Wish | None:
    left = lot.quantity - view.taken.get(lot.id, ZERO)
    price = view.book.price(lot.security)
    gain = lot_gain_usd(lot, lot_units=left, price=price) if left > 0 else None
    if gain is None or gain > -LEAST_WISH_USD:
        return None
    parts = (_part(lot, left, price=price, as_of=view.case.as_of),)
    trade = Trade(side="sell", security=lot.security, quantity=left, price=price, lots=parts)
    sales = _book(view, parts, price=price)
    wish = _wish(view, trade, sales, is_harvest=True, moves=_into_target(view, trade))
    return wish if -wish.tax_usd >= LEAST_WISH_USD else None


def _tax_usd(view: AccountView, year: ReturnBook, sales: tuple[BookedSale, ...]) -> float:
    """Price the wish where the year stands after the outcome, deferral counted."""
    more = Gains(
        short_usd=sum((sale.gain_usd or ZERO for sale in sales if sale.term == "short"), ZERO),
        long_usd=sum((sale.gain_usd or ZERO for sale in sales if sale.term == "long"), ZERO),
    )
    here = year.before + year.added
    now = year_tax_usd(here + more, rates=year.rates) - year_tax_usd(here, rates=year.rates)
    deferred = Decimal(str(year.tax.phi)) * Decimal(str(year.tax.long_rate))
    counted = (CountedSale(account=view.account.id, sale=sale, counted_usd=sale.gain_usd or ZERO) for sale in sales)
    return float(now - deferred * sum((year.deferred_gain_usd(sale) for sale in counted), ZERO))


def _waiting_usd(view: AccountView, sale: BookedSale) -> float:
    """Price waiting for a lot's loss as the objective does (engine.md A2)."""
    year = view.year
    if year is None or sale.gain_usd is None or sale.gain_usd >= 0 or year.tax.harvest != "year_round":
        return 0.0
    worth = float(sale.lot_units * view.book.price(sale.lot.security))
    loss = float(-sale.gain_usd)
    as_of = view.case.as_of
    days = (first_long_on(sale.lot.holding_date or sale.lot.acquired) - as_of).days if sale.term == "short" else None
    rates = year.loss_rates
    per_dollar = waiting_per_dollar(
        volatility=view.risk.volatility(sale.lot.security),
        days_to_year_end=(date(as_of.year, 12, 31) - as_of).days,
        days_to_long_term=days,
        loss_frac=loss / (loss + worth),
        rate_now=float(rates[sale.term]),
        rate_later=float(rates["long"]),
        phi_long_rate=year.tax.phi * year.tax.long_rate,
        half_spread_bps=view.book.securities[sale.lot.security].half_spread_bps,
    )
    return per_dollar * loss


def _cheapest(view: AccountView, name: str, quantity: Decimal) -> tuple[LotSale, ...]:
    """Take lots in the order of the tax that a dollar of them causes."""
    lots = [lot for lot in view.lots_of.get(name, ()) if lot.cost is not None and not lot.gift]
    price = view.book.price(name)

    def rate(lot: Lot) -> tuple[Decimal, str]:
        gain = lot_gain_usd(lot, lot_units=lot.quantity, price=price) or ZERO
        term = lot_term(lot, as_of=view.case.as_of)
        tax = (
            ZERO
            if view.year is None
            else gain * (view.year.rates.short_frac if term == "short" else view.year.rates.long_frac)
        )
        return tax / (lot.quantity * price), lot.id

    return _take(view, sorted(lots, key=rate), quantity)


def _any_lots(view: AccountView, name: str, quantity: Decimal) -> tuple[LotSale, ...]:
    return _take(view, list(view.lots_of.get(name, ())), quantity)


def _take(view: AccountView, lots: list[Lot], quantity: Decimal) -> tuple[LotSale, ...]:
    taken, left = view.taken, quantity
    parts: list[LotSale] = []
    for lot in lots:
        units = min(left, lot.quantity - taken.get(lot.id, ZERO))
        if units > 0:
            parts.append(_part(lot, units, price=view.book.price(lot.security), as_of=view.case.as_of))
            left -= units
    return tuple(parts)


def _part(lot: Lot, units: Decimal, *, price: Decimal, as_of: date) -> LotSale:
    gain = lot_gain_usd(lot, lot_units=units, price=price) or ZERO
    return LotSale(lot=lot.id, quantity=units, gain=gain, term=lot_term(lot, as_of=as_of))


def _book(view: AccountView, parts: tuple[LotSale, ...], *, price: Decimal) -> tuple[BookedSale, ...]:
    lots = view.book.docket.lots
    return tuple(book_part(part, lot=lots[part.lot], price=price, as_of=view.case.as_of) for part in parts)


def added_to(trades: tuple[Trade, ...], wish: Trade) -> tuple[Trade, ...]:
    """Return the trades with the wish among them; more of the same trade becomes one trade."""
    key = (wish.security, wish.side)
    merged = tuple(_merged(trade, wish) if (trade.security, trade.side) == key else trade for trade in trades)
    return merged if any((trade.security, trade.side) == key for trade in trades) else (*merged, wish)


def _merged(trade: Trade, wish: Trade) -> Trade:
    units: dict[str, LotSale] = {part.lot: part for part in trade.lots}
    for part in wish.lots:
        known = units.get(part.lot)
        units[part.lot] = (
            part if known is None else msgspec.structs.replace(known, quantity=known.quantity + part.quantity)
        )
    return msgspec.structs.replace(trade, quantity=trade.quantity + wish.quantity, lots=tuple(units.values()))
