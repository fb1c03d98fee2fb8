"""The documented generic formats: the examples of docs/custodians.md, as CSV and as workbook."""

import re
import zipfile
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import Workbook

from portfolios.custodians import decoding, registry
from portfolios.custodians.base import FileKind, ParsedFile, TransactionKind

D = Decimal
DOC = Path(__file__).resolve().parents[3] / "docs" / "custodians.md"
KINDS = (
    FileKind.LOTS,
    FileKind.CASH,
    FileKind.PRICES,
    FileKind.SECURITIES,
    FileKind.RISK_MODEL,
    FileKind.SECURITY_MODELS,
    FileKind.SUBSTITUTES,
    FileKind.CORPORATE_ACTIONS,
    FileKind.TRANSACTIONS,
)


def _parse(content: bytes | str) -> ParsedFile:
    raw = content.encode() if isinstance(content, str) else content
    return registry.parse(custodian="generic", file_name="file", content=raw)


def _example(kind: FileKind) -> str:
    """Return the example that the documentation gives of a kind."""
    section = DOC.read_text().split(f"(`{kind.value}`)", 1)[1]
    found = re.search(r"```\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def _workbook(*rows: tuple[object, ...], more: str = "") -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if more:
        book.create_sheet("More").append([more])
    saved = BytesIO()
    book.save(saved)
    return saved.getvalue()


def _messages(parsed: ParsedFile) -> list[tuple[int | None, str, str]]:
    return [(fault.row, fault.column, fault.message) for fault in parsed.faults]


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_of_the_documentation_is_of_the_kind_it_shows(kind: FileKind) -> None:
    parsed = _parse(_example(kind))

    assert parsed.kind is kind
    told = [message for _, _, message in _messages(parsed)]
    partial = {FileKind.SECURITY_MODELS: ["The weights of the model large_core sum to 0.0712, not to 1."]}
    assert told == partial.get(kind, [])


def test_the_lots_of_the_documentation_have_these_values() -> None:
    parsed = _parse(_example(FileKind.LOTS))

    first, second = parsed.accounts
    assert [account.number for account in parsed.accounts] == ["88124401", "88124402"]
    assert [(lot.symbol, lot.units, lot.cost_usd, lot.acquired_on, lot.lot_ref) for lot in first.lots or ()] == [
        ("AAPL", D(120), D("9840.00"), date(2019, 4, 11), "L-1"),
        ("AAPL", D(30), D("5730.25"), date(2026, 2, 3), "L-2"),
        ("KO", D(500), None, None, "L-3"),
    ]
    (inherited,) = second.lots or ()
    assert (inherited.is_inherited, inherited.is_gift, inherited.is_wash_acquisition) == (True, False, False)
    assert {row.symbol: row.units for row in first.positions or ()} == {"AAPL": D(150), "KO": D(500)}


def test_the_transactions_of_the_documentation_have_these_values() -> None:
    (account,) = _parse(_example(FileKind.TRANSACTIONS)).accounts

    told = [(done.kind, done.symbol, done.units, done.amount_usd) for done in account.transactions or ()]
    assert told == [
        (TransactionKind.BUY, "MSFT", D(10), D("-4120.00")),
        (TransactionKind.DIVIDEND, "KO", D(0), D("242.50")),
        (TransactionKind.REINVEST, "KO", D("3.8"), D("-242.50")),
        (TransactionKind.WITHDRAWAL, "", D(0), D("-2500.00")),
    ]


def test_the_risk_model_of_the_documentation_is_symmetric_and_whole() -> None:
    model = _parse(_example(FileKind.RISK_MODEL)).risk_model

    assert model is not None
    assert model.factors == ("market", "size")
    assert model.covariance == ((D("0.0256"), D("0.0003")), (D("0.0003"), D("0.0025")))
    assert model.exposures == {"AAPL": (D("1.10"), D("-0.40"))}
    assert model.specific_variance == {"AAPL": D("0.0400")}


def test_a_risk_model_with_negative_variance_is_refused() -> None:
    text = "model,as_of,record,symbol,factor,other_factor,value\n"
    for left, right, value in (("a", "a", "0.01"), ("b", "b", "0.01"), ("a", "b", "0.02")):
        text += f"m,2026-11-20,covariance,,{left},{right},{value}\n"
    text += "m,2026-11-20,exposure,AAPL,a,,1\nm,2026-11-20,specific,AAPL,,,0.04\n"

    parsed = _parse(text)

    assert not parsed.is_usable()
    assert "not positive semidefinite" in parsed.faults[0].message


def test_a_workbook_reads_like_the_text_it_stands_for() -> None:
    content = _workbook(
        ("account", "as_of", "symbol", "quantity", "cost", "acquired"),
        ("8812-4401", date(2026, 11, 20), "AAPL", 120, 9840.5, date(2019, 4, 11)),
        ("8812-4401", date(2026, 11, 20), "KO", 0.25, None, None),
    )

    (account,) = _parse(content).accounts

    told = [(lot.symbol, lot.units, lot.cost_usd, lot.acquired_on) for lot in account.lots or ()]
    assert told == [("AAPL", D(120), D("9840.5"), date(2019, 4, 11)), ("KO", D("0.25"), None, None)]


def test_a_formula_in_a_workbook_is_named_by_its_cell() -> None:
    parsed = _parse(_workbook(("account", "as_of", "settled"), ("8812", date(2026, 11, 20), "=1+1")))

    assert (2, "C", "The cell holds a formula; put the value in its place.") in _messages(parsed)
    assert not parsed.is_usable()


def test_a_second_sheet_with_content_is_refused_by_name() -> None:
    parsed = _parse(_workbook(("account", "as_of", "settled"), more="hidden"))

    assert [message for _, _, message in _messages(parsed)] == [
        "Only the first sheet is read, but the sheet “More” has content too."
    ]


def test_a_workbook_that_is_cut_off_is_refused() -> None:
    content = _workbook(("account", "as_of", "settled"), ("8812", date(2026, 11, 20), 5))

    parsed = _parse(content[: len(content) // 2])

    assert [message for _, _, message in _messages(parsed)] == ["The workbook is damaged or cut off."]


def test_a_workbook_that_unpacks_beyond_the_limit_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_UNPACKED_BYTES", 1_000_000)
    bomb = BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b" " * 5_000_000)

    parsed = _parse(bomb.getvalue())

    assert "unpacks to more than 1 MB and was not opened" in parsed.faults[0].message


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings_are_told_apart(mark: str, encoding: str) -> None:
    text = "account,as_of,settled\n8812,2026-11-20,1500.25\n".replace(",", mark)

    (account,) = _parse(text.encode(encoding)).accounts

    assert account.cash is not None and account.cash.settled_usd == D("1500.25")


@pytest.mark.parametrize(
    ("written", "read"),
    [("1234.56", "1234.56"), ("$1,234.56", "1234.56"), ("(5)", "-5"), ("-$5", "-5"), ("+5", "5"), (".5", "0.5")],
)
def test_numbers_are_read_as_people_write_them(written: str, read: str) -> None:
    (account,) = _parse(f'account,as_of,settled\n8812,2026-11-20,"{written}"\n').accounts

    assert account.cash is not None and account.cash.settled_usd == D(read)


@pytest.mark.parametrize("written", ["1.234,56", "12,34", "five", "1e500", "--5", "∞"])
def test_what_is_no_number_is_never_guessed(written: str) -> None:
    parsed = _parse(f'account,as_of,settled\n8812,2026-11-20,"{written}"\n')

    assert [(row, column) for row, column, _ in _messages(parsed)] == [(2, "settled")]
    assert parsed.faulty_accounts() == {"8812"}
