"""What stopped a wish: the hardest rule that it would break, the value of waiting, or its own cost."""

from collections.abc import Mapping
from decimal import Decimal

from rebalancing.engine.judge.booking import book_part
from rebalancing.engine.judge.findings import DOLLAR_TOLERANCE, Finding, Rank, money, units
from rebalancing.engine.judge.judgement import Judgement, judge_trades
from rebalancing.engine.judge.wash import open_wash_window
from rebalancing.engine.outcome import PriceOfIt, Trade, WhyNot
from rebalancing.engine.problem import Multipliers
from rebalancing.engine.reasons.view import AccountView
from rebalancing.engine.reasons.wishes import Wish, added_to, wishes
from rebalancing.engine.types import ZERO

LEAST_PRICE = 5e-5
MOST_WISHES = 8
MOST_TRIALS = 16
# What any lone trade does to cash: a sale leaves more of it, a purchase less, until something else is traded too.
CASH_RULES = frozenset({"no_overdraft", "cash_raise", "cash_reserve", "cash_ceiling", "class_limits cash"})
UNSPECIFIC = frozenset({"booking", "one_side"})


def why_nots(
    view: AccountView,
    trades: Mapping[str, tuple[Trade, ...]],
    judged: Judgement,
    prices: Multipliers | None = None,
) -> tuple[WhyNot, ...]:
    """Name the largest wishes that were not granted, and what stopped each; `prices` are the account's own."""
    largest = sorted(wishes(view), key=lambda wish: (-wish.size_usd, wish.trade.security, wish.is_harvest))
    told: dict[str, WhyNot] = {}
    for wish in largest[:MOST_TRIALS]:
        if len(told) == MOST_WISHES:
            break
        key = f"{wish.trade.security} {wish.trade.side}"
        if key in told:
            continue
        stopped = _stopped_by(view, wish, trades, judged, prices)
        if stopped is not None:
            told[key] = _tell(wish, stopped)
    return tuple(told.values())


def _tell(wish: Wish, stopped_by: str) -> WhyNot:
    trade = wish.trade
    share = "share" if trade.quantity == 1 else "shares"
    lots = f" of lot {trade.lots[0].lot}" if wish.is_harvest else ""
    return WhyNot(
        security=trade.security,
        wanted=f"{trade.side} {units(trade.quantity)} {share}{lots}",
        stopped_by=stopped_by,
        price_of_it=PriceOfIt(tax=round(wish.tax_usd, 2), risk_benefit=round(wish.risk_usd, 2)),
    )


def _stopped_by(
    view: AccountView,
    wish: Wish,
    trades: Mapping[str, tuple[Trade, ...]],
    judged: Judgement,
    prices: Multipliers | None,
) -> str | None:
    broken = _broken_by(view, wish, trades, judged)
    if broken is not None:
        told = _met(view, wish, judged) if broken.rank is Rank.WASH_SALE else None
        return f"{broken.rule}: {told or broken.evidence}{_priced(prices, broken)}"
    if wish.trade.side == "buy":
        return None
    if wish.is_harvest:
        return _harvest_stop(wish)
    if wish.net_usd < 0:
        return _cost_stop(wish)
    return None


def _broken_by(
    view: AccountView, wish: Wish, trades: Mapping[str, tuple[Trade, ...]], judged: Judgement
) -> Finding | None:
    """Judge the outcome with the wish on top: the hardest rule that is then broken, or broken worse."""
    name = view.account.id
    trial = judge_trades(view.case, {**trades, name: added_to(trades.get(name, ()), wish.trade)})
    worse = [
        finding
        for finding in trial.findings[name]
        if finding.is_broken and finding.excess - _excess(judged, name, finding.rule) > DOLLAR_TOLERANCE
    ]
    telling = [finding for finding in worse if finding.rule not in CASH_RULES and finding.rule not in UNSPECIFIC]
    return min(telling, key=_hardness, default=None)


def _met(view: AccountView, wish: Wish, judged: Judgement) -> str | None:
    """Say which purchase a loss would meet, or which loss a purchase."""
    window = open_wash_window(view.case, [account.book for account in judged.measures.accounts])
    name = wish.trade.security
    group = view.book.securities[name].group
    if wish.trade.side == "buy":
        losses = window.losses.get(group, ())
        return f"{name} may not be bought beside {losses[0]}" if losses else None
    lots = {lot.id: lot for lot in view.account.lots}
    for part in wish.trade.lots:
        sale = book_part(part, lot=lots[part.lot], price=wish.trade.price, as_of=view.case.as_of)
        met = window.meets(sale, book=view.book)
        if met is not None and sale.gain_usd is not None:
            return f"the loss of {money(-sale.gain_usd)} on lot {part.lot} would meet {met.words}"
    return None


def _priced(prices: Multipliers | None, broken: Finding) -> str:
    """Add what the rule costs at the margin, where the solver says so."""
    price = 0.0 if prices is None else prices.rules.get(broken.rule, 0.0)
    if broken.rank is Rank.LAW or price < LEAST_PRICE:
        return ""
    return f"; loosening it by $100 would be worth {money(Decimal(repr(price * 100)))}"


def _hardness(finding: Finding) -> tuple[Rank, Decimal, str]:
    return finding.rank, -finding.excess, finding.rule


def _excess(judged: Judgement, name: str, rule: str) -> Decimal:
    return next((finding.excess for finding in judged.findings[name] if finding.rule == rule), ZERO)


def _harvest_stop(wish: Wish) -> str | None:
    saved = money(Decimal(repr(-wish.tax_usd)))
    worth = -wish.tax_usd - wish.cost_usd
    if wish.waiting_usd > 0 and worth <= wish.waiting_usd:
        waiting = money(Decimal(repr(wish.waiting_usd)))
        return f"waiting: the loss is worth {saved} today, and waiting for a larger one is worth {waiting}"
    if wish.net_usd < 0:
        added = money(Decimal(repr(max(-wish.risk_usd, 0.0) + wish.cost_usd)))
        return f"tracking risk and trading cost of {added} exceed the {saved} that the loss is worth today"
    return None


def _cost_stop(wish: Wish) -> str:
    removed = money(Decimal(repr(wish.risk_usd)))
    if wish.tax_usd > wish.cost_usd and wish.gain_usd > 0:
        return f"gain of {money(wish.gain_usd)} costs more than the {removed} of risk it removes"
    if wish.waiting_usd > wish.cost_usd:
        waiting = money(Decimal(repr(wish.waiting_usd)))
        return f"waiting for a larger loss, worth {waiting}, is worth more than the {removed} of risk it removes"
    return f"trading cost of {money(Decimal(repr(wish.cost_usd)))} exceeds the {removed} of risk it removes"
