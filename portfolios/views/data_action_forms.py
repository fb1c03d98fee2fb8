"""Announcing a corporate action by hand: the fields of its kind, a look before it is announced, and changing one."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from advisors.access import HtmxRequest, requires
from advisors.errors import Conflict, Invalid
from advisors.permissions import Capability
from advisors.responses import page_or_part, see_other
from portfolios.forms.action_kinds import KIND_WORDS
from portfolios.forms.actions import ActionForm, Announcement, KindForm
from portfolios.ledger.corporate_actions.check import check_terms, describe
from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.services.corporate_actions import desk, queue
from portfolios.services.corporate_actions.stored_terms import choices_of, terms_of
from portfolios.views.data import Step

TEMPLATE = "portfolios/data/action_form.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What an announcement says before it is made: in words, what is missing, and who holds the security."""

    sentence: str
    faults: tuple[str, ...]
    holder_count: int
    held_units: object


@requires(Capability.IMPORT_FILES)
@require_http_methods(["GET", "POST"])
def new_action(request: HtmxRequest) -> HttpResponse:
    """Show the form of a kind of action, and announce what it says."""
    if request.method == "GET":
        kind = KindForm(request.GET or None).kind_value() if request.GET else ActionKind.SPLIT
        return _form_page(request, ActionForm(kind=kind))
    form = ActionForm(request.POST, kind=KindForm(request.POST).kind_value())
    if not form.is_valid():
        return _form_page(request, form, status=422)
    said = form.value()
    if "look" in request.POST:
        return _form_page(request, form, look=_look(request, said))
    try:
        announced = desk.announce(
            request.membership, said.terms, note=said.note, buy_children=said.buy_children, now=timezone.now()
        )
    except (Invalid, Conflict) as refusal:
        return _form_page(request, form, status=422, faults=(str(refusal),))
    if announced.is_new:
        messages.success(request, f"Announced: {describe(said.terms)}. Somebody else confirms it.")
    elif announced.is_restated:
        messages.warning(request, "This action was known with other terms. It has to be confirmed again.")
    else:
        messages.info(request, "This action was known already; nothing was changed.")
    return see_other(request, reverse("data:action", args=[announced.action.pk]))


@requires(Capability.IMPORT_FILES)
@require_http_methods(["GET", "POST"])
def edit_action(request: HtmxRequest, action_id: int) -> HttpResponse:
    """Change an action that is not applied yet; whoever changes it does not confirm it."""
    found = queue.action_in_firm(request.membership, action_id)
    terms = terms_of(found)
    if request.method == "GET":
        kind = KindForm(request.GET).kind_value() if request.GET.get("kind") else terms.kind
        form = ActionForm(kind=kind, terms=terms, note=found.note)
        if "buy_children" in form.fields:
            form.fields["buy_children"].initial = choices_of(found).buy_children
        return _form_page(request, form, action_id=action_id)
    form = ActionForm(request.POST, kind=KindForm(request.POST).kind_value())
    if not form.is_valid():
        return _form_page(request, form, action_id=action_id, status=422)
    said = form.value()
    if "look" in request.POST:
        return _form_page(request, form, action_id=action_id, look=_look(request, said))
    try:
        announced = desk.change(
            request.membership, found, said.terms, note=said.note, buy_children=said.buy_children, now=timezone.now()
        )
    except (Invalid, Conflict) as refusal:
        return _form_page(request, form, action_id=action_id, status=422, faults=(str(refusal),))
    messages.success(request, f"Changed: {describe(said.terms)}. Somebody else confirms it.")
    return see_other(request, reverse("data:action", args=[announced.action.pk]))


def _look(request: HtmxRequest, said: Announcement) -> Look:
    count, units = queue.holders_of(request.membership, said.terms.security)
    faults = check_terms(said.terms)
    return Look(sentence=describe(said.terms), faults=faults, holder_count=count, held_units=units)


def _form_page(
    request: HtmxRequest,
    form: ActionForm,
    *,
    action_id: int | None = None,
    look: Look | None = None,
    faults: tuple[str, ...] = (),
    status: int = 200,
) -> HttpResponse:
    title, meaning = KIND_WORDS[form.kind]
    address = reverse("data:new_action") if action_id is None else reverse("data:edit_action", args=[action_id])
    context = {
        "form": form,
        "kind_form": KindForm(initial={"kind": form.kind.value}, auto_id="id_%s"),
        "kind_title": title,
        "meaning": meaning,
        "look": look,
        "faults": faults,
        "action_id": action_id,
        "address": address,
        "trail": (
            Step(label="Data", url=reverse("data:files")),
            Step(label="Corporate actions", url=reverse("data:actions")),
            Step(label="Announce" if action_id is None else "Change"),
        ),
    }
    if status == 200:
        return page_or_part(request, TEMPLATE, part="fields", context=context)
    return render(request, TEMPLATE, context, status=status)
