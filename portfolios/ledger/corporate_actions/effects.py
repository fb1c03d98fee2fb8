"""
Apply a corporate action to the lots of one account (section 3 of the tax specification).

Every action goes lot by lot. What stands in the terms is the same for every holder; what the custodian did for one
account stands in its holder's terms.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from decimal import Decimal

from portfolios.ledger.corporate_actions.apportion import merge_dust
from portfolios.ledger.corporate_actions.cash import pay_dividend, return_capital, sell_all, tender, write_off
from portfolios.ledger.corporate_actions.conservation import check_conservation
from portfolios.ledger.corporate_actions.distributions import distribute, distribute_taxable
from portfolios.ledger.corporate_actions.effect import ActionEffect, LotOutcome, effect_of
from portfolios.ledger.corporate_actions.occasion import ActionOccasion
from portfolios.ledger.corporate_actions.reorganisations import (
    merge_for_stock,
    merge_taxably,
    merge_with_boot,
    rename,
)
from portfolios.ledger.corporate_actions.splits import split, taxable_stock_dividend
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, HolderTerms
from portfolios.ledger.errors import BadInput
from portfolios.ledger.relief import average_costs
from portfolios.ledger.types import Lot, Relief

_Family = Callable[[tuple[Lot, ...], ActionOccasion], tuple[LotOutcome, ...]]

_FAMILIES: dict[ActionKind, _Family] = {
    ActionKind.SPLIT: split,
    ActionKind.REVERSE_SPLIT: split,
    ActionKind.STOCK_DIVIDEND: split,
    ActionKind.CLASS_DIVIDEND: distribute,
    ActionKind.SPIN_OFF: distribute,
    ActionKind.STOCK_MERGER: merge_for_stock,
    ActionKind.CASH_MERGER: sell_all,
    ActionKind.MIXED_MERGER: merge_with_boot,
    ActionKind.RETURN_OF_CAPITAL: return_capital,
    ActionKind.TENDER: tender,
    ActionKind.SYMBOL_CHANGE: rename,
    ActionKind.SPECIAL_DIVIDEND: pay_dividend,
    ActionKind.WORTHLESS: write_off,
}
_TAXABLE_FAMILIES: dict[ActionKind, _Family] = {
    ActionKind.STOCK_DIVIDEND: taxable_stock_dividend,
    ActionKind.CLASS_DIVIDEND: distribute_taxable,
    ActionKind.SPIN_OFF: distribute_taxable,
    ActionKind.STOCK_MERGER: merge_taxably,
    ActionKind.MIXED_MERGER: merge_taxably,
}
_MERGERS = frozenset({ActionKind.STOCK_MERGER, ActionKind.CASH_MERGER, ActionKind.MIXED_MERGER})
_EXCHANGES = frozenset({ActionKind.STOCK_MERGER, ActionKind.MIXED_MERGER})
_SALES = frozenset({ActionKind.CASH_MERGER, ActionKind.TENDER})
_RESCALES = frozenset({ActionKind.SPLIT, ActionKind.REVERSE_SPLIT, ActionKind.STOCK_DIVIDEND})


def apply_action(
    lots: Sequence[Lot],
    terms: ActionTerms,
    holder: HolderTerms,
    *,
    method: Relief,
    event_ref: str,
    taken: Container[str] = (),
) -> ActionEffect:
    """
    Return what an action does to the lots of its security in one account; their order does not matter.

    `method` chooses the lots of a fraction or a tender. `taken` are keys that new lots may not have.
    :raises BadInput: the terms miss a fact that this account needs, contradict themselves, or do not fit the lots
    :raises NotConserved: basis in and gain are not basis out and cash
    """
    stray = sorted({lot.security for lot in lots} - {terms.security})
    if stray:
        raise BadInput(f"action {terms.key} on {terms.security} is given lots of {', '.join(stray)}")
    if not lots:
        return ActionEffect()
    actual = _as_elected(terms, holder)
    ordered = tuple(sorted(lots, key=lambda lot: (lot.acquired_on, lot.key)))
    whole, merged = merge_dust(ordered, _smallest_ratio(actual))
    occasion = ActionOccasion(terms=actual, holder=holder, method=method, event_ref=event_ref, taken=taken)
    outcomes = _family(actual)(_averaged(whole, occasion), occasion)
    check_conservation(outcomes)
    return effect_of(outcomes, merged=merged)


def _family(terms: ActionTerms) -> _Family:
    families = _TAXABLE_FAMILIES if terms.is_taxable and terms.kind in _TAXABLE_FAMILIES else _FAMILIES
    family = families.get(terms.kind)
    if family is None:
        raise BadInput(f"action {terms.key} on {terms.security} is of a kind that cannot be applied: {terms.kind}")
    return family


def _as_elected(terms: ActionTerms, holder: HolderTerms) -> ActionTerms:
    """Return the terms as this holder's election and the proration made them (R-3.3)."""
    units, cash = holder.elected_units_per_unit, holder.elected_cash_per_unit_usd
    if units is None or cash is None:
        return terms
    if terms.kind not in _MERGERS or len(terms.delivered) > 1:
        raise BadInput(f"action {terms.key} on {terms.security} leaves its holders nothing to elect")
    if not units:
        return replace(terms, kind=ActionKind.CASH_MERGER, delivered=(), cash_per_unit_usd=cash)
    if not terms.delivered:
        raise BadInput(f"action {terms.key} on {terms.security} delivers no stock that could be elected")
    kind = ActionKind.MIXED_MERGER if cash else ActionKind.STOCK_MERGER
    stock = replace(terms.delivered[0], units_per_unit=units)
    return replace(terms, kind=kind, delivered=(stock,), cash_per_unit_usd=cash)


def _smallest_ratio(terms: ActionTerms) -> Decimal:
    """Return how many units one unit becomes, where lots too small to keep one are to be merged; else 1."""
    if terms.kind in _RESCALES and terms.ratio is not None and not terms.is_taxable:
        return terms.ratio
    if terms.kind in _EXCHANGES and terms.delivered:
        return terms.delivered[0].units_per_unit
    return Decimal(1)


def _averaged(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[Lot, ...]:
    """Give every lot the average basis before a sale out of an account that averages; gifts and unknowns are not."""
    sells = occasion.terms.kind in _SALES or occasion.terms.pays_fractions or bool(occasion.holder.fraction_cash_usd)
    if occasion.method is not Relief.AVERAGE_COST or not sells:
        return lots
    if any(lot.cost_usd is None or lot.loss_cost_usd is not None for lot in lots):
        return lots
    return average_costs(lots)
