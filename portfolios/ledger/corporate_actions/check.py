"""What the terms of an action miss or get wrong, and what they say, in sentences for whoever announces it."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction

from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery
from portfolios.ledger.types import ZERO

_Check = Callable[[ActionTerms], Iterator[str]]
_DELIVERING = frozenset(
    {
        ActionKind.CLASS_DIVIDEND,
        ActionKind.SPIN_OFF,
        ActionKind.STOCK_MERGER,
        ActionKind.MIXED_MERGER,
        ActionKind.SYMBOL_CHANGE,
    }
)
_PAYING = frozenset(
    {
        ActionKind.CASH_MERGER,
        ActionKind.MIXED_MERGER,
        ActionKind.RETURN_OF_CAPITAL,
        ActionKind.TENDER,
        ActionKind.SPECIAL_DIVIDEND,
    }
)
_SCALING = frozenset({ActionKind.SPLIT, ActionKind.REVERSE_SPLIT, ActionKind.STOCK_DIVIDEND})
_MAY_BE_TAXED = frozenset(
    {
        ActionKind.STOCK_DIVIDEND,
        ActionKind.CLASS_DIVIDEND,
        ActionKind.SPIN_OFF,
        ActionKind.STOCK_MERGER,
        ActionKind.MIXED_MERGER,
    }
)


def check_terms(terms: ActionTerms) -> tuple[str, ...]:
    """Return what is missing from the terms or contradicts itself, a sentence each; none when they can be applied."""
    if terms.kind is ActionKind.OTHER:
        return ("An action of this kind cannot be applied: choose the kind whose rules it follows.",)
    return tuple(fault for check in _CHECKS for fault in check(terms))


def _check_ratio(terms: ActionTerms) -> Iterator[str]:
    if terms.kind not in _SCALING:
        if terms.ratio is not None:
            yield f"The ratio of {terms.ratio} has no meaning here: say how many units of what are delivered."
    elif terms.ratio is None:
        yield "The ratio is missing: how many units are there afterwards for each unit before?"
    elif terms.kind is not ActionKind.REVERSE_SPLIT and terms.ratio <= 1:
        yield f"The ratio of {terms.ratio} leaves no more units than before: a reverse split is a kind of its own."
    elif terms.kind is ActionKind.REVERSE_SPLIT and terms.ratio >= 1:
        yield f"The ratio of {terms.ratio} leaves no fewer units than before: this is no reverse split."


def _check_deliveries(terms: ActionTerms) -> Iterator[str]:
    if terms.kind not in _DELIVERING:
        if terms.delivered:
            yield f"{_symbols(terms)} would be delivered, which this kind of action does not do."
        return
    if not terms.delivered:
        yield "It is missing which security the holder gets, and how many units for each unit."
    if len({each.security for each in terms.delivered}) < len(terms.delivered):
        yield "A security is delivered twice: put its units together."
    if terms.security in {each.security for each in terms.delivered}:
        yield f"{terms.security} would be delivered for itself: that is a split or a stock dividend."
    if terms.kind is ActionKind.SYMBOL_CHANGE and (
        len(terms.delivered) > 1 or any(each.units_per_unit != 1 for each in terms.delivered)
    ):
        yield "A change of symbol delivers one unit of one new symbol for each unit; with another ratio it is a merger."


def _check_cash(terms: ActionTerms) -> Iterator[str]:
    if terms.kind in _PAYING and not terms.cash_per_unit_usd:
        yield "The cash for each unit is missing."
    if terms.kind not in _PAYING and terms.cash_per_unit_usd:
        advice = " With cash it is a mixed merger." if terms.kind is ActionKind.STOCK_MERGER else ""
        yield f"{terms.cash_per_unit_usd} a unit would be paid, which this kind of action does not do.{advice}"


def _check_tax(terms: ActionTerms) -> Iterator[str]:
    if terms.is_taxable and terms.kind not in _MAY_BE_TAXED:
        yield "A taxable variant is known of dividends in stock, spin-offs and mergers for stock only."


def _check_values(terms: ActionTerms) -> Iterator[str]:
    """Say which market values are missing: for a basis that is allocated, a dividend in kind, an exchange with cash."""
    if terms.kind is ActionKind.STOCK_DIVIDEND and terms.is_taxable and terms.price_usd is None:
        yield f"The dividend is taxable: the fair market value of a unit of {terms.security} is missing."
    if terms.kind in (ActionKind.SPIN_OFF, ActionKind.CLASS_DIVIDEND) and not terms.is_taxable:
        yield from _check_allocation(terms)
    elif _needs_values(terms):
        yield from (_no_price(each) for each in terms.delivered if each.price_usd is None)


def _needs_values(terms: ActionTerms) -> bool:
    if terms.kind is ActionKind.SYMBOL_CHANGE:
        return False
    has_shares = len(terms.delivered) == 1 or all(each.basis_frac is not None for each in terms.delivered)
    return terms.is_taxable or terms.kind is ActionKind.MIXED_MERGER or not has_shares


def _check_allocation(terms: ActionTerms) -> Iterator[str]:
    stated = [each.basis_frac for each in terms.delivered if each.basis_frac is not None]
    if stated and len(stated) < len(terms.delivered):
        yield "The issuer's share of the basis is stated for some of the securities: state it for all or for none."
    elif stated and sum(stated, ZERO) > 1:
        yield f"The shares of the basis add up to {sum(stated, ZERO)}: the parent keeps what they leave of 1."
    elif not stated:
        if terms.price_usd is None:
            yield (
                f"The basis cannot be allocated: the fair market value of a unit of {terms.security} after the "
                "distribution is missing, or the issuer's share of the basis (Form 8937)."
            )
        yield from (_no_price(each) for each in terms.delivered if each.price_usd is None)


def _no_price(delivery: Delivery) -> str:
    return f"The fair market value of a unit of {delivery.security} is missing."


def _check_merger_shares(terms: ActionTerms) -> Iterator[str]:
    if terms.kind not in (ActionKind.STOCK_MERGER, ActionKind.MIXED_MERGER) or len(terms.delivered) < 2:
        return
    stated = [each.basis_frac for each in terms.delivered if each.basis_frac is not None]
    if len(stated) == len(terms.delivered) and sum(stated, ZERO) != 1:
        yield f"The shares of the basis add up to {sum(stated, ZERO)}; in a merger they are all of it."


def _check_fractions(terms: ActionTerms) -> Iterator[str]:
    if not terms.pays_fractions:
        return
    if terms.kind not in _SCALING | _DELIVERING or terms.kind is ActionKind.SYMBOL_CHANGE:
        yield "No fractions arise here that could be paid in cash."
    elif terms.fraction_price_usd is None:
        prices = {each.security: each.fraction_price_usd for each in terms.delivered} or {terms.security: None}
        yield from (
            f"Fractions of {symbol} are paid in cash: the price of a new unit that they are paid at is missing."
            for symbol, price in prices.items()
            if price is None
        )


_CHECKS: tuple[_Check, ...] = (
    _check_ratio,
    _check_deliveries,
    _check_cash,
    _check_tax,
    _check_values,
    _check_merger_shares,
    _check_fractions,
)


def describe(terms: ActionTerms) -> str:
    """Say in one line what the action does, whatever of it is known."""
    words = _DESCRIPTIONS.get(terms.kind, _describe_other)(terms)
    taxed = " (taxable)" if terms.is_taxable else ""
    fractions = "; fractions are paid in cash" if terms.pays_fractions else ""
    return f"{terms.security} {words}{taxed} on {terms.effective_on}{fractions}"


def _describe_split(terms: ActionTerms) -> str:
    if terms.ratio is None:
        return "splits at a ratio not known yet"
    ratio = Fraction(terms.ratio).limit_denominator(10_000)
    if abs(Decimal(ratio.numerator) / ratio.denominator - terms.ratio) < Decimal("1e-9"):
        return f"splits {ratio.numerator} for {ratio.denominator}"
    return f"splits into {_plain(terms.ratio)} units for each"


def _describe_stock_dividend(terms: ActionTerms) -> str:
    if terms.ratio is None:
        return "pays a stock dividend of a size not known yet"
    return f"pays a stock dividend of {_plain((terms.ratio - 1) * 100)} %"


def _describe_merger(terms: ActionTerms) -> str:
    cash = f"{_usd(terms.cash_per_unit_usd)} a unit" if terms.cash_per_unit_usd else ""
    return (
        f"is exchanged for {' and '.join(part for part in (_received(terms), cash) if part) or 'terms not known yet'}"
    )


def _describe_rename(terms: ActionTerms) -> str:
    return f"becomes {_symbols(terms)}" if terms.delivered else "becomes a symbol not known yet"


def _describe_other(terms: ActionTerms) -> str:
    return "has an action of another kind"


_DESCRIPTIONS: dict[ActionKind, Callable[[ActionTerms], str]] = {
    ActionKind.SPLIT: _describe_split,
    ActionKind.REVERSE_SPLIT: _describe_split,
    ActionKind.STOCK_DIVIDEND: _describe_stock_dividend,
    ActionKind.CLASS_DIVIDEND: lambda terms: f"distributes {_received(terms) or 'another class'} as a dividend",
    ActionKind.SPIN_OFF: lambda terms: f"spins off {_received(terms) or 'a security not known yet'}",
    ActionKind.STOCK_MERGER: _describe_merger,
    ActionKind.MIXED_MERGER: _describe_merger,
    ActionKind.CASH_MERGER: lambda terms: f"is bought for {_usd(terms.cash_per_unit_usd)} a unit",
    ActionKind.RETURN_OF_CAPITAL: lambda terms: f"returns {_usd(terms.cash_per_unit_usd)} of capital a unit",
    ActionKind.TENDER: lambda terms: f"is bought back for {_usd(terms.cash_per_unit_usd)} a unit tendered",
    ActionKind.SYMBOL_CHANGE: _describe_rename,
    ActionKind.SPECIAL_DIVIDEND: lambda terms: f"pays a special dividend of {_usd(terms.cash_per_unit_usd)} a unit",
    ActionKind.WORTHLESS: lambda _: "becomes worthless",
}


def _received(terms: ActionTerms) -> str:
    return " and ".join(f"{_plain(each.units_per_unit)} {each.security}" for each in terms.delivered)


def _symbols(terms: ActionTerms) -> str:
    return ", ".join(each.security for each in terms.delivered)


def _usd(amount: Decimal) -> str:
    return f"${amount:,.2f}" if amount == amount.quantize(Decimal("0.01")) else f"${_plain(amount)}"


def _plain(number: Decimal) -> str:
    """Write a number without an exponent and without zeros that say nothing."""
    text = f"{number:,.8f}"
    return text.rstrip("0").rstrip(".")
