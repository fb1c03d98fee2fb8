"""The page Wash sales of a household."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from advisors.access import HtmxRequest, requires
from advisors.permissions import Capability
from portfolios.selectors.wash_days import wash_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a page; the last has no address."""

    label: str
    url: str = ""


@requires(Capability.VIEW_BOOK)
@require_GET
def wash_sales(request: HtmxRequest, household_id: int) -> HttpResponse:
    """Show the days ahead, the losses of the year, and where those went that were disallowed."""
    page = wash_page(request.membership, household_id, today=timezone.localdate())
    context = {
        "page": page,
        "trail": (
            Step(label="Accounts", url=reverse("accounts:accounts")),
            Step(label=page.name, url=reverse("accounts:household", args=[page.household_id])),
            Step(label="Wash sales"),
        ),
    }
    return render(request, "portfolios/ledger/wash_sales.html", context)
