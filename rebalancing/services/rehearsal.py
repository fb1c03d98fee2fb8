"""
One day of the demo firm, walked by its own people through the services that the pages use.

Two reviewers sign off and release, the order files are taken, and a broker's file of fills, made up around the close,
is booked. What was done before is not done again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from advisors.errors import Invalid, NotFound
from advisors.models import Membership, Role
from advisors.templatetags.ui import count, money
from rebalancing import exports, permissions
from rebalancing.exports import FillRow
from rebalancing.models.orders import QuantityType
from rebalancing.models.proposals import Side
from rebalancing.selectors.fills import open_orders_of
from rebalancing.selectors.orders import batch_in_book, batch_list, batch_page
from rebalancing.selectors.queue import TO_REVIEW, WITH_ADVISOR, QueueFilter, ids_of
from rebalancing.selectors.review import Group, groups_in_book, totals_of
from rebalancing.services import fills, orders, review

ADVISED_GROUPS: Final = 2
APPROVED_GROUPS: Final = 22
RELEASED_GROUPS: Final = 14

Tell = Callable[[str], None]
Keep = Callable[[str, str], None]

_FUND_STEP: Final = Decimal("0.0001")


def made_up_fills(member: Membership, batch_id: int) -> str:
    """
    Write the file of fills that a broker might send for a batch's open orders: whole, at prices around the close.

    The same orders give the same file. Nothing is booked.

    :raises Invalid: the firm has no business date
    """
    batch = batch_in_book(member, batch_id)
    day = member.firm.business_on
    if day is None:
        raise Invalid("The firm has no business date yet: import a day's data first.")
    rows = []
    for place, (order, fill_count) in enumerate(open_orders_of(member.firm_id, batch.pk), start=1):
        is_sale = order.side == Side.SELL
        price = exports.price_near(order.trade.price_usd, seed=order.client_order_id, is_sale=is_sale)
        units = order.units - order.filled_units
        if order.quantity_type == QuantityType.DOLLARS:
            units = ((order.amount_usd - order.filled_usd) / price).quantize(_FUND_STEP)
        rows.append(
            FillRow(
                row=place,
                reference=order.client_order_id,
                execution_id=f"X-{order.client_order_id}-{fill_count + 1}",
                traded_on=day,
                units=units,
                price_usd=price,
            )
        )
    return exports.fills_file(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who walks the day: everybody who advises, and two reviewers."""

    advisors: tuple[Membership, ...]
    approver: Membership
    releaser: Membership


def cast_of(firm_slug: str) -> Cast:
    """
    Find the people of a firm; the empty slug names the only firm.

    :raises NotFound: no such firm, or it has fewer than two reviewers
    """
    rows = Membership.objects.filter(is_active=True).select_related("user", "firm").order_by("pk")
    members = list(rows.filter(firm__slug=firm_slug) if firm_slug else rows)
    reviewers = [member for member in members if member.role == Role.REVIEWER]
    if len({member.firm_id for member in members}) != 1 or len(reviewers) < 2:
        raise NotFound("Name one firm with at least two reviewers: one approves, the other releases.")
    advising = tuple(member for member in members if member.role == Role.ADVISOR)
    return Cast(advisors=advising, approver=reviewers[0], releaser=reviewers[1])


def walk_day(cast: Cast, *, clock: Callable[[], datetime], tell: Tell, keep: Keep) -> bool:
    """
    Walk the day from sign-off to booked fills, from wherever an earlier walk stopped; return whether anything was new.

    `tell` gets a line a step, `keep` the name and content of each file that goes out or comes in.

    :raises Invalid: there is nothing to approve
    """
    known = batch_list(cast.releaser).rows
    if known:
        batch_id = known[-1].id
    else:
        batch_id = _release(cast, _sign_off(cast, clock=clock, tell=tell), clock=clock, tell=tell)
    is_sent = _send(cast, batch_id, clock=clock, tell=tell, keep=keep)
    is_booked = _book(cast, batch_id, clock=clock, tell=tell, keep=keep)
    return not known or is_sent or is_booked


def _sign_off(cast: Cast, *, clock: Callable[[], datetime], tell: Tell) -> Sequence[Group]:
    """Let advisors approve for a few households, and the first reviewer for many; return what was approved."""
    reviewer = cast.approver
    waiting = groups_in_book(reviewer, ids_of(reviewer, QueueFilter(status=WITH_ADVISOR)))[:ADVISED_GROUPS]
    for group in waiting:
        advisor = next(member for member in cast.advisors if member.pk == group.proposals[0].household.advisor_id)
        review.approve_as_advisor(advisor, group.proposals[0].pk, now=clock())
        tell(f"{_counted(len(group.proposals), 'proposal')} approved by {advisor.user.full_name}, advisor")
    found = groups_in_book(reviewer, ids_of(reviewer, QueueFilter(status=TO_REVIEW)))
    ready = [group for group in found if permissions.may(permissions.check_may_approve, reviewer, group.facts)]
    first = {proposal.pk for group in waiting for proposal in group.proposals}
    ready.sort(key=lambda group: group.proposals[0].pk not in first)
    chosen = _each_custodian_first(ready)[:APPROVED_GROUPS]
    if not chosen:
        raise Invalid("There is nothing to approve. Run `manage.py rebalance --all` first.")
    ids = [proposal.pk for group in chosen for proposal in group.proposals]
    totals = totals_of(review.approve_all(reviewer, ids, now=clock()))
    tell(f"{_counted(totals.proposal_count, 'proposal')} approved by {reviewer.user.full_name}")
    return chosen


def _each_custodian_first(groups: Sequence[Group]) -> list[Group]:
    """Move the first household of each custodian to the front, so that a batch goes to all of them."""
    seen: set[str] = set()
    front = []
    for group in groups:
        custodians = {proposal.account.custodian for proposal in group.proposals}
        if custodians - seen:
            front.append(group)
            seen |= custodians
    return front + [group for group in groups if group not in front]


def _release(cast: Cast, approved: Sequence[Group], *, clock: Callable[[], datetime], tell: Tell) -> int:
    """Let the second reviewer release the first of what was approved; the rest waits in the queue."""
    ids = [proposal.pk for group in approved[:RELEASED_GROUPS] for proposal in group.proposals]
    groups = groups_in_book(cast.releaser, ids)
    free = [group for group in groups if permissions.may(permissions.check_may_release, cast.releaser, group.facts)]
    totals = totals_of(free)
    chosen = [proposal.pk for group in free for proposal in group.proposals]
    batch = review.release(cast.releaser, chosen, now=clock(), expected=totals)
    tell(
        f"batch {batch.number} released by {cast.releaser.user.full_name}: "
        f"{_counted(totals.proposal_count, 'proposal')}, {_counted(totals.order_count, 'order')}, "
        f"{money(totals.traded_usd)}"
    )
    return batch.pk


def _send(cast: Cast, batch_id: int, *, clock: Callable[[], datetime], tell: Tell, keep: Keep) -> bool:
    unsent = [row for row in batch_page(cast.releaser, batch_id).custodians if row.unsent_count]
    for row in unsent:
        file = orders.take_order_file(cast.releaser, batch_id, custodian=row.custodian, now=clock())
        keep(file.name, file.content)
        tell(f"{file.name}: {_counted(file.order_count, 'order')} sent")
    return bool(unsent)


def _book(cast: Cast, batch_id: int, *, clock: Callable[[], datetime], tell: Tell, keep: Keep) -> bool:
    page = batch_page(cast.approver, batch_id)
    if not page.row.open_count:
        return False
    name = f"fills-{page.row.number:04d}.csv"
    content = made_up_fills(cast.approver, batch_id)
    keep(name, content)
    done = fills.record_fills(cast.approver, name=name, content=content.encode(), now=clock())
    if done.faults:
        raise Invalid(f"{name} was refused.", faults=tuple(fault.message for fault in done.faults))
    tell(f"{name}: {_counted(done.booked_count, 'fill')} booked")
    return True


def _counted(number: int, noun: str) -> str:
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"
