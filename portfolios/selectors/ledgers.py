"""The book of an account as its rows stand: open lots and cash, as the ledger's own values."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from portfolios.ledger.types import Book, Cash
from portfolios.ledger.types import Lot as LedgerLot
from portfolios.models.households import Account
from portfolios.models.lots import CashBalance, Lot

_COLUMNS = (
    "key",
    "security__symbol",
    "units",
    "cost_usd",
    "acquired_on",
    "root_key",
    "holding_on",
    "loss_cost_usd",
    "wash_adjustment_usd",
    "is_inherited",
    "is_gift",
    "is_wash_acquisition",
    "is_wash_consumed",
)


def load_book(account: Account) -> Book:
    """Return what an account's journal adds up to; sales that were booked earlier are left out."""
    return load_books([account])[account.pk]


def load_books(accounts: Sequence[Account], *, security_ids: Collection[int] | None = None) -> Mapping[int, Book]:
    """Return the books of many accounts by id, in two queries; with the lots of some securities only where named."""
    keys = [account.pk for account in accounts]
    lots: dict[int, dict[str, LedgerLot]] = defaultdict(dict)
    open_lots = Lot.objects.filter(account_id__in=keys, closed_on__isnull=True)
    if security_ids is not None:
        open_lots = open_lots.filter(security_id__in=security_ids)
    for account_id, *cells in open_lots.order_by("pk").values_list("account_id", *_COLUMNS):
        lots[account_id][cells[0]] = _lot(cells)
    balances = CashBalance.objects.filter(account_id__in=keys)
    cash = {
        account_id: Cash(settled_usd=settled, unsettled_usd=unsettled)
        for account_id, settled, unsettled in balances.values_list("account_id", "settled_usd", "unsettled_usd")
    }
    return {key: Book(lots=MappingProxyType(lots[key]), cash=cash.get(key, Cash())) for key in keys}


def _lot(cells: Sequence[object]) -> LedgerLot:
    names = ("key", "security", *_COLUMNS[2:])
    return LedgerLot(**dict(zip(names, cells, strict=True)))  # type: ignore[arg-type]
