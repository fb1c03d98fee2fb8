"""One file for everything that can be wrong with a file: a sentence with row and column, and nothing half posted."""

from dataclasses import dataclass

import pytest

from advisors.models import Firm
from portfolios.custodians.decoding import MAX_FILE_BYTES
from portfolios.models.households import AccountHold
from portfolios.models.imports import CustodianFile, FileStatus, StagedStatus
from portfolios.models.lots import LedgerEvent
from portfolios.services.importing import FileRefused, import_custodian_file
from tests.books import NOW, know_securities, open_account, units_of

pytestmark = pytest.mark.django_db

HEAD = "account,as_of,symbol,quantity,cost,acquired,lot,position_quantity\n"
GOOD = "8812-4402,2026-11-12,MSFT,80,21500.00,2023-06-01,L-3,80\n"
POSITIONS = (
    '"Positions for account Rosen XXXX-4401 as of 02:45 AM ET, 11/12/2026"\n\n'
    '"Symbol","Description","Quantity","Price","Price Change %","Price Change $","Market Value","Day Change %",'
    '"Day Change $","Cost Basis","Gain/Loss %","Gain/Loss $","Reinvest Dividends?","Capital Gains?",'
    '"% Of Account","Dividend Yield","Last Dividend","Ex-Dividend Date","P/E Ratio","52 Week Low","52 Week High",'
    '"Volume","Intrinsic Value","In The Money","Security Type",\n'
)


def _lots(row: str) -> bytes:
    return f"{HEAD}8812-4401,2026-11-12,{row}\n{GOOD}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A file, what is said of it, and whether the whole file is refused or only its faulty account is held."""

    content: bytes
    row: int | None
    column: str
    said: str
    custodian: str = "generic"
    is_refused: bool = False
    is_held: bool = True


BAD = {
    "wrong custodian": Bad(
        content=_lots("AAPL,120,9840.00,2019-04-11,L-1,"),
        custodian="fidelity",
        row=None,
        column="",
        said="It reads as Generic CSV or XLSX: was the wrong custodian chosen?",
        is_refused=True,
    ),
    "truncated in a row": Bad(
        content=f"{HEAD}{GOOD}8812-4401,2026-11-12,AAPL,12".encode(),
        row=3,
        column="",
        said="The row has 4 columns, the header 8; the file may be cut off.",
    ),
    "truncated after a row": Bad(
        content=f"{HEAD}{GOOD}8812-4401,2026-11-12,AAPL,120,9840.00,2019-04-11,L-1,".encode(),
        row=3,
        column="",
        said="The last line does not end: the file may be cut off, and lots of this account may be missing.",
    ),
    "truncated before the total": Bad(
        content=POSITIONS.encode(),
        custodian="schwab",
        row=1,
        column="",
        said="The total of the account is missing; the file is cut off.",
    ),
    "unknown column": Bad(
        content=b"account,as_of,symbol,quantity,cost,acquired,colour\n8812-4401,2026-11-12,AAPL,1,1,2020-01-02,red\n",
        row=1,
        column="colour",
        said="The header is nearest to “lots”, but the column “colour” is unknown.",
        is_refused=True,
    ),
    "missing column": Bad(
        content=b"account,as_of,symbol,quantity,acquired\n8812-4401,2026-11-12,AAPL,1,2020-01-02\n",
        row=1,
        column="cost",
        said="The header is nearest to “lots”, but the column “cost” is missing.",
        is_refused=True,
    ),
    "unparsable number": Bad(
        content=_lots('AAPL,"1.234,5",9840.00,2019-04-11,L-1,'),
        row=2,
        column="quantity",
        said="“1.234,5” is not a number.",
    ),
    "unparsable date": Bad(
        content=_lots("AAPL,120,9840.00,11/04/2019,L-1,"), row=2, column="acquired", said="“11/04/2019” is not a date."
    ),
    "negative quantity": Bad(
        content=_lots("AAPL,-120,9840.00,2019-04-11,L-1,"),
        row=2,
        column="quantity",
        said="The quantity -120 is negative: short positions are not kept here.",
    ),
    "unknown security": Bad(
        content=_lots("ZZZZ,120,9840.00,2019-04-11,L-1,"),
        row=2,
        column="symbol",
        said="The security ZZZZ is not in the security master.",
    ),
    "lots that do not add up": Bad(
        content=_lots("AAPL,120,9840.00,2019-04-11,L-1,150"),
        row=2,
        column="position_quantity",
        said="The lots of AAPL add up to 120, the position is 150.",
    ),
    "a lot twice": Bad(
        content=_lots("AAPL,120,9840.00,2019-04-11,L-1,\n8812-4401,2026-11-12,AAPL,120,9840.00,2019-04-11,L-1,"),
        row=3,
        column="lot",
        said="The lot L-1 of AAPL appears twice in this account.",
    ),
    "a duplicate account": Bad(
        content=b"account,as_of,settled\n8812-4401,2026-11-12,1\n8812-4402,2026-11-12,7\n8812 4401,2026-11-12,2\n",
        row=4,
        column="account",
        said="The account appears twice; its cash must stand in one row.",
    ),
    "an unknown account": Bad(
        content=_lots("AAPL,1,1,2019-04-11,,").replace(b"8812-4401", b"7000-1234"),
        row=2,
        column="account",
        said="There is no account with number …1234.",
        is_held=False,
    ),
    "a formula in a cell": Bad(
        content=_lots("AAPL,120,=9000+840,2019-04-11,L-1,"),
        row=2,
        column="cost",
        said="“=9000+840” is a formula; put the value in its place.",
    ),
    "a command in a cell": Bad(
        content=_lots("@SUM(A1),120,9840.00,2019-04-11,L-1,"),
        row=2,
        column="symbol",
        said="“@SUM(A1)” is a formula; put the value in its place.",
    ),
    "zero bytes": Bad(
        content=HEAD.encode("utf-16-le"),
        row=None,
        column="",
        said="The file is not text: it holds zero bytes. UTF-16 needs a byte-order mark.",
        is_refused=True,
    ),
    "an open quote": Bad(
        content=_lots('"AAPL,120,9840.00,2019-04-11,L-1,'),
        row=2,
        column="",
        said="a quote may be open, the file cut off.",
        is_refused=True,
    ),
    "nothing": Bad(content=b"\n \n", row=None, column="", said="The file is empty.", is_refused=True),
    "a header alone": Bad(
        content=HEAD.encode(),
        row=None,
        column="",
        said="The file has a header but no rows; it may be cut off.",
        is_refused=True,
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_every_fault_is_one_sentence_with_row_and_column_and_nothing_is_half_posted(firm: Firm, bad: Bad) -> None:
    know_securities(firm)
    faulty = open_account(firm, "8812-4401", custodian=bad.custodian)
    good = open_account(firm, "8812-4402", custodian=bad.custodian)

    file = import_custodian_file(
        firm, custodian=bad.custodian, name="bad.csv", content=bad.content, actor=None, now=NOW
    )

    told = [(fault.row, fault.column, fault.message) for fault in file.faults.filter(is_note=False)]
    matching = [one for one in told if one[:2] == (bad.row, bad.column) and one[2].endswith(bad.said)]
    assert len(matching) == 1, told
    assert not LedgerEvent.objects.filter(account=faulty).exists()
    if bad.is_refused:
        assert file.status == FileStatus.REFUSED
        assert LedgerEvent.objects.count() == 0
        return
    assert file.status == FileStatus.PARTLY_POSTED
    assert file.accounts.filter(status=StagedStatus.HELD).count() == 1
    if bad.is_held:
        assert bad.said in AccountHold.objects.get(account=faulty).reason
    if GOOD.encode() in bad.content:
        assert units_of(good, "MSFT") == 80


def test_a_missing_basis_is_no_fault_and_never_zero(firm: Firm) -> None:
    know_securities(firm)
    account = open_account(firm, "8812-4401")

    file = import_custodian_file(
        firm, custodian="generic", name="f.csv", content=_lots("AAPL,120,,,L-1,120"), actor=None, now=NOW
    )

    assert file.accounts.get(account=account).status == StagedStatus.POSTED
    assert account.lots.get().cost_usd is None


def test_letters_of_another_encoding_are_read_and_noted(firm: Firm) -> None:
    know_securities(firm)
    account = open_account(firm, "8812-4401")
    text = "account,date,kind,amount,description\n8812-4401,2026-11-12,deposit,5.00,Zürich\n"

    file = import_custodian_file(
        firm, custodian="generic", name="f.csv", content=text.encode("cp1252"), actor=None, now=NOW
    )

    note = file.faults.get()
    assert (note.row, note.is_note) == (2, True)
    assert note.message.startswith("The text is not UTF-8 and was read as Windows-1252")
    assert file.accounts.get(account=account).status == StagedStatus.POSTED


def test_a_file_beyond_the_limit_is_refused_before_anything_is_kept(firm: Firm) -> None:
    content = bytes(MAX_FILE_BYTES + 1)

    with pytest.raises(FileRefused, match=r"the limit is 50 MB\. Nothing of it was read\."):
        import_custodian_file(firm, custodian="generic", name="big.csv", content=content, actor=None, now=NOW)

    assert CustodianFile.objects.count() == 0
