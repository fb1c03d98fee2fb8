"""Schwab's CSV downloads of what happened: transactions and realised gains."""

import re
from datetime import date
from decimal import Decimal

from portfolios.custodians.base import (
    FileKind,
    ParsedAccount,
    ParsedFile,
    RealisedRow,
    TransactionKind,
    TransactionRow,
)
from portfolios.custodians.cells import FaultLog, RowReader, parse_number, parse_us_date
from portfolios.custodians.decoding import Line
from portfolios.custodians.sections import check_columns, columns_of, masked_account, readers

CUSTODIAN = "schwab"
BLANKS = frozenset({"", "--", "N/A"})
_TRANSACTIONS = re.compile(r"Transactions\s+for account (?P<account>.+) as of (?P<as_of>.+)")
_REALISED = re.compile(r"Realized Gain/Loss(?: - Lot Details)? for (?P<account>.+?) as of (?P<as_of>.+)")
_COLUMNS = ("Date", "Action", "Symbol", "Description", "Quantity", "Price", "Fees & Comm", "Amount")
_REALISED_ALIASES = {
    "CostBasis": "Cost Basis",
    "Cost Basis (CB)": "Cost Basis",
    "Long Term Gain/Loss ($)": "Long Term Gain/Loss",
    "Short Term Gain/Loss ($)": "Short Term Gain/Loss",
}
_REALISED_COLUMNS = ("Symbol", "Closed Date", "Quantity", "Proceeds", "Cost Basis")
_REALISED_KNOWN = frozenset({
    "Name", "Opened Date", "Proceeds Per Share", "Cost Per Share", "Gain/Loss ($)", "Gain/Loss (%)",
    "Long Term Gain/Loss", "Short Term Gain/Loss", "Term", "Unadjusted Cost Basis", "Wash Sale?", "Disallowed Loss",
    "Transaction Closed Date", "Transaction Cost Basis", "Total Transaction Gain/Loss ($)",
    "Total Transaction Gain/Loss (%)", "LT Transaction Gain/Loss ($)", "LT Transaction Gain/Loss (%)",
    "ST Transaction Gain/Loss ($)", "ST Transaction Gain/Loss (%)", "Total Gain/Loss ($)", "Total Gain/Loss (%)",
    "Long Term Gain/Loss (%)", "Short Term Gain/Loss (%)",
})  # fmt: skip
_K = TransactionKind
_ACTIONS = {
    _K.BUY: ("Buy",),
    _K.SELL: ("Sell",),
    _K.REINVEST: ("Reinvest Shares",),
    _K.DIVIDEND: (
        "Cash Dividend", "Qualified Dividend", "Non-Qualified Div", "Qual Div Reinvest", "Reinvest Dividend",
        "Pr Yr Cash Div", "Pr Yr Special Div", "Pr Yr Div Reinvest", "Special Non Qual Div", "Special Qual Div",
        "Special Dividend",
    ),
    _K.CAPITAL_GAIN_LONG: ("Long Term Cap Gain", "Long Term Cap Gain Reinvest"),
    _K.CAPITAL_GAIN_SHORT: ("Short Term Cap Gain", "Short Term Cap Gain Reinvest"),
    _K.RETURN_OF_CAPITAL: ("Return Of Capital",),
    _K.INTEREST: ("Bank Interest", "Credit Interest", "Bond Interest", "Margin Interest"),
    _K.TAX: ("Foreign Tax Paid", "NRA Tax Adj", "NRA Withholding"),
    _K.FEE: ("ADR Mgmt Fee", "Advisor Fee", "Service Fee"),
    _K.DEPOSIT: (
        "Wire Sent", "Wire Received", "Wire Funds", "Wire Funds Received", "MoneyLink Transfer", "MoneyLink Deposit",
        "MoneyLink Adj", "Funds Received", "Funds Paid", "Promotional Award",
    ),
    _K.JOURNAL: ("Journal", "Internal Transfer"),
    _K.TRANSFER: ("Journaled Shares", "Stock Plan Activity", "Security Transfer", "Shares Transfer"),
    _K.SPLIT: ("Stock Split", "Reverse Split"),
    _K.CORPORATE_ACTION: (
        "Stock Div Dist", "Spin-off", "Stock Merger", "Cash Merger", "Cash Merger Adj", "Name Change", "Conversion",
        "Cash In Lieu", "Expired", "Assigned", "Exchange or Exercise",
    ),
}  # fmt: skip
_KIND_OF = {action.lower(): kind for kind, actions in _ACTIONS.items() for action in actions}
_TRADES = frozenset({_K.BUY, _K.SELL, _K.REINVEST})
_UNITS_ONLY = frozenset({_K.TRANSFER, _K.SPLIT, _K.CORPORATE_ACTION})
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def read(lines: list[Line], *, log: FaultLog, file_name: str, account: str) -> ParsedFile:
    """Read transactions or realised gains; anything else is no Schwab file."""
    title = lines[0].cells[0]
    if match := _TRANSACTIONS.fullmatch(title):
        return _read_transactions(lines[1:], said=match["account"], log=log, file_name=file_name, account=account)
    if match := _REALISED.fullmatch(title):
        return _read_realised(lines, match, log=log, file_name=file_name, account=account)
    if set(_COLUMNS) <= set(lines[0].cells):
        return _read_transactions(lines, said="", log=log, file_name=file_name, account=account)
    log.error("This is not a download of Schwab: the first line is none that Schwab writes.", row=lines[0].number)
    return ParsedFile(custodian=CUSTODIAN, kind=FileKind.UNKNOWN)


def _read_transactions(lines: list[Line], *, said: str, log: FaultLog, file_name: str, account: str) -> ParsedFile:
    first = lines[0].number if lines else 1
    name = masked_account(said, file_name=file_name, account=account, log=log, row=first)
    names = columns_of(lines[0], {}) if lines else []
    done: list[TransactionRow] = []
    total: Line | None = None
    if check_columns(names, required=_COLUMNS, known=(), log=log, row=first):
        total = next((line for line in lines if line.cells[0].startswith("Transactions Total")), None)
        body = [line for line in lines[1:] if line is not total]
        for row in readers(body, names=names, log=log, account=name.number, blanks=BLANKS, read_date=_effective_date):
            transaction = _read_transaction(row)
            if row.is_good:
                done.append(transaction)
        if total is None and said:
            log.error("The line “Transactions Total” is missing; the file is cut off.", account=name.number)
        if total is not None:
            _note_total(total, done, log, account=name.number)
    parsed = ParsedAccount(number=name.number, is_masked=name.is_masked, label=name.label, transactions=tuple(done))
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.TRANSACTIONS,
        as_of=max((each.traded_on for each in done), default=None),
        row_count=len(lines) - 1 - (total is not None),
        accounts=(parsed,),
    )


def _effective_date(text: str) -> date | None:
    """Read "10/14/2020 as of 10/13/2020": the second is when it happened, the first when it was booked."""
    return parse_us_date(text.rpartition(" as of ")[2])


def _read_transaction(row: RowReader) -> TransactionRow:
    action = row.need_text("Action")
    kind = _KIND_OF.get(action.lower(), _K.OTHER)
    if action and kind is _K.OTHER:
        row.log.note(
            f"The action “{action}” is not known; it explains nothing.", row=row.number, column="Action",
            account=row.account,
        )  # fmt: skip
    amount = row.maybe_number("Amount") if kind in _UNITS_ONLY | {_K.OTHER} else row.need_number("Amount")
    units = row.signed_units("Quantity")
    if kind in _TRADES:
        if not units:
            row.fail(f"A “{action}” needs a quantity.", "Quantity")
        units = -abs(units) if kind is _K.SELL else abs(units)
    symbol = row.symbol("Symbol") if kind in _TRADES or row.cells.get("Symbol") else ""
    if kind is _K.DEPOSIT and (amount or 0) < 0:
        kind = _K.WITHDRAWAL
    return TransactionRow(
        row=row.number,
        kind=kind,
        traded_on=row.need_date("Date"),
        symbol=symbol,
        cusip=symbol if re.fullmatch(r"[0-9A-Z]{8}[0-9]", symbol) else "",
        units=units,
        price_usd=row.maybe_number("Price"),
        amount_usd=amount or Decimal(0),
        fee_usd=row.maybe_number("Fees & Comm") or Decimal(0),
        action=action,
        description=row.text("Description"),
    )


def _note_total(total: Line, done: list[TransactionRow], log: FaultLog, *, account: str) -> None:
    said = next((number for cell in total.cells[1:] if (number := parse_number(cell)) is not None), None)
    found = sum((each.amount_usd for each in done), Decimal(0))
    if said is not None and said != found:
        log.note(
            f"The amounts add up to ${found:,.2f}, the total says ${said:,.2f}.",
            row=total.number,
            column="Amount",
            account=account,
        )


def _read_realised(
    lines: list[Line], title: re.Match[str], *, log: FaultLog, file_name: str, account: str
) -> ParsedFile:
    name = masked_account(title["account"], file_name=file_name, account=account, log=log, row=lines[0].number)
    closed: list[RealisedRow] = []
    names = columns_of(lines[1], _REALISED_ALIASES) if len(lines) > 1 else []
    if check_columns(names, required=_REALISED_COLUMNS, known=_REALISED_KNOWN, log=log, row=lines[0].number + 1):
        for row in readers(lines[2:], names=names, log=log, account=name.number, blanks=BLANKS):
            realised = _read_closed_lot(row)
            if row.is_good:
                closed.append(realised)
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.REALISED,
        as_of=_written_date(title["as_of"]),
        row_count=max(0, len(lines) - 2),
        accounts=(
            ParsedAccount(number=name.number, is_masked=name.is_masked, label=name.label, realised=tuple(closed)),
        ),
    )


def _read_closed_lot(row: RowReader) -> RealisedRow:
    return RealisedRow(
        row=row.number,
        symbol=row.symbol("Symbol"),
        units=row.units("Quantity"),
        acquired_on=row.maybe_date("Opened Date"),
        closed_on=row.need_date("Closed Date"),
        proceeds_usd=row.need_number("Proceeds"),
        cost_usd=row.maybe_number("Cost Basis"),
        short_gain_usd=row.maybe_number("Short Term Gain/Loss"),
        long_gain_usd=row.maybe_number("Long Term Gain/Loss"),
        disallowed_usd=row.maybe_number("Disallowed Loss") or Decimal(0),
    )


def _written_date(said: str) -> date | None:
    """Read "Wed Sep 16  10:16:58 EDT 2026 from 06/16/2026 to 09/16/2026"."""
    match = re.match(r"\w{3} (\w{3}) +(\d{1,2}) .*? (\d{4})(?: from|$)", said.strip())
    if match is None or match[1] not in _MONTHS:
        return None
    return parse_us_date(f"{_MONTHS.index(match[1]) + 1}/{match[2]}/{match[3]}")
