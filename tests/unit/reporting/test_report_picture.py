"""The picture of the allocation: one specification for page and PDF, its words and its table."""

from dataclasses import replace
from decimal import Decimal

from reporting.charts import allocation_picture
from tests.reports import report


def test_the_picture_says_in_words_what_it_shows() -> None:
    picture = allocation_picture(report())

    assert picture.alt.startswith("Allocation by asset class. US large cap 64.3% before, 54.1% after the trades")
    assert picture.columns == ("Class", "Before", "After", "Target", "Limits")
    assert picture.rows[0] == ("US large cap", "64.3", "54.1", "60.0", "50.0 to 70.0")


def test_a_proposal_is_drawn_as_proposed() -> None:
    picture = allocation_picture(report(is_made=False))

    assert "as proposed" in picture.alt and "before" not in picture.alt
    assert picture.columns[1:3] == ("Now", "As proposed")


def test_the_weights_beside_the_rows_are_rounded_as_in_the_tables() -> None:
    facts = report()
    share = replace(facts.allocation[0], after_frac=Decimal("0.02850"))

    picture = allocation_picture(replace(facts, allocation=(share,)))

    data = picture.spec["data"]
    assert isinstance(data, dict)
    assert data["values"][0]["told"] == "2.9"
