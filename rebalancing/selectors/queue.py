"""Lists of proposals: everything in a member's book, and what waits for a reviewer, in order of opportunity."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum

from advisors.models import Membership
from portfolios.models.households import AccountHold
from rebalancing.models.proposals import Decision, Proposal, ProposalCheck, ProposalDecision, ProposalStatus
from rebalancing.selectors.facts import account_label, book_of_proposals

PAGE_SIZE: Final = 50
MOST_AT_ONCE: Final = 5000

TO_REVIEW: Final = "to_review"
WITH_ADVISOR: Final = "with_advisor"
WAITING: Final[Mapping[str, str]] = {
    TO_REVIEW: "To approve",
    WITH_ADVISOR: "With the advisor",
    ProposalStatus.APPROVED.value: "To release",
}

SORTS: Final[Mapping[str, str]] = {
    "opportunity": "opportunity_usd",
    "bps": "opportunity_bps",
    "tax": "tax_caused_usd",
    "cost": "cost_usd",
    "turnover": "turnover_frac",
    "traded": "traded_usd",
    "tracking": "tracking_error_after_frac",
    "household": "household__name",
    "date": "created_at",
}

FLAGS: Final[Mapping[str, str]] = {
    "failed": "Failed check",
    "relaxed": "A rule gave way",
    "held": "Account held",
    "tax": "Causes tax",
    "nondiscretionary": "Non-discretionary",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """What a list shows: one status or waiting place, words of household or account, a flag, an order."""

    status: str = ""
    words: str = ""
    flag: str = ""
    sort: str = "-opportunity"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One proposal of a list; `flags` are what a reviewer should look at."""

    id: int
    household: str
    household_id: int
    account: str
    account_id: int
    advisor: str
    status: str
    as_of_on: date
    sentence: str
    trade_count: int
    traded_usd: Decimal
    turnover_frac: float
    tax_caused_usd: Decimal | None
    cost_usd: Decimal
    tracking_error_before_frac: float
    tracking_error_after_frac: float
    opportunity_usd: Decimal
    opportunity_bps: float
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One waiting place of the queue with how much waits there."""

    key: str
    label: str
    count: int
    traded_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One page of a list of proposals."""

    page: Page[int]
    rows: tuple[QueueRow, ...]
    places: tuple[Place, ...]


def _at_place(member: Membership, key: str) -> Q:
    """Return the condition of a place; a tax household is decided whole, so all of it waits for one's advisor."""
    undecided = Q(status__in=[ProposalStatus.PROPOSED, ProposalStatus.ADVISOR_APPROVED])
    if key not in (WITH_ADVISOR, TO_REVIEW):
        return Q(status=key)
    waiting = Proposal.objects.filter(
        firm_id=member.firm_id, status=ProposalStatus.PROPOSED, account__is_discretionary=False
    )
    with_advisor = Q(outcome__in=waiting.values("outcome"))
    return undecided & (with_advisor if key == WITH_ADVISOR else ~with_advisor)


def _flagged(rows: QuerySet[Proposal], flag: str) -> QuerySet[Proposal]:
    if flag == "failed":
        return rows.filter(Exists(ProposalCheck.objects.filter(proposal=OuterRef("pk"), verdict="fail")))
    if flag == "held":
        return rows.filter(Exists(AccountHold.objects.filter(account=OuterRef("account"), lifted_at__isnull=True)))
    simple = {
        "relaxed": Q(is_relaxed=True),
        "tax": Q(tax_caused_usd__gt=0),
        "nondiscretionary": Q(account__is_discretionary=False),
    }
    return rows.filter(simple[flag]) if flag in simple else rows


def _filtered(member: Membership, wanted: QueueFilter) -> QuerySet[Proposal]:
    superseded = Q(status=ProposalStatus.SUPERSEDED)
    rows = book_of_proposals(member).filter(_at_place(member, wanted.status) if wanted.status else ~superseded)
    for word in wanted.words.split()[:5]:
        rows = rows.filter(
            Q(household__name__icontains=word)
            | Q(account__name__icontains=word)
            | Q(account__number_last4=word)
            | Q(account__external_ref__iexact=word)
        )
    return _flagged(rows, wanted.flag)


def _ordered(rows: QuerySet[Proposal], sort: str) -> QuerySet[Proposal]:
    column = F(SORTS.get(sort.removeprefix("-"), "opportunity_usd"))
    first = column.desc(nulls_last=True) if sort.startswith("-") else column.asc(nulls_last=True)
    return rows.order_by(first, "-pk")


def proposal_queue(member: Membership, wanted: QueueFilter, *, page: int = 1) -> Queue:
    """Return one page of the proposals that a filter finds; seven queries for any number of rows."""
    rows = _ordered(_filtered(member, wanted), wanted.sort)
    chosen = Paginator(rows.values_list("pk", flat=True), PAGE_SIZE).get_page(page)
    ids = list(chosen.object_list)
    found = Proposal.objects.select_related("account", "household__advisor__user").in_bulk(ids)
    proposals = [found[pk] for pk in ids]
    counts = dict(
        Proposal.objects.filter(pk__in=ids).values_list("pk").annotate(trade_count=Count("trades")).order_by("pk")
    )
    failed = _failed(ids)
    held = set(
        AccountHold.objects.filter(
            account__in=[proposal.account_id for proposal in proposals], lifted_at__isnull=True
        ).values_list("account_id", flat=True)
    )
    return Queue(
        page=chosen,
        rows=tuple(
            _row(proposal, trade_count=counts.get(proposal.pk, 0), flags=_flags(proposal, failed=failed, held=held))
            for proposal in proposals
        ),
        places=waiting_places(member),
    )


def _failed(proposal_ids: Collection[int]) -> set[int]:
    failing = ProposalCheck.objects.filter(proposal_id__in=proposal_ids, verdict="fail")
    overridden = ProposalDecision.objects.filter(proposal_id__in=proposal_ids, decision=Decision.OVERRIDE)
    return set(failing.values_list("proposal_id", flat=True)) - set(overridden.values_list("proposal_id", flat=True))


def _flags(proposal: Proposal, *, failed: Collection[int], held: Collection[int]) -> tuple[str, ...]:
    flags = []
    if proposal.pk in failed:
        flags.append("Override needed")
    if proposal.account_id in held:
        flags.append("Account held")
    if proposal.is_relaxed:
        flags.append("A rule gave way")
    if proposal.status == ProposalStatus.PROPOSED and not proposal.account.is_discretionary:
        flags.append("Waits for advisor")
    return tuple(flags)


def _row(proposal: Proposal, *, trade_count: int, flags: tuple[str, ...]) -> QueueRow:
    return QueueRow(
        id=proposal.pk,
        household=proposal.household.name,
        household_id=proposal.household_id,
        account=account_label(proposal.account),
        account_id=proposal.account_id,
        advisor=proposal.household.advisor.user.full_name,
        status=proposal.status,
        as_of_on=proposal.as_of_on,
        sentence=proposal.sentence,
        trade_count=trade_count,
        traded_usd=proposal.traded_usd,
        turnover_frac=proposal.turnover_frac,
        tax_caused_usd=proposal.tax_caused_usd,
        cost_usd=proposal.cost_usd,
        tracking_error_before_frac=proposal.tracking_error_before_frac,
        tracking_error_after_frac=proposal.tracking_error_after_frac,
        opportunity_usd=proposal.opportunity_usd,
        opportunity_bps=proposal.opportunity_bps,
        flags=flags,
    )


def waiting_places(member: Membership) -> tuple[Place, ...]:
    """Return how much waits where; one query."""
    columns: dict[str, Count | Sum] = {}
    for key in WAITING:
        columns[f"{key}_count"] = Count("pk", filter=_at_place(member, key))
        columns[f"{key}_usd"] = Sum("traded_usd", filter=_at_place(member, key))
    live = [ProposalStatus.PROPOSED, ProposalStatus.ADVISOR_APPROVED, ProposalStatus.APPROVED]
    found = book_of_proposals(member).filter(status__in=live).order_by().aggregate(**columns)
    return tuple(
        Place(key=key, label=label, count=found[f"{key}_count"], traded_usd=found[f"{key}_usd"] or Decimal(0))
        for key, label in WAITING.items()
    )


def ids_of(member: Membership, wanted: QueueFilter) -> tuple[int, ...]:
    """Return the ids of everything that a filter finds, in its order, up to `MOST_AT_ONCE`."""
    rows = _ordered(_filtered(member, wanted), wanted.sort)
    return tuple(rows.values_list("pk", flat=True)[:MOST_AT_ONCE])
