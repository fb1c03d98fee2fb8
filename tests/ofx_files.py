"""OFX files for tests: a statement put together from the parts that a test is about, and what its parser says."""

from portfolios.custodians import registry
from portfolios.custodians.base import ParsedAccount, ParsedFile, Severity

SGML_HEADER = (
    "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\n"
    "OLDFILEUID:NONE\nNEWFILEUID:NONE\n\n"
)
XML_HEADER = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    '<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>\n'
)
AAPL, VTI, FUND = "037833100", "922908769", "922906300"
SECURITIES = (
    f"<STOCKINFO><SECINFO><SECID><UNIQUEID>{AAPL}<UNIQUEIDTYPE>CUSIP</SECID><SECNAME>APPLE INC<TICKER>AAPL"
    "</SECINFO></STOCKINFO>"
    f"<MFINFO><SECINFO><SECID><UNIQUEID>{FUND}<UNIQUEIDTYPE>CUSIP</SECID><SECNAME>VANGUARD FEDERAL MONEY MARKET"
    "<TICKER>VMFXX</SECINFO></MFINFO>"
)


def secid(unique: str, kind: str = "CUSIP") -> str:
    return f"<SECID><UNIQUEID>{unique}<UNIQUEIDTYPE>{kind}</SECID>"


def position(
    unique: str = AAPL, *, tag: str = "POSSTOCK", units: str = "10", price: str = "200", more: str = ""
) -> str:
    value = f"<MKTVAL>{float(units) * float(price):.2f}" if "," not in units + price else ""
    return (
        f"<{tag}><INVPOS>{secid(unique)}<HELDINACCT>CASH<POSTYPE>LONG<UNITS>{units}<UNITPRICE>{price}{value}"
        f"<DTPRICEASOF>20261119{more}</INVPOS></{tag}>\n"
    )


def trade(
    tag: str = "BUYSTOCK",
    *,
    fitid: str = "F-1",
    unique: str = AAPL,
    units: str = "5",
    total: str = "-1000.00",
    on: str = "20261112",
    more: str = "<SUBACCTFUND>CASH",
    memo: str = "",
) -> str:
    side = "INVBUY" if tag.startswith("BUY") else "INVSELL"
    told = f"<MEMO>{memo}" if memo else ""
    return (
        f"<{tag}><{side}><INVTRAN><FITID>{fitid}<DTTRADE>{on}{told}</INVTRAN>{secid(unique)}<UNITS>{units}<UNITPRICE>200"
        f"<TOTAL>{total}<SUBACCTSEC>CASH{more}</{side}></{tag}>\n"
    )


def flow(tag: str, values: str, *, fitid: str = "F-1", on: str = "20261112", unique: str = AAPL) -> str:
    return f"<{tag}><INVTRAN><FITID>{fitid}<DTTRADE>{on}</INVTRAN>{secid(unique)}{values}</{tag}>\n"


def bank(amount: str, *, fitid: str = "F-1", kind: str = "CREDIT", name: str = "ELECTRONIC TRANSFER") -> str:
    return (
        f"<INVBANKTRAN><STMTTRN><TRNTYPE>{kind}<DTPOSTED>20261112<TRNAMT>{amount}<FITID>{fitid}<NAME>{name}"
        "</STMTTRN><SUBACCTFUND>CASH</INVBANKTRAN>\n"
    )


def statement(
    *,
    account: str = "88124401",
    as_of: str = "20261120160000.000[-5:EST]",
    currency: str = "USD",
    broker: str = "example.org",
    trades: str | None = "",
    positions: str | None = "",
    balances: str = "",
) -> str:
    listed = "" if trades is None else f"<INVTRANLIST><DTSTART>20261101<DTEND>20261120\n{trades}</INVTRANLIST>\n"
    held = "" if positions is None else f"<INVPOSLIST>\n{positions}</INVPOSLIST>\n"
    return (
        "<INVSTMTTRNRS><TRNUID>0<STATUS><CODE>0<SEVERITY>INFO</STATUS>\n"
        f"<INVSTMTRS><DTASOF>{as_of}<CURDEF>{currency}<INVACCTFROM><BROKERID>{broker}<ACCTID>{account}</INVACCTFROM>\n"
        f"{listed}{held}{balances}</INVSTMTRS></INVSTMTTRNRS>\n"
    )


def balance(available: str, *, margin: str = "0", short: str = "0", more: str = "") -> str:
    return f"<INVBAL><AVAILCASH>{available}<MARGINBALANCE>{margin}<SHORTBALANCE>{short}{more}</INVBAL>\n"


def total_value(amount: str, name: str = "Total Account Value") -> str:
    return f"<BALLIST><BAL><NAME>{name}<DESC>{name}<BALTYPE>DOLLAR<VALUE>{amount}</BAL></BALLIST>"


def ofx_file(*statements: str, securities: str = SECURITIES, header: str = SGML_HEADER, org: str = "Example") -> bytes:
    body = "".join(statements)
    return (
        f"{header}<OFX>\n<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20261120<LANGUAGE>ENG"
        f"<FI><ORG>{org}<FID>1</FI></SONRS></SIGNONMSGSRSV1>\n<INVSTMTMSGSRSV1>\n{body}</INVSTMTMSGSRSV1>\n"
        f"<SECLISTMSGSRSV1><SECLIST>{securities}</SECLIST></SECLISTMSGSRSV1>\n</OFX>\n"
    ).encode()


def parse(*statements: str, custodian: str = "ofx", account: str = "", **parts: str) -> ParsedFile:
    content = ofx_file(*statements, **parts)
    return registry.parse(custodian=custodian, file_name="download.qfx", content=content, account=account)


def only(parsed: ParsedFile) -> ParsedAccount:
    assert [fault for fault in parsed.faults if fault.severity is Severity.ERROR] == []
    assert len(parsed.accounts) == 1
    return parsed.accounts[0]


def errors(parsed: ParsedFile) -> list[tuple[str, str, str]]:
    return [(f.account, f.column, f.message) for f in parsed.faults if f.severity is Severity.ERROR]
