"""Bytes to a grid of text cells, with every limit tested before anything large is unpacked."""

import csv
import re
import zipfile
import zlib
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO, StringIO

from python_calamine import CalamineError, CalamineWorkbook

from portfolios.custodians.base import Fault, Severity

MAX_FILE_BYTES = 50_000_000
MAX_UNPACKED_BYTES = 200_000_000
MAX_ROWS = 400_000
MAX_COLUMNS = 100
MAX_CELLS = 12_000_000
MAX_CELL_CHARS = 4_000
_CHUNK = 1 << 20
_FORMULA_CELL = re.compile(rb'<c [^>]*?r="([A-Z]+)([0-9]+)"[^>]*><f[ >/]')
_CELL_REF = re.compile(rb'<c [^>]*?r="([A-Z]{1,3})([0-9]{1,7})"')


class Unreadable(ValueError):
    """The file as a whole cannot be read; the message is a sentence, `row` where it is known."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One record of a file: the number of its first line (or its row in a sheet), and its cells, stripped."""

    number: int
    cells: tuple[str, ...]

    def is_blank(self) -> bool:
        return not any(self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    lines: tuple[Line, ...]
    faults: tuple[Fault, ...] = ()


def check_size(content: bytes) -> None:
    """
    Refuse a file before looking into it when it is empty or too large.

    :raises Unreadable: with the size in megabytes
    """
    if not content.strip(b" \t\r\n\x00"):
        raise Unreadable("The file is empty.")
    if len(content) > MAX_FILE_BYTES:
        megabytes = len(content) / 1_000_000
        raise Unreadable(f"The file has {megabytes:,.0f} MB; the limit is {MAX_FILE_BYTES // 1_000_000} MB.")


def read_grid(content: bytes) -> Grid:
    """
    Read a CSV text or a workbook into stripped text cells.

    :raises Unreadable: not a table, or beyond a limit
    """
    check_size(content)
    if content[:4] == b"PK\x03\x04":
        return _read_workbook(content)
    if content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise Unreadable("This is an old Excel workbook (.xls) or an encrypted one; save it as .xlsx or CSV.")
    text, faults = decode_text(content)
    return Grid(lines=_read_csv(text), faults=faults)


def decode_text(content: bytes) -> tuple[str, tuple[Fault, ...]]:
    """
    Decode UTF-8 or UTF-16 with a byte-order mark; else Windows-1252, with a note that says so.

    :raises Unreadable: binary content
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16"), ()
        except UnicodeDecodeError as error:
            raise Unreadable("The file begins as UTF-16 text but is cut off or damaged.") from error
    if b"\x00" in content:
        raise Unreadable("The file is not text: it holds zero bytes. UTF-16 needs a byte-order mark.")
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        message = "The text is not UTF-8 and was read as Windows-1252; letters in names may be wrong."
        return content.decode("cp1252", errors="replace"), (Fault(row=row, message=message, severity=Severity.NOTE),)


def _read_csv(text: str) -> tuple[Line, ...]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    lines: list[Line] = []
    begins = 1
    try:
        for cells in reader:
            _check_cells(cells, row=begins)
            lines.append(Line(number=begins, cells=tuple(cell.strip(" \r\n\xa0") for cell in cells)))
            begins = reader.line_num + 1
            if len(lines) > MAX_ROWS:
                raise Unreadable(f"The file has more than {MAX_ROWS:,} rows; split it.", row=begins)
    except csv.Error as error:
        raise Unreadable(
            f"From here on the file is not readable as CSV ({error}); a quote may be open, the file cut off.",
            row=begins,
        ) from error
    return tuple(lines)


def _delimiter(text: str) -> str:
    """Find the delimiter in the first lines that have one; commas win."""
    head = text[:8000]
    return max((",", ";", "\t"), key=lambda mark: (head.count(mark), mark == ","))


def _check_cells(cells: list[str], *, row: int) -> None:
    if len(cells) > MAX_COLUMNS:
        raise Unreadable(f"This row has {len(cells)} columns; the limit is {MAX_COLUMNS}.", row=row)
    if any(len(cell) > MAX_CELL_CHARS for cell in cells):
        raise Unreadable(f"A cell of this row has more than {MAX_CELL_CHARS:,} characters.", row=row)


def _read_workbook(content: bytes) -> Grid:
    faults = _inspect_workbook(content)
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(content))
        sheets = [workbook.get_sheet_by_index(index) for index in range(len(workbook.sheet_names))]
    except (CalamineError, OSError, ValueError) as error:
        raise Unreadable("The workbook cannot be read: it is damaged or not an .xlsx file.") from error
    if not sheets:
        raise Unreadable("The workbook has no sheet.")
    for sheet in sheets[1:]:
        if sheet.height:
            raise Unreadable(f"Only the first sheet is read, but the sheet “{sheet.name}” has content too.")
    lines: list[Line] = []
    for number, values in enumerate(sheets[0].to_python(skip_empty_area=False), start=1):
        cells = [_cell_text(value) for value in values]
        _check_cells(cells, row=number)
        lines.append(Line(number=number, cells=tuple(cells)))
    return Grid(lines=tuple(lines), faults=faults)


def _cell_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value).strip()


def _inspect_workbook(content: bytes) -> tuple[Fault, ...]:
    """
    Unpack every part within the limit, trusting no size it declares; name formulas, refuse huge sheets.

    :raises Unreadable: damaged, or beyond a limit
    """
    try:
        entries = zipfile.ZipFile(BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError) as error:
        raise Unreadable("The workbook is damaged or cut off.") from error
    budget = MAX_UNPACKED_BYTES
    faults: list[Fault] = []
    for entry in entries:
        part = _unpack(content, entry, budget=budget)
        budget -= len(part)
        if entry.filename.startswith("xl/worksheets/"):
            faults += _inspect_sheet(part)
    return tuple(faults)


def _unpack(content: bytes, entry: zipfile.ZipInfo, *, budget: int) -> bytes:
    begins = entry.header_offset
    header = content[begins : begins + 30]
    if len(header) < 30 or entry.flag_bits & 1:
        raise Unreadable("The workbook is damaged or encrypted.")
    begins += 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    packed = content[begins : begins + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        return packed
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        raise Unreadable("The workbook is packed in a way that Excel does not use.")
    inflate = zlib.decompressobj(-15)
    try:
        part = inflate.decompress(packed, budget + 1)
    except zlib.error as error:
        raise Unreadable("The workbook is damaged or cut off.") from error
    if len(part) > budget:
        raise Unreadable(f"The workbook unpacks to more than {MAX_UNPACKED_BYTES // 1_000_000} MB and was not opened.")
    return part


def _inspect_sheet(part: bytes) -> list[Fault]:
    widest, deepest = 0, 0
    for match in _CELL_REF.finditer(part):
        widest = max(widest, _column_number(match[1]))
        deepest = max(deepest, int(match[2]))
    if widest > MAX_COLUMNS or deepest > MAX_ROWS or widest * deepest > MAX_CELLS:
        raise Unreadable(
            f"The sheet reaches to row {deepest:,} and column {widest:,}; "
            f"the limits are {MAX_ROWS:,} rows and {MAX_COLUMNS} columns."
        )
    return [
        Fault(
            row=int(match[2]),
            column=match[1].decode(),
            message="The cell holds a formula; put the value in its place.",
        )
        for match in _FORMULA_CELL.finditer(part)
    ]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
