"""The firm's risk models: which counts, what an estimate was made of and foresaw, and who lets it come into force."""

from typing import Final

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import Conflict, DomainError, Invalid
from advisors.permissions import Capability, can, can_be_second_person
from advisors.responses import see_other
from advisors.templatetags.ui import count, day, pct
from portfolios.forms.house_view import NoteForm
from portfolios.risk.realised import Summary
from portfolios.selectors.risk_model_pages import RiskModelPage, risk_model_page, risk_model_rows
from portfolios.services.risk_models import decide_on_risk_model
from rebalancing.services.risk_models import ask_for_estimate
from rebalancing.views.parts import Figure, Step

SEES_CHANGES: Final = (Capability.EDIT_GUIDANCE, Capability.APPROVE_GUIDANCE, Capability.VIEW_AUDIT)


def _trail(last: Step) -> tuple[Step, ...]:
    return (
        Step(label="House view", url=reverse("house_view:house_view")),
        Step(label="Risk models", url=reverse("risk_models:risk_models")),
        last,
    )


@requires(Capability.VIEW_BOOK)
@require_GET
def risk_models(request: HtmxRequest) -> HttpResponse:
    """List the versions, the newest first."""
    context = {
        "rows": risk_model_rows(request.membership, today=timezone.localdate()),
        "can_edit": can(request.membership, Capability.EDIT_GUIDANCE),
        "sees_changes": any(can(request.membership, one) for one in SEES_CHANGES),
    }
    return render(request, "rebalancing/risk_models.html", context)


@requires(Capability.VIEW_BOOK)
@require_GET
def risk_model(request: HtmxRequest, version_id: int) -> HttpResponse:
    """Show one version with what it was made of."""
    return _page(request, version_id)


def _page(
    request: HtmxRequest, version_id: int, *, form: forms.Form | None = None, error: DomainError | None = None
) -> HttpResponse:
    page = risk_model_page(request.membership, version_id, today=timezone.localdate())
    can_decide = page.row.status == "submitted" and can(request.membership, Capability.APPROVE_GUIDANCE)
    context = {
        "page": page,
        "row": page.row,
        "figures": _figures(page),
        "can_decide": can_decide,
        "is_maker": not can_be_second_person(request.membership, maker_id=page.author_id),
        "form": form or NoteForm(auto_id="id_decision_%s"),
        "faults": (str(error),) if error else (),
        "trail": _trail(Step(label=f"{page.row.name}, {day(page.row.effective_on)}")),
    }
    status = 200 if error is None else 409 if isinstance(error, Conflict) else 422
    return render(request, "rebalancing/risk_model.html", context, status=status)


def _figures(page: RiskModelPage) -> tuple[Figure, ...]:
    found = [
        Figure(label="Factors", value=count(page.row.factor_count)),
        Figure(
            label="Securities",
            value=count(page.row.security_count),
            detail=f"{count(len(page.by_peers))} by their peers" if page.day_count else "",
        ),
    ]
    if page.covered_frac is not None:
        found.append(
            Figure(label="Known by own prices", value=pct(page.covered_frac), detail="of what the firm’s accounts hold")
        )
    if page.foresight is not None:
        found.append(
            Figure(
                label="Realised over predicted",
                value=f"{page.foresight.median_ratio:.2f}",
                detail=f"{_range(page.foresight)}; 1 is right",
            )
        )
    return tuple(found)


def _range(summary: Summary) -> str:
    return f"{summary.low_ratio:.2f} to {summary.high_ratio:.2f} in nine accounts of ten"


@requires(Capability.EDIT_GUIDANCE)
@require_POST
def ask(request: HtmxRequest) -> HttpResponse:
    """Let the queue estimate a new version."""
    ask_for_estimate(request.membership, now=timezone.now())
    messages.success(request, "The queue estimates a model from the stored prices. It appears here in a moment.")
    return see_other(request, reverse("risk_models:risk_models"))


@requires(Capability.APPROVE_GUIDANCE)
@require_POST
def approve(request: HtmxRequest, version_id: int) -> HttpResponse:
    """Let an estimate come into force."""
    return _decide(request, version_id, is_approved=True)


@requires(Capability.APPROVE_GUIDANCE)
@require_POST
def drop(request: HtmxRequest, version_id: int) -> HttpResponse:
    """Drop an estimate, with the reason."""
    return _decide(request, version_id, is_approved=False)


def _decide(request: HtmxRequest, version_id: int, *, is_approved: bool) -> HttpResponse:
    form = NoteForm(request.POST, auto_id="id_decision_%s")
    form.is_valid()
    try:
        decide_on_risk_model(
            request.membership,
            version_id,
            is_approved=is_approved,
            note=form.cleaned_data.get("note", ""),
            now=timezone.now(),
        )
    except (Conflict, Invalid) as error:
        return _page(request, version_id, form=form, error=error)
    said = "It counts from the next run on." if is_approved else "It is dropped, and stays readable."
    messages.success(request, said)
    return see_other(request, reverse("risk_models:risk_model", args=[version_id]))
