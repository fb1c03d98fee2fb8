"""
Fills: a file is kept, read, checked whole, and booked whole or not at all.

Each execution becomes one `Fill` and one event of the account's journal, in the transaction that moves its order and
proposal.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from django.db import transaction

from advisors import audit, permissions
from advisors.errors import Conflict, Invalid
from advisors.models import Membership
from advisors.permissions import Capability
from portfolios import vault
from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import EventKind, Lot, LotEvent
from portfolios.models.lots import LedgerEvent
from portfolios.models.market import CorporateAction
from portfolios.services import posting
from rebalancing import exports
from rebalancing.exports import FillRow, Share
from rebalancing.models.orders import Fill, FillFile, Order, OrderStatus, QuantityType
from rebalancing.models.proposals import Side
from rebalancing.selectors.action_words import why_units_are_unclear
from rebalancing.selectors.fills import FillContext, fill_context
from rebalancing.services.orders import settle_proposals
from rebalancing.states import OrderState, can_order_follow

MAX_DELAY: Final = timedelta(days=30)
MAX_BYTES: Final = 20_000_000
_CENT: Final = Decimal("0.01")
_DOLLARS_TOLERANCE: Final = Decimal("0.005")  # a fund fills what was ordered in dollars to within half a per cent


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """One thing wrong with a file: the row (None the whole file), the column, a sentence."""

    row: int | None
    column: str = ""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFills:
    """
    What became of a file of fills.

    With faults nothing of it was booked. `skipped_count` executions had been booked from another file before.
    """

    file_id: int
    booked_count: int
    skipped_count: int
    faults: tuple[RowFault, ...]
    batch_ids: tuple[int, ...]
    is_duplicate: bool = False


class _Refused(Exception):
    """Booking met something that the checks could not see; everything is rolled back."""

    def __init__(self, fault: RowFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def record_fills(member: Membership, *, name: str, content: bytes, now: datetime) -> ReceivedFills:
    """
    Book a file of fills: all of it, or with a single fault nothing; the same file twice changes nothing.

    :raises NotPermitted: the role does not record fills
    :raises Invalid: the file is too large to be one
    :raises Conflict: an account was posted to meanwhile
    """
    permissions.check_can(member, Capability.RECORD_FILLS)
    if len(content) > MAX_BYTES:
        raise Invalid(f"The file has {len(content) / 1_000_000:,.0f} MB; the limit is {MAX_BYTES // 1_000_000} MB.")
    known = FillFile.objects.filter(firm_id=member.firm_id, sha256=hashlib.sha256(content).hexdigest()).first()
    if known is not None and known.booked_count:
        return _duplicate(known)
    parsed = exports.parse_fills(content)
    context = fill_context(member.firm_id, parsed.rows)
    faults = [RowFault(row=fault.row, column=fault.column, message=fault.message) for fault in parsed.faults]
    plan = _plan(parsed.rows, context)
    faults += [] if faults else plan.faults
    if not faults:
        try:
            return _book(member, name=name, content=content, plan=plan, context=context, now=now)
        except _Refused as refused:
            faults = [refused.fault]
    faults.sort(key=lambda fault: fault.row or 0)
    file = _keep_file(member, name=name, content=content, rows=len(parsed.rows), booked=0, faults=faults, now=now)
    return ReceivedFills(
        file_id=file.pk, booked_count=0, skipped_count=0, faults=tuple(faults), batch_ids=context.batch_ids
    )


def _duplicate(file: FillFile) -> ReceivedFills:
    batches = Order.objects.filter(fills__file=file).values_list("block__batch_id", flat=True).distinct()
    return ReceivedFills(
        file_id=file.pk,
        booked_count=0,
        skipped_count=file.booked_count,
        faults=(),
        batch_ids=tuple(sorted(batches)),
        is_duplicate=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a file asks to be booked: shares of executions by order id."""

    shares: Mapping[int, tuple[Share, ...]]
    skipped_count: int
    faults: list[RowFault]


def _plan(rows: Sequence[FillRow], context: FillContext) -> _Plan:
    """Check every row against orders and what was booked before; name everything wrong."""
    faults: list[RowFault] = []
    fresh: list[FillRow] = []
    skipped = 0
    for row in rows:
        booked = context.booked.get(row.execution_id)
        if booked is None:
            fresh.append(row)
        elif booked == (row.reference, row.traded_on, row.units):
            skipped += 1
        else:
            message = f"Execution {row.execution_id} was booked before, for another order, date or quantity."
            faults.append(RowFault(row=row.row, column="execution_id", message=message))
    shares: dict[int, list[Share]] = defaultdict(list)
    for row in fresh:
        order = context.orders.get(row.reference)
        if order is not None:
            shares[order.pk].append(_share_of(row, order))
        elif row.reference not in context.blocks:
            message = f"There is no order or block {row.reference} in this firm."
            faults.append(RowFault(row=row.row, column="client_order_id", message=message))
    _share_blocks([row for row in fresh if row.reference in context.blocks], context, shares, faults)
    by_id = {order.pk: order for order in context.all_orders}
    for order_id, parts in shares.items():
        order = by_id[order_id]
        faults += _faults_of_order(order, parts, context.actions.get(order.security_id, ()))
    return _Plan(
        shares={order_id: tuple(parts) for order_id, parts in shares.items()}, skipped_count=skipped, faults=faults
    )


def _share_of(row: FillRow, order: Order) -> Share:
    return Share(
        client_order_id=order.client_order_id,
        execution_id=row.execution_id,
        row=row.row,
        traded_on=row.traded_on,
        units=row.units,
        price_usd=row.price_usd,
        fee_usd=row.fee_usd,
    )


def _share_blocks(
    rows: Iterable[FillRow], context: FillContext, shares: dict[int, list[Share]], faults: list[RowFault]
) -> None:
    """Share the executions of each block and day by the written rule of `exports`, after what orders got by name."""
    by_day: dict[tuple[str, date], list[FillRow]] = defaultdict(list)
    for row in rows:
        by_day[row.reference, row.traded_on].append(row)
    for (reference, _), executions in sorted(by_day.items()):
        orders = {order.client_order_id: order for order in context.blocks[reference]}
        wants = []
        for order in orders.values():
            named = sum((share.units for share in shares.get(order.pk, ())), Decimal(0))
            left = order.units - order.filled_units - named
            if left > 0 and order.status in _FILLABLE:
                want = exports.Want(
                    client_order_id=order.client_order_id, units=left, step=order.security.quantity_step
                )
                wants.append(want)
        try:
            for share in exports.share_block(executions, wants):
                shares[orders[share.client_order_id].pk].append(share)
        except BadInput as fault:
            message = f"{reference} is overfilled: {fault}."
            faults.append(RowFault(row=executions[-1].row, column="units", message=message))


_FILLABLE: Final = (OrderStatus.SENT, OrderStatus.PARTLY_FILLED)


def _faults_of_order(order: Order, parts: Sequence[Share], actions: Iterable[CorporateAction]) -> list[RowFault]:
    last = parts[-1].row
    if order.status == OrderStatus.RELEASED:
        message = f"Order {order.client_order_id} has not been sent yet: download its order file first."
        return [RowFault(row=last, column="client_order_id", message=message)]
    if order.status not in _FILLABLE:
        message = f"Order {order.client_order_id} is {OrderStatus(order.status).label.lower()}: it takes no more fills."
        return [RowFault(row=last, column="client_order_id", message=message)]
    faults = []
    first_on = order.proposal.as_of_on
    for part in parts:
        if not first_on <= part.traded_on <= first_on + MAX_DELAY:
            message = f"{part.traded_on} is not within 30 days of the proposal, which is as of {first_on}."
            faults.append(RowFault(row=part.row, column="date", message=message))
        if unclear := why_units_are_unclear(order, traded_on=part.traded_on, actions=actions):
            faults.append(RowFault(row=part.row, column="date", message=unclear))
    overfill = _overfill_of(order, parts)
    return [*faults, RowFault(row=last, column="units", message=overfill)] if overfill else faults


def _overfill_of(order: Order, parts: Sequence[Share]) -> str:
    name = order.client_order_id
    if order.quantity_type == QuantityType.DOLLARS:
        usd = order.filled_usd + sum((_gross_usd(part) for part in parts), Decimal(0))
        limit = order.amount_usd * (1 + _DOLLARS_TOLERANCE)
        return f"Order {name} is overfilled: ${usd:,.2f} of ${order.amount_usd:,.2f}." if usd > limit else ""
    units = order.filled_units + sum((part.units for part in parts), Decimal(0))
    if units <= order.units:
        return ""
    return f"Order {name} is overfilled: {exports.plain(units)} of {exports.plain(order.units)} units."


def _gross_usd(part: Share) -> Decimal:
    return (part.units * part.price_usd).quantize(_CENT, ROUND_HALF_EVEN)


@transaction.atomic
def _book(
    member: Membership, *, name: str, content: bytes, plan: _Plan, context: FillContext, now: datetime
) -> ReceivedFills:
    count = sum(len(parts) for parts in plan.shares.values())
    rows = count + plan.skipped_count
    file = _keep_file(member, name=name, content=content, rows=rows, booked=count, faults=[], now=now)
    orders = [order for order in context.all_orders if order.pk in plan.shares]
    by_account: dict[int, list[Order]] = defaultdict(list)
    for order in orders:
        by_account[order.account_id].append(order)
    for account_id in sorted(by_account):
        _book_account(by_account[account_id], plan.shares, file=file, member=member, now=now)
    for order in orders:
        _move_order(order, plan.shares[order.pk], now=now)
    settle_proposals({order.proposal_id for order in orders}, firm=member.firm, actor=member.user, now=now)
    audit.record(
        "fills.recorded",
        actor=member,
        subject=file,
        data={"sha256": file.sha256, "fills": count, "skipped": plan.skipped_count, "orders": len(orders)},
        now=now,
    )
    return ReceivedFills(
        file_id=file.pk,
        booked_count=count,
        skipped_count=plan.skipped_count,
        faults=(),
        batch_ids=context.batch_ids,
    )


def _book_account(
    orders: Sequence[Order],
    shares: Mapping[int, tuple[Share, ...]],
    *,
    file: FillFile,
    member: Membership,
    now: datetime,
) -> None:
    """Post the fills of one account, sales first, and keep each beside its event."""
    account = orders[0].account
    account.refresh_from_db(fields=["journal_position"])  # fills of a sibling may have washed a loss into its lots
    pairs = [(order, part) for order in orders for part in shares[order.pk]]
    pairs.sort(key=lambda pair: (pair[1].traded_on, pair[0].side == Side.BUY, pair[1].row))
    taken: dict[int, Decimal] = {order.pk: order.filled_units for order in orders}
    events = []
    try:
        for order, part in pairs:
            events.append(_event(order, part, done_units=taken[order.pk]))
            taken[order.pk] += part.units
        posting.post_events(account, events, source=posting.FILLS_SOURCE, actor=member.user, now=now)
    except (BadInput, Invalid) as error:
        message = f"{account.name} ··{account.number_last4} cannot be booked: {str(error).rstrip('.')}."
        raise _Refused(RowFault(row=pairs[min(len(events), len(pairs) - 1)][1].row, message=message)) from error
    references = {posting.source_ref(account.pk, part.execution_id): (order, part) for order, part in pairs}
    posted = LedgerEvent.objects.filter(source=posting.FILLS_SOURCE, source_ref__in=references)
    Fill.objects.bulk_create(
        [
            Fill(
                order=references[event.source_ref][0],
                file=file,
                execution_id=references[event.source_ref][1].execution_id,
                units=references[event.source_ref][1].units,
                price_usd=references[event.source_ref][1].price_usd,
                fee_usd=references[event.source_ref][1].fee_usd,
                traded_on=references[event.source_ref][1].traded_on,
                recorded_at=now,
                event=event,
            )
            for event in posted.order_by("position")
        ]
    )


def _event(order: Order, part: Share, *, done_units: Decimal) -> LotEvent:
    """
    Turn one execution into an event: a purchase opens a lot whose basis holds the fee, a sale takes the chosen lots.

    :raises BadInput: a sale of more units than the chosen lots hold
    """
    symbol = order.security.symbol
    settled_on = exports.next_weekday(part.traded_on)
    if order.side == Side.BUY:
        cost = _gross_usd(part) + part.fee_usd
        return LotEvent(
            kind=EventKind.BUY,
            ref=part.execution_id,
            traded_on=part.traded_on,
            settled_on=settled_on,
            security=symbol,
            units=part.units,
            amount_usd=-cost,
            fee_usd=part.fee_usd,
            lot=Lot(
                key=f"fill-{part.execution_id}",
                security=symbol,
                units=part.units,
                cost_usd=cost,
                acquired_on=part.traded_on,
            ),
        )
    chosen = [
        exports.ChosenLot(key=lot.lot_key, units=lot.units, lot_units=lot.lot_units)
        for lot in sorted(order.trade.lots.all(), key=lambda each: each.pk)
    ]
    return LotEvent(
        kind=EventKind.SELL,
        ref=part.execution_id,
        traded_on=part.traded_on,
        settled_on=settled_on,
        security=symbol,
        units=part.units,
        amount_usd=_gross_usd(part) - part.fee_usd,
        fee_usd=part.fee_usd,
        picks=exports.picks_of(chosen, done_units=done_units, units=part.units),
    )


def _move_order(order: Order, parts: Sequence[Share], *, now: datetime) -> None:
    units = order.filled_units + sum((part.units for part in parts), Decimal(0))
    usd = order.filled_usd + sum((_gross_usd(part) for part in parts), Decimal(0))
    is_done = units >= order.units
    if order.quantity_type == QuantityType.DOLLARS:
        is_done = usd >= order.amount_usd * (1 - _DOLLARS_TOLERANCE)
    after = OrderStatus.FILLED if is_done else OrderStatus.PARTLY_FILLED
    assert can_order_follow(OrderState(order.status), OrderState(after))
    moved = Order.objects.filter(pk=order.pk, status=order.status, filled_units=order.filled_units).update(
        status=after, filled_units=units, filled_usd=usd, status_at=now
    )
    if not moved:
        raise Conflict(f"Order {order.client_order_id} was changed by somebody else meanwhile. Nothing was booked.")


def _keep_file(
    member: Membership,
    *,
    name: str,
    content: bytes,
    rows: int,
    booked: int,
    faults: Sequence[RowFault],
    now: datetime,
) -> FillFile:
    """Keep a file encrypted; one that was refused before is kept once, with what is wrong with it now."""
    file, _ = FillFile.objects.update_or_create(
        firm_id=member.firm_id,
        sha256=hashlib.sha256(content).hexdigest(),
        defaults={
            "name": name[:200],
            "size": len(content),
            "content_encrypted": vault.encrypt_content(content),
            "row_count": rows,
            "booked_count": booked,
            "faults": [{"row": one.row, "column": one.column, "message": one.message} for one in faults],
            "received_at": now,
            "received_by": member.user,
        },
    )
    if faults:
        audit.record(
            "fills.refused", actor=member, subject=file, data={"sha256": file.sha256, "faults": len(faults)}, now=now
        )
    return file
