"""The generic file of a 1099-B: lines to compare, never to book."""

from datetime import date
from decimal import Decimal as D

import pytest

from portfolios.custodians import registry
from portfolios.custodians.base import FileKind, ParsedFile, RealisedRow, Severity
from portfolios.custodians.into_ledger import Known, Spoken, speak
from portfolios.custodians.security_names import SecurityNames
from portfolios.ledger.types import Term

HEAD = "account,symbol,cusip,description,quantity,acquired,sold,proceeds,basis,wash_disallowed,gain,term,box,covered\n"
GOOD = "8812-4401,AAPL,037833100,APPLE INC,10,2026-01-05,2026-03-02,1500.00,2000.00,125.00,-375.00,short,A,yes\n"
NAMES = SecurityNames(symbols=frozenset({"AAPL"}), by_cusip={"037833100": "AAPL"}, by_name={"APPLE INC": "AAPL"})


def parse(text: str) -> ParsedFile:
    return registry.parse(custodian="generic", file_name="1099b.csv", content=text.encode())


def line(text: str = GOOD) -> RealisedRow:
    parsed = parse(HEAD + text)
    assert parsed.faults == ()
    return (parsed.accounts[0].realised or ())[0]


def spoken(text: str) -> Spoken:
    return speak(parse(HEAD + text).accounts[0], as_of=date(2026, 12, 31), names=NAMES, known=Known())


def test_a_line_carries_everything_that_the_form_says() -> None:
    parsed = parse(HEAD + GOOD)

    assert (parsed.kind, parsed.as_of, parsed.row_count) == (FileKind.FORM_1099B, date(2026, 3, 2), 1)
    read = line()
    assert (read.row, read.symbol, read.cusip, read.units) == (2, "AAPL", "037833100", D(10))
    assert (read.acquired_on, read.closed_on, read.tax_year) == (date(2026, 1, 5), date(2026, 3, 2), 2026)
    assert (read.proceeds_usd, read.cost_usd, read.gain_usd, read.disallowed_usd) == (D(1500), D(2000), D(-500), D(125))
    assert (read.term, read.box, read.is_covered, read.is_1099b) == (Term.SHORT, "A", True, True)


def test_various_unknown_basis_and_what_the_box_tells() -> None:
    read = line("8812-4401,,037833100,,10,Various,2026-03-02,1500.00,,,,,E,\n")

    assert (read.acquired_on, read.cost_usd, read.gain_usd) == (None, None, None)
    assert (read.stated_term(), read.is_covered) == (Term.LONG, False)


def test_the_gain_may_be_stated_before_or_after_the_disallowed_loss() -> None:
    before = line(GOOD.replace("-375.00", "-500.00"))

    assert before.gain_usd == line().gain_usd == D(-500)


@pytest.mark.parametrize(
    ("old", "new", "column", "said"),
    [
        (",10,", ",-10,", "quantity", "negative"),
        (",10,", ",,", "quantity", "missing"),
        ("2026-03-02", "03/02/2026", "sold", "is not a date"),
        ("2026-01-05", "2026-04-05", "acquired", "lies after the sale"),
        ("1500.00", "-1500.00", "proceeds", "negative"),
        ("2000.00", "-1", "basis", "negative"),
        ("125.00", "-125.00", "wash_disallowed", "a disallowed loss is positive"),
        ("125.00", "900.00", "wash_disallowed", "is above the loss 500.00"),
        ("-375.00", "12.00", "gain", "is not proceeds less basis, which is -500.00"),
        (",short,", ",middling,", "term", "is neither short nor long"),
        (",short,", ",long,", "term", "The term is long, but box A is for short-term sales."),
        (",A,", ",Z,", "box", "is not one of the boxes A to F"),
        (",A,yes", ",A,no", "covered", "The row says covered no, but box A is for covered lots."),
        (",A,yes", ",B,yes", "covered", "The row says covered yes, but box B is for lots not covered."),
        (",A,yes", ",A,perhaps", "covered", "is neither yes nor no"),
        ("8812-4401,", ",", "account", "missing"),
    ],
)
def test_every_fault_names_row_and_column_and_the_good_lines_stay(old: str, new: str, column: str, said: str) -> None:
    parsed = parse(HEAD + GOOD + GOOD.replace(old, new, 1))

    faults = [(f.row, f.column) for f in parsed.faults if f.severity is Severity.ERROR and said in f.message]
    assert faults == [(3, column)], parsed.faults
    assert [each.row for each in parsed.accounts[0].realised or ()] == [2]


def test_a_line_must_name_a_security_and_a_file_speaks_of_one_year() -> None:
    unnamed = parse(HEAD + GOOD.replace("AAPL,037833100,APPLE INC", ",,"))
    years = parse(HEAD + GOOD + GOOD.replace("2026-03-02", "2027-03-02"))

    assert unnamed.faults[0].message == "The row names no security: it needs a symbol, a cusip or a description."
    assert years.faults[0].message == "The sale is of 2027, the rows above are of 2026: one year a file."


def test_a_form_that_may_be_cut_off_holds_its_last_account() -> None:
    parsed = parse((HEAD + GOOD).rstrip("\n"))

    assert [(f.row, f.account) for f in parsed.faults] == [(2, "88124401")]
    assert parsed.faults[0].message.endswith("and lines of this account may be missing.")


def test_a_form_books_nothing_and_its_lines_are_there_to_compare() -> None:
    told = spoken(GOOD + GOOD)

    assert (told.events, told.statement, told.unknown) == ((), None, {})
    first, second = told.stated
    assert (first.symbol, first.row.row, second.row.row) == ("AAPL", 2, 3)
    assert first.ref.startswith("b:") and first.ref != second.ref
    assert spoken(GOOD).stated[0].ref == first.ref


def test_a_security_that_nobody_knows_is_noted_and_holds_nothing() -> None:
    told = spoken(GOOD.replace("AAPL,037833100,APPLE INC", "ZZZZ,,"))

    assert (told.unknown, told.stated) == ({}, ())
    assert [note.message for note in told.notes] == [
        "The security ZZZZ is not in the security master: the line is not compared."
    ]


def test_a_description_alone_counts_where_exactly_one_security_has_that_name() -> None:
    assert spoken(GOOD.replace("AAPL,037833100,APPLE INC", ",,Apple  Inc")).stated[0].symbol == "AAPL"
