"""What a change of the house view would do to the book, beside what is proposed without it; summed up for its page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.functions import Abs, Coalesce

from advisors.models import Membership
from portfolios.models.guidance import UNDECIDED
from portfolios.models.securities import AssetClass
from portfolios.selectors.house_view_pages import change_in_firm
from rebalancing.models.impacts import AccountImpact
from rebalancing.models.runs import Run
from rebalancing.selectors.facts import account_label
from rebalancing.selectors.rule_words import rule_words
from rebalancing.selectors.runs import RunProgress, progress_of

MOST_LINES: Final = 25
NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSide:
    """The book as the house view stands, or changed. Turnover is half of what is traded, of all value."""

    trading_count: int
    trade_count: int
    traded_usd: Decimal
    turnover_frac: float
    tax_usd: Decimal
    over_budget_count: int
    broken_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactLine:
    """One account: what it trades now and under the change, and what it breaks only then."""

    account_id: int
    label: str
    household: str
    value_usd: Decimal
    now_trade_count: int
    then_trade_count: int
    now_traded_usd: Decimal
    then_traded_usd: Decimal
    now_tracking_error_frac: float
    then_tracking_error_frac: float
    now_tax_usd: Decimal | None
    then_tax_usd: Decimal | None
    fails: tuple[str, ...]

    @property
    def more_usd(self) -> Decimal:
        """Return how much more it trades under the change."""
        return self.then_traded_usd - self.now_traded_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxLine:
    """One tax return that is answered both ways: the tax of this year that its accounts' trades cause together."""

    household: str
    household_id: int
    accounts: str
    now_tax_usd: Decimal
    then_tax_usd: Decimal

    @property
    def more_usd(self) -> Decimal:
        """Return how much more tax there is under the change."""
        return self.then_tax_usd - self.now_tax_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What the last preview found out; `touched_count` accounts trade otherwise, break otherwise, or have no answer."""

    account_count: int
    touched_count: int
    value_usd: Decimal
    return_count: int
    now: BookSide
    then: BookSide
    failing_count: int
    failing: tuple[ImpactLine, ...]
    movers: tuple[ImpactLine, ...]
    taxes: tuple[TaxLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactPage:
    """A change with its last preview; `is_outdated`: it was edited since. No `impact` until the run has ended."""

    change_id: int
    title: str
    number: int
    status: str
    is_undecided: bool
    progress: RunProgress | None
    is_outdated: bool
    revision: int
    requested_at: datetime | None
    impact: Impact | None


def impact_page(member: Membership, change_id: int) -> ImpactPage:
    """
    Return the last preview of a change, summed up in a constant number of queries.

    :raises NotFound: the firm has no such change
    """
    change = change_in_firm(member, change_id)
    run = Run.objects.filter(change=change).order_by("-requested_at", "-pk").first()
    (progress,) = progress_of([run.pk]) if run else (None,)
    is_over = progress is not None and not progress.is_open
    return ImpactPage(
        change_id=change.pk,
        title=change.title,
        number=change.number,
        status=change.status,
        is_undecided=change.status in UNDECIDED,
        progress=progress,
        is_outdated=run is not None and run.change_revision != change.revision,
        revision=change.revision,
        requested_at=run.requested_at if run else None,
        impact=_impact(run.pk, member.firm_id) if run and is_over else None,
    )


def impact_rows(member: Membership, change_id: int) -> Iterator[ImpactLine]:
    """
    Return every account of the last preview that has ended, for a file; read while it is sent.

    :raises NotFound: the firm has no such change
    """
    change = change_in_firm(member, change_id)
    run = Run.objects.filter(change=change, finished_at__isnull=False).order_by("-requested_at", "-pk").first()
    classes = class_names(member.firm_id)
    rows = _rows(run.pk if run else 0).order_by("account__household__name", "account__name", "pk")
    return (_line(row, classes=classes) for row in rows.iterator(chunk_size=2000))


def _rows(run_id: int) -> QuerySet[AccountImpact]:
    return AccountImpact.objects.filter(run_id=run_id).select_related("account__household")


def _impact(run_id: int, firm_id: int) -> Impact:
    rows = _rows(run_id)
    told = rows.aggregate(
        accounts=Count("pk"),
        touched=Count("pk", filter=_is_touched()),
        value=Coalesce(Sum("value_usd"), NOTHING),
        failing=Count("pk", filter=Q(fails_anew=True)),
        **_counted("now"),
        **_counted("then"),
    )
    returns = _returns(rows)
    classes = class_names(firm_id)
    failing = rows.filter(fails_anew=True).order_by("-value_usd", "pk")[:MOST_LINES]
    moved = rows.annotate(more=Abs(F("then_traded_usd") - F("now_traded_usd"))).filter(more__gt=0)
    return Impact(
        account_count=told["accounts"],
        touched_count=told["touched"],
        value_usd=told["value"],
        return_count=len(returns),
        now=_book_side("now", told, returns),
        then=_book_side("then", told, returns),
        failing_count=told["failing"],
        failing=tuple(_line(row, classes=classes) for row in failing),
        movers=tuple(_line(row, classes=classes) for row in moved.order_by("-more", "pk")[:MOST_LINES]),
        taxes=_tax_lines(run_id, returns),
    )


def _is_touched() -> Q:
    is_same = Q(then_trade_count=F("now_trade_count"), then_traded_usd=F("now_traded_usd"), fails_anew=False)
    return ~is_same


def _counted(side: str) -> Mapping[str, Any]:
    return {
        f"trading_{side}": Count("pk", filter=Q(**{f"{side}_trade_count__gt": 0})),
        f"trades_{side}": Coalesce(Sum(f"{side}_trade_count"), 0),
        f"traded_{side}": Coalesce(Sum(f"{side}_traded_usd"), NOTHING),
        f"budgets_{side}": Count("pk", filter=Q(**{f"is_over_budget_{side}": True})),
        f"broken_{side}": Count("pk", filter=~Q(**{f"{side}_broken": []}) | ~Q(**{f"{side}_why": ""})),
    }


def _returns(rows: QuerySet[AccountImpact]) -> list[dict[str, Any]]:
    """Read each tax return once: every one of its accounts carries the tax of them all."""
    taxed = rows.filter(account__tax_return_id__isnull=False, now_tax_usd__isnull=False, then_tax_usd__isnull=False)
    told = taxed.values("account__tax_return_id").annotate(now=Max("now_tax_usd"), then=Max("then_tax_usd"))
    return [dict(row) for row in told]


def _book_side(side: str, told: Mapping[str, Any], returns: list[dict[str, Any]]) -> BookSide:
    value, traded = told["value"], told[f"traded_{side}"]
    return BookSide(
        trading_count=told[f"trading_{side}"],
        trade_count=told[f"trades_{side}"],
        traded_usd=traded,
        turnover_frac=float(traded / 2 / value) if value else 0.0,
        tax_usd=sum((row[side] for row in returns), NOTHING),
        over_budget_count=told[f"budgets_{side}"],
        broken_count=told[f"broken_{side}"],
    )


def _tax_lines(run_id: int, returns: list[dict[str, Any]]) -> tuple[TaxLine, ...]:
    """Name the returns whose tax changes most, with the accounts that share each."""
    changed = [row for row in returns if row["then"] != row["now"]]
    changed.sort(key=lambda row: (-abs(row["then"] - row["now"]), row["account__tax_return_id"]))
    shown = {row["account__tax_return_id"]: row for row in changed[:MOST_LINES]}
    members: dict[int, list[AccountImpact]] = {key: [] for key in shown}
    for impact in _rows(run_id).filter(account__tax_return_id__in=shown).order_by("account__name", "pk"):
        members[impact.account.tax_return_id or 0].append(impact)
    return tuple(
        TaxLine(
            household=members[key][0].account.household.name,
            household_id=members[key][0].account.household_id,
            accounts=", ".join(account_label(one.account) for one in members[key]),
            now_tax_usd=row["now"],
            then_tax_usd=row["then"],
        )
        for key, row in shown.items()
    )


def class_names(firm_id: int) -> Mapping[str, str]:
    """Return the names of the firm's asset classes by key."""
    return dict(AssetClass.objects.filter(firm_id=firm_id).values_list("key", "name"))


def _line(row: AccountImpact, *, classes: Mapping[str, str]) -> ImpactLine:
    anew = [rule for rule in row.then_broken if rule not in row.now_broken]
    words = [rule_words(rule, classes=classes) for rule in anew]
    if row.then_why and not row.now_why:
        words.append(row.then_why)
    return ImpactLine(
        account_id=row.account_id,
        label=account_label(row.account),
        household=row.account.household.name,
        value_usd=row.value_usd,
        now_trade_count=row.now_trade_count,
        then_trade_count=row.then_trade_count,
        now_traded_usd=row.now_traded_usd,
        then_traded_usd=row.then_traded_usd,
        now_tracking_error_frac=row.now_tracking_error_frac,
        then_tracking_error_frac=row.then_tracking_error_frac,
        now_tax_usd=row.now_tax_usd,
        then_tax_usd=row.then_tax_usd,
        fails=tuple(words),
    )
