"""OFX and QFX files of any institution: which one it is, its investment statements, one account each."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from portfolios.custodians.base import FileKind, ParsedAccount, ParsedFile
from portfolios.custodians.cells import FaultLog
from portfolios.custodians.decoding import Unreadable
from portfolios.custodians.ofx_accounts import read_account
from portfolios.custodians.ofx_document import OfxDocument, read_document
from portfolios.custodians.ofx_reader import decode_ofx, is_ofx
from portfolios.custodians.ofx_rows import security_list
from portfolios.custodians.sections import check_given

ANY = "ofx"
_OWN = {
    "etrade": ("E*TRADE", ("etrade", "e*trade")),
    "fidelity": ("Fidelity", ("fidelity",)),
    "vanguard": ("Vanguard", ("vanguard",)),
}


def parser_for(custodian: str) -> Callable[..., ParsedFile]:
    """Give the parser of one custodian's OFX files; that of `ofx` reads those of all without a name of their own."""

    def parse_own(*, file_name: str, content: bytes, account: str) -> ParsedFile:
        del file_name
        return parse(custodian=custodian, content=content, account=account)

    return parse_own


def parse(*, custodian: str, content: bytes, account: str) -> ParsedFile:
    """
    Parse one OFX or QFX file.

    :raises Unreadable: not OFX, cut off, damaged, or beyond a limit
    """
    if not is_ofx(content):
        raise Unreadable("This is no OFX or QFX file: it does not begin as one.")
    text, faults = decode_ofx(content)
    log = FaultLog(list(faults))
    document = read_document(text, log=log)
    if not document.statements:
        log.error("The file holds no investment statement.")
    if document.other_statements:
        log.note(f"{document.other_statements} statements of bank or card accounts were not read.")
    _check_institution(document, custodian, log)
    securities = security_list(document.securities, log=log)
    accounts: dict[str, ParsedAccount] = {}
    days: set[date] = set()
    for statement in document.statements:
        parsed, day = read_account(statement, securities, log=log)
        if parsed.number in accounts:
            log.error("The account has two statements in the file.", row=statement.line, account=parsed.number)
        accounts.setdefault(parsed.number, parsed)
        days |= {day} if day else set()
    if len(days) > 1:
        log.error("The statements of the accounts are of different days; import one day at a time.")
    check_given(accounts.values(), account, log)
    parsed_file = ParsedFile(
        custodian=custodian,
        kind=FileKind.STATEMENT,
        as_of=max(days, default=None),
        row_count=sum(len(statement.rows) for statement in document.statements),
        accounts=tuple(accounts.values()),
    )
    return replace(parsed_file, faults=tuple(log.faults))


def _check_institution(document: OfxDocument, custodian: str, log: FaultLog) -> None:
    """A file read as another custodian's would look for its accounts in the wrong place."""
    brokers = " ".join(statement.values.get("BROKERID", "") for statement in document.statements)
    said = f"{document.institution} {brokers}".lower()
    found = next((key for key, (_, marks) in _OWN.items() if any(mark in said for mark in marks)), ANY)
    if found == custodian or not document.statements:
        return
    shown = (brokers.split() or [document.institution])[0][:40]
    if custodian == ANY:
        log.error(f"This is a file of {_OWN[found][0]} (“{shown}”); choose {_OWN[found][0]}.")
    else:
        log.error(f"This file is from “{shown}”, not from {_OWN[custodian][0]}.")
