"""Wishes: one more trade on top of an outcome, alone, and what it would bring and cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal

import msgspec

from portfolios.ledger.gains import first_long_on
from portfolios.ledger.tax import Gains, year_tax_usd
from rebalancing.engine.judge.booking import BookedSale, book_part, lot_gain_usd, lot_term
from rebalancing.engine.judge.taxation import CountedSale, ReturnBook
from rebalancing.engine.outcome import LotSale, Trade
from rebalancing.engine.reasons.view import AccountView
from rebalancing.engine.types import CASH, ZERO, Lot, Side
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


def wishes(view: AccountView) -> Iterator[Wish]:
    """Yield what the account would have liked: gaps to the target closed, losses harvested."""
    yield from _gap_wishes(view)
    yield from _harvest_wishes(view)


def _gap_wishes(view: AccountView) -> Iterator[Wish]:
    for name in sorted({*view.weights_after, *view.account.target} - {CASH}):
        gap = view.gap_after(name)
        side: Side = "sell" if gap > 0 else "buy"
        quantity = _quantity(view, name, gap=abs(gap), side=side)
        if abs(gap) < LEAST_WEIGHT or quantity <= 0:
            continue
        wish = _priced(view, name, side, quantity)
        if wish is not None and wish.risk_usd >= LEAST_WISH_USD:
            yield wish


def _quantity(view: AccountView, name: str, *, gap: float, side: Side) -> Decimal:
    """Turn a gap into whole steps; a gap of all that is held closes the position."""
    held = view.book.held_after.get(name, ZERO)
    item = view.book.securities[name]
    dollars = Decimal(repr(gap)) * view.book.value_usd
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
    moves: dict[str, float],
) -> Wish:
    spread = view.book.securities[trade.security].half_spread_bps * 1e-4
    return Wish(
        trade=trade,
        is_harvest=is_harvest,
        gain_usd=sum((sale.gain_usd or ZERO for sale in sales), ZERO),
        tax_usd=0.0 if view.year is None else _tax_usd(view, view.year, sales),
        waiting_usd=sum(_waiting_usd(view, sale) for sale in sales),
        risk_usd=view.risk.removed_usd(moves),
        cost_usd=float(trade.quantity * trade.price) * spread + float(view.account.trading.ticket_cost),
    )


def _moved_weight(view: AccountView, trade: Trade) -> float:
    weight = float(trade.quantity * trade.price / view.book.value_usd)
    return weight if trade.side == "buy" else -weight


def _against_gaps(view: AccountView, trade: Trade) -> dict[str, float]:
    """Close a gap with what closes the opposite gaps in part; what is left of the money is cash."""
    weight = _moved_weight(view, trade)
    gaps = {name: view.gap_after(name) for name in view.risk.places}
    opposite = {name: gap for name, gap in gaps.items() if gap * weight > 0 and name != trade.security}
    total = sum(opposite.values())
    share = min(abs(weight), abs(total)) / abs(total) if total else 0.0
    return {trade.security: weight, **{name: -gap * share for name, gap in opposite.items()}}


def _into_target(view: AccountView, trade: Trade) -> dict[str, float]:
    """Spread what a harvest frees over the rest of the target, outside the group that may not be bought."""
    weight = _moved_weight(view, trade)
    items = view.book.securities
    group = items[trade.security].group
    rest = {name: part for name, part in view.account.target.items() if name != CASH and items[name].group != group}
    total = sum(rest.values())
    return {trade.security: weight, **{name: -weight * part / total for name, part in rest.items() if total}}


def _harvest_wishes(view: AccountView) -> Iterator[Wish]:
    if view.year is None or view.year.tax.harvest == "off":
        return
    taken = _taken(view)
    for lot in view.account.lots:
        left = lot.quantity - taken.get(lot.id, ZERO)
        price = view.book.price(lot.security)
        gain = lot_gain_usd(lot, lot_units=left, price=price) if left > 0 else None
        if gain is None or gain > -LEAST_WISH_USD:
            continue
        parts = (_part(lot, left, price=price, as_of=view.case.as_of),)
        trade = Trade(side="sell", security=lot.security, quantity=left, price=price, lots=parts)
        sales = _book(view, parts, price=price)
        wish = _wish(view, trade, sales, is_harvest=True, moves=_into_target(view, trade))
        if -wish.tax_usd >= LEAST_WISH_USD:
            yield wish


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
    per_dollar = waiting_per_dollar(
        volatility=view.risk.volatility(sale.lot.security),
        days_to_year_end=(date(as_of.year, 12, 31) - as_of).days,
        days_to_long_term=days,
        loss_frac=loss / (loss + worth),
        rate_now=_loss_rate(year, is_short=sale.term == "short"),
        rate_later=_loss_rate(year, is_short=False),
        phi_long_rate=year.tax.phi * year.tax.long_rate,
        half_spread_bps=view.book.securities[sale.lot.security].half_spread_bps,
    )
    return per_dollar * loss


def _loss_rate(year: ReturnBook, *, is_short: bool) -> float:
    """Return what the next dollar of loss saves before the proposal."""
    one = Gains(short_usd=Decimal(1)) if is_short else Gains(long_usd=Decimal(1))
    return float(year_tax_usd(year.before, rates=year.rates) - year_tax_usd(year.before - one, rates=year.rates))


def _taken(view: AccountView) -> dict[str, Decimal]:
    return {sale.lot.id: sale.lot_units for sale in view.book.sales}


def _cheapest(view: AccountView, name: str, quantity: Decimal) -> tuple[LotSale, ...]:
    """Take lots in the order of the tax that a dollar of them causes."""
    lots = [lot for lot in view.account.lots if lot.security == name and lot.cost is not None and not lot.gift]
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
    return _take(view, [lot for lot in view.account.lots if lot.security == name], quantity)


def _take(view: AccountView, lots: list[Lot], quantity: Decimal) -> tuple[LotSale, ...]:
    taken, left = _taken(view), quantity
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
    lots = {lot.id: lot for lot in view.account.lots}
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
