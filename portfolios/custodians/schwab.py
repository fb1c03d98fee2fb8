"""Schwab's CSV downloads: positions in the layouts of 2020 and 2026, open-lot details; activity is beside it."""

import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from portfolios.custodians import schwab_activity
from portfolios.custodians.base import CashRow, FileKind, LotRow, ParsedAccount, ParsedFile, PositionRow
from portfolios.custodians.cells import FaultLog, RowReader, parse_number, parse_us_date
from portfolios.custodians.decoding import Line, read_grid
from portfolios.custodians.sections import AccountName, check_columns, columns_of, masked_account, readers

CUSTODIAN = "schwab"
BLANKS = frozenset({"", "--", "N/A"})
_CASH_TYPE = "Cash and Money Market"
_POSITION_ALIASES = {
    "Qty (Quantity)": "Quantity",
    "Mkt Val (Market Value)": "Market Value",
    "Asset Type": "Security Type",
}
_POSITION_COLUMNS = ("Symbol", "Description", "Quantity", "Price", "Market Value", "Cost Basis", "Security Type")
_POSITION_KNOWN = frozenset({
    "Price Change $", "Price Change %", "Day Change $", "Day Change %", "Gain/Loss $", "Gain/Loss %",
    "Reinvest Dividends?", "Capital Gains?", "% Of Account", "Dividend Yield", "Last Dividend", "Ex-Dividend Date",
    "P/E Ratio", "52 Week Low", "52 Week High", "Volume", "Intrinsic Value", "In The Money",
    "Price Chng % (Price Change %)", "Price Chng $ (Price Change $)", "Day Chng $ (Day Change $)",
    "Day Chng % (Day Change %)", "Gain $ (Gain/Loss $)", "Gain % (Gain/Loss %)", "Ratings", "Reinvest?",
    "Reinvest Capital Gains?", "% of Acct (% of Account)",
})  # fmt: skip
_LOT_COLUMNS = ("Open Date", "Quantity", "Cost Basis")
_LOT_KNOWN = frozenset({
    "Transaction Open", "Price", "Cost/Share", "Transaction CPS", "Market Value", "Transaction CB", "Gain/Loss $",
    "Transaction G/L $", "Gain/Loss %", "Transaction G/L %", "Holding Period", "Disallowed Loss",
})  # fmt: skip
_OPTION = re.compile(r".+ \d{2}/\d{2}/\d{4} [\d.]+ [CP]")
_ONE_ACCOUNT = re.compile(r"Positions for account (?P<account>.+) as of (?P<as_of>.+)")
_ALL_ACCOUNTS = re.compile(r"Positions for All-Accounts as of (?P<as_of>.+)")
_LOTS = re.compile(r"(?P<symbol>(?!Realized Gain/Loss)\S.*?) Lot Details for (?P<account>.+) as of (?P<as_of>.+)")
_TOTALS = frozenset({"Account Total", "Positions Total"})


def parse(*, file_name: str, content: bytes, account: str) -> ParsedFile:
    """
    Parse one Schwab download; the first line tells which.

    :raises Unreadable: not a table at all
    """
    grid = read_grid(content)
    log = FaultLog(list(grid.faults))
    lines = [line for line in grid.lines if not line.is_blank()]
    title = lines[0].cells[0]
    if match := _ONE_ACCOUNT.fullmatch(title):
        parsed = _read_positions(lines, _sections(lines[0], match["account"], lines), log, file_name, account)
    elif _ALL_ACCOUNTS.fullmatch(title):
        parsed = _read_positions(lines, _all_sections(lines), log, file_name, account)
    elif _LOTS.fullmatch(title):
        parsed = _read_lot_details(lines, log, file_name=file_name, account=account)
    else:
        parsed = schwab_activity.read(lines, log=log, file_name=file_name, account=account)
    return replace(parsed, faults=tuple(log.faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """One account's part of a positions file: what names it, and its lines from the header on."""

    row: int
    said: str
    lines: tuple[Line, ...]


def read_as_of(said: str) -> date | None:
    """Find the date in "02:45 AM ET, 10/25/2020" or "01:17 PM ET, 2026/05/03"."""
    if match := re.search(r"\d{1,2}/\d{1,2}/\d{4}", said):
        return parse_us_date(match[0])
    if match := re.search(r"(\d{4})/(\d{2})/(\d{2})", said):
        return parse_us_date(f"{match[2]}/{match[3]}/{match[1]}")
    return None


def _sections(title: Line, said: str, lines: list[Line]) -> list[_Section]:
    return [_Section(row=title.number, said=said, lines=tuple(lines[1:]))]


def _all_sections(lines: list[Line]) -> list[_Section]:
    starts = [index for index in range(1, len(lines)) if lines[index].cells[0] and not any(lines[index].cells[1:])]
    ends = [*starts[1:], len(lines)]
    return [
        _Section(row=lines[start].number, said=lines[start].cells[0], lines=tuple(lines[start + 1 : end]))
        for start, end in zip(starts, ends, strict=True)
    ]


def _read_positions(
    lines: list[Line], sections: list[_Section], log: FaultLog, file_name: str, account: str
) -> ParsedFile:
    as_of = read_as_of(lines[0].cells[0].rpartition(" as of ")[2])
    if as_of is None:
        log.error("The first line does not tell the date of the positions.", row=lines[0].number)
    if not sections:
        log.error("The file names no account; it may be cut off.")
    accounts: dict[str, ParsedAccount] = {}
    for section in sections:
        name = masked_account(section.said, file_name=file_name, account=account, log=log, row=section.row)
        if name.number in accounts:
            log.error("The account appears twice in the file.", row=section.row, account=name.number)
            continue
        accounts[name.number] = _read_section(section, name, log)
    rows = sum(max(0, len(section.lines) - 2) for section in sections)
    return ParsedFile(
        custodian=CUSTODIAN, kind=FileKind.POSITIONS, as_of=as_of, row_count=rows, accounts=tuple(accounts.values())
    )


def _read_section(section: _Section, name: AccountName, log: FaultLog) -> ParsedAccount:
    empty = ParsedAccount(number=name.number, is_masked=name.is_masked, label=name.label)
    if not section.lines:
        log.error("The account has no rows; the file may be cut off.", row=section.row, account=name.number)
        return empty
    header = section.lines[0]
    names = columns_of(header, _POSITION_ALIASES)
    if not check_columns(names, required=_POSITION_COLUMNS, known=_POSITION_KNOWN, log=log, row=header.number):
        return empty
    positions: list[PositionRow] = []
    cash: CashRow | None = None
    total = next((line for line in section.lines[1:] if line.cells[0] in _TOTALS), None)
    body = [line for line in section.lines[1:] if line is not total]
    for row in readers(body, names=names, log=log, account=name.number, blanks=BLANKS):
        if row.cells.get("Security Type") == _CASH_TYPE:
            cash = _add_cash(row, cash)
        else:
            _keep_position(row, positions)
    if total is None:
        log.error("The total of the account is missing; the file is cut off.", row=section.row, account=name.number)
    else:
        said = dict(zip(names, total.cells, strict=False)).get("Market Value", "")
        found = sum((each.value_usd or Decimal(0) for each in positions), cash.settled_usd if cash else Decimal(0))
        _note_total(parse_number(said), found, log, row=total.number, account=name.number)
    return replace(empty, positions=tuple(positions), cash=cash)


def _add_cash(row: RowReader, cash: CashRow | None) -> CashRow:
    value = row.need_number("Market Value")
    return CashRow(row=row.number if cash is None else cash.row, settled_usd=value + (cash.settled_usd if cash else 0))


def _keep_position(row: RowReader, positions: list[PositionRow]) -> None:
    symbol = row.symbol("Symbol")
    position = PositionRow(
        row=row.number,
        symbol=symbol,
        description=row.text("Description"),
        kind="Option" if _OPTION.fullmatch(symbol) else row.text("Security Type"),
        units=row.units("Quantity"),
        price_usd=row.maybe_number("Price"),
        value_usd=row.maybe_number("Market Value"),
        cost_usd=row.maybe_number("Cost Basis"),
    )
    if any(symbol == other.symbol for other in positions):
        row.fail(f"{symbol} appears twice in this account.", "Symbol")
    if row.is_good:
        positions.append(position)


def _note_total(said: Decimal | None, found: Decimal, log: FaultLog, *, row: int, account: str) -> None:
    if said is not None and abs(said - found) > 1:
        message = f"The rows add up to ${found:,.2f}, the total says ${said:,.2f}."
        log.note(message, row=row, column="Market Value", account=account)


def _read_lot_details(lines: list[Line], log: FaultLog, *, file_name: str, account: str) -> ParsedFile:
    starts = [index for index, line in enumerate(lines) if _LOTS.fullmatch(line.cells[0])]
    ends = [*starts[1:], len(lines)]
    accounts: dict[str, ParsedAccount] = {}
    dates: set[date] = set()
    for start, end in zip(starts, ends, strict=True):
        match = _LOTS.fullmatch(lines[start].cells[0])
        assert match is not None
        row = lines[start].number
        name = masked_account(match["account"], file_name=file_name, account=account, log=log, row=row)
        symbol = match["symbol"].upper()
        as_of = read_as_of(match["as_of"])
        if as_of is None:
            log.error("The line does not tell the date of the lots.", row=row, account=name.number)
        else:
            dates.add(as_of)
        before = accounts.get(name.number)
        if before is not None and symbol in (before.lots_of or ()):
            log.error(f"The lots of {symbol} appear twice for this account.", row=row, account=name.number)
            continue
        found = _read_lots_of(symbol, lines[start:end], name, log)
        accounts[name.number] = ParsedAccount(
            number=name.number,
            is_masked=name.is_masked,
            lots=(before.lots or () if before else ()) + found,
            lots_of=(before.lots_of or frozenset() if before else frozenset()) | {symbol},
        )
    if len(dates) > 1:
        log.error(f"The lots are of different days: {', '.join(str(day) for day in sorted(dates))}.")
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.LOTS,
        as_of=max(dates, default=None),
        row_count=max(0, len(lines) - 3 * len(starts)),
        accounts=tuple(accounts.values()),
    )


def _read_lots_of(symbol: str, lines: list[Line], name: AccountName, log: FaultLog) -> tuple[LotRow, ...]:
    if len(lines) < 2:
        log.error("The table of lots is missing; the file is cut off.", row=lines[0].number, account=name.number)
        return ()
    names = columns_of(lines[1], {})
    if not check_columns(names, required=_LOT_COLUMNS, known=_LOT_KNOWN, log=log, row=lines[1].number):
        return ()
    lots: list[LotRow] = []
    total = next((line for line in lines[2:] if line.cells[0] == "Total"), None)
    body = [line for line in lines[2:] if line is not total]
    for row in readers(body, names=names, log=log, account=name.number, blanks=BLANKS):
        lot = _read_lot(row, symbol)
        if row.is_good:
            lots.append(lot)
    if total is None:
        log.error(
            f"The total of the lots of {symbol} is missing; the file is cut off.",
            row=lines[0].number,
            account=name.number,
        )
        return tuple(lots)
    said = parse_number(dict(zip(names, total.cells, strict=False)).get("Quantity", ""))
    found = sum((lot.units for lot in lots), Decimal(0))
    if said != found:
        shown = "not a number" if said is None else f"{said.normalize():f}"
        message = f"The lots of {symbol} add up to {found.normalize():f}, the total is {shown}."
        log.error(message, row=total.number, column="Quantity", account=name.number)
    return tuple(lots)


def _read_lot(row: RowReader, symbol: str) -> LotRow:
    opened = row.need_date("Open Date")
    traded = row.maybe_date("Transaction Open") or opened
    cost = row.maybe_number("Cost Basis")
    if cost is not None and cost < 0:
        row.fail(f"The cost basis {cost} is negative.", "Cost Basis")
    return LotRow(
        row=row.number,
        symbol=symbol,
        units=row.units("Quantity"),
        cost_usd=cost,
        acquired_on=traded,
        holding_on=opened if opened < traded else None,
        wash_adjustment_usd=row.maybe_number("Disallowed Loss") or Decimal(0),
    )
