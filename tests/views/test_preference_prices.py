"""What the preferences of a proposal's client cost, on its page."""

from decimal import Decimal

import pytest
from django.urls import reverse

from advisors.models import Role
from portfolios.models.preferences import Restriction
from rebalancing.engine.preferences import price_preferences
from rebalancing.engine.reference import solve_convex
from rebalancing.models.proposals import Proposal
from rebalancing.models.questions import EngineQuestion
from rebalancing.selectors.cases import stored_case
from rebalancing.services import runs, solving
from rebalancing.services.questions import Question, QuestionKind, answer_question
from rebalancing.services.runs import Scope
from tests.conftest import Persona, sign_in
from tests.factories import NOW, ProposalFactory, UserFactory, member_of
from tests.firms import open_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def proposal() -> Proposal:
    desk = open_desk()
    account = desk.account("VTI 400 @ 240 2024-03-01", cash="500")
    Restriction.objects.create(
        firm=desk.firm,
        level="account",
        account=account,
        verb="never_sell",
        subject_kind="security",
        subject="VTI",
        set_at=NOW,
        set_by=UserFactory.create(),
    )
    run = runs.start_run(desk.firm, scope=Scope(account_id=account.pk), actor=None, now=NOW)
    worker = solving.Worker(name="test", fallback=solve_convex, clock=lambda: NOW)
    list(solving.drain(worker=worker, run_id=run.pk))
    return Proposal.objects.get()


def reviewer_of(proposal: Proposal) -> Persona:
    return sign_in(member_of(proposal.firm, Role.REVIEWER))


def asked(proposal: Proposal, person: Persona) -> EngineQuestion:
    """Store the question as it is when the fast solver had to pass it on."""
    question = Question(kind=QuestionKind.PREFERENCES)
    return EngineQuestion.objects.create(
        proposal=proposal, kind=question.kind, asked=question.as_json(), asked_at=NOW, asked_by=person.user
    )


def test_the_page_of_the_proposal_offers_the_prices(proposal: Proposal) -> None:
    page = reviewer_of(proposal).client.get(reverse("rebalancing:proposal", args=[proposal.pk]))

    assert reverse("rebalancing:preference_prices", args=[proposal.pk]) in page.content.decode()


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_each_preference_stands_with_what_the_engine_says_it_costs(proposal: Proposal, headers: dict[str, str]) -> None:
    address = reverse("rebalancing:preference_prices", args=[proposal.pk])

    answer = reviewer_of(proposal).client.post(address, headers=headers)

    (price,) = (
        one
        for one in price_preferences(stored_case(proposal.outcome.case))
        if one.preference == "never_sell security VTI"
    )
    said = answer.content.decode()
    assert price.usd > Decimal("1")
    assert "Never sell VTI" in said
    assert f"${price.usd:,.2f}" in said
    assert ("<html" in said) is not bool(headers)


def test_a_question_that_the_queue_works_on_is_asked_after_until_it_is_answered(proposal: Proposal) -> None:
    person = reviewer_of(proposal)
    question = asked(proposal, person)
    address = reverse("rebalancing:preference_prices_asked", args=[proposal.pk, question.pk])

    before = person.client.get(address).content.decode()
    answer_question(question.pk, fallback=solve_convex, now=NOW)
    after = person.client.get(address).content.decode()

    assert ("every 2s" in before, "Being solved" in before) == (True, True)
    assert ("every 2s" in after, "Never sell VTI" in after) == (False, True)


def test_a_question_about_another_proposal_or_of_another_kind_is_not_found(proposal: Proposal) -> None:
    person = reviewer_of(proposal)
    question = asked(proposal, person)
    other = ProposalFactory.create(account=proposal.account)
    curve = EngineQuestion.objects.create(
        proposal=proposal,
        kind=QuestionKind.TRACKING,
        asked=Question(kind=QuestionKind.TRACKING).as_json(),
        asked_at=NOW,
        asked_by=person.user,
    )

    for pair in ((other.pk, question.pk), (proposal.pk, curve.pk)):
        address = reverse("rebalancing:preference_prices_asked", args=pair)
        assert person.client.get(address).status_code == 404


def test_an_account_is_priced_as_its_preferences_are_saved(proposal: Proposal) -> None:
    person = reviewer_of(proposal)
    address = reverse("rebalancing:account_prices", args=[proposal.account_id])
    page = person.client.get(reverse("portfolios:preferences", args=[proposal.account_id])).content.decode()

    (price,) = (
        one
        for one in price_preferences(stored_case(proposal.outcome.case))
        if one.preference == "never_sell security VTI"
    )
    whole = person.client.get(address).content.decode()
    part = person.client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert address in page
    for said in (whole, part):
        assert "Never sell VTI" in said
        assert f"${price.usd:,.2f}" in said
    assert ("<html" in whole, "<html" in part) == (True, False)


def test_an_account_that_is_held_says_why_it_has_no_prices(proposal: Proposal) -> None:
    proposal.account.standing = "closing"
    proposal.account.save()
    address = reverse("rebalancing:account_prices", args=[proposal.account_id])

    said = reviewer_of(proposal).client.get(address).content.decode()

    assert "Not priced" in said
    assert "not traded meanwhile" in said
