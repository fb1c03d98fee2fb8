"""Fidelity's CSV downloads: positions, month-end statement, realised gain and loss; the history is beside it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from portfolios.custodians import fidelity_history, ofx
from portfolios.custodians.base import (
    CashRow,
    FileKind,
    ParsedAccount,
    ParsedFile,
    PositionRow,
    RealisedRow,
)
from portfolios.custodians.cells import FaultLog, RowReader, account_number, parse_us_date
from portfolios.custodians.decoding import Line, read_grid
from portfolios.custodians.fidelity_history import BLANKS, body_and_date, stated_account
from portfolios.custodians.ofx_reader import is_ofx
from portfolios.custodians.sections import check_columns, columns_of, readers

CUSTODIAN = "fidelity"
_POSITION_COLUMNS = (
    "Account Number",
    "Symbol",
    "Description",
    "Quantity",
    "Last Price",
    "Current Value",
    "Cost Basis Total",
)
_POSITION_KNOWN = frozenset({
    "Account Name", "Last Price Change", "Today's Gain/Loss Dollar", "Today's Gain/Loss Percent",
    "Total Gain/Loss Dollar", "Total Gain/Loss Percent", "Percent Of Account", "Average Cost Basis", "Type",
})  # fmt: skip
_REALISED_COLUMNS = ("Symbol(CUSIP)", "Quantity", "Date Acquired", "Date Sold", "Proceeds", "Cost Basis")
_REALISED_KNOWN = frozenset({"Security Description", "Short Term Gain/Loss", "Long Term Gain/Loss"})
_STATEMENT_COLUMNS = ("Symbol/CUSIP", "Description", "Quantity", "Price", "Ending Value", "Cost Basis")
_STATEMENT_KNOWN = frozenset({"Beginning Value"})
_SYMBOL_CUSIP = re.compile(r"(?P<symbol>[^()]+)\((?P<cusip>[0-9A-Z]{9})\)")
_SUBTOTAL = "Subtotal of "


def parse(*, file_name: str, content: bytes, account: str) -> ParsedFile:
    """
    Parse one Fidelity download, CSV or OFX; its header tells which.

    :raises Unreadable: not a table at all
    """
    if is_ofx(content):
        return ofx.parse(custodian=CUSTODIAN, content=content, account=account)
    grid = read_grid(content)
    log = FaultLog(list(grid.faults))
    lines = [line for line in grid.lines if not line.is_blank()]
    readers_by_mark: dict[tuple[str, str], Callable[[list[Line], FaultLog, str, str], ParsedFile]] = {
        ("Account Number", "Account Name"): _read_positions,
        ("Symbol(CUSIP)", "Security Description"): _read_realised,
        ("Account Type", "Account"): _read_statement,
        ("Run Date", "Account"): fidelity_history.read,
        ("Run Date", "Action"): fidelity_history.read,
    }
    read = readers_by_mark.get((lines[0].cells[0], lines[0].cells[1] if len(lines[0].cells) > 1 else ""))
    if read is None:
        log.error(
            "This is not a download of Fidelity: the first row is none that Fidelity writes.", row=lines[0].number
        )
        return ParsedFile(custodian=CUSTODIAN, kind=FileKind.UNKNOWN, faults=tuple(log.faults))
    return replace(read(lines, log, file_name, account), faults=tuple(log.faults))


@dataclass(slots=True)
class _Holdings:
    """One account while its rows are read; `seen` holds symbol and type, because margin shares stand apart."""

    label: str = ""
    positions: list[PositionRow] = field(default_factory=list)
    cash: CashRow | None = None
    seen: set[tuple[str, str]] = field(default_factory=set)

    def add_cash(self, row: int, *, settled_usd: Decimal, unsettled_usd: Decimal = Decimal(0)) -> None:
        before = self.cash or CashRow(row=row, settled_usd=Decimal(0))
        self.cash = CashRow(
            row=before.row,
            settled_usd=before.settled_usd + settled_usd,
            unsettled_usd=before.unsettled_usd + unsettled_usd,
        )


def _close(accounts: dict[str, _Holdings]) -> tuple[ParsedAccount, ...]:
    return tuple(
        ParsedAccount(
            number=number,
            label=held.label,
            positions=tuple(held.positions),
            cash=held.cash or CashRow(row=held.positions[0].row if held.positions else 1, settled_usd=Decimal(0)),
        )
        for number, held in accounts.items()
    )


def _read_positions(lines: list[Line], log: FaultLog, file_name: str, account: str) -> ParsedFile:
    del file_name, account
    body, as_of = body_and_date(lines[1:], log)
    names = columns_of(lines[0], {})
    accounts: dict[str, _Holdings] = {}
    if check_columns(names, required=_POSITION_COLUMNS, known=_POSITION_KNOWN, log=log, row=lines[0].number):
        for row in readers(body, names=names, log=log, account="", blanks=BLANKS):
            row.account = account_number(row.cells["Account Number"])
            row.need_text("Account Number")
            held = accounts.setdefault(row.account, _Holdings(label=row.cells.get("Account Name", "")))
            _keep_holding(row, held)
    return ParsedFile(
        custodian=CUSTODIAN, kind=FileKind.POSITIONS, as_of=as_of, row_count=len(body), accounts=_close(accounts)
    )


def _keep_holding(row: RowReader, held: _Holdings) -> None:
    said = row.cells.get("Symbol", "")
    if said.endswith("**"):
        held.add_cash(row.number, settled_usd=row.need_number("Current Value"))
        return
    if said.lower() == "pending activity":
        held.add_cash(row.number, settled_usd=Decimal(0), unsettled_usd=row.need_number("Current Value"))
        return
    position = PositionRow(
        row=row.number,
        symbol=row.symbol("Symbol"),
        description=row.text("Description"),
        units=row.units("Quantity"),
        price_usd=row.maybe_number("Last Price"),
        value_usd=row.maybe_number("Current Value"),
        cost_usd=row.maybe_number("Cost Basis Total"),
    )
    key = (position.symbol, row.cells.get("Type", ""))
    if key in held.seen:
        row.fail(f"{position.symbol} appears twice in this account.", "Symbol")
    held.seen.add(key)
    if row.is_good:
        held.positions.append(position)


def _read_realised(lines: list[Line], log: FaultLog, file_name: str, account: str) -> ParsedFile:
    number = stated_account(file_name, account, log)
    names = columns_of(lines[0], {})
    closed: list[RealisedRow] = []
    if check_columns(names, required=_REALISED_COLUMNS, known=_REALISED_KNOWN, log=log, row=lines[0].number):
        for row in readers(lines[1:], names=names, log=log, account=number, blanks=BLANKS | {"Various"}):
            realised = _read_closed_lot(row)
            if row.is_good:
                closed.append(realised)
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.REALISED,
        as_of=max((each.closed_on for each in closed), default=None),
        row_count=len(lines) - 1,
        accounts=(ParsedAccount(number=number, realised=tuple(closed)),),
    )


def _read_closed_lot(row: RowReader) -> RealisedRow:
    said = row.need_text("Symbol(CUSIP)")
    match = _SYMBOL_CUSIP.fullmatch(said)
    if said and match is None:
        row.fail(f"“{said[:40]}” is not a symbol with its CUSIP.", "Symbol(CUSIP)")
    return RealisedRow(
        row=row.number,
        symbol=match["symbol"].strip() if match else "",
        cusip=match["cusip"] if match else "",
        units=row.units("Quantity"),
        acquired_on=row.maybe_date("Date Acquired"),
        closed_on=row.need_date("Date Sold"),
        proceeds_usd=row.need_number("Proceeds"),
        cost_usd=row.maybe_number("Cost Basis"),
        short_gain_usd=row.maybe_number("Short Term Gain/Loss"),
        long_gain_usd=row.maybe_number("Long Term Gain/Loss"),
    )


def _read_statement(lines: list[Line], log: FaultLog, file_name: str, account: str) -> ParsedFile:
    del account
    start = next((index for index, line in enumerate(lines) if line.cells[0] == _STATEMENT_COLUMNS[0]), None)
    if start is None:
        log.error("The table of holdings is missing; the file is cut off.")
        return ParsedFile(custodian=CUSTODIAN, kind=FileKind.POSITIONS)
    accounts = {
        account_number(line.cells[1]): _Holdings(label=line.cells[0]) for line in lines[1:start] if len(line.cells) > 1
    }
    names = columns_of(lines[start], {})
    rows = 0
    if check_columns(names, required=_STATEMENT_COLUMNS, known=_STATEMENT_KNOWN, log=log, row=lines[start].number):
        rows = _read_blocks(lines[start + 1 :], names=names, accounts=accounts, log=log)
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.POSITIONS,
        as_of=_date_in_name(file_name, log),
        row_count=rows,
        accounts=_close(accounts),
    )


def _read_blocks(lines: list[Line], *, names: list[str], accounts: dict[str, _Holdings], log: FaultLog) -> int:
    """Read "account", "category", rows, "Subtotal of category", again and again; give the number of rows."""
    number, category, rows = "", "", 0
    for line in lines:
        said = line.cells[0]
        if said.startswith(_SUBTOTAL):
            category = ""
        elif not any(line.cells[1:]):
            if account_number(said) in accounts:
                number = account_number(said)
            else:
                category = said
        else:
            rows += 1
            row = next(readers([line], names=names, log=log, account=number, blanks=BLANKS))
            if not number or not category:
                row.fail("The row stands under no account and category.")
            else:
                _keep_statement_row(row, accounts[number], category=category)
    if category:
        log.error(f"The subtotal of {category} is missing; the file is cut off.", account=number)
    return rows


def _keep_statement_row(row: RowReader, held: _Holdings, *, category: str) -> None:
    if category == "Core Account":
        held.add_cash(row.number, settled_usd=row.need_number("Ending Value"))
        return
    position = PositionRow(
        row=row.number,
        symbol=row.symbol("Symbol/CUSIP"),
        description=row.text("Description"),
        kind=category,
        units=row.units("Quantity"),
        price_usd=row.maybe_number("Price"),
        value_usd=row.maybe_number("Ending Value"),
        cost_usd=row.maybe_number("Cost Basis"),
    )
    if row.is_good:
        held.positions.append(position)


def _date_in_name(file_name: str, log: FaultLog) -> date | None:
    match = re.search(r"(\d{2})(\d{2})(\d{4})", file_name)
    found = parse_us_date(f"{match[1]}/{match[2]}/{match[3]}") if match else None
    if found is None:
        log.error("The name of the file does not tell the day of the statement (Statement12312025.csv).")
    return found
