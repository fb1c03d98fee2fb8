"""Interactive Brokers' Flex queries in XML: the elements with their lines; the accounts are put together beside it."""

import re
from dataclasses import replace
from io import BytesIO
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, feature_external_ges
from xml.sax.xmlreader import AttributesImpl, InputSource

from defusedxml.common import DefusedXmlException
from defusedxml.sax import make_parser

from portfolios.custodians import ibkr_accounts
from portfolios.custodians.base import FileKind, ParsedFile
from portfolios.custodians.cells import FaultLog
from portfolios.custodians.decoding import MAX_ROWS, Unreadable
from portfolios.custodians.ibkr_accounts import Element, Statement

CUSTODIAN = "ibkr"
_ROWS = frozenset({"OpenPosition", "Trade", "CashTransaction", "CashReportCurrency", "CorporateAction"})
_SECTIONS = frozenset({"OpenPositions", "Trades", "CashTransactions", "CashReport", "CorporateActions"})
_MAX_DEPTH = 20


def parse(*, file_name: str, content: bytes, account: str) -> ParsedFile:
    """
    Parse one Flex query response.

    :raises Unreadable: not XML, cut off, or an XML that declares entities
    """
    del file_name, account
    if not re.match(rb"[^\w<]{0,40}<", content):
        raise Unreadable("This is not XML; export the Flex query of Interactive Brokers as XML, not as CSV or text.")
    handler = _read_xml(content)
    log = FaultLog()
    if handler.root != "FlexQueryResponse":
        log.error(
            f"This is not a Flex query of Interactive Brokers: the file begins with <{handler.root[:40]}>.", row=1
        )
        return ParsedFile(custodian=CUSTODIAN, kind=FileKind.UNKNOWN, faults=tuple(log.faults))
    if not handler.statements:
        log.error("The Flex query holds no statement.")
    parsed = ibkr_accounts.read(handler.statements, log=log)
    return replace(parsed, faults=tuple(log.faults))


class _FlexHandler(ContentHandler):
    """Keeps the rows that are read, each with its line; everything else of the document passes by."""

    def __init__(self) -> None:
        super().__init__()
        self.root = ""
        self.statements: list[Statement] = []
        self.row_count = 0
        self._depth = 0

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        self._depth += 1
        self.root = self.root or name
        if self._depth > _MAX_DEPTH:
            raise Unreadable("The XML is nested too deeply for a Flex query.")
        line = self._line()
        if name == "FlexStatement":
            self.statements.append(Statement(line=line, attributes=dict(attrs.items())))
        elif self.statements:
            self._keep(name, line, attrs)

    def endElement(self, name: str) -> None:
        self._depth -= 1

    def _keep(self, name: str, line: int, attrs: AttributesImpl) -> None:
        statement = self.statements[-1]
        if name in _SECTIONS:
            statement.sections.add(name)
        elif name == "AccountInformation":
            statement.base_currency = attrs.get("currency", "")
        elif name in _ROWS:
            self.row_count += 1
            if self.row_count > MAX_ROWS:
                raise Unreadable(f"The file has more than {MAX_ROWS:,} rows; split it.", row=line)
            statement.rows.append(Element(tag=name, line=line, attributes=dict(attrs.items())))

    def _line(self) -> int:
        locator = getattr(self, "_locator", None)
        return int(locator.getLineNumber()) if locator is not None else 0


def _read_xml(content: bytes) -> _FlexHandler:
    handler = _FlexHandler()
    parser = make_parser()
    parser.setFeature(feature_external_ges, False)  # noqa: FBT003  the parser takes it by position
    parser.forbid_dtd = True
    parser.setContentHandler(handler)
    source = InputSource()
    source.setByteStream(BytesIO(content))
    try:
        parser.parse(source)
    except DefusedXmlException as error:
        raise Unreadable("The XML declares a document type or entities, which no Flex query does; refused.") from error
    except SAXParseException as error:
        raise Unreadable(
            f"From here on the XML is not readable ({error.getMessage()}); the file may be cut off.",
            row=error.getLineNumber(),
        ) from error
    return handler
