"""One sentence a trade, with its figures: what is done, because of what, what it brings and what it costs."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancing.engine.judge.findings import money, percent, units
from rebalancing.engine.outcome import Reason
from rebalancing.engine.reasons.benefits import TradeWorth
from rebalancing.engine.reasons.causes import (
    capping_rules,
    class_weights,
    disposal_rules,
    kept_beside,
    moved_to,
    restricted_beside,
)
from rebalancing.engine.reasons.view import AccountView
from rebalancing.engine.types import ZERO, Side

Clause = Callable[[AccountView, TradeWorth], str]
SIDES: tuple[Side, ...] = ("sell", "buy")
MOST_NAMES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """What all trades of one side bring together, in dollars, and the securities of those that bring the most."""

    brought_usd: float
    largest: tuple[str, ...]


def bring_together(worths: Sequence[TradeWorth]) -> Mapping[Side, Together]:
    """Add up what the trades of an account bring, side by side."""
    found: dict[Side, Together] = {}
    for side in SIDES:
        ours = [worth for worth in worths if worth.trade.side == side]
        largest = heapq.nsmallest(MOST_NAMES, ours, key=lambda worth: -worth.total_usd)
        found[side] = Together(
            brought_usd=sum(worth.total_usd for worth in ours),
            largest=tuple(worth.trade.security for worth in largest),
        )
    return found


def why(view: AccountView, worth: TradeWorth, reason: Reason, together: Mapping[Side, Together]) -> str:
    """Put the first reason of a trade and its worth into words; `together` is what the trades of each side bring."""
    pinned = any(pin.security == worth.trade.security for pin in view.account.trading.pinned)
    lead = "Taken as given. " if pinned else ""
    return f"{lead}{CLAUSES[reason](view, worth)}; {_balance(worth)}.{_needed_for(view, worth, together)}"


def _balance(worth: TradeWorth) -> str:
    """Say what the trade brings and costs, leaving out what is nothing."""
    brings: list[str] = []
    if worth.risk_usd >= RISK_WORTH_SAYING:
        brings.append(f"removes {_dollars(worth.risk_usd)} of tracking risk")
    elif worth.risk_usd <= -RISK_WORTH_SAYING:
        brings.append(f"adds {_dollars(-worth.risk_usd)} of tracking risk")
    this_year = worth.this_year_usd
    if this_year > ZERO:
        brings.append(f"saves {money(this_year)} of tax")  # on this year's return, or on what it carries on
    elif this_year < ZERO:
        brings.append(f"causes {money(-this_year)} of tax this year")
    brings.append(f"costs {_dollars(-worth.cost_usd)} to trade")
    return ", ".join(brings)


RISK_WORTH_SAYING = 0.01
NEED_WORTH_SAYING = 0.05


def _needed_for(view: AccountView, worth: TradeWorth, together: Mapping[Side, Together]) -> str:
    """Say what a trade that costs more than it brings makes possible; nothing where it pays by itself."""
    if worth.total_usd > -NEED_WORTH_SAYING:
        return ""
    lead = f" Alone it costs {_dollars(-worth.total_usd)} more than it brings"
    others = together["buy" if worth.trade.side == "sell" else "sell"]
    if others.brought_usd > NEED_WORTH_SAYING:
        names = " and ".join(others.largest)
        does = (
            "it pays for purchases that bring"
            if worth.trade.side == "sell"
            else "it invests what sales free that bring"
        )
        return f"{lead}: {does} {_dollars(others.brought_usd)} together, {names} first."
    cured = sorted(rule for rule in view.before if view.is_cured(rule))
    return f"{lead}: it serves {cured[0].replace('_', ' ')}." if cured else f"{lead}: it keeps the rules that bind."


def _dollars(amount_usd: float) -> str:
    return money(Decimal(repr(amount_usd)))


def _move(view: AccountView, worth: TradeWorth) -> str:
    """Say from which weight to which: `3.10 % to 2.00 % of value, target 2.05 %`."""
    name = worth.trade.security
    was, now = view.weights_before.get(name, 0.0), view.weights_after.get(name, 0.0)
    return f"{percent(was)} to {percent(now)} of {view.whose}, target {percent(view.target(name))}"


def _harvest(view: AccountView, worth: TradeWorth) -> str:
    losses = [lot for lot in worth.lots if lot.counted_usd < 0]
    loss = -sum((lot.counted_usd for lot in losses), ZERO)
    saved = sum((lot.this_year_usd for lot in losses), ZERO)
    terms = {lot.sale.term for lot in losses}
    term = f"{next(iter(terms))}-term " if len(terms) == 1 else ""
    later = -sum((lot.later_usd for lot in losses), ZERO)
    words = f"Realises a {term}loss of {money(loss)}, worth {money(saved)} now and {money(later)} later if it were kept"
    waiting = sum((lot.waiting_usd for lot in losses), ZERO)
    return f"{words}, {money(waiting)} of waiting given up" if waiting else words


def _forced(view: AccountView, worth: TradeWorth) -> str:
    loss = -sum((lot.counted_usd for lot in worth.lots if lot.counted_usd < 0), ZERO)
    tax = view.account.tax
    assert tax is not None
    assert tax.forced_harvest is not None
    asked = max(tax.forced_harvest.amount, tax.forced_harvest.short_only_amount)
    return f"Realises {money(loss)} of the {money(asked)} of loss that was asked for"


def _disposal(view: AccountView, worth: TradeWorth) -> str:
    rule = disposal_rules(view, worth)[0]
    left = view.book.held_after.get(worth.trade.security, ZERO)
    rest = "all of it goes" if left == 0 else f"{units(left)} stay for now"
    return f"Sells what is never to be owned ({rule.kind.replace('_', ' ')} {rule.subject}): {rest}"


def _raise(view: AccountView, worth: TradeWorth) -> str:
    needs = view.account.cash_needs
    proceeds = worth.trade.quantity * view.book.price(worth.trade.security)
    if needs.raise_:
        return f"Brings {money(proceeds)} towards the {money(needs.raise_)} to be raised"
    if view.was_broken("cash_reserve") or view.account.cash < 0:
        return f"Brings {money(proceeds)} towards the cash that is to stay"
    return f"Brings {money(proceeds)} that pays for purchases ({_move(view, worth)})"


def _cap(view: AccountView, worth: TradeWorth) -> str:
    rule = capping_rules(view, worth)[0]
    return f"Brings {rule.kind.replace('_', ' ')} {rule.subject} towards its range ({view.after[rule.rule].evidence})"


def _return(view: AccountView, worth: TradeWorth) -> str:
    name = worth.trade.security
    if worth.trade.side == "buy":
        return f"Returns to {name}, since its wash-sale window is over ({_move(view, worth)})"
    return f"Leaves the substitute {name}, since the wash-sale window of what it stood for is over"


def _replace(view: AccountView, worth: TradeWorth) -> str:
    missing = restricted_beside(view, worth.trade.security)
    return f"Stands in for {missing}, which may not be bought ({_move(view, worth)})"


def _counterbalance(view: AccountView, worth: TradeWorth) -> str:
    kept = kept_beside(view, worth.trade.security)
    return f"Makes room for {kept}, which is held above its target and stays ({_move(view, worth)})"


def _model(view: AccountView, worth: TradeWorth) -> str:
    was = view.previous_target.get(worth.trade.security, 0.0)
    return f"Follows the target, which went from {percent(was)} to {percent(view.target(worth.trade.security))}"


def _transition(view: AccountView, worth: TradeWorth) -> str:
    step = view.case.context.transition_step
    assert step is not None
    return f"Is part of step {step.step} of {step.of} of the transition ({_move(view, worth)})"


def _restore(view: AccountView, worth: TradeWorth) -> str:
    asset_class = view.book.securities[worth.trade.security].asset_class
    was, now, wanted = class_weights(view, asset_class)
    words = f"Brings {asset_class.replace('_', ' ')} from {percent(was)} to {percent(now)}"
    return f"{words}, target {percent(wanted)}"


def _invest(view: AccountView, worth: TradeWorth) -> str:
    return f"Invests cash ({_move(view, worth)})"


def _risk(view: AccountView, worth: TradeWorth) -> str:
    return f"Moves {worth.trade.security} towards what tracks the target best ({_move(view, worth)})"


def _location(view: AccountView, worth: TradeWorth) -> str:
    asset_class = view.book.securities[worth.trade.security].asset_class.replace("_", " ")
    there = moved_to(view, worth)
    if worth.trade.side == "sell":
        return f"Moves {asset_class} to another account of the household, which buys {there}"
    return f"Takes {asset_class} from another account of the household, which sells {there}"


def _action(view: AccountView, worth: TradeWorth) -> str:
    kinds = [item.kind for item in view.case.context.actions if item.security == worth.trade.security]
    return f"Follows a corporate action ({kinds[0].replace('_', ' ')}; {_move(view, worth)})"


CLAUSES: dict[Reason, Clause] = {
    "harvest_loss": _harvest,
    "forced_harvest": _forced,
    "never_own": _disposal,
    "raise_cash": _raise,
    "cap_position": _cap,
    "return_from_substitute": _return,
    "replace_restricted_security": _replace,
    "counterbalance_held_security": _counterbalance,
    "model_change": _model,
    "transition_step": _transition,
    "restore_allocation": _restore,
    "invest_cash": _invest,
    "reduce_tracking_risk": _risk,
    "corporate_action": _action,
    "household_location": _location,
}
