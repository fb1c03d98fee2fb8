"""The documented generic formats: the header tells the kind, the kind reads the rows. See docs/custodians.md."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from portfolios.custodians import generic_accounts, generic_actions, generic_gains, generic_guidance, generic_market
from portfolios.custodians.base import FileKind, ParsedFile
from portfolios.custodians.cells import FaultLog, RowReader, account_number
from portfolios.custodians.decoding import Line, read_grid

CUSTODIAN = "generic"
_COMPLETE_KINDS = frozenset({FileKind.LOTS, FileKind.FORM_1099B})


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of generic file: its columns and what reads its rows."""

    kind: FileKind
    required: frozenset[str]
    optional: frozenset[str]
    read: Callable[[Iterator[RowReader], FaultLog], ParsedFile]


def _format(
    kind: FileKind, required: str, optional: str, read: Callable[[Iterator[RowReader], FaultLog], ParsedFile]
) -> Format:
    return Format(kind=kind, required=frozenset(required.split()), optional=frozenset(optional.split()), read=read)


FORMATS = (
    _format(
        FileKind.LOTS,
        "account as_of symbol quantity cost acquired",
        "cusip holding_date inherited gift loss_cost wash_acquisition wash_adjustment wash_consumed lot"
        " position_quantity",
        generic_accounts.read_lots,
    ),
    _format(FileKind.CASH, "account as_of settled", "unsettled", generic_accounts.read_cash),
    _format(
        FileKind.TRANSACTIONS,
        "account date kind amount",
        "settled symbol cusip quantity price fee loss ref description",
        generic_accounts.read_transactions,
    ),
    _format(
        FileKind.FORM_1099B,
        "account quantity acquired sold proceeds basis",
        "symbol cusip description wash_disallowed gain term box covered",
        generic_gains.read_form_1099b,
    ),
    _format(FileKind.PRICES, "symbol date price", "", generic_market.read_prices),
    _format(
        FileKind.SECURITIES,
        "symbol name kind",
        "cusip isin asset_class sector industry country identity_group screens quantity_step half_spread_bps buyable",
        generic_market.read_securities,
    ),
    _format(
        FileKind.CORPORATE_ACTIONS,
        "symbol kind effective",
        generic_actions.OPTIONAL_COLUMNS,
        generic_actions.read_corporate_actions,
    ),
    _format(
        FileKind.RISK_MODEL,
        "model as_of record symbol factor other_factor value",
        "",
        generic_guidance.read_risk_model,
    ),
    _format(FileKind.SECURITY_MODELS, "model effective symbol weight", "name", generic_guidance.read_security_models),
    _format(FileKind.SUBSTITUTES, "symbol use rank", "hurdle_bps hold_only", generic_guidance.read_substitutes),
)


def parse(*, file_name: str, content: bytes, account: str) -> ParsedFile:
    """
    Parse one generic CSV or XLSX file.

    :raises Unreadable: not a table at all
    """
    del file_name, account
    grid = read_grid(content)
    log = FaultLog(list(grid.faults))
    lines = [line for line in grid.lines if not line.is_blank()]
    if not lines:
        log.error("The file has no rows.")
        return ParsedFile(custodian=CUSTODIAN, kind=FileKind.UNKNOWN, faults=tuple(log.faults))
    header = [cell.lower() for cell in lines[0].cells]
    while header and not header[-1]:
        header.pop()
    found = _find_format(header, row=lines[0].number, log=log)
    if found is None:
        return ParsedFile(custodian=CUSTODIAN, kind=FileKind.UNKNOWN, faults=tuple(log.faults))
    if len(lines) == 1:
        log.error("The file has a header but no rows; it may be cut off.")
    parsed = found.read(_rows(lines[1:], header=header, log=log), log)
    if len(lines) > 1 and not _has_end(content):
        _tell_open_end(parsed.kind, lines[-1], header=header, log=log)
    return replace(parsed, row_count=len(lines) - 1, faults=tuple(log.faults))


def _find_format(header: list[str], *, row: int, log: FaultLog) -> Format | None:
    columns = set(header)
    if len(columns) != len(header):
        twice = sorted({name for name in header if header.count(name) > 1})
        log.error(f"The header names a column twice: {', '.join(twice) or 'an empty one'}.", row=row)
        return None
    for each in FORMATS:
        if each.required <= columns <= each.required | each.optional:
            return each
    nearest = max(FORMATS, key=lambda each: (len(columns & each.required), len(columns & each.optional)))
    if 2 * len(columns & nearest.required) < len(nearest.required):
        log.error("The first row is not the header of any generic format; see docs/custodians.md.", row=row)
        return None
    said = f"The header is nearest to “{nearest.kind.value}”, but"
    for name in sorted(nearest.required - columns):
        log.error(f"{said} the column “{name}” is missing.", row=row, column=name)
    for name in sorted(columns - nearest.required - nearest.optional):
        log.error(f"{said} the column “{name or '(empty)'}” is unknown.", row=row, column=name)
    return None


def _has_end(content: bytes) -> bool:
    return content[:4] == b"PK\x03\x04" or content.rstrip(b"\x00").endswith((b"\n", b"\r"))


def _tell_open_end(kind: FileKind, last: Line, *, header: list[str], log: FaultLog) -> None:
    """Lots and lines of a 1099-B state their accounts completely: what may be cut off must hold the last one."""
    if kind in _COMPLETE_KINDS:
        said = dict(zip(header, last.cells, strict=False)).get("account", "")
        missing = "lots" if kind is FileKind.LOTS else "lines"
        message = f"The last line does not end: the file may be cut off, and {missing} of this account may be missing."
        log.error(message, row=last.number, account=account_number(said))
    else:
        message = "The last line does not end; if the file was cut off, its last value may be incomplete."
        log.note(message, row=last.number)


def _rows(lines: list[Line], *, header: list[str], log: FaultLog) -> Iterator[RowReader]:
    width = len(header)
    for line in lines:
        cells: Mapping[str, str] = dict(zip(header, line.cells, strict=False))
        reader = RowReader(number=line.number, cells=cells, log=log, account=account_number(cells.get("account", "")))
        if len(line.cells) < width:
            reader.fail(f"The row has {len(line.cells)} columns, the header {width}; the file may be cut off.")
        elif any(line.cells[width:]):
            reader.fail(f"The row has more columns than the header, which has {width}.")
        yield reader
