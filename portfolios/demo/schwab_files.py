"""The demo's accounts at Schwab, in the layouts of its downloads: positions, open-lot details, realised lots."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from portfolios.demo.accounts import AccountHistory, ClosedLot, LotLine, money
from portfolios.demo.files import Demo, DemoFile, plain
from portfolios.demo.market import Market
from portfolios.demo.trading_days import BUSINESS_DATE
from portfolios.ledger.gains import first_long_on

_KINDS = {"stock": "Equity", "etf": "ETFs & Closed End Funds", "fund": "Mutual Fund"}
_POSITION_HEADER = (
    "Symbol",
    "Description",
    "Qty (Quantity)",
    "Price",
    "Price Chng % (Price Change %)",
    "Price Chng $ (Price Change $)",
    "Mkt Val (Market Value)",
    "Day Chng $ (Day Change $)",
    "Day Chng % (Day Change %)",
    "Cost Basis",
    "Gain $ (Gain/Loss $)",
    "Gain % (Gain/Loss %)",
    "Ratings",
    "Reinvest?",
    "Reinvest Capital Gains?",
    "% of Acct (% of Account)",
    "Asset Type",
    "",
)
_LOT_HEADER = (
    "Open Date",
    "Quantity",
    "Price",
    "Cost/Share",
    "Market Value",
    "Cost Basis",
    "Gain/Loss $",
    "Gain/Loss %",
    "Holding Period",
    "",
)
_REALISED_HEADER = (
    "Symbol",
    "Name",
    "Closed Date",
    "Opened Date",
    "Quantity",
    "Proceeds Per Share",
    "Cost Per Share",
    "Proceeds",
    "Cost Basis (CB)",
    "Gain/Loss ($)",
    "Gain/Loss (%)",
    "Long Term Gain/Loss",
    "Short Term Gain/Loss",
    "Term",
    "Unadjusted Cost Basis",
    "Wash Sale?",
    "Disallowed Loss",
    "Transaction Closed Date",
)


def schwab_files(demo: Demo) -> Iterator[DemoFile]:
    """Write what Schwab lets an advisor download."""
    accounts = demo.at("schwab")
    for history in accounts:
        if history.closed:
            name = f"30_schwab_realized_{_tail(history)}.csv"
            yield DemoFile(name=name, custodian="schwab", content=realised_file(history, demo.market))
    yield DemoFile(name="31_schwab_lots.csv", custodian="schwab", content=lot_details_file(accounts, demo.market))
    yield DemoFile(name="32_schwab_positions.csv", custodian="schwab", content=positions_file(accounts, demo.market))


def positions_file(accounts: Sequence[AccountHistory], market: Market) -> bytes:
    lines: list[Sequence[str]] = [[f"Positions for All-Accounts as of 06:04 PM ET, {BUSINESS_DATE:%m/%d/%Y}"], []]
    for history in accounts:
        lines += [[f"{history.spec.name} XXXX-{_tail(history)}"], _POSITION_HEADER]
        lines += _position_lines(history, market)
        lines += [[], []]
    return _quoted(lines)


def lot_details_file(accounts: Sequence[AccountHistory], market: Market) -> bytes:
    lines: list[Sequence[str]] = []
    for history in accounts:
        for symbol, lots in by_symbol(history.lots).items():
            said = f"{symbol} Lot Details for XXXX-{_tail(history)} as of 06:04 PM ET, {BUSINESS_DATE:%m/%d/%Y}"
            lines += [[said], [], _LOT_HEADER, *_lot_lines(lots, market), []]
    return _quoted(lines)


def realised_file(history: AccountHistory, market: Market) -> bytes:
    said = f"Realized Gain/Loss - Lot Details for {history.spec.name} ...{_tail(history)} as of Fri Nov 20  18:05:11 EST 2026"
    title = f"{said} from 01/01/2026 to {BUSINESS_DATE:%m/%d/%Y}"
    padding = [""] * (len(_REALISED_HEADER) - 1)
    return _quoted(
        [[title, *padding], _REALISED_HEADER, *(_realised_line(closed, market) for closed in history.closed)]
    )


def by_symbol(lots: Iterable[LotLine]) -> dict[str, list[LotLine]]:
    """Group lots by symbol, in the order of the account."""
    grouped: dict[str, list[LotLine]] = {}
    for lot in lots:
        grouped.setdefault(lot.symbol, []).append(lot)
    return grouped


def last_price(market: Market, symbol: str) -> Decimal:
    """Give the price of the business date, in cents."""
    return Decimal(f"{market.price(symbol, BUSINESS_DATE):.2f}")


def is_long(lot: LotLine, on: date) -> bool:
    """Tell whether a sale on a day would be long-term."""
    return on >= first_long_on(lot.acquired_on)


def _tail(history: AccountHistory) -> str:
    return history.spec.number[-4:]


def _usd(amount: Decimal) -> str:
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def _percent(part: Decimal, whole: Decimal) -> str:
    return f"{part / whole * 100:.2f}%" if whole else "0%"


def _position_lines(history: AccountHistory, market: Market) -> Iterator[Sequence[str]]:
    grouped = by_symbol(history.lots)
    value = {
        symbol: money(sum(lot.units for lot in lots) * last_price(market, symbol)) for symbol, lots in grouped.items()
    }
    cost = {symbol: sum((lot.cost_usd or Decimal(0) for lot in lots), Decimal(0)) for symbol, lots in grouped.items()}
    total = sum(value.values(), history.cash_usd)
    for symbol, lots in grouped.items():
        security = market.instrument(symbol)
        price = last_price(market, symbol)
        before = Decimal(f"{market.price(symbol, market.days[-2]):.2f}")
        units = sum((lot.units for lot in lots), Decimal(0))
        change, gain = price - before, value[symbol] - cost[symbol]
        yield (
            symbol,
            security.name.upper()[:28],
            plain(units),
            plain(price),
            _percent(change, before),
            plain(change),
            _usd(value[symbol]),
            _usd(money(units * change)),
            _percent(change, before),
            _usd(cost[symbol]),
            _usd(gain),
            _percent(gain, cost[symbol]),
            "--",
            "No",
            "N/A",
            _percent(value[symbol], total),
            _KINDS[security.kind],
            "",
        )
    dashes = ["--"] * 5
    cash, whole = _usd(history.cash_usd), _usd(total)
    share = _percent(history.cash_usd, total)
    yield [
        "Cash & Cash Investments",
        "--",
        *dashes[:4],
        cash,
        "$0.00",
        "0%",
        *dashes,
        "--",
        share,
        "Cash and Money Market",
        "",
    ]
    all_cost = sum(cost.values(), Decimal(0))
    gain = total - history.cash_usd - all_cost
    yield [
        "Positions Total", "", "--", "--", "--", "--", whole, "$0.00", "0%", _usd(all_cost), _usd(gain),
        _percent(gain, all_cost), "--", "--", "--", "--", "--", "",
    ]  # fmt: skip


def _lot_lines(lots: list[LotLine], market: Market) -> Iterator[Sequence[str]]:
    price = last_price(market, lots[0].symbol)
    units, value, cost = Decimal(0), Decimal(0), Decimal(0)
    for lot in sorted(lots, key=lambda lot: lot.acquired_on, reverse=True):
        worth, basis = money(lot.units * price), lot.cost_usd or Decimal(0)
        units, value, cost = units + lot.units, value + worth, cost + basis
        yield (
            f"{lot.acquired_on:%m/%d/%Y} 00:00:00",
            plain(lot.units),
            _usd(price),
            _usd(money(basis / lot.units)),
            _usd(worth),
            _usd(basis),
            _usd(worth - basis),
            _percent(worth - basis, basis),
            "Long Term" if is_long(lot, BUSINESS_DATE) else "Short Term",
            "",
        )
    gain = value - cost
    yield "Total", plain(units), "--", "--", _usd(value), _usd(cost), _usd(gain), _percent(gain, cost), "--", ""


def _realised_line(closed: ClosedLot, market: Market) -> Sequence[str]:
    lot, cost = closed.lot, closed.lot.cost_usd or Decimal(0)
    gain = closed.proceeds_usd - cost
    is_long_term = is_long(lot, closed.sold_on)
    return (
        lot.symbol,
        market.instrument(lot.symbol).name.upper(),
        f"{closed.sold_on:%m/%d/%Y}",
        f"{lot.acquired_on:%m/%d/%Y}",
        plain(lot.units),
        _usd(money(closed.proceeds_usd / lot.units)),
        _usd(money(cost / lot.units)),
        _usd(closed.proceeds_usd),
        _usd(cost),
        _usd(gain),
        _percent(gain, cost),
        _usd(gain) if is_long_term else "",
        "" if is_long_term else _usd(gain),
        "Long Term" if is_long_term else "Short Term",
        _usd(cost),
        "No",
        "",
        f"{closed.sold_on:%m/%d/%Y}",
    )


def _quoted(lines: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for line in lines:
        if line:
            writer.writerow(line)
        else:
            text.write("\r\n")
    return text.getvalue().encode()
