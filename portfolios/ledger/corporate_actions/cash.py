"""Actions that pay cash: cash mergers, tenders, returns of capital, special dividends; and stock become worthless."""

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from portfolios.ledger.corporate_actions.apportion import price_units
from portfolios.ledger.corporate_actions.effect import LotOutcome
from portfolios.ledger.corporate_actions.occasion import ActionOccasion
from portfolios.ledger.errors import BadInput
from portfolios.ledger.gains import dispose, lot_term
from portfolios.ledger.types import CENT, ZERO, Disposition, DispositionKind, Lot, LotPick


def sell_all(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """Sell every lot for the cash of the terms."""
    cash = price_units((lot.units for lot in lots), _cash_per_unit(occasion))
    return tuple(_sell(lot, lot.units, paid, occasion) for lot, paid in zip(lots, cash, strict=True))


def tender(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """
    Sell what the holder tendered and was accepted: the lots as named, else by the account's method, else all.

    :raises BadInput: more is tendered than held, or a lot is named that is not of this security
    """
    picks = _tendered(lots, occasion)
    cash = price_units((pick.units for pick in picks), _cash_per_unit(occasion))
    sold = {pick.key: (pick.units, paid) for pick, paid in zip(picks, cash, strict=True)}
    return tuple(
        _sell(lot, *sold[lot.key], occasion) if lot.key in sold else LotOutcome(before=lot, after=(lot,))
        for lot in lots
    )


def _tendered(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotPick, ...]:
    holder = occasion.holder
    if holder.tendered_lots:
        picks = tuple(LotPick(key=key, units=units) for key, units in holder.tendered_lots)
        unknown = {pick.key for pick in picks} - {lot.key for lot in lots}
        if unknown or len({pick.key for pick in picks}) < len(picks):
            raise occasion.missing(f"is tendered lots that are not held, or one twice: {', '.join(sorted(unknown))}")
        return picks
    if holder.tendered_units is None:
        return tuple(LotPick(key=lot.key, units=lot.units) for lot in lots)
    if not holder.tendered_units:
        return ()
    try:
        return occasion.pick(lots, units=holder.tendered_units, price_usd=_cash_per_unit(occasion))
    except BadInput as fault:
        raise occasion.missing(f"cannot be tendered: {fault}") from fault


def _sell(lot: Lot, units: Decimal, paid: Decimal, occasion: ActionOccasion) -> LotOutcome:
    pick = LotPick(key=lot.key, units=units)
    sold, left = dispose(lot, pick, proceeds_usd=paid, sold_on=occasion.on, event_ref=occasion.event_ref)
    return LotOutcome(before=lot, after=() if left is None else (left,), dispositions=(sold,), cash_usd=paid)


def return_capital(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """
    Take the cash of each unit from the basis of its lot, not below zero; what is more is gain of that lot's term.

    Lots are not pooled (IRC 301(c), share by share). An unknown basis stays unknown.
    """
    cash = price_units((lot.units for lot in lots), _cash_per_unit(occasion))
    return tuple(_return_capital(lot, paid, occasion) for lot, paid in zip(lots, cash, strict=True))


def _return_capital(lot: Lot, paid: Decimal, occasion: ActionOccasion) -> LotOutcome:
    if lot.cost_usd is None:
        note = f"lot {lot.key} has no known basis that its {paid} could be taken from"
        return LotOutcome(before=lot, after=(lot,), cash_usd=paid, note=note)
    taken = min(lot.cost_usd, paid)
    loss_cost = None if lot.loss_cost_usd is None else max(ZERO, lot.loss_cost_usd - paid)
    reduced = replace(lot, cost_usd=lot.cost_usd - taken, loss_cost_usd=loss_cost)
    excess = (_excess(lot, paid - taken, occasion),) if paid > taken else ()
    return LotOutcome(before=lot, after=(reduced,), dispositions=excess, cash_usd=paid)


def _excess(lot: Lot, excess_usd: Decimal, occasion: ActionOccasion) -> Disposition:
    return Disposition(
        event_ref=occasion.event_ref,
        lot_key=lot.key,
        root_key=lot.root_key,
        security=lot.security,
        units=lot.units,
        proceeds_usd=excess_usd,
        cost_usd=ZERO,
        gain_usd=excess_usd.quantize(CENT, ROUND_HALF_EVEN),
        term=lot_term(lot, sold_on=occasion.on, gain_usd=excess_usd),
        sold_on=occasion.on,
        acquired_on=lot.acquired_on,
        holding_on=lot.holding_on,
        kind=DispositionKind.EXCESS_RETURN_OF_CAPITAL,
    )


def pay_dividend(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """Pay a dividend: income, and no lot changes."""
    cash = price_units((lot.units for lot in lots), _cash_per_unit(occasion))
    return tuple(
        LotOutcome(before=lot, after=(lot,), cash_usd=paid, income_usd=paid)
        for lot, paid in zip(lots, cash, strict=True)
    )


def write_off(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """Close every lot for nothing: a loss of the whole basis on the last day of the year (IRC 165(g))."""
    last_on = date(occasion.on.year, 12, 31)
    outcomes = []
    for lot in lots:
        whole = LotPick(key=lot.key, units=lot.units)
        lost, _ = dispose(lot, whole, proceeds_usd=ZERO, sold_on=last_on, event_ref=occasion.event_ref)
        outcomes.append(LotOutcome(before=lot, dispositions=(replace(lost, kind=DispositionKind.WORTHLESS),)))
    return tuple(outcomes)


def _cash_per_unit(occasion: ActionOccasion) -> Decimal:
    if not occasion.terms.cash_per_unit_usd:
        raise occasion.missing("pays cash and does not say how much a unit")
    return occasion.terms.cash_per_unit_usd
