"""Preferences whose review date has come."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from advisors.access import HtmxRequest, requires
from advisors.permissions import Capability
from portfolios.selectors.review_list import review_list
from portfolios.views.preferences import Step


@requires(Capability.VIEW_BOOK)
@require_GET
def preferences_to_review(request: HtmxRequest) -> HttpResponse:
    """List what is due, and what comes within thirty days."""
    context = {
        "found": review_list(request.membership, today=timezone.localdate()),
        "trail": (Step(label="Accounts", url=reverse("accounts:accounts")), Step(label="Preferences to review")),
    }
    return render(request, "portfolios/review_list.html", context)
