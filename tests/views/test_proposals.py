"""The page of one proposal, the list of all, and the decisions on them."""

import json
from decimal import Decimal

import pytest
import zstandard
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from advisors.models import Firm
from portfolios.models.lots import Lot
from portfolios.models.market import Price
from rebalancing.engine.outcome import AccountOutcome, Outcome, ShadowPrice, Solver, encode_outcome
from rebalancing.models.proposals import CaseSnapshot, Proposal, ProposalCheck, ProposalStatus, StoredOutcome
from rebalancing.services import review
from tests.conftest import Persona
from tests.desks import LATER, Purchase, Sale, open_account, propose, text_of
from tests.factories import RiskProfileFactory

pytestmark = pytest.mark.django_db
S = ProposalStatus


def page(persona: Persona, proposal: Proposal) -> str:
    return persona.client.get(reverse("rebalancing:proposal", args=[proposal.pk])).content.decode()


def test_the_page_answers_first_and_shows_the_evidence(firm: Firm, reviewer: Persona) -> None:
    account = open_account(firm, name="Whitcombe joint", risk_profile=RiskProfileFactory(firm=firm, name="Balanced"))
    proposal = propose(
        account,
        Sale(symbol="VTI", units="40", lot_units="150"),
        Purchase(symbol="BND", units="7"),
        sentence="Harvests one loss and moves closer to the target.",
        allocation=[
            {"key": "us", "name": "US Large Cap", "before": 0.41, "after": 0.38, "target": 0.36, "min": 0.3, "max": 0.4}
        ],
        relaxed=[{"rule": "range sector Energy", "by": "0.004 weight", "because": "never_sell security CVX"}],
        why_not=[
            {
                "security": "NVDA",
                "wanted": "sell 14 shares",
                "stopped_by": "tax_budget: $2,037 left",
                "price_of_it": {"tax": 742.56, "risk_benefit": 96.1},
            }
        ],
    )
    Lot.objects.create(
        account=account,
        security=proposal.trades.get(side="sell").security,
        key="old",
        root_key="old",
        units=400,
        cost_usd=4000,
        acquired_on="2019-05-03",
    )

    said = page(reviewer, proposal)

    for words in (
        "Whitcombe joint",
        "Harvests one loss and moves closer to the target.",
        "Balanced",
        "2 trades, $4,350",
        "40 of 150",
        "110 shares stay",
        "0 of 400",
        "Kept: its gain stays deferred",
        "(+36,000)",
        "1 check, 1 passed",
        "Cash reserve",
        "US Large Cap",
        "Outside the limits: US Large Cap.",
        "Range of sector Energy",
        "0.004 weight",
        "Never sell CVX",
        "Sell 14 shares",
        "Tax budget: $2,037 left",
        proposal.outcome.case.case_hash,
        "valid while prices stay within 2%",
    ):
        assert words in said, words


def with_outcome(
    proposal: Proposal, *prices: ShadowPrice, solver: Solver = "newton", gap_bps: float = 0.012
) -> Proposal:
    """Let a proposal's stored outcome say what its rules cost, and how it was solved."""
    told = AccountOutcome(
        id=proposal.account.external_ref,
        trades=(),
        cash_after=Decimal(0),
        tracking_error_before=0.02,
        tracking_error_after=0.01,
        opportunity=Decimal(0),
        opportunity_bps=0.0,
        short_gain=Decimal(0),
        long_gain=Decimal(0),
        cost=Decimal(0),
        turnover=0.0,
        shadow_prices=prices,
    )
    outcome = Outcome(case_hash="sha256:1", engine="test", status="optimal", solver=solver, accounts=(told,))
    content = zstandard.ZstdCompressor().compress(encode_outcome(outcome))
    StoredOutcome.objects.filter(pk=proposal.outcome_id).update(content=content, solver=solver)
    Proposal.objects.filter(pk=proposal.pk).update(gap_bps=0.012)
    return proposal


def test_the_page_says_what_the_rules_cost(firm: Firm, reviewer: Persona) -> None:
    price = ShadowPrice(rule="range sector Energy", usd_per_unit=1234.0, unit="weight", usd=12.34, bps=0.49)
    budget = ShadowPrice(rule="tax_budget", usd_per_unit=0.008, unit="dollar", usd=8.0, bps=0.32)
    proposal = with_outcome(propose(open_account(firm), Purchase(symbol="BND", units="7")), price, budget)

    said = page(reviewer, proposal)

    assert "What the rules cost" in said
    for words in ("Range of sector Energy", "1% of value", "$12.34", "Tax budget", "$1,000", "$8.00"):
        assert words in said, words


@pytest.mark.parametrize("solver", ["interior_point", "reference"])
def test_a_fallback_is_told_with_its_certified_gap(firm: Firm, reviewer: Persona, solver: Solver) -> None:
    proposal = with_outcome(propose(open_account(firm), Purchase(symbol="BND", units="7")), solver=solver)

    said = page(reviewer, proposal)

    assert "Solved by a fallback" in said
    assert "its gap of 0.012 bp is certified all the same" in said


def test_the_first_method_needs_no_note_and_no_price_no_table(firm: Firm, reviewer: Persona) -> None:
    proposal = with_outcome(propose(open_account(firm), Purchase(symbol="BND", units="7")))

    said = page(reviewer, proposal)

    assert "Newton method" in said
    assert "Solved by a fallback" not in said
    assert "What the rules cost" not in said


def test_the_main_button_says_what_it_does(firm: Firm, reviewer: Persona, second_reviewer: Persona) -> None:
    account = open_account(firm)
    proposal = propose(account, Sale(symbol="VTI", units="10"), Purchase(symbol="BND", units="7"))

    assert "Approve 2 trades" in page(reviewer, proposal)
    review.approve(reviewer.membership, proposal.pk, now=LATER)
    assert "Release 1 proposal, 2 orders, $1,350" in page(second_reviewer, proposal)
    own = page(reviewer, proposal)
    assert "Release 1 proposal" not in own
    assert "Somebody else has to decide on it" in own


def test_a_household_is_shown_and_decided_together(firm: Firm, reviewer: Persona) -> None:
    account = open_account(firm)
    ira = open_account(
        firm, household=account.household, tax_household=account.tax_household, tax_status="deferred", name="His IRA"
    )
    proposal = propose(account, Purchase(symbol="BND", units="7"))
    propose(ira, Purchase(symbol="GLD", units="2"), outcome=proposal.outcome)

    said = page(reviewer, proposal)

    assert "Decided together with" in said
    assert "His IRA" in said
    assert "Approve 2 proposals, 2 trades" in said
    assert "Reject all 2 proposals" in said


def test_what_is_stale_says_why_and_offers_no_approval(firm: Firm, reviewer: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="7"))
    Price.objects.filter(security__symbol="BND").update(price_usd=60)

    said = page(reviewer, proposal)

    assert "BND moved 20.0%" in said
    assert "Run the household again" in said
    assert "Approve 1 trade" not in said
    assert "Reject" in said


def test_what_was_marked_stale_still_leads_to_a_new_run(firm: Firm, reviewer: Persona, compliance: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="7"), status=S.STALE)

    assert "Run the household again" in page(reviewer, proposal)
    assert "Run the household again" not in page(compliance, proposal)


def test_failed_checks_stand_first_and_block_the_release(firm: Firm, reviewer: Persona, compliance: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="7"), status=S.APPROVED)
    ProposalCheck.objects.create(proposal=proposal, rule="max_trades", verdict="fail", evidence="9 of 8")

    said = page(compliance, proposal)

    assert said.index("Most trades") < said.index("Cash reserve")
    assert "Blocks release" in said
    assert "Approve an override of what failed" in said
    assert "Approve an override" not in page(reviewer, proposal)


def test_many_passed_checks_of_a_kind_become_one_line(firm: Firm, reviewer: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="7"))
    for symbol in ("BND", "VTI", "GLD"):
        ProposalCheck.objects.create(proposal=proposal, rule=f"min_trade {symbol}", verdict="pass", evidence="enough")

    said = page(reviewer, proposal)

    assert "3 checked, all passed" in said
    assert "4 checks, 4 passed" in said


def test_an_account_without_trades_says_so(firm: Firm, reviewer: Persona) -> None:
    proposal = propose(open_account(firm), status=S.NO_TRADE)

    said = page(reviewer, proposal)

    assert "No trade was needed." in said
    assert "Approve" not in said


@pytest.mark.parametrize("name", ["proposal", "proposal_approve_as_advisor"])
def test_outside_the_own_book_there_is_nothing(name: str, firm: Firm, outsider: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="7"))
    url = reverse(f"rebalancing:{name}", args=[proposal.pk])

    answer = outsider.client.get(url) if name == "proposal" else outsider.client.post(url)

    assert answer.status_code == 404


def test_the_list_holds_only_the_own_book(firm: Firm, advisor: Persona, outsider: Persona) -> None:
    propose(open_account(firm, advisor=advisor.membership, name="Mine only"), Purchase(symbol="BND", units="7"))

    assert "Mine only" in text_of(advisor.client.get(reverse("rebalancing:proposals")))
    assert "Mine only" not in text_of(outsider.client.get(reverse("rebalancing:proposals")))


def test_the_list_is_filtered_by_status_words_and_flag(firm: Firm, reviewer: Persona) -> None:
    propose(open_account(firm, name="Alpha"), Purchase(symbol="BND", units="7"))
    propose(open_account(firm, name="Beta"), Purchase(symbol="BND", units="7"), status=S.APPROVED, is_relaxed=True)
    url = reverse("rebalancing:proposals")

    assert "Beta" not in text_of(reviewer.client.get(url, {"status": "to_review"}))
    assert "Alpha" not in text_of(reviewer.client.get(url, {"q": "beta"}))
    assert "Alpha" not in text_of(reviewer.client.get(url, {"flag": "relaxed"}))
    assert "Alpha" in text_of(reviewer.client.get(url, {"status": "nonsense", "sort": "nonsense", "page": "x"}))


def test_htmx_gets_only_the_rows(firm: Firm, reviewer: Persona) -> None:
    propose(open_account(firm), Purchase(symbol="BND", units="7"))

    answer = reviewer.client.get(reverse("rebalancing:proposals"), headers={"HX-Request": "true"})

    assert "<html" not in text_of(answer)
    assert 'id="rows"' in text_of(answer)


def test_somebody_who_was_faster_is_a_409_with_a_sentence(firm: Firm, reviewer: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="7"))
    url = reverse("rebalancing:proposal_approve", args=[proposal.pk])
    reviewer.client.post(url)

    answer = reviewer.client.post(url)

    assert answer.status_code == 409
    assert "is approved by now" in text_of(answer)


def test_a_reason_that_is_too_short_keeps_the_input(firm: Firm, reviewer: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="7"))
    url = reverse("rebalancing:proposal_decide", args=[proposal.pk, "send-back"])

    asked = reviewer.client.get(url)
    refused = reviewer.client.post(url, {"reason": "no"})

    assert "Send back one proposal, 1 trade<" in text_of(asked)
    assert refused.status_code == 422
    assert ">\nno</textarea>" in text_of(refused)
    assert Proposal.objects.get(pk=proposal.pk).status == S.PROPOSED


def test_an_unknown_decision_is_not_there(firm: Firm, reviewer: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="7"))

    answer = reviewer.client.get(reverse("rebalancing:proposal_decide", args=[proposal.pk, "delete"]))

    assert answer.status_code == 404


def test_the_case_is_handed_out_as_a_file(firm: Firm, compliance: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="7"))
    content = zstandard.ZstdCompressor().compress(b'{"version": 1, "accounts": []}')
    CaseSnapshot.objects.filter(pk=proposal.outcome.case_id).update(content=content)

    answer = compliance.client.get(reverse("rebalancing:proposal_case", args=[proposal.pk]))

    assert json.loads(answer.content) == {"version": 1, "accounts": []}
    assert "attachment" in answer["Content-Disposition"]


def test_a_page_takes_as_many_queries_for_thirty_trades_as_for_one(firm: Firm, reviewer: Persona) -> None:
    small = propose(open_account(firm), Sale(symbol="VTI", units="1"))
    large = propose(open_account(firm), *[Sale(symbol=f"S{place}", units="1") for place in range(30)])
    page(reviewer, small)

    with CaptureQueriesContext(connection) as few:
        page(reviewer, small)
    with CaptureQueriesContext(connection) as many:
        page(reviewer, large)

    assert len(few) == len(many)
    assert len(few) < 50


def test_a_list_takes_as_many_queries_for_thirty_rows_as_for_one(firm: Firm, reviewer: Persona) -> None:
    url = reverse("rebalancing:proposals")
    propose(open_account(firm), Purchase(symbol="BND", units="7"))
    reviewer.client.get(url)

    with CaptureQueriesContext(connection) as few:
        reviewer.client.get(url)
    for _ in range(29):
        propose(open_account(firm), Purchase(symbol="BND", units="7"))
    with CaptureQueriesContext(connection) as many:
        reviewer.client.get(url)

    assert len(few) == len(many)
    assert len(few) < 15
