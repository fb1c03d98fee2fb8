"""The preferences page: the electronic policy statement of one account, and every change of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import Conflict, DomainError, Invalid
from advisors.permissions import Capability, can
from advisors.responses import page_or_part, see_other
from portfolios.forms.preferences import CashNeedForm, EndForm, ProfileForm, RestrictionForm, SettingsForm
from portfolios.policy import Group
from portfolios.selectors.preference_pages import RISK_PROFILE_KEY, PreferencesPage, preferences_page
from portfolios.services.preferences import set_preferences, set_risk_profile
from portfolios.services.restrictions import add_cash_need, add_restriction, end_cash_need, end_restriction
from portfolios.services.tax_situations import confirm_tax_household


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a page; the last has no address."""

    label: str
    url: str = ""


@dataclass(slots=True, kw_only=True)
class Bound:
    """The one form of the page that was posted and refused, with what else was wrong and the status to answer with."""

    forms: dict[str, object] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    conflict: str = ""
    status: int = 200


@requires(Capability.VIEW_BOOK)
@require_GET
def preferences(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Show the policy statement of an account."""
    page = preferences_page(request.membership, account_id, today=timezone.localdate())
    return _answer(request, page, Bound())


def _answer(request: HtmxRequest, page: PreferencesPage, bound: Bound) -> HttpResponse:
    can_edit = can(request.membership, Capability.EDIT_PREFERENCES)
    context: dict[str, object] = {
        "page": page,
        "can_edit": can_edit,
        "faults": bound.faults,
        "conflict": bound.conflict,
        "trail": (
            Step(label="Accounts", url=reverse("accounts:accounts")),
            Step(label=page.household, url=reverse("accounts:household", args=[page.household_id])),
            Step(label=f"{page.name} ··{page.number_last4}", url=reverse("accounts:account", args=[page.account_id])),
            Step(label="Preferences"),
        ),
        **_fresh_forms(page, can_edit=can_edit),
        **bound.forms,
    }
    context["refused"] = next(iter(bound.forms.values()), None)
    name = "portfolios/preferences.html"
    return page_or_part(request, name, part="statement", context=context, status=bound.status)


def _fresh_forms(page: PreferencesPage, *, can_edit: bool) -> dict[str, object]:
    settings = {
        f"{group.name.lower()}_form": SettingsForm(
            group=group, lines=page.settings, history=page.history, is_disabled=not can_edit
        )
        for group in Group
    }
    return {
        **settings,
        "profile_form": ProfileForm(profiles=page.profiles, profile_id=page.profile_id, is_disabled=not can_edit),
        "restriction_form": RestrictionForm(subjects=page.subjects),
        "cash_need_form": CashNeedForm(),
        "past_restrictions": page.history["restrictions"],
        "past_cash_needs": page.history["cash_needs"],
        "past_profiles": page.history.get(RISK_PROFILE_KEY, ()),
        "end_form": EndForm(auto_id=False),
    }


def _saved(request: HtmxRequest, account_id: int, said: str) -> HttpResponse:
    messages.success(request, said)
    return see_other(request, reverse("portfolios:preferences", args=[account_id]))


def _refused(
    request: HtmxRequest, account_id: int, error: DomainError, form_of: Callable[[PreferencesPage], dict[str, object]]
) -> HttpResponse:
    """Show the page again with what was posted: 422 with every fault, or 409 with who changed what meanwhile."""
    page = preferences_page(request.membership, account_id, today=timezone.localdate())
    if isinstance(error, Conflict):
        return _answer(request, page, Bound(forms=form_of(page), conflict=str(error), status=409))
    faults = error.faults if isinstance(error, Invalid) else ()
    return _answer(request, page, Bound(forms=form_of(page), faults=faults, status=422))


@requires(Capability.EDIT_PREFERENCES)
@require_POST
def change_settings(request: HtmxRequest, account_id: int, group: str) -> HttpResponse:
    """Save the settings of one group that were touched."""
    chosen = Group[group.upper()]
    page = preferences_page(request.membership, account_id, today=timezone.localdate())
    form = SettingsForm(request.POST, group=chosen, lines=page.settings, history=page.history, is_disabled=False)
    name = f"{group}_form"
    if not form.is_valid():
        return _answer(request, page, Bound(forms={name: form}, status=422))
    change = form.value()
    try:
        changed = set_preferences(
            request.membership,
            account_id=account_id,
            values=change.values,
            terms=change.terms,
            seen=change.seen,
            now=timezone.now(),
        )
    except Conflict as error:
        return _refused(request, account_id, error, lambda _: {name: form.renewed()})
    except Invalid as error:
        return _refused(request, account_id, error, lambda _: {name: form})
    count = len(changed)
    said = (
        f"{count} setting{'' if count == 1 else 's'} changed." if count else "Nothing was different, nothing changed."
    )
    return _saved(request, account_id, said)


@requires(Capability.EDIT_PREFERENCES)
@require_POST
def choose_profile(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Save the choice of a risk profile."""
    page = preferences_page(request.membership, account_id, today=timezone.localdate())
    form = ProfileForm(request.POST, profiles=page.profiles, profile_id=page.profile_id, is_disabled=False)
    if not form.is_valid():
        return _answer(request, page, Bound(forms={"profile_form": form}, status=422))
    try:
        set_risk_profile(
            request.membership,
            account_id=account_id,
            profile_id=form.cleaned_data["profile"],
            seen_id=form.cleaned_data["seen"],
            terms=form.terms(),
            now=timezone.now(),
        )
    except (Conflict, Invalid) as error:
        return _refused(request, account_id, error, lambda now: {"profile_form": form.renewed(now.profile_id)})
    return _saved(request, account_id, "The risk profile is chosen. The next run proposes by it.")


@requires(Capability.EDIT_PREFERENCES)
@require_POST
def restrict(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Add a restriction to the account or its household."""
    page = preferences_page(request.membership, account_id, today=timezone.localdate())
    form = RestrictionForm(request.POST, subjects=page.subjects)
    if not form.is_valid():
        return _answer(request, page, Bound(forms={"restriction_form": form}, status=422))
    change = form.value()
    place = (change.level, account_id if change.level == "account" else page.household_id)
    try:
        add_restriction(request.membership, place=place, new=change.new, terms=change.terms, now=timezone.now())
    except (Conflict, Invalid) as error:
        return _refused(request, account_id, error, lambda _: {"restriction_form": form})
    return _saved(request, account_id, "The restriction is added. The next run obeys it.")


@requires(Capability.EDIT_PREFERENCES)
@require_POST
def need_cash(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Add a cash need."""
    page = preferences_page(request.membership, account_id, today=timezone.localdate())
    form = CashNeedForm(request.POST)
    if not form.is_valid():
        return _answer(request, page, Bound(forms={"cash_need_form": form}, status=422))
    change = form.value()
    try:
        add_cash_need(request.membership, account_id=account_id, new=change.new, terms=change.terms, now=timezone.now())
    except (Conflict, Invalid) as error:
        return _refused(request, account_id, error, lambda _: {"cash_need_form": form})
    return _saved(request, account_id, "The cash need is added. The next run raises what it takes.")


@requires(Capability.EDIT_PREFERENCES)
@require_POST
def end(request: HtmxRequest, account_id: int, what: str, line_id: int) -> HttpResponse:
    """End a restriction or a cash need of the page."""
    form = EndForm(request.POST)
    if not form.is_valid():
        error = Invalid("Say why it ends: the reason is kept in the history.")
        return _refused(request, account_id, error, lambda _: {})
    try:
        if what == "restriction":
            end_restriction(
                request.membership, restriction_id=line_id, reason=form.cleaned_data["reason"], now=timezone.now()
            )
        else:
            end_cash_need(
                request.membership, cash_need_id=line_id, reason=form.cleaned_data["reason"], now=timezone.now()
            )
    except Conflict as error:
        return _refused(request, account_id, error, lambda _: {})
    return _saved(request, account_id, "It is ended, and stays in the history.")


@requires(Capability.EDIT_HOUSEHOLDS)
@require_POST
def confirm_tax(request: HtmxRequest, tax_household_id: int) -> HttpResponse:
    """Confirm a suggested tax household."""
    household_id = confirm_tax_household(request.membership, tax_household_id=tax_household_id, now=timezone.now())
    messages.success(request, "Confirmed: the trades of these accounts count together for wash sales.")
    return see_other(request, reverse("accounts:household", args=[household_id]))
