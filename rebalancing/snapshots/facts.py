"""Everything that the cases of a chunk need from the database, in a constant number of queries."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, TypeVar

from portfolios.ledger.types import PURCHASE_KINDS
from portfolios.models.household_policies import HouseholdPolicy
from portfolios.models.households import Account, AccountHold, TaxSituation, TaxStatus
from portfolios.models.lots import CashBalance, LedgerEvent, Lot, OutsideTrade, RealizedGain
from portfolios.policy import SettingValue
from portfolios.selectors.household_policies import household_policies
from portfolios.selectors.preferences import (
    CashNeedLine,
    RestrictionLine,
    cash_needs_by_account,
    restrictions_by_account,
    settings_by_account,
    tax_situations_by_return,
)
from rebalancing.models.orders import OPEN_ORDER, Order
from rebalancing.models.proposals import LotSelection, Proposal, ProposalStatus, ProposedTrade, Side
from rebalancing.snapshots.actions import HolderAction, actions_of_holders

WASH_DAYS: Final = timedelta(days=30)
RETURN_DAYS: Final = timedelta(days=75)  # so long after a harvest a purchase may be the return from its substitute
AT_WORK: Final = (
    ProposalStatus.RELEASED,
    ProposalStatus.SENT,
    ProposalStatus.PARTLY_FILLED,
    ProposalStatus.FILLED,
)
BEFORE_RELEASE: Final = (ProposalStatus.PROPOSED, ProposalStatus.ADVISOR_APPROVED, ProposalStatus.APPROVED)
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A trade of the tax household that the wash-sale rule may look at. `loss_usd` is positive for a loss."""

    account_id: int
    security_id: int
    symbol: str
    traded_on: date
    side: Side
    units: Decimal
    loss_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Realized:
    """A gain (or loss below 0) that counts for this year's tax, by account."""

    account_id: int
    term: str
    gain_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All rows, by account id unless said otherwise. `holds` are sentences, `at_work` the accounts with orders out."""

    as_of: date
    accounts: Mapping[int, tuple[Account, ...]]  # by tax household
    holds: Mapping[int, tuple[str, ...]]
    lots: Mapping[int, tuple[Lot, ...]]
    cash: Mapping[int, CashBalance]
    settings: Mapping[int, Mapping[str, SettingValue]]
    restrictions: Mapping[int, tuple[RestrictionLine, ...]]
    cash_needs: Mapping[int, tuple[CashNeedLine, ...]]
    situations: Mapping[int, TaxSituation]  # by tax return
    realized: Mapping[int, tuple[Realized, ...]]
    movements: Mapping[int, tuple[Movement, ...]]
    harvests: Mapping[int, tuple[Movement, ...]]  # losses whose window has closed
    at_work: frozenset[int]
    policies: Mapping[int, HouseholdPolicy]  # by household, for those that are run together
    actions: Mapping[int, tuple[HolderAction, ...]]  # what changed the holdings of an account lately


def load_facts(firm_id: int, *, account_ids: Collection[int], as_of: date, change_id: int | None = None) -> Facts:
    """
    Read the tax households of these accounts whole; some two dozen queries for any number of them.

    With a change of the house view its defaults count as if they were in force.
    """
    asked = Account.objects.filter(firm_id=firm_id, pk__in=account_ids)
    rows = list(
        Account.objects.filter(tax_household_id__in=asked.values("tax_household_id"))
        .select_related("household", "tax_return")
        .order_by("pk")
    )
    ids = [account.pk for account in rows]
    lots = Lot.objects.filter(account_id__in=ids, closed_on__isnull=True).select_related("security").order_by("pk")
    gains = _gains(ids, as_of=as_of)
    orders = _open_orders(ids)
    managed = [account for account in rows if not account.is_held_away]
    returns = {account.tax_return_id for account in rows if account.tax_return_id}
    statuses = {account.pk: account.tax_status for account in rows}
    working = Proposal.objects.filter(account_id__in=ids, status__in=AT_WORK)
    by_account = _grouped(lots, key="account_id")
    movements = [
        *_booked_movements(ids, gains, statuses=statuses, as_of=as_of),
        *_recent_lots(by_account, as_of=as_of),
        *_order_movements(orders, statuses=statuses, as_of=as_of),
        *_unreleased_movements(set(ids) - set(account_ids), statuses=statuses, as_of=as_of),
    ]
    realized = [*_booked_gains(gains, year=as_of.year), *_order_gains(orders)]
    return Facts(
        as_of=as_of,
        accounts=_grouped(rows, key="tax_household_id"),
        holds=_holds(ids),
        lots=by_account,
        cash={balance.account_id: balance for balance in CashBalance.objects.filter(account_id__in=ids)},
        settings=settings_by_account(managed, on=as_of, change_id=change_id),
        restrictions=restrictions_by_account(managed, on=as_of),
        cash_needs=cash_needs_by_account(managed, on=as_of),
        situations=tax_situations_by_return(returns, year=as_of.year),
        realized=_grouped(realized, key="account_id"),
        movements=_grouped(movements, key="account_id"),
        harvests=_grouped(_past_harvests(gains, as_of=as_of), key="account_id"),
        at_work=frozenset(working.values_list("account_id", flat=True)),
        policies=household_policies({account.household_id for account in managed}),
        actions=actions_of_holders(ids, as_of=as_of),
    )


def _grouped(rows: Iterable[_Row], *, key: str) -> Mapping[int, tuple[_Row, ...]]:
    found: dict[int, list[_Row]] = {}
    for row in rows:
        found.setdefault(getattr(row, key), []).append(row)
    return {owner: tuple(members) for owner, members in found.items()}


def _holds(ids: list[int]) -> Mapping[int, tuple[str, ...]]:
    """Return why accounts are held; until when one expects it is only said, a person lifts it."""
    found: dict[int, list[str]] = {}
    for hold in AccountHold.objects.filter(account_id__in=ids, lifted_at__isnull=True).order_by("placed_at", "pk"):
        found.setdefault(hold.account_id, []).append(hold.reason)
    return {account_id: tuple(reasons) for account_id, reasons in found.items()}


def _gains(ids: list[int], *, as_of: date) -> list[RealizedGain]:
    since = min(date(as_of.year, 1, 1), as_of - RETURN_DAYS)
    rows = RealizedGain.objects.filter(account_id__in=ids, closed_on__range=(since, as_of), gain_usd__isnull=False)
    return list(rows.select_related("security").order_by("pk"))


def _booked_gains(gains: list[RealizedGain], *, year: int) -> Iterable[Realized]:
    """Count what the return recognises: a disallowed part of a loss is no loss."""
    for row in gains:
        if row.closed_on.year == year and row.gain_usd is not None:
            yield Realized(account_id=row.account_id, term=row.term, gain_usd=row.gain_usd + row.disallowed_usd)


def _loss_sales(gains: Iterable[RealizedGain]) -> Iterable[Movement]:
    """Name losses by what is still recognised of them: one that is wholly washed bars no purchase any more."""
    for row in gains:
        if row.gain_usd is not None and row.gain_usd + row.disallowed_usd < 0:
            yield Movement(
                account_id=row.account_id,
                security_id=row.security_id,
                symbol=row.security.symbol,
                traded_on=row.closed_on,
                side=Side.SELL,
                units=row.units,
                loss_usd=-(row.gain_usd + row.disallowed_usd),
            )


def _past_harvests(gains: Iterable[RealizedGain], *, as_of: date) -> Iterable[Movement]:
    """Name the losses whose wash-sale window has closed: what stands in for them may be sold again."""
    for movement in _loss_sales(gains):
        if as_of - RETURN_DAYS <= movement.traded_on < as_of - WASH_DAYS:
            yield movement


def _booked_movements(
    ids: list[int], gains: list[RealizedGain], *, statuses: Mapping[int, str], as_of: date
) -> Iterable[Movement]:
    window = (as_of - WASH_DAYS, as_of)
    bought = LedgerEvent.objects.filter(account_id__in=ids, kind__in=PURCHASE_KINDS, traded_on__range=window)
    for event in bought.select_related("security").order_by("pk"):
        if event.security is not None and event.units:
            yield Movement(
                account_id=event.account_id,
                security_id=event.security.pk,
                symbol=event.security.symbol,
                traded_on=event.traded_on,
                side=Side.BUY,
                units=event.units,
            )
    for movement in _loss_sales(gains):
        if movement.traded_on >= window[0] and statuses[movement.account_id] == TaxStatus.TAXABLE:
            yield movement
    outside = OutsideTrade.objects.filter(account_id__in=ids, traded_on__range=window)
    for trade in outside.select_related("security").order_by("pk"):
        is_deductible = statuses[trade.account_id] == TaxStatus.TAXABLE
        yield Movement(
            account_id=trade.account_id,
            security_id=trade.security_id,
            symbol=trade.security.symbol,
            traded_on=trade.traded_on,
            side=Side(trade.side),
            units=trade.units,
            loss_usd=trade.loss_usd if is_deductible else Decimal(0),
        )


def _recent_lots(lots: Mapping[int, tuple[Lot, ...]], *, as_of: date) -> Iterable[Movement]:
    """Name purchases that only an opened lot shows; of the accounts in a case the engine sees them itself."""
    for rows in lots.values():
        for lot in rows:
            if lot.is_wash_acquisition and as_of - WASH_DAYS <= lot.acquired_on <= as_of:
                yield Movement(
                    account_id=lot.account_id,
                    security_id=lot.security_id,
                    symbol=lot.security.symbol,
                    traded_on=lot.acquired_on,
                    side=Side.BUY,
                    units=lot.units,
                )


def _open_orders(ids: list[int]) -> list[tuple[Order, Decimal, tuple[LotSelection, ...]]]:
    """Return orders that are out, the share of each that is not yet filled, and its lots: they count as filled."""
    orders = list(
        Order.objects.filter(account_id__in=ids, status__in=OPEN_ORDER).select_related("security").order_by("pk")
    )
    picks = _grouped(
        LotSelection.objects.filter(trade_id__in=[order.trade_id for order in orders]).order_by("pk"), key="trade_id"
    )
    return [
        (order, (order.units - order.filled_units) / order.units, picks.get(order.trade_id, ()))
        for order in orders
        if order.filled_units < order.units
    ]


def _order_gains(orders: list[tuple[Order, Decimal, tuple[LotSelection, ...]]]) -> Iterable[Realized]:
    for order, share, picks in orders:
        for pick in picks:
            yield Realized(account_id=order.account_id, term=pick.term, gain_usd=pick.gain_usd * share)


def _order_movements(
    orders: list[tuple[Order, Decimal, tuple[LotSelection, ...]]], *, statuses: Mapping[int, str], as_of: date
) -> Iterable[Movement]:
    for order, share, picks in orders:
        is_deductible = statuses[order.account_id] == TaxStatus.TAXABLE
        loss = sum((-pick.gain_usd * share for pick in picks if pick.gain_usd < 0), Decimal(0))
        yield Movement(
            account_id=order.account_id,
            security_id=order.security_id,
            symbol=order.security.symbol,
            traded_on=as_of,
            side=Side(order.side),
            units=order.units - order.filled_units,
            loss_usd=loss if is_deductible else Decimal(0),
        )


def _unreleased_movements(
    outside_ids: Collection[int], *, statuses: Mapping[int, str], as_of: date
) -> Iterable[Movement]:
    """Name what is proposed for accounts that this case leaves out, so that neither washes the other."""
    trades = ProposedTrade.objects.filter(
        proposal__account_id__in=outside_ids, proposal__status__in=BEFORE_RELEASE
    ).select_related("security", "proposal")
    rows = list(trades.order_by("pk"))
    picks = _grouped(LotSelection.objects.filter(trade_id__in=[row.pk for row in rows]).order_by("pk"), key="trade_id")
    for row in rows:
        account_id = row.proposal.account_id
        loss = sum((-pick.gain_usd for pick in picks.get(row.pk, ()) if pick.gain_usd < 0), Decimal(0))
        yield Movement(
            account_id=account_id,
            security_id=row.security_id,
            symbol=row.security.symbol,
            traded_on=as_of,
            side=Side(row.side),
            units=row.units,
            loss_usd=loss if statuses[account_id] == TaxStatus.TAXABLE else Decimal(0),
        )
