"""What the rules of a proposal cost at the margin, and by which method it was solved, as its page says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rebalancing.models.proposals import Proposal
from rebalancing.selectors.cases import stored_outcome
from rebalancing.selectors.rule_words import rule_words

MOST_PRICES: Final = 12
_STEPS: Final[Mapping[str, str]] = {
    "dollar": "$1,000",
    "weight": "1% of value",
    "tracking_error": "0.1% of tracking error",
}
_METHODS: Final[Mapping[str, str]] = {
    "newton": "Newton method",
    "interior_point": "interior point method",
    "reference": "reference solver",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePrice:
    """A rule that binds: what loosening it by `step` would save."""

    rule: str
    step: str
    usd: float
    bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How a proposal was solved; `fallback` says so where it was not by the first method, else it is empty."""

    name: str
    fallback: str


def rule_prices(proposal: Proposal) -> tuple[RulePrice, ...]:
    """Return the rules of the proposal's account that bind, the dearest first; none where none were told."""
    if not proposal.outcome.content:
        return ()
    classes = {str(row["key"]): str(row["name"]) for row in proposal.allocation}
    ref = proposal.account.external_ref
    told = next((one for one in stored_outcome(proposal.outcome).accounts if one.id == ref), None)
    return tuple(
        RulePrice(rule=rule_words(price.rule, classes=classes), step=_STEPS[price.unit], usd=price.usd, bps=price.bps)
        for price in (() if told is None else told.shadow_prices[:MOST_PRICES])
    )


def method_of(proposal: Proposal) -> Method:
    """Say by which method the proposal was solved."""
    solver = proposal.outcome.solver
    name = _METHODS.get(solver, solver.replace("_", " "))
    if solver == "newton":
        return Method(name=name, fallback="")
    gap = proposal.gap_bps
    proof = "" if gap is None else f"; its gap of {gap:.3f} bp is certified all the same"
    return Method(name=name, fallback=f"The first method could not certify an answer, so the {name} was used{proof}.")
