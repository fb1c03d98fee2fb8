"""Proposals as the rules see them: read in bulk, for a button, a page or a release of hundreds."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, QuerySet

from advisors.errors import NotFound
from advisors.models import Firm, Membership, Role
from portfolios.models.households import Account, AccountHold
from portfolios.selectors.books import accounts_in_book
from rebalancing.exports import next_weekday
from rebalancing.models.orders import OPEN_ORDER, Order
from rebalancing.models.proposals import (
    Decision,
    Proposal,
    ProposalCheck,
    ProposalDecision,
    ProposalStatus,
    ProposedTrade,
)
from rebalancing.rules import ProposalFacts
from rebalancing.selectors.action_words import actions_ahead
from rebalancing.selectors.freshness import Changes, changes_of, tolerance_of
from rebalancing.selectors.wash import wash_conflicts_of
from rebalancing.states import Status

_NO_CHANGES = Changes()


def account_label(account: Account) -> str:
    """Return an account's name with the digits of its number that may be shown."""
    return f"{account.name} ··{account.number_last4}"


def book_of_proposals(member: Membership) -> QuerySet[Proposal]:
    """Return the proposals of the accounts in a member's book: an advisor's, else the whole firm's."""
    rows = Proposal.objects.filter(firm_id=member.firm_id)
    return rows.filter(account__in=accounts_in_book(member)) if member.role == Role.ADVISOR else rows


def proposals_in_book(member: Membership) -> QuerySet[Proposal]:
    """Return the proposals of a member's book, with what the rules and pages name."""
    return book_of_proposals(member).select_related(
        "account__tax_household",
        "account__risk_profile",
        "household__advisor__user",
        "outcome__case",
        "run",
        "firm",
    )


def proposal_in_book(member: Membership, proposal_id: int) -> Proposal:
    """
    Return one proposal.

    :raises NotFound: it does not exist or lies outside the member's book
    """
    proposal = proposals_in_book(member).filter(pk=proposal_id).first()
    if proposal is None:
        raise NotFound("This proposal does not exist or is not in your book.")
    return proposal


def groups_of(proposals: Collection[Proposal]) -> Mapping[int, tuple[Proposal, ...]]:
    """
    Return the proposals that are decided together, by outcome: one per account of the tax household.

    What was superseded alone or needs no trade is left out.
    """
    outcomes = {proposal.outcome_id for proposal in proposals}
    firms = {proposal.firm_id for proposal in proposals}
    rows = (
        Proposal.objects.filter(outcome_id__in=outcomes, firm_id__in=firms)
        .exclude(status__in=[ProposalStatus.NO_TRADE, ProposalStatus.SUPERSEDED])
        .select_related("account__tax_household", "household__advisor__user", "outcome__case", "run", "firm")
        .order_by("account__name", "pk")
    )
    found: dict[int, list[Proposal]] = defaultdict(list)
    for row in rows:
        found[row.outcome_id].append(row)
    return {outcome_id: tuple(members) for outcome_id, members in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    advisor_approved_by_id: int | None = None
    approved_by_id: int | None = None
    is_overridden: bool = False


def facts_of(proposals: Sequence[Proposal], *, firm: Firm) -> Mapping[int, ProposalFacts]:
    """Return what the rules ask of proposals of one firm, by id; about thirty queries for any number."""
    if not proposals:
        return {}
    ids = [proposal.pk for proposal in proposals]
    changes = changes_of(proposals, firm=firm)
    holds = _holds([proposal.account_id for proposal in proposals])
    failed = _failed_checks(ids)
    pending = _pending_orders([proposal.account_id for proposal in proposals])
    decided = _decided(ids)
    trades = _trade_counts(ids)
    ahead = actions_ahead(ids, firm_id=firm.pk, until=next_weekday(firm.business_on)) if firm.business_on else {}
    approved = [proposal for proposal in proposals if proposal.status == ProposalStatus.APPROVED]
    washing = (
        wash_conflicts_of(approved, firm_id=firm.pk, as_of=firm.business_on) if approved and firm.business_on else {}
    )
    tolerance = tolerance_of(firm)
    return {
        proposal.pk: _facts(
            proposal,
            firm=firm,
            tolerance=tolerance,
            changes=changes.get(proposal.pk, _NO_CHANGES),
            decided=decided.get(proposal.pk, _Decided()),
            bars=_Bars(
                holds=holds.get(proposal.account_id, ()),
                failed=failed.get(proposal.pk, ()),
                pending_count=pending.get(proposal.account_id, 0),
                washing=washing.get(proposal.pk, ()),
                ahead=ahead.get(proposal.pk, ()),
                trade_count=trades.get(proposal.pk, 0),
            ),
        )
        for proposal in proposals
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bars:
    holds: tuple[str, ...]
    failed: tuple[str, ...]
    pending_count: int
    washing: tuple[str, ...]
    ahead: tuple[str, ...]
    trade_count: int


def _facts(
    proposal: Proposal, *, firm: Firm, tolerance: Decimal, changes: Changes, decided: _Decided, bars: _Bars
) -> ProposalFacts:
    has_orders = proposal.status in {ProposalStatus.RELEASED, ProposalStatus.SENT, ProposalStatus.PARTLY_FILLED}
    return ProposalFacts(
        proposal_id=proposal.pk,
        label=account_label(proposal.account),
        status=Status(proposal.status),
        is_discretionary=proposal.account.is_discretionary,
        as_of_on=proposal.as_of_on,
        trade_count=bars.trade_count,
        traded_usd=proposal.traded_usd,
        business_on=firm.business_on,
        tolerance_frac=tolerance,
        moves=changes.moves,
        actions=changes.actions,
        actions_ahead=bars.ahead,
        is_position_changed=changes.is_position_changed,
        is_preference_changed=changes.is_preference_changed,
        is_guidance_changed=changes.is_guidance_changed,
        holds=bars.holds,
        failed_checks=bars.failed,
        is_overridden=decided.is_overridden,
        pending_order_count=0 if has_orders else bars.pending_count,
        wash_conflicts=bars.washing,
        advisor_approved_by_id=decided.advisor_approved_by_id,
        approved_by_id=decided.approved_by_id,
    )


def _holds(account_ids: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = AccountHold.objects.filter(account_id__in=account_ids, lifted_at__isnull=True).order_by("pk")
    for account_id, reason in rows.values_list("account_id", "reason"):
        found[account_id].append(reason.rstrip("."))
    return {account_id: tuple(reasons) for account_id, reasons in found.items()}


def _failed_checks(proposal_ids: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = ProposalCheck.objects.filter(proposal_id__in=proposal_ids, verdict="fail").order_by("pk")
    for proposal_id, rule in rows.values_list("proposal_id", "rule"):
        found[proposal_id].append(rule)
    return {proposal_id: tuple(rules) for proposal_id, rules in found.items()}


def _pending_orders(account_ids: Collection[int]) -> Mapping[int, int]:
    rows = Order.objects.filter(account_id__in=account_ids, status__in=OPEN_ORDER).values_list("account_id")
    return dict(rows.annotate(open_count=Count("pk")))


def _trade_counts(proposal_ids: Collection[int]) -> Mapping[int, int]:
    rows = ProposedTrade.objects.filter(proposal_id__in=proposal_ids).values_list("proposal_id")
    return dict(rows.annotate(trade_count=Count("pk")))


def _decided(proposal_ids: Collection[int]) -> Mapping[int, _Decided]:
    wanted = Q(decision__in=[Decision.ADVISOR_APPROVE, Decision.APPROVE, Decision.OVERRIDE])
    rows = ProposalDecision.objects.filter(wanted, proposal_id__in=proposal_ids).order_by("decided_at", "pk")
    by: dict[int, dict[str, int | None]] = defaultdict(dict)
    for proposal_id, decision, actor_id in rows.values_list("proposal_id", "decision", "actor_id"):
        by[proposal_id][decision] = actor_id
    return {
        proposal_id: _Decided(
            advisor_approved_by_id=who.get(Decision.ADVISOR_APPROVE),
            approved_by_id=who.get(Decision.APPROVE),
            is_overridden=Decision.OVERRIDE in who,
        )
        for proposal_id, who in by.items()
    }
