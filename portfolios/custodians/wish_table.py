"""Settings and restrictions of many accounts in one table, a row each; a faulty row never takes the others along."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from portfolios.custodians.base import Severity
from portfolios.custodians.cells import RowReader, parse_number
from portfolios.custodians.house_tables import BadTable, open_table, said_of

REQUIRED: Final = ("account", "what")
OPTIONAL: Final = (
    "subject_kind",
    "subject",
    "disposal",
    "at_least",
    "at_most",
    "value",
    "reason",
    "starts_on",
    "ends_on",
    "review_on",
)
Unit = Literal["frac", "usd", "units"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """An amount with its unit: a fraction of the account, dollars, or shares."""

    unit: Unit
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WishRow:
    """One row as it was read, words in lower case; `faults` say what of it could not be."""

    row: int
    account: str
    what: str
    subject_kind: str
    subject: str
    disposal: str
    at_least: Bound | None
    at_most: Bound | None
    value: str
    reason: str
    starts_on: date | None
    ends_on: date | None
    review_on: date | None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WishTable:
    """Every row, the faulty ones too; `faults` are those of the file as a whole, and then there are no rows."""

    rows: tuple[WishRow, ...]
    faults: tuple[str, ...] = ()


def read_wishes(content: bytes) -> WishTable:
    """Read a CSV or XLSX table; its columns are `REQUIRED` and `OPTIONAL`, found by their header."""
    try:
        table = open_table(content, required=REQUIRED, optional=OPTIONAL)
    except BadTable as error:
        return WishTable(rows=(), faults=said_of(error.faults))
    rows = []
    for reader in table.rows:
        before = len(table.log.faults)
        row = _row(reader)
        told = [fault for fault in table.log.faults[before:] if fault.severity is Severity.ERROR]
        rows.append(replace(row, faults=tuple(fault.message for fault in told)))
    return WishTable(rows=tuple(rows))


def _row(reader: RowReader) -> WishRow:
    return WishRow(
        row=reader.number,
        account=reader.need_text("account"),
        what=_word(reader.need_text("what")),
        subject_kind=_word(reader.text("subject_kind")) or "security",
        subject=reader.text("subject"),
        disposal=_word(reader.text("disposal")),
        at_least=_bound(reader, "at_least"),
        at_most=_bound(reader, "at_most"),
        value=reader.text("value"),
        reason=reader.text("reason")[:400],
        starts_on=reader.maybe_date("starts_on"),
        ends_on=reader.maybe_date("ends_on"),
        review_on=reader.maybe_date("review_on"),
    )


def _word(text: str) -> str:
    return text.strip().lower().replace(" ", "_").replace("-", "_")


def _bound(reader: RowReader, column: str) -> Bound | None:
    """Read "12%", "$250,000" or "500 shares"; a number alone could mean any of them and is refused."""
    said = reader.text(column).strip()
    if not said:
        return None
    unit: Unit | None = None
    body = said
    if said.endswith("%"):
        unit, body = "frac", said[:-1]
    elif said.startswith("$"):
        unit = "usd"
    elif said.lower().endswith(("shares", "share")):
        unit, body = "units", said[: said.lower().rindex("share")]
    number = parse_number(body)
    if unit is None or number is None:
        reader.fail(f"“{said[:40]}” needs its unit: 12%, $250,000 or 500 shares.", column)
        return None
    return Bound(unit=unit, amount=number / 100 if unit == "frac" else number)
