"""The page Tax policies: what a firm chose where tax law leaves a choice, and since when."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from advisors.access import HtmxRequest, requires
from advisors.errors import Invalid
from advisors.permissions import Capability, can, check_can
from advisors.responses import see_other
from portfolios.forms.tax_policies import TaxPolicyForm
from portfolios.selectors.tax_policies import current_policy, policy_page
from portfolios.services.tax_policies import set_tax_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a page; the last has no address."""

    label: str
    url: str = ""


@requires(Capability.VIEW_BOOK)
@require_http_methods(["GET", "POST"])
def policies(request: HtmxRequest) -> HttpResponse:
    """Show the firm's tax policies and their history; save new ones."""
    member = request.membership
    may_edit = can(member, Capability.MANAGE_SETTINGS)
    policy = current_policy(member.firm_id).policy
    if request.method != "POST":
        return _page(request, TaxPolicyForm(policy=policy, is_disabled=not may_edit))
    check_can(member, Capability.MANAGE_SETTINGS)
    form = TaxPolicyForm(request.POST, policy=policy, is_disabled=False)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        set_tax_policy(member, form.value(), reason=form.cleaned_data["reason"], now=timezone.now())
    except Invalid as refused:
        return _page(request, form, faults=refused.faults, status=422)
    messages.success(request, "The tax policies are set. The tax households with losses are replayed now.")
    return see_other(request, reverse("ledger:tax_policies"))


def _page(
    request: HtmxRequest, form: TaxPolicyForm, *, faults: tuple[str, ...] = (), status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "faults": faults,
        "page": policy_page(request.membership.firm_id),
        "can_edit": can(request.membership, Capability.MANAGE_SETTINGS),
        "trail": (Step(label="Team", url=reverse("advisors:team")), Step(label="Tax policies")),
    }
    return render(request, "portfolios/ledger/tax_policies.html", context, status=status)
