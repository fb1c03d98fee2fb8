"""The reviewer's queue, and decisions on many proposals at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from advisors.access import HtmxRequest, requires
from advisors.errors import Invalid
from advisors.permissions import Capability, can
from advisors.responses import page_or_part, see_other
from rebalancing.forms.review import ChosenForm, WaitingForm, ids_in
from rebalancing.selectors.choices import approve_label, release_label
from rebalancing.selectors.queue import TO_REVIEW, ids_of, proposal_queue
from rebalancing.services import review
from rebalancing.states import Action
from rebalancing.views.parts import Step

ALL: Final = "all"


@requires(Capability.REVIEW)
@require_GET
def review_queue(request: HtmxRequest) -> HttpResponse:
    """List what waits for a reviewer, the largest opportunity first."""
    form = WaitingForm(request.GET, place=TO_REVIEW)
    wanted = form.value()
    number = request.GET.get("page", "1")
    queue = proposal_queue(request.membership, wanted, page=int(number) if number.isdecimal() else 1)
    context = {
        "queue": queue,
        "form": form,
        "wanted": wanted,
        "address": reverse("rebalancing:review"),
        "bulk": _BULK.get(wanted.status),
        "can_release": can(request.membership, Capability.RELEASE),
        "is_queue": True,
    }
    return page_or_part(request, "rebalancing/review.html", part="rows", context=context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """A decision on many proposals: its verb, where it is confirmed, and what is said of it."""

    action: Action
    verb: str
    url_name: str

    @property
    def url(self) -> str:
        """Return where the decision is confirmed."""
        return reverse(self.url_name)


APPROVING: Final = Bulk(action=Action.APPROVE, verb="Approve", url_name="rebalancing:review_approve")
RELEASING: Final = Bulk(action=Action.RELEASE, verb="Release", url_name="rebalancing:release")
_BULK: Final[Mapping[str, Bulk]] = {TO_REVIEW: APPROVING, "approved": RELEASING}
_STATUS_OF: Final[Mapping[Action, str]] = {Action.APPROVE: TO_REVIEW, Action.RELEASE: "approved"}


@requires(Capability.REVIEW)
@require_http_methods(["GET", "POST"])
def review_approve(request: HtmxRequest) -> HttpResponse:
    """Show what approving the chosen would do; then do it."""
    if request.method == "GET":
        return _confirm(request, APPROVING)
    chosen = _chosen(request)
    review.approve_all(
        request.membership, chosen.value().proposal_ids, now=timezone.now(), expected=chosen.value().promised
    )
    promised = chosen.value().promised
    assert promised is not None
    messages.success(request, f"{_counted(promised.proposal_count)} approved. Somebody else releases.")
    return see_other(request, f"{reverse('rebalancing:review')}?status={TO_REVIEW}")


@requires(Capability.RELEASE)
@require_http_methods(["GET", "POST"])
def release(request: HtmxRequest) -> HttpResponse:
    """Show what releasing the chosen would do; then do it."""
    if request.method == "GET":
        return _confirm(request, RELEASING)
    chosen = _chosen(request).value()
    batch = review.release(request.membership, chosen.proposal_ids, now=timezone.now(), expected=chosen.promised)
    messages.success(request, f"Released as batch {batch.number}. Take its order files next.")
    return see_other(request, reverse("rebalancing:batch", args=[batch.pk]))


def _counted(number: int) -> str:
    return "1 proposal" if number == 1 else f"{number} proposals"


def _chosen(request: HtmxRequest) -> ChosenForm:
    form = ChosenForm(request.POST)
    if not form.is_valid():
        raise Invalid("This confirmation is not complete. Go back to the queue and choose again.")
    return form


def _confirm(request: HtmxRequest, bulk: Bulk) -> HttpResponse:
    wanted = WaitingForm(request.GET, place=_STATUS_OF[bulk.action]).value()
    is_all = ALL in request.GET
    ids = ids_of(request.membership, wanted) if is_all else ids_in(request.GET.getlist("proposal"))
    if not ids:
        raise Invalid("Nothing was chosen. Tick the proposals first.")
    weighed = review.weigh(request.membership, ids, bulk.action)
    write = approve_label if bulk.action is Action.APPROVE else release_label
    context = {
        "bulk": bulk,
        "weighed": weighed,
        "label": write(*weighed.allowed),
        "ids": ",".join(str(facts.proposal_id) for group in weighed.allowed for facts in group.facts),
        "trail": (
            Step(label="Review", url=f"{reverse('rebalancing:review')}?status={_STATUS_OF[bulk.action]}"),
            Step(label=bulk.verb),
        ),
    }
    return render(request, "rebalancing/release.html", context)
