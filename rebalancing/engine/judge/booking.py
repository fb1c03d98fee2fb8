"""Book proposed trades lot by lot in Decimal, from nothing but the case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from portfolios.ledger.gains import exact_gain_usd, term_of
from rebalancing.engine.judge.docket import AccountDocket, add_up, docket_of
from rebalancing.engine.outcome import LotSale, Trade
from rebalancing.engine.types import ZERO, Account, Case, Lot, Security, Term

CENT = Decimal("0.01")
BASIS_POINT = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedSale:
    """Units sold of one lot; `gain_usd` is None where the basis is unknown."""

    lot: Lot
    lot_units: Decimal
    gain_usd: Decimal | None
    term: Term
    waiting_usd: Decimal

    @property
    def is_loss(self) -> bool:
        return self.gain_usd is not None and self.gain_usd < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBook:
    """One account before and after its trades. `value_usd` is the value that stays, the base of every weight."""

    account: Account
    as_of: date
    docket: AccountDocket
    securities: Mapping[str, Security]
    trades: tuple[Trade, ...]
    held_before: Mapping[str, Decimal]
    held_after: Mapping[str, Decimal]
    moved: Mapping[str, Decimal]
    bought: Mapping[str, Decimal]
    sold: Mapping[str, Decimal]
    sales: tuple[BookedSale, ...]
    value_usd: Decimal
    bought_usd: Decimal
    sold_usd: Decimal
    exact_cost_usd: Decimal
    mistakes: tuple[str, ...] = field(default=())

    @property
    def cash_after_usd(self) -> Decimal:
        flow = self.sold_usd - self.bought_usd - self.exact_cost_usd
        return cents(self.account.cash + flow)

    @property
    def cost_usd(self) -> Decimal:
        return cents(self.exact_cost_usd)

    @property
    def turnover_frac(self) -> float:
        return float((self.bought_usd + self.sold_usd) / 2 / self.value_usd)

    def price(self, security: str) -> Decimal:
        return self.docket.market.prices[security]

    def sum_after_usd(self, names: tuple[str, ...]) -> Decimal:
        """Add up what is held of a group after the trades."""
        moves = (self.moved[name] * self.price(name) for name in names if name in self.moved)
        return sum(moves, self.docket.sum_usd(names))

    def worth_after_usd(self, security: str) -> Decimal:
        return self.held_after.get(security, ZERO) * self.price(security)


def cents(amount_usd: Decimal) -> Decimal:
    """Round half-even to the cent."""
    return amount_usd.quantize(CENT, ROUND_HALF_EVEN)


def book_account(account: Account, trades: Sequence[Trade], *, case: Case) -> AccountBook:
    """Book the trades of one account; what cannot be booked stands in `mistakes` and is left out."""
    docket = docket_of(case).accounts[account.id]
    securities, prices = docket.market.securities, docket.market.prices
    mistakes: list[str] = []
    known = tuple(trade for trade in trades if _is_bookable(trade, prices=prices, mistakes=mistakes))
    sales = _book_sales(docket, known, mistakes=mistakes)
    bought = add_up((trade.security, trade.quantity) for trade in known if trade.side == "buy")
    sold = add_up((trade.security, trade.quantity) for trade in known if trade.side == "sell")
    moved = {name: bought.get(name, ZERO) - sold.get(name, ZERO) for name in {**bought, **sold}}
    after = docket.held | {name: docket.held.get(name, ZERO) + units for name, units in moved.items()}
    cost = account.trading.ticket_cost * len(known)
    for trade in known:
        spread = Decimal(str(securities[trade.security].half_spread_bps)) * BASIS_POINT
        cost += spread * trade.quantity * prices[trade.security]
    return AccountBook(
        account=account,
        as_of=case.as_of,
        docket=docket,
        securities=securities,
        trades=known,
        held_before=docket.held,
        held_after=after,
        moved=moved,
        bought=bought,
        sold=sold,
        sales=sales,
        value_usd=docket.value_usd,
        bought_usd=sum((units * prices[name] for name, units in bought.items()), ZERO),
        sold_usd=sum((units * prices[name] for name, units in sold.items()), ZERO),
        exact_cost_usd=cost,
        mistakes=tuple(mistakes),
    )


def lot_gain_usd(lot: Lot, *, lot_units: Decimal, price: Decimal) -> Decimal | None:
    """Return the gain of selling so many units of a lot, half-even to the cent; the whole lot takes the whole cost."""
    if lot.cost is None:
        return None

    def share(cost_usd: Decimal) -> Decimal:
        return cost_usd if lot_units == lot.quantity else cost_usd * lot_units / lot.quantity

    return cents(
        exact_gain_usd(
            proceeds_usd=lot_units * price,
            cost_usd=share(lot.cost),
            loss_cost_usd=None if lot.loss_cost is None else share(lot.loss_cost),
        )
    )


def lot_term(lot: Lot, *, as_of: date) -> Term:
    """Return the term of a sale on this day."""
    held_from = lot.holding_date or lot.acquired
    term: Term = "short"
    if term_of(held_from_on=held_from, sold_on=as_of, is_inherited=lot.inherited).value == "long":
        term = "long"
    return term


def _is_bookable(trade: Trade, *, prices: Mapping[str, Decimal], mistakes: list[str]) -> bool:
    if trade.security not in prices:
        mistakes.append(f"{trade.security} is not a security of the case")
        return False
    if not trade.quantity.is_finite() or trade.quantity <= 0:
        mistakes.append(f"{trade.side} {trade.security}: the quantity {trade.quantity} is not above 0")
        return False
    price = prices[trade.security]
    if trade.price != price:
        mistakes.append(f"{trade.side} {trade.security}: the price {trade.price} is not the case's {price}")
    return True


def _book_sales(docket: AccountDocket, trades: Sequence[Trade], *, mistakes: list[str]) -> tuple[BookedSale, ...]:
    lots, prices = docket.lots, docket.market.prices
    sales: list[BookedSale] = []
    taken: set[str] = set()
    for trade in trades:
        if trade.side == "buy":
            if trade.lots:
                mistakes.append(f"buy {trade.security}: a purchase names no lots")
            continue
        named = ZERO
        for part in trade.lots:
            wrong = _part_mistake(part, trade, lot=lots.get(part.lot), is_taken=part.lot in taken)
            if wrong is not None:
                mistakes.append(f"sell {trade.security}: {wrong}")
                continue
            named += part.quantity
            taken.add(part.lot)
            sales.append(book_part(part, lot=lots[part.lot], price=prices[trade.security], as_of=docket.as_of))
        if named != trade.quantity:
            mistakes.append(f"sell {trade.security}: lots add up to {named}, the trade is {trade.quantity}")
    return tuple(sales)


def _part_mistake(part: LotSale, trade: Trade, *, lot: Lot | None, is_taken: bool) -> str | None:
    if lot is None or lot.security != trade.security:
        return f"{part.lot} is not a lot of it in this account"
    if not part.quantity.is_finite() or not part.waiting.is_finite():
        return f"lot {part.lot} has a quantity or a value of waiting that is no number"
    if is_taken:
        return f"lot {part.lot} is named twice"
    if not ZERO < part.quantity <= lot.quantity:
        return f"{part.quantity} of lot {part.lot}, which holds {lot.quantity}"
    return None


def book_part(part: LotSale, *, lot: Lot, price: Decimal, as_of: date) -> BookedSale:
    """Book what is sold of one lot."""
    return BookedSale(
        lot=lot,
        lot_units=part.quantity,
        gain_usd=lot_gain_usd(lot, lot_units=part.quantity, price=price),
        term=lot_term(lot, as_of=as_of),
        waiting_usd=part.waiting,
    )
