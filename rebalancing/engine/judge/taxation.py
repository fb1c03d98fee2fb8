"""The year's tax of each return, before and after the trades, and the share of it that each dollar of gain bears."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from portfolios.ledger.tax import (
    Gains,
    TaxRates,
    tax_caused_usd,
    tax_used_usd,
    year_tax_usd,
)
from rebalancing.engine.judge.booking import AccountBook, BookedSale
from rebalancing.engine.judge.wash import WashWindow
from rebalancing.engine.types import ZERO, Tax, Term


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedSale:
    """A lot sale of a taxable account with the gain that counts: a loss that a wash sale disallows counts 0."""

    account: str
    sale: BookedSale
    counted_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnBook:
    """One return: S and L before (carryforwards netted), what the trades add, and the tax of both, exact."""

    id: str
    tax: Tax
    rates: TaxRates
    before: Gains
    added: Gains
    sales: tuple[CountedSale, ...]

    @property
    def caused_usd(self) -> Decimal:
        """What this year's return shows: tax after less tax before, losses carried on counting nothing."""
        return tax_caused_usd(before=self.before, trades=self.added, rates=self.rates)

    @property
    def loss_rates(self) -> dict[Term, Decimal]:
        """What the first dollar of loss of each term saves, losses carried on at rho."""
        here = year_tax_usd(self.before, rates=self.rates)
        short = self.before - Gains(short_usd=Decimal(1), long_usd=ZERO)
        long = self.before - Gains(short_usd=ZERO, long_usd=Decimal(1))
        return {
            "short": here - year_tax_usd(short, rates=self.rates),
            "long": here - year_tax_usd(long, rates=self.rates),
        }

    @property
    def used_usd(self) -> Decimal:
        if self.tax.tax_used is not None:
            return self.tax.tax_used
        realized = Gains(short_usd=self.tax.realized_short, long_usd=self.tax.realized_long)
        return tax_used_usd(realized=realized, carried_in=_carried(self.tax), rates=self.rates)

    @property
    def budget_left_usd(self) -> Decimal | None:
        if self.tax.budget_tax is None:
            return None
        return self.tax.budget_tax - self.used_usd - self.caused_usd

    @property
    def objective_usd(self) -> Decimal:
        """The tax term of the objective: carried losses at rho; where nothing is harvested, never below nothing."""
        after = year_tax_usd(self.before + self.added, rates=self.rates)
        caused = after - year_tax_usd(self.before, rates=self.rates)
        return max(caused, ZERO) if self.tax.harvest == "off" else caused

    @property
    def deferred_usd(self) -> Decimal:
        """phi x long rate x gains: tax that selling later would have cost anyway; losses do not count when off."""
        per_dollar = Decimal(str(self.tax.phi)) * Decimal(str(self.tax.long_rate))
        return per_dollar * sum((self.deferred_gain_usd(sale) for sale in self.sales), ZERO)

    def deferred_gain_usd(self, sale: CountedSale) -> Decimal:
        return max(sale.counted_usd, ZERO) if self.tax.harvest == "off" else sale.counted_usd


def book_returns(books: Sequence[AccountBook], *, window: WashWindow) -> tuple[ReturnBook, ...]:
    """Add up the taxable accounts of each return, in the order of the case."""
    by_return: dict[str, list[AccountBook]] = {}
    for book in books:
        if book.account.is_taxable and book.account.tax_return is not None:
            by_return.setdefault(book.account.tax_return, []).append(book)
    return tuple(_book_return(name, members, window=window) for name, members in by_return.items())


def tax_rates(tax: Tax, *, carried_loss_frac: float | None = None) -> TaxRates:
    """Turn the rates of a case into the ledger's exact ones."""
    lowest = min(tax.ordinary_rate, tax.long_rate)
    rho = min(tax.rho if carried_loss_frac is None else carried_loss_frac, lowest)
    return TaxRates(
        short_frac=Decimal(str(tax.short_rate)),
        long_frac=Decimal(str(tax.long_rate)),
        ordinary_frac=Decimal(str(tax.ordinary_rate)),
        ordinary_offset_usd=tax.ordinary_offset,
        carried_loss_frac=Decimal(str(rho)),
    )


def average_rates(book: ReturnBook) -> dict[Term, Decimal]:
    """
    Average the marginal rate of each term along the straight line from no trade to all trades.

    Rate times gain, summed over the terms, is the tax term of the objective, to the last digit that Decimal carries.
    """
    start, added = book.before, book.added
    cuts = sorted(
        {
            ZERO,
            Decimal(1),
            *_crossings(start, added, offset_usd=book.rates.ordinary_offset_usd),
        }
    )
    short = long = ZERO
    for low, high in itertools.pairwise(cuts):
        middle = (low + high) / 2
        at = Gains(
            short_usd=start.short_usd + middle * added.short_usd,
            long_usd=start.long_usd + middle * added.long_usd,
        )
        rates = marginal_rates(at, rates=book.rates)
        short += (high - low) * rates["short"]
        long += (high - low) * rates["long"]
    caused = short * added.short_usd + long * added.long_usd
    if book.tax.harvest == "off" and caused < 0:
        return {"short": ZERO, "long": ZERO}
    return {"short": short, "long": long}


def marginal_rates(net: Gains, *, rates: TaxRates) -> dict[Term, Decimal]:
    """Return what one more dollar of gain of each term costs at S and L inside a piece of the tax."""
    total = net.total_usd
    if total < 0:
        rate = rates.ordinary_frac if -total < rates.ordinary_offset_usd else rates.carried_loss_frac
        return {"short": rate, "long": rate}
    if net.short_usd <= 0:
        return {"short": rates.long_frac, "long": rates.long_frac}
    if net.long_usd < 0:
        return {"short": rates.short_frac, "long": rates.short_frac}
    return {"short": rates.short_frac, "long": rates.long_frac}


def _book_return(name: str, members: Sequence[AccountBook], *, window: WashWindow) -> ReturnBook:
    tax = members[0].account.tax
    assert tax is not None
    sales = tuple(
        CountedSale(
            account=book.account.id,
            sale=sale,
            counted_usd=(sale.gain_usd or ZERO) if window.meets(sale, book=book) is None else ZERO,
        )
        for book in members
        for sale in book.sales
    )
    added = Gains(
        short_usd=sum((sale.counted_usd for sale in sales if sale.sale.term == "short"), ZERO),
        long_usd=sum((sale.counted_usd for sale in sales if sale.sale.term == "long"), ZERO),
    )
    realized = Gains(short_usd=tax.realized_short, long_usd=tax.realized_long)
    return ReturnBook(
        id=name,
        tax=tax,
        rates=tax_rates(tax),
        before=realized - _carried(tax),
        added=added,
        sales=sales,
    )


def _carried(tax: Tax) -> Gains:
    return Gains(short_usd=tax.carryforward_short, long_usd=tax.carryforward_long)


def _crossings(start: Gains, added: Gains, *, offset_usd: Decimal) -> list[Decimal]:
    """Return where on the line the tax changes its slope: S = 0, L = 0, z = 0, z = -offset."""
    lines = (
        (start.short_usd, added.short_usd),
        (start.long_usd, added.long_usd),
        (start.total_usd, added.total_usd),
        (start.total_usd + offset_usd, added.total_usd),
    )
    at = (-value / slope for value, slope in lines if slope != 0)
    return [cut for cut in at if 0 < cut < 1]
