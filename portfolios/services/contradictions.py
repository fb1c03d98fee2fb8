"""
What in a policy statement contradicts something else in it, or leaves the compliant limits: one sentence each.

Pure functions over the facts of one account. A sentence names both sides, and who set the one that stands.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import combinations

from advisors.templatetags.ui import day, money, pct, units
from portfolios.models.preferences import CashNeedKind, Disposal, Verb
from portfolios.policy import SETTINGS, SettingValue
from portfolios.selectors.holdings import CASH_KEY
from portfolios.selectors.preferences import RestrictionLine
from portfolios.selectors.statement_words import cash_need_words, restriction_words
from portfolios.selectors.statements import StatementFacts

_ZERO = Decimal(0)
_KEEPS = frozenset({Verb.NEVER_SELL, Verb.NEVER_TRADE})
_ADDS_NOTHING = frozenset({Verb.NEVER_BUY, Verb.NEVER_TRADE, Verb.NEVER_OWN})


def faults_of(facts: StatementFacts) -> frozenset[str]:
    """Name every contradiction and every breach of a compliant limit in one account's statement."""
    faults = [*setting_faults(facts.settings), *_amount_faults(facts)]
    faults += [*_cash_need_faults(facts), *_limit_faults(facts)]
    for first, second in combinations(facts.restrictions, 2):
        faults.extend(_pair_faults(first, second, facts))
    return frozenset(faults)


def range_faults(line: RestrictionLine) -> tuple[str, ...]:
    """Name what is wrong with the bounds of one range, whatever else stands in the statement."""
    pairs = (
        ("share", line.min_frac, line.max_frac, pct),
        ("value", line.min_usd, line.max_usd, money),
        ("number of shares", line.min_units, line.max_units, units),
    )
    if all(bound is None for _, low, high, _ in pairs for bound in (low, high)):
        return (f"A range for {line.subject} needs at least one bound.",)
    faults = []
    for what, low, high, write in pairs:
        if low is not None and high is not None and low > high:
            faults.append(f"The least {what} of {line.subject}, {write(low)}, is above the most, {write(high)}.")
        if any(bound is not None and bound < 0 for bound in (low, high)):
            faults.append(f"The {what} of {line.subject} cannot be below zero.")
    if any(bound is not None and bound > 1 for bound in (line.min_frac, line.max_frac)):
        faults.append(f"The share of {line.subject} cannot be above 100%.")
    return tuple(faults)


def _amount(value: SettingValue) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _label(key: str) -> str:
    return SETTINGS[key].label


def setting_faults(values: Mapping[str, SettingValue]) -> Iterator[str]:
    """Yield what contradicts itself in settings alone, whatever the account holds."""
    share, ceiling = _amount(values["cash.reserve_frac"]) or _ZERO, _amount(values["cash.ceiling_frac"])
    if ceiling is not None and share > ceiling:
        yield (
            f"{_label('cash.reserve_frac')} of {pct(share)} contradicts {_label('cash.ceiling_frac').lower()} of "
            f"{pct(ceiling)}: what is never invested cannot be more than the most cash."
        )
    losses, short = _amount(values["tax.forced_harvest_usd"]), _amount(values["tax.forced_harvest_short_usd"])
    if short and short > (losses or _ZERO):
        yield (
            f"The short-term part of the harvest, {money(short)}, is more than the whole harvest asked for, "
            f"{money(losses or _ZERO)}."
        )


def _amount_faults(facts: StatementFacts) -> Iterator[str]:
    ceiling = _amount(facts.settings["cash.ceiling_frac"])
    amount = _amount(facts.settings["cash.reserve_usd"]) or _ZERO
    if ceiling is not None and facts.value_usd > 0 and amount > ceiling * facts.value_usd:
        yield (
            f"{_label('cash.reserve_usd')} of {money(amount)} contradicts {_label('cash.ceiling_frac').lower()} of "
            f"{pct(ceiling)}, which is {money(ceiling * facts.value_usd)} of {facts.account_name}."
        )


def _limit_faults(facts: StatementFacts) -> Iterator[str]:
    cash = facts.limits.get(CASH_KEY)
    if cash is not None:
        share, ceiling = _amount(facts.settings["cash.reserve_frac"]) or _ZERO, facts.settings["cash.ceiling_frac"]
        limits = f"the limits of {facts.profile_name} for {cash.name}, {pct(cash.min_frac)} to {pct(cash.max_frac)}"
        if share > cash.max_frac:
            yield f"{_label('cash.reserve_frac')} of {pct(share)} leaves {limits}."
        most = _amount(ceiling)
        if most is not None and most < cash.min_frac:
            yield f"{_label('cash.ceiling_frac')} of {pct(most)} leaves {limits}."
    for line in facts.restrictions:
        yield from _range_beyond_class(line, facts)


def _range_beyond_class(line: RestrictionLine, facts: StatementFacts) -> Iterator[str]:
    classes = {facts.held[symbol].class_key for symbol in facts.symbols_of(line) if symbol in facts.held}
    if line.min_frac is None or not classes or not classes <= set(facts.limits):
        return
    most = sum((facts.limits[key].max_frac for key in classes), _ZERO)
    if line.min_frac > most:
        names = " and ".join(sorted(facts.limits[key].name for key in classes))
        yield (
            f"“{_said(line, facts)}” breaks the compliant limits of {facts.profile_name}: {names} may be at most "
            f"{pct(most)} of the account."
        )


def _cash_need_faults(facts: StatementFacts) -> Iterator[str]:
    for need in facts.cash_needs:
        if need.kind == CashNeedKind.WITHDRAWAL and need.amount_usd >= facts.value_usd > 0:
            yield f"{cash_need_words(need)} is more than {facts.account_name} is worth, {money(facts.value_usd)}."


def _said(line: RestrictionLine, facts: StatementFacts) -> str:
    return restriction_words(line, names=facts.names)


def _both(first: RestrictionLine, second: RestrictionLine, facts: StatementFacts, because: str) -> str:
    older, newer = sorted((first, second), key=_age)
    return (
        f"“{_said(newer, facts)}” contradicts “{_said(older, facts)}”, set by {older.set_by} on {day(older.set_at)} "
        f"for the {older.level.label.lower()}: {because}"
    )


def _pair_faults(first: RestrictionLine, second: RestrictionLine, facts: StatementFacts) -> Iterator[str]:
    is_same = (first.subject_kind, first.subject) == (second.subject_kind, second.subject)
    shared = facts.symbols_of(first) & facts.symbols_of(second)
    if not (is_same or shared):
        return
    if is_same and _content(first) == _content(second):
        yield f"“{_said(first, facts)}” is already in force, set by {min(first, second, key=_age).set_by}."
        return
    for one, other in ((first, second), (second, first)):
        yield from _keep_against_dispose(one, other, facts, shared, is_same=is_same)
        yield from _keep_against_cap(one, other, facts, shared)
        yield from _no_purchase_against_floor(one, other, facts, is_same=is_same)
    yield from _ranges_apart(first, second, facts, is_same=is_same)


def _age(line: RestrictionLine) -> int:
    return line.id


def _content(line: RestrictionLine) -> tuple[object, ...]:
    bounds = (line.min_frac, line.max_frac, line.min_usd, line.max_usd, line.min_units, line.max_units)
    return (line.verb, line.disposal, bounds, line.level)


def _keep_against_dispose(
    one: RestrictionLine, other: RestrictionLine, facts: StatementFacts, shared: frozenset[str], *, is_same: bool
) -> Iterator[str]:
    if one.verb not in _KEEPS or other.verb != Verb.NEVER_OWN or other.disposal == Disposal.KEEP:
        return
    held = sorted(symbol for symbol in shared if symbol in facts.held)
    if is_same or held:
        what = ", ".join(held) or one.subject
        yield _both(one, other, facts, f"{what} cannot be sold and kept.")


def _keep_against_cap(
    one: RestrictionLine, other: RestrictionLine, facts: StatementFacts, shared: frozenset[str]
) -> Iterator[str]:
    if one.verb not in _KEEPS or other.verb != Verb.RANGE:
        return
    over = _above(other, shared, facts)
    if over:
        yield _both(one, other, facts, f"{over} held, which only a sale could lower.")


def _no_purchase_against_floor(
    one: RestrictionLine, other: RestrictionLine, facts: StatementFacts, *, is_same: bool
) -> Iterator[str]:
    if one.verb not in _ADDS_NOTHING or other.verb != Verb.RANGE:
        return
    reach = facts.symbols_of(other)
    if not (is_same or reach <= facts.symbols_of(one)):
        return
    under = _below(other, reach, facts)
    if under:
        yield _both(one, other, facts, f"{under} held, which only a purchase could raise.")
    elif one.verb == Verb.NEVER_OWN and one.disposal != Disposal.KEEP and _has_floor(other):
        yield _both(one, other, facts, f"{other.subject} cannot be disposed of and kept above a minimum.")


def _has_floor(line: RestrictionLine) -> bool:
    return any(bound is not None and bound > 0 for bound in (line.min_frac, line.min_usd, line.min_units))


def _totals(symbols: frozenset[str], facts: StatementFacts) -> tuple[Decimal, Decimal, Decimal]:
    held = [facts.held[symbol] for symbol in symbols if symbol in facts.held]
    return (
        sum((row.weight_frac or _ZERO for row in held), _ZERO),
        sum((row.value_usd or _ZERO for row in held), _ZERO),
        sum((row.units for row in held), _ZERO),
    )


def _above(line: RestrictionLine, symbols: frozenset[str], facts: StatementFacts) -> str:
    share, value, number = _totals(symbols, facts)
    if line.max_frac is not None and share > line.max_frac:
        return f"{pct(share)} is"
    if line.max_usd is not None and value > line.max_usd:
        return f"{money(value)} is"
    if line.max_units is not None and number > line.max_units:
        return f"{units(number)} shares are"
    return ""


def _below(line: RestrictionLine, symbols: frozenset[str], facts: StatementFacts) -> str:
    share, value, number = _totals(symbols, facts)
    if line.min_frac is not None and share < line.min_frac:
        return f"{pct(share)} is"
    if line.min_usd is not None and value < line.min_usd:
        return f"{money(value)} is"
    if line.min_units is not None and number < line.min_units:
        return f"{units(number)} shares are"
    return ""


def _ranges_apart(
    first: RestrictionLine, second: RestrictionLine, facts: StatementFacts, *, is_same: bool
) -> Iterator[str]:
    if not is_same or first.verb != Verb.RANGE or second.verb != Verb.RANGE:
        return
    bounds = (
        (first.min_frac, second.max_frac),
        (second.min_frac, first.max_frac),
        (first.min_usd, second.max_usd),
        (second.min_usd, first.max_usd),
        (first.min_units, second.max_units),
        (second.min_units, first.max_units),
    )
    if any(low is not None and high is not None and low > high for low, high in bounds):
        yield _both(first, second, facts, "no amount satisfies both.")
