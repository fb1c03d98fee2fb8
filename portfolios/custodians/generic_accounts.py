"""Generic files about accounts: positions by lot, cash, transactions."""

from collections.abc import Iterator
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
from portfolios.custodians.cells import FaultLog, RowReader

CUSTODIAN = "generic"
MAX_COST_USD = Decimal(10) ** 9
_TRADES = frozenset({TransactionKind.BUY, TransactionKind.SELL, TransactionKind.REINVEST})
_WITHOUT_MONEY = frozenset({TransactionKind.TRANSFER, TransactionKind.SPLIT, TransactionKind.CORPORATE_ACTION})


@dataclass(slots=True)
class _FileDate:
    """The one as-of date of a file; a row that says otherwise is at fault."""

    found: date | None = None

    def check(self, row: RowReader) -> date:
        said = row.need_date("as_of")
        if row.is_good:
            if self.found is None:
                self.found = said
            elif said != self.found:
                row.fail(f"The as_of {said} differs from {self.found} in the rows above.", "as_of")
        return said


@dataclass(slots=True)
class _Holdings:
    """The lots of one account while its rows are read; `stated` holds (row, position_quantity) by symbol."""

    lots: list[LotRow] = field(default_factory=list)
    stated: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    refs: set[tuple[str, str]] = field(default_factory=set)


def read_lots(rows: Iterator[RowReader], log: FaultLog) -> ParsedFile:
    """Read positions by lot; every account that appears is stated completely."""
    as_of = _FileDate()
    accounts: dict[str, _Holdings] = {}
    for row in rows:
        row.need_text("account")
        said = as_of.check(row)
        holdings = accounts.setdefault(row.account, _Holdings())
        if _states_nothing(row):
            continue
        lot = _read_lot(row, as_of=said)
        _check_stated(row, lot, holdings)
        if row.is_good:
            holdings.lots.append(lot)
    faulty = {fault.account for fault in log.faults if fault.account}
    parsed = []
    for number, holdings in accounts.items():
        if number and number not in faulty:
            _check_sums(number, holdings, log)
        parsed.append(
            ParsedAccount(
                number=number, lots=tuple(holdings.lots), positions=_positions(holdings) if holdings.stated else None
            )
        )
    return ParsedFile(custodian=CUSTODIAN, kind=FileKind.LOTS, as_of=as_of.found, accounts=tuple(parsed))


def _states_nothing(row: RowReader) -> bool:
    return not any(value for name, value in row.cells.items() if name not in ("account", "as_of"))


def _read_lot(row: RowReader, *, as_of: date) -> LotRow:
    cost = row.maybe_number("cost")
    if cost is not None and not 0 <= cost < MAX_COST_USD:
        row.fail(f"The cost {cost} is negative or beyond every plausible size.", "cost")
    loss_cost = row.maybe_number("loss_cost")
    if loss_cost is not None and not 0 <= loss_cost < MAX_COST_USD:
        row.fail(f"The loss_cost {loss_cost} is negative or beyond every plausible size.", "loss_cost")
    adjustment = row.maybe_number("wash_adjustment") or Decimal(0)
    if adjustment < 0 or (cost is not None and adjustment > cost):
        row.fail(f"The wash_adjustment {adjustment} is negative or above the cost.", "wash_adjustment")
    inherited = row.yes_no("inherited", default=False)
    lot = LotRow(
        row=row.number,
        symbol=row.symbol("symbol"),
        cusip=row.text("cusip").upper(),
        units=row.units("quantity"),
        cost_usd=cost,
        acquired_on=row.maybe_date("acquired"),
        holding_on=row.maybe_date("holding_date"),
        is_inherited=inherited,
        is_gift=row.yes_no("gift", default=False),
        loss_cost_usd=loss_cost,
        is_wash_acquisition=row.yes_no("wash_acquisition", default=not inherited),
        wash_adjustment_usd=adjustment,
        is_wash_consumed=row.yes_no("wash_consumed", default=False),
        lot_ref=row.text("lot"),
    )
    _check_dates(row, lot, as_of=as_of)
    return lot


def _check_dates(row: RowReader, lot: LotRow, *, as_of: date) -> None:
    if lot.acquired_on is None:
        if lot.cost_usd is not None and not lot.is_inherited and not row.cells.get("acquired"):
            row.fail("The acquired date is missing; only an inherited lot or unknown basis may lack it.", "acquired")
        return
    if row.is_good and lot.acquired_on > as_of:
        row.fail(f"The acquired date {lot.acquired_on} lies after the as_of {as_of}.", "acquired")
    if lot.holding_on is not None and lot.holding_on > lot.acquired_on:
        row.fail(f"The holding_date {lot.holding_on} lies after the acquired date.", "holding_date")


def _check_stated(row: RowReader, lot: LotRow, holdings: _Holdings) -> None:
    if lot.lot_ref and (lot.symbol, lot.lot_ref) in holdings.refs:
        row.fail(f"The lot {lot.lot_ref} of {lot.symbol} appears twice in this account.", "lot")
    holdings.refs.add((lot.symbol, lot.lot_ref))
    stated = row.maybe_number("position_quantity")
    if stated is None:
        return
    before = holdings.stated.setdefault(lot.symbol, (row.number, stated))
    if before[1] != stated:
        row.fail(f"The position_quantity {stated} differs from {before[1]} in row {before[0]}.", "position_quantity")


def _check_sums(number: str, holdings: _Holdings, log: FaultLog) -> None:
    for symbol, (first_row, stated) in holdings.stated.items():
        total = sum((lot.units for lot in holdings.lots if lot.symbol == symbol), Decimal(0))
        if total != stated:
            log.error(
                f"The lots of {symbol} add up to {total.normalize():f}, the position is {stated.normalize():f}.",
                row=first_row,
                column="position_quantity",
                account=number,
            )


def _positions(holdings: _Holdings) -> tuple[PositionRow, ...]:
    return tuple(PositionRow(row=row, symbol=symbol, units=units) for symbol, (row, units) in holdings.stated.items())


def read_cash(rows: Iterator[RowReader], log: FaultLog) -> ParsedFile:
    """Read one cash balance an account."""
    as_of = _FileDate()
    accounts: dict[str, ParsedAccount] = {}
    for row in rows:
        row.need_text("account")
        as_of.check(row)
        if row.account in accounts:
            row.fail("The account appears twice; its cash must stand in one row.", "account")
        settled, unsettled = row.need_number("settled"), row.maybe_number("unsettled") or Decimal(0)
        cash = CashRow(row=row.number, settled_usd=settled, unsettled_usd=unsettled)
        accounts.setdefault(row.account, ParsedAccount(number=row.account, cash=cash if row.is_good else None))
    del log
    return ParsedFile(custodian=CUSTODIAN, kind=FileKind.CASH, as_of=as_of.found, accounts=tuple(accounts.values()))


def read_transactions(rows: Iterator[RowReader], log: FaultLog) -> ParsedFile:
    """Read activity, of accounts held away too."""
    accounts: dict[str, list[TransactionRow]] = {}
    seen: set[tuple[str, str]] = set()
    latest: date | None = None
    for row in rows:
        row.need_text("account")
        done = _read_transaction(row)
        if done.ref and (row.account, done.ref) in seen:
            row.fail(f"The ref {done.ref} appears twice in this account.", "ref")
        seen.add((row.account, done.ref))
        bucket = accounts.setdefault(row.account, [])
        if row.is_good:
            bucket.append(done)
            latest = max(latest or done.traded_on, done.traded_on)
    del log
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.TRANSACTIONS,
        as_of=latest,
        accounts=tuple(ParsedAccount(number=number, transactions=tuple(done)) for number, done in accounts.items()),
    )


def _read_transaction(row: RowReader) -> TransactionRow:
    said = row.need_text("kind").lower()
    try:
        kind = TransactionKind(said)
    except ValueError:
        kind = TransactionKind.OTHER
        if said:
            row.fail(f"“{said}” is not a kind of transaction.", "kind")
    needs_units = kind in _TRADES
    units = row.signed_units("quantity")
    if needs_units and not units:
        row.fail(f"A {kind.value} needs a quantity.", "quantity")
    if needs_units:
        units = -abs(units) if kind is TransactionKind.SELL else abs(units)
    has_symbol = needs_units or bool(units) or bool(row.cells.get("symbol"))
    amount = row.maybe_number("amount") if kind in _WITHOUT_MONEY else row.need_number("amount")
    _check_sign(row, kind, amount or Decimal(0))
    return TransactionRow(
        row=row.number,
        kind=kind,
        traded_on=row.need_date("date"),
        settled_on=row.maybe_date("settled"),
        symbol=row.symbol("symbol") if has_symbol else "",
        cusip=row.text("cusip").upper(),
        units=units,
        price_usd=row.maybe_number("price"),
        amount_usd=amount or Decimal(0),
        fee_usd=row.maybe_number("fee") or Decimal(0),
        loss_usd=row.maybe_number("loss"),
        action=said,
        description=row.text("description"),
        ref=row.text("ref"),
    )


def _check_sign(row: RowReader, kind: TransactionKind, amount: Decimal) -> None:
    comes = kind in (TransactionKind.SELL, TransactionKind.DEPOSIT)
    goes = kind in (TransactionKind.BUY, TransactionKind.REINVEST, TransactionKind.WITHDRAWAL)
    if (comes and amount < 0) or (goes and amount > 0):
        row.fail(f"The amount {amount} of a {kind.value} has the wrong sign: money that leaves is negative.", "amount")
