"""The firm's day: where the accounts of a book stand, what is stuck and why, what waits for whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db.models import BigIntegerField, Count, Exists, F, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Cast

from advisors.models import Membership
from portfolios.models.households import AccountHold, HoldKind, TaxStatus
from portfolios.models.lots import RealizedGain
from portfolios.selectors.books import accounts_in_book
from rebalancing.models.orders import OPEN_ORDER, OrderBlock
from rebalancing.models.proposals import Decision, Proposal, ProposalCheck, ProposalDecision, ProposalStatus
from rebalancing.models.runs import DayState
from rebalancing.selectors.day import in_the_day, with_day_state
from rebalancing.selectors.facts import book_of_proposals

_WAITS_FOR: Final[Mapping[str, str]] = {
    HoldKind.MISSING_BASIS: "Advisor",
    HoldKind.SHORT_POSITION: "Advisor",
    HoldKind.MANUAL: "Who placed it",
}
_WAITING_STATUSES: Final = (
    ProposalStatus.PROPOSED,
    ProposalStatus.ADVISOR_APPROVED,
    ProposalStatus.APPROVED,
    ProposalStatus.SENT_BACK,
    ProposalStatus.STALE,
)
MOST_BLOCKS: Final = 5
DRIFT_STEPS_FRAC: Final = (0.0025, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.05, 0.1)
DRIFT_BINS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the day: how many accounts stand there, what they are worth, since when the oldest."""

    state: str
    label: str
    count: int
    value_usd: Decimal
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFor:
    """One reason for which accounts are held."""

    kind: str
    label: str
    count: int
    value_usd: Decimal
    oldest_at: datetime
    waits_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Proposals that wait at one place; `opportunity_usd` is what deciding on them is worth."""

    key: str
    count: int
    traded_usd: Decimal
    opportunity_usd: Decimal
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAtWork:
    """One block of orders that is out."""

    batch_id: int
    side: str
    symbol: str
    name: str
    account_count: int
    units: Decimal
    filled_units: Decimal
    amount_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class YearOfTaxes:
    """What was realised this year in the taxable accounts of a book; losses are positive."""

    year: int
    losses_usd: Decimal
    gains_usd: Decimal
    disallowed_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftBin:
    """How many accounts have drifted between two fractions; the last bin is open above."""

    from_frac: float
    to_frac: float | None
    count: int


def stages(member: Membership) -> tuple[Stage, ...]:
    """Return the stages of the day in their order, also the empty ones; one query."""
    accounts = with_day_state(in_the_day(accounts_in_book(member)), business_on=member.firm.business_on)
    rows = (
        accounts.order_by()
        .values("day_state")  # type: ignore[misc]  # an annotation
        .annotate(number=Count("pk"), dollars=_whole_dollars("figures__value_usd"), oldest=Min("day_since_at"))
    )
    found = {row["day_state"]: row for row in rows}
    return tuple(
        Stage(
            state=state.value,
            label=str(state.label),
            count=found[state]["number"] if state in found else 0,
            value_usd=Decimal((found[state]["dollars"] if state in found else 0) or 0),
            oldest_at=found[state]["oldest"] if state in found else None,
        )
        for state in DayState
    )


def _whole_dollars(column: str, *, only: Q | None = None) -> Sum:
    """Sum in whole dollars: SQLite holds decimals as floats, and money is never summed as such."""
    return Sum(Cast(column, BigIntegerField()), filter=only)


def held_for(member: Membership) -> tuple[HeldFor, ...]:
    """Return why accounts are held, the most frequent first; an account may be held for several reasons. One query."""
    holds = AccountHold.objects.filter(lifted_at__isnull=True, account__in=in_the_day(accounts_in_book(member)))
    rows = (
        holds.order_by()
        .values("kind")
        .annotate(
            number=Count("account", distinct=True),
            dollars=_whole_dollars("account__figures__value_usd"),
            oldest=Min("placed_at"),
        )
    )
    made = [
        HeldFor(
            kind=row["kind"],
            label=str(HoldKind(row["kind"]).label),
            count=row["number"],
            value_usd=Decimal(row["dollars"] or 0),
            oldest_at=row["oldest"],
            waits_for=_WAITS_FOR.get(row["kind"], "Operations"),
        )
        for row in rows
    ]
    return tuple(sorted(made, key=lambda one: (-one.count, one.label)))


def waiting(member: Membership) -> Mapping[str, Waiting]:
    """
    Return the proposals of a book that wait for somebody, by place; one query.

    Places: `with_advisor`, `to_review`, `approved`, `override` (a failed check that nobody overrode), `sent_back`,
    `stale`.
    """
    with_advisor = Q(status=ProposalStatus.PROPOSED, account__is_discretionary=False)
    undecided = Q(status__in=[ProposalStatus.PROPOSED, ProposalStatus.ADVISOR_APPROVED])
    places = {
        "with_advisor": with_advisor,
        "to_review": undecided & ~with_advisor,
        "approved": Q(status=ProposalStatus.APPROVED),
        "override": (undecided | Q(status=ProposalStatus.APPROVED)) & Q(is_failing=True),
        "sent_back": Q(status=ProposalStatus.SENT_BACK),
        "stale": Q(status=ProposalStatus.STALE),
    }
    columns: dict[str, Count | Sum | Min] = {}
    for key, place in places.items():
        columns[f"{key}_count"] = Count("pk", filter=place)
        columns[f"{key}_traded"] = _whole_dollars("traded_usd", only=place)
        columns[f"{key}_worth"] = _whole_dollars("opportunity_usd", only=place)
        columns[f"{key}_oldest"] = Min("status_at", filter=place)
    found = _proposals(member).order_by().aggregate(**columns)
    return {
        key: Waiting(
            key=key,
            count=found[f"{key}_count"],
            traded_usd=Decimal(found[f"{key}_traded"] or 0),
            opportunity_usd=Decimal(found[f"{key}_worth"] or 0),
            oldest_at=found[f"{key}_oldest"],
        )
        for key in places
    }


def _proposals(member: Membership) -> QuerySet[Proposal]:
    failing = ProposalCheck.objects.filter(proposal=OuterRef("pk"), verdict="fail")
    overridden = ProposalDecision.objects.filter(proposal=OuterRef("pk"), decision=Decision.OVERRIDE)
    mine = book_of_proposals(member).filter(status__in=_WAITING_STATUSES)
    return mine.annotate(is_failing=Q(Exists(failing)) & ~Q(Exists(overridden)))


def order_count_to_release(member: Membership) -> int:
    """Return how many trades the approved proposals of a book have."""
    approved = book_of_proposals(member).filter(status=ProposalStatus.APPROVED)
    return approved.aggregate(number=Count("trades"))["number"] or 0


def blocks_at_work(member: Membership) -> tuple[BlockAtWork, ...]:
    """Return the largest blocks of orders that are out, of the accounts of a book; one query."""
    mine = Q(orders__account__in=accounts_in_book(member), orders__status__in=OPEN_ORDER)
    rows = (
        OrderBlock.objects.filter(batch__firm_id=member.firm_id)
        .select_related("security")
        .annotate(
            account_count=Count("orders", filter=mine),
            ordered=Sum("orders__units", filter=mine),
            filled=Sum("orders__filled_units", filter=mine),
            dollars=_whole_dollars("orders__trade__amount_usd", only=mine),
        )
        .filter(account_count__gt=0)
        .order_by(F("dollars").desc(nulls_last=True), "pk")[:MOST_BLOCKS]
    )
    return tuple(
        BlockAtWork(
            batch_id=row.batch_id,
            side=row.side,
            symbol=row.security.symbol,
            name=row.security.name,
            account_count=row.account_count,
            units=row.ordered,
            filled_units=row.filled,
            amount_usd=Decimal(row.dollars or 0),
        )
        for row in rows
    )


def year_of_taxes(member: Membership, *, business_on: date | None) -> YearOfTaxes | None:
    """Sum what was realised this year in the taxable accounts of a book; one query."""
    if business_on is None:
        return None
    rows = RealizedGain.objects.filter(
        account__in=accounts_in_book(member).filter(tax_status=TaxStatus.TAXABLE),
        closed_on__range=(date(business_on.year, 1, 1), business_on),
    )
    found = rows.aggregate(
        losses=_whole_dollars("gain_usd", only=Q(gain_usd__lt=0)),
        gains=_whole_dollars("gain_usd", only=Q(gain_usd__gt=0)),
        disallowed=_whole_dollars("disallowed_usd"),
    )
    return YearOfTaxes(
        year=business_on.year,
        losses_usd=-Decimal(found["losses"] or 0),
        gains_usd=Decimal(found["gains"] or 0),
        disallowed_usd=Decimal(found["disallowed"] or 0),
    )


def drift_bins(member: Membership) -> tuple[DriftBin, ...]:
    """Count the analysed accounts of a book by how far they drifted, in steps that nearly all fit into; one query."""
    drifted = in_the_day(accounts_in_book(member)).filter(figures__drift_frac__isnull=False)
    found = sorted(drift or 0.0 for drift in drifted.order_by().values_list("figures__drift_frac", flat=True))
    most = found[int(len(found) * 0.95)] if found else 0.0
    step = next((one for one in DRIFT_STEPS_FRAC if most < one * (DRIFT_BINS - 1)), DRIFT_STEPS_FRAC[-1])
    counts = [0] * DRIFT_BINS
    for drift in found:
        counts[min(int(drift / step), DRIFT_BINS - 1)] += 1
    return tuple(
        DriftBin(
            from_frac=place * step,
            to_frac=(place + 1) * step if place < DRIFT_BINS - 1 else None,
            count=number,
        )
        for place, number in enumerate(counts)
    )
