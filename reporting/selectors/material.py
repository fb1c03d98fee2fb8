"""What a client report is made from, read back: stored cases and outcomes, fills, the year's gains, wishes, names."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import cast

from django.db.models import Q

from advisors.errors import Invalid
from portfolios.ledger.tax import Gains
from portfolios.ledger.types import Disposition, Term
from portfolios.ledger.wash_sales import WINDOW_DAYS, safe_to_buy_on
from portfolios.models.households import Account, TaxSituation, TaxStatus
from portfolios.models.lots import OutsideTrade, RealizedGain
from portfolios.models.securities import AssetClass, Screen, Security
from rebalancing.engine.types import Case
from rebalancing.models.orders import Fill as StoredFill
from rebalancing.models.orders import Order, OrderStatus
from rebalancing.models.proposals import LIVE, Proposal, ProposalStatus
from rebalancing.selectors.cases import stored_case, stored_outcome
from rebalancing.selectors.facts import account_label
from reporting.measures.facts import Heading, OpenWindow
from reporting.measures.inputs import ZERO, Episode, Fill, Inputs, Words, YearSoFar
from reporting.models import Report
from reporting.selectors.wishes import wishes_of


class NothingToReport(Invalid):
    """The account was never analysed, so there is nothing to say of it."""


@dataclass(frozen=True, slots=True)
class _Traded:
    """The fills of one proposal, the gains they realised, and the securities whose order is filled."""

    fills: tuple[Fill, ...]
    dispositions: tuple[Disposition, ...]
    complete: frozenset[str]


def report_inputs(report: Report) -> Inputs:
    """
    Read everything that a report speaks of; only the tax-blind solutions are missing.

    :raises NothingToReport: no proposal was ever made for the account
    :raises BadCase: a stored case was changed
    """
    account = report.account
    proposals = _proposals(report)
    episodes = tuple(_episode(proposal, account=account, until=report.period_ends_on) for proposal in proposals)
    current = episodes[-1]
    return Inputs(
        heading=_heading(report),
        episodes=episodes,
        words=_words(report.firm_id, cases=[episode.case for episode in episodes], account=account),
        wishes=wishes_of(account, needs=current.account.cash_needs, on=current.case.as_of),
        year=_year(account, until=report.period_ends_on),
        period_dispositions=tuple(_dispositions(_gains(report))),
        windows=tuple(_windows(account, on=report.period_ends_on)),
        fee_bps=account.fee_bps,
        fee_from_on=account.opened_on,
    )


def _proposals(report: Report) -> Sequence[Proposal]:
    """Return the proposals of which something was made, oldest first, and last the one that the report is about."""
    known = (
        Proposal.objects.filter(account_id=report.account_id, as_of_on__lte=report.period_ends_on)
        .select_related("outcome__case")
        .order_by("as_of_on", "pk")
    )
    current = known.filter(pk=report.proposal_id).first() if report.proposal_id else _newest(report)
    if current is None:
        raise NothingToReport("No proposal was made for this account yet. Run the account first, then ask again.")
    traded = known.filter(orders__fills__traded_on__lte=report.period_ends_on).exclude(pk=current.pk).distinct()
    return [*traded, current]


def _newest(report: Report) -> Proposal | None:
    """Return the newest proposal that stands; one with trades made comes before one that was overtaken."""
    standing = Q(status__in=[*LIVE, ProposalStatus.NO_TRADE, ProposalStatus.BOOKED])
    mine = Proposal.objects.filter(account_id=report.account_id, as_of_on__lte=report.period_ends_on)
    return mine.filter(standing).select_related("outcome__case").order_by("-as_of_on", "-pk").first()


def _episode(proposal: Proposal, *, account: Account, until: date) -> Episode:
    outcome = stored_outcome(proposal.outcome)
    traded = _traded(proposal, until=until)
    return Episode(
        case=stored_case(proposal.outcome.case),
        account_id=account.external_ref,
        outcome=next(one for one in outcome.accounts if one.id == account.external_ref),
        fills=traded.fills,
        dispositions=traded.dispositions,
        is_live=proposal.status in LIVE or proposal.status == ProposalStatus.NO_TRADE,
        complete=traded.complete,
    )


def _traded(proposal: Proposal, *, until: date) -> _Traded:
    stored = list(
        StoredFill.objects.filter(order__proposal=proposal, traded_on__lte=until)
        .select_related("order__security")
        .order_by("traded_on", "order__security__symbol", "execution_id")
    )
    fills = tuple(
        Fill(
            side="buy" if fill.order.side == "buy" else "sell",
            security=fill.order.security.symbol,
            units=fill.units,
            price_usd=fill.price_usd,
            fee_usd=fill.fee_usd,
            traded_on=fill.traded_on,
        )
        for fill in stored
    )
    gains = RealizedGain.objects.filter(event_id__in=[fill.event_id for fill in stored if fill.event_id])
    filled = Order.objects.filter(proposal=proposal, status=OrderStatus.FILLED).exclude(fills__traded_on__gt=until)
    return _Traded(
        fills=fills,
        dispositions=tuple(_dispositions(gains.select_related("security").order_by("closed_on", "pk"))),
        complete=frozenset(filled.values_list("security__symbol", flat=True)),
    )


def _gains(report: Report) -> Iterable[RealizedGain]:
    return (
        RealizedGain.objects.filter(
            account_id=report.account_id, closed_on__range=(report.period_starts_on, report.period_ends_on)
        )
        .select_related("security")
        .order_by("closed_on", "pk")
    )


def _dispositions(rows: Iterable[RealizedGain]) -> Iterator[Disposition]:
    for row in rows:
        yield Disposition(
            event_ref=str(row.event_id),
            lot_key=row.lot_key,
            root_key=row.lot_key,
            security=row.security.symbol,
            units=row.units,
            proceeds_usd=row.proceeds_usd,
            cost_usd=row.cost_usd,
            gain_usd=row.gain_usd,
            term=Term(row.term),
            sold_on=row.closed_on,
            acquired_on=row.acquired_on,
            disallowed_usd=row.disallowed_usd,
            permanent_usd=row.permanent_usd,
        )


def _heading(report: Report) -> Heading:
    account = report.account
    names = list(account.owners.order_by("pk").values_list("full_name", flat=True))
    return Heading(
        firm=report.firm.name,
        client=" and ".join(names) if names else report.household.name,
        account=account_label(account),
        advisor=report.household.advisor.user.full_name,
        risk_profile=account.risk_profile.name if account.risk_profile else "",
        period_starts_on=report.period_starts_on,
        period_ends_on=report.period_ends_on,
        is_taxable=account.tax_status == TaxStatus.TAXABLE,
        is_single_operator=report.firm.is_single_operator,
    )


def _words(firm_id: int, *, cases: Iterable[Case], account: Account) -> Words:
    """Name what the cases hold, target or restrict; not every security of the market."""
    symbols: set[str] = set()
    for case in cases:
        owner = next(one for one in case.accounts if one.id == account.external_ref)
        symbols.update(lot.security for lot in owner.lots)
        symbols.update(owner.target)
        symbols.update(substitute.use for substitute in owner.substitutes)
        symbols.update(constraint.subject for constraint in owner.constraints)
    classes = AssetClass.objects.filter(firm_id=firm_id).order_by("position", "pk")
    return Words(
        securities=dict(Security.objects.filter(symbol__in=symbols).values_list("symbol", "name")),
        classes=dict(classes.values_list("key", "name")),
        screens=dict(Screen.objects.filter(firm_id=firm_id).values_list("key", "name")),
    )


def _year(account: Account, *, until: date) -> YearSoFar:
    """Add up the return's year: what its taxable accounts realised here, and what was entered from outside."""
    if account.tax_return_id is None or account.tax_status != TaxStatus.TAXABLE:
        return YearSoFar()
    accounts = Account.objects.filter(
        tax_return_id=account.tax_return_id, tax_status=TaxStatus.TAXABLE, is_held_away=False
    )
    sums = {Term.SHORT: ZERO, Term.LONG: ZERO}
    rows = RealizedGain.objects.filter(
        account__in=accounts, closed_on__range=(date(until.year, 1, 1), until), gain_usd__isnull=False
    )
    for term, gain, disallowed in rows.values_list("term", "gain_usd", "disallowed_usd"):
        sums[Term(term)] += cast(Decimal, gain) + disallowed
    newest = TaxSituation.objects.filter(tax_return_id=account.tax_return_id, year=until.year)
    situation = newest.order_by("-set_at", "-pk").first()
    if situation is not None:
        sums[Term.SHORT] += situation.outside_short_usd
        sums[Term.LONG] += situation.elsewhere_long_usd
    return YearSoFar(
        realized=Gains(short_usd=sums[Term.SHORT], long_usd=sums[Term.LONG]), account_count=accounts.count()
    )


def _windows(account: Account, *, on: date) -> Iterator[OpenWindow]:
    """List the losses of the tax household whose 30 days are not over, one line a security, day and account."""
    since = on - timedelta(days=WINDOW_DAYS)
    rows = RealizedGain.objects.filter(
        account__tax_household_id=account.tax_household_id,
        account__tax_status=TaxStatus.TAXABLE,
        closed_on__range=(since, on),
        gain_usd__lt=0,
    ).select_related("account", "security")
    losses: dict[tuple[str, date, str], Decimal] = {}
    for row in rows.order_by("closed_on", "pk"):
        key = (row.security.symbol, row.closed_on, account_label(row.account))
        losses[key] = losses.get(key, ZERO) - (row.gain_usd or ZERO)
    outside = OutsideTrade.objects.filter(
        account__tax_household_id=account.tax_household_id, traded_on__range=(since, on), side="sell", loss_usd__gt=0
    ).select_related("account", "security")
    for trade in outside.order_by("traded_on", "pk"):
        key = (trade.security.symbol, trade.traded_on, account_label(trade.account))
        losses[key] = losses.get(key, ZERO) + trade.loss_usd
    for (symbol, sold_on, label), loss in losses.items():
        yield OpenWindow(symbol=symbol, sold_on=sold_on, loss_usd=loss, safe_on=safe_to_buy_on(sold_on), account=label)
