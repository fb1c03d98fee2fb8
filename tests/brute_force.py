"""The slow oracle: try every set of trades of a tiny case, judge each, keep the best."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from rebalancing.engine.judge.booking import lot_gain_usd, lot_term
from rebalancing.engine.judge.findings import DOLLAR_TOLERANCE, Rank
from rebalancing.engine.judge.judgement import Judgement, judge_trades
from rebalancing.engine.outcome import LotSale, Trade
from rebalancing.engine.types import ZERO, Account, Case, Lot, Security

MOST_SETS = 60_000
Options = tuple[Trade | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best of all sets of trades, and how many there were."""

    trades: Mapping[str, tuple[Trade, ...]]
    judgement: Judgement
    tried: int

    @property
    def objective_usd(self) -> float:
        return self.judgement.measures.objective_usd

    @property
    def excess(self) -> dict[Rank, Decimal]:
        return {rank: amount for rank, amount in self.judgement.excess_by_rank().items() if amount > DOLLAR_TOLERANCE}


def best_trades(case: Case) -> Best:
    """Return the trades that break the least, rank by rank, and cost the least among those."""
    slots = [
        (account.id, options(case, account, security)) for account in case.accounts for security in case.securities
    ]
    best: Best | None = None
    tried = 0
    for chosen in itertools.product(*(choices for _, choices in slots)):
        trades: dict[str, list[Trade]] = {account.id: [] for account in case.accounts}
        for (owner, _), trade in zip(slots, chosen, strict=True):
            if trade is not None:
                trades[owner].append(trade)
        if any(_spends_too_much(account, trades[account.id]) for account in case.accounts):
            continue
        tried += 1
        assert tried <= MOST_SETS, "the case is too large for brute force"
        judgement = judge_trades(case, trades)
        if best is None or _key(judgement) < _key(best.judgement):
            frozen = {name: tuple(made) for name, made in trades.items()}
            best = Best(trades=frozen, judgement=judgement, tried=tried)
    assert best is not None
    return Best(trades=best.trades, judgement=best.judgement, tried=tried)


def options(case: Case, account: Account, security: Security) -> Options:
    """Return every trade of one security that books: none, every purchase in steps, every sale of any lots."""
    lots = tuple(lot for lot in account.lots if lot.security == security.id)
    return (None, *_purchases(account, case, security), *_sales(case, security, lots))


def _purchases(account: Account, case: Case, security: Security) -> Iterator[Trade]:
    prices = {item.id: item.price for item in case.securities}
    wealth = account.cash + sum((lot.quantity * prices[lot.security] for lot in account.lots), ZERO)
    steps = int(wealth / (security.price * security.quantity_step)) if security.buyable else 0
    for count in range(1, steps + 1):
        yield Trade(side="buy", security=security.id, quantity=count * security.quantity_step, price=security.price)


def _sales(case: Case, security: Security, lots: tuple[Lot, ...]) -> Iterator[Trade]:
    choices = [_portions(lot, security) for lot in lots]
    held = sum((lot.quantity for lot in lots), ZERO)
    for portions in itertools.product(*choices):
        quantity = sum(portions, ZERO)
        if quantity == 0 or (quantity % security.quantity_step and quantity != held):
            continue
        parts = tuple(
            LotSale(
                lot=lot.id,
                quantity=count,
                gain=lot_gain_usd(lot, lot_units=count, price=security.price) or ZERO,
                term=lot_term(lot, as_of=case.as_of),
            )
            for lot, count in zip(lots, portions, strict=True)
            if count
        )
        yield Trade(side="sell", security=security.id, quantity=quantity, price=security.price, lots=parts)


def _portions(lot: Lot, security: Security) -> tuple[Decimal, ...]:
    if lot.cost is None or lot.gift:
        return (ZERO,)
    steps = int(lot.quantity / security.quantity_step)
    counts = [count * security.quantity_step for count in range(steps + 1)]
    return tuple(dict.fromkeys([*counts, lot.quantity]))


def _spends_too_much(account: Account, trades: list[Trade]) -> bool:
    flow = sum((trade.quantity * trade.price * (1 if trade.side == "sell" else -1) for trade in trades), ZERO)
    return account.cash + flow < 0


def _key(judgement: Judgement) -> tuple[float, ...]:
    """Rank by rank to the cent, then dollars."""
    excess = judgement.excess_by_rank()
    return (*(float(round(excess[rank], 2)) for rank in Rank), judgement.measures.objective_usd)
