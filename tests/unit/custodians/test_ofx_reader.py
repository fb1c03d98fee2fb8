"""OFX files that are damaged, cut off, hostile or written in another hand."""

import re

import pytest

from portfolios.custodians import registry
from portfolios.custodians.base import ParsedFile, Severity
from portfolios.custodians.decoding import MAX_CELL_CHARS
from tests.ofx_files import XML_HEADER, ofx_file, position, statement, trade

BOMB = '<!DOCTYPE OFX [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'
GOOD = ofx_file(statement(trades=trade(), positions=position()))


def parse(content: bytes) -> ParsedFile:
    return registry.parse(custodian="ofx", file_name="a.qfx", content=content)


def refusal(content: bytes) -> tuple[int | None, str]:
    parsed = parse(content)
    assert not parsed.is_usable()
    assert parsed.accounts == ()
    return parsed.faults[0].row, parsed.faults[0].message


def memo_of(memo: str) -> str:
    parsed = parse(ofx_file(statement(trades=trade(memo=memo))))
    return (parsed.accounts[0].transactions or ())[0].action.removeprefix("BUYSTOCK ")


def test_a_file_that_is_cut_off_is_refused_with_the_line_where_it_ends() -> None:
    assert refusal(GOOD[:-7]) == (25, "The file ends before </OFX>: it is cut off.")
    assert refusal(GOOD[:600])[1].startswith(("The file ends before </OFX>", "From here on the file is not readable"))


def test_an_element_that_ends_without_having_begun_is_refused() -> None:
    row, message = refusal(GOOD.replace(b"</INVPOS>", b""))

    assert row == 20
    assert message == "</POSSTOCK> ends here, but <INVPOS> of line 20 has not ended; the file is damaged or cut off."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Date,Amount\n2026-11-20,5\n", "This is no OFX or QFX file: it does not begin as one."),
        (b"OFXHEADER:100\nDATA:OFXSGML\n", "The file holds no <OFX> element: it is no OFX or QFX file, or is cut off."),
        ((XML_HEADER + BOMB).encode() + GOOD[GOOD.index(b"<OFX>") :], "declares a document type or entities"),
        (GOOD.replace(b"<OFX>", b"<OFX>" + BOMB.encode()), "declares a document type or entities"),
        (GOOD.replace(b"<INVPOSLIST>", b"<INVPOSLIST>stray</INVPOSLIST> words"), "stands outside of any element"),
        (GOOD.replace(b"<UNITS>5", b"<UNITS>5 < 6"), "From here on the file is not readable"),
        (GOOD.replace(b"<UNITS>5", b"<UN?TS>5"), "“<UN?TS>” is not an element of OFX."),
        (GOOD + b"<OFX></OFX>", "Something follows after </OFX>; a file holds one OFX response."),
        (GOOD.replace(b"<INVPOSLIST>", b"<A>" * 60 + b"<INVPOSLIST>"), "nested too deeply"),
        (GOOD.replace(b"<UNITS>5", b"<MEMO>" + b"x" * (MAX_CELL_CHARS + 1)), "has more than 4,000 characters"),
        (GOOD.replace(b"AAPL", b"AA\x00PL"), "zero bytes"),
        (GOOD.replace(b"<OFX>", b"<OFX><!-- never ends"), "From here on the file is not readable"),
        (GOOD.replace(b"<UNITS>5", b"<MEMO><![CDATA[never ends"), "not readable"),
    ],
    ids=[
        "no OFX", "a header alone", "entities", "entities inside", "stray text", "a loose mark", "a wrong name",
        "two responses", "too deep", "a long value", "zero bytes", "an open comment", "open CDATA",
    ],
)  # fmt: skip
def test_what_is_no_ofx_or_means_harm_is_refused_whole(content: bytes, said: str) -> None:
    assert said in refusal(content)[1]


def test_more_rows_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portfolios.custodians.ofx_document.MAX_ROWS", 3)
    many = "".join(trade(fitid=f"F-{number}") for number in range(4))

    assert refusal(ofx_file(statement(trades=many)))[1] == "The file has more than 3 rows; split it."


def test_entities_are_read_once_and_unknown_ones_stay_as_they_are() -> None:
    assert memo_of("S&amp;P &#38;amp; &lt;500&gt; &a; AT&T") == "S&P &amp; <500> &a; AT&T"


def test_cdata_and_comments_are_text_and_nothing() -> None:
    content = ofx_file(statement(trades=trade(memo="<![CDATA[A <b> & C]]>"), positions="<!-- <POSSTOCK> -->"))

    account = parse(content).accounts[0]

    assert (account.transactions or ())[0].action == "BUYSTOCK A <b> & C"
    assert account.positions == ()


def test_free_text_never_begins_with_what_a_spreadsheet_runs() -> None:
    assert memo_of("=HYPERLINK(1)") == "HYPERLINK(1)"


def test_empty_elements_with_and_without_an_end() -> None:
    for empty in (b"<MEMO></MEMO>", b"<MEMO>", b"<MEMO/>"):
        parsed = parse(GOOD.replace(b"</INVTRAN>", empty + b"</INVTRAN>", 1))
        assert parsed.faults == ()
        assert parsed.accounts[0].transactions


def test_elements_that_nobody_knows_are_passed_over() -> None:
    unknown = b"<INTU.XYZ><INTU.ABC>5</INTU.ABC></INTU.XYZ>"

    assert parse(GOOD.replace(b"<INVPOSLIST>", unknown + b"<INVPOSLIST>")).faults == ()


def test_line_breaks_of_every_kind_and_one_line_files_are_read() -> None:
    for content in (GOOD.replace(b"\n", b"\r\n"), GOOD.replace(b"\n", b"\r\r\n")):
        assert parse(content).accounts == parse(GOOD).accounts
    one_line = re.sub(rb"(?<=>)\n", b"", GOOD)
    assert parse(one_line).accounts[0].positions is not None


def test_windows_letters_need_no_note_where_the_header_declares_them() -> None:
    letters = ofx_file(statement(trades=trade(memo="Zürich"))).decode().encode("cp1252")

    assert parse(letters).faults == ()
    undeclared = parse(letters.replace(b"CHARSET:1252", b"CHARSET:NONE").replace(b"USASCII", b"UNICODE"))
    assert [(f.severity, f.row) for f in undeclared.faults] == [(Severity.NOTE, 17)]


def test_utf16_with_a_mark_is_read_and_half_of_it_refused() -> None:
    wide = GOOD.decode().encode("utf-16")

    assert parse(wide).accounts == parse(GOOD).accounts
    assert "UTF-16" in refusal(wide[:-3])[1]
