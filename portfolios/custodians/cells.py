"""Cells to typed values: what cannot be read becomes a fault that names row and column."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from portfolios.custodians.base import Fault, Severity

_NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+")
_SCIENTIFIC = re.compile(r"\d+(?:\.\d+)?[eE][+-]?\d{1,2}")
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.\-/ ]{0,31}")
_YES, _NO = frozenset({"yes", "y", "true", "1"}), frozenset({"no", "n", "false", "0"})
MAX_UNITS = Decimal(10) ** 9
MAX_USD = Decimal(10) ** 12


def parse_number(text: str) -> Decimal | None:
    """
    Read "1,234.50", "$5", "-$5", "(5)", "+5"; None when it is not a number.

    A comma counts only between groups of three digits, so that "1.234,56" is refused rather than misread.
    """
    body = text.strip()
    negative = body.startswith("(") and body.endswith(")")
    if negative:
        body = body[1:-1].strip()
    if body[:1] in ("-", "+"):
        negative, body = body[0] == "-" or negative, body[1:].lstrip()
    body = body.removeprefix("$").lstrip()
    if body[:1] == "-" and not negative:
        negative, body = True, body[1:]
    if not (_NUMBER.fullmatch(body) or _SCIENTIFIC.fullmatch(body)):
        return None
    try:
        number = Decimal(body.replace(",", ""))
    except InvalidOperation:
        return None
    return -number if negative else number


@lru_cache(maxsize=8192)
def parse_iso_date(text: str) -> date | None:
    """Read "2026-11-20", also when midnight follows; None when it is no date."""
    body = text.removesuffix(" 00:00:00")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", body):
        return None
    return _date_of(int(body[:4]), int(body[5:7]), int(body[8:]))


def parse_us_date(text: str) -> date | None:
    """Read "09/24/2020" with or without a time behind it; None when it is no date."""
    match = re.match(r"(\d{1,2})/(\d{1,2})/(\d{4})(?!\d)", text)
    return _date_of(int(match[3]), int(match[1]), int(match[2])) if match else None


def parse_compact_date(text: str) -> date | None:
    """Read "20250807", "2025-08-07", either with a time behind it; None when it is no date."""
    match = re.match(r"(\d{4})-?(\d{2})-?(\d{2})(?![\d])", text)
    return _date_of(int(match[1]), int(match[2]), int(match[3])) if match else None


def _date_of(year: int, month: int, day: int) -> date | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found if 1900 <= year <= 2100 else None


def is_formula(text: str) -> bool:
    """Tell whether a spreadsheet would run this cell."""
    if text[:1] in ("=", "@", "\t"):
        return True
    return (
        text[:1] in ("+", "-")
        and text[1:2] not in ("", "-")
        and parse_number(text.rstrip("%")) is None
        and (text[1:2].isalpha() or text[1:2] in "(=@" or any(mark in text for mark in "+*|!"))
    )


@dataclass(slots=True)
class FaultLog:
    """Collects the faults of one file in order."""

    faults: list[Fault] = field(default_factory=list)

    def error(self, message: str, *, row: int | None = None, column: str = "", account: str = "") -> None:
        self.faults.append(Fault(row=row, column=column, account=account, message=message))

    def note(self, message: str, *, row: int | None = None, column: str = "", account: str = "") -> None:
        self.faults.append(Fault(row=row, column=column, account=account, message=message, severity=Severity.NOTE))


@dataclass(slots=True)
class RowReader:
    """
    Reads one row by column name; every fault goes to the log and makes the row not good.

    A getter that fails returns a harmless value of its type, so that all faults of a row are found in one pass.
    `blanks` are the marks that a custodian writes for "nothing".
    """

    number: int
    cells: Mapping[str, str]
    log: FaultLog
    account: str = ""
    read_date: Callable[[str], date | None] = parse_iso_date
    blanks: frozenset[str] = frozenset({""})
    is_good: bool = True

    def fail(self, message: str, column: str = "") -> None:
        self.is_good = False
        self.log.error(message, row=self.number, column=column, account=self.account)

    def text(self, column: str) -> str:
        value = self.cells.get(column, "")
        if value and is_formula(value) and value not in self.blanks:
            self.fail(f"“{_short(value)}” is a formula; put the value in its place.", column)
            return ""
        return "" if value in self.blanks else value

    def need_text(self, column: str) -> str:
        value = self.text(column)
        if not value and self.cells.get(column, "") in self.blanks:
            self.fail(f"The {column} is missing.", column)
        return value

    def symbol(self, column: str) -> str:
        value = self.need_text(column).upper()
        if value and not _SYMBOL.fullmatch(value):
            self.fail(f"“{_short(value)}” is not a symbol.", column)
        return value

    def maybe_number(self, column: str) -> Decimal | None:
        value = self.text(column)
        if not value:
            return None
        number = parse_number(value)
        if number is None:
            self.fail(f"“{_short(value)}” is not a number.", column)
        elif abs(number) >= MAX_USD:
            self.fail(f"{_short(value)} is beyond every plausible size.", column)
            return None
        return number

    def need_number(self, column: str) -> Decimal:
        number = self.maybe_number(column)
        if number is None and self.cells.get(column, "") in self.blanks:
            self.fail(f"The {column} is missing.", column)
        return Decimal(0) if number is None else number

    def units(self, column: str) -> Decimal:
        """Read a quantity above 0 with at most six decimals."""
        units = self.need_number(column)
        if units < 0:
            self.fail(f"The {column} {units} is negative: short positions are not kept here.", column)
        elif units == 0 and parse_number(self.cells.get(column, "")) is not None:
            self.fail(f"The {column} is 0.", column)
        return self._within_units(units, column)

    def signed_units(self, column: str) -> Decimal:
        return self._within_units(self.maybe_number(column) or Decimal(0), column)

    def _within_units(self, units: Decimal, column: str) -> Decimal:
        if abs(units) >= MAX_UNITS:
            self.fail(f"The {column} {units} is beyond every plausible size.", column)
        exponent = units.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -6 and units != round(units, 6):
            self.fail(f"The {column} {units} has more than six decimals.", column)
        return units

    def maybe_date(self, column: str) -> date | None:
        value = self.text(column)
        if not value:
            return None
        found = self.read_date(value)
        if found is None:
            self.fail(f"“{_short(value)}” is not a date.", column)
        return found

    def need_date(self, column: str) -> date:
        found = self.maybe_date(column)
        if found is None and self.cells.get(column, "") in self.blanks:
            self.fail(f"The {column} is missing.", column)
        return found or date(1900, 1, 1)

    def yes_no(self, column: str, *, default: bool) -> bool:
        value = self.text(column).lower()
        if not value:
            return default
        if value not in _YES | _NO:
            self.fail(f"“{_short(value)}” is neither yes nor no.", column)
        return value in _YES


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def account_number(text: str) -> str:
    """Spell an account number as it is compared: no spaces or hyphens, capitals."""
    return re.sub(r"[\s\-]", "", text).upper()
