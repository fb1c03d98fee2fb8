"""What a tax household did and is about to do, for the wash-sale test at release."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Sum

from portfolios.ledger.types import PURCHASE_KINDS
from portfolios.ledger.wash_sales import WINDOW_DAYS, RecentTrade, Side, group_windows
from portfolios.models.households import TaxStatus
from portfolios.models.lots import LedgerEvent, Lot, OutsideTrade, RealizedGain
from portfolios.models.securities import FirmSecurity, GroupLevel
from rebalancing.models.orders import OPEN_ORDER, Order
from rebalancing.models.proposals import LotSelection, Proposal, ProposalCheck, ProposalStatus, ProposedTrade
from rebalancing.rules import TradeFacts, TradeLot, wash_conflicts

_RULE = "wash_sale "


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A trade of a tax household by security id, before the firm's identity groups are looked up."""

    tax_household_id: int
    account_id: int
    security_id: int
    symbol: str
    traded_on: date
    side: Side
    units: Decimal
    loss_usd: Decimal = Decimal(0)


def wash_conflicts_of(proposals: Sequence[Proposal], *, firm_id: int, as_of: date) -> Mapping[int, tuple[str, ...]]:
    """
    Name what would wash in each proposal, by its id; a dozen queries for any number.

    Counted are the tax household's trades of the last 30 days, its open orders, and its other approved proposals:
    all but those of the same outcome, which were solved together.
    """
    households = {proposal.account.tax_household_id for proposal in proposals}
    moments = [
        *_booked(households, as_of=as_of),
        *_outside(households, as_of=as_of),
        *_ordered(households, as_of=as_of),
    ]
    planned = _planned(households, as_of=as_of)
    mine = _trades_of([proposal.pk for proposal in proposals])
    groups = _groups(firm_id, {trade.security_id for rows in mine.values() for trade in rows})
    others = {moment.security_id for moment in moments} | {moment.security_id for _, moment in planned}
    groups = {**groups, **_groups(firm_id, others - set(groups))}
    accepted = _accepted([proposal.pk for proposal in proposals])
    found = {}
    for proposal in proposals:
        rivals = [moment for outcome_id, moment in planned if outcome_id != proposal.outcome_id]
        recent = [
            _recent(moment, groups)
            for moment in (*moments, *rivals)
            if moment.tax_household_id == proposal.account.tax_household_id
        ]
        trades = [_facts(trade, proposal, groups) for trade in mine.get(proposal.pk, ())]
        found[proposal.pk] = wash_conflicts(
            trades, group_windows(recent, as_of=as_of), accepted=accepted.get(proposal.pk, frozenset())
        )
    return found


def _trades_of(proposal_ids: Collection[int]) -> Mapping[int, list[ProposedTrade]]:
    rows = (
        ProposedTrade.objects.filter(proposal_id__in=proposal_ids).select_related("security").prefetch_related("lots")
    )
    found: dict[int, list[ProposedTrade]] = defaultdict(list)
    for trade in rows:
        found[trade.proposal_id].append(trade)
    return found


def _groups(firm_id: int, security_ids: Collection[int]) -> dict[int, str]:
    """Return the identity group of securities: the firm's, where it made one of identical ones."""
    rows = FirmSecurity.objects.filter(
        firm_id=firm_id, security_id__in=security_ids, identity_group__level=GroupLevel.IDENTICAL
    )
    return {security_id: key or "" for security_id, key in rows.values_list("security_id", "identity_group__key")}


def _recent(moment: _Moment, groups: Mapping[int, str]) -> RecentTrade:
    return RecentTrade(
        account=str(moment.account_id),
        security=moment.symbol,
        group=groups.get(moment.security_id, moment.symbol),
        traded_on=moment.traded_on,
        side=moment.side,
        units=moment.units,
        loss_usd=moment.loss_usd,
    )


def _facts(trade: ProposedTrade, proposal: Proposal, groups: Mapping[int, str]) -> TradeFacts:
    return TradeFacts(
        account=str(proposal.account_id),
        symbol=trade.security.symbol,
        group=groups.get(trade.security_id, trade.security.symbol),
        side=Side(trade.side),
        is_taxable=proposal.account.tax_status == TaxStatus.TAXABLE,
        lots=tuple(TradeLot(acquired_on=lot.acquired_on, gain_usd=lot.gain_usd) for lot in trade.lots.all()),
    )


def _accepted(proposal_ids: Collection[int]) -> Mapping[int, frozenset[str]]:
    """Return the identity groups whose wash sale a proposal's own verifier saw and let pass as relaxed."""
    found: dict[int, set[str]] = defaultdict(set)
    rows = ProposalCheck.objects.filter(proposal_id__in=proposal_ids, verdict="relaxed", rule__startswith=_RULE)
    for proposal_id, rule in rows.values_list("proposal_id", "rule"):
        found[proposal_id].add(rule.removeprefix(_RULE))
    return {proposal_id: frozenset(groups) for proposal_id, groups in found.items()}


def _booked(households: Collection[int], *, as_of: date) -> Iterable[_Moment]:
    """Yield purchases by the journal and by what lots stand, and losses that count on a return."""
    first = as_of - timedelta(days=WINDOW_DAYS)
    columns = ("account__tax_household_id", "account_id", "security_id", "security__symbol")
    bought = LedgerEvent.objects.filter(
        account__tax_household_id__in=households,
        kind__in=[kind.value for kind in PURCHASE_KINDS],
        traded_on__range=(first, as_of),
        units__gt=0,
    )
    for household, account, security, symbol, day, units in bought.values_list(*columns, "traded_on", "units"):
        yield _moment(household, account, security, symbol, day, Side.BUY, units)
    lots = Lot.objects.filter(
        account__tax_household_id__in=households,
        is_wash_acquisition=True,
        acquired_on__range=(first, as_of),
        closed_on__isnull=True,
    )
    for household, account, security, symbol, day, units in lots.values_list(*columns, "acquired_on", "units"):
        yield _moment(household, account, security, symbol, day, Side.BUY, units)
    losses = RealizedGain.objects.filter(
        account__tax_household_id__in=households,
        account__tax_status=TaxStatus.TAXABLE,
        closed_on__range=(first, as_of),
        gain_usd__lt=0,
    )
    for household, account, security, symbol, day, units, gain, disallowed in losses.values_list(
        *columns, "closed_on", "units", "gain_usd", "disallowed_usd"
    ):
        if gain + disallowed < 0:  # a loss that is wholly washed bars nothing any more
            yield _moment(household, account, security, symbol, day, Side.SELL, units, -(gain + disallowed))


def _moment(
    household: int,
    account: int,
    security: int,
    symbol: str,
    day: date,
    side: Side,
    units: Decimal,
    loss_usd: Decimal = Decimal(0),
) -> _Moment:
    return _Moment(
        tax_household_id=household,
        account_id=account,
        security_id=security,
        symbol=symbol,
        traded_on=day,
        side=side,
        units=units,
        loss_usd=loss_usd,
    )


def _outside(households: Collection[int], *, as_of: date) -> Iterable[_Moment]:
    rows = OutsideTrade.objects.filter(
        account__tax_household_id__in=households,
        traded_on__range=(as_of - timedelta(days=WINDOW_DAYS), as_of),
    )
    for row in rows.select_related("account", "security"):
        taxable = row.account.tax_status == TaxStatus.TAXABLE
        loss = row.loss_usd if row.side == Side.SELL and taxable else Decimal(0)
        household = row.account.tax_household_id
        yield _moment(
            household,
            row.account_id,
            row.security_id,
            row.security.symbol,
            row.traded_on,
            Side(row.side),
            row.units,
            loss,
        )


def _ordered(households: Collection[int], *, as_of: date) -> Iterable[_Moment]:
    """Yield open orders as if they were filled today; a sale's loss is that of its proposal."""
    rows = Order.objects.filter(account__tax_household_id__in=households, status__in=OPEN_ORDER)
    trades = ProposedTrade.objects.filter(order__in=rows).select_related("security", "proposal__account")
    yield from (_planned_moment(trade, loss, as_of) for trade, loss in _with_losses(trades.order_by("pk")))


def _planned(households: Collection[int], *, as_of: date) -> Sequence[tuple[int, _Moment]]:
    approved = Proposal.objects.filter(account__tax_household_id__in=households, status=ProposalStatus.APPROVED)
    trades = ProposedTrade.objects.filter(proposal__in=approved).select_related("security", "proposal__account")
    pairs = _with_losses(trades.order_by("pk"))
    return [(trade.proposal.outcome_id, _planned_moment(trade, loss, as_of)) for trade, loss in pairs]


def _with_losses(trades: Iterable[ProposedTrade]) -> list[tuple[ProposedTrade, Decimal]]:
    rows = list(trades)
    losing = LotSelection.objects.filter(trade__in=[row.pk for row in rows], gain_usd__lt=0).values_list("trade_id")
    losses = {trade_id: -total for trade_id, total in losing.annotate(total=Sum("gain_usd"))}
    return [(row, losses.get(row.pk, Decimal(0))) for row in rows]


def _planned_moment(trade: ProposedTrade, loss_usd: Decimal, as_of: date) -> _Moment:
    account = trade.proposal.account
    counts = trade.side == Side.SELL and account.tax_status == TaxStatus.TAXABLE
    return _moment(
        account.tax_household_id,
        account.pk,
        trade.security_id,
        trade.security.symbol,
        as_of,
        Side(trade.side),
        trade.units,
        loss_usd if counts else Decimal(0),
    )
