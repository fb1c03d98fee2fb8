"""Vanguard's downloads: OFX or QFX, and the CSV "OfxDownload" with holdings above and transactions below."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from portfolios.custodians import ofx, vanguard_activity
from portfolios.custodians.base import CashRow, FileKind, ParsedAccount, ParsedFile, PositionRow, TransactionRow
from portfolios.custodians.cells import FaultLog, RowReader, account_number, parse_iso_date, parse_us_date
from portfolios.custodians.decoding import Line, read_grid
from portfolios.custodians.identifiers import is_cusip, is_money_fund
from portfolios.custodians.ofx_reader import is_ofx
from portfolios.custodians.sections import check_columns, check_given, columns_of, readers
from portfolios.custodians.vanguard_activity import BLANKS

CUSTODIAN = "vanguard"
_HOLDINGS = ("Account Number", "Investment Name", "Symbol", "Shares", "Share Price", "Total Value")
_OTHER_SECTIONS = frozenset({"Fund Account Number", "Plan Number"})
_DAY_IN_NAME = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")


def parse(*, file_name: str, content: bytes, account: str) -> ParsedFile:
    """
    Parse one Vanguard download, OFX or CSV.

    :raises Unreadable: neither, or beyond a limit
    """
    if is_ofx(content):
        return ofx.parse(custodian=CUSTODIAN, content=content, account=account)
    grid = read_grid(content)
    log = FaultLog(list(grid.faults))
    sections = _sections_of([line for line in grid.lines if not line.is_blank()])
    if not sections.holdings and not sections.transactions:
        log.error("This is not a download of Vanguard: the first row is none that Vanguard writes.", row=1)
        return ParsedFile(custodian=CUSTODIAN, kind=FileKind.UNKNOWN, faults=tuple(log.faults))
    if sections.other:
        first = sections.other[0]
        message = f"The section “{first.cells[0]}” ({len(sections.other) - 1} rows) was not read."
        log.note(message, row=first.number)
    parsed = _read(sections, log, day=_day_of(file_name), is_closed=content.endswith((b"\n", b"\r")))
    check_given(parsed.accounts, account, log)
    return replace(parsed, faults=tuple(log.faults))


@dataclass(slots=True)
class _Sections:
    """The tables of a file, each with its header first; `other` are those of plans and of old fund accounts."""

    holdings: list[Line] = field(default_factory=list)
    transactions: list[Line] = field(default_factory=list)
    other: list[Line] = field(default_factory=list)
    stray: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class _Account:
    """One account while its rows are read; None where the file does not speak of it."""

    positions: list[PositionRow] | None = None
    cash: CashRow | None = None
    transactions: list[TransactionRow] | None = None
    seen: set[str] = field(default_factory=set)

    def add_cash(self, row: int, settled_usd: Decimal) -> None:
        before = self.cash or CashRow(row=row, settled_usd=Decimal(0))
        self.cash = CashRow(row=before.row, settled_usd=before.settled_usd + settled_usd)


def _sections_of(lines: list[Line]) -> _Sections:
    sections = _Sections()
    into = sections.stray
    for line in lines:
        first, second = (*line.cells, "", "")[:2]
        if first in _OTHER_SECTIONS:
            into = sections.other
        elif first == "Account Number":
            into = sections.holdings if second == "Investment Name" else sections.transactions
        into.append(line)
    return sections


def _day_of(file_name: str) -> date | None:
    match = _DAY_IN_NAME.search(file_name)
    return parse_iso_date(match[0]) if match else None


def read_date(text: str) -> date | None:
    """Read "2026-01-30", or "01/30/2026" as older files write it."""
    return parse_iso_date(text) or parse_us_date(text)


def _read(sections: _Sections, log: FaultLog, *, day: date | None, is_closed: bool) -> ParsedFile:
    accounts: dict[str, _Account] = {}
    for line in sections.stray:
        log.error("The row stands above every header.", row=line.number)
    if sections.holdings:
        _check_holdings_file(sections, log, day=day)
        _read_holdings(sections.holdings, accounts, log)
    if sections.transactions:
        vanguard_activity.check_end(sections.transactions, log, is_closed=is_closed)
        for number, done in vanguard_activity.read(sections.transactions, log, read_date=read_date, day=day):
            held = accounts.setdefault(number, _Account())
            held.transactions = [*(held.transactions or []), *done]
    latest = max((row.traded_on for each in accounts.values() for row in each.transactions or ()), default=None)
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.STATEMENT if sections.holdings else FileKind.TRANSACTIONS,
        as_of=day if sections.holdings else latest,
        row_count=max(0, len(sections.holdings) - 1) + max(0, len(sections.transactions) - 1),
        accounts=_close(accounts),
    )


def _check_holdings_file(sections: _Sections, log: FaultLog, *, day: date | None) -> None:
    if day is None:
        log.error(
            "The file does not tell the day of its holdings: put it into the name of the file, as in "
            "OfxDownload_2026-11-20.csv.",
            row=sections.holdings[0].number,
        )
    if not sections.transactions:
        log.error("The table of transactions, which always follows the holdings, is missing; the file is cut off.")
    headers = [line for line in sections.holdings if line.cells[0] == "Account Number"]
    for again in headers[1:]:
        log.error("The header of the holdings stands in the file twice.", row=again.number)


def _close(accounts: Mapping[str, _Account]) -> tuple[ParsedAccount, ...]:
    return tuple(
        ParsedAccount(
            number=number,
            positions=None if held.positions is None else tuple(held.positions),
            cash=held.cash,
            transactions=None if held.transactions is None else tuple(held.transactions),
        )
        for number, held in accounts.items()
    )


def _read_holdings(lines: list[Line], accounts: dict[str, _Account], log: FaultLog) -> None:
    names = columns_of(lines[0], {})
    if not check_columns(names, required=_HOLDINGS, known=(), log=log, row=lines[0].number):
        return
    for row in readers(lines[1:], names=names, log=log, account="", blanks=BLANKS):
        row.account = account_number(row.need_text("Account Number"))
        held = accounts.setdefault(row.account, _Account())
        held.positions = held.positions if held.positions is not None else []
        _keep_holding(row, held, held.positions)


def _keep_holding(row: RowReader, held: _Account, positions: list[PositionRow]) -> None:
    name, said = row.text("Investment Name"), row.text("Symbol")
    price, value = row.maybe_number("Share Price"), row.maybe_number("Total Value")
    shares = row.need_number("Shares")
    symbol = row.symbol("Symbol") if said else ""
    if not said and name.upper() == "CASH":
        held.add_cash(row.number, row.need_number("Total Value"))
        return
    if is_money_fund(symbol, price):
        held.add_cash(row.number, shares)
        return
    told = symbol or name
    if not told:
        row.fail("The row names no investment.", "Investment Name")
    if told in held.seen:
        row.fail(f"{told[:60]} appears twice in this account.", "Symbol")
    held.seen.add(told)
    if not (shares and row.is_good):
        return
    units = row.units("Shares")
    if price is not None and value is not None and abs(units * price - value) > max(Decimal(1), abs(value) / 100):
        message = f"{units.normalize():f} shares at {price.normalize():f} are not the stated value ${value:,.2f}."
        row.log.note(message, row=row.number, column="Total Value", account=row.account)
    if row.is_good:
        positions.append(
            PositionRow(
                row=row.number,
                symbol="" if is_cusip(symbol) else symbol,
                cusip=symbol if is_cusip(symbol) else "",
                security_name="" if symbol else name,
                description=name,
                units=units,
                price_usd=price,
                value_usd=value,
            )
        )
