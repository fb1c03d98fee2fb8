"""Mergers and changes of name: what is held is given up for other securities, with or without cash."""

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal

from portfolios.ledger.corporate_actions.apportion import price_units, scale_units, take_basis
from portfolios.ledger.corporate_actions.assignment import assign
from portfolios.ledger.corporate_actions.effect import LotExchange, LotOutcome
from portfolios.ledger.corporate_actions.fractions import pay_fractions
from portfolios.ledger.corporate_actions.occasion import ActionOccasion
from portfolios.ledger.gains import dispose, lot_term
from portfolios.ledger.types import CENT, ZERO, Disposition, DispositionKind, Lot, LotPick


def rename(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """Give every lot the new symbol; nothing else changes."""
    deliveries = occasion.deliveries
    if len(deliveries) > 1 or deliveries[0].units_per_unit != 1:
        raise occasion.missing("changes a symbol, so it delivers one unit of one new symbol for each unit")
    return tuple(LotOutcome(before=lot, after=(replace(lot, security=deliveries[0].security),)) for lot in lots)


def merge_for_stock(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """Exchange every lot for stock, tax-free: its basis and holding period go on in what is received."""
    units = _units(lots, occasion)
    fracs = _fracs(occasion)
    outcomes = tuple(
        LotOutcome(before=lot, after=_received(lot, lot, mine, fracs, occasion))
        for lot, mine in zip(lots, zip(*units, strict=True), strict=True)
    )
    return pay_fractions(outcomes, occasion.symbols, occasion=occasion)


def merge_with_boot(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """
    Exchange every lot for stock and cash (IRC 356): gain is taxed up to the cash, lot by lot, a loss is not taken.

    The new basis is the old less the cash, plus the gain. A lot that the terms give cash alone for is sold.
    """
    units = _units(lots, occasion)
    fracs = _fracs(occasion)
    values = _values(units, occasion)
    cash = price_units((lot.units for lot in lots), occasion.terms.cash_per_unit_usd)
    if occasion.holder.assigned_lots:
        units, cash = assign(lots, units, cash, occasion)
        values = _values(units, occasion)
    outcomes = []
    for lot, mine, value, boot in zip(lots, zip(*units, strict=True), values, cash, strict=True):
        if not any(mine):
            sold = _sold(lot, boot, DispositionKind.SALE, occasion)
            outcomes.append(LotOutcome(before=lot, dispositions=(sold,), cash_usd=boot))
            continue
        exchange = _exchange(lot, stock_usd=value, cash_usd=boot)
        based = _after_boot(lot, exchange)
        outcomes.append(
            LotOutcome(
                before=lot,
                after=_received(lot, based, mine, fracs, occasion),
                dispositions=(_boot(lot, exchange, occasion),) if boot else (),
                cash_usd=boot,
                exchange=exchange,
                note="" if lot.cost_usd is not None else f"lot {lot.key} has no known basis, so no gain of its cash",
            )
        )
    return pay_fractions(tuple(outcomes), occasion.symbols, occasion=occasion)


def merge_taxably(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[LotOutcome, ...]:
    """
    Sell every lot for cash and the value of stock, gains and losses; the stock is bought on that day for its value.

    All of it is one acquisition, and a purchase for wash sales.
    """
    deliveries = occasion.deliveries
    units = _units(lots, occasion)
    cash = price_units((lot.units for lot in lots), occasion.terms.cash_per_unit_usd)
    values = [price_units(part, occasion.price_of(each)) for part, each in zip(units, deliveries, strict=True)]
    outcomes = []
    for place, lot in enumerate(lots):
        new = tuple(
            Lot(
                key=occasion.child_key(lot.key, delivery.security),
                root_key=occasion.child_key(lots[0].key, delivery.security),
                security=delivery.security,
                units=part[place],
                cost_usd=value[place],
                acquired_on=occasion.on,
            )
            for delivery, part, value in zip(deliveries, units, values, strict=True)
            if part[place]
        )
        proceeds = cash[place] + sum((value[place] for value in values), ZERO)
        sold = _sold(lot, proceeds, DispositionKind.TAXABLE_EXCHANGE, occasion)
        outcomes.append(LotOutcome(before=lot, after=new, dispositions=(sold,), cash_usd=cash[place]))
    return pay_fractions(tuple(outcomes), occasion.symbols, occasion=occasion)


def _sold(lot: Lot, proceeds_usd: Decimal, kind: DispositionKind, occasion: ActionOccasion) -> Disposition:
    whole = LotPick(key=lot.key, units=lot.units)
    sold, _ = dispose(lot, whole, proceeds_usd=proceeds_usd, sold_on=occasion.on, event_ref=occasion.event_ref)
    return replace(sold, kind=kind)


def _received(
    lot: Lot, based: Lot, units: tuple[Decimal, ...], fracs: tuple[Decimal, ...], occasion: ActionOccasion
) -> tuple[Lot, ...]:
    """Return the lots of what one lot is exchanged for; the first keeps its key. `based` carries the new basis."""
    shares, rest = take_basis(based, [frac if part else ZERO for frac, part in zip(fracs[1:], units[1:], strict=True)])
    received = []
    for place, (share, delivery, part) in enumerate(zip((rest, *shares), occasion.deliveries, units, strict=True)):
        if part:
            key = lot.key if place == 0 else occasion.child_key(lot.key, delivery.security)
            new = replace(share, key=key, security=delivery.security, units=part, is_wash_acquisition=False)
            received.append(new)
    return tuple(received)


def _exchange(lot: Lot, *, stock_usd: Decimal, cash_usd: Decimal) -> LotExchange:
    realised = None if lot.cost_usd is None else stock_usd + cash_usd - lot.cost_usd
    recognised = None if realised is None else max(ZERO, min(realised, cash_usd)).quantize(CENT, ROUND_HALF_EVEN)
    if lot.cost_usd is not None and recognised is not None and lot.cost_usd + recognised < cash_usd:
        recognised += CENT  # a basis is never negative, not even by half a cent
    return LotExchange(
        lot_key=lot.key,
        units=lot.units,
        cash_usd=cash_usd,
        stock_usd=stock_usd,
        realised_usd=realised,
        recognised_usd=recognised,
    )


def _after_boot(lot: Lot, exchange: LotExchange) -> Lot:
    if lot.cost_usd is None or exchange.recognised_usd is None:
        return lot
    change = exchange.recognised_usd - exchange.cash_usd
    loss_cost = None if lot.loss_cost_usd is None else max(ZERO, lot.loss_cost_usd + change)
    return replace(lot, cost_usd=lot.cost_usd + change, loss_cost_usd=loss_cost)


def _boot(lot: Lot, exchange: LotExchange, occasion: ActionOccasion) -> Disposition:
    gain = exchange.recognised_usd
    return Disposition(
        event_ref=occasion.event_ref,
        lot_key=lot.key,
        root_key=lot.root_key,
        security=lot.security,
        units=lot.units,
        proceeds_usd=exchange.cash_usd,
        cost_usd=None if gain is None else exchange.cash_usd - gain,
        gain_usd=gain,
        term=lot_term(lot, sold_on=occasion.on, gain_usd=gain),
        sold_on=occasion.on,
        acquired_on=lot.acquired_on,
        holding_on=lot.holding_on,
        kind=DispositionKind.BOOT,
    )


def _units(lots: tuple[Lot, ...], occasion: ActionOccasion) -> tuple[tuple[Decimal, ...], ...]:
    """Return, for each security that is received, the units of each lot."""
    return tuple(scale_units((lot.units for lot in lots), each.units_per_unit) for each in occasion.deliveries)


def _values(units: tuple[tuple[Decimal, ...], ...], occasion: ActionOccasion) -> tuple[Decimal, ...]:
    """Return the fair market value of the stock that each lot receives."""
    values = [price_units(part, occasion.price_of(each)) for part, each in zip(units, occasion.deliveries, strict=True)]
    return tuple(sum(each, ZERO) for each in zip(*values, strict=True))


def _fracs(occasion: ActionOccasion) -> tuple[Decimal, ...]:
    """
    Return the share of the basis that each security received takes: all where it is one, else as stated or by value.

    :raises BadInput: several are received, and neither shares that add up nor every market value are known
    """
    deliveries = occasion.deliveries
    if len(deliveries) == 1:
        return (Decimal(1),)
    stated = [each.basis_frac for each in deliveries if each.basis_frac is not None]
    if len(stated) == len(deliveries):
        if sum(stated, ZERO) != 1:
            raise occasion.missing(f"gives {sum(stated, ZERO)} of the basis to what is received; it must be all")
        return tuple(stated)
    values = [occasion.price_of(each) * each.units_per_unit for each in deliveries]
    total = sum(values, ZERO)
    if not total:
        raise occasion.missing("allocates the basis by market values, and all of them are zero")
    return tuple(value / total for value in values)
