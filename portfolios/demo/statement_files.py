"""
The demo's accounts at Vanguard (CSV downloads) and at E*TRADE (QFX), and their open lots in the generic layout.

Neither layout tells lots. Accounts that sold this year are stated at the year's end and again with what happened since;
of the others the lots come first.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from xml.sax.saxutils import escape

from portfolios.demo.accounts import OPENING_DATE, AccountHistory, LotLine, TransactionLine, money
from portfolios.demo.files import Demo, DemoFile, lots_file, plain
from portfolios.demo.market import Market
from portfolios.demo.schwab_files import by_symbol
from portfolios.demo.trading_days import BUSINESS_DATE

_HOLDINGS_HEADER = "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,".split(",")
_ACTIVITY_HEADER = (
    "Account Number,Trade Date,Settlement Date,Transaction Type,Transaction Description,Investment Name,Symbol,Shares,"
    "Share Price,Principal Amount,Commissions and Fees,Net Amount,Accrued Interest,Account Type,"
).split(",")
_VANGUARD_TYPES = {
    "buy": ("Buy", "Buy"),
    "sell": ("Sell", "Sell"),
    "dividend": ("Dividend", "Dividend Received"),
    "fee": ("Advisor fee", "Advisor fee"),
    "deposit": ("Funds Received", "Funds received via Electronic Bank Transfer"),
}
_QFX_HEADER = (
    "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\n"
    "OLDFILEUID:NONE\nNEWFILEUID:NONE\n\n"
)
_LETTERS = {"buy": "B", "sell": "S", "dividend": "DIV", "fee": "FEE", "deposit": "DEP"}
_StatementFile = Callable[[Sequence[AccountHistory], date, Market], bytes]


def vanguard_files(demo: Demo) -> Iterator[DemoFile]:
    """Write what Vanguard lets an advisor download; the day of the holdings stands in the name of the file."""
    return _files(demo, custodian="vanguard", first=60, suffix="csv", write=vanguard_file)


def etrade_files(demo: Demo) -> Iterator[DemoFile]:
    """Write what E*TRADE lets an advisor download for Quicken."""
    return _files(demo, custodian="etrade", first=70, suffix="qfx", write=etrade_file)


def _files(demo: Demo, *, custodian: str, first: int, suffix: str, write: _StatementFile) -> Iterator[DemoFile]:
    accounts = demo.at(custodian)
    told = [history for history in accounts if history.has_history]
    others = [history for history in accounts if not history.has_history]

    def lots(place: int, on: date, stated: list[tuple[AccountHistory, tuple[LotLine, ...]]]) -> DemoFile:
        name = f"{first + place}_{custodian}_lots_{on}.csv"
        return DemoFile(name=name, custodian="generic", content=lots_file(on, stated))

    def stated(place: int, on: date, histories: Sequence[AccountHistory]) -> DemoFile:
        name = f"{first + place}_{custodian}_{on}.{suffix}"
        return DemoFile(name=name, custodian=custodian, content=write(histories, on, demo.market))

    yield lots(0, OPENING_DATE, [(history, history.opening_lots) for history in told])
    yield stated(1, OPENING_DATE, told)
    yield lots(2, BUSINESS_DATE, [(history, history.lots) for history in others])
    yield stated(3, BUSINESS_DATE, accounts)
    yield lots(4, BUSINESS_DATE, [(history, history.lots) for history in told])


def _held(history: AccountHistory, on: date) -> tuple[dict[str, Decimal], Decimal]:
    """Return units by symbol and the cash of a day, which is the year's end or the business date."""
    is_opening = on == OPENING_DATE
    lots = by_symbol(history.opening_lots if is_opening else history.lots)
    units = {symbol: sum((lot.units for lot in held), Decimal(0)) for symbol, held in lots.items()}
    return units, history.opening_cash_usd if is_opening else history.cash_usd


def _done(history: AccountHistory, on: date) -> tuple[TransactionLine, ...]:
    return history.transactions if on == BUSINESS_DATE else ()


def _price(market: Market, symbol: str, on: date) -> Decimal:
    return Decimal(f"{market.price(symbol, on):.2f}")


def vanguard_file(histories: Sequence[AccountHistory], on: date, market: Market) -> bytes:
    """Write holdings of a day above and the year's transactions below."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HOLDINGS_HEADER)
    for history in histories:
        writer.writerows(_vanguard_holdings(history, on, market))
    text.write("\n\n")
    writer.writerow(_ACTIVITY_HEADER)
    for history in histories:
        writer.writerows(_vanguard_row(history.spec.number, done, market) for done in _done(history, on))
    return text.getvalue().encode()


def _vanguard_holdings(history: AccountHistory, on: date, market: Market) -> Iterator[tuple[object, ...]]:
    held, cash_usd = _held(history, on)
    number = history.spec.number
    for symbol, units in held.items():
        name, price = market.instrument(symbol).name.upper(), _price(market, symbol, on)
        yield number, name, symbol, plain(units), price, money(units * price), ""
    yield number, "VANGUARD FEDERAL MONEY MARKET INVESTOR CL", "VMFXX", plain(cash_usd), 1, plain(cash_usd), ""


def _vanguard_row(number: str, done: TransactionLine, market: Market) -> tuple[object, ...]:
    kind, told = _VANGUARD_TYPES[done.kind]
    name = market.instrument(done.symbol).name.upper() if done.symbol else "CASH"
    price = done.price_usd or Decimal(0)
    amount = done.amount_usd
    return (
        number, done.traded_on, done.traded_on, kind, told, name, done.symbol, f"{done.units:.5f}", price, amount,
        "0.0", amount, "0.0", "CASH", "",
    )  # fmt: skip


def etrade_file(histories: Sequence[AccountHistory], on: date, market: Market) -> bytes:
    """Write one statement an account and the list of their securities."""
    day = f"{on:%Y%m%d}"
    symbols = sorted({symbol for history in histories for symbol in _symbols(history, on)})
    lines = [
        "<OFX>",
        f"<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>{day}190000.000<LANGUAGE>ENG",
        "<FI><ORG>E*TRADE<FID>9999</FI><INTU.BID>9999</SONRS></SIGNONMSGSRSV1>",
        "<INVSTMTMSGSRSV1>",
        *(line for history in histories for line in _etrade_statement(history, on, market)),
        "</INVSTMTMSGSRSV1>",
        "<SECLISTMSGSRSV1><SECLIST>",
        *(_etrade_security(symbol, market) for symbol in symbols),
        "</SECLIST></SECLISTMSGSRSV1>",
        "</OFX>",
    ]
    return (_QFX_HEADER + "\n".join(lines) + "\n").encode("ascii")


def _symbols(history: AccountHistory, on: date) -> set[str]:
    return {*_held(history, on)[0], *(done.symbol for done in _done(history, on) if done.symbol)}


def _etrade_statement(history: AccountHistory, on: date, market: Market) -> Iterator[str]:
    held, cash_usd = _held(history, on)
    day = f"{on:%Y%m%d}"
    value = sum((money(units * _price(market, symbol, on)) for symbol, units in held.items()), Decimal(0))
    yield "<INVSTMTTRNRS><TRNUID>0<STATUS><CODE>0<SEVERITY>INFO</STATUS>"
    yield f"<INVSTMTRS><DTASOF>{day}190000.000<CURDEF>USD"
    yield f"<INVACCTFROM><BROKERID>etrade.com<ACCTID>{history.spec.number}</INVACCTFROM>"
    yield f"<INVTRANLIST><DTSTART>{on.year}0101<DTEND>{day}"
    for place, done in enumerate(_done(history, on)):
        yield _etrade_transaction(done, place, market)
    yield "</INVTRANLIST>"
    yield "<INVPOSLIST>"
    for symbol, units in held.items():
        tag = "POSMF" if market.instrument(symbol).kind == "fund" else "POSSTOCK"
        price = _price(market, symbol, on)
        yield (
            f"<{tag}><INVPOS>{_secid(symbol, market)}<HELDINACCT>CASH<POSTYPE>LONG<UNITS>{plain(units)}"
            f"<UNITPRICE>{price}<MKTVAL>{money(units * price)}<DTPRICEASOF>{day}<MEMO>{symbol}</INVPOS></{tag}>"
        )
    yield "</INVPOSLIST>"
    yield f"<INVBAL><AVAILCASH>{cash_usd}<MARGINBALANCE>0<SHORTBALANCE>0<BALLIST>"
    yield f"<BAL><NAME>Total Account Value<DESC>Total Account Value<BALTYPE>DOLLAR<VALUE>{value + cash_usd}</BAL>"
    yield "</BALLIST></INVBAL></INVSTMTRS></INVSTMTTRNRS>"


def _etrade_transaction(done: TransactionLine, place: int, market: Market) -> str:
    day, fitid = f"{done.traded_on:%Y%m%d}", f"{done.traded_on:%y%m%d}_{_LETTERS[done.kind]}_{place}"
    if done.kind in ("fee", "deposit"):
        kind, name = ("FEE", "ADVISORY FEE") if done.kind == "fee" else ("CREDIT", "TRANSFER RECEIVED")
        return (
            f"<INVBANKTRAN><STMTTRN><TRNTYPE>{kind}<DTPOSTED>{day}<TRNAMT>{done.amount_usd}<FITID>{fitid}<NAME>{name}"
            "</STMTTRN><SUBACCTFUND>CASH</INVBANKTRAN>"
        )
    head = f"<INVTRAN><FITID>{fitid}<DTTRADE>{day}170000.000</INVTRAN>{_secid(done.symbol, market)}"
    tail = f"<TOTAL>{done.amount_usd}<SUBACCTSEC>CASH<SUBACCTFUND>CASH"
    if done.kind == "dividend":
        return f"<INCOME>{head}<INCOMETYPE>DIV{tail}</INCOME>"
    what = "MF" if market.instrument(done.symbol).kind == "fund" else "STOCK"
    side, word = ("BUY", "BUYTYPE") if done.kind == "buy" else ("SELL", "SELLTYPE")
    return (
        f"<{side}{what}><INV{side}>{head}<UNITS>{plain(done.units)}<UNITPRICE>{done.price_usd}{tail}</INV{side}>"
        f"<{word}>{side}</{side}{what}>"
    )


def _secid(symbol: str, market: Market) -> str:
    return f"<SECID><UNIQUEID>{market.instrument(symbol).cusip}<UNIQUEIDTYPE>CUSIP</SECID>"


def _etrade_security(symbol: str, market: Market) -> str:
    security = market.instrument(symbol)
    tag = "MFINFO" if security.kind == "fund" else "STOCKINFO"
    name = escape(security.name.upper())
    return f"<{tag}><SECINFO>{_secid(symbol, market)}<SECNAME>{name}<TICKER>{symbol}</SECINFO></{tag}>"
