"""Rows of a Flex query put together by account: positions, lots, cash, trades, money movements."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from portfolios.custodians.base import (
    CashRow,
    FileKind,
    LotRow,
    ParsedAccount,
    ParsedFile,
    PositionRow,
    TransactionKind,
    TransactionRow,
)
from portfolios.custodians.cells import FaultLog, RowReader, account_number, parse_compact_date

CUSTODIAN = "ibkr"
BLANKS = frozenset({"", "-", "--"})
_DETAIL = frozenset({"", "DETAIL", "EXECUTION"})
_DUST_USD = Decimal("0.005")
_SPLIT = re.compile(r"\bSPLIT (\d+(?:\.\d+)?) FOR (\d+(?:\.\d+)?)\b", re.IGNORECASE)
_K = TransactionKind
_CASH_KINDS = {
    "Dividends": _K.DIVIDEND,
    "Payment In Lieu Of Dividends": _K.DIVIDEND,
    "Withholding Tax": _K.TAX,
    "Broker Interest Paid": _K.INTEREST,
    "Broker Interest Received": _K.INTEREST,
    "Bond Interest": _K.INTEREST,
    "Bond Interest Paid": _K.INTEREST,
    "Bond Interest Received": _K.INTEREST,
    "Other Fees": _K.FEE,
    "Advisor Fees": _K.FEE,
    "Commission Adjustments": _K.FEE,
    "Deposits/Withdrawals": _K.DEPOSIT,
    "Deposits & Withdrawals": _K.DEPOSIT,
    "Cash Receipts": _K.DEPOSIT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One row of the XML with the line on which it begins."""

    tag: str
    line: int
    attributes: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Statement:
    """
    One FlexStatement: an account over a period, and the sections that it has.

    An empty section of positions says "nothing is held" only beside a cash report: a query for trades alone has it too.
    """

    line: int
    attributes: Mapping[str, str]
    base_currency: str = ""
    sections: set[str] = field(default_factory=set)
    rows: list[Element] = field(default_factory=list)


@dataclass(slots=True)
class _Account:
    """One account while its statements are read; holdings are those of the latest day."""

    as_of: date | None = None
    positions: list[PositionRow] | None = None
    lots: list[LotRow] | None = None
    cash: CashRow | None = None
    transactions: list[TransactionRow] | None = None
    refs: set[str] = field(default_factory=set)


def read(statements: list[Statement], *, log: FaultLog) -> ParsedFile:
    """Read every statement; several of one account must be of different days."""
    accounts: dict[str, _Account] = {}
    for statement in sorted(statements, key=lambda each: each.attributes.get("toDate", "")):
        number = account_number(statement.attributes.get("accountId", ""))
        as_of = parse_compact_date(statement.attributes.get("toDate", ""))
        if not number or as_of is None:
            log.error("The statement has no accountId or no toDate.", row=statement.line)
            continue
        account = accounts.setdefault(number, _Account())
        if account.as_of == as_of:
            log.error(f"The account has two statements for {as_of}.", row=statement.line, account=number)
            continue
        account.as_of = as_of
        _read_statement(statement, account, number=number, log=log)
    days = {account.as_of for account in accounts.values() if account.as_of}
    if len(days) > 1:
        log.error("The statements of the accounts end on different days; import one day at a time.")
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.STATEMENT,
        as_of=max(days, default=None),
        row_count=sum(len(statement.rows) for statement in statements),
        accounts=tuple(_close(number, account) for number, account in accounts.items()),
    )


def _close(number: str, account: _Account) -> ParsedAccount:
    return ParsedAccount(
        number=number,
        positions=None if account.positions is None else tuple(account.positions),
        lots=None if account.lots is None else tuple(account.lots),
        cash=account.cash,
        transactions=None if account.transactions is None else tuple(account.transactions),
    )


def _read_statement(statement: Statement, account: _Account, *, number: str, log: FaultLog) -> None:
    by_tag: dict[str, list[RowReader]] = {}
    for element in statement.rows:
        row = RowReader(
            number=element.line,
            cells=element.attributes,
            log=log,
            account=number,
            read_date=parse_compact_date,
            blanks=BLANKS,
        )
        by_tag.setdefault(element.tag, []).append(row)
    if by_tag.get("OpenPosition") or {"OpenPositions", "CashReport"} <= statement.sections:
        _read_holdings(by_tag.get("OpenPosition", []), account)
        _check_sums(account, number=number, log=log)
    if "CashReport" in statement.sections:
        _read_cash_report(by_tag.get("CashReportCurrency", []), account, statement=statement)
    if statement.sections & {"Trades", "CashTransactions", "CorporateActions"}:
        account.transactions = account.transactions or []
        for tag, read_one in (
            ("Trade", _read_trade),
            ("CashTransaction", _read_cash_transaction),
            ("CorporateAction", _read_corporate_action),
        ):
            for row in by_tag.get(tag, []):
                if row.cells.get("levelOfDetail", "") in _DETAIL:
                    _keep(read_one(row), row, account)


def _keep(done: TransactionRow, row: RowReader, account: _Account) -> None:
    """Keep a good row once: statements of neighbouring days repeat what has the same transaction id."""
    if not row.is_good or (done.ref and done.ref in account.refs):
        return
    account.refs.add(done.ref)
    assert account.transactions is not None
    account.transactions.append(done)


def _check_currency(row: RowReader) -> None:
    currency = row.text("currency")
    if currency != "USD":
        row.fail(f"The row is in {currency or 'no currency'}; only US dollars are kept.", "currency")


def _read_holdings(rows: list[RowReader], account: _Account) -> None:
    account.positions, lots = [], []
    for row in rows:
        _check_currency(row)
        if row.text("levelOfDetail") == "LOT":
            lot = _read_lot(row)
            if row.is_good:
                lots.append(lot)
        else:
            position = _read_position(row)
            if row.is_good:
                account.positions.append(position)
    has_lots = any(row.cells.get("levelOfDetail") == "LOT" for row in rows)
    account.lots = lots if has_lots or not rows else None


def _read_position(row: RowReader) -> PositionRow:
    return PositionRow(
        row=row.number,
        symbol=row.symbol("symbol"),
        cusip=row.text("cusip"),
        isin=row.text("isin"),
        description=row.text("description"),
        kind=row.text("assetCategory"),
        units=row.units("position"),
        price_usd=row.maybe_number("markPrice"),
        value_usd=row.maybe_number("positionValue"),
        cost_usd=row.maybe_number("costBasisMoney"),
    )


def _read_lot(row: RowReader) -> LotRow:
    acquired = row.need_date("openDateTime")
    holding = row.maybe_date("holdingPeriodDateTime")
    cost = row.maybe_number("costBasisMoney")
    if cost is not None and cost < 0:
        row.fail(f"The cost basis {cost} is negative.", "costBasisMoney")
    return LotRow(
        row=row.number,
        symbol=row.symbol("symbol"),
        cusip=row.text("cusip"),
        isin=row.text("isin"),
        units=row.units("position"),
        cost_usd=cost,
        acquired_on=acquired,
        holding_on=holding if holding is not None and holding < acquired else None,
        lot_ref=row.text("originatingTransactionID"),
    )


def _check_sums(account: _Account, *, number: str, log: FaultLog) -> None:
    if account.lots is None or any(fault.account == number for fault in log.faults):
        return
    for position in account.positions or []:
        total = sum((lot.units for lot in account.lots if lot.symbol == position.symbol), Decimal(0))
        if total != position.units:
            log.error(
                f"The lots of {position.symbol} add up to {total.normalize():f}, "
                f"the position is {position.units.normalize():f}.",
                row=position.row,
                column="position",
                account=number,
            )


def _read_cash_report(rows: list[RowReader], account: _Account, *, statement: Statement) -> None:
    currencies = {row.cells.get("currency", "") for row in rows}
    for row in rows:
        currency = row.cells.get("currency", "")
        if currency == "BASE_SUMMARY":
            if currencies != {"BASE_SUMMARY"}:
                continue
            if statement.base_currency != "USD":
                row.fail("The cash stands only in the base currency, which the file does not name as USD.", "currency")
                continue
        ending = row.need_number("endingCash")
        settled = row.maybe_number("endingSettledCash")
        settled = ending if settled is None else settled
        if currency not in ("USD", "BASE_SUMMARY"):
            if abs(ending) >= _DUST_USD:
                row.fail(f"The account holds {ending} {currency}; only US dollars are kept.", "currency")
            continue
        account.cash = CashRow(row=row.number, settled_usd=settled, unsettled_usd=ending - settled)


def _read_trade(row: RowReader) -> TransactionRow:
    _check_currency(row)
    units = row.signed_units("quantity")
    if not units:
        row.fail("The quantity is missing or 0.", "quantity")
    if "(Ca.)" in row.text("buySell"):
        row.fail("The row cancels a trade; correct the trade by hand.", "buySell")
    commission, taxes = row.maybe_number("ibCommission") or Decimal(0), row.maybe_number("taxes") or Decimal(0)
    return TransactionRow(
        row=row.number,
        kind=_K.BUY if units > 0 else _K.SELL,
        traded_on=row.need_date("tradeDate"),
        settled_on=row.maybe_date("settleDateTarget"),
        symbol=row.symbol("symbol"),
        cusip=row.text("cusip"),
        isin=row.text("isin"),
        units=units,
        price_usd=row.maybe_number("tradePrice"),
        amount_usd=row.need_number("netCash"),
        fee_usd=-(commission + taxes),
        action=row.text("buySell"),
        description=row.text("description"),
        ref=row.text("transactionID") or row.text("tradeID"),
    )


def _read_cash_transaction(row: RowReader) -> TransactionRow:
    _check_currency(row)
    said = row.need_text("type")
    kind = _CASH_KINDS.get(said, _K.OTHER)
    if said and kind is _K.OTHER:
        row.log.note(f"The type “{said}” is not known; only its amount counts.", row=row.number, column="type",
                     account=row.account)  # fmt: skip
    amount = row.need_number("amount")
    if kind is _K.DEPOSIT and amount < 0:
        kind = _K.WITHDRAWAL
    dated = next((name for name in ("dateTime", "reportDate", "settleDate") if row.cells.get(name)), "dateTime")
    return TransactionRow(
        row=row.number,
        kind=kind,
        traded_on=row.need_date(dated),
        settled_on=row.maybe_date("settleDate"),
        symbol=row.symbol("symbol") if row.text("symbol") else "",
        cusip=row.text("cusip"),
        isin=row.text("isin"),
        amount_usd=amount,
        action=said,
        description=row.text("description"),
        ref=row.text("transactionID"),
    )


def _read_corporate_action(row: RowReader) -> TransactionRow:
    _check_currency(row)
    said = row.text("type")
    return TransactionRow(
        row=row.number,
        kind=_K.SPLIT if said in ("FS", "RS") else _K.CORPORATE_ACTION,
        traded_on=row.need_date("dateTime" if row.cells.get("dateTime") else "reportDate"),
        symbol=row.symbol("symbol"),
        cusip=row.text("cusip"),
        isin=row.text("isin"),
        units=row.signed_units("quantity"),
        amount_usd=row.maybe_number("proceeds") or Decimal(0),
        action=said,
        ratio=_split_ratio(row.text("description")) if said in ("FS", "RS") else None,
        description=row.text("description"),
        ref=row.text("transactionID"),
    )


def _split_ratio(told: str) -> Decimal | None:
    """Read new units for one old from "AAPL(US0378331005) SPLIT 4 FOR 1 (AAPL, APPLE INC, US0378331005)"."""
    found = _SPLIT.search(told)
    if found is None:
        return None
    new, old = Decimal(found[1]), Decimal(found[2])
    return new / old if new > 0 and old > 0 else None
