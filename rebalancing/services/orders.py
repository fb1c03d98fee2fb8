"""Orders: the one writer of release batches, blocks and orders, from release to sent or cancelled."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Max, Sum

from advisors import audit, permissions
from advisors.errors import Conflict, Invalid, NotFound
from advisors.models import Firm, Membership, User
from advisors.permissions import Capability
from portfolios import vault
from portfolios.models.lots import Lot
from portfolios.models.securities import SecurityKind
from rebalancing import exports
from rebalancing.models.orders import (
    OPEN_ORDER,
    Order,
    OrderBlock,
    OrderStatus,
    QuantityType,
    ReleaseBatch,
)
from rebalancing.models.proposals import Proposal, ProposedTrade, Side
from rebalancing.selectors.orders import batch_in_book, block_reference
from rebalancing.services.figures import record_bookings
from rebalancing.services.moving import transition
from rebalancing.services.order_holds import release_order_holds
from rebalancing.states import Status

_BATCH: Final = 1000
_BlockKey = tuple[str, int, str]


@transaction.atomic
def create_orders(*, proposals: Sequence[Proposal], actor: Membership, now: datetime) -> ReleaseBatch:
    """
    Create one batch for released proposals: an order per trade, blocked per custodian, security and side.

    :raises Invalid: there is nothing to trade
    :raises Conflict: another batch got the same number at the same moment
    """
    firm_id = actor.firm_id
    trades = list(
        ProposedTrade.objects.filter(proposal__in=[proposal.pk for proposal in proposals])
        .select_related("security", "proposal__account")
        .order_by("proposal__account__external_ref", "position", "pk")
    )
    if not trades:
        raise Invalid("These proposals hold no trades.")
    number = 1 + (ReleaseBatch.objects.filter(firm_id=firm_id).aggregate(last=Max("number"))["last"] or 0)
    try:
        batch = ReleaseBatch.objects.create(firm_id=firm_id, number=number, released_at=now, released_by=actor.user)
    except IntegrityError as error:
        raise Conflict("Somebody released at the same moment. Look again and release once more.") from error
    blocks = _create_blocks(batch, trades)
    held = _held_units(trades)
    orders = [
        _order(
            trade, block=blocks[_block_key(trade)], held=held, reference=f"T{firm_id}-{number:04d}-{place:05d}", now=now
        )
        for place, trade in enumerate(trades, start=1)
    ]
    Order.objects.bulk_create(orders, batch_size=_BATCH)
    audit.record(
        "batch.released",
        actor=actor,
        subject=batch,
        data={
            "number": number,
            "proposals": [proposal.pk for proposal in proposals],
            "orders": len(orders),
            "blocks": len(blocks),
            "traded_usd": sum((trade.amount_usd for trade in trades), Decimal(0)),
        },
        now=now,
    )
    return batch


def _block_key(trade: ProposedTrade) -> _BlockKey:
    return trade.proposal.account.custodian, trade.security_id, trade.side


def _create_blocks(batch: ReleaseBatch, trades: Sequence[ProposedTrade]) -> Mapping[_BlockKey, OrderBlock]:
    units: dict[_BlockKey, Decimal] = defaultdict(Decimal)
    for trade in trades:
        units[_block_key(trade)] += trade.units
    rows = [
        OrderBlock(batch=batch, custodian=custodian, security_id=security_id, side=side, units=total)
        for (custodian, security_id, side), total in units.items()
    ]
    made = OrderBlock.objects.bulk_create(rows, batch_size=_BATCH)
    return {(block.custodian, block.security_id, block.side): block for block in made}


def _held_units(trades: Sequence[ProposedTrade]) -> Mapping[tuple[int, int], Decimal]:
    """Return what the accounts hold of the mutual funds that are sold."""
    funds = {trade.security_id for trade in trades if trade.security.kind == SecurityKind.FUND}
    accounts = {trade.proposal.account_id for trade in trades}
    rows = Lot.objects.filter(account_id__in=accounts, security_id__in=funds, closed_on__isnull=True)
    totals = rows.values_list("account_id", "security_id").annotate(total=Sum("units"))
    return {(account_id, security_id): total for account_id, security_id, total in totals}


def _order(
    trade: ProposedTrade,
    *,
    block: OrderBlock,
    held: Mapping[tuple[int, int], Decimal],
    reference: str,
    now: datetime,
) -> Order:
    account_id = trade.proposal.account_id
    quantity_type = QuantityType.SHARES
    if trade.security.kind == SecurityKind.FUND:
        closes = trade.side == Side.SELL and trade.units == held.get((account_id, trade.security_id))
        quantity_type = QuantityType.ALL if closes else QuantityType.DOLLARS
    return Order(
        block=block,
        proposal_id=trade.proposal_id,
        trade=trade,
        account_id=account_id,
        security_id=trade.security_id,
        client_order_id=reference,
        side=trade.side,
        units=trade.units,
        quantity_type=quantity_type,
        amount_usd=trade.amount_usd,
        created_at=now,
        status_at=now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFile:
    """A file of orders for one custodian."""

    name: str
    content: str
    order_count: int


@transaction.atomic
def take_order_file(member: Membership, batch_id: int, *, custodian: str, now: datetime) -> OrderFile:
    """
    Write the order file of a batch for one custodian and mark its orders as sent; taking it again changes nothing.

    :raises NotFound: no such batch, or nothing in it for this custodian
    :raises Invalid: every order of it was cancelled
    """
    permissions.check_can(member, Capability.EXPORT_ORDERS)
    batch = batch_in_book(member, batch_id)
    rows = Order.objects.filter(block__batch=batch, block__custodian=custodian)
    if not rows.exists():
        raise NotFound("This batch holds no orders for this custodian.")
    orders = list(
        rows.exclude(status__in=[OrderStatus.CANCELLED, OrderStatus.REJECTED])
        .select_related("account", "security", "block", "trade")
        .prefetch_related("trade__lots")
        .order_by("pk")
    )
    if not orders:
        raise Invalid("Every order of this batch at this custodian was cancelled: there is nothing to send.")
    _mark_sent(batch, custodian=custodian, member=member, now=now)
    audit.record(
        "batch.order_file_taken",
        actor=member,
        subject=batch,
        data={"custodian": custodian, "orders": len(orders)},
        now=now,
    )
    name = f"orders-{batch.number:04d}-{custodian}.csv"
    return OrderFile(name=name, content=exports.order_file(map(_line, orders)), order_count=len(orders))


def _line(order: Order) -> exports.OrderLine:
    is_sale = order.side == Side.SELL
    return exports.OrderLine(
        client_order_id=order.client_order_id,
        block=block_reference(order.block_id),
        custodian=order.block.custodian,
        account_number=vault.decrypt_text(order.account.number_encrypted),
        is_sale=is_sale,
        symbol=order.security.symbol,
        cusip=order.security.cusip,
        units=order.units,
        price_usd=order.trade.price_usd,
        amount_usd=order.amount_usd,
        is_fund=order.quantity_type != QuantityType.SHARES,
        closes_position=order.quantity_type == QuantityType.ALL,
        lots=tuple(
            exports.OrderLot(key=lot.lot_key, acquired_on=lot.acquired_on, units=lot.units)
            for lot in sorted(order.trade.lots.all(), key=lambda each: each.pk)
        ),
    )


def _mark_sent(batch: ReleaseBatch, *, custodian: str, member: Membership, now: datetime) -> None:
    waiting = Order.objects.filter(block__batch=batch, block__custodian=custodian, status=OrderStatus.RELEASED)
    proposal_ids = set(waiting.values_list("proposal_id", flat=True))
    if not proposal_ids:
        return
    waiting.update(status=OrderStatus.SENT, status_at=now)
    unsent = set(
        Order.objects.filter(proposal_id__in=proposal_ids, status=OrderStatus.RELEASED).values_list(
            "proposal_id", flat=True
        )
    )
    for proposal in Proposal.objects.filter(pk__in=proposal_ids - unsent, status=Status.RELEASED.value).order_by("pk"):
        transition(proposal, to=Status.SENT, actor=member.user, now=now)
    if not Order.objects.filter(block__batch=batch, status=OrderStatus.RELEASED).exists():
        ReleaseBatch.objects.filter(pk=batch.pk, sent_at__isnull=True).update(sent_at=now, sent_by=member.user)


@transaction.atomic
def cancel_open_orders(
    member: Membership, batch_id: int, *, reason: str, now: datetime, client_order_ids: Collection[str] = ()
) -> int:
    """
    Cancel what a batch's orders have not been filled, all or the named ones; what was filled stays.

    :raises Invalid: no reason, or nothing is open
    """
    permissions.check_can(member, Capability.RELEASE)
    batch = batch_in_book(member, batch_id)
    if not reason.strip():
        raise Invalid("Please give a reason for cancelling: the record keeps it.")
    rows = Order.objects.filter(block__batch=batch, status__in=OPEN_ORDER)
    if client_order_ids:
        rows = rows.filter(client_order_id__in=client_order_ids)
    orders = list(rows.order_by("pk"))
    if not orders:
        raise Invalid("No order of this batch is open.")
    Order.objects.filter(pk__in=[order.pk for order in orders], status__in=OPEN_ORDER).update(
        status=OrderStatus.CANCELLED, status_at=now
    )
    audit.record(
        "batch.orders_cancelled",
        actor=member,
        subject=batch,
        data={"orders": [order.client_order_id for order in orders]},
        reason=reason.strip(),
        now=now,
    )
    said = reason.strip()
    settle_proposals({order.proposal_id for order in orders}, firm=member.firm, actor=member.user, now=now, note=said)
    return len(orders)


@transaction.atomic
def withdraw_unsent(firm: Firm, proposal_ids: Collection[int], *, reason: str, now: datetime) -> tuple[Order, ...]:
    """
    Cancel what was released of these proposals and not sent yet, because the world changed; nobody outside knows it.

    A proposal that has nothing left is closed, so that its account is analysed again.
    """
    rows = Order.objects.filter(
        proposal_id__in=proposal_ids, proposal__firm_id=firm.pk, status=OrderStatus.RELEASED
    ).select_related("block__batch")
    withdrawn = tuple(rows.order_by("pk"))
    if not withdrawn:
        return ()
    Order.objects.filter(pk__in=[order.pk for order in withdrawn], status=OrderStatus.RELEASED).update(
        status=OrderStatus.CANCELLED, status_at=now
    )
    for batch in {order.block.batch_id: order.block.batch for order in withdrawn}.values():
        audit.record(
            "batch.orders_cancelled",
            actor=None,
            subject=batch,
            firm_id=firm.pk,
            data={"orders": [order.client_order_id for order in withdrawn if order.block.batch_id == batch.pk]},
            reason=reason,
            now=now,
        )
    settle_proposals({order.proposal_id for order in withdrawn}, firm=firm, actor=None, now=now, note=reason)
    return withdrawn


def settle_proposals(
    proposal_ids: Collection[int], *, firm: Firm, actor: User | None, now: datetime, note: str = ""
) -> None:
    """
    Move proposals to where their orders stand: partly filled, filled and booked, or rejected without any fill.

    An account that a corporate action held for orders that were out is let go once none of them is.
    """
    whole: list[Proposal] = []
    orders: dict[int, list[Order]] = defaultdict(list)
    for order in Order.objects.filter(proposal_id__in=proposal_ids):
        orders[order.proposal_id].append(order)
    for proposal in Proposal.objects.filter(pk__in=proposal_ids).order_by("pk"):
        mine = orders[proposal.pk]
        is_open = any(order.status in OPEN_ORDER for order in mine)
        is_filled = any(order.filled_units > 0 for order in mine)
        if is_open and is_filled and proposal.status == Status.SENT:
            transition(proposal, to=Status.PARTLY_FILLED, actor=actor, now=now)
        elif not is_open and is_filled:
            transition(proposal, to=Status.FILLED, actor=actor, now=now, note=note)
            transition(proposal, to=Status.BOOKED, actor=actor, now=now)
            whole += [proposal] if all(order.status == OrderStatus.FILLED for order in mine) else []
        elif not is_open:
            transition(proposal, to=Status.REJECTED, actor=actor, now=now, note=note)
    account_ids = {order.account_id for rows in orders.values() for order in rows}
    release_order_holds(account_ids, now=now)
    if firm.business_on is not None:
        record_bookings(account_ids, booked=whole, firm_id=firm.pk, as_of=firm.business_on)
