"""The impact of a change of the house view: previewed over the whole book before anybody approves it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.permissions import Capability, can
from advisors.responses import csv_file, see_other
from advisors.templatetags.ui import count, money, money_short, pct
from rebalancing.selectors.impacts import Impact, ImpactLine, impact_page, impact_rows
from rebalancing.services import impacts
from rebalancing.views.parts import Figure, Step
from rebalancing.views.run_parts import run_view

SEES_CHANGES: Final = (Capability.EDIT_GUIDANCE, Capability.APPROVE_GUIDANCE, Capability.VIEW_AUDIT)
_COLUMNS: Final = (
    "household",
    "account",
    "value_usd",
    "now_trades",
    "then_trades",
    "now_traded_usd",
    "then_traded_usd",
    "now_tracking_error",
    "then_tracking_error",
    "now_return_tax_usd",
    "then_return_tax_usd",
    "breaks_only_then",
)


@requires(*SEES_CHANGES)
@require_GET
def impact(request: HtmxRequest, change_id: int) -> HttpResponse:
    """Show what the last preview of a change found out, or how far it is."""
    page = impact_page(request.membership, change_id)
    can_edit = can(request.membership, Capability.EDIT_GUIDANCE)
    progress = page.progress
    context = {
        "page": page,
        "run": run_view(progress, member=request.membership, now=timezone.now()) if progress else None,
        "figures": _figures(page.impact) if page.impact else (),
        "can_start": can_edit and page.is_undecided and not (progress and progress.is_open),
        "trail": (
            Step(label="House view", url=reverse("house_view:house_view")),
            Step(label="Changes", url=reverse("house_view:changes")),
            Step(label=page.title, url=reverse("house_view:change", args=[change_id])),
            Step(label="Impact"),
        ),
    }
    return render(request, "rebalancing/impact.html", context)


@requires(Capability.EDIT_GUIDANCE)
@require_POST
def start(request: HtmxRequest, change_id: int) -> HttpResponse:
    """Begin a preview in the background."""
    impacts.start_preview(request.membership, change_id, now=timezone.now())
    return see_other(request, reverse("impact:impact", args=[change_id]))


@requires(*SEES_CHANGES)
@require_GET
def impact_csv(request: HtmxRequest, change_id: int) -> StreamingHttpResponse:
    """Send every account of the last preview as a file."""
    rows = _cells(impact_rows(request.membership, change_id))
    return csv_file(f"impact-of-change-{change_id}.csv", _COLUMNS, rows)


def _cells(lines: Iterable[ImpactLine]) -> Iterable[tuple[object, ...]]:
    for line in lines:
        yield (
            line.household,
            line.label,
            line.value_usd,
            line.now_trade_count,
            line.then_trade_count,
            line.now_traded_usd,
            line.then_traded_usd,
            f"{line.now_tracking_error_frac:.6f}",
            f"{line.then_tracking_error_frac:.6f}",
            line.now_tax_usd,
            line.then_tax_usd,
            "; ".join(line.fails),
        )


def _figures(found: Impact) -> tuple[Figure, ...]:
    now, then = found.now, found.then
    return (
        Figure(
            label="Accounts that trade",
            value=count(then.trading_count),
            before=count(now.trading_count),
            detail=f"of {count(found.account_count)}; {count(found.touched_count)} are told otherwise than today",
            url="#movers",
        ),
        Figure(
            label="Traded",
            value=money_short(then.traded_usd),
            before=money_short(now.traded_usd),
            detail=f"{_more(then.traded_usd - now.traded_usd)}; turnover {pct(now.turnover_frac, 2)} to "
            f"{pct(then.turnover_frac, 2)} of {money_short(found.value_usd)}",
            url="#movers",
        ),
        Figure(
            label="Tax of this year by the trades",
            value=money_short(then.tax_usd),
            before=money_short(now.tax_usd),
            detail=f"{_more(then.tax_usd - now.tax_usd)}, over {count(found.return_count)} returns",
            url="#taxes",
        ),
        Figure(
            label="Tax budgets that give way",
            value=count(then.over_budget_count),
            before=count(now.over_budget_count),
            detail=f"{count(found.failing_count)} can no longer comply",
            url="#failing",
        ),
    )


def _more(difference_usd: Decimal) -> str:
    if not difference_usd:
        return "no more and no less"
    return f"{money(abs(difference_usd))} {'more' if difference_usd > 0 else 'less'}"
