"""The account as if tax did not matter: the same case without tax, then its sales from the oldest lots first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from portfolios.ledger import types as ledger
from portfolios.ledger.gains import dispose
from portfolios.ledger.relief import Occasion, pick_lots
from portfolios.ledger.types import CENT, ZERO, Disposition, LotPick, Relief
from portfolios.ledger.wash_sales import is_in_window
from rebalancing.engine.outcome import Trade
from rebalancing.engine.types import Account, Case, Lot


def tax_blind_case(case: Case) -> Case:
    """
    Return the same case with tax out of the decision.

    Holdings, date, prices, target, cash needs, restrictions and trading rules stay. Every account is treated as one
    where tax plays no part, and earlier losses bar no purchase; which lots are sold is then chosen by
    `fifo_dispositions`, and taxed at the account's real rates.
    """
    accounts = tuple(
        msgspec.structs.replace(account, tax_status="deferred", tax_return=None, tax=None)
        if account.is_taxable
        else account
        for account in case.accounts
    )
    return msgspec.structs.replace(case, accounts=accounts, recent_trades=())


def ledger_lot(lot: Lot) -> ledger.Lot:
    """Turn a lot of a case into one of the ledger; what was bought at once shares its root."""
    return ledger.Lot(
        key=lot.id,
        security=lot.security,
        units=lot.quantity,
        cost_usd=lot.cost,
        acquired_on=lot.acquired,
        holding_on=lot.holding_date,
        loss_cost_usd=lot.loss_cost,
        is_inherited=lot.inherited,
        is_gift=lot.gift,
        is_wash_acquisition=lot.wash_acquisition,
    )


def fifo_dispositions(case: Case, account: Account, trades: Iterable[Trade]) -> tuple[Disposition, ...]:
    """
    Book sales from the oldest lots first, at the prices of the case, with the losses that wash sales would disallow.

    Lots of unknown basis and lots put aside for charity are left alone, as everywhere.
    :raises BadInput: a sale is larger than what may be sold
    """
    bought = [trade for trade in trades if trade.side == "buy"]
    sold: list[Disposition] = []
    for trade in trades:
        if trade.side != "sell":
            continue
        known = [lot for lot in account.lots if lot.security == trade.security and lot.cost is not None]
        lots = {lot.id: ledger_lot(lot) for lot in known}
        occasion = Occasion(sold_on=case.as_of, price_usd=trade.price)
        picks = pick_lots(lots.values(), units=trade.quantity, method=Relief.FIFO, occasion=occasion)
        sold.extend(_disposed(lots[pick.key], pick, trade=trade, sold_on=case.as_of) for pick in picks)
    return _washed(case, account, sold=sold, bought=bought)


def _disposed(lot: ledger.Lot, pick: LotPick, *, trade: Trade, sold_on: date) -> Disposition:
    proceeds = (pick.units * trade.price).quantize(CENT, ROUND_HALF_EVEN)
    disposition, _ = dispose(lot, pick, proceeds_usd=proceeds, sold_on=sold_on, event_ref=f"fifo {trade.security}")
    return disposition


@dataclass(slots=True)
class _Replacement:
    """Shares whose purchase may wash a loss; used up as losses are matched to them."""

    bought_on: date
    units: Decimal
    origin: tuple[str, str, date]
    is_permanent: bool


def _washed(
    case: Case, account: Account, *, sold: Sequence[Disposition], bought: Sequence[Trade]
) -> tuple[Disposition, ...]:
    """Disallow losses share for share against purchases of the same identity group within 30 days."""
    groups = {security.id: security.group for security in case.securities}
    left: dict[str, list[_Replacement]] = {}
    result: list[Disposition] = []
    for one in sorted(sold, key=lambda one: (one.acquired_on or case.as_of, one.lot_key)):
        if one.gain_usd is None or one.gain_usd >= 0:
            result.append(one)
            continue
        group = groups[one.security]
        if group not in left:
            left[group] = _replacements(case, account, group=group, sold=sold, bought=bought)
        result.append(_wash_one(one, left[group], account=account))
    return tuple(result)


def _wash_one(loss: Disposition, replacements: list[_Replacement], *, account: Account) -> Disposition:
    assert loss.gain_usd is not None
    own = (account.id, loss.security, loss.acquired_on)
    disallowed, permanent, wanted = ZERO, ZERO, loss.units
    for one in replacements:
        matched = min(wanted, one.units)
        if matched <= 0 or one.origin == own:
            continue
        amount = -loss.gain_usd * matched / loss.units
        disallowed += amount
        permanent += amount if one.is_permanent else ZERO
        one.units -= matched
        wanted -= matched
    return replace(
        loss,
        disallowed_usd=disallowed.quantize(CENT, ROUND_HALF_EVEN),
        permanent_usd=permanent.quantize(CENT, ROUND_HALF_EVEN),
    )


def _replacements(
    case: Case, account: Account, *, group: str, sold: Sequence[Disposition], bought: Sequence[Trade]
) -> list[_Replacement]:
    """List what was bought of a group near the sale and is still held after it, the earliest first."""
    members = {security.id for security in case.securities if security.group == group}
    found = [*_held(case, account, members, sold=sold), *_outside(case, group=group, members=members)]
    found.extend(
        _replacement(account.id, trade.security, case.as_of, trade.quantity)
        for trade in bought
        if trade.security in members
    )
    return sorted(found, key=lambda one: (one.bought_on, one.origin))


def _held(case: Case, account: Account, members: set[str], *, sold: Sequence[Disposition]) -> Iterator[_Replacement]:
    gone = {one.lot_key: one.units for one in sold}
    for owner in case.accounts:
        for lot in owner.lots:
            held = lot.quantity - (gone.get(lot.id, ZERO) if owner.id == account.id else ZERO)
            is_near = lot.wash_acquisition and is_in_window(acquired_on=lot.acquired, sold_on=case.as_of)
            if is_near and held > 0 and lot.security in members:
                yield _replacement(owner.id, lot.security, lot.acquired, held, is_permanent=not owner.is_taxable)


def _outside(case: Case, *, group: str, members: set[str]) -> Iterator[_Replacement]:
    """List purchases of accounts that are not in the case; those of the others are among their lots."""
    inside = {owner.id for owner in case.accounts}
    for trade in case.recent_trades:
        is_member = trade.security in members or trade.identity_group == group
        if trade.side == "buy" and trade.account not in inside and is_member:
            yield _replacement(trade.account, trade.security, trade.date, trade.quantity)


def _replacement(
    owner: str, security: str, bought_on: date, units: Decimal, *, is_permanent: bool = False
) -> _Replacement:
    return _Replacement(
        bought_on=bought_on, units=units, origin=(owner, security, bought_on), is_permanent=is_permanent
    )
