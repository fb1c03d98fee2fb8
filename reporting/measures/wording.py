"""How amounts, names and rules are said to a client."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from rebalancing.engine.types import Constraint
from reporting.measures.inputs import Words

Bound = Decimal | float | None

MINUS = "\u2212"
MAX_NAMES = 3
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November")

REASON_WORDS: Mapping[str, str] = {
    "harvest_loss": "use a loss",
    "reduce_tracking_risk": "stay close to the target",
    "restore_allocation": "restore the allocation",
    "raise_cash": "raise cash",
    "invest_cash": "invest cash",
    "never_own": "a holding you do not want to own",
    "cap_position": "reduce a large position",
    "replace_restricted_security": "stand in for what may not be bought",
    "counterbalance_held_security": "balance a holding that is kept",
    "model_change": "change of the model",
    "return_from_substitute": "return from a substitute",
    "transition_step": "step of the transition",
    "forced_harvest": "the loss you asked for",
    "household_location": "the better account for it",
    "corporate_action": "corporate action",
}

_PLAIN_RULES: Mapping[str, str] = {
    "tax_budget": "tax budget",
    "max_net_gain": "cap on net gains",
    "never_realize_gains": "no gains realised",
    "short_gains": "short-term gains",
    "forced_harvest": "requested losses",
    "cash_reserve": "cash reserve",
    "cash_raise": "cash to be raised",
    "cash_ceiling": "most cash",
    "max_tracking_error": "most tracking error",
    "max_turnover": "most turnover",
    "max_trades": "most trades",
    "never_short": "nothing sold that is not held",
    "no_overdraft": "no cash spent that is not there",
    "one_side": "no security both bought and sold",
    "unknown_basis": "lots of unknown cost left alone",
    "gift": "lots put aside for charity left alone",
    "not_buyable": "only approved securities bought",
    "booking": "trades add up lot by lot",
}

_SUBJECT_RULES: Mapping[str, str] = {
    "wash_sale": "no wash sale in {}",
    "min_trade": "smallest trade, {}",
    "min_position": "smallest position, {}",
    "quantity_step": "whole units, {}",
    "hold_only": "{} is kept, not added to",
    "pinned": "{} as asked",
    "location": "{} not bought here",
}


def dollars(amount: Decimal, places: int = 0) -> str:
    """Write dollars, whole unless said otherwise; a minus stands before the sign of the currency."""
    rounded = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{MINUS if rounded < 0 else ''}${abs(rounded):,.{places}f}"


def percent(fraction: Decimal | float, places: int = 1) -> str:
    """Write a fraction as a percentage, without idle zeros."""
    number = Decimal(str(fraction)) * 100
    text = f"{abs(number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{MINUS if number < 0 and text != '0' else ''}{text}%"


def units(count: Decimal) -> str:
    """Write a quantity without idle zeros."""
    return f"{count.normalize():,f}"


def day(on: date) -> str:
    """Write a day of the year: November 12, never parted by a line's end."""
    return f"{month(on)}\u00a0{on.day}"


def month(on: date) -> str:
    """Return the name of the month."""
    return (*MONTHS, "December")[on.month - 1]


def counted(count: int, one: str, many: str = "") -> str:
    """Write how many: 1 sale, 3 sales."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: Sequence[str], *, most: int = MAX_NAMES) -> str:
    """Write names as a sentence does: a, b and c; beyond `most` the rest is counted."""
    if not names:
        return ""
    shown = list(names)
    if len(shown) > most:
        rest = len(shown) - most
        shown = [*shown[:most], f"{rest:,} {'other' if rest == 1 else 'others'}"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def security_name(symbol: str, words: Words) -> str:
    """Name a security with its symbol where the name is known: Apple Inc (AAPL)."""
    name = words.securities.get(symbol, "")
    return f"{name} ({symbol})" if name and name != symbol else symbol


def subject_words(kind: str, subject: str, words: Words) -> str:
    """Name what a restriction is about."""
    match kind:
        case "security":
            return security_name(subject, words)
        case "screen":
            return f"companies on the {words.screens.get(subject, subject.replace('_', ' '))} list"
        case "country":
            return f"companies of {subject}"
        case "identity_group":
            return f"{security_name(subject, words)} and its equals"
    return f"{subject} companies"


def constraint_words(constraint: Constraint, words: Words) -> str:
    """Say a restriction as the client would."""
    subject = subject_words(constraint.kind, constraint.subject, words)
    match constraint.verb:
        case "never_buy":
            return f"Buy no {subject}" if constraint.kind != "security" else f"Never buy {subject}"
        case "never_sell":
            return f"Never sell {subject}"
        case "never_trade":
            return f"Never trade {subject}"
        case "never_own":
            after = {"within_budget": ", as the tax budget allows", "keep": "; keep what is held"}
            return f"Own no {subject}{after.get(constraint.disposal or 'now', '')}"
    return f"Keep {subject} {_bounds(constraint)}"


def _bounds(constraint: Constraint) -> str:
    parts = []
    if constraint.min_weight is not None or constraint.max_weight is not None:
        parts.append(_between(constraint.min_weight, constraint.max_weight, write=percent))
    if constraint.min_value is not None or constraint.max_value is not None:
        parts.append(_between(constraint.min_value, constraint.max_value, write=dollars))
    if constraint.min_quantity is not None or constraint.max_quantity is not None:
        parts.append(_between(constraint.min_quantity, constraint.max_quantity, write=units) + " shares")
    return " and ".join(parts)


def _between(low: Bound, high: Bound, *, write: Callable[[Decimal], str]) -> str:
    if high is None:
        return f"at least {write(_exact(low))}"
    if not low:
        return f"at most {write(_exact(high))}"
    return f"between {write(_exact(low))} and {write(_exact(high))}"


def _exact(bound: Bound) -> Decimal:
    return Decimal(str(bound or 0))


def many_words(verb: str) -> str:
    """Say a rule that is checked for many securities at once: no wash sale."""
    return sentence(
        _SUBJECT_RULES[verb].replace("{} is kept", "some are kept").replace(" in {}", "").replace(", {}", "")
    )[:-1]


def rule_words(rule: str, words: Words) -> str:
    """Say a rule id of the compliance check: `never_buy security XOM`, `tax_budget`, `class_limits us_large`."""
    verb, _, rest = rule.partition(" ")
    if verb in _PLAIN_RULES:
        return _PLAIN_RULES[verb]
    if verb in ("class_limits", "household_class_limits"):
        return f"limits of {words.classes.get(rest, rest)}"
    if verb in _SUBJECT_RULES:
        return _SUBJECT_RULES[verb].format(rest)
    kind, _, subject = rest.partition(" ")
    if subject:
        said = "range of" if verb == "range" else verb.replace("_", " ")
        return f"{said} {subject_words(kind, subject, words)}"
    return rule.replace("_", " ")


def stop_words(stopped_by: str, words: Words) -> str:
    """
    Say what stopped a wish: the engine names a rule by its id, with evidence behind a colon, or gives its reason.

    The evidence stands among the checks; a client is told the rule.
    """
    rule, colon, rest = stopped_by.partition(": ")
    verb = rule.partition(" ")[0]
    if not colon:
        return stopped_by
    if verb == "waiting":
        return rest
    if verb == "wash_sale":
        return "it would make a wash sale, and a loss would not count"
    if verb in ("never_buy", "never_sell", "never_trade", "never_own", "range"):
        return f"it would break the wish “{rule_words(rule, words)}”"
    if verb in _PLAIN_RULES or verb in _SUBJECT_RULES or verb.endswith("class_limits"):
        return f"it would break a rule, {rule_words(rule, words)}"
    return stopped_by


def sentence(text: str) -> str:
    """Begin with a capital letter and end with a full stop."""
    text = text.strip()
    if not text:
        return ""
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
