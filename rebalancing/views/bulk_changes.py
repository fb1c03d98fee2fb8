"""Change the preferences of every account that a list shows: what shall change, then a preview before it holds."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from advisors.access import HtmxRequest, requires
from advisors.errors import Invalid
from advisors.permissions import Capability
from advisors.responses import see_other
from portfolios.forms.bulk_changes import BulkRestrictionForm, BulkSettingForm, WhichSettingForm
from portfolios.policy import SETTINGS
from portfolios.selectors.subjects import subject_choices
from portfolios.services.bulk_changes.preparing import prepare_for_accounts
from rebalancing.selectors.accounts import chosen_accounts
from rebalancing.views.parts import Step

_FIRST = "trading.tracking_preference"


@requires(Capability.EDIT_PREFERENCES)
def change_accounts(request: HtmxRequest) -> HttpResponse:
    """Ask one setting or one restriction of all accounts that fit the filters in the address; nothing holds yet."""
    member = request.membership
    chosen = chosen_accounts(member, request.GET)
    key = request.GET.get("key", "")
    key = request.POST.get("key", key if key in SETTINGS else _FIRST)
    is_setting = request.method == "POST" and "key" in request.POST
    is_restriction = request.method == "POST" and not is_setting
    subjects = subject_choices(member.firm_id)
    setting_form = BulkSettingForm(request.POST if is_setting else None, key=key if key in SETTINGS else _FIRST)
    restriction_form = BulkRestrictionForm(request.POST if is_restriction else None, subjects=subjects)
    faults: tuple[str, ...] = ()
    form = setting_form if is_setting else restriction_form
    if request.method == "POST" and form.is_valid():
        asked = setting_form.value() if is_setting else restriction_form.value().new
        try:
            change = prepare_for_accounts(
                member, account_ids=chosen.ids, asked=asked, terms=form.terms(), now=timezone.now()
            )
        except Invalid as error:
            faults = error.faults or (str(error),)
        else:
            return see_other(request, reverse("portfolios:bulk_change", args=[change.pk]))
    context = {
        "chosen": chosen,
        "count": len(chosen.ids),
        "which_form": WhichSettingForm(initial={"key": setting_form.setting.key}),
        "setting_form": setting_form,
        "restriction_form": restriction_form,
        "refused": form if request.method == "POST" else None,
        "faults": faults,
        "query": request.GET.urlencode(),
        "kept": [(name, value) for name, value in request.GET.items() if name != "key"],
        "trail": (
            Step(label="Accounts", url=reverse("accounts:accounts")),
            Step(label="Change preferences"),
        ),
    }
    return render(request, "rebalancing/bulk_accounts.html", context, status=422 if request.method == "POST" else 200)
