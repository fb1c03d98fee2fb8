"""The transactions of Vanguard's CSV download, in the layouts with ISO and with American dates."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from portfolios.custodians.base import TransactionKind, TransactionRow
from portfolios.custodians.cells import FaultLog, RowReader, account_number
from portfolios.custodians.decoding import Line
from portfolios.custodians.identifiers import is_cusip, is_money_fund
from portfolios.custodians.sections import check_columns, columns_of, readers

BLANKS = frozenset({"", "--", "—", "N/A"})
_ALIASES = {"Commission Fees": "Commissions and Fees"}
_COLUMNS = (
    "Account Number",
    "Trade Date",
    "Settlement Date",
    "Transaction Type",
    "Transaction Description",
    "Investment Name",
    "Symbol",
    "Shares",
    "Share Price",
    "Net Amount",
)
_KNOWN = ("Principal Amount", "Commissions and Fees", "Accrued Interest", "Account Type")
_K = TransactionKind
_TYPES = {
    _K.BUY: ("buy", "buy (exchange)"),
    _K.SELL: ("sell", "sell (exchange)"),
    _K.REINVEST: ("reinvestment", "reinvestment (lt gain)", "reinvestment (st gain)"),
    _K.DIVIDEND: ("dividend",),
    _K.CAPITAL_GAIN_LONG: ("capital gain (lt)",),
    _K.CAPITAL_GAIN_SHORT: ("capital gain (st)",),
    _K.RETURN_OF_CAPITAL: ("return of capital",),
    _K.INTEREST: ("interest", "interest charge"),
    _K.TAX: ("withholding",),
    _K.FEE: ("fee", "advisor fee", "advisory fee"),
    _K.DEPOSIT: (
        "funds received", "contribution", "rollover (incoming)", "rollover (outgoing)", "withdrawal", "distribution",
        "wire in", "wire out",
    ),
    _K.TRANSFER: (
        "transfer (incoming)", "transfer (outgoing)", "transfer", "conversion (incoming)", "conversion (outgoing)",
    ),
    _K.SPLIT: ("stock split",),
    _K.CORPORATE_ACTION: (
        "corp action (spinoff)", "corp action (cash in lieu)", "corp action (merger)", "corp action (exchange)",
        "corp action (sec exchange)", "corp action (redemption)",
    ),
}  # fmt: skip
_KIND_OF = {said: kind for kind, types in _TYPES.items() for said in types}
_SWEEPS = frozenset({"sweep in", "sweep out"})
_OPTIONS = frozenset({
    "buy to open", "buy to close", "sell to open", "sell to close", "expired", "exercised", "assigned",
})  # fmt: skip
_SHORT = frozenset({"sell short", "buy to cover"})
_TRADES = frozenset({_K.BUY, _K.SELL, _K.REINVEST})
_UNITS_ONLY = frozenset({_K.TRANSFER, _K.SPLIT})


def check_end(lines: list[Line], log: FaultLog, *, is_closed: bool) -> None:
    """Hold the account of the last row where the file does not end with a line break."""
    if is_closed or len(lines) < 2:
        return
    message = "The last line does not end: the file may be cut off, and its last value may be incomplete."
    log.error(message, row=lines[-1].number, account=account_number(lines[-1].cells[0]))


def read(
    lines: list[Line], log: FaultLog, *, read_date: Callable[[str], date | None], day: date | None
) -> Iterator[tuple[str, tuple[TransactionRow, ...]]]:
    """Read every row; give account and what it did. A row later than the `day` of the holdings is at fault."""
    names = columns_of(lines[0], _ALIASES)
    if not check_columns(names, required=_COLUMNS, known=_KNOWN, log=log, row=lines[0].number):
        return
    swept: dict[str, list[int]] = {}
    for row in readers(lines[1:], names=names, log=log, account="", blanks=BLANKS, read_date=read_date):
        row.account = account_number(row.need_text("Account Number"))
        done = _read_row(row, day=day)
        if done is None and row.is_good:
            swept.setdefault(row.account, []).append(row.number)
        yield row.account, (done,) if done is not None and row.is_good else ()
    for account, rows in swept.items():
        told = "row is" if len(rows) == 1 else "rows are"
        message = f"{len(rows):,} {told} left out: cash moves to or from the settlement fund, which counts as cash."
        log.note(message, row=rows[0], account=account)


def _read_row(row: RowReader, *, day: date | None) -> TransactionRow | None:
    """Read one row, None where cash only moves between the account and its settlement fund."""
    said = row.need_text("Transaction Type")
    told = " ".join(said.lower().split())
    traded_on = row.need_date("Trade Date")
    if day is not None and traded_on > day:
        row.fail(f"The trade date lies after {day}, the day of the holdings in the name of the file.", "Trade Date")
    if told in _SHORT:
        row.fail(f"“{said}”: short positions are not kept here.", "Transaction Type")
    symbol = row.symbol("Symbol") if row.text("Symbol") else ""
    is_fund = is_money_fund(symbol, None)
    kind = _KIND_OF.get(told, _K.OTHER)
    if told in _SWEEPS or (is_fund and kind in _TRADES):
        return None
    if said and kind is _K.OTHER:
        why = (
            "of an option only the amount counts"
            if told in _OPTIONS
            else "the type is not known, only its amount counts"
        )
        row.log.note(f"“{said[:60]}”: {why}.", row=row.number, column="Transaction Type", account=row.account)
    return _transaction(row, kind, traded_on, symbol="" if is_fund or kind is _K.OTHER else symbol)


def _transaction(row: RowReader, kind: TransactionKind, traded_on: date, *, symbol: str) -> TransactionRow:
    name, units = row.text("Investment Name"), row.signed_units("Shares")
    amount = row.maybe_number("Net Amount") if kind in _UNITS_ONLY else row.need_number("Net Amount")
    amount = amount or Decimal(0)
    if kind is _K.TRANSFER and not units:
        kind = _K.JOURNAL
    if kind is _K.DEPOSIT and amount < 0:
        kind = _K.WITHDRAWAL
    if kind in _TRADES:
        units = _trade_units(row, kind, units, amount)
    moves_units = kind in _TRADES | _UNITS_ONLY or (kind is _K.CORPORATE_ACTION and bool(units))
    if moves_units and not symbol and not name:
        row.fail("The row names no investment.", "Investment Name")
    return TransactionRow(
        row=row.number,
        kind=kind,
        traded_on=traded_on,
        settled_on=row.maybe_date("Settlement Date"),
        symbol="" if is_cusip(symbol) else symbol,
        cusip=symbol if is_cusip(symbol) else "",
        security_name=name if moves_units and not symbol else "",
        units=units if moves_units else Decimal(0),
        price_usd=row.maybe_number("Share Price"),
        amount_usd=Decimal(0) if kind is _K.TRANSFER else amount,
        fee_usd=abs(row.maybe_number("Commissions and Fees") or Decimal(0)),
        action=row.text("Transaction Type"),
        description=" ".join((row.text("Transaction Description"), name)).strip(),
    )


def _trade_units(row: RowReader, kind: TransactionKind, units: Decimal, amount: Decimal) -> Decimal:
    if not units:
        row.fail("A trade needs a number of shares.", "Shares")
    if units * (-1 if kind is _K.SELL else 1) < 0:
        row.fail(f"The shares {units} have the wrong sign for this type.", "Shares")
    if amount * (-1 if kind is _K.SELL else 1) > 0:
        row.fail(f"The net amount {amount} has the wrong sign: money that leaves is negative.", "Net Amount")
    return units
