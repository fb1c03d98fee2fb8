"""A wish tried on top of an outcome: only the rules that it can touch are judged again."""

import math
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import msgspec

from portfolios.ledger.tax import Gains
from rebalancing.engine.judge.booking import AccountBook
from rebalancing.engine.judge.docket import add_up, docket_of
from rebalancing.engine.judge.findings import DOLLAR_TOLERANCE, Finding, Rank
from rebalancing.engine.judge.judgement import Judgement, household_findings
from rebalancing.engine.judge.rules_account import class_findings, tracking_finding, trading_findings, wash_findings
from rebalancing.engine.judge.rules_client import client_findings
from rebalancing.engine.judge.rules_law import law_findings
from rebalancing.engine.judge.rules_tax import tax_findings
from rebalancing.engine.judge.taxation import CountedSale
from rebalancing.engine.reasons.view import AccountView
from rebalancing.engine.reasons.wishes import Wish, added_to
from rebalancing.engine.types import ZERO, Account, Trading

# What any lone trade does to cash: a sale leaves more of it, a purchase less, until something else is traded too.
CASH_RULES = frozenset({"no_overdraft", "cash_raise", "cash_reserve", "cash_ceiling", "class_limits cash"})
UNSPECIFIC = frozenset({"booking", "one_side"})


def broken_by(view: AccountView, wish: Wish, judged: Judgement) -> Finding | None:
    """
    Name the hardest rule that the outcome would break, or break worse, with the wish on top.

    Of a wash sale only the wish's own dollars count, not those of the purchases that it would spoil.
    """
    worse = [finding for finding in _findings(view, wish, judged) if _is_worse(view, finding)]
    return min(worse, key=_hardness, default=None)


def _is_worse(view: AccountView, finding: Finding) -> bool:
    if not finding.is_broken or finding.rule in CASH_RULES or finding.rule in UNSPECIFIC:
        return False
    known = view.after.get(finding.rule)
    return finding.excess - (ZERO if known is None else known.excess) > DOLLAR_TOLERANCE


def _hardness(finding: Finding) -> tuple[Rank, Decimal, str]:
    return finding.rank, -finding.excess, finding.rule


def _findings(view: AccountView, wish: Wish, judged: Judgement) -> Iterator[Finding]:
    docket, trading = docket_of(view.case), view.account.trading
    whole = _whole_book(view, wish)
    focus = _focus_book(view, wish, whole)
    yield from law_findings(focus, case=view.case)
    yield from client_findings(whole)
    yield from wash_findings(focus, window=judged.measures.window)
    if not docket.is_unified:
        yield from class_findings(whole)
    if docket.household is not None:
        books = [account.book for account in judged.measures.accounts]
        yield from household_findings(docket, [whole if book is view.book else book for book in books])
    yield from _tax_findings(view, wish, judged)
    if trading.max_tracking_error is not None and not docket.is_unified:
        yield tracking_finding(whole, tracking_error_after=_tracking_error(view, wish), cap=trading.max_tracking_error)
    yield from trading_findings(focus)
    if trading.max_trades is not None:
        most = msgspec.structs.replace(whole.account, trading=Trading(max_trades=trading.max_trades))
        yield from trading_findings(replace(whole, account=most))


def _whole_book(view: AccountView, wish: Wish) -> AccountBook:
    """Book the wish on top of the account's trades; its rules are those that speak of the security."""
    book, trade = view.book, wish.trade
    name, worth = trade.security, trade.quantity * trade.price
    is_buy = trade.side == "buy"
    units = trade.quantity if is_buy else -trade.quantity
    return replace(
        book,
        account=_about(view, name),
        trades=added_to(book.trades, trade),
        held_after={**book.held_after, name: book.held_after.get(name, ZERO) + units},
        moved={**book.moved, name: book.moved.get(name, ZERO) + units},
        bought=add_up([*book.bought.items(), (name, trade.quantity)]) if is_buy else book.bought,
        sold=book.sold if is_buy else add_up([*book.sold.items(), (name, trade.quantity)]),
        sales=(*book.sales, *wish.sales),
        bought_usd=book.bought_usd + (worth if is_buy else ZERO),
        sold_usd=book.sold_usd + (ZERO if is_buy else worth),
    )


def _about(view: AccountView, name: str) -> Account:
    """Return the account with nothing but the rules that speak of one security."""
    account, asset_class = view.account, view.book.securities[name].asset_class
    limits = {key: limit for key, limit in account.class_limits.items() if key == asset_class}
    pinned = tuple(pin for pin in account.trading.pinned if pin.security == name)
    return msgspec.structs.replace(
        account,
        constraints=view.constraints_on(name),
        class_limits=limits,
        substitutes=tuple(one for one in account.substitutes if one.use == name),
        trading=msgspec.structs.replace(account.trading, pinned=pinned, max_trades=None),
    )


def _focus_book(view: AccountView, wish: Wish, whole: AccountBook) -> AccountBook:
    """Leave out what is traded of other securities, but not its dollars."""
    name = wish.trade.security
    return replace(
        whole,
        trades=tuple(trade for trade in whole.trades if trade.security == name),
        moved={name: whole.moved[name]},
        bought={name: whole.bought[name]} if name in whole.bought else {},
        sold={name: whole.sold[name]} if name in whole.sold else {},
        sales=tuple(sale for sale in whole.sales if sale.lot.security == name),
    )


def _tax_findings(view: AccountView, wish: Wish, judged: Judgement) -> Iterator[Finding]:
    """Judge the return with what the wish realises; a loss that meets a purchase counts nothing."""
    year, window = view.year, judged.measures.window
    if year is None or not wish.sales:
        return
    more = tuple(
        CountedSale(
            account=view.account.id,
            sale=sale,
            counted_usd=(sale.gain_usd or ZERO) if window.meets(sale, book=view.book) is None else ZERO,
        )
        for sale in wish.sales
    )
    added = Gains(
        short_usd=sum((sale.counted_usd for sale in more if sale.sale.term == "short"), ZERO),
        long_usd=sum((sale.counted_usd for sale in more if sale.sale.term == "long"), ZERO),
    )
    yield from tax_findings(replace(year, added=year.added + added, sales=(*year.sales, *more)), as_of=view.case.as_of)


def _tracking_error(view: AccountView, wish: Wish) -> float:
    trade = wish.trade
    weight = view.risk.weight_of(float(trade.quantity * trade.price))
    active = view.risk.end.copy()
    active[view.risk.places[trade.security]] += weight if trade.side == "buy" else -weight
    return math.sqrt(view.risk.market.variance(active))
