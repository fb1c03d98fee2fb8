"""The client's verbs of domain.md 3.1: never buy, sell, trade, own, and ranges."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from rebalancing.engine.judge.booking import AccountBook
from rebalancing.engine.judge.docket import add_up
from rebalancing.engine.judge.findings import (
    Finding,
    Rank,
    in_dollars,
    in_shares,
    in_weight,
    money,
    percent,
    units,
)
from rebalancing.engine.types import ZERO, Constraint


def client_findings(book: AccountBook) -> Iterator[Finding]:
    """Yield one finding for every rule of the account; constraints with the same id are judged together."""
    by_rule: dict[str, list[Finding]] = {}
    for constraint in book.account.constraints:
        for finding in _findings(book, constraint, book.docket.market.members(constraint)):
            by_rule.setdefault(finding.rule, []).append(finding)
    for findings in by_rule.values():
        yield max(findings, key=lambda finding: (finding.excess, -finding.rank))


def _findings(book: AccountBook, constraint: Constraint, names: tuple[str, ...]) -> Iterator[Finding]:
    match constraint.verb:
        case "never_buy":
            yield _moved(book, constraint, names, moves=(book.bought,), rank=Rank.CLIENT_NEVER)
        case "never_sell":
            yield _moved(book, constraint, names, moves=(book.sold,), rank=Rank.CLIENT_NEVER)
        case "never_trade":
            yield _moved(book, constraint, names, moves=(book.bought, book.sold), rank=Rank.LAW)
        case "never_own":
            yield from _never_own(book, constraint, names)
        case "range":
            yield _range(book, constraint, names)


def _moved(
    book: AccountBook,
    constraint: Constraint,
    names: tuple[str, ...],
    *,
    moves: tuple[Mapping[str, Decimal], ...],
    rank: Rank,
) -> Finding:
    moved = add_up((name, move[name]) for move in moves for name in names if name in move)
    amount = sum((count * book.price(name) for name, count in moved.items()), ZERO)
    return Finding(
        rule=constraint.rule,
        rank=rank,
        excess=amount,
        by=_shares_or_dollars(moved, amount),
        evidence=_before_and_after(book, names),
    )


def _never_own(book: AccountBook, constraint: Constraint, names: tuple[str, ...]) -> Iterator[Finding]:
    """What is bought breaks the harder half, never buy; what is left breaks the disposal. Both add up."""
    bought = _moved(book, constraint, names, moves=(book.bought,), rank=Rank.CLIENT_NEVER)
    if constraint.disposal == "keep":
        yield bought
        return
    is_soft = constraint.disposal == "within_budget" and not bought.is_broken
    left = {name: max(book.held_after[name], ZERO) for name in names if name in book.held_after}
    amount = sum((count * book.price(name) for name, count in left.items()), ZERO)
    yield Finding(
        rule=constraint.rule,
        rank=Rank.WISHES if is_soft else Rank.CLIENT_NEVER,
        excess=amount + bought.excess,
        by=in_dollars(amount + bought.excess) if bought.is_broken else _shares_or_dollars(left, amount),
        evidence=_before_and_after(book, names),
    )


def _range(book: AccountBook, constraint: Constraint, names: tuple[str, ...]) -> Finding:
    worth = book.sum_after_usd(names)
    count = sum((book.held_after[name] for name in names if name in book.held_after), ZERO)
    weight = worth / book.value_usd
    price = max((book.price(name) for name in names), default=ZERO)
    bounds: list[tuple[Decimal, str]] = []
    for low, high in ((constraint.min_weight, constraint.max_weight),):
        off = outside_usd(worth, low=low, high=high, value_usd=book.value_usd)
        bounds.append((off, in_weight(off, value_usd=book.value_usd)))
    off = _outside(worth, low=constraint.min_value, high=constraint.max_value)
    bounds.append((off, in_dollars(off)))
    off = _outside(count, low=constraint.min_quantity, high=constraint.max_quantity)
    bounds.append((off * price, in_shares(off)))
    excess, by = max(bounds, key=lambda bound: bound[0])
    words = f"{units(count)} shares worth {money(worth)}, {percent(weight)}; allowed {_allowed(constraint)}"
    if not names:
        words = f"nothing of it in this case; allowed {_allowed(constraint)}"
    return Finding(rule=constraint.rule, rank=Rank.WISHES, excess=excess, by=by, evidence=words)


def outside_usd(worth_usd: Decimal, *, low: float | None, high: float | None, value_usd: Decimal) -> Decimal:
    """Return by how many dollars a value lies outside a band of weights."""
    return _outside(
        worth_usd,
        low=None if low is None else Decimal(str(low)) * value_usd,
        high=None if high is None else Decimal(str(high)) * value_usd,
    )


def _outside(value: Decimal, *, low: Decimal | None, high: Decimal | None) -> Decimal:
    below = ZERO if low is None else low - value
    above = ZERO if high is None else value - high
    return max(below, above, ZERO)


def _allowed(constraint: Constraint) -> str:
    parts = []
    if constraint.min_weight is not None or constraint.max_weight is not None:
        high = percent(constraint.max_weight) if constraint.max_weight is not None else "any"
        parts.append(f"{percent(constraint.min_weight or 0)} to {high}")
    if constraint.min_value is not None or constraint.max_value is not None:
        high = money(constraint.max_value) if constraint.max_value is not None else "any"
        parts.append(f"{money(constraint.min_value or ZERO)} to {high}")
    if constraint.min_quantity is not None or constraint.max_quantity is not None:
        high = units(constraint.max_quantity) if constraint.max_quantity is not None else "any"
        parts.append(f"{units(constraint.min_quantity or ZERO)} to {high} shares")
    return ", ".join(parts)


def _shares_or_dollars(moved: Mapping[str, Decimal], amount_usd: Decimal) -> str:
    touched = [count for count in moved.values() if count]
    return in_shares(touched[0]) if len(touched) == 1 else in_dollars(amount_usd)


def _before_and_after(book: AccountBook, names: tuple[str, ...]) -> str:
    touched = [name for name in names if name in book.held_after]  # what was sold is there too, at 0
    if not touched:
        return "none held before or after, none bought"
    if len(touched) == 1:
        name = touched[0]
        verb = f"{units(book.bought[name])} bought" if name in book.bought else "0 bought"
        verb = f"{units(book.sold[name])} sold" if name in book.sold else verb
        before, after = (
            book.held_before.get(name, ZERO),
            book.held_after.get(name, ZERO),
        )
        if before == after:
            return f"{verb}, {units(before)} held before and after"
        return f"{verb}, {units(before)} held before, {units(after)} after"
    before_usd, after_usd = book.docket.sum_usd(names), book.sum_after_usd(names)
    bought = sum((book.bought[name] * book.price(name) for name in names if name in book.bought), ZERO)
    return (
        f"{len(touched)} securities: {money(bought)} bought, {money(before_usd)} held before, {money(after_usd)} after"
    )
