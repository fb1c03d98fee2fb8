"""What is decided together: selections of proposals with what the rules say of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from advisors.errors import NotFound
from advisors.models import Membership
from rebalancing.models.proposals import Proposal
from rebalancing.rules import ProposalFacts, StatusPassed, is_trading
from rebalancing.selectors.facts import facts_of, groups_of, proposals_in_book


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The proposals of one tax household, decided together, each beside its facts."""

    proposals: tuple[Proposal, ...]
    facts: tuple[ProposalFacts, ...]

    @property
    def trade_count(self) -> int:
        """Return how many orders a release would create."""
        return sum(facts.trade_count for facts in self.facts)

    @property
    def traded_usd(self) -> Decimal:
        """Return the dollars of all trades, purchases and sales."""
        return sum((facts.traded_usd for facts in self.facts if is_trading(facts)), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a button says it will do."""

    proposal_count: int
    order_count: int
    traded_usd: Decimal


def totals_of(groups: Sequence[Group]) -> Totals:
    """Add up what deciding on these groups means."""
    return Totals(
        proposal_count=sum(len(group.proposals) for group in groups),
        order_count=sum(group.trade_count for group in groups),
        traded_usd=sum((group.traded_usd for group in groups), Decimal(0)),
    )


def groups_in_book(member: Membership, proposal_ids: Collection[int]) -> tuple[Group, ...]:
    """
    Return the groups that these proposals belong to, each once, in the order of the largest opportunity.

    :raises NotFound: one of them does not exist or lies outside the member's book
    :raises StatusPassed: one of them was superseded, or needed no trade
    """
    wanted = set(proposal_ids)
    proposals = list(proposals_in_book(member).filter(pk__in=wanted))
    if len(proposals) != len(wanted):
        raise NotFound("A proposal does not exist or is not in your book.")
    groups = groups_of(proposals)
    grouped = {proposal.pk for group in groups.values() for proposal in group}
    if wanted - grouped:
        raise StatusPassed("There is nothing to decide on it: no trade was needed, or a newer run superseded it.")
    facts = facts_of([proposal for group in groups.values() for proposal in group], firm=member.firm)
    made = [_group(group, facts) for group in groups.values()]
    return tuple(sorted(made, key=_opportunity, reverse=True))


def _group(proposals: tuple[Proposal, ...], facts: Mapping[int, ProposalFacts]) -> Group:
    return Group(proposals=proposals, facts=tuple(facts[proposal.pk] for proposal in proposals))


def _opportunity(group: Group) -> tuple[Decimal, int]:
    return sum((proposal.opportunity_usd for proposal in group.proposals), Decimal(0)), group.proposals[0].pk
