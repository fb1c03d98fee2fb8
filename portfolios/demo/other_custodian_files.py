"""The demo's accounts at Fidelity (CSV downloads) and at Interactive Brokers (Flex queries in XML)."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from xml.sax.saxutils import quoteattr

from portfolios.demo.accounts import OPENING_DATE, AccountHistory, LotLine, TransactionLine, money
from portfolios.demo.files import Demo, DemoFile, lots_file, plain
from portfolios.demo.market import Market
from portfolios.demo.schwab_files import by_symbol, is_long, last_price
from portfolios.demo.trading_days import BUSINESS_DATE

_FIDELITY_HEADER = (
    "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Last Price Change,Current Value,"
    "Today's Gain/Loss Dollar,Today's Gain/Loss Percent,Total Gain/Loss Dollar,Total Gain/Loss Percent,"
    "Percent Of Account,Cost Basis Total,Average Cost Basis,Type"
).split(",")
_REALISED_HEADER = (
    "Symbol(CUSIP),Security Description,Quantity,Date Acquired,Date Sold,Proceeds,Cost Basis,Short Term Gain/Loss,"
    "Long Term Gain/Loss"
).split(",")
_FLEX_KINDS = {"dividend": "Dividends", "fee": "Advisor Fees", "deposit": "Deposits/Withdrawals"}


def fidelity_files(demo: Demo) -> Iterator[DemoFile]:
    """Write what Fidelity lets an advisor download; its open lots come in the generic layout."""
    accounts = demo.at("fidelity")
    for history in accounts:
        if history.closed:
            number = history.spec.number
            yield DemoFile(
                name=f"40_fidelity_realized_{number}.csv",
                custodian="fidelity",
                content=fidelity_realised_file(history, demo.market),
                account=number,
            )
    lots = lots_file(BUSINESS_DATE, [(history, history.lots) for history in accounts])
    yield DemoFile(name="41_fidelity_lots.csv", custodian="generic", content=lots)
    positions = fidelity_positions_file(accounts, demo.market)
    yield DemoFile(name="42_fidelity_positions.csv", custodian="fidelity", content=positions)


def fidelity_positions_file(accounts: Sequence[AccountHistory], market: Market) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_FIDELITY_HEADER)
    for history in accounts:
        writer.writerows(_fidelity_rows(history, market))
    text.write(
        '\r\n"The data and information in this spreadsheet is provided to you solely for your use and is not for distribution."'
        f'\r\n\r\n"Date downloaded {BUSINESS_DATE:%m/%d/%Y} 06:10 PM ET"\r\n'
    )
    return text.getvalue().encode("utf-8-sig")


def _fidelity_rows(history: AccountHistory, market: Market) -> Iterator[Sequence[str]]:
    spec = history.spec
    prices = {symbol: last_price(market, symbol) for symbol in by_symbol(history.lots)}
    total = sum((money(lot.units * prices[lot.symbol]) for lot in history.lots), history.cash_usd)
    cash_share = f"{history.cash_usd / total * 100:.2f}%"
    cash = f"${history.cash_usd:.2f}"
    yield [
        spec.number,
        spec.name,
        "SPAXX**",
        "HELD IN MONEY MARKET",
        *([""] * 3),
        cash,
        *([""] * 4),
        cash_share,
        "",
        "",
        "Cash",
    ]
    for symbol, lots in by_symbol(history.lots).items():
        units = sum((lot.units for lot in lots), Decimal(0))
        cost = sum((lot.cost_usd or Decimal(0) for lot in lots), Decimal(0))
        before = Decimal(f"{market.price(symbol, market.days[-2]):.2f}")
        change, value = prices[symbol] - before, money(units * prices[symbol])
        gain = value - cost
        yield [
            spec.number,
            spec.name,
            symbol,
            market.instrument(symbol).name.upper(),
            plain(units),
            f"${prices[symbol]:.2f}",
            f"{'+' if change >= 0 else '-'}${abs(change):.2f}",
            f"${value:.2f}",
            f"{'+' if change >= 0 else '-'}${abs(units * change):.2f}",
            f"{change / before * 100:+.2f}%",
            f"{'+' if gain >= 0 else '-'}${abs(gain):.2f}",
            f"{gain / cost * 100:+.2f}%",
            f"{value / total * 100:.2f}%",
            f"${cost:.2f}",
            f"${cost / units:.2f}",
            "Cash",
        ]


def fidelity_realised_file(history: AccountHistory, market: Market) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_REALISED_HEADER)
    for closed in history.closed:
        lot, security = closed.lot, market.instrument(closed.lot.symbol)
        cost = lot.cost_usd or Decimal(0)
        gain = closed.proceeds_usd - cost
        said = f"{'-' if gain < 0 else ''}${abs(gain):.2f} "
        is_long_term = is_long(lot, closed.sold_on)
        writer.writerow(
            (
                f"{lot.symbol}({security.cusip})",
                security.name.upper(),
                f"{lot.units:.5f}",
                f"{lot.acquired_on:%m/%d/%Y}",
                f"{closed.sold_on:%m/%d/%Y}",
                f"${closed.proceeds_usd:.2f} ",
                f"${cost:.2f} ",
                "-" if is_long_term else said,
                said if is_long_term else "-",
            )
        )
    return text.getvalue().encode()


def ibkr_files(demo: Demo) -> Iterator[DemoFile]:
    """Write a Flex query of the year's first day for the accounts that sold since, and one of the business date for all."""
    accounts = demo.at("ibkr")
    told = [history for history in accounts if history.has_history]
    opening = [
        _statement(h, market=demo.market, on=OPENING_DATE, lots=h.opening_lots, cash_usd=h.opening_cash_usd, done=())
        for h in told
    ]
    closing = [
        _statement(h, market=demo.market, on=BUSINESS_DATE, lots=h.lots, cash_usd=h.cash_usd, done=h.transactions)
        for h in accounts
    ]
    yield DemoFile(name="50_ibkr_2025-12-31.xml", custodian="ibkr", content=_flex(opening))
    yield DemoFile(name="51_ibkr_2026-11-20.xml", custodian="ibkr", content=_flex(closing))


def _flex(statements: list[str]) -> bytes:
    body = "\n".join(statements)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<FlexQueryResponse queryName="Trimtab" type="AF">\n'
        f'<FlexStatements count="{len(statements)}">\n{body}\n</FlexStatements>\n</FlexQueryResponse>\n'
    ).encode()


def _element(tag: str, **attributes: object) -> str:
    said = " ".join(f"{name}={quoteattr(str(value))}" for name, value in attributes.items())
    return f"<{tag} {said} />"


def _statement(
    history: AccountHistory,
    *,
    market: Market,
    on: date,
    lots: tuple[LotLine, ...],
    cash_usd: Decimal,
    done: tuple[TransactionLine, ...],
) -> str:
    number, day = history.spec.number, f"{on:%Y%m%d}"
    first = f"{on.year}0101"
    rows = [
        f'<FlexStatement accountId="{number}" fromDate="{first}" toDate="{day}" period="YearToDate" whenGenerated="{day};181500">',
        _element("AccountInformation", accountId=number, currency="USD", name=history.spec.name),
        "<OpenPositions>",
        *_flex_positions(number, on, lots, market),
        "</OpenPositions>",
        "<CashReport>",
        _element(
            "CashReportCurrency", accountId=number, currency="USD", endingCash=cash_usd, endingSettledCash=cash_usd
        ),
        "</CashReport>",
    ]
    if done:
        rows += ["<Trades>", *_flex_trades(history, done, market), "</Trades>"]
        rows += ["<CashTransactions>", *_flex_cash(history, done), "</CashTransactions>"]
    return "\n".join([*rows, "</FlexStatement>"])


def _flex_positions(number: str, on: date, lots: tuple[LotLine, ...], market: Market) -> Iterator[str]:
    for symbol, held in by_symbol(lots).items():
        security = market.instrument(symbol)
        price = Decimal(f"{market.price(symbol, on):.2f}")
        common: dict[str, object] = {
            "accountId": number,
            "currency": "USD",
            "fxRateToBase": "1",
            "assetCategory": "FUND" if security.kind == "fund" else "STK",
            "symbol": symbol,
            "description": security.name.upper(),
            "cusip": security.cusip,
            "isin": security.isin,
            "multiplier": "1",
            "reportDate": f"{on:%Y%m%d}",
            "side": "Long",
        }
        units = sum((lot.units for lot in held), Decimal(0))
        cost = sum((lot.cost_usd or Decimal(0) for lot in held), Decimal(0))
        yield _flex_position(common, units=units, price=price, cost=cost, opened="", level="SUMMARY")
        for lot in held:
            opened = f"{lot.acquired_on:%Y%m%d};103000"
            yield _flex_position(
                common, units=lot.units, price=price, cost=lot.cost_usd or Decimal(0), opened=opened, level="LOT"
            )


def _flex_position(
    common: dict[str, object], *, units: Decimal, price: Decimal, cost: Decimal, opened: str, level: str
) -> str:
    value = money(units * price)
    return _element(
        "OpenPosition",
        **common,
        position=plain(units),
        markPrice=price,
        positionValue=value,
        costBasisMoney=cost,
        fifoPnlUnrealized=value - cost,
        levelOfDetail=level,
        openDateTime=opened,
    )


def _flex_trades(history: AccountHistory, done: tuple[TransactionLine, ...], market: Market) -> Iterator[str]:
    for place, trade in enumerate(done, start=1):
        if trade.kind not in ("buy", "sell"):
            continue
        security, day = market.instrument(trade.symbol), f"{trade.traded_on:%Y%m%d}"
        yield _element(
            "Trade",
            accountId=history.spec.number,
            currency="USD",
            assetCategory="STK",
            symbol=trade.symbol,
            description=security.name.upper(),
            cusip=security.cusip,
            isin=security.isin,
            tradeDate=day,
            dateTime=f"{day};103000",
            quantity=plain(trade.units),
            tradePrice=trade.price_usd,
            netCash=trade.amount_usd,
            ibCommission="0",
            taxes="0",
            buySell=trade.kind.upper(),
            transactionID=_flex_ref(history, place),
            levelOfDetail="EXECUTION",
        )


def _flex_cash(history: AccountHistory, done: tuple[TransactionLine, ...]) -> Iterator[str]:
    for place, flow in enumerate(done, start=1):
        if flow.kind in ("buy", "sell"):
            continue
        yield _element(
            "CashTransaction",
            accountId=history.spec.number,
            currency="USD",
            symbol=flow.symbol,
            dateTime=f"{flow.traded_on:%Y%m%d};202000",
            type=_FLEX_KINDS[flow.kind],
            amount=flow.amount_usd,
            transactionID=_flex_ref(history, place),
            levelOfDetail="DETAIL",
        )


def _flex_ref(history: AccountHistory, place: int) -> str:
    return f"{history.spec.number.removeprefix('U')}{place:05d}"
