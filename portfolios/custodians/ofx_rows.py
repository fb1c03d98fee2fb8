"""One row of an OFX statement as typed values: dates, numbers, and which security it speaks of."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from portfolios.custodians.cells import FaultLog, RowReader, parse_compact_date
from portfolios.custodians.identifiers import is_cusip
from portfolios.custodians.ofx_document import OfxRow

_DATE = re.compile(r"(\d{8})(?:\d{4}|\d{6})?(?:\.\d{1,6})?(?:\s*\[[^\]]{0,40}\])?")
_TICKER = re.compile(r"[A-Z0-9][A-Z0-9.\-/ ]{0,31}")


def parse_ofx_date(text: str) -> date | None:
    """Read "20230714", "20230714170000.000[-5:EST]": the day as written; neither hour nor time zone moves it."""
    match = _DATE.fullmatch(text)
    return parse_compact_date(match[1]) if match else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A security as a file names it. `only_name` is its name where neither a ticker nor a true CUSIP tells it."""

    symbol: str = ""
    cusip: str = ""
    isin: str = ""
    name: str = ""
    only_name: str = ""


@dataclass(slots=True)
class OfxCells(RowReader):
    """
    Reads one row; every fault names the element and its FITID or security, because many files are a single line.

    A number with a comma is refused: OFX allows it for decimals, people write it between thousands.
    """

    tag: str = ""
    faulty: set[str] = field(default_factory=set)

    def fail(self, message: str, column: str = "") -> None:
        if (column or message) in self.faulty:
            return
        self.faulty.add(column or message)
        told = self.cells.get("FITID") or self.cells.get("UNIQUEID") or ""
        RowReader.fail(self, f"{self.tag} {told[:60]}: {message}" if told else f"{self.tag}: {message}", column)

    def maybe_number(self, column: str) -> Decimal | None:
        said = self.cells.get(column, "")
        if "," in said:
            self.fail(f"“{said[:40]}” has a comma: nothing tells whether decimals follow it.", column)
            return None
        return RowReader.maybe_number(self, column)

    def words(self, column: str) -> str:
        """Read a free text; what a spreadsheet would run is taken off its beginning."""
        return self.cells.get(column, "").lstrip("=+-@ \t")[:240]

    def check_currency(self) -> None:
        """Refuse amounts in another currency; a converted amount (ORIGCURRENCY) is in dollars already."""
        said = self.cells.get("CURSYM", "")
        if said and said.upper() != "USD":
            self.fail(f"The row is in {said[:10]}; only US dollars are kept.", "CURSYM")


def cells_of(row: OfxRow, *, log: FaultLog, account: str) -> OfxCells:
    """Give the reader of one row; a value that stands in it twice is at fault."""
    cells = OfxCells(number=row.line, cells=row.values, log=log, account=account, read_date=parse_ofx_date, tag=row.tag)
    if row.repeated:
        cells.fail(f"{row.repeated} stands in the row twice.", row.repeated)
    return cells


@dataclass(slots=True)
class SecurityList:
    """The security list of a file, by the id that its rows use."""

    by_id: Mapping[str, Named] = field(default_factory=dict)

    def of(self, row: OfxCells) -> Named:
        """Return the security of a row by the list, else by its CUSIP or ISIN; a mere private id is at fault."""
        unique = row.need_text("UNIQUEID").upper()
        listed = self.by_id.get(unique) or _named(unique, row.cells.get("UNIQUEIDTYPE", ""), ticker="", name="")
        if unique and not (listed.symbol or listed.cusip or listed.isin or listed.only_name):
            row.fail(f"The security list does not tell what “{unique[:40]}” is.", "UNIQUEID")
        return listed


def security_list(rows: Iterable[OfxRow], *, log: FaultLog) -> SecurityList:
    """Read the security list; an id with two tickers is known by its CUSIP alone."""
    found: dict[str, Named] = {}
    for row in rows:
        values = row.values
        unique = values.get("UNIQUEID", "").upper()
        if not unique:
            log.note("The security list has an entry without an id.", row=row.line, column="UNIQUEID")
            continue
        named = _named(
            unique, values.get("UNIQUEIDTYPE", ""), ticker=values.get("TICKER", ""), name=values.get("SECNAME", "")
        )
        before = found.get(unique)
        if before is not None and before.symbol != named.symbol:
            message = f"{unique[:40]} has the tickers {before.symbol} and {named.symbol}: only its id counts."
            log.note(message, row=row.line, column="TICKER")
            named = _named(unique, values.get("UNIQUEIDTYPE", ""), ticker="", name=values.get("SECNAME", ""))
        found[unique] = named
    return SecurityList(found)


def _named(unique: str, id_type: str, *, ticker: str, name: str) -> Named:
    kind = id_type.upper()
    symbol = unique if kind == "TICKER" else ticker.upper().strip()
    if not _TICKER.fullmatch(symbol) or (symbol == unique and kind != "TICKER" and is_cusip(unique)):
        symbol = ""
    name = name.lstrip("=+-@ \t")[:200]
    is_sure = bool(symbol) or kind == "ISIN" or is_cusip(unique)
    return Named(
        symbol=symbol,
        cusip=unique if kind == "CUSIP" else "",
        isin=unique if kind == "ISIN" else "",
        name=name,
        only_name="" if is_sure else name,
    )
