"""Why a trade is made: every reason of domain.md 4 that applies, the strongest first."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from rebalancing.engine.judge.wash import WINDOW
from rebalancing.engine.outcome import Reason
from rebalancing.engine.reasons.benefits import TradeWorth
from rebalancing.engine.reasons.view import AccountView
from rebalancing.engine.types import CASH, CASH_CLASS, ZERO, Constraint

HALF_CENT = 0.005
DRIFTED_WEIGHT = 0.01  # a class this far from its target is out of allocation
RESTORED_FRAC = 0.1  # and is restored by trades that close a tenth of the distance
NOTICEABLE_WEIGHT = 0.0005
RECENT_ACTION = timedelta(days=30)

Applies = Callable[[AccountView, TradeWorth], bool]


def reasons_of(view: AccountView, worth: TradeWorth) -> tuple[Reason, ...]:
    """Name the reasons of a trade; one that nothing else explains pays for the others, or invests what they bring."""
    found = [reason for reason, applies in CAUSES if applies(view, worth)]
    if "harvest_loss" in found and worth.risk_usd > _harvest_usd(worth):
        found.remove("harvest_loss")
        found.append("harvest_loss")
    if found:
        return tuple(found)
    return ("invest_cash",) if worth.trade.side == "buy" else ("raise_cash",)


def capping_rules(view: AccountView, worth: TradeWorth) -> tuple[Constraint, ...]:
    """Return the ranges that the trade brings closer to their bounds."""
    return tuple(
        rule
        for rule in view.constraints_on(worth.trade.security)
        if rule.verb == "range" and view.is_cured(rule.rule) and _is_above(rule, worth) == (worth.trade.side == "sell")
    )


def disposal_rules(view: AccountView, worth: TradeWorth) -> tuple[Constraint, ...]:
    """Return the never-owns that the sale obeys."""
    if worth.trade.side == "buy":
        return ()
    return tuple(
        rule
        for rule in view.constraints_on(worth.trade.security)
        if rule.verb == "never_own" and rule.disposal != "keep"
    )


def restricted_beside(view: AccountView, security: str) -> str | None:
    """Name a security of the same class that should be held and may not be bought, if there is one."""
    asset_class = view.book.securities[security].asset_class
    names = [
        name
        for name in _wanted(view, asset_class)
        if name != security and view.gap_after(name) < -NOTICEABLE_WEIGHT and _may_not_be_bought(view, name)
    ]
    return min(names, key=view.gap_after) if names else None


def kept_beside(view: AccountView, security: str) -> str | None:
    """Name a security of the same class that is held above its target and may not be sold, if there is one."""
    asset_class = view.book.securities[security].asset_class
    names = [
        name
        for name in sorted(view.book.held_after)
        if name != security
        and view.book.securities[name].asset_class == asset_class
        and view.gap_after(name) > NOTICEABLE_WEIGHT
        and _may_not_be_sold(view, name)
    ]
    return max(names, key=view.gap_after) if names else None


def class_weights(view: AccountView, asset_class: str) -> tuple[float, float, float]:
    """Return a class's weight before, after, and in the target."""
    members = [name for name, item in view.book.securities.items() if item.asset_class == asset_class]
    totals = [sum(of.get(name, 0.0) for name in members) for of in (view.weights_before, view.weights_after)]
    wanted = sum(view.target(name) for name in members) + (view.target(CASH) if asset_class == CASH_CLASS else 0.0)
    return totals[0], totals[1], wanted


def _is_above(rule: Constraint, worth: TradeWorth) -> bool:
    has_ceiling = any(bound is not None for bound in (rule.max_weight, rule.max_value, rule.max_quantity))
    return has_ceiling if worth.trade.side == "sell" else not has_ceiling


def _wanted(view: AccountView, asset_class: str) -> Iterable[str]:
    return (
        name
        for name in sorted(view.account.target)
        if name != CASH and view.book.securities[name].asset_class == asset_class
    )


def _may_not_be_bought(view: AccountView, name: str) -> bool:
    item = view.book.securities[name]
    barred = {"never_buy", "never_own", "never_trade"}
    if not item.buyable or any(rule.verb in barred for rule in view.constraints_on(name)):
        return True
    return _is_locked(view, name)


def _is_locked(view: AccountView, name: str) -> bool:
    """Tell whether a loss sale of the last 30 days, or of this proposal, bars the purchase."""
    group = view.book.securities[name].group
    if any(sale.is_loss and view.book.securities[sale.lot.security].group == group for sale in view.book.sales):
        return view.account.is_taxable
    items = view.book.securities
    return any(
        trade.side == "sell"
        and trade.loss > 0
        and view.case.as_of - trade.date <= WINDOW
        and (items[trade.security].group if trade.security in items else trade.identity_group or trade.security)
        == group
        for trade in view.case.recent_trades
    )


def _may_not_be_sold(view: AccountView, name: str) -> bool:
    if any(rule.verb in {"never_sell", "never_trade"} for rule in view.constraints_on(name)):
        return True
    lots = [lot for lot in view.account.lots if lot.security == name]
    return bool(lots) and all(lot.gift or lot.cost is None for lot in lots)


def _is_disposal(view: AccountView, worth: TradeWorth) -> bool:
    return bool(disposal_rules(view, worth))


def _is_cap(view: AccountView, worth: TradeWorth) -> bool:
    return bool(capping_rules(view, worth))


def _raises_cash(view: AccountView, worth: TradeWorth) -> bool:
    needed = any(view.was_broken(rule) for rule in ("cash_raise", "cash_reserve", "no_overdraft"))
    return worth.trade.side == "sell" and (needed or view.account.cash < 0)


def _harvest_usd(worth: TradeWorth) -> float:
    return float(sum((lot.total_usd for lot in worth.lots if lot.counted_usd < 0), ZERO))


def _harvests(view: AccountView, worth: TradeWorth) -> bool:
    return _harvest_usd(worth) > 0


def _is_asked_to_harvest(view: AccountView, worth: TradeWorth) -> bool:
    tax = view.account.tax
    if (
        tax is None
        or tax.forced_harvest is None
        or tax.forced_harvest.amount + tax.forced_harvest.short_only_amount == 0
    ):
        return False
    return any(lot.counted_usd < 0 for lot in worth.lots)


def _returns_from_substitute(view: AccountView, worth: TradeWorth) -> bool:
    name = worth.trade.security
    return any(
        view.case.as_of - harvest.date > WINDOW
        and harvest.account in (None, view.account.id)
        and name == (harvest.security if worth.trade.side == "buy" else harvest.substitute)
        for harvest in view.case.context.harvested
    )


def _follows_action(view: AccountView, worth: TradeWorth) -> bool:
    return any(
        action.security == worth.trade.security and view.case.as_of - action.date <= RECENT_ACTION
        for action in view.case.context.actions
    )


def _follows_model(view: AccountView, worth: TradeWorth) -> bool:
    previous = view.case.context.previous_target
    if not previous:
        return False
    name = worth.trade.security
    change = view.target(name) - previous.get(name, 0.0)
    return abs(change) > NOTICEABLE_WEIGHT and (change > 0) == (worth.trade.side == "buy")


def _is_transition(view: AccountView, worth: TradeWorth) -> bool:
    if view.case.context.transition_step is None:
        return False
    return worth.trade.side == "buy" or view.target(worth.trade.security) == 0


def _restores_allocation(view: AccountView, worth: TradeWorth) -> bool:
    asset_class = view.book.securities[worth.trade.security].asset_class
    was, now, wanted = class_weights(view, asset_class)
    is_out = abs(was - wanted) >= DRIFTED_WEIGHT or view.was_broken(f"class_limits {asset_class}")
    is_closer = abs(now - wanted) < abs(was - wanted) and abs(now - was) >= RESTORED_FRAC * abs(was - wanted)
    return is_out and is_closer and (now > was) == (worth.trade.side == "buy")


def _replaces(view: AccountView, worth: TradeWorth) -> bool:
    name = worth.trade.security
    if worth.trade.side == "sell" or view.gap_after(name) <= NOTICEABLE_WEIGHT:
        return False
    return restricted_beside(view, name) is not None


def _counterbalances(view: AccountView, worth: TradeWorth) -> bool:
    name = worth.trade.security
    if worth.trade.side == "buy" or view.gap_after(name) >= -NOTICEABLE_WEIGHT:
        return False
    return kept_beside(view, name) is not None


def _invests_cash(view: AccountView, worth: TradeWorth) -> bool:
    bought = view.book.bought_usd > view.book.sold_usd
    return worth.trade.side == "buy" and bought and view.book.cash_after_usd < view.account.cash


def _reduces_risk(view: AccountView, worth: TradeWorth) -> bool:
    return worth.risk_usd > HALF_CENT


CAUSES: tuple[tuple[Reason, Applies], ...] = (
    ("never_own", _is_disposal),
    ("raise_cash", _raises_cash),
    ("cap_position", _is_cap),
    ("corporate_action", _follows_action),
    ("forced_harvest", _is_asked_to_harvest),
    ("harvest_loss", _harvests),
    ("return_from_substitute", _returns_from_substitute),
    ("replace_restricted_security", _replaces),
    ("counterbalance_held_security", _counterbalances),
    ("model_change", _follows_model),
    ("transition_step", _is_transition),
    ("restore_allocation", _restores_allocation),
    ("invest_cash", _invests_cash),
    ("reduce_tracking_risk", _reduces_risk),
)
