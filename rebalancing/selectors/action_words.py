"""Corporate actions as proposals and orders speak of them, and those that stand between a case and its orders."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db.models import F, Q

from portfolios.models.market import ActionApplication, ActionKind, ActionStatus, CorporateAction
from rebalancing.models.orders import Order
from rebalancing.models.proposals import Proposal, ProposedTrade

_ENDED: Final = (ActionStatus.APPLIED, ActionStatus.REVERSED)
_COMING: Final = (ActionStatus.ANNOUNCED, ActionStatus.CONFIRMED)


def action_in_words(action: CorporateAction, *, is_reversed: bool = False) -> str:
    """Name an action as the reason for something: "corporate action on AAPL, split of 2026-11-18"."""
    kind = ActionKind(action.kind).label.lower()
    taken_back = ", was taken back" if is_reversed else ""
    return f"corporate action on {action.security.symbol}, {kind} of {action.effective_on}{taken_back}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Happened:
    """An action that was applied or reversed: when, to whom, and what it touches."""

    action: CorporateAction
    at: datetime
    accounts: frozenset[int]


def actions_since(proposals: Sequence[Proposal], *, since: Mapping[int, datetime]) -> Mapping[int, tuple[str, ...]]:
    """Return what was applied or reversed after the case of each proposal was taken, in words; by proposal id."""
    if not proposals:
        return {}
    earliest = min(since.values())
    firm_ids = {proposal.firm_id for proposal in proposals}
    later = Q(applied_at__gt=earliest) | Q(status=ActionStatus.REVERSED, ended_at__gt=earliest)
    rows = CorporateAction.objects.filter(later, firm_id__in=firm_ids, status__in=_ENDED).select_related("security")
    happened = _with_accounts(rows.order_by("pk"))
    if not happened:
        return {}
    traded = _traded([proposal.pk for proposal in proposals])
    found: dict[int, list[str]] = defaultdict(list)
    for proposal in proposals:
        for one in happened:
            concerns = proposal.account_id in one.accounts or one.action.security_id in traded.get(proposal.pk, ())
            if concerns and one.at > since[proposal.pk]:
                is_reversed = one.action.status == ActionStatus.REVERSED
                found[proposal.pk].append(action_in_words(one.action, is_reversed=is_reversed))
    return {proposal_id: tuple(words) for proposal_id, words in found.items()}


def _with_accounts(actions: Iterable[CorporateAction]) -> list[_Happened]:
    rows = list(actions)
    holders: dict[int, set[int]] = defaultdict(set)
    pairs = ActionApplication.objects.filter(action__in=rows).values_list("action_id", "account_id")
    for action_id, account_id in pairs:
        holders[action_id].add(account_id)
    return [
        _Happened(
            action=action,
            at=max(moment for moment in (action.applied_at, action.ended_at) if moment is not None),
            accounts=frozenset(holders[action.pk]),
        )
        for action in rows
    ]


def _traded(proposal_ids: Collection[int]) -> Mapping[int, frozenset[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    trades = ProposedTrade.objects.filter(proposal_id__in=proposal_ids)
    for proposal_id, security_id in trades.values_list("proposal_id", "security_id"):
        found[proposal_id].add(security_id)
    return {proposal_id: frozenset(ids) for proposal_id, ids in found.items()}


def actions_ahead(proposal_ids: Collection[int], *, firm_id: int, until: date) -> Mapping[int, tuple[str, ...]]:
    """
    Return the actions that take effect after a proposal's prices and before its orders could be filled, in words.

    Its units are those of before: sent on the ex-date, an order would trade another number of them.
    """
    trades = ProposedTrade.objects.filter(
        proposal_id__in=proposal_ids,
        security__corporate_actions__firm_id=firm_id,
        security__corporate_actions__status__in=_COMING,
        security__corporate_actions__effective_on__gt=F("proposal__as_of_on"),
        security__corporate_actions__effective_on__lte=until,
    )
    pairs = trades.order_by("proposal_id", "position").values_list("proposal_id", "security__corporate_actions__pk")
    named = CorporateAction.objects.select_related("security").in_bulk({pk for _, pk in pairs})
    found: dict[int, list[str]] = defaultdict(list)
    for proposal_id, pk in dict.fromkeys(pairs):
        found[proposal_id].append(action_in_words(named[pk]))
    return {proposal_id: tuple(words) for proposal_id, words in found.items()}


def standing_actions(security_ids: Collection[int], *, firm_id: int) -> Mapping[int, tuple[CorporateAction, ...]]:
    """Return the actions on securities that were not taken back, by security id, the earliest first."""
    rows = CorporateAction.objects.filter(
        firm_id=firm_id, security_id__in=security_ids, status__in=[*_COMING, ActionStatus.APPLIED]
    ).select_related("security")
    found: dict[int, list[CorporateAction]] = defaultdict(list)
    for action in rows.order_by("effective_on", "pk"):
        found[action.security_id].append(action)
    return {security_id: tuple(actions) for security_id, actions in found.items()}


def why_units_are_unclear(order: Order, *, traded_on: date, actions: Iterable[CorporateAction]) -> str:
    """
    Say why a fill of a day cannot be booked to an order: an action came between, and nobody knows in which units.

    "" where none did. What traded before the ex-date is in the units of the order and can be booked.
    """
    for action in actions:
        if order.proposal.as_of_on < action.effective_on <= traded_on:
            return (
                f"Order {order.client_order_id} was made before the {action_in_words(action)}; whether the custodian "
                f"filled it in old or new units is not certain. Cancel the order: its next statement brings the trade."
            )
    return ""
