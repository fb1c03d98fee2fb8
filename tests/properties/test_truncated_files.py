"""Wherever a file is cut off or a byte of it turns, parsing gives faults or a clean file, and never raises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolios.custodians import registry
from portfolios.custodians.base import ParsedFile
from tests.golden.custodians.samples import sample_bytes
from tests.ofx_files import FUND, SGML_HEADER, XML_HEADER, balance, bank, flow, ofx_file, position, statement, trade

OFX = statement(
    trades=trade()
    + flow("REINVEST", "<INCOMETYPE>DIV<TOTAL>-20<UNITS>0.1", fitid="F-2")
    + flow("SPLIT", "<OLDUNITS>10<NEWUNITS>20<NUMERATOR>2<DENOMINATOR>1", fitid="F-3")
    + bank("250", fitid="F-4"),
    positions=position() + position(FUND, tag="POSMF", units="500", price="1"),
    balances=balance("500"),
)
VANGUARD = (
    "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
    "88124401,VANGUARD S&P 500 INDEX ETF,VOO,47.192,634.78,29956.54,\n\n"
    "Account Number,Trade Date,Settlement Date,Transaction Type,Transaction Description,Investment Name,Symbol,Shares,"
    "Share Price,Principal Amount,Commissions and Fees,Net Amount,Accrued Interest,Account Type,\n"
    "88124401,2026-11-12,2026-11-13,Buy,Buy,VANGUARD 500 ETF,VOO,5.00000,477.81,-2389.05,0.0,-2389.05,0.0,CASH,\n"
)
FORM = (
    "account,symbol,quantity,acquired,sold,proceeds,basis,wash_disallowed,box\n"
    "8812-4401,AAPL,10,2026-01-05,2026-03-02,1500.00,2000.00,125.00,A\n"
    "8812-4402,AAPL,10,Various,2026-03-02,1500.00,,,E\n"
)
WRITTEN = {
    "ofx sgml": ("ofx", ofx_file(OFX, header=SGML_HEADER)),
    "ofx xml": ("ofx", ofx_file(OFX, header=XML_HEADER)),
    "vanguard": ("vanguard", VANGUARD.encode()),
    "1099-B": ("generic", FORM.encode()),
}
SAMPLES = (
    ("etrade", "reds_etrade_09092023.QFX", "etrade"),
    ("vanguard", "reds_OfxDownload-401k.qfx", "vanguard"),
    ("vanguard", "layout_OfxDownload.csv", "vanguard"),
    ("ofx", "vanguard.ofx", "vanguard"),
    ("ofx", "fidelity.ofx", "fidelity"),
    ("ofx", "tiaacref.ofx", "ofx"),
    ("ofx", "td_ameritrade.ofx", "ofx"),
    ("ofx", "investment_401k.ofx", "ofx"),
)
STRIDE = 3
DAY_NAME = "download_2026-11-20.csv"


def parse(custodian: str, content: bytes) -> ParsedFile:
    return registry.parse(custodian=custodian, file_name=DAY_NAME, content=content)


def is_sound(parsed: ParsedFile) -> bool:
    """Tell whether a result keeps its word: it says something, and every fault is a sentence on a line that may be."""
    says_something = bool(parsed.accounts) or bool(parsed.faults)
    return says_something and all(fault.message.endswith((".", ")")) and fault.row != 0 for fault in parsed.faults)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_third_cut_of_a_written_file_is_survived(name: str) -> None:
    custodian, content = WRITTEN[name]
    assert parse(custodian, content).faulty_accounts() == frozenset()

    for length in range(1, len(content), STRIDE):
        assert is_sound(parse(custodian, content[:length])), length


@pytest.mark.parametrize("name", ["ofx sgml", "ofx xml"])
def test_a_cut_statement_states_nothing(name: str) -> None:
    custodian, content = WRITTEN[name]

    whole = len(content.rstrip())
    assert not any(parse(custodian, content[:length]).is_usable() for length in range(whole - 1, 0, -STRIDE))


@pytest.mark.parametrize("name", WRITTEN)
@settings(max_examples=60)
@given(data=st.data())
def test_a_file_with_turned_bytes_is_survived(name: str, data: st.DataObject) -> None:
    custodian, content = WRITTEN[name]
    damaged = bytearray(content)
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))

    assert is_sound(parse(custodian, bytes(damaged)))


@pytest.mark.parametrize(("folder", "name", "custodian"), SAMPLES)
def test_cuts_all_over_a_sample_is_survived(folder: str, name: str, custodian: str) -> None:
    content = sample_bytes(folder, name)

    for length in range(1, len(content), 97):
        assert is_sound(parse(custodian, content[:length])), length
