"""Runs: the list, one with its progress and failures, start and cancel."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import Invalid
from advisors.permissions import Capability, Role, can
from advisors.responses import see_other
from rebalancing.forms.runs import StartRunForm
from rebalancing.selectors.runs import (
    chunks_to_watch,
    current_run,
    latest_runs,
    run_failures,
    run_in_book,
    run_progress,
)
from rebalancing.services import runs as services
from rebalancing.views.parts import Step
from rebalancing.views.run_parts import run_view


@requires(Capability.VIEW_BOOK)
@require_GET
def runs(request: HtmxRequest) -> HttpResponse:
    """List the newest runs of the member's book."""
    current = current_run(request.membership)
    context = {
        "runs": [
            run_view(one, member=request.membership, now=timezone.now()) for one in latest_runs(request.membership)
        ],
        "can_run_firm": can(request.membership, Capability.RUN_FIRM),
        "is_at_work": current is not None and current.is_open,
        "trail": (Step(label="Today", url=reverse("runs:today")), Step(label="Runs")),
    }
    return render(request, "rebalancing/runs.html", context)


@requires(Capability.VIEW_BOOK)
@require_GET
def run(request: HtmxRequest, run_id: int) -> HttpResponse:
    """Show one run: how far it is, what it could not analyse and why."""
    run_in_book(request.membership, run_id)
    found = run_progress(run_id, member=request.membership)
    context = {
        "run": run_view(found, member=request.membership, now=timezone.now()),
        "chunks": chunks_to_watch(run_id) if request.membership.role != Role.ADVISOR else (),
        "failures": run_failures(run_id, member=request.membership),
        "trail": (
            Step(label="Today", url=reverse("runs:today")),
            Step(label="Runs", url=reverse("runs:runs")),
            Step(label=f"Run {run_id}"),
        ),
    }
    return render(request, "rebalancing/run.html", context)


@requires(Capability.VIEW_BOOK)
@require_GET
def progress(request: HtmxRequest, run_id: int) -> HttpResponse:
    """Show how far a run is, as a part that asks again while the run is open; the page reloads when it ends."""
    run_in_book(request.membership, run_id)
    found = run_progress(run_id, member=request.membership)
    response = render(
        request,
        "rebalancing/run_progress.html",
        {"run": run_view(found, member=request.membership, now=timezone.now())},
    )
    if not found.is_open and request.htmx:
        response["HX-Refresh"] = "true"
    return response


@requires(Capability.RUN_FIRM, Capability.REBALANCE)
@require_POST
def start(request: HtmxRequest) -> HttpResponse:
    """Start a run and show it."""
    form = StartRunForm(request.POST)
    if not form.is_valid():
        raise Invalid("Nothing was started.", faults=tuple(str(fault) for row in form.errors.values() for fault in row))
    made = services.start_run_for(request.membership, scope=form.value(), now=timezone.now())
    return see_other(request, reverse("runs:run", args=[made.pk]))


@requires(Capability.RUN_FIRM, Capability.REBALANCE, Capability.EDIT_GUIDANCE)
@require_POST
def cancel(request: HtmxRequest, run_id: int) -> HttpResponse:
    """Stop a run; what is at work finishes."""
    services.cancel_run_for(request.membership, run_id, now=timezone.now())
    messages.success(request, "The run is being cancelled. What is at work finishes and keeps its results.")
    return see_other(request, reverse("runs:run", args=[run_id]))
