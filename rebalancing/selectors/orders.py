"""Reads of release batches, their blocks, orders and fills."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypedDict

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet, Sum

from advisors.errors import NotFound
from advisors.models import Membership
from portfolios.selectors.books import accounts_in_book
from rebalancing.models.orders import OPEN_ORDER, Fill, FillFile, Order, OrderStatus, ReleaseBatch
from rebalancing.models.proposals import Side
from rebalancing.selectors.accounts import custodian_words
from rebalancing.selectors.fill_files import MOST_ROWS, FillFileRow, FillLine, fill_files_in, fill_line

PAGE_SIZE: Final = 100
_BLOCK_PREFIX: Final = "BLOCK-"


def block_reference(block_id: int) -> str:
    """Return the name by which a file of fills may speak of a whole block."""
    return f"{_BLOCK_PREFIX}{block_id}"


def block_id_of(reference: str) -> int | None:
    """Return the block that a reference names; None when it names none."""
    number = reference.removeprefix(_BLOCK_PREFIX)
    return int(number) if number != reference and number.isdecimal() else None


def orders_in_book(member: Membership) -> QuerySet[Order]:
    """Return the orders of the accounts in a member's book."""
    return Order.objects.filter(account__in=accounts_in_book(member))


def batch_in_book(member: Membership, batch_id: int) -> ReleaseBatch:
    """
    Return a batch in which a member's book has orders.

    :raises NotFound: it does not exist or holds nothing of the member's book
    """
    mine = orders_in_book(member).filter(block__batch_id=batch_id)
    batch = ReleaseBatch.objects.filter(pk=batch_id, firm_id=member.firm_id).select_related("released_by", "sent_by")
    found = batch.first()
    if found is None or not mine.exists():
        raise NotFound("This batch does not exist or holds nothing of your book.")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One batch of the list; counts and dollars are those of the member's book."""

    id: int
    number: int
    released_at: datetime
    released_by: str
    order_count: int
    open_count: int
    account_count: int
    bought_usd: Decimal
    sold_usd: Decimal
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchList:
    """One page of the list of batches."""

    page: Page[ReleaseBatch]
    rows: tuple[BatchRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    order_count: int = 0
    account_count: int = 0
    released_count: int = 0
    open_count: int = 0
    touched_count: int = 0
    bought_usd: Decimal = Decimal(0)
    sold_usd: Decimal = Decimal(0)


def batch_list(member: Membership, *, page: int = 1) -> BatchList:
    """Return the batches that hold orders of a member's book, the newest first; three queries."""
    mine = orders_in_book(member)
    batches = ReleaseBatch.objects.filter(firm_id=member.firm_id, blocks__orders__in=mine).distinct()
    pages = Paginator(batches.select_related("released_by").order_by("-number", "-pk"), PAGE_SIZE)
    chosen = pages.get_page(page)
    counts = _counts_by_batch(mine, [batch.pk for batch in chosen])
    return BatchList(page=chosen, rows=tuple(_batch_row(batch, counts.get(batch.pk, _Counts())) for batch in chosen))


def _counts_by_batch(orders: QuerySet[Order], batch_ids: Sequence[int]) -> Mapping[int, _Counts]:
    rows = orders.filter(block__batch__in=batch_ids).values_list("block__batch_id")
    counted = rows.annotate(
        Count("pk"),
        Count("account_id", distinct=True),
        released=Count("pk", filter=Q(status=OrderStatus.RELEASED)),
        still_open=Count("pk", filter=Q(status__in=OPEN_ORDER)),
        touched=Count("pk", filter=Q(filled_units__gt=0)),
        bought=Sum("amount_usd", filter=Q(side=Side.BUY)),
        sold=Sum("amount_usd", filter=Q(side=Side.SELL)),
    )
    return {
        batch_id: _Counts(
            order_count=count,
            account_count=accounts,
            released_count=released,
            open_count=still_open,
            touched_count=touched,
            bought_usd=bought or Decimal(0),
            sold_usd=sold or Decimal(0),
        )
        for batch_id, count, accounts, released, still_open, touched, bought, sold in counted
    }


def _batch_row(batch: ReleaseBatch, counts: _Counts) -> BatchRow:
    return BatchRow(
        id=batch.pk,
        number=batch.number,
        released_at=batch.released_at,
        released_by=batch.released_by.full_name,
        order_count=counts.order_count,
        open_count=counts.open_count,
        account_count=counts.account_count,
        bought_usd=counts.bought_usd,
        sold_usd=counts.sold_usd,
        status=_status_of(counts),
    )


def _status_of(counts: _Counts) -> str:
    if counts.released_count:
        return "released"
    if not counts.open_count:
        return "filled" if counts.touched_count else "cancelled"
    return "partly_filled" if counts.touched_count else "sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One order of a block."""

    client_order_id: str
    proposal_id: int
    account_id: int
    account: str
    units: Decimal
    filled_units: Decimal
    amount_usd: Decimal
    filled_usd: Decimal
    quantity_type: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow:
    """One block; its orders where it is unfolded."""

    reference: str
    custodian: str
    side: str
    symbol: str
    name: str
    units: Decimal
    filled_units: Decimal
    amount_usd: Decimal
    average_usd: Decimal | None
    order_count: int
    open_count: int
    orders: tuple[OrderRow, ...]


class BlockValues(TypedDict):
    """What the database adds up for one block."""

    block_id: int
    side: str
    symbol: str
    name: str
    custodian: str
    order_count: int
    open_count: int
    wanted: Decimal
    filled: Decimal
    ordered_usd: Decimal
    paid_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodianRow:
    """What of a batch goes to one custodian."""

    custodian: str
    name: str
    order_count: int
    unsent_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """One batch with what of it lies in the member's book; the orders of one block are unfolded."""

    row: BatchRow
    sent_at: datetime | None
    sent_by: str
    custodians: tuple[CustodianRow, ...]
    page: Page[BlockValues]
    blocks: tuple[BlockRow, ...]
    fills: tuple[FillLine, ...]
    fill_count: int
    fill_files: tuple[FillFileRow, ...]


def batch_page(member: Membership, batch_id: int, *, open_block: str = "", page: int = 1) -> BatchPage:
    """
    Return one batch; a constant number of queries.

    :raises NotFound: it does not exist or holds nothing of the member's book
    """
    batch = batch_in_book(member, batch_id)
    mine = orders_in_book(member).filter(block__batch=batch)
    pages = Paginator(_block_values(mine), PAGE_SIZE).get_page(page)
    unfolded = block_id_of(open_block)
    orders = mine.filter(block_id=unfolded) if unfolded is not None else mine.none()
    lines = tuple(
        _order_row(order) for order in orders.select_related("account").order_by("account__external_ref", "pk")
    )
    fills = Fill.objects.filter(order__in=mine)
    newest = fills.select_related("order__account", "order__security").order_by("-recorded_at", "pk")[:MOST_ROWS]
    return BatchPage(
        row=_batch_row(batch, _counts_by_batch(mine, [batch.pk])[batch.pk]),
        sent_at=batch.sent_at,
        sent_by=batch.sent_by.full_name if batch.sent_by else "",
        custodians=_custodians(mine),
        page=pages,
        blocks=tuple(_block_row(values, lines if values["block_id"] == unfolded else ()) for values in pages),
        fills=tuple(fill_line(fill) for fill in newest),
        fill_count=fills.count(),
        fill_files=fill_files_in(member, FillFile.objects.filter(fills__order__block__batch=batch).distinct()),
    )


def _block_values(orders: QuerySet[Order]) -> QuerySet[Order, BlockValues]:
    """Add up orders by block: sales before purchases, the largest first."""
    named = orders.values(
        "block_id", "side", symbol=F("security__symbol"), name=F("security__name"), custodian=F("block__custodian")
    )
    summed = named.annotate(
        order_count=Count("pk"),
        open_count=Count("pk", filter=Q(status__in=OPEN_ORDER)),
        wanted=Sum("units"),
        filled=Sum("filled_units"),
        ordered_usd=Sum("amount_usd"),
        paid_usd=Sum("filled_usd"),
    )
    return summed.order_by("-side", "-ordered_usd", "block_id")


def _block_row(values: BlockValues, orders: tuple[OrderRow, ...]) -> BlockRow:
    filled = values["filled"]
    return BlockRow(
        reference=block_reference(values["block_id"]),
        custodian=custodian_words(values["custodian"]),
        side=values["side"],
        symbol=values["symbol"],
        name=values["name"],
        units=values["wanted"],
        filled_units=filled,
        amount_usd=values["ordered_usd"],
        average_usd=values["paid_usd"] / filled if filled else None,
        order_count=values["order_count"],
        open_count=values["open_count"],
        orders=orders,
    )


def _order_row(order: Order) -> OrderRow:
    return OrderRow(
        client_order_id=order.client_order_id,
        proposal_id=order.proposal_id,
        account_id=order.account_id,
        account=f"{order.account.name} ··{order.account.number_last4}",
        units=order.units,
        filled_units=order.filled_units,
        amount_usd=order.amount_usd,
        filled_usd=order.filled_usd,
        quantity_type=order.quantity_type,
        status=order.status,
    )


def _custodians(orders: QuerySet[Order]) -> tuple[CustodianRow, ...]:
    counted = orders.values_list("block__custodian").annotate(
        Count("pk"), unsent=Count("pk", filter=Q(status=OrderStatus.RELEASED))
    )
    return tuple(
        CustodianRow(custodian=key, name=custodian_words(key), order_count=count, unsent_count=unsent)
        for key, count, unsent in counted.order_by("block__custodian")
    )
