"""Tables of the house view as people paste or upload them: weights of a model, products, substitutes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from portfolios.custodians.base import Fault, Severity
from portfolios.custodians.cells import FaultLog, RowReader, parse_number
from portfolios.custodians.decoding import Line, Unreadable, read_grid

WEIGHT_STEP: Final = Decimal("0.00000001")
SUM_TOLERANCE: Final = Decimal("0.000001")
SCREEN_KINDS: Final = frozenset({"security", "sector", "industry", "country"})
TAX_STATUSES: Final = frozenset({"", "taxable", "deferred", "exempt"})
_HUNDRED: Final = Decimal(100)
_MOST_SHOWN: Final = 40
_NAMES: Final[Mapping[str, str]] = {
    "ticker": "symbol",
    "security": "symbol",
    "weight (%)": "weight",
    "weight %": "weight",
    "weight_pct": "weight",
    "weight_frac": "weight",
    "class": "asset_class",
    "asset class": "asset_class",
    "tax status": "tax_status",
    "from": "min_account",
    "minimum": "min_account",
    "product": "use",
    "substitute": "use",
    "hurdle": "hurdle_bps",
    "hold only": "hold_only",
}


class BadTable(ValueError):
    """A table with faults: every one of them, with its row; nothing of the table is used."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(said_of(faults)[0])
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductEntry:
    """A row that says what fills a class: a symbol or the key of a model."""

    row: int
    asset_class: str
    tax_status: str
    min_account_usd: Decimal
    use: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstituteEntry:
    row: int
    symbol: str
    use: str
    rank: int
    hurdle_bps: Decimal
    is_hold_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenEntry:
    """A line of a screen: a security, or everything of a sector, an industry or a country."""

    row: int
    screen: str
    kind: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightEntry:
    """A security of a model; `weight_frac` is a fraction, however it was written."""

    row: int
    symbol: str
    weight_frac: Decimal


def said_of(faults: tuple[Fault, ...]) -> tuple[str, ...]:
    """Write faults as sentences that name their rows."""
    return tuple(f"Row {fault.row}: {fault.message}" if fault.row else fault.message for fault in faults)


def read_weights(content: bytes) -> tuple[WeightEntry, ...]:
    """
    Read the weights of a model, as fractions, percentages, or with a % sign: what they sum to decides.

    :raises BadTable: with every faulty row, or when they sum to neither 1 nor 100
    """
    table = open_table(content, required=("symbol", "weight"))
    read: dict[str, tuple[int, Decimal]] = {}
    for row in table.rows:
        symbol = row.symbol("symbol")
        weight, is_percent = _weight(row)
        if row.is_good and weight <= 0:
            row.fail(f"The weight of {symbol} is not above 0. Leave the row out instead.", "weight")
        if row.is_good and symbol in read:
            row.fail(f"{symbol} stands in row {read[symbol][0]} already.", "symbol")
        if row.is_good:
            read[symbol] = (row.number, weight / _HUNDRED if is_percent else weight)
    table.close()
    total = sum((weight for _, weight in read.values()), Decimal(0))
    scale = _scale(total, table.log)
    table.close()
    entries = [
        WeightEntry(row=number, symbol=symbol, weight_frac=(weight / scale).quantize(WEIGHT_STEP))
        for symbol, (number, weight) in read.items()
    ]
    return _summing_to_one(entries)


def _weight(row: RowReader) -> tuple[Decimal, bool]:
    text = row.text("weight")
    if text.endswith("%"):
        number = parse_number(text[:-1].strip())
        if number is None:
            row.fail(f"“{text[:_MOST_SHOWN]}” is not a percentage.", "weight")
        return number or Decimal(0), True
    return row.need_number("weight"), False


def _scale(total: Decimal, log: FaultLog) -> Decimal:
    for scale in (Decimal(1), _HUNDRED):
        if abs(total / scale - 1) <= SUM_TOLERANCE:
            return scale
    if total > 2:
        log.error(f"The weights sum to {total.normalize():f} %, not to 100 %.", column="weight")
    else:
        log.error(f"The weights sum to {total.normalize():f}, not to 1 (or to 100, if they are percentages).")
    return Decimal(1)


def _summing_to_one(entries: list[WeightEntry]) -> tuple[WeightEntry, ...]:
    """Give the remainder of rounding to the largest weight."""
    rest = 1 - sum((entry.weight_frac for entry in entries), Decimal(0))
    largest = max(entries, key=lambda entry: (entry.weight_frac, entry.symbol))
    return tuple(
        WeightEntry(row=entry.row, symbol=entry.symbol, weight_frac=entry.weight_frac + rest)
        if entry is largest
        else entry
        for entry in entries
    )


def read_products(content: bytes) -> tuple[ProductEntry, ...]:
    """
    Read what fills the classes.

    :raises BadTable: with every faulty row
    """
    table = open_table(content, required=("asset_class", "use"), optional=("tax_status", "min_account"))
    entries: dict[tuple[str, str, Decimal], ProductEntry] = {}
    for row in table.rows:
        entry = ProductEntry(
            row=row.number,
            asset_class=row.need_text("asset_class"),
            tax_status=_tax_status(row),
            min_account_usd=row.maybe_number("min_account") or Decimal(0),
            use=row.need_text("use"),
        )
        if entry.min_account_usd < 0 or entry.min_account_usd != round(entry.min_account_usd, 2):
            row.fail(f"The minimum {entry.min_account_usd} is not an amount in dollars and cents.", "min_account")
        key = (entry.asset_class, entry.tax_status, entry.min_account_usd)
        if row.is_good and key in entries:
            row.fail(f"Row {entries[key].row} fills the same class for the same accounts already.", "asset_class")
        if row.is_good:
            entries[key] = entry
    table.close()
    return tuple(entries.values())


def _tax_status(row: RowReader) -> str:
    said = row.text("tax_status").lower().removeprefix("tax-")
    status = "" if said in ("all", "any") else said
    if status not in TAX_STATUSES:
        row.fail(f"“{said[:_MOST_SHOWN]}” is none of taxable, deferred, exempt, all.", "tax_status")
    return status


def read_substitutes(content: bytes) -> tuple[SubstituteEntry, ...]:
    """
    Read the approved substitutes; a missing rank is the order of the rows.

    :raises BadTable: with every faulty row
    """
    table = open_table(content, required=("symbol", "use"), optional=("rank", "hurdle_bps", "hold_only"))
    entries: dict[tuple[str, str], SubstituteEntry] = {}
    ranks: dict[str, int] = {}
    for row in table.rows:
        symbol, use = row.symbol("symbol"), row.symbol("use")
        rank = row.maybe_number("rank") or Decimal(ranks.get(symbol, 0) + 1)
        hurdle = row.maybe_number("hurdle_bps") or Decimal(0)
        if rank != int(rank) or not 1 <= rank <= 1000:
            row.fail(f"The rank {rank} is not a whole number from 1 on.", "rank")
        if not 0 <= hurdle < 10_000:
            row.fail(f"The hurdle of {hurdle} basis points lies outside 0 to 10,000.", "hurdle_bps")
        if row.is_good and symbol == use:
            row.fail(f"{symbol} cannot stand in for itself.", "use")
        if row.is_good and (symbol, use) in entries:
            row.fail(f"The same pair stands in row {entries[symbol, use].row} already.", "use")
        ranks[symbol] = int(rank)
        is_hold_only = row.yes_no("hold_only", default=False)
        if row.is_good:
            entries[symbol, use] = SubstituteEntry(
                row=row.number,
                symbol=symbol,
                use=use,
                rank=int(rank),
                hurdle_bps=hurdle,
                is_hold_only=is_hold_only,
            )
    table.close()
    return tuple(entries.values())


def read_screens(content: bytes) -> tuple[ScreenEntry, ...]:
    """
    Read the firm's screens; a missing kind is a security.

    :raises BadTable: with every faulty row
    """
    table = open_table(content, required=("screen", "subject"), optional=("kind",))
    entries: dict[tuple[str, str, str], ScreenEntry] = {}
    for row in table.rows:
        kind = row.text("kind").lower() or "security"
        if kind not in SCREEN_KINDS:
            row.fail(f"“{kind[:_MOST_SHOWN]}” is none of {', '.join(sorted(SCREEN_KINDS))}.", "kind")
        subject = row.symbol("subject") if kind == "security" else row.need_text("subject")
        screen = " ".join(row.need_text("screen").split())
        key = (screen.lower(), kind, subject)
        if row.is_good and key in entries:
            row.fail(f"The same line stands in row {entries[key].row} already.", "subject")
        if row.is_good:
            entries[key] = ScreenEntry(row=row.number, screen=screen, kind=kind, subject=subject)
    table.close()
    return tuple(entries.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of a table, with what is wrong with them so far."""

    rows: tuple[RowReader, ...]
    log: FaultLog

    def close(self) -> None:
        """
        Refuse the whole table if anything in it is wrong.

        :raises BadTable: with every fault
        """
        errors = tuple(fault for fault in self.log.faults if fault.severity is Severity.ERROR)
        if errors:
            raise BadTable(errors)


def open_table(content: bytes, *, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Table:
    """
    Find the columns by their header; without one they stand in the order of `required` and `optional`.

    :raises BadTable: it cannot be read, has no rows, or a column is missing, unknown or there twice
    """
    try:
        grid = read_grid(content)
    except Unreadable as error:
        raise BadTable((Fault(row=error.row, message=str(error)),)) from error
    log = FaultLog(list(grid.faults))
    lines = [line for line in grid.lines if not line.is_blank()]
    header = [_NAMES.get(cell.lower(), cell.lower()) for cell in lines[0].cells] if lines else []
    columns = (*required, *optional)
    if set(header) & set(columns):
        _check_header(header, required=required, columns=columns, log=log)
        lines = lines[1:]
    else:
        header = list(columns)
    if not lines:
        log.error("The table has no rows.")
    table = Table(rows=tuple(_readers(lines, header=header, log=log)), log=log)
    if not lines or any(fault.row is None and fault.severity is Severity.ERROR for fault in log.faults):
        table.close()
    return table


def _check_header(header: list[str], *, required: tuple[str, ...], columns: tuple[str, ...], log: FaultLog) -> None:
    while header and not header[-1]:
        header.pop()
    for name in sorted({name for name in header if header.count(name) > 1}):
        log.error(f"The column “{name}” stands there twice.", column=name)
    for name in required:
        if name not in header:
            log.error(f"The column “{name}” is missing.", column=name)
    for name in sorted(set(header) - set(columns)):
        log.error(f"The column “{name[:_MOST_SHOWN]}” is unknown; the columns are {', '.join(columns)}.", column=name)


def _readers(lines: list[Line], *, header: list[str], log: FaultLog) -> Iterator[RowReader]:
    for line in lines:
        reader = RowReader(number=line.number, cells=dict(zip(header, line.cells, strict=False)), log=log)
        if any(line.cells[len(header) :]):
            reader.fail(f"The row has more than {len(header)} columns.")
        yield reader
