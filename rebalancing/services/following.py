"""
What proposals and orders do when a corporate action is applied or taken back: what was computed before no longer holds.

Undecided and approved proposals become stale, orders that nobody was sent are withdrawn, orders that are out keep their
accounts from trading until they are filled or cancelled. It happens in the transaction of the action.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from advisors import audit
from advisors.models import Firm
from portfolios.models.lots import Lot
from portfolios.models.market import CorporateAction
from rebalancing.models.orders import Order, OrderStatus
from rebalancing.models.proposals import Proposal, ProposalStatus
from rebalancing.selectors.action_words import action_in_words
from rebalancing.services.moving import transition
from rebalancing.services.order_holds import SENT, hold_for_orders
from rebalancing.services.orders import withdraw_unsent
from rebalancing.states import OPEN_TO_REVIEW, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How many proposals became stale, how many orders were withdrawn, how many accounts wait for orders."""

    stale_count: int
    withdrawn_count: int
    held_count: int


@transaction.atomic
def follow_action(
    firm: Firm,
    action: CorporateAction,
    *,
    security_ids: Collection[int],
    account_ids: Collection[int],
    is_reversed: bool,
    now: datetime,
) -> Followed:
    """
    Carry an action that was applied or reversed to the proposals and orders of the firm.

    `security_ids` are all securities that it touches, `account_ids` the accounts it was booked in.
    """
    reason = action_in_words(action, is_reversed=is_reversed)
    withdrawn = _withdraw(firm, security_ids, reason=reason, now=now)
    stale = _make_stale(firm, security_ids, account_ids, reason=reason, now=now)
    held = _hold_sent(firm, action, security_ids, reason=reason, now=now)
    followed = Followed(stale_count=stale, withdrawn_count=withdrawn, held_count=held)
    audit.record(
        "corporate_action.followed",
        actor=None,
        subject=action,
        firm_id=firm.pk,
        data={"stale": stale, "withdrawn": withdrawn, "held": held, "is_reversed": is_reversed},
        now=now,
    )
    return followed


def _make_stale(
    firm: Firm, security_ids: Collection[int], account_ids: Collection[int], *, reason: str, now: datetime
) -> int:
    rows = list(_open_together(firm.pk, security_ids, account_ids).order_by("pk"))
    for proposal in rows:
        transition(proposal, to=Status.STALE, actor=None, now=now, note=reason)
    return len(rows)


def _open_together(firm_id: int, security_ids: Collection[int], account_ids: Collection[int]) -> QuerySet[Proposal]:
    """Return what was solved with the old units: of holders, of whoever trades it, and what was solved together."""
    mine = Proposal.objects.filter(firm_id=firm_id, status__in=[status.value for status in OPEN_TO_REVIEW])
    touched = Q(account_id__in=account_ids) | Q(trades__security_id__in=security_ids)
    return mine.filter(outcome_id__in=set(mine.filter(touched).values_list("outcome_id", flat=True)))


def _withdraw(firm: Firm, security_ids: Collection[int], *, reason: str, now: datetime) -> int:
    ids = _released_together(firm.pk, security_ids)
    return len(withdraw_unsent(firm, ids, reason=f"Withdrawn before it was sent: {reason}", now=now))


def _released_together(firm_id: int, security_ids: Collection[int]) -> set[int]:
    """Return the released proposals that trade the security, and those solved with them: trades pay for each other."""
    waiting = Order.objects.filter(
        proposal__firm_id=firm_id, security_id__in=security_ids, status=OrderStatus.RELEASED
    ).values_list("proposal__outcome_id", flat=True)
    together = Proposal.objects.filter(
        firm_id=firm_id, outcome_id__in=set(waiting), status__in=[ProposalStatus.RELEASED, ProposalStatus.SENT]
    )
    return set(together.values_list("pk", flat=True))


def _hold_sent(
    firm: Firm, action: CorporateAction, security_ids: Collection[int], *, reason: str, now: datetime
) -> int:
    out = Order.objects.filter(proposal__firm=firm, security_id__in=security_ids, status__in=SENT)
    orders = list(out.select_related("security").order_by("pk"))
    count = 0
    for symbol in sorted({order.security.symbol for order in orders}):
        mine = [order for order in orders if order.security.symbol == symbol]
        count += hold_for_orders(mine, symbol=symbol, reason=reason, now=now)
    return count


def foresee(firm_id: int, security_ids: Collection[int]) -> tuple[str, ...]:
    """Say what applying an action on these securities would do to proposals and orders as they stand."""
    holders = Lot.objects.filter(
        account__firm_id=firm_id, security_id__in=security_ids, closed_on__isnull=True
    ).values_list("account_id", flat=True)
    stale = _open_together(firm_id, security_ids, set(holders)).count()
    orders = Order.objects.filter(proposal__firm_id=firm_id, security_id__in=security_ids)
    unsent = Order.objects.filter(
        proposal_id__in=_released_together(firm_id, security_ids), status=OrderStatus.RELEASED
    ).count()
    out = orders.filter(status__in=SENT).count()
    told = (
        (stale, f"{_counted(stale, 'open proposal')} {'becomes' if stale == 1 else 'become'} stale."),
        (unsent, f"{_counted(unsent, 'released order')} not sent yet {'is' if unsent == 1 else 'are'} withdrawn."),
        (
            out,
            f"{_counted(out, 'order')} already sent {'stays' if out == 1 else 'stay'} out until filled or cancelled.",
        ),
    )
    return tuple(sentence for count, sentence in told if count) or ("No open proposal and no order is touched.",)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
