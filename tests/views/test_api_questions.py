"""The API of what-ifs."""

import pytest
from django.urls import reverse

from advisors.models import Role
from rebalancing.engine.reference import solve_convex
from rebalancing.models.proposals import Proposal
from rebalancing.models.questions import EngineQuestion, QuestionKind
from rebalancing.services import runs, solving
from rebalancing.services.questions import Question, answer_question
from rebalancing.services.runs import Scope
from tests.conftest import Persona, sign_in
from tests.factories import NOW, FirmFactory, member_of
from tests.firms import open_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def proposal() -> Proposal:
    desk = open_desk()
    account = desk.account("VTI 400 @ 240 2024-03-01", cash="500")
    run = runs.start_run(desk.firm, scope=Scope(account_id=account.pk), actor=None, now=NOW)
    worker = solving.Worker(name="test", fallback=solve_convex, clock=lambda: NOW)
    list(solving.drain(worker=worker, run_id=run.pk))
    return Proposal.objects.get()


def reviewer_of(proposal: Proposal) -> Persona:
    return sign_in(member_of(proposal.firm, Role.REVIEWER))


def post(persona: Persona, proposal: Proposal, body: object) -> tuple[int, dict[str, object]]:
    address = reverse("engine:questions", args=[proposal.pk])
    answer = persona.client.post(address, body, content_type="application/json")
    return answer.status_code, answer.json()


def test_a_curve_comes_back_as_points(proposal: Proposal) -> None:
    status, said = post(reviewer_of(proposal), proposal, {"kind": "tracking", "points": 4})

    assert (status, said["status"]) == (200, "answered")
    assert len(said["answer"]["points"]) == 4  # type: ignore[index]


def test_a_forbidden_trade_is_left_out_of_the_answer(proposal: Proposal) -> None:
    pins = [{"account": proposal.account.external_ref, "security": "VTI", "side": "none"}]

    status, said = post(reviewer_of(proposal), proposal, {"kind": "what_if", "pins": pins})

    assert status == 200
    trades = [trade for account in said["answer"]["accounts"] for trade in account["trades"]]  # type: ignore[index]
    assert all(trade["security"] != "VTI" for trade in trades)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"kind": "guess"}, "kind"),
        ({"kind": "tracking", "points": 1}, "points"),
        ({"kind": "years", "years": 99}, "years"),
        ({"kind": "what_if", "pins": [{"security": "VTI", "side": "none"}]}, "pins"),
        ({"kind": "tracking", "pionts": 9}, "pionts"),
    ],
)
def test_what_cannot_be_read_is_named(proposal: Proposal, body: dict[str, object], named: str) -> None:
    status, said = post(reviewer_of(proposal), proposal, body)

    assert status == 400
    assert named in said


def test_a_pin_of_a_stranger_is_a_fault_by_name(proposal: Proposal) -> None:
    pins = [{"account": "nobody", "security": "VTI", "side": "none"}]

    status, said = post(reviewer_of(proposal), proposal, {"kind": "override", "pins": pins})

    assert (status, said["errors"]) == (422, ["pins: there is no account nobody"])


def test_a_queued_question_tells_its_answer_once_there_is_one(proposal: Proposal) -> None:
    person = reviewer_of(proposal)
    question = Question(kind=QuestionKind.TRACKING, points=3)
    stored = EngineQuestion.objects.create(
        proposal=proposal, kind=question.kind, asked=question.as_json(), asked_at=NOW, asked_by=person.user
    )
    address = reverse("engine:question", args=[stored.pk])

    before = person.client.get(address).json()
    answer_question(stored.pk, fallback=solve_convex, now=NOW)
    after = person.client.get(address).json()

    assert (before["status"], before["answer"]) == ("waiting", None)
    assert after["status"] == "answered"
    assert len(after["answer"]["points"]) == 3


def test_another_firm_finds_nothing(proposal: Proposal) -> None:
    stranger = sign_in(member_of(FirmFactory(), Role.REVIEWER))

    assert post(stranger, proposal, {"kind": "tracking"})[0] == 404
