"""The custodians that can be read, and the one door to their parsers."""

from collections.abc import Callable

from portfolios.custodians import fidelity, generic_csv, ibkr_flex, ofx, schwab, vanguard
from portfolios.custodians.base import Fault, FileKind, ParsedFile
from portfolios.custodians.decoding import Unreadable, check_size
from portfolios.ledger.errors import BadInput

_PARSERS: dict[str, Callable[..., ParsedFile]] = {
    "etrade": ofx.parser_for("etrade"),
    "fidelity": fidelity.parse,
    "generic": generic_csv.parse,
    "ibkr": ibkr_flex.parse,
    "ofx": ofx.parser_for(ofx.ANY),
    "schwab": schwab.parse,
    "vanguard": vanguard.parse,
}
NAMES = {
    "schwab": "Schwab",
    "fidelity": "Fidelity",
    "vanguard": "Vanguard",
    "etrade": "E*TRADE",
    "ibkr": "Interactive Brokers",
    "generic": "Generic CSV or XLSX",
    "ofx": "OFX or QFX, other custodian",
}
ANYWHERE = frozenset({"generic", "ofx"})  # files that may speak of accounts at any custodian


def parse(*, custodian: str, file_name: str, content: bytes, account: str = "") -> ParsedFile:
    """
    Parse one file as received; what is wrong with it stands in `faults`, and nothing raises for bad content.

    `account` names the account for layouts that do not name one themselves.
    :raises BadInput: no such custodian
    """
    parser = _PARSERS.get(custodian)
    if parser is None:
        raise BadInput(f"“{custodian}” is not one of {', '.join(sorted(_PARSERS))}.")
    try:
        check_size(content)
        return parser(file_name=file_name, content=content, account=account)
    except Unreadable as error:
        fault = Fault(row=error.row, message=str(error))
        return ParsedFile(custodian=custodian, kind=FileKind.UNKNOWN, faults=(fault,))
