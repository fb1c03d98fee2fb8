"""Wash sales across every account of a case: which losses are sold beside a purchase, which purchases beside a loss."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancing.engine.judge.booking import AccountBook, BookedSale
from rebalancing.engine.judge.docket import WINDOW, Purchase, docket_of
from rebalancing.engine.judge.findings import counted
from rebalancing.engine.types import ZERO, Case

__all__ = ["WINDOW", "Purchase", "WashReport", "WashWindow", "open_wash_window", "wash_reports"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WashWindow:
    """All purchases and loss sales within 30 days, by identity group, in all accounts, this outcome included."""

    purchases: Mapping[str, tuple[Purchase, ...]]
    losses: Mapping[str, tuple[str, ...]]

    def meets(self, sale: BookedSale, *, book: AccountBook) -> Purchase | None:
        """Return a purchase that disallows this loss; the shares' own acquisition does not count."""
        if not sale.is_loss or not book.account.is_taxable:
            return None
        mine = (book.account.id, sale.lot.security, sale.lot.acquired)
        for purchase in self.purchases.get(book.docket.market.groups[sale.lot.security], ()):
            if (purchase.account, purchase.security, purchase.acquired_on) != mine:
                return purchase
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class WashReport:
    """What was found about one identity group in one account."""

    group: str
    excess_usd: Decimal
    sentence: str


def open_wash_window(case: Case, books: Sequence[AccountBook]) -> WashWindow:
    """Gather the purchases and loss sales of the last 30 days and of this outcome."""
    docket = docket_of(case)
    groups = docket.market.groups
    purchases, losses = dict(docket.purchases), dict(docket.losses)
    for book in books:
        account = book.account.id
        for name in book.bought:
            words = f"the purchase of {name} proposed in {account}"
            purchase = Purchase(account=account, security=name, acquired_on=None, words=words)
            purchases[groups[name]] = (*purchases.get(groups[name], ()), purchase)
        for sale in book.sales:
            if sale.is_loss and book.account.is_taxable:
                group = groups[sale.lot.security]
                told = f"the loss sale of lot {sale.lot.id} proposed in {account}"
                losses[group] = (*losses.get(group, ()), told)
    return WashWindow(purchases=purchases, losses=losses)


def wash_reports(book: AccountBook, *, window: WashWindow) -> Iterator[WashReport]:
    """Judge every identity group that this account trades."""
    groups = book.docket.market.groups
    sales: dict[str, list[BookedSale]] = {}
    for sale in book.sales:
        sales.setdefault(groups[sale.lot.security], []).append(sale)
    bought: dict[str, list[str]] = {}
    for name in book.bought:
        bought.setdefault(groups[name], []).append(name)
    for group in sorted({groups[trade.security] for trade in book.trades}):
        yield _report(group, sales.get(group, ()), bought.get(group, ()), book=book, window=window)


def _report(
    group: str, sales: Sequence[BookedSale], bought: Sequence[str], *, book: AccountBook, window: WashWindow
) -> WashReport:
    excess_usd = ZERO
    words: list[str] = []
    for sale in sales:
        met = window.meets(sale, book=book)
        if met is not None and sale.gain_usd is not None:
            excess_usd -= sale.gain_usd
            words.append(f"the loss of {-sale.gain_usd} dollars on lot {sale.lot.id} meets {met.words}")
    losses = window.losses.get(group, ())
    for name in bought if losses else ():
        excess_usd += book.bought[name] * book.price(name)
        words.append(f"{book.bought[name]} {name} bought beside {losses[0]}")
    if not words:
        purchases = counted(len(window.purchases.get(group, ())), "purchase")
        words = [
            f"{purchases} and {counted(len(losses), 'loss sale')} within 30 days in all accounts, none meets the other"
        ]
    return WashReport(group=group, excess_usd=excess_usd, sentence="; ".join(words))
