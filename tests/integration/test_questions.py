"""What-if questions about a stored proposal: answered at once, or by the queue."""

import pytest
from django.db import IntegrityError

from advisors.errors import Invalid, NotFound
from advisors.models import Membership, Role
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import Pinned
from rebalancing.models.proposals import Proposal
from rebalancing.models.questions import EngineQuestion, QuestionKind, QuestionStatus
from rebalancing.services import runs, solving
from rebalancing.services.questions import Question, answer_question, ask
from rebalancing.services.runs import Scope
from rebalancing.services.solving import Worker
from tests.factories import NOW, FirmFactory, member_of
from tests.firms import open_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked_about() -> tuple[Membership, Proposal]:
    desk = open_desk()
    account = desk.account("VTI 400 @ 240 2024-03-01", cash="500")
    run = runs.start_run(desk.firm, scope=Scope(account_id=account.pk), actor=None, now=NOW)
    worker = Worker(name="test", fallback=solve_convex, clock=lambda: NOW)
    list(solving.drain(worker=worker, run_id=run.pk))
    return member_of(desk.firm, Role.REVIEWER), Proposal.objects.get()


def waiting(member: Membership, proposal: Proposal, question: Question) -> EngineQuestion:
    """Store a question as it is when the fast solver had to pass it on."""
    return EngineQuestion.objects.create(
        proposal=proposal, kind=question.kind, asked=question.as_json(), asked_at=NOW, asked_by=member.user
    )


def test_a_curve_is_answered_at_once_and_nothing_is_stored(asked_about: tuple[Membership, Proposal]) -> None:
    member, proposal = asked_about

    asked = ask(member, proposal.pk, Question(kind=QuestionKind.TRACKING, points=5), now=NOW)

    assert isinstance(asked.answer, dict)
    assert len(asked.answer["points"]) == 5
    assert not EngineQuestion.objects.exists()


def test_the_queue_answers_a_stored_question_once(asked_about: tuple[Membership, Proposal]) -> None:
    member, proposal = asked_about
    question = Question(
        kind=QuestionKind.WHAT_IF, pins={proposal.account.external_ref: [Pinned(security="VTI", side="none")]}
    )
    stored = waiting(member, proposal, question)

    first = answer_question(stored.pk, fallback=solve_convex, now=NOW)
    second = answer_question(stored.pk, fallback=solve_convex, now=NOW)

    stored.refresh_from_db()
    assert (first, second, stored.status) == (True, False, QuestionStatus.ANSWERED)
    assert stored.answer is not None
    assert all(trade["security"] != "VTI" for account in stored.answer["accounts"] for trade in account["trades"])


def test_a_question_that_contradicts_the_case_is_refused_with_its_reason(
    asked_about: tuple[Membership, Proposal],
) -> None:
    member, proposal = asked_about
    question = Question(kind=QuestionKind.OVERRIDE, pins={"nobody": [Pinned(security="VTI", side="none")]})

    with pytest.raises(Invalid) as refusal:
        ask(member, proposal.pk, question, now=NOW)
    stored = waiting(member, proposal, question)
    answer_question(stored.pk, fallback=solve_convex, now=NOW)

    stored.refresh_from_db()
    assert refusal.value.faults == ("pins: there is no account nobody",)
    assert (stored.status, stored.reason) == (QuestionStatus.REFUSED, "pins: there is no account nobody")


def test_a_question_survives_being_stored() -> None:
    pins = {"A1": (Pinned(security="VTI", side="sell", quantity=None),)}
    question = Question(kind=QuestionKind.YEARS, points=7, years=3, pins=pins)

    assert Question.read("years", question.as_json()) == question


def test_a_proposal_outside_the_book_is_not_found(asked_about: tuple[Membership, Proposal]) -> None:
    _, proposal = asked_about
    stranger = member_of(FirmFactory(), Role.REVIEWER)

    with pytest.raises(NotFound):
        ask(stranger, proposal.pk, Question(kind=QuestionKind.YEARS), now=NOW)


@pytest.mark.parametrize(
    "changes", [{"kind": "guess"}, {"status": "lost"}, {"status": "answered"}, {"answered_at": NOW}]
)
def test_the_table_refuses_what_makes_no_sense(
    asked_about: tuple[Membership, Proposal], changes: dict[str, object]
) -> None:
    member, proposal = asked_about
    stored = waiting(member, proposal, Question(kind=QuestionKind.TRACKING))

    with pytest.raises(IntegrityError):
        EngineQuestion.objects.filter(pk=stored.pk).update(**changes)
