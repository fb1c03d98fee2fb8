"""A rule that gave way, in words: what holds no longer, by how much, because of what."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from rebalancing.engine.outcome import Relaxed
from rebalancing.engine.types import Account
from rebalancing.selectors.rule_words import rule_words

_WHAT: Final[Mapping[str, str]] = {
    "tax_budget": "The tax budget is exceeded by {by}",
    "max_net_gain": "The cap on net gains is exceeded by {by}",
    "short_gains": "Short-term gains of {by} are taken",
    "never_realize_gains": "Gains of {by} are realised",
    "forced_harvest": "{by} of the losses asked for are not to be found",
    "cash_raise": "{by} of the cash to raise is missing",
    "cash_reserve": "The cash reserve lacks {by}",
    "cash_ceiling": "Cash exceeds its ceiling by {by}",
    "class_limits": "{of} stays outside its limits by {by}",
    "household_class_limits": "{of} stays outside the household's limits by {by}",
    "max_tracking_error": "Tracking error exceeds its cap by {by}",
    "max_turnover": "Turnover exceeds its cap by {by}",
    "never_own": "{by} of {of} stay, which may not be owned",
    "never_buy": "{by} of {of} are bought, which is never to be bought",
    "never_sell": "{by} of {of} are sold, which is never to be sold",
    "range": "{of} stays outside its range by {by}",
}
_CAUSES: Final[Mapping[str, str]] = {
    "tax_budget": "the tax budget comes first",
    "max_net_gain": "the cap on net gains comes first",
    "class_limits": "the limits of {of} come first",
    "household_class_limits": "the household's limits of {of} come first",
    "wash_sale": "the wash-sale rule on {of} comes first",
    "never_own": "{of} may not be owned",
    "never_buy": "{of} may not be bought",
    "never_sell": "{of} may not be sold",
    "never_trade": "{of} may not be traded",
    "cash_raise": "the cash to raise comes first",
    "cash_reserve": "the cash reserve comes first",
    "quantity_step": "shares come in steps",
    "gift": "gift lots stay",
    "unknown_basis": "lots of unknown basis stay",
    "not_buyable": "only what is approved is bought",
}
_NAMED: Final = ("security", "sector", "industry", "country")


def relaxed_sentence(relaxed: Relaxed, *, account: Account, classes: Mapping[str, str]) -> str:
    """Write one rule that gave way: `range security LUMR` is “LUMR stays above its cap of 30% by 11.8% of value”."""
    by = _amount(relaxed.by)
    head, of = _parts(relaxed.rule, classes)
    cap = _cap(relaxed.rule, account)
    if head == "range" and cap:
        said = f"{of} stays above its cap of {cap} by {by}"
    elif head in _WHAT:
        said = _WHAT[head].format(by=by, of=of)
    else:
        said = f"{rule_words(relaxed.rule, classes=classes)} gives way by {by}"
    cause = _cause(relaxed.because, classes)
    return f"{said[:1].upper()}{said[1:]}, because {cause}." if cause else f"{said[:1].upper()}{said[1:]}."


def _cause(because: str, classes: Mapping[str, str]) -> str:
    head, of = _parts(because, classes)
    if not head:
        return ""
    return _CAUSES[head].format(of=of) if head in _CAUSES else f"{rule_words(because, classes=classes)} comes first"


def _parts(rule: str, classes: Mapping[str, str]) -> tuple[str, str]:
    """Split a rule's id into its head and its subject in words."""
    head, _, subject = rule.partition(" ")
    kind, _, name = subject.partition(" ")
    if kind == "screen" and name:
        return head, f"the {name.replace('_', ' ')} screen"
    if kind == "identity_group" and name:
        return head, f"the group {name}"
    if kind in _NAMED and name:
        return head, name
    return head, classes.get(subject, subject)


def _cap(rule: str, account: Account) -> str:
    """Return the most that a range allows, where it has only that bound."""
    for constraint in account.constraints:
        lows = (constraint.min_weight, constraint.min_value, constraint.min_quantity)
        if constraint.rule != rule or any(low for low in lows):
            continue
        if constraint.max_weight is not None:
            return f"{constraint.max_weight * 100:g}%"
        return f"${constraint.max_value:,.0f}" if constraint.max_value is not None else ""
    return ""


def _amount(by: str) -> str:
    """Write `0.117587 weight` as 11.8% of value, `49013.40 dollars` as $49,013; what is unknown stays."""
    number, _, unit = by.partition(" ")
    try:
        value = Decimal(number)
    except InvalidOperation:
        return by
    if unit == "weight":
        return f"{value * 100:.1f}% of value"
    if unit == "dollars":
        return f"${value:,.0f}" if value >= 1 else f"${value:,.2f}"
    return f"{value.normalize():,f} {unit}".rstrip()
