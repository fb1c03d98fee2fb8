"""How the accounts of a household are run together: what counts, what counted before, and a change of it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import Conflict, DomainError, Invalid
from advisors.permissions import Capability, can
from advisors.responses import see_other
from portfolios.forms.household_policies import HouseholdPolicyForm
from portfolios.selectors.household_policies import household_policy_page
from portfolios.services.household_policies import set_household_policy
from portfolios.views.preferences import Step


@requires(Capability.VIEW_BOOK)
@require_GET
def household_policy(request: HtmxRequest, household_id: int) -> HttpResponse:
    """Show how the accounts are run together."""
    return _answer(request, household_id)


def _answer(
    request: HtmxRequest,
    household_id: int,
    *,
    form: HouseholdPolicyForm | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    page = household_policy_page(request.membership, household_id)
    faults = (error.faults or (str(error),)) if isinstance(error, Invalid) else (str(error),) if error else ()
    status = 409 if isinstance(error, Conflict) else 422 if form else 200
    context = {
        "page": page,
        "form": form or HouseholdPolicyForm(page=page),
        "faults": faults,
        "can_edit": can(request.membership, Capability.EDIT_PREFERENCES),
        "trail": (
            Step(label="Accounts", url=reverse("accounts:accounts")),
            Step(label=page.household, url=reverse("accounts:household", args=[household_id])),
            Step(label="Run together"),
        ),
    }
    return render(request, "portfolios/household_policy.html", context, status=status)


@requires(Capability.EDIT_PREFERENCES)
@require_POST
def change_household_policy(request: HtmxRequest, household_id: int) -> HttpResponse:
    """Say anew how they are run together."""
    page = household_policy_page(request.membership, household_id)
    form = HouseholdPolicyForm(request.POST, page=page)
    if not form.is_valid():
        return _answer(request, household_id, form=form)
    try:
        set_household_policy(
            request.membership,
            household_id,
            new=form.value(),
            seen_id=form.cleaned_data["seen"],
            reason=form.cleaned_data["reason"],
            now=timezone.now(),
        )
    except (Conflict, Invalid) as error:
        return _answer(request, household_id, form=form, error=error)
    messages.success(request, "Saved. The next run of the household follows it.")
    return see_other(request, reverse("portfolios:household_policy", args=[household_id]))
