"""Wash sales across every account of a case: which losses are sold beside a purchase, which purchases beside a loss."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from rebalancing.engine.judge.booking import AccountBook, BookedSale
from rebalancing.engine.judge.findings import counted
from rebalancing.engine.types import ZERO, Case, RecentTrade

WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A purchase that a loss sale may meet; a proposed one has no date yet and is nobody's earlier acquisition."""

    account: str
    security: str
    acquired_on: date | None
    words: str


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
        for purchase in self.purchases.get(book.securities[sale.lot.security].group, ()):
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
    groups = {security.id: security.group for security in case.securities}
    purchases: dict[str, list[Purchase]] = {}
    losses: dict[str, list[str]] = {}
    for trade in case.recent_trades:
        if case.as_of - trade.date <= WINDOW:
            group = groups.get(trade.security, trade.identity_group or trade.security)
            _note_recent(trade, purchases=purchases.setdefault(group, []), losses=losses.setdefault(group, []))
    for book in books:
        for purchase in _purchases_in(book):
            purchases.setdefault(groups[purchase.security], []).append(purchase)
        for sale in book.sales:
            if sale.is_loss and book.account.is_taxable:
                words = f"the loss sale of lot {sale.lot.id} proposed in {book.account.id}"
                losses.setdefault(groups[sale.lot.security], []).append(words)
    return WashWindow(
        purchases={group: tuple(found) for group, found in purchases.items()},
        losses={group: tuple(found) for group, found in losses.items()},
    )


def _note_recent(trade: RecentTrade, *, purchases: list[Purchase], losses: list[str]) -> None:
    where = f"of {trade.security} on {trade.date} in {trade.account}"
    if trade.side == "buy":
        purchases.append(
            Purchase(
                account=trade.account, security=trade.security, acquired_on=trade.date, words=f"the purchase {where}"
            )
        )
    elif trade.loss > 0:
        losses.append(f"the loss sale {where}")


def wash_reports(book: AccountBook, *, window: WashWindow) -> Iterator[WashReport]:
    """Judge every identity group that this account trades."""
    for group in sorted({book.securities[trade.security].group for trade in book.trades}):
        yield _report(group, book=book, window=window)


def _purchases_in(book: AccountBook) -> Iterator[Purchase]:
    account = book.account.id
    for lot in book.account.lots:
        if lot.wash_acquisition and book.as_of - lot.acquired <= WINDOW:
            words = f"lot {lot.id} of {lot.security} acquired {lot.acquired} in {account}"
            yield Purchase(
                account=account,
                security=lot.security,
                acquired_on=lot.acquired,
                words=words,
            )
    for name in book.bought:
        words = f"the purchase of {name} proposed in {account}"
        yield Purchase(account=account, security=name, acquired_on=None, words=words)


def _report(group: str, *, book: AccountBook, window: WashWindow) -> WashReport:
    excess_usd = ZERO
    words: list[str] = []
    for sale in book.sales:
        if book.securities[sale.lot.security].group != group:
            continue
        met = window.meets(sale, book=book)
        if met is not None and sale.gain_usd is not None:
            excess_usd -= sale.gain_usd
            words.append(f"the loss of {-sale.gain_usd} dollars on lot {sale.lot.id} meets {met.words}")
    losses = window.losses.get(group, ())
    for name in book.bought:
        if losses and book.securities[name].group == group:
            excess_usd += book.bought[name] * book.price(name)
            words.append(f"{book.bought[name]} {name} bought beside {losses[0]}")
    if not words:
        bought = counted(len(window.purchases.get(group, ())), "purchase")
        words = [
            f"{bought} and {counted(len(losses), 'loss sale')} within 30 days in all accounts, none meets the other"
        ]
    return WashReport(group=group, excess_usd=excess_usd, sentence="; ".join(words))
