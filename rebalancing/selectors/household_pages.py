"""One household as its page shows it: people, accounts, what they hold together, taxes, wishes, what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from advisors.models import Membership
from portfolios.models.households import (
    Account,
    FilingStatus,
    Household,
    HouseholdMode,
    Standing,
    TaxHousehold,
    TaxReturn,
)
from portfolios.selectors.accounts import (
    HoldLine,
    StatementSummary,
    YearGains,
    open_holds,
    registration_words,
    statement_summaries,
    year_gains,
)
from portfolios.selectors.books import household_in_book
from portfolios.selectors.holdings import Holdings, holdings_of
from portfolios.selectors.limits import ClassLimit, limits_by_profile
from portfolios.selectors.preferences import tax_situations_by_return
from portfolios.selectors.tax_years import returns_that_differ
from portfolios.selectors.wash_calendar import WashRow, wash_calendars
from rebalancing.charts import ClassWeights
from rebalancing.models.proposals import Proposal
from rebalancing.models.runs import AccountFigures
from rebalancing.selectors.account_pages import class_weights, drift_of, with_targets
from rebalancing.selectors.accounts import custodian_words, day_state
from rebalancing.selectors.timelines import TimelineEvent, household_timeline

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLine:
    """A member of the household; the age is on the business date."""

    name: str
    age: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdAccount:
    """One account of the household with its figures and what its client asked for."""

    id: int
    name: str
    number_last4: str
    registration: str
    custodian: str
    profile: str
    state: str
    is_held_away: bool
    value_usd: Decimal
    cash_usd: Decimal
    drift_frac: Decimal | None
    tracking_error_frac: float | None
    opportunity_usd: Decimal | None
    proposal_id: int | None
    holds: tuple[HoldLine, ...]
    statement: StatementSummary
    gains: YearGains


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLine:
    """
    One tax return: rates and carried amounts are None before anybody stated them.

    `books_differ` where a person stated other losses carried in than the closed year carries.
    """

    id: int
    name: str
    filing: str
    state: str
    short_rate_frac: Decimal | None
    long_rate_frac: Decimal | None
    carryforward_short_usd: Decimal | None
    carryforward_long_usd: Decimal | None
    short_usd: Decimal
    long_usd: Decimal
    books_differ: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxHouseholdLine:
    """Accounts whose trades count together for wash sales, their returns and their calendar."""

    id: int
    name: str
    confirmed_at: datetime | None
    confirmed_by: str
    account_names: tuple[str, ...]
    returns: tuple[ReturnLine, ...]
    calendar: tuple[WashRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdPage:
    """Everything of the household page."""

    id: int
    name: str
    external_ref: str
    advisor: str
    office: str
    mode: str
    as_of_on: date
    people: tuple[PersonLine, ...]
    accounts: tuple[HouseholdAccount, ...]
    account_names: Mapping[int, str]
    value_usd: Decimal
    cash_usd: Decimal
    opportunity_usd: Decimal
    drift_frac: Decimal | None
    short_gain_usd: Decimal
    long_gain_usd: Decimal
    weights: tuple[ClassWeights, ...]
    tax_households: tuple[TaxHouseholdLine, ...]
    timeline: tuple[TimelineEvent, ...]


def household_page(member: Membership, household_id: int, *, today: date) -> HouseholdPage:
    """
    Collect one household's page as of the business date; some thirty queries for any number of accounts.

    :raises NotFound: the household lies outside the member's book
    """
    household = household_in_book(member, household_id)
    on = member.firm.business_on or today
    accounts = list(
        Account.objects.filter(household=household)
        .exclude(standing=Standing.CLOSED)
        .select_related("risk_profile", "figures__proposal", "household")
        .order_by("is_held_away", "name", "pk")
    )
    managed = [account for account in accounts if not account.is_held_away]
    holdings = holdings_of(accounts, firm_id=household.firm_id, as_of=on)
    profiles = limits_by_profile({a.risk_profile_id for a in managed if a.risk_profile_id}, on=on)
    limits = {a.pk: with_targets(profiles.get(a.risk_profile_id or 0, ()), _proposal_of(a)) for a in accounts}
    gains = year_gains([account.pk for account in accounts], year=on.year)
    lines = _account_lines(accounts, holdings, limits, gains, firm_id=household.firm_id, on=on)
    weights = combined_weights([(holdings[a.pk], limits[a.pk]) for a in managed])
    kept = [holdings[account.pk] for account in managed]
    tax_households = list(_tax_households(household))
    return HouseholdPage(
        id=household.pk,
        name=household.name,
        external_ref=household.external_ref,
        advisor=household.advisor.user.full_name,
        office=household.office.name,
        mode=HouseholdMode(household.mode).label,
        as_of_on=on,
        people=_people(household, on=on),
        accounts=lines,
        account_names={account.pk: f"{account.name} ··{account.number_last4}" for account in accounts},
        value_usd=sum((row.value_usd for row in kept), _ZERO),
        cash_usd=sum((row.cash_usd for row in kept), _ZERO),
        opportunity_usd=sum((line.opportunity_usd or _ZERO for line in lines), _ZERO),
        drift_frac=drift_of(weights),
        short_gain_usd=sum((row.short_gain_usd + row.short_loss_usd for row in kept), _ZERO),
        long_gain_usd=sum((row.long_gain_usd + row.long_loss_usd for row in kept), _ZERO),
        weights=weights,
        tax_households=_tax_lines(tax_households, accounts, gains, firm_id=household.firm_id, on=on),
        timeline=household_timeline(
            household.firm_id,
            household_id=household.pk,
            account_ids=[account.pk for account in accounts],
            tax_household_ids=[row.pk for row in tax_households],
        ),
    )


def _proposal_of(account: Account) -> Proposal | None:
    figures: AccountFigures | None = getattr(account, "figures", None)
    return figures.proposal if figures else None


def _people(household: Household, *, on: date) -> tuple[PersonLine, ...]:
    rows = household.people.order_by("pk").values_list("full_name", "born_on")
    return tuple(PersonLine(name=name, age=None if born is None else _age(born, on)) for name, born in rows)


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _account_lines(
    accounts: Sequence[Account],
    holdings: Mapping[int, Holdings],
    limits: Mapping[int, tuple[ClassLimit, ...]],
    gains: Mapping[int, YearGains],
    *,
    firm_id: int,
    on: date,
) -> tuple[HouseholdAccount, ...]:
    holds = open_holds([account.pk for account in accounts])
    statements = statement_summaries(accounts, firm_id=firm_id, on=on)
    lines = []
    for account in accounts:
        figures: AccountFigures | None = getattr(account, "figures", None)
        held = holdings[account.pk]
        is_held = bool(holds[account.pk]) and not account.is_held_away
        lines.append(
            HouseholdAccount(
                id=account.pk,
                name=account.name,
                number_last4=account.number_last4,
                registration=registration_words(account),
                custodian=custodian_words(account.custodian),
                profile=account.risk_profile.name if account.risk_profile else "",
                state="held" if is_held else day_state(account),
                is_held_away=account.is_held_away,
                value_usd=held.value_usd,
                cash_usd=held.cash_usd,
                drift_frac=_drift(account, held, limits[account.pk]),
                tracking_error_frac=figures.tracking_error_frac if figures else None,
                opportunity_usd=figures.opportunity_usd if figures else None,
                proposal_id=figures.proposal_id if figures else None,
                holds=holds[account.pk],
                statement=statements[account.pk],
                gains=gains[account.pk],
            )
        )
    return tuple(lines)


def _drift(account: Account, held: Holdings, limits: tuple[ClassLimit, ...]) -> Decimal | None:
    if account.is_held_away or held.value_usd <= 0:
        return None
    return drift_of(class_weights(held, limits))


def combined_weights(parts: Sequence[tuple[Holdings, tuple[ClassLimit, ...]]]) -> tuple[ClassWeights, ...]:
    """Add up accounts class by class: each account's own target and limits count with its value."""
    total = sum((held.value_usd for held, _ in parts), _ZERO)
    if total <= 0:
        return ()
    names: dict[str, tuple[int, str]] = {}
    sums: dict[str, list[Decimal]] = {}
    for held, limits in parts:
        for place, row in enumerate(held.classes):
            names.setdefault(row.key, (place, row.name))
            sums.setdefault(row.key, [_ZERO] * 4)[0] += row.value_usd
        for limit in limits:
            names[limit.key] = (limit.position, limit.name)
            mine = sums.setdefault(limit.key, [_ZERO] * 4)
            for place, share in enumerate((limit.weight_frac, limit.min_frac, limit.max_frac), start=1):
                mine[place] += share * held.value_usd
    has_target = any(limits for _, limits in parts)
    return tuple(
        ClassWeights(
            name=names[key][1],
            held_frac=sums[key][0] / total,
            target_frac=sums[key][1] / total if has_target else None,
            min_frac=sums[key][2] / total if has_target else None,
            max_frac=sums[key][3] / total if has_target else None,
        )
        for key in sorted(sums, key=lambda key: names[key])
        if any(sums[key])
    )


def _tax_households(household: Household) -> Sequence[TaxHousehold]:
    rows = TaxHousehold.objects.filter(household=household).select_related("confirmed_by").order_by("pk")
    return tuple(rows.prefetch_related("returns", "accounts"))


def _tax_lines(
    rows: Sequence[TaxHousehold],
    accounts: Sequence[Account],
    gains: Mapping[int, YearGains],
    *,
    firm_id: int,
    on: date,
) -> tuple[TaxHouseholdLine, ...]:
    calendars = wash_calendars([row.pk for row in rows], firm_id=firm_id, as_of=on)
    ids = [one.pk for row in rows for one in row.returns.all()]
    situations = tax_situations_by_return(ids, year=on.year)
    differing = returns_that_differ(ids, year=on.year)
    by_return: dict[int, list[YearGains]] = {}
    for account in accounts:
        if account.tax_return_id is not None:
            by_return.setdefault(account.tax_return_id, []).append(gains[account.pk])
    lines = []
    for row in rows:
        members = sorted(row.accounts.all(), key=lambda account: (account.name, account.pk))
        lines.append(
            TaxHouseholdLine(
                id=row.pk,
                name=row.name,
                confirmed_at=row.confirmed_at,
                confirmed_by=row.confirmed_by.full_name if row.confirmed_by else "",
                account_names=tuple(f"{account.name} ··{account.number_last4}" for account in members),
                returns=tuple(
                    _return_line(
                        one, situations.get(one.pk), by_return.get(one.pk, []), books_differ=one.pk in differing
                    )
                    for one in row.returns.all()
                ),
                calendar=calendars[row.pk],
            )
        )
    return tuple(lines)


def _return_line(row: TaxReturn, situation: object, gains: Sequence[YearGains], *, books_differ: bool) -> ReturnLine:
    def stated(*names: str) -> Decimal | None:
        return None if situation is None else sum((getattr(situation, name) for name in names), _ZERO)

    return ReturnLine(
        id=row.pk,
        name=row.name,
        filing=FilingStatus(row.filing_status).label,
        state=row.state,
        short_rate_frac=stated("short_rate_frac"),
        long_rate_frac=stated("long_rate_frac"),
        carryforward_short_usd=stated("carryforward_short_usd"),
        carryforward_long_usd=stated("carryforward_long_usd"),
        short_usd=sum((one.short_usd for one in gains), _ZERO),
        long_usd=sum((one.long_usd for one in gains), _ZERO),
        books_differ=books_differ,
    )
