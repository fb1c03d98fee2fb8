"""
Orders to a file that a custodian or broker takes, and a file of fills back to rows: pure, nothing is booked here.

The rule by which a fill of a block is shared among its orders is `share_units`, in words: everybody gets their
proportion of what they still want, in whole steps; the steps left over go, one each, to the largest remainders, and
between equal ones to the lower client order id. Nobody gets more than they want. All executions of a block on one day
in one file count as one fill at their average price; fees follow the units, to the cent.
"""

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from io import StringIO
from typing import Final

from portfolios.custodians.base import Fault
from portfolios.custodians.cells import FaultLog, RowReader, is_formula, parse_number
from portfolios.custodians.decoding import Line, Unreadable, read_grid
from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import LotPick

CENT: Final = Decimal("0.01")
PRICE_STEP: Final = Decimal("0.000001")
MAX_EXECUTION_ID: Final = 40
ZERO: Final = Decimal(0)

ORDER_COLUMNS: Final = (
    "record",
    "client_order_id",
    "block",
    "custodian",
    "account",
    "side",
    "symbol",
    "cusip",
    "quantity_type",
    "quantity",
    "reference_price",
    "lot",
    "lot_acquired",
    "lot_units",
)
FILL_COLUMNS: Final = ("client_order_id", "execution_id", "date", "units", "price", "fee")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLot:
    """The units of one lot that a sale takes."""

    key: str
    acquired_on: date
    units: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """
    One order as it leaves the house; `account_number` is the custodian's, in full.

    `is_fund` orders go out in dollars, or as "all" where `closes_position`.
    """

    client_order_id: str
    block: str
    custodian: str
    account_number: str
    is_sale: bool
    symbol: str
    cusip: str
    units: Decimal
    price_usd: Decimal
    amount_usd: Decimal
    is_fund: bool = False
    closes_position: bool = False
    lots: tuple[OrderLot, ...] = ()

    @property
    def quantity_type(self) -> str:
        """Return what the quantity counts: shares, dollars, or all that is held."""
        if not self.is_fund:
            return "shares"
        return "all" if self.is_sale and self.closes_position else "dollars"


def order_file(lines: Iterable[OrderLine]) -> str:
    """
    Write orders as CSV: sales before purchases, a row per order, below each sale a row per lot.

    Cells that a spreadsheet would run as a formula are neutralised with an apostrophe.
    """
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(ORDER_COLUMNS)
    for line in sorted(lines, key=lambda each: (not each.is_sale, each.client_order_id)):
        writer.writerow([neutral(cell) for cell in _order_cells(line)])
        for lot in line.lots:
            cells = ("LOT", line.client_order_id, *[""] * 9, lot.key, lot.acquired_on.isoformat(), plain(lot.units))
            writer.writerow([neutral(cell) for cell in cells])
    return text.getvalue()


def _order_cells(line: OrderLine) -> tuple[str, ...]:
    quantity = {"shares": plain(line.units), "dollars": plain(line.amount_usd), "all": ""}[line.quantity_type]
    return (
        "ORDER",
        line.client_order_id,
        line.block,
        line.custodian,
        line.account_number,
        "sell" if line.is_sale else "buy",
        line.symbol,
        line.cusip,
        line.quantity_type,
        quantity,
        plain(line.price_usd),
        "",
        "",
        "",
    )


def neutral(cell: str) -> str:
    """Return a cell that no spreadsheet runs."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") or is_formula(cell) else cell


def plain(number: Decimal) -> str:
    """Write a number without exponent and idle zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRow:
    """One execution as a file states it; `reference` is a client order id or the id of a block."""

    row: int
    reference: str
    execution_id: str
    traded_on: date
    units: Decimal
    price_usd: Decimal
    fee_usd: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFills:
    """What a file of fills says, and everything wrong with it."""

    rows: tuple[FillRow, ...]
    faults: tuple[Fault, ...]


def parse_fills(content: bytes) -> ParsedFills:
    """Read a file of fills with the columns of `FILL_COLUMNS`, in any order; one sentence per fault."""
    log = FaultLog()
    try:
        lines = [line for line in read_grid(content).lines if not line.is_blank()]
    except Unreadable as error:
        log.error(str(error), row=error.row)
        return ParsedFills(rows=(), faults=tuple(log.faults))
    places = _places(lines[0], log) if lines else {}
    if not lines:
        log.error("The file holds no rows.")
    if log.faults:
        return ParsedFills(rows=(), faults=tuple(log.faults))
    if len(lines) == 1:
        log.error("The file has a head but no fills.")
    rows = [_fill_row(line, places, log) for line in lines[1:]]
    _check_executions(rows, log)
    return ParsedFills(rows=tuple(rows), faults=tuple(log.faults))


def _places(head: Line, log: FaultLog) -> Mapping[str, int]:
    names = [cell.lower().replace(" ", "_") for cell in head.cells]
    for wanted in FILL_COLUMNS[:-1]:
        if wanted not in names:
            log.error(f"The column {wanted} is missing from the head.", row=head.number, column=wanted)
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        log.error(f"The column {name} stands twice in the head.", row=head.number, column=name)
    return {name: place for place, name in enumerate(names) if name in FILL_COLUMNS}


def _fill_row(line: Line, places: Mapping[str, int], log: FaultLog) -> FillRow:
    cells = {name: line.cells[place] if place < len(line.cells) else "" for name, place in places.items()}
    row = RowReader(number=line.number, cells=cells, log=log)
    execution_id = row.need_text("execution_id")
    if len(execution_id) > MAX_EXECUTION_ID:
        row.fail(f"The execution_id has more than {MAX_EXECUTION_ID} characters.", "execution_id")
    price = row.need_number("price")
    if price <= 0 and parse_number(cells["price"]) is not None:
        row.fail(f"The price {plain(price)} is not above 0.", "price")
    fee = row.maybe_number("fee") or ZERO
    if fee < 0 or fee != round(fee, 2):
        row.fail(f"The fee {plain(fee)} is not an amount of dollars and cents.", "fee")
    return FillRow(
        row=line.number,
        reference=row.need_text("client_order_id"),
        execution_id=execution_id,
        traded_on=row.need_date("date"),
        units=row.units("units"),
        price_usd=price,
        fee_usd=fee,
    )


def _check_executions(rows: Sequence[FillRow], log: FaultLog) -> None:
    first: dict[str, int] = {}
    for row in rows:
        if row.execution_id and row.execution_id in first:
            message = f"Execution {row.execution_id} stands in row {first[row.execution_id]} already."
            log.error(message, row=row.row, column="execution_id")
        first.setdefault(row.execution_id, row.row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What an order of a block still wants, in whole steps where it can."""

    client_order_id: str
    units: Decimal
    step: Decimal


def share_units(total: Decimal, wants: Sequence[Want]) -> Mapping[str, Decimal]:
    """
    Share the units of a fill among the orders of its block; the rule stands at the head of this module.

    :raises BadInput: more units than all orders together want
    """
    wanted = sum((want.units for want in wants), ZERO)
    if total > wanted:
        raise BadInput(f"{plain(total)} units are more than the {plain(wanted)} that the orders still want")
    given: dict[str, Decimal] = {}
    remainders: dict[str, Decimal] = {}
    for want in wants:
        exact = total * want.units / wanted
        whole = (exact / want.step).to_integral_value(ROUND_DOWN) * want.step
        given[want.client_order_id] = min(whole, want.units)
        remainders[want.client_order_id] = exact - whole
    left = total - sum(given.values(), ZERO)
    ranked = sorted(wants, key=lambda want: (-remainders[want.client_order_id], want.client_order_id))
    while left > 0:
        for want in ranked:
            name = want.client_order_id
            more = min(want.step, want.units - given[name], left)
            given[name] += more
            left -= more
    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One order's part of one execution."""

    client_order_id: str
    execution_id: str
    row: int
    traded_on: date
    units: Decimal
    price_usd: Decimal
    fee_usd: Decimal


def share_block(executions: Sequence[FillRow], wants: Sequence[Want]) -> tuple[Share, ...]:
    """
    Share the executions of one block on one day: everybody at the average price, fees by units.

    An order's part of an execution is known as `execution:order`.

    :raises BadInput: more units than all orders together want
    """
    total = sum((one.units for one in executions), ZERO)
    given = share_units(total, wants)
    paid = sum((one.units * one.price_usd for one in executions), ZERO)
    price = (paid / total).quantize(PRICE_STEP, ROUND_HALF_EVEN)
    fees = _share_cents(sum((one.fee_usd for one in executions), ZERO), given)
    shares: list[Share] = []
    open_rows = [replace(one) for one in executions]
    for name in sorted(given):
        left, fee = given[name], fees[name]
        while left > 0:
            one = open_rows[0]
            taken = min(left, one.units)
            shares.append(_share(one, name, units=taken, price_usd=price, fee_usd=fee))
            left, fee = left - taken, ZERO
            open_rows[0] = replace(one, units=one.units - taken)
            if not open_rows[0].units:
                del open_rows[0]
    return tuple(shares)


def _share(one: FillRow, name: str, *, units: Decimal, price_usd: Decimal, fee_usd: Decimal) -> Share:
    return Share(
        client_order_id=name,
        execution_id=f"{one.execution_id}:{name}",
        row=one.row,
        traded_on=one.traded_on,
        units=units,
        price_usd=price_usd,
        fee_usd=fee_usd,
    )


def _share_cents(total: Decimal, given: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    """Share dollars by units to the cent; the cents left over go to the largest remainders."""
    units = sum(given.values(), ZERO)
    exact = {name: total * part / units for name, part in given.items()}
    fees = {name: value.quantize(CENT, ROUND_DOWN) for name, value in exact.items()}
    left = int((total - sum(fees.values(), ZERO)) / CENT)
    for name in sorted(exact, key=lambda each: (fees[each] - exact[each], each))[:left]:
        fees[name] += CENT
    return fees


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenLot:
    """A lot that the proposal chose: the units to sell, and all that it held."""

    key: str
    units: Decimal
    lot_units: Decimal


def picks_of(lots: Sequence[ChosenLot], *, done_units: Decimal, units: Decimal) -> tuple[LotPick, ...]:
    """
    Choose the lots of a fill: in the proposal's order, after the units that earlier fills took.

    A fund sold in dollars may take more units than proposed: they come from what the chosen lots still hold.

    :raises BadInput: more units than the chosen lots hold
    """
    line = [(lot.key, lot.units) for lot in lots] + [(lot.key, lot.lot_units - lot.units) for lot in reversed(lots)]
    skip, need = done_units, units
    taken: dict[str, Decimal] = {}
    for key, held in line:
        passed = min(skip, held)
        skip -= passed
        part = min(held - passed, need)
        if part > 0:
            taken[key] = taken.get(key, ZERO) + part
            need -= part
    if need > 0:
        raise BadInput(f"{plain(units)} units are {plain(need)} more than the chosen lots hold")
    return tuple(LotPick(key=key, units=part) for key, part in taken.items())


def fills_file(rows: Iterable[FillRow]) -> str:
    """Write fills as a broker sends them, in the columns that `parse_fills` reads."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(FILL_COLUMNS)
    for row in rows:
        cells = (row.reference, row.execution_id, row.traded_on.isoformat())
        numbers = (plain(row.units), plain(row.price_usd), plain(row.fee_usd))
        writer.writerow([neutral(cell) for cell in (*cells, *numbers)])
    return text.getvalue()


def price_near(close_usd: Decimal, *, seed: str, is_sale: bool) -> Decimal:
    """
    Make up a price close to the close, for demonstrations: a little worse than it, by up to ten basis points.

    The same seed gives the same price.
    """
    hundredths = int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16) % 1001
    move = Decimal(hundredths) / Decimal(1_000_000)
    return (close_usd * (1 - move if is_sale else 1 + move)).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)


def next_weekday(day: date) -> date:
    """Return the next day that is no Saturday or Sunday: when a trade of a day settles, when orders are filled."""
    return day + timedelta(days={4: 3, 5: 2}.get(day.weekday(), 1))
