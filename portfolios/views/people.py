"""One person of the firm: role, office, days; their book and who takes it; who stands in for them."""

from dataclasses import dataclass

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors import delegations
from advisors.access import HtmxRequest, requires
from advisors.errors import Conflict, DomainError, Invalid
from advisors.permissions import Capability, Role, can
from advisors.responses import see_other
from advisors.templatetags.ui import day
from portfolios.forms.people import DelegationForm, HandOverForm, PlaceForm
from portfolios.selectors.people import PersonPage, person_page
from portfolios.services import books
from portfolios.views.preferences import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The form that was refused, under its name, with what was wrong beside its fields."""

    name: str
    form: Form
    error: DomainError | None = None

    @property
    def status(self) -> int:
        return 409 if isinstance(self.error, Conflict) else 422

    @property
    def faults(self) -> tuple[str, ...]:
        if isinstance(self.error, Invalid) and self.error.faults:
            return self.error.faults
        return (str(self.error),) if self.error else ()


@requires(Capability.VIEW_BOOK)
@require_GET
def person(request: HtmxRequest, membership_id: int) -> HttpResponse:
    """Show somebody of the firm; everybody may see themselves."""
    return _answer(request, person_page(request.membership, membership_id, today=timezone.localdate()))


def _answer(request: HtmxRequest, page: PersonPage, refused: Refused | None = None) -> HttpResponse:
    can_manage = can(request.membership, Capability.MANAGE_PEOPLE)
    is_advisor = page.role is Role.ADVISOR
    context: dict[str, object] = {
        "page": page,
        "can_manage": can_manage and not page.is_me,
        "can_delegate": is_advisor and page.is_active and (can_manage or page.is_me) and page.other_advisors,
        "can_hand_over": can_manage and page.book and page.other_advisors,
        "place_form": PlaceForm(page=page),
        "deputy_form": DelegationForm(page=page),
        "book_form": HandOverForm(page=page),
        "trail": (Step(label="Team", url=reverse("advisors:team")), Step(label=page.name)),
    }
    if refused is not None:
        context |= {refused.name: refused.form, "refused": refused.form, "faults": refused.faults}
    return render(request, "portfolios/person.html", context, status=refused.status if refused else 200)


@requires(Capability.MANAGE_PEOPLE)
@require_POST
def change_place(request: HtmxRequest, membership_id: int) -> HttpResponse:
    """Change role, office and days of somebody."""
    today = timezone.localdate()
    page = person_page(request.membership, membership_id, today=today)
    form = PlaceForm(request.POST, page=page)
    if not form.is_valid():
        return _answer(request, page, Refused(name="place_form", form=form))
    try:
        books.change_place(
            request.membership,
            membership_id=membership_id,
            new=form.value(),
            seen=form.cleaned_data["seen"],
            reason=form.cleaned_data["reason"],
            today=today,
            now=timezone.now(),
        )
    except (Conflict, Invalid) as error:
        return _answer(request, page, Refused(name="place_form", form=form, error=error))
    return _saved(request, membership_id, f"{page.name} is changed.")


@requires(Capability.MANAGE_PEOPLE)
@require_POST
def hand_over(request: HtmxRequest, membership_id: int) -> HttpResponse:
    """Give households of a book to another advisor."""
    page = person_page(request.membership, membership_id, today=timezone.localdate())
    form = HandOverForm(request.POST, page=page)
    if not form.is_valid():
        return _answer(request, page, Refused(name="book_form", form=form))
    said = form.cleaned_data
    try:
        count = books.hand_over(
            request.membership,
            from_id=membership_id,
            to_id=said["to"],
            household_ids=said.get("households"),
            reason=said["reason"],
            now=timezone.now(),
        )
    except (Conflict, Invalid) as error:
        return _answer(request, page, Refused(name="book_form", form=form, error=error))
    taker = dict(page.other_advisors)[said["to"]]
    return _saved(request, membership_id, f"{count} household{'' if count == 1 else 's'} handed over to {taker}.")


@requires(Capability.EDIT_PREFERENCES, Capability.MANAGE_PEOPLE)
@require_POST
def delegate(request: HtmxRequest, membership_id: int) -> HttpResponse:
    """Let a deputy work somebody's book for a while."""
    today = timezone.localdate()
    page = person_page(request.membership, membership_id, today=today)
    form = DelegationForm(request.POST, page=page)
    if not form.is_valid():
        return _answer(request, page, Refused(name="deputy_form", form=form))
    try:
        made = delegations.delegate(request.membership, form.value(membership_id), today=today, now=timezone.now())
    except Invalid as error:
        return _answer(request, page, Refused(name="deputy_form", form=form, error=error))
    deputy = dict(page.other_advisors)[made.deputy_id]
    return _saved(request, membership_id, f"{deputy} works this book too, until {day(made.ends_on)}.")


@requires(Capability.EDIT_PREFERENCES, Capability.MANAGE_PEOPLE)
@require_POST
def end_delegation(request: HtmxRequest, membership_id: int, delegation_id: int) -> HttpResponse:
    """End a delegation before its last day."""
    delegations.end_delegation(request.membership, delegation_id, now=timezone.now())
    return _saved(request, membership_id, "Ended. The book is seen by its advisor alone again.")


def _saved(request: HtmxRequest, membership_id: int, said: str) -> HttpResponse:
    messages.success(request, said)
    return see_other(request, reverse("portfolios:person", args=[membership_id]))
