"""Cash, class limits, tracking error, turnover, counts and sizes of one account."""

from collections.abc import Iterator
from decimal import Decimal

from rebalancing.engine.judge.booking import AccountBook
from rebalancing.engine.judge.findings import (
    Finding,
    Rank,
    counted,
    held,
    in_dollars,
    in_weight,
    money,
    percent,
)
from rebalancing.engine.judge.rules_client import outside_usd
from rebalancing.engine.judge.wash import WashWindow, wash_reports
from rebalancing.engine.types import CASH_CLASS, ZERO


def wash_findings(book: AccountBook, *, window: WashWindow) -> Iterator[Finding]:
    """Yield one finding for each identity group traded."""
    for report in wash_reports(book, window=window):
        yield Finding(
            rule=f"wash_sale {report.group}",
            rank=Rank.WASH_SALE,
            excess=report.excess_usd,
            by=in_dollars(report.excess_usd),
            evidence=report.sentence,
        )


def cash_findings(book: AccountBook) -> Iterator[Finding]:
    """Yield what is raised, what is reserved, and what may idle at most."""
    needs, cash = book.account.cash_needs, book.cash_after_usd
    reserve = max(needs.reserve_amount, Decimal(str(needs.reserve_weight)) * book.value_usd)
    if needs.raise_:
        missing = max(needs.raise_ - cash, ZERO)
        words = f"{money(cash)} cash after, {money(needs.raise_)} to be raised"
        yield Finding(
            rule="cash_raise",
            rank=Rank.CASH,
            excess=missing,
            by=in_dollars(missing),
            evidence=words,
        )
    if reserve:
        missing = max(reserve - max(cash - needs.raise_, ZERO), ZERO)
        words = f"{money(cash - needs.raise_)} stays in cash, {money(reserve)} is reserved"
        yield Finding(
            rule="cash_reserve",
            rank=Rank.CASH,
            excess=missing,
            by=in_dollars(missing),
            evidence=words,
        )
    if needs.max_weight is not None:
        yield _cash_ceiling(book, cash - needs.raise_)


def _cash_ceiling(book: AccountBook, idle_usd: Decimal) -> Finding:
    ceiling = Decimal(str(book.account.cash_needs.max_weight)) * book.value_usd
    words = f"{money(idle_usd)} stays in cash, at most {money(ceiling)}"
    if not book.docket.market.has_buyable:
        return held("cash_ceiling", Rank.WISHES, f"{words}; nothing may be bought")
    over = max(idle_usd - ceiling, ZERO)
    by = in_weight(over, value_usd=book.value_usd)
    return Finding(rule="cash_ceiling", rank=Rank.WISHES, excess=over, by=by, evidence=words)


def class_findings(book: AccountBook) -> Iterator[Finding]:
    """Yield the compliant limits of the account's asset classes."""
    for asset_class, (low, high) in book.account.class_limits.items():
        worth = class_worth_usd(book, asset_class)
        off = outside_usd(worth, low=low, high=high, value_usd=book.value_usd)
        words = f"{percent(worth / book.value_usd)} after ({money(worth)}), limits {percent(low)} to {percent(high)}"
        yield Finding(
            rule=f"class_limits {asset_class}",
            rank=Rank.CLASS_LIMITS,
            excess=off,
            by=in_weight(off, value_usd=book.value_usd),
            evidence=words,
        )


def class_worth_usd(book: AccountBook, asset_class: str) -> Decimal:
    """Add up an asset class after the trades; class cash holds what is not raised."""
    worth = book.sum_after_usd(book.docket.market.of_class(asset_class))
    if asset_class == CASH_CLASS:
        worth += book.cash_after_usd - book.account.cash_needs.raise_
    return worth


def tracking_finding(book: AccountBook, *, tracking_error_after: float, cap: float) -> Finding:
    """Judge the cap on tracking error."""
    over = Decimal(str(max(tracking_error_after - cap, 0.0)))
    over = over if over > Decimal("1e-9") else ZERO
    return Finding(
        rule="max_tracking_error",
        rank=Rank.TRACKING_ERROR,
        excess=max(over * book.value_usd, Decimal("0.01")) if over else ZERO,
        by=f"{float(over):.6f} weight",
        evidence=f"{percent(tracking_error_after)} a year, at most {percent(cap)}",
    )


def trading_findings(book: AccountBook) -> Iterator[Finding]:
    """Yield the caps on turnover and on the number and size of trades."""
    trading = book.account.trading
    if trading.max_turnover is not None:
        turned = (book.bought_usd + book.sold_usd) / 2
        over = max(turned - Decimal(str(trading.max_turnover)) * book.value_usd, ZERO)
        words = f"{percent(book.turnover_frac)} turned over, at most {percent(trading.max_turnover)}"
        yield Finding(
            rule="max_turnover",
            rank=Rank.TRADING,
            excess=over,
            by=in_weight(over, value_usd=book.value_usd),
            evidence=words,
        )
    if trading.max_trades is not None:
        count = len(book.trades)
        over = Decimal(max(count - trading.max_trades, 0))
        yield Finding(
            rule="max_trades",
            rank=Rank.TRADING,
            excess=over,
            by=f"{over} trades",
            evidence=f"{counted(count, 'trade')}, at most {trading.max_trades}",
        )
    yield from _size_findings(book)


def _size_findings(book: AccountBook) -> Iterator[Finding]:
    trading = book.account.trading
    for trade in book.trades:
        worth = trade.quantity * book.price(trade.security)
        left = book.worth_after_usd(trade.security)
        closes = trade.side == "sell" and book.held_after.get(trade.security, ZERO) == 0
        if trading.min_trade and not closes:
            missing = max(trading.min_trade - worth, ZERO)
            words = f"{trade.side} of {money(worth)}, at least {money(trading.min_trade)}"
            yield Finding(
                rule=f"min_trade {trade.security}",
                rank=Rank.TRADING,
                excess=missing,
                by=in_dollars(missing),
                evidence=words,
            )
        if trading.min_position and not closes:
            missing = max(trading.min_position - left, ZERO)
            words = f"{money(left)} held after, at least {money(trading.min_position)}"
            yield Finding(
                rule=f"min_position {trade.security}",
                rank=Rank.TRADING,
                excess=missing,
                by=in_dollars(missing),
                evidence=words,
            )
