"""One account as its page shows it: what is held beside what is meant, what is asked, what stands in the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from advisors.models import Membership
from portfolios.models.households import Account, Standing, TaxStatus
from portfolios.selectors.accounts import (
    HoldLine,
    StatementSummary,
    YearGains,
    open_holds,
    registration_words,
    statement_summaries,
    year_gains,
)
from portfolios.selectors.books import account_in_book
from portfolios.selectors.holdings import ClassRow, Holdings, SecurityRow, holdings_of
from portfolios.selectors.limits import ClassLimit, limits_by_profile
from rebalancing.charts import ClassWeights
from rebalancing.models.proposals import LIVE, Proposal, ProposalStatus
from rebalancing.models.runs import AccountFigures
from rebalancing.selectors.accounts import custodian_words, day_state
from rebalancing.selectors.timelines import TimelineEvent, account_timeline

ROWS_OF_CLASS: Final = 12
EVERYTHING: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalLine:
    """The newest proposal of an account; `is_live` while it is under way, `is_booked` once its trades are made."""

    id: int
    status: str
    sentence: str
    as_of_on: date
    created_at: datetime
    is_live: bool
    is_booked: bool
    traded_usd: Decimal
    opportunity_usd: Decimal
    tax_caused_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsClass:
    """One asset class of the holdings: its largest securities, and how much the folded ones are."""

    row: ClassRow
    shown: tuple[SecurityRow, ...]
    folded_count: int
    folded_usd: Decimal
    weights: ClassWeights | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHead:
    """Who and what an account is."""

    id: int
    name: str
    number_last4: str
    household_id: int
    household: str
    custodian: str
    registration: str
    profile: str
    is_discretionary: bool
    is_taxable: bool
    is_held_away: bool
    fee_bps: Decimal
    opened_on: date | None
    positions_on: date | None
    state: str
    may_trade: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """Everything of the account page; figures that no run has found yet are None."""

    head: AccountHead
    as_of_on: date
    figures: AccountFigures | None
    proposal: ProposalLine | None
    holdings: Holdings
    classes: tuple[HoldingsClass, ...]
    weights: tuple[ClassWeights, ...]
    drift_frac: Decimal | None
    holds: tuple[HoldLine, ...]
    statement: StatementSummary
    gains: YearGains
    timeline: tuple[TimelineEvent, ...]
    open_symbol: str


def account_page(
    member: Membership, account_id: int, *, today: date, open_symbol: str = "", open_class: str = ""
) -> AccountPage:
    """
    Collect one account's page as of the business date; some thirty queries for any number of lots.

    `open_symbol` is the security whose lots are unfolded, `open_class` the class shown whole; `all` unfolds all.

    :raises NotFound: the account lies outside the member's book
    """
    account = account_in_book(member, account_id)
    on = member.firm.business_on or today
    holdings = holdings_of([account], firm_id=account.firm_id, as_of=on)[account.pk]
    proposal = _newest_proposal(account)
    limits = limits_by_profile([account.risk_profile_id] if account.risk_profile_id else [], on=on)
    meant = with_targets(limits.get(account.risk_profile_id or 0, ()), proposal)
    weights = class_weights(holdings, meant, proposal)
    by_name = {row.name: row for row in weights}
    holds = open_holds([account.pk])[account.pk]
    return AccountPage(
        head=_head(account, is_held=bool(holds)),
        as_of_on=on,
        figures=AccountFigures.objects.filter(account=account).first(),
        proposal=_proposal_line(proposal),
        holdings=holdings,
        classes=tuple(
            _class(row, by_name.get(row.name), open_symbol=open_symbol, open_class=open_class)
            for row in holdings.classes
        ),
        weights=weights,
        drift_frac=drift_of(weights) if holdings.value_usd > 0 else None,
        holds=holds,
        statement=statement_summaries([account], firm_id=account.firm_id, on=on)[account.pk],
        gains=year_gains([account.pk], year=on.year)[account.pk],
        timeline=account_timeline(account),
        open_symbol=open_symbol,
    )


def _head(account: Account, *, is_held: bool) -> AccountHead:
    return AccountHead(
        id=account.pk,
        name=account.name,
        number_last4=account.number_last4,
        household_id=account.household_id,
        household=account.household.name,
        custodian=custodian_words(account.custodian),
        registration=registration_words(account),
        profile=account.risk_profile.name if account.risk_profile else "",
        is_discretionary=account.is_discretionary,
        is_taxable=account.tax_status == TaxStatus.TAXABLE,
        is_held_away=account.is_held_away,
        fee_bps=account.fee_bps,
        opened_on=account.opened_on,
        positions_on=account.positions_on,
        state="held" if is_held and not account.is_held_away else day_state(account),
        may_trade=not account.is_held_away and account.standing == Standing.ACTIVE and not is_held,
    )


def _newest_proposal(account: Account) -> Proposal | None:
    rows = Proposal.objects.filter(account=account).exclude(status=ProposalStatus.SUPERSEDED)
    live = rows.filter(status__in=LIVE).order_by("-created_at", "-pk").first()
    return live or rows.order_by("-created_at", "-pk").first()


def _proposal_line(proposal: Proposal | None) -> ProposalLine | None:
    if proposal is None:
        return None
    return ProposalLine(
        id=proposal.pk,
        status=proposal.status,
        sentence=proposal.sentence,
        as_of_on=proposal.as_of_on,
        created_at=proposal.created_at,
        is_live=proposal.status in LIVE,
        is_booked=proposal.status == ProposalStatus.BOOKED,
        traded_usd=proposal.traded_usd,
        opportunity_usd=proposal.opportunity_usd,
        tax_caused_usd=proposal.tax_caused_usd,
    )


def _class(row: ClassRow, weights: ClassWeights | None, *, open_symbol: str, open_class: str) -> HoldingsClass:
    is_whole = open_class in (row.key, EVERYTHING) or open_symbol == EVERYTHING
    shown = row.securities if is_whole else _largest(row.securities, keep=open_symbol)
    folded = [security for security in row.securities if security not in shown]
    return HoldingsClass(
        row=row,
        shown=shown,
        folded_count=len(folded),
        folded_usd=sum((security.value_usd or Decimal(0) for security in folded), Decimal(0)),
        weights=weights,
    )


def _largest(securities: tuple[SecurityRow, ...], *, keep: str) -> tuple[SecurityRow, ...]:
    if len(securities) <= ROWS_OF_CLASS:
        return securities
    return tuple(row for place, row in enumerate(securities) if place < ROWS_OF_CLASS or row.symbol == keep)


def class_weights(
    holdings: Holdings, limits: Sequence[ClassLimit], proposal: Proposal | None = None
) -> tuple[ClassWeights, ...]:
    """Lay what is held beside the risk profile, class by class, and beside what a live proposal would leave."""
    after = _after(proposal)
    held = {row.key: row for row in holdings.classes}
    meant = {limit.key: limit for limit in limits}
    rows = [
        ClassWeights(
            name=limit.name,
            held_frac=held[limit.key].weight_frac if limit.key in held else Decimal(0),
            after_frac=after.get(limit.key),
            target_frac=limit.weight_frac,
            min_frac=limit.min_frac,
            max_frac=limit.max_frac,
        )
        for limit in limits
    ]
    rows += [
        ClassWeights(
            name=row.name,
            held_frac=row.weight_frac,
            after_frac=after.get(row.key),
            target_frac=Decimal(0) if limits else None,
        )
        for row in holdings.classes
        if row.key not in meant and (row.value_usd or not limits)
    ]
    return tuple(rows)


def with_targets(limits: Sequence[ClassLimit], proposal: Proposal | None) -> tuple[ClassLimit, ...]:
    """
    Put the targets that the last run resolved in place of the profile's weights.

    A class whose product in this account belongs to another class (municipal bonds in an IRA) is meant there.
    """
    targets = {str(row["key"]): row.get("target") for row in proposal.allocation} if proposal else {}
    return tuple(
        replace(limit, weight_frac=Decimal(str(targets[limit.key]))) if targets.get(limit.key) is not None else limit
        for limit in limits
    )


def _after(proposal: Proposal | None) -> Mapping[str, Decimal]:
    if proposal is None or proposal.status not in LIVE:
        return {}
    return {str(row["key"]): Decimal(str(row["after"])) for row in proposal.allocation if row.get("after") is not None}


def drift_of(weights: Sequence[ClassWeights]) -> Decimal | None:
    """Return half the sum of absolute differences between held and target, None without a target."""
    gaps = [abs(row.held_frac - row.target_frac) for row in weights if row.target_frac is not None]
    return sum(gaps, Decimal(0)) / 2 if gaps else None
