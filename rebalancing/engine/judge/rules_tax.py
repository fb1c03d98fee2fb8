"""The limits of a tax return: budget, net gain, never realise, short-term gains, forced harvest."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from rebalancing.engine.judge.findings import Finding, Rank, counted, in_dollars, money
from rebalancing.engine.judge.taxation import ReturnBook
from rebalancing.engine.types import ZERO, ForcedHarvest


def tax_findings(book: ReturnBook, *, as_of: date) -> Iterator[Finding]:
    """Yield the findings of one return; they stand in the checks of each of its accounts."""
    tax = book.tax
    if tax.budget_tax is not None:
        yield _tax_budget(book, budget_usd=tax.budget_tax)
    if tax.max_net_gain is not None:
        yield _max_net_gain(book, limit_usd=tax.max_net_gain)
    if tax.never_realize_gains:
        gains = sum((sale.counted_usd for sale in book.sales if sale.counted_usd > 0), ZERO)
        yield Finding(
            rule="never_realize_gains",
            rank=Rank.TAX_LIMITS,
            excess=gains,
            by=in_dollars(gains),
            evidence=f"{money(gains)} of gains realised",
        )
    if tax.short_gains != "allow":
        rank = Rank.TAX_LIMITS if tax.short_gains == "forbid" else Rank.WISHES
        short = [sale.counted_usd for sale in book.sales if sale.sale.term == "short" and sale.counted_usd > 0]
        gains = sum(short, ZERO)
        yield Finding(
            rule="short_gains",
            rank=rank,
            excess=gains,
            by=in_dollars(gains),
            evidence=f"{counted(len(short), 'lot')} sold at a short-term gain of {money(gains)}; {tax.short_gains}",
        )
    if tax.forced_harvest is not None:
        yield _forced_harvest(book, tax.forced_harvest, as_of=as_of)


def _tax_budget(book: ReturnBook, *, budget_usd: Decimal) -> Finding:
    caused = book.caused_usd
    over = max(min(caused, book.used_usd + caused - budget_usd), ZERO)
    words = f"{money(caused)} caused, {money(book.used_usd)} used before, budget {money(budget_usd)}"
    return Finding(
        rule="tax_budget",
        rank=Rank.TAX_LIMITS,
        excess=over,
        by=in_dollars(over),
        evidence=words,
    )


def _max_net_gain(book: ReturnBook, *, limit_usd: Decimal) -> Finding:
    added = book.added.total_usd
    after = book.before.total_usd + added
    over = max(min(added, after - limit_usd), ZERO)
    words = f"net gain of the year {money(after)} after, {money(added)} of it from this proposal"
    return Finding(
        rule="max_net_gain",
        rank=Rank.TAX_LIMITS,
        excess=over,
        by=in_dollars(over),
        evidence=f"{words}, at most {money(limit_usd)}",
    )


def _forced_harvest(book: ReturnBook, wish: ForcedHarvest, *, as_of: date) -> Finding:
    """A shortfall is a note, never a failure; a net gain while losses are to be preserved is a breach."""
    short_loss, loss = -book.added.short_usd, -book.added.total_usd
    is_preserved = wish.preserve_until is not None and as_of <= wish.preserve_until
    if is_preserved and loss < 0:
        words = f"{money(-loss)} of net gain while losses are preserved until {wish.preserve_until}"
        return Finding(
            rule="forced_harvest",
            rank=Rank.WISHES,
            excess=-loss,
            by=in_dollars(-loss),
            evidence=words,
        )
    missing = max(wish.amount - loss, wish.short_only_amount - short_loss, ZERO)
    words = f"{money(max(loss, ZERO))} of net loss realised, {money(wish.amount)} asked for"
    if wish.short_only_amount:
        words += f"; {money(max(short_loss, ZERO))} of it short-term, {money(wish.short_only_amount)} asked for"
    return Finding(
        rule="forced_harvest",
        rank=Rank.WISHES,
        excess=missing,
        by=in_dollars(missing),
        evidence=words,
        is_note=True,
    )
