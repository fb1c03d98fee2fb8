"""Today: the firm's day as a pipeline, what is stuck, what waits for whom."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from advisors.access import HtmxRequest, requires
from advisors.permissions import Capability, can
from portfolios.selectors.breaks import break_counts
from portfolios.selectors.held import awaited_actions
from portfolios.selectors.review_list import due_count
from rebalancing.charts import Chart
from rebalancing.selectors import today as selectors
from rebalancing.selectors.runs import current_run
from rebalancing.selectors.today import DriftBin, Stage, Waiting
from rebalancing.views.run_parts import run_view

if TYPE_CHECKING:
    from advisors.models import Membership

_ICONS: Final[Mapping[str, str]] = {
    "received": "arrow-down-to-line",
    "held": "pause",
    "analysed": "circle-check",
    "proposed": "file-text",
    "approved": "check",
    "released": "arrow-right",
    "filled": "circle-check",
}
_BAR_GAP: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """A stage as it is drawn: with its list, its icon, and its part of the bar (of 1000)."""

    stage: Stage
    url: str
    icon: str
    is_mine: bool
    bar_x: float
    bar_width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """One place where proposals wait, with its list and whom it waits for."""

    label: str
    waits_for: str
    url: str
    waiting: Waiting
    is_mine: bool
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActView:
    """The one thing that this member should do next."""

    sentence: str
    button: str
    url: str
    icon: str


@requires(Capability.VIEW_BOOK)
@require_GET
def today(request: HtmxRequest) -> HttpResponse:
    """Show the day of the member's book; every number leads to its list."""
    member, now = request.membership, timezone.now()
    run = current_run(member)
    waiting = selectors.waiting(member)
    stages = selectors.stages(member)
    queues = tuple(_queues(member, waiting))
    context = {
        "now": now,
        "business_on": member.firm.business_on,
        "firm_name": member.firm.name,
        "account_count": sum(stage.count for stage in stages),
        "value_usd": sum((stage.value_usd for stage in stages), Decimal(0)),
        "stages": _stage_views(member, stages),
        "act": _act(member, waiting),
        "held": selectors.held_for(member),
        "awaited": awaited_actions(member),
        "held_stage": next(stage for stage in stages if stage.state == "held"),
        "queues": queues,
        "blocks": selectors.blocks_at_work(member),
        "run": run_view(run, member=member, now=now) if run else None,
        "taxes": selectors.year_of_taxes(member, business_on=member.firm.business_on),
        "drift": _drift_chart(selectors.drift_bins(member)),
        "can_run_firm": can(member, Capability.RUN_FIRM),
        "can_see_data": can(member, Capability.VIEW_DATA),
        "review_count": due_count(member, today=timezone.localdate()),
        "breaks": break_counts(member) if can(member, Capability.VIEW_DATA) else None,
        "can_see_orders": _can_see_orders(member),
    }
    return render(request, "rebalancing/today.html", context)


def _can_see_orders(member: "Membership") -> bool:
    return any(can(member, one) for one in (Capability.RELEASE, Capability.EXPORT_ORDERS, Capability.RECORD_FILLS))


def _stage_views(member: "Membership", stages: tuple[Stage, ...]) -> tuple[StageView, ...]:
    total = sum(stage.count for stage in stages)
    shown = sum(1 for stage in stages if stage.count)
    room = 1000.0 - _BAR_GAP * max(shown - 1, 0)
    mine = _my_stages(member)
    made, at = [], 0.0
    for stage in stages:
        width = room * stage.count / total if total else 0.0
        made.append(
            StageView(
                stage=stage,
                url=f"{reverse('accounts:accounts')}?state={stage.state}",
                icon=_ICONS[stage.state],
                is_mine=stage.state in mine and stage.count > 0,
                bar_x=round(at, 1),
                bar_width=round(width, 1),
            )
        )
        at += width + _BAR_GAP if stage.count else 0.0
    return tuple(made)


def _my_stages(member: "Membership") -> frozenset[str]:
    mine = set()
    if can(member, Capability.RESOLVE_EXCEPTIONS):
        mine.add("held")
    if can(member, Capability.REVIEW) or can(member, Capability.APPROVE_AS_ADVISOR):
        mine.add("proposed")
    if can(member, Capability.RELEASE):
        mine.add("approved")
    return frozenset(mine)


def _queues(member: "Membership", waiting: Mapping[str, Waiting]) -> Iterator[QueueView]:
    """List where proposals wait, first what waits for this member."""
    is_reviewer = can(member, Capability.REVIEW)
    listed, review = reverse("rebalancing:proposals"), reverse("rebalancing:review")
    lines = (
        ("to_review", "Ready for review", "Reviewer", is_reviewer, "for_review"),
        ("approved", "Approved, to release", "Reviewer", can(member, Capability.RELEASE), "approved"),
        (
            "with_advisor",
            "With the advisor, non-discretionary",
            "Advisor",
            can(member, Capability.APPROVE_AS_ADVISOR),
            "waiting",
        ),
        ("override", "Failed check, override needed", "Compliance", can(member, Capability.APPROVE_OVERRIDES), "fail"),
        ("sent_back", "Sent back", "Advisor", can(member, Capability.EDIT_PREFERENCES), "sent_back"),
        ("stale", "Stale, to re-run", "Whoever runs", can(member, Capability.RUN_FIRM), "stale"),
    )
    made = [
        QueueView(
            label=label,
            waits_for=waits_for,
            url=_queue_url(key, listed=listed, review=review if is_reviewer else listed),
            waiting=waiting[key],
            is_mine=is_mine,
            status=status,
        )
        for key, label, waits_for, is_mine, status in lines
        if waiting[key].count
    ]
    yield from sorted(made, key=lambda queue: not queue.is_mine)


def _queue_url(key: str, *, listed: str, review: str) -> str:
    if key == "override":
        return f"{listed}?flag=failed"
    if key in ("sent_back", "stale"):
        return f"{listed}?status={key}"
    return f"{review}?status={key}"


def _act(member: "Membership", waiting: Mapping[str, Waiting]) -> ActView | None:
    """Choose the next step of this member, the one that is nearest to the market first."""
    approved, to_review, with_advisor = waiting["approved"], waiting["to_review"], waiting["with_advisor"]
    if approved.count and can(member, Capability.RELEASE):
        return ActView(
            sentence=f"{_counted(approved.count, 'proposal is', 'proposals are')} approved and unreleased.",
            button=f"Release {_counted(approved.count, 'proposal', 'proposals')}, "
            f"{_counted(selectors.order_count_to_release(member), 'order', 'orders')}, ${approved.traded_usd:,.0f}",
            url=f"{reverse('rebalancing:release')}?all=1",
            icon="arrow-right",
        )
    if to_review.count and can(member, Capability.REVIEW):
        return ActView(
            sentence=f"{_counted(to_review.count, 'proposal waits', 'proposals wait')} for review, "
            f"worth ${to_review.opportunity_usd:,.0f}.",
            button="Start reviewing",
            url=reverse("rebalancing:review"),
            icon="file-text",
        )
    if with_advisor.count and can(member, Capability.APPROVE_AS_ADVISOR):
        return ActView(
            sentence=f"{_counted(with_advisor.count, 'proposal waits', 'proposals wait')} for your approval.",
            button="Look at them",
            url=f"{reverse('rebalancing:proposals')}?status=with_advisor",
            icon="file-text",
        )
    return None


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _drift_chart(bins: tuple[DriftBin, ...]) -> Chart | None:
    """Draw how far the accounts of the book have drifted from their allocations."""
    total = sum(one.count for one in bins)
    if not total:
        return None
    rows = [(_bin_words(one), one.count) for one in bins]
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "height": 130,
        "data": {"values": [{"drift": words, "accounts": number} for words, number in rows]},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {"field": "drift", "type": "ordinal", "sort": None, "title": "drift, %", "axis": {"labelAngle": 0}},
            "y": {"field": "accounts", "type": "quantitative", "title": None, "axis": {"tickMinStep": 1}},
        },
    }
    most = max(rows, key=lambda row: row[1])
    return Chart(
        key="drift",
        title="Drift from the allocation",
        unit=f"{total:,} accounts analysed",
        alt=f"Bars: of {total:,} analysed accounts the most, {most[1]:,}, drifted {most[0]} per cent.",
        spec=spec,
        columns=("Drift, %", "Accounts"),
        rows=tuple((words, f"{number:,}") for words, number in rows if number),
    )


def _bin_words(one: DriftBin) -> str:
    start = f"{one.from_frac * 100:g}"
    return f"{start}+" if one.to_frac is None else start
