"""How the rules, reasons and wishes of an outcome are written on a page."""

from collections.abc import Mapping
from typing import Final

_RULES: Final[Mapping[str, str]] = {
    "booking": "Books add up",
    "never_short": "Never short",
    "no_overdraft": "No overdraft",
    "one_side": "Buys or sells a security, never both",
    "quantity_step": "Share steps",
    "unknown_basis": "Lots without basis stay",
    "gift": "Gift lots stay",
    "not_buyable": "Buys only what is approved",
    "hold_only": "Held, never bought",
    "location": "Location of",
    "restricted": "Firm's restricted list",
    "pinned": "Pinned trade",
    "wash_sale": "Wash sale",
    "cash_raise": "Cash raised for what is due",
    "cash_reserve": "Cash reserve",
    "cash_ceiling": "Most cash",
    "class_limits": "Limits of",
    "household_class_limits": "Household limits of",
    "max_tracking_error": "Most tracking error",
    "max_turnover": "Most turnover",
    "max_trades": "Most trades",
    "min_trade": "Smallest trade",
    "min_position": "Smallest position",
    "never_realize_gains": "Never realise gains",
    "short_gains": "Short-term gains",
    "tax_budget": "Tax budget",
    "max_net_gain": "Most net gain",
    "forced_harvest": "Harvest as asked",
    "never_buy": "Never buy",
    "never_sell": "Never sell",
    "never_trade": "Never trade",
    "never_own": "Never own",
    "range": "Range of",
}
_OF_CLASSES: Final = ("class_limits", "household_class_limits", "location")

_REASONS: Final[Mapping[str, str]] = {
    "harvest_loss": "Harvests a loss",
    "reduce_tracking_risk": "Reduces tracking risk",
    "restore_allocation": "Restores allocation",
    "raise_cash": "Raises cash",
    "invest_cash": "Invests cash",
    "never_own": "May not be owned",
    "cap_position": "Caps the position",
    "replace_restricted_security": "Replaces what may not be bought",
    "counterbalance_held_security": "Counterbalances what is held",
    "model_change": "Follows the model",
    "return_from_substitute": "Returns from a substitute",
    "transition_step": "Step of the transition",
    "forced_harvest": "Harvests as asked",
    "household_location": "Moves to the better account",
    "corporate_action": "Follows a corporate action",
}


def rule_words(rule: str, *, classes: Mapping[str, str] | None = None) -> str:
    """Write a rule's id: `never_buy security XOM` is “Never buy XOM”; `classes` names asset classes by key."""
    head, _, subject = rule.partition(" ")
    if head not in _RULES:
        return rule.replace("_", " ").capitalize()
    subject = subject.removeprefix("security ").replace("identity_group ", "group ")
    if head in _OF_CLASSES:
        subject = (classes or {}).get(subject, subject.replace("_", " "))
    return f"{_RULES[head]} {subject}".rstrip()


def kind_words(rule: str) -> str:
    """Write what kind of rule an id is of, without its subject: “Smallest trade”."""
    head = rule.partition(" ")[0]
    return _RULES.get(head, head.replace("_", " ").capitalize())


def stop_words(stopped_by: str, *, classes: Mapping[str, str] | None = None) -> str:
    """Write what stopped a wish; a rule's id before the colon is put in words."""
    rule, colon, rest = stopped_by.partition(": ")
    if colon and rule.partition(" ")[0] in _RULES:
        return f"{rule_words(rule, classes=classes)}: {rest}"
    return rule_words(stopped_by, classes=classes) if stopped_by.partition(" ")[0] in _RULES else stopped_by


def reason_words(reason: str) -> str:
    """Write the code of a reason."""
    return _REASONS.get(reason, reason.replace("_", " ").capitalize())
