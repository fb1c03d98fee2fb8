"""Spin-offs and dividends of a different class: the holder keeps what is held and gets other securities beside it."""

from dataclasses import replace
from decimal import Decimal

from portfolios.ledger.corporate_actions.apportion import price_units, scale_units, take_basis
from portfolios.ledger.corporate_actions.effect import LotOutcome
from portfolios.ledger.corporate_actions.fractions import pay_fractions
from portfolios.ledger.corporate_actions.occasion import ActionOccasion
from portfolios.ledger.corporate_actions.terms import Delivery
from portfolios.ledger.types import ZERO, Lot


def distribute(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """
    Give every lot its children, with their share of its basis and its holding period.

    The shares are the issuer's (Form 8937) or follow the market values of the first day. A child is no purchase for
    wash sales. A lot too small for a child keeps its basis.
    """
    deliveries = occasion.deliveries
    fracs = basis_fracs(occasion)
    units = [scale_units((lot.units for lot in lots), each.units_per_unit) for each in deliveries]
    outcomes = []
    for place, lot in enumerate(lots):
        mine = [each[place] for each in units]
        shares, parent = take_basis(lot, [frac if part else ZERO for frac, part in zip(fracs, mine, strict=True)])
        children = tuple(
            replace(
                share,
                key=occasion.child_key(lot.key, delivery.security),
                security=delivery.security,
                units=part,
                is_wash_acquisition=False,
            )
            for share, delivery, part in zip(shares, deliveries, mine, strict=True)
            if part
        )
        outcomes.append(LotOutcome(before=lot, after=(parent, *children)))
    return pay_fractions(tuple(outcomes), occasion.symbols, occasion=occasion)


def distribute_taxable(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """Give every lot its children as a dividend: their value is income and their basis, their period is new."""
    outcomes = [LotOutcome(before=lot, after=(lot,)) for lot in lots]
    for delivery in occasion.deliveries:
        units = scale_units((lot.units for lot in lots), delivery.units_per_unit)
        values = price_units(units, occasion.price_of(delivery))
        root = occasion.child_key(lots[0].key, delivery.security)
        for place, (part, value) in enumerate(zip(units, values, strict=True)):
            if part:
                outcomes[place] = _with_new_lot(outcomes[place], delivery, part, value, root, occasion)
    return pay_fractions(tuple(outcomes), occasion.symbols, occasion=occasion)


def _with_new_lot(
    outcome: LotOutcome, delivery: Delivery, units: Decimal, value: Decimal, root: str, occasion: ActionOccasion
) -> LotOutcome:
    child = Lot(
        key=occasion.child_key(outcome.before.key, delivery.security),
        root_key=root,
        security=delivery.security,
        units=units,
        cost_usd=value,
        acquired_on=occasion.on,
        is_wash_acquisition=False,
    )
    return replace(outcome, after=(*outcome.after, child), income_usd=outcome.income_usd + value)


def basis_fracs(occasion: ActionOccasion) -> tuple[Decimal, ...]:
    """
    Return the share of the parent's basis that goes to each child, in the order of the terms.

    :raises BadInput: neither the issuer's shares of all children nor every market value are known
    """
    deliveries = occasion.deliveries
    stated = [each.basis_frac for each in deliveries if each.basis_frac is not None]
    if len(stated) == len(deliveries):
        if sum(stated, ZERO) > 1:
            raise occasion.missing(f"gives {sum(stated, ZERO)} of the basis to its children, more than there is")
        return tuple(stated)
    if stated:
        raise occasion.missing("states the share of the basis of some children and not of others")
    if occasion.terms.price_usd is None:
        raise occasion.missing(
            f"needs the issuer's share of the basis, or the fair market value of a unit of {occasion.terms.security}"
        )
    values = [occasion.price_of(each) * each.units_per_unit for each in deliveries]
    total = occasion.terms.price_usd + sum(values, ZERO)
    if not total:
        raise occasion.missing("allocates the basis by market values, and all of them are zero")
    return tuple(value / total for value in values)
