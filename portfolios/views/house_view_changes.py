"""One change of the house view: what it says against what is in force, edited piece by piece, decided as a whole."""

from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import Conflict, Invalid
from advisors.permissions import Capability, can, can_be_second_person
from advisors.responses import see_other
from portfolios.custodians.house_tables import (
    BadTable,
    read_products,
    read_screens,
    read_substitutes,
    read_weights,
    said_of,
)
from portfolios.forms.house_view import (
    ChangeForm,
    DefaultsForm,
    NewModelForm,
    NoteForm,
    RevisionForm,
    TableForm,
    WeightsForm,
)
from portfolios.policy import resolve_settings
from portfolios.selectors import house_view_tables
from portfolios.selectors.guidance_versions import firm_defaults
from portfolios.selectors.house_view import HouseView
from portfolios.selectors.house_view import house_view as view_of
from portfolios.selectors.house_view_pages import ChangePage, change_in_firm, change_page
from portfolios.selectors.screens import screen_rows
from portfolios.services.house_view import drafts, lifecycle
from portfolios.services.house_view.checks import findings_of_change
from portfolios.services.house_view.screens import put_screens
from portfolios.views.house_view import NONE, SEES_CHANGES, Step, faults_of, house_step

_DECIDED = {
    "submit": "Submitted. Somebody else approves it.",
    "approve": "Approved. It counts from its effective date on.",
    "send-back": "Sent back to its author.",
    "drop": "Dropped. It stays readable.",
}
_WEIGHTS_HELP = "A row per security: symbol and weight, in per cent or as fractions. The weights sum to 100 %."
_PRODUCTS_HELP = (
    "The whole list, a row per product: asset_class, tax_status (taxable, deferred, exempt, all), min_account in "
    "dollars, use (a symbol, or the key of a security model)."
)
_SUBSTITUTES_HELP = (
    "The whole list, a row per substitute: symbol, use, rank, hurdle_bps, hold_only (yes: it may be kept, but is "
    "never bought)."
)
_SCREENS_HELP = (
    "The whole list, a row per line: screen (a name), kind (security, sector, industry, country; nothing is a "
    "security), subject. A security that is added later and fits joins by itself."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The form of the page that was refused, and what was wrong."""

    details: ChangeForm | None = None
    faults: tuple[str, ...] = ()
    status: int = 200


@requires(*SEES_CHANGES)
@require_GET
def change(request: HtmxRequest, change_id: int) -> HttpResponse:
    """Show a change."""
    return _page(request, change_id, Refused())


def _page(request: HtmxRequest, change_id: int, refused: Refused) -> HttpResponse:
    member = request.membership
    row = change_in_firm(member, change_id)
    page = change_page(row)
    is_draft = row.status == "draft"
    can_edit = can(member, Capability.EDIT_GUIDANCE)
    waits = row.status == "submitted"
    is_second = all(can_be_second_person(member, maker_id=key) for key in page.editor_ids)
    view = view_of(member.firm_id, on=row.effective_on)
    context = {
        "page": page,
        "findings": findings_of_change(row) if page.row.is_open else None,
        "faults": refused.faults,
        "details": refused.details or _details(page),
        "revision": RevisionForm(initial={"revision": page.revision}, auto_id=False),
        "note": NoteForm(auto_id="id_note_%s"),
        "new_model": NewModelForm(auto_id="id_model_%s"),
        "profiles": view.profile_names.items(),
        "models": view.model_names.items(),
        "can_edit": can_edit and is_draft,
        "can_drop": can_edit and page.row.is_open,
        "can_decide": can(member, Capability.APPROVE_GUIDANCE) and waits,
        "is_second": is_second,
        "trail": (house_step(), Step(label="Changes", url=reverse("house_view:changes")), Step(label=row.title)),
    }
    return render(request, "portfolios/house_view/change.html", context, status=refused.status)


def _details(page: ChangePage) -> ChangeForm:
    row = page.row
    return ChangeForm(initial={"title": row.title, "why": row.why, "effective_on": row.effective_on})


@requires(Capability.EDIT_GUIDANCE)
@require_POST
def describe(request: HtmxRequest, change_id: int) -> HttpResponse:
    """Say anew what a draft is called and from when it counts."""
    form = ChangeForm(request.POST)
    if not form.is_valid():
        return _page(request, change_id, Refused(details=form, status=422))
    try:
        lifecycle.describe_change(
            request.membership,
            change_id=change_id,
            revision=_revision(request),
            now=timezone.now(),
            **form.cleaned_data,
        )
    except (Invalid, Conflict) as error:
        status = 409 if isinstance(error, Conflict) else 422
        return _page(request, change_id, Refused(details=form, faults=faults_of(error), status=status))
    return _back(request, change_id, "Saved.")


@requires(Capability.EDIT_GUIDANCE, Capability.APPROVE_GUIDANCE)
@require_POST
def decide(request: HtmxRequest, change_id: int, decision: str) -> HttpResponse:
    """Submit, approve, send back or drop a change."""
    form = NoteForm(request.POST)
    note = form.cleaned_data["note"] if form.is_valid() else ""
    member, now = request.membership, timezone.now()
    try:
        if decision == "submit":
            lifecycle.submit_change(member, change_id=change_id, revision=_revision(request), now=now)
        elif decision == "approve":
            lifecycle.approve_change(member, change_id=change_id, note=note, now=now)
        elif decision == "send-back":
            lifecycle.send_back_change(member, change_id=change_id, note=note, now=now)
        else:
            lifecycle.drop_change(member, change_id=change_id, reason=note, now=now)
    except (Invalid, Conflict) as error:
        status = 409 if isinstance(error, Conflict) else 422
        return _page(request, change_id, Refused(faults=faults_of(error), status=status))
    return _back(request, change_id, _DECIDED[decision])


def _back(request: HtmxRequest, change_id: int, said: str) -> HttpResponse:
    messages.success(request, said)
    return see_other(request, reverse("house_view:change", args=[change_id]))


def _revision(request: HtmxRequest) -> int:
    form = RevisionForm(request.POST)
    return int(form.cleaned_data["revision"]) if form.is_valid() else 0


@requires(Capability.EDIT_GUIDANCE)
@require_POST
def take_out(request: HtmxRequest, change_id: int, kind: str, version_id: int) -> HttpResponse:
    """Take one piece out of a draft."""
    draft = drafts.Draft(change_id=change_id, revision=_revision(request))
    try:
        drafts.take_out(request.membership, draft, kind=kind, version_id=version_id, now=timezone.now())
    except Conflict as error:
        return _page(request, change_id, Refused(faults=faults_of(error), status=409))
    return _back(request, change_id, "Taken out of the draft.")


@requires(Capability.EDIT_GUIDANCE)
@require_http_methods(["GET", "POST"])
def edit_profile(request: HtmxRequest, change_id: int, profile_id: int) -> HttpResponse:
    """Edit the weights and limits of a risk profile in a draft."""
    row = change_in_firm(request.membership, change_id)
    view = view_of(row.firm_id, on=row.effective_on, change_id=row.pk)
    lines = {line.asset_class_id: line for line in view.profiles.get(profile_id, ())}
    form = WeightsForm(request.POST or None, classes=tuple(view.classes.values()), lines=lines, revision=row.revision)

    def save(draft: drafts.Draft) -> None:
        drafts.put_profile(request.membership, draft, profile_id=profile_id, weights=form.value(), now=timezone.now())

    title = view.profile_names.get(profile_id, "Risk profile")
    return _edit(request, change_id, form, save=save, title=title, template="portfolios/house_view/edit_profile.html")


@requires(Capability.EDIT_GUIDANCE)
@require_http_methods(["GET", "POST"])
def edit_model(request: HtmxRequest, change_id: int, model_id: int) -> HttpResponse:
    """Edit the securities and weights of a model in a draft."""
    row, view, form = _table(
        request, change_id, lambda view: house_view_tables.weights_table(view, model_id), help_text=_WEIGHTS_HELP
    )

    def save(draft: drafts.Draft) -> None:
        entries = read_weights(form.content())
        drafts.put_model(request.membership, draft, model_id=model_id, entries=entries, now=timezone.now())

    return _edit(request, row, form, save=save, title=view.model_names.get(model_id, "Security model"))


@requires(Capability.EDIT_GUIDANCE)
@require_POST
def new_model(request: HtmxRequest, change_id: int) -> HttpResponse:
    """Name a new model, to be filled in the draft."""
    change_in_firm(request.membership, change_id)
    try:
        made = drafts.create_model(request.membership, name=request.POST.get("name", ""), now=timezone.now())
    except Invalid as error:
        return _page(request, change_id, Refused(faults=error.faults, status=422))
    return see_other(request, reverse("house_view:edit_model", args=[change_id, made.pk]))


@requires(Capability.EDIT_GUIDANCE)
@require_http_methods(["GET", "POST"])
def edit_products(request: HtmxRequest, change_id: int) -> HttpResponse:
    """Edit the list of products in a draft."""
    row, _, form = _table(request, change_id, house_view_tables.products_table, help_text=_PRODUCTS_HELP)

    def save(draft: drafts.Draft) -> None:
        entries = read_products(form.content())
        drafts.put_products(request.membership, draft, entries=entries, now=timezone.now())

    return _edit(request, row, form, save=save, title="Products")


@requires(Capability.EDIT_GUIDANCE)
@require_http_methods(["GET", "POST"])
def edit_substitutes(request: HtmxRequest, change_id: int) -> HttpResponse:
    """Edit the list of substitutes in a draft."""
    row, _, form = _table(request, change_id, house_view_tables.substitutes_table, help_text=_SUBSTITUTES_HELP)

    def save(draft: drafts.Draft) -> None:
        entries = read_substitutes(form.content())
        drafts.put_substitutes(request.membership, draft, entries=entries, now=timezone.now())

    return _edit(request, row, form, save=save, title="Substitutes")


@requires(Capability.EDIT_GUIDANCE)
@require_http_methods(["GET", "POST"])
def edit_screens(request: HtmxRequest, change_id: int) -> HttpResponse:
    """Edit in a draft who is in which screen."""
    row = change_in_firm(request.membership, change_id)
    lines = screen_rows(row.firm_id, on=row.effective_on, change_id=row.pk)
    form = TableForm(
        request.POST or None,
        request.FILES or None,
        text=house_view_tables.screens_table(lines),
        help_text=_SCREENS_HELP,
        revision=row.revision,
    )

    def save(draft: drafts.Draft) -> None:
        put_screens(request.membership, draft, entries=read_screens(form.content()), now=timezone.now())

    return _edit(request, change_id, form, save=save, title="Screens")


@requires(Capability.EDIT_GUIDANCE)
@require_http_methods(["GET", "POST"])
def edit_defaults(request: HtmxRequest, change_id: int) -> HttpResponse:
    """Edit in a draft what settings are where nobody chose anything."""
    row = change_in_firm(request.membership, change_id)
    values = resolve_settings(
        firm_defaults=firm_defaults([row.firm_id], on=row.effective_on, change_id=row.pk)[row.firm_id], chosen={}
    )
    form = DefaultsForm(request.POST or None, values=values, revision=row.revision)

    def save(draft: drafts.Draft) -> None:
        drafts.put_defaults(request.membership, draft, values=form.value(), now=timezone.now())

    return _edit(
        request, change_id, form, save=save, title="Firm defaults", template="portfolios/house_view/edit_defaults.html"
    )


def _table(
    request: HtmxRequest, change_id: int, write: Callable[[HouseView], str], *, help_text: str
) -> tuple[int, HouseView, TableForm]:
    row = change_in_firm(request.membership, change_id)
    view = view_of(row.firm_id, on=row.effective_on, change_id=row.pk)
    form = TableForm(
        request.POST or None, request.FILES or None, text=write(view), help_text=help_text, revision=row.revision
    )
    return row.pk, view, form


def _edit(
    request: HtmxRequest,
    change_id: int,
    form: forms.Form,
    *,
    save: Callable[[drafts.Draft], None],
    title: str,
    template: str = "portfolios/house_view/edit_table.html",
) -> HttpResponse:
    """Show the form of one piece, or save it; what is refused is shown again with everything that was typed."""
    row = change_in_firm(request.membership, change_id)
    faults, status = NONE, 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                save(drafts.Draft(change_id=change_id, revision=form.cleaned_data["revision"]))
                return _back(request, change_id, f"{title}: saved in the draft.")
            except BadTable as error:
                faults = said_of(error.faults)
            except (Invalid, Conflict) as error:
                faults, status = faults_of(error), 409 if isinstance(error, Conflict) else 422
    context = {
        "form": form,
        "faults": faults,
        "title": title,
        "change": row,
        "trail": (
            house_step(),
            Step(label="Changes", url=reverse("house_view:changes")),
            Step(label=row.title, url=reverse("house_view:change", args=[row.pk])),
            Step(label=title),
        ),
    }
    return render(request, template, context, status=status)
