"""Splits, reverse splits and stock dividends: more or fewer units of the same security."""

from dataclasses import replace

from portfolios.ledger.corporate_actions.apportion import price_units, scale_units
from portfolios.ledger.corporate_actions.effect import LotOutcome
from portfolios.ledger.corporate_actions.fractions import pay_fractions
from portfolios.ledger.corporate_actions.occasion import ActionOccasion
from portfolios.ledger.types import ZERO, Lot


def split(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """Multiply the units of every lot; basis, dates and wash state stay."""
    ratio = occasion.terms.ratio
    if ratio is None:
        raise occasion.missing("has no ratio")
    units = scale_units((lot.units for lot in lots), ratio)
    outcomes = tuple(
        LotOutcome(before=lot, after=(replace(lot, units=part),)) for lot, part in zip(lots, units, strict=True)
    )
    return pay_fractions(outcomes, (occasion.terms.security,), occasion=occasion)


def taxable_stock_dividend(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """
    Open a lot of what is distributed beside every lot: its value is a dividend and its basis, its period is new.

    It counts as a purchase for wash sales, as a reinvested dividend does.
    """
    terms = occasion.terms
    if terms.ratio is None or terms.ratio <= 1:
        raise occasion.missing("needs a ratio above 1: the units after the dividend for each before")
    if terms.price_usd is None:
        raise occasion.missing(f"is taxable and needs the fair market value of a unit of {terms.security}")
    units = scale_units((lot.units for lot in lots), terms.ratio - 1)
    values = price_units(units, terms.price_usd)
    root = occasion.child_key(lots[0].key, terms.security)
    outcomes = []
    for lot, part, value in zip(lots, units, values, strict=True):
        new = (
            Lot(
                key=occasion.child_key(lot.key, terms.security),
                root_key=root,
                security=terms.security,
                units=part,
                cost_usd=value,
                acquired_on=occasion.on,
            )
            if part
            else None
        )
        after = (lot,) if new is None else (lot, new)
        outcomes.append(LotOutcome(before=lot, after=after, income_usd=value if new else ZERO))
    return pay_fractions(tuple(outcomes), (terms.security,), occasion=occasion)
