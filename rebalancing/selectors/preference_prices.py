"""What each preference of a proposal's client costs, as its page says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisors.errors import NotFound
from advisors.models import Membership
from rebalancing.models.proposals import Proposal
from rebalancing.models.questions import EngineQuestion, QuestionKind
from rebalancing.selectors.facts import account_label, proposal_in_book
from rebalancing.selectors.questions import question_in_book
from rebalancing.selectors.rule_words import rule_words


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencePrice:
    """One preference: what the account would be better off by without it; `whose` is empty for its own account."""

    preference: str
    whose: str
    usd: float
    bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesPage:
    """The preferences of a proposal's account with their prices, or the question that still waits for them."""

    proposal: Proposal
    label: str
    prices: tuple[PreferencePrice, ...] = ()
    question: EngineQuestion | None = None


def prices_page(
    member: Membership, proposal_id: int, *, answer: object = None, question: EngineQuestion | None = None
) -> PricesPage:
    """
    Put an answer of the engine in words: what is the account's own, and what it shares with its household.

    :raises NotFound: the proposal lies outside the member's book
    """
    proposal = proposal_in_book(member, proposal_id)
    told = answer if isinstance(answer, list | tuple) else ()
    return PricesPage(
        proposal=proposal, label=account_label(proposal.account), prices=_prices(proposal, told), question=question
    )


def asked_prices_page(member: Membership, proposal_id: int, question_id: int) -> PricesPage:
    """
    Return what the queue was asked about a proposal's preferences, with the answer once there is one.

    :raises NotFound: the proposal lies outside the member's book, or the question is about something else
    """
    question = question_in_book(member, question_id)
    if question.proposal_id != proposal_id or question.kind != QuestionKind.PREFERENCES:
        raise NotFound("This question is not about the preferences of this proposal.")
    return prices_page(member, proposal_id, answer=question.answer, question=question)


def _prices(proposal: Proposal, told: Sequence[Mapping[str, Any]]) -> tuple[PreferencePrice, ...]:
    classes = {str(row["key"]): str(row["name"]) for row in proposal.allocation}
    return price_lines(told, ref=proposal.account.external_ref, classes=classes)


def price_lines(
    told: Sequence[Mapping[str, Any]], *, ref: str, classes: Mapping[str, str]
) -> tuple[PreferencePrice, ...]:
    """Put the prices of one account (its reference is `ref`) and of what it shares in words."""
    return tuple(
        PreferencePrice(
            preference=rule_words(row["preference"], classes=classes),
            whose="" if row["account"] == ref else "the household's",
            usd=row["usd"],
            bps=row["bps"],
        )
        for row in told
        if row["account"] in {ref, None}
    )
