"""The reviewer's queue, and decisions on many proposals at once."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from advisors.models import Firm
from portfolios.models.households import HoldKind
from rebalancing.models.orders import Order, ReleaseBatch
from rebalancing.models.proposals import Proposal, ProposalStatus
from rebalancing.services import review
from tests.conftest import Persona
from tests.desks import Purchase, open_account, propose, text_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db
S = ProposalStatus


def fields_of(html: str) -> dict[str, str]:
    """Read what the confirmation would post."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html))


def test_the_largest_opportunity_comes_first(firm: Firm, reviewer: Persona) -> None:
    propose(open_account(firm, name="Small"), Purchase(symbol="BND", units="7"), opportunity_usd=5)
    propose(open_account(firm, name="Large"), Purchase(symbol="BND", units="7"), opportunity_usd=500)
    url = reverse("rebalancing:review")

    said, turned = text_of(reviewer.client.get(url)), text_of(reviewer.client.get(url, {"sort": "opportunity"}))

    assert said.index("Large") < said.index("Small")
    assert turned.index("Small") < turned.index("Large")


def test_a_household_that_waits_for_its_advisor_is_not_to_be_approved_yet(firm: Firm, reviewer: Persona) -> None:
    free = open_account(firm, name="Free one")
    asked = open_account(
        firm, household=free.household, tax_household=free.tax_household, is_discretionary=False, name="Asked one"
    )
    mine = propose(free, Purchase(symbol="BND", units="5"))
    propose(asked, Purchase(symbol="BND", units="5"), outcome=mine.outcome)
    url = reverse("rebalancing:review")

    assert "Free one" not in text_of(reviewer.client.get(url))
    waiting = text_of(reviewer.client.get(url, {"status": "with_advisor"}))
    assert "Free one" in waiting
    assert "Asked one" in waiting
    assert "With the advisor 2" in waiting


def test_rows_carry_their_flags(firm: Firm, reviewer: Persona) -> None:
    account = open_account(firm)
    proposal = propose(account, Purchase(symbol="BND", units="5"), is_relaxed=True)
    proposal.checks.create(rule="max_trades", verdict="fail", evidence="9 of 8")
    account.holds.create(kind=HoldKind.MANUAL, reason="Divorce.", placed_at=NOW)

    said = text_of(reviewer.client.get(reverse("rebalancing:review")))

    for flag in ("Override needed", "Account held", "A rule gave way"):
        assert flag in said


def test_the_chosen_are_approved_after_the_page_said_what_will_be_done(firm: Firm, reviewer: Persona) -> None:
    chosen = [propose(open_account(firm), Purchase(symbol="BND", units="5")) for _ in range(2)]
    left = propose(open_account(firm), Purchase(symbol="BND", units="5"))
    url = reverse("rebalancing:review_approve")

    asked = text_of(reviewer.client.get(url, {"proposal": [one.pk for one in chosen]}))
    assert "Approve 2 proposals, 2 trades, $500" in asked
    answer = reviewer.client.post(url, fields_of(asked))

    assert answer.status_code == 303
    assert {Proposal.objects.get(pk=one.pk).status for one in chosen} == {S.APPROVED}
    assert Proposal.objects.get(pk=left.pk).status == S.PROPOSED


def approved(firm: Firm, reviewer: Persona, count: int) -> list[Proposal]:
    made = [propose(open_account(firm), Purchase(symbol="BND", units="5")) for _ in range(count)]
    for one in made:
        review.approve(reviewer.membership, one.pk, now=NOW)
    return made


def test_all_of_a_list_are_released_by_a_second_person(firm: Firm, reviewer: Persona, second_reviewer: Persona) -> None:
    approved(firm, reviewer, 3)
    url = reverse("rebalancing:release")

    asked = text_of(second_reviewer.client.get(url, {"all": "1"}))
    assert "Release 3 proposals, 3 orders, $750" in asked
    answer = second_reviewer.client.post(url, fields_of(asked))

    batch = ReleaseBatch.objects.get()
    assert answer["Location"] == reverse("rebalancing:batch", args=[batch.pk])
    assert Order.objects.count() == 3


def test_what_cannot_be_released_is_left_out_and_says_why(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    good, held = approved(firm, reviewer, 2)
    held.account.holds.create(kind=HoldKind.MANUAL, reason="Divorce.", placed_at=NOW)

    asked = text_of(second_reviewer.client.get(reverse("rebalancing:release"), {"all": "1"}))
    mine = text_of(reviewer.client.get(reverse("rebalancing:release"), {"all": "1"}))

    assert "Release 1 proposal, 1 order, $250" in asked
    assert "the account is held: Divorce" in asked
    assert fields_of(asked)["proposals"] == str(good.pk)
    assert "Nothing of what was chosen can be decided." in mine
    assert "Somebody else has to decide" in mine


def test_a_release_whose_figures_changed_is_a_409_and_does_nothing(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    approved(firm, reviewer, 2)
    url = reverse("rebalancing:release")
    fields = fields_of(text_of(second_reviewer.client.get(url, {"all": "1"})))

    answer = second_reviewer.client.post(url, {**fields, "order_count": "3"})

    assert answer.status_code == 409
    assert "Nothing was done" in text_of(answer)
    assert not ReleaseBatch.objects.exists()


def test_a_second_press_of_the_same_release_is_a_409(firm: Firm, reviewer: Persona, second_reviewer: Persona) -> None:
    approved(firm, reviewer, 2)
    url = reverse("rebalancing:release")
    fields = fields_of(text_of(second_reviewer.client.get(url, {"all": "1"})))
    second_reviewer.client.post(url, fields)

    answer = second_reviewer.client.post(url, fields)

    assert answer.status_code == 409
    assert ReleaseBatch.objects.count() == 1


@pytest.mark.parametrize("name", ["review_approve", "release"])
def test_nothing_chosen_or_half_a_confirmation_is_a_422(name: str, firm: Firm, reviewer: Persona) -> None:
    url = reverse(f"rebalancing:{name}")

    assert reviewer.client.get(url).status_code == 422
    assert reviewer.client.get(url, {"proposal": "abc"}).status_code == 422
    assert reviewer.client.post(url, {"proposals": "1"}).status_code == 422


def test_proposals_of_another_firm_are_not_there(firm: Firm, foreigner: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="5"))

    answer = foreigner.client.get(reverse("rebalancing:review_approve"), {"proposal": proposal.pk})

    assert answer.status_code == 404


def test_an_advisor_has_no_queue(advisor: Persona) -> None:
    assert advisor.client.get(reverse("rebalancing:review")).status_code == 403


def test_a_confirmation_takes_as_many_queries_for_twenty_as_for_one(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    url = reverse("rebalancing:release")
    approved(firm, reviewer, 1)
    second_reviewer.client.get(url, {"all": "1"})

    with CaptureQueriesContext(connection) as few:
        second_reviewer.client.get(url, {"all": "1"})
    approved(firm, reviewer, 19)
    with CaptureQueriesContext(connection) as many:
        second_reviewer.client.get(url, {"all": "1"})

    assert len(few) == len(many)
