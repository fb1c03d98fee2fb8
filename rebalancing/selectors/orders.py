"""Reads of release batches, their blocks, orders and fills."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet, Sum

from advisors.errors import NotFound
from advisors.models import Membership
from portfolios.selectors.books import accounts_in_book
from rebalancing.models.orders import OPEN_ORDER, Fill, FillFile, Order, OrderStatus, ReleaseBatch
from rebalancing.models.proposals import Side

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
    """One block with its orders."""

    reference: str
    custodian: str
    side: str
    symbol: str
    name: str
    units: Decimal
    filled_units: Decimal
    amount_usd: Decimal
    average_usd: Decimal | None
    open_count: int
    orders: tuple[OrderRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodianRow:
    """What of a batch goes to one custodian."""

    custodian: str
    order_count: int
    unsent_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FillFileRow:
    """A file of fills as received."""

    id: int
    name: str
    received_at: datetime
    received_by: str
    row_count: int
    booked_count: int
    fault_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FillLine:
    """One booked execution."""

    execution_id: str
    client_order_id: str
    account: str
    symbol: str
    side: str
    traded_on: date
    units: Decimal
    price_usd: Decimal
    fee_usd: Decimal
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """One batch with everything in it that lies in the member's book."""

    row: BatchRow
    sent_at: datetime | None
    sent_by: str
    custodians: tuple[CustodianRow, ...]
    sales: tuple[BlockRow, ...]
    purchases: tuple[BlockRow, ...]
    fills: tuple[FillLine, ...]
    fill_count: int
    fill_files: tuple[FillFileRow, ...]


def batch_page(member: Membership, batch_id: int) -> BatchPage:
    """
    Return one batch; a constant number of queries.

    :raises NotFound: it does not exist or holds nothing of the member's book
    """
    batch = batch_in_book(member, batch_id)
    orders = list(
        orders_in_book(member)
        .filter(block__batch=batch)
        .select_related("account", "security", "block")
        .order_by("account__external_ref", "pk")
    )
    by_block: dict[int, list[Order]] = {}
    for order in orders:
        by_block.setdefault(order.block_id, []).append(order)
    blocks = sorted((_block_row(rows) for rows in by_block.values()), key=lambda row: (-row.amount_usd, row.reference))
    fills = Fill.objects.filter(order__block__batch=batch, order__account__in=accounts_in_book(member))
    newest = fills.select_related("order__account", "order__security").order_by("-recorded_at", "pk")[:PAGE_SIZE]
    return BatchPage(
        row=_batch_row(batch, _counts(orders)),
        sent_at=batch.sent_at,
        sent_by=batch.sent_by.full_name if batch.sent_by else "",
        custodians=_custodians(orders),
        sales=tuple(row for row in blocks if row.side == Side.SELL),
        purchases=tuple(row for row in blocks if row.side == Side.BUY),
        fills=tuple(_fill_line(fill) for fill in newest),
        fill_count=fills.count(),
        fill_files=_fill_files(member, FillFile.objects.filter(fills__order__block__batch=batch).distinct()),
    )


def _counts(orders: Sequence[Order]) -> _Counts:
    return _Counts(
        order_count=len(orders),
        account_count=len({order.account_id for order in orders}),
        released_count=sum(1 for order in orders if order.status == OrderStatus.RELEASED),
        open_count=sum(1 for order in orders if order.status in OPEN_ORDER),
        touched_count=sum(1 for order in orders if order.filled_units > 0),
        bought_usd=sum((order.amount_usd for order in orders if order.side == Side.BUY), Decimal(0)),
        sold_usd=sum((order.amount_usd for order in orders if order.side == Side.SELL), Decimal(0)),
    )


def _block_row(orders: Sequence[Order]) -> BlockRow:
    first = orders[0]
    filled = sum((order.filled_units for order in orders), Decimal(0))
    paid = sum((order.filled_usd for order in orders), Decimal(0))
    return BlockRow(
        reference=block_reference(first.block_id),
        custodian=first.block.custodian,
        side=first.side,
        symbol=first.security.symbol,
        name=first.security.name,
        units=sum((order.units for order in orders), Decimal(0)),
        filled_units=filled,
        amount_usd=sum((order.amount_usd for order in orders), Decimal(0)),
        average_usd=paid / filled if filled else None,
        open_count=sum(1 for order in orders if order.status in OPEN_ORDER),
        orders=tuple(_order_row(order) for order in orders),
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


def _custodians(orders: Sequence[Order]) -> tuple[CustodianRow, ...]:
    names = sorted({order.block.custodian for order in orders})
    return tuple(
        CustodianRow(
            custodian=name,
            order_count=sum(1 for order in orders if order.block.custodian == name),
            unsent_count=sum(
                1 for order in orders if order.block.custodian == name and order.status == OrderStatus.RELEASED
            ),
        )
        for name in names
    )


def _fill_line(fill: Fill) -> FillLine:
    order = fill.order
    return FillLine(
        execution_id=fill.execution_id,
        client_order_id=order.client_order_id,
        account=f"{order.account.name} ··{order.account.number_last4}",
        symbol=order.security.symbol,
        side=order.side,
        traded_on=fill.traded_on,
        units=fill.units,
        price_usd=fill.price_usd,
        fee_usd=fill.fee_usd,
        recorded_at=fill.recorded_at,
    )


def _fill_files(member: Membership, files: QuerySet[FillFile]) -> tuple[FillFileRow, ...]:
    rows = files.filter(firm_id=member.firm_id).select_related("received_by").defer("content_encrypted")
    return tuple(
        FillFileRow(
            id=row.pk,
            name=row.name,
            received_at=row.received_at,
            received_by=row.received_by.full_name,
            row_count=row.row_count,
            booked_count=row.booked_count,
            fault_count=len(row.faults),
        )
        for row in rows.order_by("-received_at", "-pk")[:PAGE_SIZE]
    )


def recent_fill_files(member: Membership) -> tuple[FillFileRow, ...]:
    """Return the firm's newest files of fills."""
    return _fill_files(member, FillFile.objects.all())


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """One thing wrong with a file of fills."""

    row: int | None
    column: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillFilePage:
    """One file of fills: what was booked of it, or everything wrong with it."""

    file: FillFileRow
    sha256: str
    size: int
    faults: tuple[FileFault, ...]
    fills: tuple[FillLine, ...]


def fill_file_page(member: Membership, file_id: int) -> FillFilePage:
    """
    Return one file of fills of the member's firm.

    :raises NotFound: it is not there
    """
    files = FillFile.objects.filter(pk=file_id, firm_id=member.firm_id)
    rows = _fill_files(member, files)
    if not rows:
        raise NotFound("There is no such file of fills.")
    sha256, size, faults = files.values_list("sha256", "size", "faults").get()
    fills = Fill.objects.filter(file_id=file_id).select_related("order__account", "order__security").order_by("pk")
    return FillFilePage(
        file=rows[0],
        sha256=sha256,
        size=size,
        faults=tuple(FileFault(row=one["row"], column=one["column"], message=one["message"]) for one in faults),
        fills=tuple(_fill_line(fill) for fill in fills[:PAGE_SIZE]),
    )
