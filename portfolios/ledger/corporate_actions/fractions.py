"""Cash in lieu of a fraction: it arises on the account's total, and is sold out of lots (R-3.1, Rev. Rul. 66-365)."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from portfolios.ledger.corporate_actions.effect import LotOutcome
from portfolios.ledger.corporate_actions.occasion import ActionOccasion
from portfolios.ledger.gains import allocate_usd, dispose
from portfolios.ledger.types import CENT, ZERO, Disposition, DispositionKind, Lot, LotPick


def pay_fractions(
    outcomes: tuple[LotOutcome, ...], securities: Iterable[str], *, occasion: ActionOccasion
) -> tuple[LotOutcome, ...]:
    """
    Sell the fraction of each security that the action left, where it is paid in cash.

    What the custodian paid this account goes before the price of the terms.
    :raises BadInput: fractions are paid and nothing says at what price, or one was paid that does not arise
    """
    for security in securities:
        if _is_paid(security, occasion):
            outcomes = _pay(outcomes, security, occasion)
    return outcomes


def _is_paid(security: str, occasion: ActionOccasion) -> bool:
    return occasion.terms.pays_fractions or occasion.holder.paid_for_fraction_usd(security) is not None


def _pay(outcomes: tuple[LotOutcome, ...], security: str, occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    lots = tuple(lot for each in outcomes for lot in each.after if lot.security == security)
    total = sum((lot.units for lot in lots), ZERO)
    fraction = total - total.to_integral_value(ROUND_FLOOR)
    paid = occasion.holder.paid_for_fraction_usd(security)
    if not fraction:
        if paid:
            raise occasion.missing(f"paid {paid} for a fraction of {security}, but {total} units leave none")
        return outcomes
    if paid is None:
        paid = (fraction * _price_usd(security, occasion)).quantize(CENT, ROUND_HALF_UP)
    picks = occasion.pick(_pickable(lots, fraction), units=fraction, price_usd=paid / fraction)
    parts = dict(zip(picks, allocate_usd(paid, tuple(pick.units for pick in picks)), strict=True))
    return tuple(_sell(each, security, parts, occasion) for each in outcomes)


def _pickable(lots: tuple[Lot, ...], units: Decimal) -> tuple[Lot, ...]:
    """Return the lots to take a fraction from: those put aside for charity only where the others do not reach."""
    free = tuple(lot for lot in lots if not lot.is_gift)
    if sum((lot.units for lot in free), ZERO) >= units:
        return free
    return tuple(replace(lot, is_gift=False) for lot in lots)


def _price_usd(security: str, occasion: ActionOccasion) -> Decimal:
    terms = occasion.terms
    named = next((each.fraction_price_usd for each in terms.delivered if each.security == security), None)
    price = terms.fraction_price_usd if named is None else named
    if price is None:
        raise occasion.missing(f"pays fractions of {security} in cash and does not say at what price")
    return price


def _sell(outcome: LotOutcome, security: str, parts: dict[LotPick, Decimal], occasion: ActionOccasion) -> LotOutcome:
    after: list[Lot] = []
    sold: list[Disposition] = []
    for lot in outcome.after:
        pick = next((each for each in parts if each.key == lot.key), None) if lot.security == security else None
        if pick is None:
            after.append(lot)
            continue
        fraction, left = dispose(lot, pick, proceeds_usd=parts[pick], sold_on=occasion.on, event_ref=occasion.event_ref)
        sold.append(replace(fraction, kind=DispositionKind.CASH_IN_LIEU))
        after.extend([left] if left is not None else [])
    cash = sum((each.proceeds_usd for each in sold), ZERO)
    return replace(
        outcome,
        after=tuple(after),
        dispositions=(*outcome.dispositions, *sold),
        cash_usd=outcome.cash_usd + cash,
    )
