"""A case once its outcome has been carried out at the prices it was decided at, and once a year has passed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from portfolios.ledger.tax import Gains, net_year
from rebalancing.engine.judge.booking import cents
from rebalancing.engine.outcome import AccountOutcome, Outcome, Trade
from rebalancing.engine.types import ZERO, Account, Case, Lot, RecentTrade, Tax

WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Realised:
    short: Decimal
    long: Decimal
    caused: Decimal


def carry_out(case: Case, outcome: Outcome) -> Case:
    """
    Book every trade of an outcome: lots, cash, what the year has realised and caused, and the trades of the window.

    Prices and date stay; what is to be raised is still there, in cash.
    """
    made = {account.id: account for account in outcome.accounts}
    realised = {
        book.id: _Realised(short=book.short_gain, long=book.long_gain, caused=book.tax_caused)
        for book in outcome.returns
    }
    accounts = tuple(
        _carried_out(account, made[account.id], realised=realised, as_of=case.as_of) for account in case.accounts
    )
    recent = [trade for account in outcome.accounts for trade in _recent(account, case=case)]
    return msgspec.structs.replace(case, accounts=accounts, recent_trades=(*case.recent_trades, *recent))


def _carried_out(account: Account, made: AccountOutcome, *, realised: dict[str, _Realised], as_of: date) -> Account:
    sold = {part.lot: part.quantity for trade in made.trades for part in trade.lots}
    kept = [_rest(lot, sold.get(lot.id, ZERO)) for lot in account.lots]
    bought = [_bought(trade, as_of=as_of, taken=account.lots) for trade in made.trades if trade.side == "buy"]
    tax = account.tax
    if account.is_taxable and tax is not None and (account.tax_return or account.id) in realised:
        tax = _after(tax, realised[account.tax_return or account.id])
    return msgspec.structs.replace(
        account, lots=(*(lot for lot in kept if lot is not None), *bought), cash=made.cash_after, tax=tax
    )


def _rest(lot: Lot, sold: Decimal) -> Lot | None:
    """Return what is left of a lot, its basis by share to the cent; None where all is sold."""
    if sold == 0:
        return lot
    if sold == lot.quantity:
        return None

    def left(basis: Decimal | None) -> Decimal | None:
        return None if basis is None else basis - cents(basis * sold / lot.quantity)

    return msgspec.structs.replace(
        lot, quantity=lot.quantity - sold, cost=left(lot.cost), loss_cost=left(lot.loss_cost)
    )


def _bought(trade: Trade, *, as_of: date, taken: Sequence[Lot]) -> Lot:
    name = f"{trade.security} {as_of.isoformat()}"
    names = {lot.id for lot in taken}
    while name in names:
        name += "+"
    return Lot(
        id=name,
        security=trade.security,
        quantity=trade.quantity,
        cost=cents(trade.quantity * trade.price),
        acquired=as_of,
    )


def _after(tax: Tax, made: _Realised) -> Tax:
    return msgspec.structs.replace(
        tax,
        realized_short=tax.realized_short + made.short,
        realized_long=tax.realized_long + made.long,
        tax_used=None if tax.tax_used is None else tax.tax_used + made.caused,
    )


def _recent(account: AccountOutcome, *, case: Case) -> Iterator[RecentTrade]:
    for trade in account.trades:
        loss = sum((max(-part.gain, ZERO) for part in trade.lots), ZERO)
        yield RecentTrade(
            account=account.id,
            security=trade.security,
            date=case.as_of,
            side=trade.side,
            quantity=trade.quantity,
            loss=loss if trade.side == "sell" else ZERO,
        )


def next_year(case: Case) -> Case:
    """
    Move a case to the second of January: gains netted and carried on, nothing realised or used yet, lots a year older.

    Prices stay what they are: a plan over years promises no return.
    """
    as_of = date(case.as_of.year + 1, 1, 2)
    accounts = tuple(
        account if account.tax is None else msgspec.structs.replace(account, tax=_new_year(account.tax))
        for account in case.accounts
    )
    recent = tuple(trade for trade in case.recent_trades if as_of - trade.date <= WINDOW)
    return msgspec.structs.replace(case, as_of=as_of, accounts=accounts, recent_trades=recent)


def _new_year(tax: Tax) -> Tax:
    year = net_year(
        realized=Gains(short_usd=tax.realized_short, long_usd=tax.realized_long),
        carried_in=Gains(short_usd=tax.carryforward_short, long_usd=tax.carryforward_long),
        offset_limit_usd=tax.ordinary_offset,
    )
    return msgspec.structs.replace(
        tax,
        realized_short=ZERO,
        realized_long=ZERO,
        carryforward_short=year.carried.short_usd,
        carryforward_long=year.carried.long_usd,
        tax_used=None if tax.tax_used is None else ZERO,
        forced_harvest=None,
    )
