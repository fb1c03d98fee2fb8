"""Whose OFX file it is, of which days and accounts, and what it holds beside investment statements."""

import pytest

from portfolios.custodians import registry
from tests.ofx_files import errors, ofx_file, only, parse, statement


def test_a_file_of_another_institution_is_told_apart_by_its_broker() -> None:
    as_vanguard = parse(statement(broker="etrade.com"), custodian="vanguard")
    as_any = parse(statement(broker="etrade.com"))

    assert errors(as_vanguard) == [("", "", "This file is from “etrade.com”, not from Vanguard.")]
    assert errors(as_any) == [("", "", "This is a file of E*TRADE (“etrade.com”); choose E*TRADE.")]
    assert only(parse(statement(broker="etrade.com"), custodian="etrade")).number == "88124401"
    assert only(parse(statement(), custodian="fidelity", org="fidelity.com")).number == "88124401"


def test_statements_of_different_days_two_of_one_account_and_another_account_are_refused() -> None:
    days = parse(statement(), statement(account="7", as_of="20261119"))
    twice = parse(statement(), statement())
    other = parse(statement(), account="99")

    assert errors(days)[0][2] == "The statements of the accounts are of different days; import one day at a time."
    assert errors(twice) == [("88124401", "", "The account has two statements in the file.")]
    assert errors(other)[0][2] == "The file is for the account that ends in 4401, not for the one given."


@pytest.mark.parametrize(
    ("account", "as_of", "column"), [("", "20261120", "ACCTID"), ("7", "", "DTASOF"), ("7", "soon", "DTASOF")]
)
def test_a_statement_names_its_account_and_its_day(account: str, as_of: str, column: str) -> None:
    assert errors(parse(statement(account=account, as_of=as_of)))[0][1] == column


def test_an_answer_that_is_an_error_says_so() -> None:
    content = ofx_file().replace(b"<SEVERITY>INFO", b"<SEVERITY>ERROR")

    parsed = registry.parse(custodian="ofx", file_name="a.ofx", content=content)

    assert [f.message for f in parsed.faults] == [
        "The institution refused the request: the file holds its error, no statement.",
        "The file holds no investment statement.",
    ]


def test_bank_statements_beside_are_counted_and_not_read() -> None:
    bank_part = "<BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD</STMTRS></STMTTRNRS></BANKMSGSRSV1>"
    content = ofx_file(statement()).replace(b"<SECLISTMSGSRSV1>", bank_part.encode() + b"<SECLISTMSGSRSV1>")

    parsed = registry.parse(custodian="ofx", file_name="a.ofx", content=content)

    assert [(f.severity.value, f.message) for f in parsed.faults] == [
        ("note", "1 statements of bank or card accounts were not read.")
    ]
