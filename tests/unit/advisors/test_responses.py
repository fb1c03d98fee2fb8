"""Answers: files, redirects, refusals."""

import pytest
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from advisors.responses import csv_file, neutral, see_other


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_taken_for_a_formula(start: str) -> None:
    assert neutral(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize(("cell", "text"), [("AAPL", "AAPL"), (None, ""), (12, "12"), ("a=b", "a=b")])
def test_other_cells_stay_as_they_are(cell: object, text: str) -> None:
    assert neutral(cell) == text


def test_a_csv_file_names_itself_and_quotes_what_needs_it() -> None:
    answer = csv_file("log.csv", ("who", "what"), [("Ada, Advisor", "=1")])

    assert isinstance(answer, StreamingHttpResponse)
    assert answer["Content-Disposition"] == 'attachment; filename="log.csv"'
    assert answer.getvalue().decode("utf-8-sig") == 'who,what\r\n"Ada, Advisor",\'=1\r\n'


def test_after_a_post_the_browser_gets_elsewhere() -> None:
    answer = see_other(RequestFactory().post("/x/"), "/y/")

    assert (answer.status_code, answer["Location"]) == (303, "/y/")
