"""Tables inside a custodian's download: a header found by its columns, the rows below it, masked account numbers."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from portfolios.custodians.base import ParsedAccount
from portfolios.custodians.cells import FaultLog, RowReader, account_number, parse_us_date
from portfolios.custodians.decoding import Line

_TAIL = re.compile(r"(?:X{2,}-?|\.{2,}|\*+)(\d{3,6})\s*$", re.IGNORECASE)
_FILE_TAIL = re.compile(r"X{2,}-?(\d{3,6})(?!\d)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountName:
    """An account as a download names it; `number` is empty where nothing tells it."""

    number: str
    is_masked: bool
    label: str = ""


def masked_account(said: str, *, file_name: str, account: str, log: FaultLog, row: int) -> AccountName:
    """Read "Brokerage XXXX-1234" or "Individual ...000"; the `account` given completes it, never contradicts it."""
    match = _TAIL.search(said)
    label = (said[: match.start()] if match else said).strip(" .X-")
    in_name = _FILE_TAIL.search(file_name)
    tail = match[1] if match else in_name[1] if in_name else ""
    given = account_number(account)
    if given:
        if tail and not given.endswith(tail):
            log.error(f"The file is for the account that ends in {tail}, not for the one given.", row=row)
        return AccountName(number=given, is_masked=False, label=label)
    if not tail:
        log.error("Nothing in the file or its name tells the account; name it when importing.", row=row)
    return AccountName(number=tail, is_masked=True, label=label)


def check_given(accounts: Iterable[ParsedAccount], account: str, log: FaultLog) -> None:
    """Refuse a file that names other accounts than the one given."""
    given = account_number(account)
    for parsed in accounts:
        is_meant = given.endswith(parsed.number) if parsed.is_masked else given == parsed.number
        if given and parsed.number and not is_meant:
            log.error(f"The file is for the account that ends in {parsed.number[-4:]}, not for the one given.")


def columns_of(line: Line, aliases: Mapping[str, str]) -> list[str]:
    """Spell the header as the parsers know it."""
    names = [aliases.get(cell, cell) for cell in line.cells]
    while names and not names[-1]:
        names.pop()
    return names


def check_columns(names: list[str], *, required: Iterable[str], known: Iterable[str], log: FaultLog, row: int) -> bool:
    """Name every required column that is missing (an error) and every unknown one (a note)."""
    missing = [name for name in required if name not in names]
    for name in missing:
        log.error(f"The column “{name}” is missing: the layout is not one that is known.", row=row, column=name)
    for name in dict.fromkeys(names):
        if name and name not in set(known) | set(required):
            log.note(f"The column “{name}” is not known and was not used.", row=row, column=name)
        elif name and names.count(name) > 1:
            log.error(f"The column “{name}” stands in the header twice.", row=row, column=name)
            missing.append(name)
    return not missing


def readers(
    lines: Iterable[Line],
    *,
    names: list[str],
    log: FaultLog,
    account: str,
    blanks: frozenset[str],
    read_date: Callable[[str], date | None] = parse_us_date,
) -> Iterator[RowReader]:
    """Give one reader for each line, with a fault for a line that is too short or too long."""
    for line in lines:
        row = RowReader(
            number=line.number,
            cells=dict(zip(names, line.cells, strict=False)),
            log=log,
            account=account,
            read_date=read_date,
            blanks=blanks,
        )
        if len(line.cells) < len(names):
            row.fail(f"The row has {len(line.cells)} columns, the header {len(names)}; the file may be cut off.")
        elif any(line.cells[len(names) :]):
            row.fail(f"The row has more columns than the header, which has {len(names)}.")
        yield row
