"""The one row per account that lists and Today read: written by runs, and by every step of a proposal's way."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from portfolios.models.households import Account
from portfolios.selectors.holdings import Holdings, holdings_of
from rebalancing.models.proposals import Proposal
from rebalancing.models.runs import AccountFigures, DayState

_FIELDS: Final = (
    "as_of_on",
    "state",
    "state_since_at",
    "value_usd",
    "cash_usd",
    "drift_frac",
    "tracking_error_frac",
    "unrealized_short_usd",
    "unrealized_long_usd",
    "tax_used_usd",
    "budget_usd",
    "opportunity_usd",
    "opportunity_bps",
    "proposal",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What a run found out about an account; `state` is where it leaves it."""

    state: DayState
    proposal_id: int | None = None
    drift_frac: float | None = None
    tracking_error_frac: float | None = None
    tax_used_usd: Decimal | None = None
    budget_usd: Decimal | None = None
    opportunity_usd: Decimal | None = None
    opportunity_bps: float | None = None


def record_analyses(
    accounts: Collection[Account], *, analyses: Mapping[int, Analysis], firm_id: int, as_of: date, now: datetime
) -> None:
    """Write the figures of accounts after a run, in the caller's transaction; `analyses` is by account id."""
    holdings = holdings_of(accounts, firm_id=firm_id, as_of=as_of)
    known = {row.account_id: row for row in AccountFigures.objects.filter(account__in=analyses)}
    fresh: list[AccountFigures] = []
    changed: list[AccountFigures] = []
    for account in accounts:
        row = known.get(account.pk)
        (changed if row else fresh).append(
            _filled(
                row or AccountFigures(account=account, state_since_at=now),
                analysis=analyses[account.pk],
                holdings=holdings[account.pk],
                as_of=as_of,
                now=now,
            )
        )
    AccountFigures.objects.bulk_create(fresh)
    AccountFigures.objects.bulk_update(changed, _FIELDS)


def _filled(
    row: AccountFigures, *, analysis: Analysis, holdings: Holdings, as_of: date, now: datetime
) -> AccountFigures:
    if row.state != analysis.state or row.as_of_on != as_of:
        row.state_since_at = now
    row.as_of_on = as_of
    row.state = analysis.state
    row.value_usd = holdings.value_usd
    row.cash_usd = holdings.cash_usd
    row.drift_frac = analysis.drift_frac
    row.tracking_error_frac = analysis.tracking_error_frac
    row.unrealized_short_usd = holdings.short_gain_usd + holdings.short_loss_usd
    row.unrealized_long_usd = holdings.long_gain_usd + holdings.long_loss_usd
    row.tax_used_usd = analysis.tax_used_usd
    row.budget_usd = analysis.budget_usd
    row.opportunity_usd = analysis.opportunity_usd
    row.opportunity_bps = analysis.opportunity_bps
    row.proposal_id = analysis.proposal_id
    return row


def set_day_state(account_ids: Collection[int], *, state: DayState, now: datetime) -> None:
    """Move accounts along the day, in the transaction that moved their proposals."""
    AccountFigures.objects.filter(account_id__in=account_ids).exclude(state=state).update(
        state=state, state_since_at=now
    )


def record_bookings(account_ids: Collection[int], *, booked: Collection[Proposal], firm_id: int, as_of: date) -> None:
    """
    Bring the figures of accounts up to what their fills left, in the transaction that booked them.

    Values follow from the lots. What only the engine knows is taken from the proposals that are `booked` to the end.
    """
    accounts = Account.objects.filter(pk__in=account_ids)
    holdings = holdings_of(list(accounts), firm_id=firm_id, as_of=as_of)
    done = {proposal.account_id: proposal for proposal in booked}
    rows = list(AccountFigures.objects.filter(account__in=account_ids))
    for row in rows:
        held = holdings[row.account_id]
        row.value_usd, row.cash_usd = held.value_usd, held.cash_usd
        row.unrealized_short_usd = held.short_gain_usd + held.short_loss_usd
        row.unrealized_long_usd = held.long_gain_usd + held.long_loss_usd
        if row.account_id in done:
            _follow(row, done[row.account_id])
    AccountFigures.objects.bulk_update(rows, _FIELDS)


def _follow(row: AccountFigures, proposal: Proposal) -> None:
    """Take over what a proposal promised and its fills made true."""
    row.tracking_error_frac = proposal.tracking_error_after_frac
    row.drift_frac = sum(abs(share["after"] - share["target"]) for share in proposal.allocation) / 2
    row.opportunity_usd, row.opportunity_bps = Decimal(0), 0.0
    if row.tax_used_usd is not None and proposal.tax_caused_usd is not None:
        row.tax_used_usd += proposal.tax_caused_usd
