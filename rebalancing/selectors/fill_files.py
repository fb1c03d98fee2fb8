"""Reads of files of fills and of what was booked from them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet

from advisors.errors import NotFound
from advisors.models import Membership
from rebalancing.models.orders import Fill, FillFile

MOST_ROWS: Final = 100


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


def fill_line(fill: Fill) -> FillLine:
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


def fill_files_in(member: Membership, files: QuerySet[FillFile]) -> tuple[FillFileRow, ...]:
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
        for row in rows.order_by("-received_at", "-pk")[:MOST_ROWS]
    )


def recent_fill_files(member: Membership) -> tuple[FillFileRow, ...]:
    """Return the firm's newest files of fills."""
    return fill_files_in(member, FillFile.objects.all())


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """One thing wrong with a file of fills."""

    row: int | None
    column: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillFilePage:
    """One file of fills: what was booked of it, or what is wrong with it, the first hundred of each."""

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
    rows = fill_files_in(member, files)
    if not rows:
        raise NotFound("There is no such file of fills.")
    sha256, size, faults = files.values_list("sha256", "size", "faults").get()
    fills = Fill.objects.filter(file_id=file_id).select_related("order__account", "order__security").order_by("pk")
    return FillFilePage(
        file=rows[0],
        sha256=sha256,
        size=size,
        faults=tuple(
            FileFault(row=one["row"], column=one["column"], message=one["message"]) for one in faults[:MOST_ROWS]
        ),
        fills=tuple(fill_line(fill) for fill in fills[:MOST_ROWS]),
    )
