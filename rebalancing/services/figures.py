"""The one row per account that lists and Today read: written by runs, and by every step of a proposal's way."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import F, Q

from advisors.models import Firm
from portfolios.models.households import Account, Standing
from portfolios.selectors.holdings import Holdings, holdings_of
from rebalancing.models.proposals import Proposal
from rebalancing.models.runs import AccountFigures, DayState

MOST_AT_ONCE: Final = 500
_VALUED: Final = ("journal_position", "value_usd", "cash_usd", "unrealized_short_usd", "unrealized_long_usd")
_FIELDS: Final = (
    *_VALUED,
    "as_of_on",
    "state",
    "state_since_at",
    "drift_frac",
    "tracking_error_frac",
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
    known = {row.account_id: row for row in AccountFigures.objects.filter(account__in=accounts)}
    fresh: list[AccountFigures] = []
    changed: list[AccountFigures] = []
    for account in accounts:
        row = known.get(account.pk)
        (changed if row else fresh).append(
            _filled(
                _of(account, row or AccountFigures(state_since_at=now)),
                analysis=analyses[account.pk],
                holdings=holdings[account.pk],
                as_of=as_of,
                now=now,
            )
        )
    AccountFigures.objects.bulk_create(fresh)
    AccountFigures.objects.bulk_update(changed, _FIELDS)


def _of(account: Account, row: AccountFigures) -> AccountFigures:
    row.account = account
    return row


def _filled(
    row: AccountFigures, *, analysis: Analysis, holdings: Holdings, as_of: date, now: datetime
) -> AccountFigures:
    if row.state != analysis.state or row.as_of_on != as_of:
        row.state_since_at = now
    row.as_of_on = as_of
    row.state = analysis.state
    row.drift_frac = analysis.drift_frac
    row.tracking_error_frac = analysis.tracking_error_frac
    row.tax_used_usd = analysis.tax_used_usd
    row.budget_usd = analysis.budget_usd
    row.opportunity_usd = analysis.opportunity_usd
    row.opportunity_bps = analysis.opportunity_bps
    row.proposal_id = analysis.proposal_id
    return _valued(row, holdings)


def _valued(row: AccountFigures, holdings: Holdings) -> AccountFigures:
    row.journal_position = row.account.journal_position
    row.value_usd = holdings.value_usd
    row.cash_usd = holdings.cash_usd
    row.unrealized_short_usd = holdings.short_gain_usd + holdings.short_loss_usd
    row.unrealized_long_usd = holdings.long_gain_usd + holdings.long_loss_usd
    return row


@transaction.atomic
def refresh_positions(*, firm_id: int, now: datetime) -> int:
    """
    Value accounts whose journal has moved since they were last valued, the new ones too; return how many.

    What a run found out stays; at most `MOST_AT_ONCE` a call.
    """
    as_of = Firm.objects.values_list("business_on", flat=True).get(pk=firm_id)
    if as_of is None:
        return 0
    moved = Q(figures__isnull=True) | ~Q(figures__journal_position=F("journal_position"))
    accounts = Account.objects.filter(moved, firm_id=firm_id, is_held_away=False).exclude(standing=Standing.CLOSED)
    rows = list(accounts.order_by("pk")[:MOST_AT_ONCE])
    holdings = holdings_of(rows, firm_id=firm_id, as_of=as_of)
    known = {row.account_id: row for row in AccountFigures.objects.filter(account__in=rows).select_related("account")}
    fresh = [
        _valued(AccountFigures(account=account, state_since_at=now), holdings[account.pk])
        for account in rows
        if account.pk not in known
    ]
    AccountFigures.objects.bulk_create(fresh)
    AccountFigures.objects.bulk_update([_valued(row, holdings[pk]) for pk, row in known.items()], _VALUED)
    return len(rows)


def refresh_all_positions(*, now: datetime) -> int:
    """Value what has moved in every firm, so many accounts in one transaction."""
    total = 0
    for firm_id in Firm.objects.order_by("pk").values_list("pk", flat=True):
        while count := refresh_positions(firm_id=firm_id, now=now):
            total += count
    return total


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
    rows = list(AccountFigures.objects.filter(account__in=account_ids).select_related("account"))
    for row in rows:
        _valued(row, holdings[row.account_id])
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
