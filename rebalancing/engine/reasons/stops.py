"""What stopped a wish: the hardest rule that it would break, the value of waiting, or its own cost."""

from decimal import Decimal

from rebalancing.engine.judge.findings import Finding, Rank, money, units
from rebalancing.engine.judge.judgement import Judgement
from rebalancing.engine.outcome import PriceOfIt, WhyNot
from rebalancing.engine.query import Multipliers
from rebalancing.engine.reasons.trials import broken_by
from rebalancing.engine.reasons.view import AccountView
from rebalancing.engine.reasons.wishes import Wish, wishes

LEAST_PRICE = 5e-5
MOST_WISHES = 8
MOST_TRIALS = 16
MOST_PRICED = 24


def why_nots(view: AccountView, judged: Judgement, prices: Multipliers | None = None) -> tuple[WhyNot, ...]:
    """Name the largest wishes that were not granted, and what stopped each; `prices` are the account's own."""
    largest = sorted(
        wishes(view, most=MOST_PRICED), key=lambda wish: (-wish.size_usd, wish.trade.security, wish.is_harvest)
    )
    told: dict[str, WhyNot] = {}
    for wish in largest[:MOST_TRIALS]:
        if len(told) == MOST_WISHES:
            break
        key = f"{wish.trade.security} {wish.trade.side}"
        if key in told:
            continue
        stopped = _stopped_by(view, wish, judged, prices)
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


def _stopped_by(view: AccountView, wish: Wish, judged: Judgement, prices: Multipliers | None) -> str | None:
    broken = broken_by(view, wish, judged)
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


def _met(view: AccountView, wish: Wish, judged: Judgement) -> str | None:
    """Say which purchase a loss would meet, or which loss a purchase."""
    window = judged.measures.window
    name = wish.trade.security
    group = view.book.securities[name].group
    if wish.trade.side == "buy":
        losses = window.losses.get(group, ())
        return f"{name} may not be bought beside {losses[0]}" if losses else None
    for sale in wish.sales:
        met = window.meets(sale, book=view.book)
        if met is not None and sale.gain_usd is not None:
            return f"the loss of {money(-sale.gain_usd)} on lot {sale.lot.id} would meet {met.words}"
    return None


def _priced(prices: Multipliers | None, broken: Finding) -> str:
    """Add what the rule costs at the margin, where the solver says so."""
    price = 0.0 if prices is None else prices.rules.get(broken.rule, 0.0)
    if broken.rank is Rank.LAW or price < LEAST_PRICE:
        return ""
    return f"; loosening it by $100 would be worth {money(Decimal(repr(price * 100)))}"


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
