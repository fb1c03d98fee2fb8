"""The generic file of a Form 1099-B: a custodian's statement of gains of one tax year, line by line."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from portfolios.custodians.base import FileKind, ParsedAccount, ParsedFile, RealisedRow
from portfolios.custodians.cells import FaultLog, RowReader
from portfolios.ledger.types import Term

CUSTODIAN = "generic"
VARIOUS = "various"
_TOLERANCE_USD = Decimal("0.02")
_TERMS = {
    **dict.fromkeys(("short", "short-term", "short term", "st", "s"), Term.SHORT),
    **dict.fromkeys(("long", "long-term", "long term", "lt", "l"), Term.LONG),
}
_TERM_OF_BOX = {**dict.fromkeys("ABC", Term.SHORT), **dict.fromkeys("DEF", Term.LONG)}
_COVERED_BOXES, _UNCOVERED_BOXES = frozenset("AD"), frozenset("BE")


def read_form_1099b(rows: Iterator[RowReader], log: FaultLog) -> ParsedFile:
    """Read the lines of a 1099-B; an account's lines are of one tax year, and all of them."""
    accounts: dict[str, list[RealisedRow]] = {}
    latest: date | None = None
    for row in rows:
        row.need_text("account")
        told = accounts.setdefault(row.account, [])
        line = _read_line(row)
        if row.is_good and told and told[0].tax_year != line.tax_year:
            row.fail(
                f"The sale is of {line.tax_year}, the rows above are of {told[0].tax_year}: one year a file.", "sold"
            )
        if row.is_good:
            told.append(line)
            latest = max(latest or line.closed_on, line.closed_on)
    del log
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.FORM_1099B,
        as_of=latest,
        accounts=tuple(ParsedAccount(number=number, realised=tuple(told)) for number, told in accounts.items()),
    )


def _read_line(row: RowReader) -> RealisedRow:
    proceeds, cost = row.need_number("proceeds"), row.maybe_number("basis")
    disallowed = row.maybe_number("wash_disallowed") or Decimal(0)
    _check_amounts(row, proceeds=proceeds, cost=cost, disallowed=disallowed)
    sold, acquired = row.need_date("sold"), _acquired(row)
    if row.is_good and acquired is not None and acquired > sold:
        row.fail(f"The acquired date {acquired} lies after the sale: short sales are not kept here.", "acquired")
    box, covered = _box(row), _covered(row)
    symbol = row.symbol("symbol") if row.cells.get("symbol") else ""
    cusip, name = row.text("cusip").upper(), row.text("description")
    if not (symbol or cusip or name):
        row.fail("The row names no security: it needs a symbol, a cusip or a description.", "symbol")
    return RealisedRow(
        row=row.number,
        symbol=symbol,
        cusip=cusip,
        security_name=name if not symbol else "",
        description=name,
        units=row.units("quantity"),
        acquired_on=acquired,
        closed_on=sold,
        proceeds_usd=proceeds,
        cost_usd=cost,
        gain_usd=_gain(row, proceeds=proceeds, cost=cost, disallowed=disallowed),
        disallowed_usd=disallowed,
        term=_term(row, box),
        box=box,
        is_covered=_covered_by(row, box, covered=covered),
        is_1099b=True,
    )


def _check_amounts(row: RowReader, *, proceeds: Decimal, cost: Decimal | None, disallowed: Decimal) -> None:
    if proceeds < 0:
        row.fail(f"The proceeds {proceeds} are negative.", "proceeds")
    if cost is not None and cost < 0:
        row.fail(f"The basis {cost} is negative.", "basis")
    if disallowed < 0:
        row.fail(f"The wash_disallowed {disallowed} is negative: a disallowed loss is positive.", "wash_disallowed")
    elif disallowed and cost is not None and disallowed > cost - proceeds + _TOLERANCE_USD:
        row.fail(
            f"The wash_disallowed {disallowed} is above the loss {max(cost - proceeds, Decimal(0))}.", "wash_disallowed"
        )


def _acquired(row: RowReader) -> date | None:
    return None if row.cells.get("acquired", "").lower() == VARIOUS else row.maybe_date("acquired")


def _gain(row: RowReader, *, proceeds: Decimal, cost: Decimal | None, disallowed: Decimal) -> Decimal | None:
    """Return the gain before what is disallowed; custodians print it with or without that."""
    said = row.maybe_number("gain")
    if cost is None:
        return said
    gain = proceeds - cost
    if said is not None and min(abs(said - gain), abs(said - gain - disallowed)) > _TOLERANCE_USD:
        row.fail(f"The gain {said} is not proceeds less basis, which is {gain}.", "gain")
    return gain


def _box(row: RowReader) -> str:
    box = row.text("box").upper()
    if box and box not in _TERM_OF_BOX:
        row.fail(f"“{box[:40]}” is not one of the boxes A to F of Form 8949.", "box")
        return ""
    return box


def _term(row: RowReader, box: str) -> Term | None:
    said = row.text("term").lower()
    by_box = _TERM_OF_BOX.get(box)
    if not said:
        return by_box
    term = _TERMS.get(said)
    if term is None:
        row.fail(f"“{said[:40]}” is neither short nor long.", "term")
    elif by_box is not None and term is not by_box:
        row.fail(f"The term is {term.value}, but box {box} is for {by_box.value}-term sales.", "term")
    return term


def _covered(row: RowReader) -> bool | None:
    return row.yes_no("covered", default=False) if row.cells.get("covered") else None


def _covered_by(row: RowReader, box: str, *, covered: bool | None) -> bool | None:
    if covered is None:
        return box in _COVERED_BOXES if box in _COVERED_BOXES | _UNCOVERED_BOXES else None
    if box in (_UNCOVERED_BOXES if covered else _COVERED_BOXES):
        told = "no, but box {0} is for covered lots" if not covered else "yes, but box {0} is for lots not covered"
        row.fail(f"The row says covered {told.format(box)}.", "covered")
    return covered
