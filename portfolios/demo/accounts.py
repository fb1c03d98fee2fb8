"""
From a specification to what custodians know of an account: lots, cash and the year's transactions.

Every lot is bought at the market's price of its day, so that gains and losses agree with the price history.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from portfolios.demo.guidance import PROFILES, target_weights
from portfolios.demo.market import SPLIT, Market
from portfolios.demo.specs import AccountSpec, HoldingSpec
from portfolios.demo.trading_days import BUSINESS_DATE

SEED = 88
CENT = Decimal("0.01")
YEAR_START = date(BUSINESS_DATE.year, 1, 1)
OPENING_DATE = date(BUSINESS_DATE.year - 1, 12, 31)
LAST_CONTRIBUTION = date(2026, 10, 16)  # more than 30 days back: ordinary purchases block no loss
_DIVIDEND_MONTHS = (3, 6, 9)
_YIELD = {"us_large": 0.013, "us_small": 0.013, "intl_developed": 0.028, "emerging": 0.025, "real_estate": 0.036}
_BOND_YIELD = 0.034
_SECOND_CHOICES = {
    "BCUS": "TWUL",
    "BCSM": "TWUS",
    "BCID": "TWID",
    "BCEM": "TWEM",
    "BCMU": "TWMU",
    "BCCB": "TWCB",
    "BCRE": "TWRE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    """One lot as a custodian states it. `cost_usd` None is unknown basis."""

    symbol: str
    units: Decimal
    cost_usd: Decimal | None
    acquired_on: date
    is_inherited: bool = False
    is_gift: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionLine:
    """One row of activity; `amount_usd` is the effect on cash, `units` positive for what comes."""

    traded_on: date
    kind: str
    amount_usd: Decimal
    symbol: str = ""
    units: Decimal = Decimal(0)
    price_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLot:
    """One lot that was sold this year, whole."""

    lot: LotLine
    sold_on: date
    proceeds_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHistory:
    """
    All that custodians say of one account.

    `opening_lots` and `opening_cash_usd` are as of the last day of the year before, and together with the
    transactions they add up to the closing ones. They are stated only where the account sold something this year.
    """

    spec: AccountSpec
    lots: tuple[LotLine, ...]
    cash_usd: Decimal
    opening_lots: tuple[LotLine, ...] = ()
    opening_cash_usd: Decimal = Decimal(0)
    transactions: tuple[TransactionLine, ...] = ()
    closed: tuple[ClosedLot, ...] = ()

    @property
    def has_history(self) -> bool:
        return bool(self.transactions)


def build_history(spec: AccountSpec, market: Market) -> AccountHistory:
    """Draw the history of one account, always the same for the same specification and market."""
    random = np.random.default_rng([SEED, zlib.crc32(spec.ref.encode())])
    lots = [*_policy_lots(spec, market, random), *_special_lots(spec, market), *_recent_lots(spec, market)]
    if spec.tax_status == "taxable":
        lots = [_rebought(lot, market, random) for lot in lots]
    if spec.has_unknown_basis:
        lots = _without_basis(lots)
    lots += [lot for _, lot in _reinvested(spec, lots, market)]
    stated = tuple(_not_yet_split(lot) for lot in merge_lots(lots))
    cash_usd = money(float(spec.value_usd) * spec.cash_frac)
    history = AccountHistory(spec=spec, lots=stated, cash_usd=cash_usd)
    return _with_year(history, market) if spec.sales or spec.is_year_told else history


def money(amount: float | Decimal) -> Decimal:
    """Round to the cent."""
    return Decimal(str(amount)).quantize(CENT, ROUND_HALF_UP)


def merge_lots(lots: list[LotLine]) -> tuple[LotLine, ...]:
    """Put purchases of one security on one day together and sort by security and day."""
    merged: dict[tuple[str, date, bool], LotLine] = {}
    for lot in lots:
        key = (lot.symbol, lot.acquired_on, lot.is_gift)
        same = merged.get(key)
        if same is None:
            merged[key] = lot
            continue
        cost = None if lot.cost_usd is None or same.cost_usd is None else lot.cost_usd + same.cost_usd
        merged[key] = replace(same, units=same.units + lot.units, cost_usd=cost)
    return tuple(merged[key] for key in sorted(merged))


def buy(market: Market, symbol: str, day: date, dollars_today: float) -> LotLine | None:
    """Buy on `day` what is worth so many dollars on the business date; None where that is not one unit."""
    last = market.price(symbol, BUSINESS_DATE)
    step = market.instrument(symbol).quantity_step
    units = (Decimal(str(round(dollars_today / last, 6))) / step).to_integral_value(ROUND_HALF_UP) * step
    if units <= 0:
        return None
    traded = market.days[market.day_index(day)]
    return LotLine(
        symbol=symbol,
        units=units,
        cost_usd=money(units * Decimal(str(market.price(symbol, traded)))),
        acquired_on=traded,
    )


def _policy_lots(spec: AccountSpec, market: Market, random: np.random.Generator) -> Iterator[LotLine]:
    """
    Buy the policy over several days.

    Each purchase strays from the policy by `drift_frac`, and the market does the rest. Single stocks of a model are
    bought on the first day and on few of the later ones, as a real account that was topped up would be.
    """
    if spec.style == "none":
        return
    weights = _held_weights(spec, market)
    beside = sum(holding.weight_frac for holding in spec.holdings) + sum(part for _, _, part in spec.recent_buys)
    dollars = float(spec.value_usd) * (1.0 - spec.cash_frac - beside)
    days = _purchase_days(spec, random)
    shares = random.dirichlet(np.array([6.0, *([2.0] * (len(days) - 1))]))
    bought: list[tuple[str, date, float]] = []
    for symbol, weight in weights.items():
        is_stock = market.instrument(symbol).is_stock
        for place, day in enumerate(days):
            if is_stock and place and random.random() > 0.35:
                continue
            stray = float(np.exp(spec.drift_frac * random.standard_normal()))
            growth = market.price(symbol, BUSINESS_DATE) / market.price(symbol, day)
            bought.append((symbol, day, weight * float(shares[place]) * stray * growth))
    total = sum(worth for _, _, worth in bought)
    for symbol, day, worth in bought:
        lot = buy(market, symbol, day, dollars * worth / total)
        if lot is not None:
            yield lot


def _held_weights(spec: AccountSpec, market: Market) -> dict[str, float]:
    percents = next(percents for key, _, percents in PROFILES if key == spec.profile)
    value_usd = Decimal(0) if spec.style == "small_policy" else spec.value_usd
    weights = target_weights(percents, tax_status=spec.tax_status, value_usd=value_usd, model=market.model_weights())
    if spec.style == "substitutes":
        weights = {_SECOND_CHOICES.get(symbol, symbol): weight for symbol, weight in weights.items()}
    return {symbol: weight for symbol, weight in weights.items() if symbol not in spec.without}


def _purchase_days(spec: AccountSpec, random: np.random.Generator) -> list[date]:
    span = max((LAST_CONTRIBUTION - spec.opened_on).days, 1)
    later = sorted(int(day) for day in random.integers(1, span, size=max(spec.contributions - 1, 0)))
    return [spec.opened_on, *(spec.opened_on + timedelta(days=day) for day in later)]


def _special_lots(spec: AccountSpec, market: Market) -> Iterator[LotLine]:
    for holding in spec.holdings:
        yield from _holding_lots(holding, float(spec.value_usd), market)


def _holding_lots(holding: HoldingSpec, value: float, market: Market) -> Iterator[LotLine]:
    for day in holding.bought_on:
        lot = buy(market, holding.symbol, day, value * holding.weight_frac / len(holding.bought_on))
        if lot is None:
            continue
        cost = lot.cost_usd if holding.is_basis_known else None
        yield replace(lot, cost_usd=cost, is_inherited=holding.is_inherited, is_gift=holding.is_gift)


def _recent_lots(spec: AccountSpec, market: Market) -> Iterator[LotLine]:
    for symbol, day, part in spec.recent_buys:
        lot = buy(market, symbol, day, float(spec.value_usd) * part)
        if lot is not None:
            yield lot


def _reinvested(
    spec: AccountSpec, lots: Iterable[LotLine], market: Market
) -> Iterator[tuple[TransactionLine, LotLine]]:
    """Pay a dividend on what is held before a day, and buy the whole shares that it pays for."""
    for symbol, day in spec.reinvested:
        units = sum((lot.units for lot in lots if lot.symbol == symbol and lot.acquired_on < day), Decimal(0))
        amount, price = _dividend_usd(market, symbol, units, day), Decimal(str(market.price(symbol, day)))
        shares = Decimal(amount // price)
        lot = LotLine(symbol=symbol, units=shares, cost_usd=money(shares * price), acquired_on=day)
        yield TransactionLine(traded_on=day, kind="dividend", amount_usd=amount, symbol=symbol), lot


def _rebought(lot: LotLine, market: Market, random: np.random.Generator) -> LotLine:
    """
    Replace most deep losses by what an earlier harvest leaves: the same shares, bought back later and nearer today's price.

    Without it a young account would hold more losses than anybody who looked after it would have left.
    """
    draw, days_back = float(random.random()), int(random.integers(40, 240))
    last, traded = market.price(lot.symbol, BUSINESS_DATE), market.price(lot.symbol, lot.acquired_on)
    if last / traded > 0.93 or lot.is_inherited or lot.is_gift or draw > 0.55:
        return lot
    for back in range(days_back, 35, -7):
        day = market.days[market.day_index(BUSINESS_DATE - timedelta(days=back))]
        price = market.price(lot.symbol, day)
        if day > lot.acquired_on and abs(price / last - 1.0) < 0.05:
            return replace(lot, acquired_on=day, cost_usd=money(lot.units * Decimal(str(price))))
    return lot


def _without_basis(lots: list[LotLine]) -> list[LotLine]:
    """Take the basis from the two securities that were bought first."""
    by_age = sorted(lots, key=lambda lot: (lot.acquired_on, -lot.units, lot.symbol))
    unknown = list(dict.fromkeys(lot.symbol for lot in by_age))[:2]
    return [replace(lot, cost_usd=None) if lot.symbol in unknown else lot for lot in lots]


def _not_yet_split(lot: LotLine) -> LotLine:
    """State a lot of the security that has just split as the slow custodian does: before the split."""
    if lot.symbol != SPLIT.symbol:
        return lot
    return replace(lot, units=max((lot.units / SPLIT.ratio).to_integral_value(), Decimal(1)))


def _with_year(history: AccountHistory, market: Market) -> AccountHistory:
    """Add the year: positions of 31 December, what was sold, bought, paid and received since."""
    spec = history.spec
    closed = tuple(_closed_lots(spec, market))
    before = [lot for lot in history.lots if lot.acquired_on < YEAR_START]
    sold_before = [c.lot for c in closed if c.lot.acquired_on < YEAR_START]
    bought = [*_purchases(history.lots, spec.reinvested), *_purchases(tuple(c.lot for c in closed))]
    flows = [*bought, *_sales(closed)]
    flows += _dividends([*before, *sold_before], closed, market)
    flows += [dividend for dividend, _ in _reinvested(spec, history.lots, market)]
    flows += _fees(spec)
    deposits, cash_usd = _deposits(flows, history.cash_usd)
    transactions = sorted([*flows, *deposits], key=lambda t: (t.traded_on, -t.amount_usd, t.symbol))
    return replace(
        history,
        opening_lots=merge_lots([*before, *sold_before]),
        opening_cash_usd=history.cash_usd,
        cash_usd=cash_usd,
        transactions=tuple(transactions),
        closed=closed,
    )


def _closed_lots(spec: AccountSpec, market: Market) -> Iterator[ClosedLot]:
    for sale in spec.sales:
        sold_on = market.days[market.day_index(sale.sold_on)]
        sold_price = market.price(sale.symbol, sold_on)
        worth_today = float(spec.value_usd) * sale.proceeds_frac / sold_price
        lot = buy(market, sale.symbol, sale.bought_on, worth_today * market.price(sale.symbol, BUSINESS_DATE))
        if lot is not None:
            yield ClosedLot(lot=lot, sold_on=sold_on, proceeds_usd=money(lot.units * Decimal(str(sold_price))))


def _purchases(lots: tuple[LotLine, ...], reinvested: tuple[tuple[str, date], ...] = ()) -> Iterator[TransactionLine]:
    for lot in lots:
        if lot.acquired_on >= YEAR_START and lot.cost_usd is not None:
            price = (lot.cost_usd / lot.units).quantize(Decimal("0.0001"))
            yield TransactionLine(
                traded_on=lot.acquired_on,
                kind="reinvest" if (lot.symbol, lot.acquired_on) in reinvested else "buy",
                amount_usd=-lot.cost_usd,
                symbol=lot.symbol,
                units=lot.units,
                price_usd=price,
            )


def _sales(closed: tuple[ClosedLot, ...]) -> Iterator[TransactionLine]:
    for sale in closed:
        yield TransactionLine(
            traded_on=sale.sold_on,
            kind="sell",
            amount_usd=sale.proceeds_usd,
            symbol=sale.lot.symbol,
            units=-sale.lot.units,
            price_usd=(sale.proceeds_usd / sale.lot.units).quantize(Decimal("0.0001")),
        )


def _dividends(lots: list[LotLine], closed: tuple[ClosedLot, ...], market: Market) -> Iterator[TransactionLine]:
    """Pay each fund's dividend three times a year on what was held on 31 December and is not sold yet."""
    sold_on = {sale.lot.symbol: sale.sold_on for sale in closed}
    units: dict[str, Decimal] = {}
    for lot in lots:
        units[lot.symbol] = units.get(lot.symbol, Decimal(0)) + lot.units
    for symbol in sorted(units):
        security = market.instrument(symbol)
        if security.is_stock:
            continue
        for month in _DIVIDEND_MONTHS:
            paid_on = market.days[market.day_index(date(BUSINESS_DATE.year, month, 25))]
            if paid_on >= sold_on.get(symbol, date.max):
                continue
            amount = _dividend_usd(market, symbol, units[symbol], paid_on)
            yield TransactionLine(traded_on=paid_on, kind="dividend", amount_usd=amount, symbol=symbol)


def _dividend_usd(market: Market, symbol: str, units: Decimal, paid_on: date) -> Decimal:
    yearly = _YIELD.get(market.instrument(symbol).asset_class, _BOND_YIELD)
    return money(float(units) * market.price(symbol, paid_on) * yearly / 4)


def _fees(spec: AccountSpec) -> Iterator[TransactionLine]:
    quarterly = money(spec.value_usd * spec.fee_bps / 40_000)
    for month in (1, 4, 7, 10):
        yield TransactionLine(traded_on=date(BUSINESS_DATE.year, month, 15), kind="fee", amount_usd=-quarterly)


def _deposits(flows: list[TransactionLine], opening_usd: Decimal) -> tuple[list[TransactionLine], Decimal]:
    """Let the client pay in, in full thousands, what a day's purchases lack; return that and the cash at the end."""
    cash, deposits = opening_usd, []
    for day in sorted({flow.traded_on for flow in flows}):
        net = sum((flow.amount_usd for flow in flows if flow.traded_on == day), Decimal(0))
        lacking = opening_usd / 2 - (cash + net)
        if lacking > 0:
            amount = ((lacking / 1000).to_integral_value(ROUND_HALF_UP) + 1) * 1000
            deposits.append(TransactionLine(traded_on=day, kind="deposit", amount_usd=money(amount)))
            cash += amount
        cash += net
    return deposits, cash
