"""A whole report from a hand-made case, outcome and fills."""

import dataclasses
import datetime as dt
from decimal import Decimal

import pytest

from reporting.measures.build import build_facts
from reporting.measures.facts import encode_facts, parse_facts
from reporting.measures.inputs import Episode, Inputs
from tests.cases import account, case, lot, outcome
from tests.reports import HEADING, STOCKS, THE_CASE, WORDS, blind_outcome, disposition, fills, our_outcome, report


def test_trades_that_were_booked_are_made_at_the_prices_paid() -> None:
    facts = report()

    sale = facts.trades[0]
    assert facts.standing == "made"
    assert (sale.standing, sale.units, sale.amount_usd) == ("made", Decimal(20), Decimal("990.00"))
    assert (sale.short_usd, sale.long_usd) == (Decimal("-210.00"), 0)
    assert sale.reasons == ("use a loss",) and sale.why == "Uses a loss of $200."
    assert facts.story[0] == "We traded on March\u00a03: 1 sale for $990 and 1 purchase for $1,000."
    assert "To use losses, we sold Alpha Fund (AAA) for $990 (a loss of $210)." in facts.story


def test_trades_that_were_not_booked_are_only_proposed() -> None:
    facts = report(is_made=False)

    assert facts.standing == "proposed"
    assert {line.standing for line in facts.trades} == {"proposed"}
    assert (
        facts.story[0]
        == "We propose 1 sale for $1,000 and 1 purchase for $1,000, as of March\u00a02. None of these has been made."
    )
    assert facts.lede.startswith("We propose 2 trades; none has been made yet. They would follow")
    assert [column.label for column in facts.columns] == ["If the proposed trades are made"]
    assert facts.sold_lots == ()


def test_a_part_that_was_made_is_called_a_part() -> None:
    episode = Episode(
        case=THE_CASE,
        account_id="A1",
        outcome=our_outcome().accounts[0],
        fills=fills(sold="12"),
        dispositions=(disposition("12", "-126.00"),),
        blind=blind_outcome(),
    )

    facts = build_facts(Inputs(heading=HEADING, episodes=(episode,), words=WORDS))

    assert facts.standing == "partly_made"
    assert (facts.trades[0].units, facts.trades[0].proposed_units) == (Decimal(12), Decimal(20))
    assert facts.story[0].endswith("1 of these was made in part.")
    assert facts.position is not None and facts.position.tracking_after_frac is None


def test_trades_of_a_dead_proposal_are_not_spoken_of() -> None:
    facts = report(is_made=False, is_live=False)

    assert facts.trades == () and facts.standing == "none" and facts.columns == ()


def test_trades_of_before_the_period_are_not_told_again() -> None:
    later = dataclasses.replace(HEADING, period_starts_on=dt.date(2026, 4, 1), period_ends_on=dt.date(2026, 6, 30))
    episode = Episode(
        case=THE_CASE,
        account_id="A1",
        outcome=our_outcome().accounts[0],
        fills=fills(),
        dispositions=(disposition(),),
        blind=blind_outcome(),
        is_live=False,
    )

    facts = build_facts(Inputs(heading=later, episodes=(episode,), words=WORDS))

    assert facts.trades == () and facts.standing == "none"
    assert facts.story[0] == "We made no trades in these days."
    assert [column.label for column in facts.columns] == ["Since March\u00a03, 2026"]
    assert "of tax this year" not in facts.lede


def test_savings_are_those_worked_out_by_hand() -> None:
    # Before: 200 long. Blind: 200 + 850 = 1,050 long = 249.90. Ours: 200 - 210 = -10: 10 x 37% = -3.70.
    # Our gains are none: deferred 850 x .238 = 202.30. Then the loss: 200 x .238 + 3.70 = 51.30.
    facts = report()

    column = facts.columns[0]
    assert column.label == "January\u00a01 to March\u00a04"
    assert column.savings.deferred_gains_usd == Decimal("202.30")
    assert column.savings.losses_usd == Decimal("51.30")
    assert column.savings.total_usd == Decimal("253.60")
    # 850 + 210 = 1,060 more gain is still in the account: 252.28 at the long-term rate.
    assert column.savings.to_come_usd == Decimal("252.28")
    assert column.savings.for_good_usd == Decimal("1.32")
    assert (column.blind_long_usd, column.blind_tax_usd) == (Decimal("850.00"), Decimal("202.30"))
    assert (column.ours_short_usd, column.ours_tax_usd) == (Decimal("-210.00"), Decimal("-51.30"))
    # 4,000 + 120 x 50 + 10 x 30 = 10,300 at 73 bp for 10 days.
    assert column.fee_usd == Decimal("2.06")
    assert "saved or deferred $254 of tax this year, $1 of it for good" in facts.lede


def test_requests_show_how_each_was_followed() -> None:
    facts = report()

    rows = {line.text: (line.word, line.evidence) for line in facts.requests}
    assert rows["Stay within the limits of the Balanced plan"] == (
        "Followed",
        "All 2 asset classes within their limits",
    )
    assert rows["Raise $500 for your withdrawal of $500 due March 6"][0] == "Followed"
    assert rows["Own no companies on the Tobacco list, as the tax budget allows"] == (
        "In progress",
        "0 sold, 10 held before and after",
    )
    assert rows["Keep the tax from trading in 2026 under $12,000, $3,000 of it by now"][0] == "Followed"
    assert not any("ZZZ" in text for text in rows)


def test_checks_name_in_words_what_gave_way_and_what_passed() -> None:
    rows = {line.rule: (line.word, line.evidence) for line in report().checks}

    assert rows["Never own companies on the Tobacco list"] == (
        "Gave way",
        "0 sold, 10 held before and after; gave way by $300.00 because of: tax budget",
    )
    assert rows["Limits of Bonds"] == ("Passed", "25% after")
    assert report().checks[0].word == "Gave way"


def test_the_year_and_the_allocation_are_counted() -> None:
    facts = report()

    assert facts.year_tax is not None
    assert facts.year_tax.tax_usd == Decimal("-3.70") and facts.year_tax.deducted_usd == Decimal("10.00")
    shares = {row.name: row for row in facts.allocation}
    # 9,800 stays: before 126/196 in US large cap, 3,500 in cash.
    assert shares["US large cap"].before_frac == Decimal("0.64286")
    assert shares["US large cap"].after_frac == Decimal("0.54082")
    assert shares["Bonds"].after_frac == Decimal("0.10204")
    assert (shares["Bonds"].target_frac, shares["Bonds"].max_frac) == (Decimal("0.35000"), Decimal("0.4"))
    assert facts.position is not None
    assert facts.position.cash_after_usd == Decimal("3989.00")


def test_what_was_left_undone_is_told_with_its_reason() -> None:
    assert (
        "We did not sell 14 shares of Alpha Fund (AAA): the gain of $560 costs more than the risk it removes."
        in report().story
    )


def test_equal_facts_have_equal_bytes_and_read_back() -> None:
    data = encode_facts(report())

    assert data == encode_facts(report())
    assert parse_facts(data) == report()
    assert encode_facts(report(is_made=False)) != data


def test_an_account_without_tax_has_no_savings() -> None:
    ira = account(
        "A1", status="deferred", cash=Decimal(100), lots=(lot("L1 AAA 1 @ 10 2020-01-02"),), target={"AAA": 1.0}
    )
    of = case(STOCKS, [ira])
    heading = dataclasses.replace(HEADING, is_taxable=False)
    nothing = outcome(of, [])

    facts = build_facts(
        Inputs(heading=heading, episodes=(Episode(case=of, account_id="A1", outcome=nothing.accounts[0]),))
    )

    assert facts.columns == () and facts.year_tax is None and facts.method == ""
    assert "not taxed" in facts.lede
    assert facts.story[0].startswith("We made no trades")


@pytest.mark.parametrize("word", ["guarantee", "will save", "will earn", "risk-free"])
def test_no_sentence_promises(word: str) -> None:
    assert word not in encode_facts(report()).decode().lower()
