"""Questions that wait for the queue or were answered by it."""

from advisors.errors import NotFound
from advisors.models import Membership
from rebalancing.models.questions import EngineQuestion
from rebalancing.selectors.facts import proposals_in_book


def question_in_book(member: Membership, question_id: int) -> EngineQuestion:
    """
    Return one question about a proposal of the member's book.

    :raises NotFound: it does not exist or lies outside the book
    """
    question = EngineQuestion.objects.filter(pk=question_id, proposal__in=proposals_in_book(member)).first()
    if question is None:
        raise NotFound("This question does not exist or is not about your book.")
    return question
