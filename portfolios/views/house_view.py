"""The house view: what is in force, its security models, the restricted list, and the changes that are under way."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import DomainError, Invalid
from advisors.permissions import Capability, can
from advisors.responses import csv_file, see_other
from portfolios.forms.house_view import ChangeForm, EndForm, RestrictedListForm
from portfolios.selectors.house_view_pages import change_rows, house_view_page, model_page
from portfolios.selectors.restricted_list import restricted_list
from portfolios.services.house_view.lifecycle import open_change
from portfolios.services.restrictions import NewRestriction, add_restriction, end_restriction
from portfolios.services.statement_guard import Terms

NONE: Final[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a page; the last has no address."""

    label: str
    url: str = ""


SEES_CHANGES: Final = (Capability.EDIT_GUIDANCE, Capability.APPROVE_GUIDANCE, Capability.VIEW_AUDIT)


def sees_changes(request: HtmxRequest) -> bool:
    """Tell whether a member sees what is not in force yet."""
    return any(can(request.membership, one) for one in SEES_CHANGES)


def house_step() -> Step:
    """Return the way to the house view."""
    return Step(label="House view", url=reverse("house_view:house_view"))


@requires(Capability.VIEW_BOOK)
@require_GET
def house_view(request: HtmxRequest) -> HttpResponse:
    """Show the house view in force."""
    context = {
        "page": house_view_page(request.membership, today=timezone.localdate()),
        "can_edit": can(request.membership, Capability.EDIT_GUIDANCE),
        "sees_changes": sees_changes(request),
    }
    return render(request, "portfolios/house_view/house_view.html", context)


@requires(Capability.VIEW_BOOK)
@require_GET
def model(request: HtmxRequest, model_id: int) -> HttpResponse:
    """Show a security model and its versions; one of them against the one before."""
    said = request.GET.get("version", "")
    page = model_page(
        request.membership, model_id, number=int(said) if said.isdecimal() else None, today=timezone.localdate()
    )
    context = {"page": page, "trail": (house_step(), Step(label=page.name))}
    return render(request, "portfolios/house_view/model.html", context)


@requires(Capability.VIEW_BOOK)
@require_GET
def model_export(request: HtmxRequest, model_id: int) -> StreamingHttpResponse:
    """Send the weights of a model as a file that can be uploaded again."""
    said = request.GET.get("version", "")
    page = model_page(
        request.membership, model_id, number=int(said) if said.isdecimal() else None, today=timezone.localdate()
    )
    rows = ((symbol, f"{(weight * Decimal(100)).normalize():f}") for symbol, _, _, weight in page.weights)
    return csv_file(f"model-{page.id}-version-{page.compared[0]}.csv", ("symbol", "weight"), rows)


@requires(*SEES_CHANGES)
@require_http_methods(["GET", "POST"])
def changes(request: HtmxRequest) -> HttpResponse:
    """List the changes of the house view; begin a new one."""
    form = ChangeForm(request.POST or None, initial={"effective_on": request.membership.firm.business_on})
    status, faults = 200, NONE
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                change = open_change(request.membership, now=timezone.now(), **form.cleaned_data)
                return see_other(request, reverse("house_view:change", args=[change.pk]))
            except Invalid as refused:
                faults = refused.faults
    context = {
        "form": form,
        "faults": faults,
        "rows": change_rows(request.membership),
        "can_edit": can(request.membership, Capability.EDIT_GUIDANCE),
    }
    return render(request, "portfolios/house_view/changes.html", context, status=status)


@requires(Capability.VIEW_BOOK)
@require_http_methods(["GET", "POST"])
def restricted(request: HtmxRequest) -> HttpResponse:
    """Show the firm's restricted list; put one more line on it."""
    form = RestrictedListForm(request.POST or None)
    if request.method != "POST":
        return _restricted_page(request, form)
    member = request.membership
    if not form.is_valid():
        return _restricted_page(request, form, status=422)
    said = form.cleaned_data
    new = NewRestriction(
        verb=said["verb"],
        subject_kind="security",
        subject=said["symbol"].strip().upper(),
        disposal=said["disposal"] if said["verb"] == "never_own" else "",
    )
    terms = Terms(reason=said["reason"], starts_on=said["starts_on"], ends_on=said["ends_on"])
    try:
        add_restriction(member, place=("firm", member.firm_id), new=new, terms=terms, now=timezone.now())
    except Invalid as refused:
        return _restricted_page(request, form, faults=refused.faults, status=422)
    messages.success(request, f"{new.subject} is on the restricted list. The next run obeys it in every account.")
    return see_other(request, reverse("house_view:restricted"))


@requires(Capability.EDIT_GUIDANCE)
@require_POST
def end_restricted(request: HtmxRequest, line_id: int) -> HttpResponse:
    """Take a line off the restricted list; it stays in the history."""
    form = EndForm(request.POST)
    if not form.is_valid():
        return _restricted_page(
            request, RestrictedListForm(), faults=("Say why it ends: the reason is kept in the history.",), status=422
        )
    try:
        end_restriction(
            request.membership, restriction_id=line_id, reason=form.cleaned_data["reason"], now=timezone.now()
        )
    except Invalid as refused:
        return _restricted_page(request, RestrictedListForm(), faults=refused.faults, status=422)
    messages.success(request, "It is taken off the restricted list.")
    return see_other(request, reverse("house_view:restricted"))


def _restricted_page(
    request: HtmxRequest, form: RestrictedListForm, *, faults: tuple[str, ...] = (), status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "faults": faults,
        "end_form": EndForm(auto_id=False),
        "page": restricted_list(request.membership, today=timezone.localdate()),
        "sees_changes": sees_changes(request),
        "can_edit": can(request.membership, Capability.EDIT_GUIDANCE),
    }
    return render(request, "portfolios/house_view/restricted.html", context, status=status)


def faults_of(error: DomainError) -> tuple[str, ...]:
    """Return what a refusal names."""
    return error.faults if isinstance(error, Invalid) else (str(error),)
