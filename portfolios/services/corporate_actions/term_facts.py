"""What the terms of an action mean beside lots: who succeeds whom, how units, values and prices move."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms

ONE: Final = Decimal(1)
PRICE_STEP: Final = Decimal("0.000001")
RATIO_KINDS: Final = frozenset({ActionKind.SPLIT, ActionKind.REVERSE_SPLIT, ActionKind.STOCK_DIVIDEND})
_ENDING_KINDS: Final = frozenset(
    {
        ActionKind.STOCK_MERGER,
        ActionKind.CASH_MERGER,
        ActionKind.MIXED_MERGER,
        ActionKind.SYMBOL_CHANGE,
        ActionKind.WORTHLESS,
    }
)


def is_ratio_kind(terms: ActionTerms) -> bool:
    """Tell whether an action multiplies the units of the security itself."""
    return terms.kind in RATIO_KINDS and terms.ratio is not None


def is_ending(terms: ActionTerms) -> bool:
    """Tell whether the security is no more after the action."""
    return terms.kind in _ENDING_KINDS


def successors(terms: ActionTerms) -> tuple[str, ...]:
    """Return what takes the place of a security that is no more: an acquirer, a new symbol."""
    if not is_ending(terms):
        return ()
    return tuple(each.security for each in terms.delivered if each.security != terms.security)


def children(terms: ActionTerms) -> tuple[str, ...]:
    """Return the securities that holders get beside the one they keep."""
    if is_ending(terms):
        return ()
    return tuple(each.security for each in terms.delivered if each.security != terms.security)


def unit_ratios(terms: ActionTerms) -> Mapping[str, Decimal]:
    """Return units after for each unit before, by security; the security itself is missing once it is no more."""
    found: dict[str, Decimal] = {}
    if not is_ending(terms):
        found[terms.security] = terms.ratio if is_ratio_kind(terms) and terms.ratio is not None else ONE
    for each in terms.delivered:
        if each.security != terms.security:
            found[each.security] = each.units_per_unit
    return found


def value_fracs(terms: ActionTerms, *, price_usd: Decimal | None) -> Mapping[str, Decimal]:
    """
    Return how the value that was one unit divides among what the holder has after, by security; sums to 1.

    By market value where every price is told, else by the issuer's shares of the basis. `price_usd` is the price of
    the security after the action. Empty where neither is known: then nobody can say.
    """
    if is_ending(terms):
        return _among_successors(terms)
    own = terms.price_usd or price_usd
    parts = {each.security: each for each in terms.delivered if each.security != terms.security}
    if not parts:
        return {terms.security: ONE}
    values = {name: each.price_usd * each.units_per_unit for name, each in parts.items() if each.price_usd is not None}
    if own is not None and len(values) == len(parts):
        total = own + sum(values.values(), Decimal(0))
        return {terms.security: own / total, **{name: value / total for name, value in values.items()}}
    fracs = {name: each.basis_frac for name, each in parts.items() if each.basis_frac is not None}
    if len(fracs) == len(parts):
        return {terms.security: ONE - sum(fracs.values(), Decimal(0)), **fracs}
    return {}


def _among_successors(terms: ActionTerms) -> Mapping[str, Decimal]:
    parts = [each for each in terms.delivered if each.security != terms.security]
    if len(parts) == 1:
        return {parts[0].security: ONE}
    values = {each.security: each.price_usd * each.units_per_unit for each in parts if each.price_usd is not None}
    total = sum(values.values(), Decimal(0))
    if not parts or len(values) < len(parts) or total <= 0:
        return {}
    return {name: value / total for name, value in values.items()}


def price_after(terms: ActionTerms, *, before_usd: Decimal) -> Decimal | None:
    """Return what a unit that cost so much is worth after the action; None where the security is no more or unknown."""
    if is_ending(terms):
        return None
    if terms.price_usd is not None:
        return _priced(terms.price_usd)
    if is_ratio_kind(terms) and terms.ratio is not None:
        return _priced(before_usd / terms.ratio)
    left = before_usd - terms.cash_per_unit_usd if terms.kind is not ActionKind.TENDER else before_usd
    for each in terms.delivered:
        if each.price_usd is not None:
            left -= each.price_usd * each.units_per_unit
        elif each.basis_frac is not None:
            left -= before_usd * each.basis_frac
    return _priced(left)


def _priced(price_usd: Decimal) -> Decimal | None:
    priced = price_usd.quantize(PRICE_STEP, ROUND_HALF_EVEN)
    return priced if priced > 0 else None
