"""Investment statements of OFX put together by account: positions, cash, transactions."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from portfolios.custodians.base import CashRow, ParsedAccount, PositionRow, TransactionKind, TransactionRow
from portfolios.custodians.cells import FaultLog, account_number
from portfolios.custodians.identifiers import is_money_fund
from portfolios.custodians.ofx_cash import Balances, cash_of
from portfolios.custodians.ofx_document import CASH_ROWS, POSITIONS, TRADES, OfxRow, OfxStatement
from portfolios.custodians.ofx_rows import OfxCells, SecurityList, cells_of, parse_ofx_date
from portfolios.custodians.ofx_trades import LeftOut, fitid_of, read_transaction

_KINDS = {"POSSTOCK": "Stock", "POSMF": "Fund", "POSDEBT": "Bond", "POSOPT": "Option", "POSOTHER": "Other"}
_MASK = re.compile(r"[X*.]{2,}-?(\d{3,6})", re.IGNORECASE)


@dataclass(slots=True)
class _Holdings:
    """The positions of one account while they are read; `seen` holds security, sub-account and plan source."""

    positions: list[PositionRow] = field(default_factory=list)
    fund_usd: Decimal | None = None
    value_usd: Decimal = Decimal(0)
    seen: set[tuple[str, str, str]] = field(default_factory=set)


def read_account(
    statement: OfxStatement, securities: SecurityList, *, log: FaultLog
) -> tuple[ParsedAccount, date | None]:
    """Read one statement; give the account and the day of which it speaks."""
    said = statement.values.get("ACCTID", "")
    mask = _MASK.fullmatch(said.replace(" ", ""))
    number = mask[1] if mask else account_number(said)
    as_of = parse_ofx_date(statement.values.get("DTASOF", ""))
    if not number:
        log.error("The statement does not name its account (ACCTID).", row=statement.line, column="ACCTID")
    if as_of is None:
        log.error("The statement does not tell its day (DTASOF).", row=statement.line, column="DTASOF", account=number)
    currency = statement.values.get("CURDEF", "").upper()
    if currency != "USD":
        message = f"The statement is in {currency[:10] or 'no currency'}; only US dollars are kept."
        log.error(message, row=statement.line, column="CURDEF", account=number)
        return ParsedAccount(number=number, is_masked=mask is not None), as_of
    holdings = _read_holdings(statement, securities, log=log, account=number)
    return (
        ParsedAccount(
            number=number,
            is_masked=mask is not None,
            positions=tuple(holdings.positions) if "INVPOSLIST" in statement.sections else None,
            cash=_read_cash(statement, holdings, log=log, account=number),
            transactions=_read_transactions(statement, securities, log=log, account=number),
        ),
        as_of,
    )


def _cells(rows: Iterable[OfxRow], tags: frozenset[str], *, log: FaultLog, account: str) -> Iterator[OfxCells]:
    return (cells_of(row, log=log, account=account) for row in rows if row.tag in tags)


def _read_holdings(statement: OfxStatement, securities: SecurityList, *, log: FaultLog, account: str) -> _Holdings:
    holdings = _Holdings()
    for row in _cells(statement.rows, POSITIONS, log=log, account=account):
        _keep_position(row, securities, holdings)
    return holdings


def _keep_position(row: OfxCells, securities: SecurityList, holdings: _Holdings) -> None:
    row.check_currency()
    named = securities.of(row)
    if row.cells.get("POSTYPE", "").upper() == "SHORT" and row.tag != "POSOPT":
        row.fail("The position is short; short positions are not kept here.", "POSTYPE")
    price, value = row.maybe_number("UNITPRICE"), row.maybe_number("MKTVAL")
    if row.is_good and row.need_number("UNITS") == 0:
        return
    units = abs(row.signed_units("UNITS")) if row.tag == "POSOPT" else row.units("UNITS")
    key = (row.cells.get("UNIQUEID", ""), row.cells.get("HELDINACCT", ""), row.cells.get("INV401KSOURCE", ""))
    if key in holdings.seen:
        row.fail("The security stands among the positions twice.", "UNIQUEID")
    holdings.seen.add(key)
    if not row.is_good:
        return
    if is_money_fund(named.symbol, price):
        holdings.fund_usd = (holdings.fund_usd or Decimal(0)) + units
        return
    _check_value(row, units=units, price=price, value=value)
    holdings.value_usd += value or Decimal(0)
    holdings.positions.append(
        PositionRow(
            row=row.number,
            symbol=named.symbol,
            cusip=named.cusip,
            isin=named.isin,
            security_name=named.only_name,
            description=named.name or row.words("MEMO"),
            kind=_KINDS[row.tag],
            units=units,
            price_usd=price,
            value_usd=value,
        )
    )


def _check_value(row: OfxCells, *, units: Decimal, price: Decimal | None, value: Decimal | None) -> None:
    """Note a value that is not units times price; bonds are priced per 100, options per contract."""
    if price is None or value is None or row.tag in ("POSDEBT", "POSOPT"):
        return
    if abs(units * price - value) > max(Decimal(1), abs(value) / 100):
        message = f"{units.normalize():f} units at {price.normalize():f} are not the stated value ${value:,.2f}."
        row.log.note(message, row=row.number, column="MKTVAL", account=row.account)


def _read_cash(statement: OfxStatement, holdings: _Holdings, *, log: FaultLog, account: str) -> CashRow | None:
    rows = list(_cells(statement.rows, frozenset({"INVBAL"}), log=log, account=account))
    totals = list(_cells(statement.rows, frozenset({"BAL"}), log=log, account=account))
    if len(rows) > 1:
        rows[1].fail("The statement has two balances (INVBAL).", "INVBAL")
        return None
    if not rows and holdings.fund_usd is None:
        return None
    balances = Balances(fund_usd=holdings.fund_usd or Decimal(0), securities_usd=holdings.value_usd)
    if not rows:
        return CashRow(row=statement.line, settled_usd=balances.fund_usd)
    return cash_of(rows[0], totals, balances)


def _read_transactions(
    statement: OfxStatement, securities: SecurityList, *, log: FaultLog, account: str
) -> tuple[TransactionRow, ...] | None:
    if "INVTRANLIST" not in statement.sections:
        return None
    left_out, done = LeftOut(), list[TransactionRow]()
    sources: dict[int, str] = {}
    seen: dict[str, OfxCells] = {}
    rows = _without_reversals(list(_cells(statement.rows, TRADES | CASH_ROWS, log=log, account=account)), left_out)
    for row in rows:
        if _is_repeated(row, seen, left_out):
            continue
        made = read_transaction(row, securities, left_out)
        sources.update({id(each): row.cells.get("INV401KSOURCE", "") for each in made})
        done += made
    kept = _without_source_moves(done, sources, left_out, log=log, account=account)
    left_out.tell(log, account=account)
    return tuple(kept)


def _is_repeated(row: OfxCells, seen: dict[str, OfxCells], left_out: LeftOut) -> bool:
    """Tell whether a row stands in the file already; the same FITID with other content is at fault."""
    fitid = fitid_of(row)
    if not fitid:
        return False
    key = f"{'bank:' if row.tag in CASH_ROWS else ''}{fitid}"
    before = seen.setdefault(key, row)
    if before is row:
        return False
    if before.tag == row.tag and before.cells == row.cells:
        left_out.add("what stands in the file twice counts once", row)
        return True
    row.fail(f"The FITID stands for another transaction in line {before.number} already.", "FITID")
    return True


def _without_reversals(rows: list[OfxCells], left_out: LeftOut) -> list[OfxCells]:
    """Leave out what another row of the file takes back, and that row; what an earlier file said needs a person."""
    by_fitid = {row.cells.get("FITID", ""): row for row in rows}
    gone: set[int] = set()
    for row in rows:
        taken_back = row.cells.get("REVERSALFITID", "")
        if not taken_back:
            continue
        original = by_fitid.get(taken_back)
        if original is None or original is row:
            row.fail(
                f"The row takes back {taken_back[:60]}, which is not in this file; correct it by hand.", "REVERSALFITID"
            )
        else:
            gone.add(id(original))
            left_out.add("a row and the row that takes it back do not count", row, rows=2)
        gone.add(id(row))
    return [row for row in rows if id(row) not in gone]


def _without_source_moves(
    done: list[TransactionRow], sources: dict[int, str], left_out: LeftOut, *, log: FaultLog, account: str
) -> list[TransactionRow]:
    """Leave out pairs of transfers that only move units from one source of a retirement plan to another."""
    waiting: dict[tuple[date, str, Decimal], TransactionRow] = {}
    gone: set[int] = set()
    for row in done:
        if row.kind is not TransactionKind.TRANSFER or not sources.get(id(row)):
            continue
        security = row.symbol or row.cusip or row.security_name
        other = waiting.pop((row.traded_on, security, -row.units), None)
        if other is None:
            waiting[row.traded_on, security, row.units] = row
            continue
        gone |= {id(row), id(other)}
        told = OfxCells(number=other.row, cells={}, log=log, account=account)
        left_out.add("units that move between sources of the plan change nothing", told, rows=2)
    return [row for row in done if id(row) not in gone]
