"""Fidelity's account history, in its three layouts."""

import re
from datetime import date
from decimal import Decimal

from portfolios.custodians.base import (
    FileKind,
    ParsedAccount,
    ParsedFile,
    TransactionKind,
    TransactionRow,
)
from portfolios.custodians.cells import FaultLog, RowReader, account_number, parse_us_date
from portfolios.custodians.decoding import Line
from portfolios.custodians.sections import check_columns, columns_of, readers

CUSTODIAN = "fidelity"
BLANKS = frozenset({"", "--", "-", "n/a", "N/A", "not applicable", "unknown"})
_FOOTERS = ("The data and information", "Brokerage services", "Date downloaded")
_ALIASES = {
    "Security Description": "Description",
    "Security Type": "Type",
    "Price ($)": "Price",
    "Commission ($)": "Commission",
    "Fees ($)": "Fees",
    "Accrued Interest ($)": "Accrued Interest",
    "Amount ($)": "Amount",
}
_COLUMNS = ("Run Date", "Action", "Symbol", "Quantity", "Price", "Amount", "Settlement Date")
_KNOWN = frozenset({
    "Account", "Account Number", "Description", "Type", "Exchange Quantity", "Exchange Currency", "Currency",
    "Exchange Rate", "Commission", "Fees", "Accrued Interest",
})  # fmt: skip
_K = TransactionKind
_ACTIONS: tuple[tuple[str, TransactionKind], ...] = (
    ("YOU BOUGHT", _K.BUY),
    ("YOU SOLD", _K.SELL),
    ("REINVESTMENT", _K.REINVEST),
    ("DIVIDEND RECEIVED", _K.DIVIDEND),
    ("LONG-TERM CAP GAIN", _K.CAPITAL_GAIN_LONG),
    ("SHORT-TERM CAP GAIN", _K.CAPITAL_GAIN_SHORT),
    ("RETURN OF CAPITAL", _K.RETURN_OF_CAPITAL),
    ("INTEREST EARNED", _K.INTEREST),
    ("MUNI EXEMPT INT", _K.INTEREST),
    ("NON-RESIDENT TAX", _K.TAX),
    ("FOREIGN TAX PAID", _K.TAX),
    ("ADVISORY FEE", _K.FEE),
    ("FEE CHARGED", _K.FEE),
    ("TRANSFERRED FROM", _K.JOURNAL),
    ("TRANSFERRED TO", _K.JOURNAL),
    ("DIRECT DEPOSIT", _K.DEPOSIT),
    ("CHECK RECEIVED", _K.DEPOSIT),
    ("ELECTRONIC FUNDS TRANSFER RECEIVED", _K.DEPOSIT),
    ("DIRECT DEBIT", _K.WITHDRAWAL),
    ("CHECK PAID", _K.WITHDRAWAL),
    ("ELECTRONIC FUNDS TRANSFER PAID", _K.WITHDRAWAL),
    ("REVERSE SPLIT", _K.SPLIT),
    ("STOCK SPLIT", _K.SPLIT),
    ("REDEMPTION PAYOUT", _K.CORPORATE_ACTION),
    ("MERGER", _K.CORPORATE_ACTION),
    ("SPIN-OFF", _K.CORPORATE_ACTION),
    ("NAME CHANGED", _K.CORPORATE_ACTION),
    ("IN LIEU OF", _K.CORPORATE_ACTION),
)
_TRADES = frozenset({_K.BUY, _K.SELL, _K.REINVEST})
_AS_OF = re.compile(r" as of (\w{3})-(\d{2})-(\d{4})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def body_and_date(lines: list[Line], log: FaultLog) -> tuple[list[Line], date | None]:
    """Cut the footer off; its line "Date downloaded" shows that the file is complete, and gives the date."""
    ends = next((i for i, line in enumerate(lines) if line.cells[0].startswith(_FOOTERS)), len(lines))
    said = next((line.cells[0] for line in lines[ends:] if line.cells[0].startswith("Date downloaded")), "")
    found = re.search(r"\d{1,2}/\d{1,2}/\d{4}", said)
    as_of = parse_us_date(found[0]) if found else None
    if as_of is None:
        log.error("The closing line “Date downloaded” is missing; the file is cut off.")
    return lines[:ends], as_of


def stated_account(file_name: str, account: str, log: FaultLog) -> str:
    """Take the account from the uploader or from a name such as History_for_Account_X81234567.csv."""
    match = re.search(r"Account[_ -]([A-Z]?\d[0-9A-Z]{5,})", file_name)
    if account:
        return account_number(account)
    if match is None:
        log.error("Nothing in the file or its name tells the account; name it when importing.")
    return match[1] if match else ""


def read(lines: list[Line], log: FaultLog, file_name: str, account: str) -> ParsedFile:
    """Read the history of one or of all accounts."""
    body, as_of = body_and_date(lines[1:], log)
    names = columns_of(lines[0], _ALIASES)
    number = "" if "Account Number" in names else stated_account(file_name, account, log)
    accounts: dict[str, list[TransactionRow]] = {}
    if check_columns(names, required=_COLUMNS, known=_KNOWN, log=log, row=lines[0].number):
        for row in readers(body, names=names, log=log, account=number, blanks=BLANKS):
            if "Account Number" in names:
                row.account = account_number(row.need_text("Account Number"))
            transaction = _read_transaction(row)
            bucket = accounts.setdefault(row.account, [])
            if row.is_good:
                bucket.append(transaction)
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.TRANSACTIONS,
        as_of=as_of,
        row_count=len(body),
        accounts=tuple(ParsedAccount(number=key, transactions=tuple(done)) for key, done in accounts.items()),
    )


def _read_transaction(row: RowReader) -> TransactionRow:
    action = row.need_text("Action")
    units = row.signed_units("Quantity")
    kind = _kind_of(action, units=units)
    if action and kind is _K.OTHER:
        row.log.note(
            f"The action “{action[:60]}” is not known; it explains nothing.", row=row.number, column="Action",
            account=row.account,
        )  # fmt: skip
    if (currency := row.text("Currency")) not in ("", "USD"):
        row.fail(f"The row is in {currency}; only US dollars are kept.", "Currency")
    if kind in _TRADES and not units:
        row.fail("A trade needs a quantity.", "Quantity")
    if kind in _TRADES and units * (-1 if kind is _K.SELL else 1) < 0:
        row.fail(f"The quantity {units} has the wrong sign for this action.", "Quantity")
    symbol = row.symbol("Symbol") if kind in _TRADES or row.cells.get("Symbol") else ""
    amount = row.maybe_number("Amount") or Decimal(0)
    commission, fees = row.maybe_number("Commission") or Decimal(0), row.maybe_number("Fees") or Decimal(0)
    return TransactionRow(
        row=row.number,
        kind=kind,
        traded_on=_effective_on(action) or row.need_date("Run Date"),
        settled_on=row.maybe_date("Settlement Date"),
        symbol=symbol,
        cusip=symbol if re.fullmatch(r"[0-9A-Z]{8}[0-9]", symbol) else "",
        units=units,
        price_usd=row.maybe_number("Price"),
        amount_usd=Decimal(0) if row.cells.get("Type") == "Shares" else amount,
        fee_usd=commission + fees,
        action=action,
        description=row.text("Description"),
    )


def _kind_of(action: str, *, units: Decimal) -> TransactionKind:
    said = action.upper()
    kind = next((kind for start, kind in _ACTIONS if said.startswith(start)), _K.OTHER)
    return _K.TRANSFER if kind is _K.JOURNAL and units else kind


def _effective_on(action: str) -> date | None:
    match = _AS_OF.search(action)
    if match is None or match[1] not in _MONTHS:
        return None
    return parse_us_date(f"{_MONTHS.index(match[1]) + 1}/{match[2]}/{match[3]}")
