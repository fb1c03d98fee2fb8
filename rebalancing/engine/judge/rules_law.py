"""The first rank: what never gives way. Booking, short positions, overdrafts, steps, gifts, what may not be bought."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from rebalancing.engine.judge.booking import AccountBook
from rebalancing.engine.judge.findings import (
    Finding,
    Rank,
    counted,
    held,
    in_dollars,
    in_shares,
    money,
    units,
)
from rebalancing.engine.types import ZERO, Case, Pinned

BROKEN_BOOKING = Decimal(1)


def law_findings(book: AccountBook, *, case: Case) -> Iterator[Finding]:
    """Yield the findings of the first rank for one account."""
    yield _booking(book)
    yield _never_short(book)
    yield _no_overdraft(book)
    yield _one_side(book)
    yield from _quantity_steps(book)
    yield _unknown_basis(book)
    yield _gifts(book)
    yield _not_buyable(book)
    yield from _hold_only(book)
    yield from _location(book, case=case)
    yield from (_pinned(book, pin) for pin in book.account.trading.pinned)


def _booking(book: AccountBook) -> Finding:
    if book.mistakes:
        return Finding(
            rule="booking",
            rank=Rank.LAW,
            excess=Decimal(len(book.mistakes)),
            by=counted(len(book.mistakes), "mistake"),
            evidence="; ".join(book.mistakes),
        )
    return held(
        "booking",
        Rank.LAW,
        f"{counted(len(book.trades), 'trade')} booked lot by lot at the case's prices",
    )


def _never_short(book: AccountBook) -> Finding:
    suspects = {**book.moved, **dict.fromkeys(book.docket.short_names, ZERO)}
    short = {name: book.held_after[name] for name in suspects if book.held_after[name] < 0}
    if not short:
        return held("never_short", Rank.LAW, f"{counted(len(book.held_after), 'position')}, none below 0")
    amount = sum((-left * book.price(name) for name, left in short.items()), ZERO)
    words = ", ".join(f"{units(left)} {name}" for name, left in sorted(short.items()))
    return Finding(
        rule="never_short",
        rank=Rank.LAW,
        excess=amount,
        by=in_dollars(amount),
        evidence=f"after: {words}",
    )


def _no_overdraft(book: AccountBook) -> Finding:
    floor = ZERO if book.bought else min(ZERO, book.account.cash)
    missing = floor - book.cash_after_usd
    words = f"cash {money(book.account.cash)} before, {money(book.cash_after_usd)} after"
    if missing <= 0:
        return held("no_overdraft", Rank.LAW, words)
    return Finding(
        rule="no_overdraft",
        rank=Rank.LAW,
        excess=missing,
        by=in_dollars(missing),
        evidence=words,
    )


def _one_side(book: AccountBook) -> Finding:
    both = sorted(set(book.bought) & set(book.sold))
    counts = Counter(trade.security for trade in book.trades)
    repeated = sorted({name for name, count in counts.items() if count > 1} - set(both))
    if not both and not repeated:
        return held(
            "one_side",
            Rank.LAW,
            "no security is both bought and sold, none is traded twice",
        )
    amount = sum(
        (min(book.bought[name], book.sold[name]) * book.price(name) for name in both),
        ZERO,
    )
    words = f"both sides: {', '.join(both)}" if both else f"traded twice: {', '.join(repeated)}"
    return Finding(
        rule="one_side",
        rank=Rank.LAW,
        excess=max(amount, BROKEN_BOOKING),
        by=in_dollars(amount),
        evidence=words,
    )


def _quantity_steps(book: AccountBook) -> Iterator[Finding]:
    for trade in book.trades:
        step = book.securities[trade.security].quantity_step
        over = trade.quantity % step
        closes = trade.side == "sell" and book.held_after.get(trade.security, ZERO) == 0
        if over == 0 or closes:
            continue
        yield Finding(
            rule=f"quantity_step {trade.security}",
            rank=Rank.LAW,
            excess=max(over * trade.price, BROKEN_BOOKING),
            by=in_shares(over),
            evidence=f"{trade.side} {units(trade.quantity)}, the step is {units(step)}",
        )


def _unknown_basis(book: AccountBook) -> Finding:
    blind = [sale for sale in book.sales if sale.lot.cost is None]
    if not blind:
        return held(
            "unknown_basis",
            Rank.LAW,
            f"{counted(book.docket.unknown_lots, 'lot')} with unknown basis, none sold",
        )
    amount = sum((sale.lot_units * book.price(sale.lot.security) for sale in blind), ZERO)
    words = "sold with unknown basis: " + ", ".join(sale.lot.id for sale in blind)
    return Finding(
        rule="unknown_basis",
        rank=Rank.LAW,
        excess=amount,
        by=in_dollars(amount),
        evidence=words,
    )


def _gifts(book: AccountBook) -> Finding:
    given = [sale for sale in book.sales if sale.lot.gift]
    if not given:
        return held(
            "gift",
            Rank.LAW,
            f"{counted(book.docket.gift_lots, 'lot')} put aside for charity, none sold",
        )
    amount = sum((sale.lot_units * book.price(sale.lot.security) for sale in given), ZERO)
    words = "gift lots sold: " + ", ".join(sale.lot.id for sale in given)
    return Finding(rule="gift", rank=Rank.LAW, excess=amount, by=in_dollars(amount), evidence=words)


def _not_buyable(book: AccountBook) -> Finding:
    barred = [name for name in sorted(book.bought) if not book.securities[name].buyable]
    if not barred:
        return held(
            "not_buyable",
            Rank.LAW,
            f"{counted(len(book.bought), 'security')} bought, none that may not be",
        )
    amount = sum((book.bought[name] * book.price(name) for name in barred), ZERO)
    words = f"bought though not buyable: {', '.join(barred)}"
    return Finding(
        rule="not_buyable",
        rank=Rank.LAW,
        excess=amount,
        by=in_dollars(amount),
        evidence=words,
    )


def _hold_only(book: AccountBook) -> Iterator[Finding]:
    names = dict.fromkeys(substitute.use for substitute in book.account.substitutes if substitute.hold_only)
    for name in names:
        bought = book.bought.get(name, ZERO)
        words = f"{units(bought)} bought, {units(book.held_after.get(name, ZERO))} held after"
        amount = bought * book.price(name)
        if not bought:
            yield held(f"hold_only {name}", Rank.LAW, words)
        else:
            yield Finding(
                rule=f"hold_only {name}",
                rank=Rank.LAW,
                excess=amount,
                by=in_dollars(amount),
                evidence=words,
            )


def _location(book: AccountBook, *, case: Case) -> Iterator[Finding]:
    for rule in case.household.location if case.household is not None else ():
        if rule.tax_status != book.account.tax_status:
            continue
        names = [name for name in sorted(book.bought) if book.securities[name].asset_class == rule.asset_class]
        amount = sum((book.bought[name] * book.price(name) for name in names), ZERO)
        words = f"bought: {', '.join(names)}" if names else f"nothing of {rule.asset_class} bought"
        yield Finding(
            rule=f"location {rule.asset_class}",
            rank=Rank.LAW,
            excess=amount,
            by=in_dollars(amount),
            evidence=words,
        )


def _pinned(book: AccountBook, pin: Pinned) -> Finding:
    rule = f"pinned {pin.security}"
    bought, sold = (
        book.bought.get(pin.security, ZERO),
        book.sold.get(pin.security, ZERO),
    )
    wanted = pin.quantity or ZERO
    off = {
        "none": bought + sold,
        "buy": abs(bought - wanted) + sold,
        "sell": abs(sold - wanted) + bought,
    }[pin.side]
    for part in pin.lots:
        taken = sum((sale.lot_units for sale in book.sales if sale.lot.id == part.lot), ZERO)
        off = max(off, abs(taken - part.quantity))
    words = f"asked: {pin.side} {units(wanted)}; bought {units(bought)}, sold {units(sold)}"
    return Finding(
        rule=rule,
        rank=Rank.LAW,
        excess=off * book.price(pin.security),
        by=in_shares(off),
        evidence=words,
    )
