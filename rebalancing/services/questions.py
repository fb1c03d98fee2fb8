"""
What if, what does it cost, and what would another setting bring: asked about the stored case of a proposal.

The web process answers with the fast solver. Where that one cannot certify its answer, the question is stored and
handed to the queue, whose workers have the reference solver; whoever asked comes back for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog
from django.db import transaction

from advisors.errors import Invalid, NotFound
from advisors.jobs import enqueue
from advisors.models import Membership
from rebalancing.engine.query import ConvexSolver
from rebalancing.engine.solver import NotCertified
from rebalancing.engine.types import BadCase, Pinned
from rebalancing.models.proposals import Proposal
from rebalancing.models.questions import EngineQuestion, QuestionKind, QuestionStatus
from rebalancing.selectors.cases import proposals_with_case, stored_case
from rebalancing.selectors.facts import proposal_in_book
from rebalancing.services.solving import answer_about

__all__ = ["EngineQuestion", "Question", "QuestionKind", "QuestionStatus", "answer_question", "ask"]

logger = structlog.get_logger(__name__)
ANSWER_TASK: Final = "rebalancing.tasks.answer_question_task"
Pins = Mapping[str, Sequence[Pinned]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: `points` of a curve, `years` of a plan, `pins` by account id of the case."""

    kind: QuestionKind
    points: int = 20
    years: int = 5
    pins: Pins = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return what is stored of it."""
        pins = {name: msgspec.to_builtins(tuple(made)) for name, made in self.pins.items()}
        return {"points": self.points, "years": self.years, "pins": pins}

    @classmethod
    def read(cls, kind: str, asked: Mapping[str, Any]) -> "Question":
        """Return the question that was stored."""
        pins = {name: msgspec.convert(made, type=tuple[Pinned, ...]) for name, made in asked["pins"].items()}
        return cls(kind=QuestionKind(kind), points=asked["points"], years=asked["years"], pins=pins)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The answer as JSON, or the question that waits in the queue."""

    answer: object = None
    waiting: EngineQuestion | None = None


def ask(member: Membership, proposal_id: int, question: Question, *, now: datetime) -> Asked:
    """
    Answer a question about a proposal of the member's book, or queue it.

    :raises NotFound: there is no such proposal in the book
    :raises Invalid: the question contradicts the case; names every fault
    """
    proposal = proposal_in_book(member, proposal_id)
    try:
        return Asked(answer=_answer(proposal, question, fallback=None))
    except NotCertified:
        logger.info("question_queued", proposal_id=proposal.pk, kind=str(question.kind))
    return Asked(waiting=_queue(member, proposal, question, now=now))


@transaction.atomic
def _queue(member: Membership, proposal: Proposal, question: Question, *, now: datetime) -> EngineQuestion:
    stored = EngineQuestion.objects.create(
        proposal=proposal, kind=question.kind, asked=question.as_json(), asked_at=now, asked_by=member.user
    )
    enqueue(ANSWER_TASK, question_id=stored.pk)
    return stored


def answer_question(question_id: int, *, fallback: ConvexSolver, now: datetime) -> bool:
    """
    Answer a stored question with the reference solver at hand; return whether this call did it.

    :raises NotFound: there is no such question
    """
    stored = EngineQuestion.objects.filter(pk=question_id).first()
    if stored is None:
        raise NotFound(f"There is no question {question_id}.")
    if stored.status != QuestionStatus.WAITING:
        return False
    proposal = proposals_with_case().get(pk=stored.proposal_id)
    try:
        answer = _answer(proposal, Question.read(stored.kind, stored.asked), fallback=fallback)
        found = {"status": QuestionStatus.ANSWERED, "answer": answer}
    except Invalid as refusal:
        found = {"status": QuestionStatus.REFUSED, "reason": "; ".join(refusal.faults)[:400]}
    waiting = EngineQuestion.objects.filter(pk=question_id, status=QuestionStatus.WAITING)
    return waiting.update(**found, answered_at=now) == 1


def _answer(proposal: Proposal, question: Question, *, fallback: ConvexSolver | None) -> object:
    case = stored_case(proposal.outcome.case)
    try:
        found = answer_about(
            case,
            kind=question.kind,
            points=question.points,
            years=question.years,
            pins=question.pins,
            fallback=fallback,
        )
    except BadCase as error:
        raise Invalid("The question cannot be answered.", faults=tuple(map(str, error.faults))) from error
    return msgspec.to_builtins(found)
