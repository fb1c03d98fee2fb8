"""Why a trade is made: every reason of domain.md 4 that applies, the strongest first."""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

from rebalancing.engine.judge.docket import WINDOW
from rebalancing.engine.outcome import Reason
from rebalancing.engine.reasons.benefits import TradeWorth
from rebalancing.engine.reasons.view import AccountView
from rebalancing.engine.types import CASH, CASH_CLASS, ZERO, Constraint, Side

HALF_CENT = 0.005
DRIFTED_WEIGHT = 0.01  # a class this far from its target is out of allocation
RESTORED_FRAC = 0.1  # and is restored by trades that close a tenth of the distance
NOTICEABLE_WEIGHT = 0.0005
KEPT_CLASSES = 32
KEPT_VIEWS = 8
RECENT_ACTION = timedelta(days=30)

Applies = Callable[[AccountView, TradeWorth], bool]
Cause = tuple[Reason, Applies]


def reasons_of(view: AccountView, worth: TradeWorth) -> tuple[Reason, ...]:
    """Name the reasons of a trade; one that nothing else explains pays for the others, or invests what they bring."""
    found = [reason for reason, applies in _possible(view) if applies(view, worth)]
    if "harvest_loss" in found and worth.risk_usd > _harvest_usd(worth):
        found.remove("harvest_loss")
        found.append("harvest_loss")
    if found:
        return tuple(found)
    return ("invest_cash",) if worth.trade.side == "buy" else ("raise_cash",)


@lru_cache(maxsize=KEPT_VIEWS)
def _possible(view: AccountView) -> tuple[Cause, ...]:
    """Return the causes that the account's rules and context allow for at all."""
    account, context = view.account, view.case.context
    tax = account.tax
    ruled_out = {
        "never_own": not account.constraints,
        "cap_position": not account.constraints,
        "corporate_action": not context.actions,
        "forced_harvest": tax is None or tax.forced_harvest is None,
        "harvest_loss": view.year is None,
        "return_from_substitute": not context.harvested,
        "model_change": not view.previous_target,
        "household_location": not view.others,
        "transition_step": context.transition_step is None,
    }
    return tuple(cause for cause in CAUSES if not ruled_out.get(cause[0], False))


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
    names = _restricted(view, view.book.securities[security].asset_class)
    return next((name for name in names if name != security), None)


def kept_beside(view: AccountView, security: str) -> str | None:
    """Name a security of the same class that is held above its target and may not be sold, if there is one."""
    names = _kept(view, view.book.securities[security].asset_class)
    return next((name for name in names if name != security), None)


def class_weights(view: AccountView, asset_class: str) -> tuple[float, float, float]:
    """Return a class's weight before, after, and in the target."""
    was, now, wanted = view.class_weights[asset_class]
    return was, now, wanted + (view.target(CASH) if asset_class == CASH_CLASS else 0.0)


@lru_cache(maxsize=KEPT_CLASSES)
def _restricted(view: AccountView, asset_class: str) -> tuple[str, ...]:
    """Name what is missing of a class and may not be bought, the largest gap first."""
    names = (
        name
        for name in view.risk.market.of_class(asset_class)
        if view.gaps[name] < -NOTICEABLE_WEIGHT and view.target(name) and _may_not_be_bought(view, name)
    )
    return tuple(sorted(names, key=lambda name: (view.gaps[name], name)))


@lru_cache(maxsize=KEPT_CLASSES)
def _kept(view: AccountView, asset_class: str) -> tuple[str, ...]:
    """Name what is held of a class above its target and may not be sold, the largest gap first."""
    names = (
        name
        for name in view.risk.market.of_class(asset_class)
        if view.gaps[name] > NOTICEABLE_WEIGHT and name in view.book.held_after and _may_not_be_sold(view, name)
    )
    return tuple(sorted(names, key=lambda name: (-view.gaps[name], name)))


def _is_above(rule: Constraint, worth: TradeWorth) -> bool:
    has_ceiling = any(bound is not None for bound in (rule.max_weight, rule.max_value, rule.max_quantity))
    return has_ceiling if worth.trade.side == "sell" else not has_ceiling


def _may_not_be_bought(view: AccountView, name: str) -> bool:
    item = view.book.securities[name]
    barred = {"never_buy", "never_own", "never_trade"}
    if not item.buyable or any(rule.verb in barred for rule in view.constraints_on(name)):
        return True
    return _is_locked(view, name)


def _is_locked(view: AccountView, name: str) -> bool:
    """Tell whether a loss sale of the last 30 days, or of this proposal, bars the purchase."""
    return view.risk.market.groups[name] in view.losses


def _may_not_be_sold(view: AccountView, name: str) -> bool:
    if any(rule.verb in {"never_sell", "never_trade"} for rule in view.constraints_on(name)):
        return True
    lots = view.lots_of.get(name, ())
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
    previous = view.previous_target
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


def moved_to(view: AccountView, worth: TradeWorth) -> str | None:
    """Name what another account of a unified household trades the other way in the same asset class."""
    other_side: Side = "buy" if worth.trade.side == "sell" else "sell"
    return view.moved_elsewhere.get((other_side, view.book.securities[worth.trade.security].asset_class))


def _moves_between_accounts(view: AccountView, worth: TradeWorth) -> bool:
    return moved_to(view, worth) is not None


def _reduces_risk(view: AccountView, worth: TradeWorth) -> bool:
    return worth.risk_usd > HALF_CENT


CAUSES: tuple[Cause, ...] = (
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
    ("household_location", _moves_between_accounts),
    ("invest_cash", _invests_cash),
    ("reduce_tracking_risk", _reduces_risk),
)
