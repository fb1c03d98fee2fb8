"""One proposal: its page, the decisions on it, its case."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import NotFound
from advisors.permissions import Capability, can
from advisors.responses import page_or_part, see_other
from advisors.templatetags.ui import bps, money, pct, signed_money
from rebalancing.charts import Chart, allocation_chart, budget_gauge
from rebalancing.forms.review import QueueForm, ReasonForm
from rebalancing.selectors.cases import self_contained_json
from rebalancing.selectors.choices import Choice, choices_of, why_not_release
from rebalancing.selectors.facts import proposal_in_book
from rebalancing.selectors.proposals import ProposalPage, proposal_page
from rebalancing.selectors.queue import proposal_queue
from rebalancing.services import review
from rebalancing.views.parts import Figure, Step


@requires(Capability.VIEW_BOOK)
@require_GET
def proposals(request: HtmxRequest) -> HttpResponse:
    """List the proposals of the member's book, filtered and sorted."""
    form = QueueForm(request.GET)
    wanted = form.value()
    number = request.GET.get("page", "1")
    queue = proposal_queue(request.membership, wanted, page=int(number) if number.isdecimal() else 1)
    context = {"queue": queue, "form": form, "wanted": wanted, "address": reverse("rebalancing:proposals")}
    return page_or_part(request, "rebalancing/proposals.html", part="rows", context=context)


@requires(Capability.VIEW_BOOK)
@require_GET
def proposal(request: HtmxRequest, proposal_id: int) -> HttpResponse:
    """Show one proposal: what, why, why not, whether it keeps every rule, and what may be decided."""
    page = proposal_page(request.membership, proposal_id)
    chosen = choices_of(request.membership, page.group)
    context = {
        "page": page,
        "proposal": page.proposal,
        "figures": _figures(page),
        "allocation": allocation_chart(page.weights) if page.weights else None,
        "gauge": _gauge(page),
        "buttons": tuple(Button(choice=choice, url=_decision_url(choice, proposal_id)) for choice in chosen),
        "why_not_release": why_not_release(request.membership, page.group),
        "can_rebalance": can(request.membership, Capability.REBALANCE),
        "can_issue_report": can(request.membership, Capability.ISSUE_REPORTS),
        "can_export_case": can(request.membership, Capability.VIEW_AUDIT)
        or can(request.membership, Capability.APPROVE_OVERRIDES)
        or can(request.membership, Capability.REVIEW),
        "can_price": bool(page.proposal.outcome.content),
        "trail": _trail(page),
    }
    return render(request, "rebalancing/proposal.html", context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A decision and where it is made."""

    choice: Choice
    url: str


def _decision_url(choice: Choice, proposal_id: int) -> str:
    if choice.needs_reason:
        return reverse("rebalancing:proposal_decide", args=[proposal_id, choice.action])
    return reverse(f"rebalancing:proposal_{choice.action}", args=[proposal_id])


def _trail(page: ProposalPage) -> tuple[Step, ...]:
    household = page.proposal.household
    return (
        Step(label=household.name, url=reverse("accounts:household", args=[household.pk])),
        Step(label=page.label, url=reverse("accounts:account", args=[page.proposal.account_id])),
        Step(label=f"Proposal {page.proposal.pk}"),
    )


def _figures(page: ProposalPage) -> tuple[Figure, ...]:
    made = page.proposal
    tax = Figure(label="Tax by this proposal", value="–", detail="not taxable")
    if page.is_taxable:
        gains = f"gains {signed_money(made.short_gain_usd)} short, {signed_money(made.long_gain_usd)} long"
        left = "" if made.budget_left_usd is None else f"; {money(made.budget_left_usd)} of budget left"
        tax = Figure(
            label=f"Tax in {made.as_of_on.year} by this proposal",
            value=signed_money(made.tax_caused_usd),
            detail=f"{gains}{left}",
            url="#budget" if _has_budget(page) else "#trades",
        )
    return (
        tax,
        Figure(
            label="Tracking error",
            value=pct(made.tracking_error_after_frac, 2),
            before=pct(made.tracking_error_before_frac, 2),
            detail=f"turnover {pct(made.turnover_frac)}",
            url="#allocation",
        ),
        Figure(
            label="Opportunity",
            value=money(made.opportunity_usd),
            detail=f"{bps(made.opportunity_bps)} of {money(made.value_usd)}, after {money(made.cost_usd)} of cost",
            url="#trades",
        ),
        Figure(
            label="Cash after",
            value=money(made.cash_after_usd),
            before=money(made.cash_before_usd),
            detail=f"{pct(_share(page))} of value",
            url="#checks",
        ),
    )


def _share(page: ProposalPage) -> float:
    value = page.proposal.value_usd
    return float(page.proposal.cash_after_usd / value) if value > 0 else 0.0


def _has_budget(page: ProposalPage) -> bool:
    return page.is_taxable and page.figures is not None and page.figures.budget_usd is not None


def _gauge(page: ProposalPage) -> Chart | None:
    figures, made = page.figures, page.proposal
    if figures is None or figures.budget_usd is None or made.budget_left_usd is None or not page.is_taxable:
        return None
    after = figures.budget_usd - made.budget_left_usd
    used = after - (made.tax_caused_usd or 0)
    return budget_gauge(used_usd=used, budget_usd=figures.budget_usd, after_usd=after, year=made.as_of_on.year)


def _back(request: HtmxRequest, proposal_id: int) -> HttpResponse:
    return see_other(request, reverse("rebalancing:proposal", args=[proposal_id]))


@requires(Capability.APPROVE_AS_ADVISOR)
@require_POST
def approve_as_advisor(request: HtmxRequest, proposal_id: int) -> HttpResponse:
    """Approve what waits for the advisor."""
    review.approve_as_advisor(request.membership, proposal_id, now=timezone.now())
    messages.success(request, "Approved. A reviewer decides next.")
    return _back(request, proposal_id)


@requires(Capability.REVIEW)
@require_POST
def approve(request: HtmxRequest, proposal_id: int) -> HttpResponse:
    """Approve a tax household's proposals."""
    decided = review.approve(request.membership, proposal_id, now=timezone.now())
    messages.success(request, f"{_counted(len(decided))} approved. Somebody else releases.")
    return _back(request, proposal_id)


@requires(Capability.RELEASE)
@require_POST
def release_one(request: HtmxRequest, proposal_id: int) -> HttpResponse:
    """Release a tax household's proposals as a batch of their own."""
    batch = review.release(request.membership, [proposal_id], now=timezone.now())
    messages.success(request, f"Released as batch {batch.number}. Take its order file next.")
    return see_other(request, reverse("rebalancing:batch", args=[batch.pk]))


def _counted(number: int) -> str:
    return "One proposal" if number == 1 else f"{number} proposals"


def _trades(number: int) -> str:
    return "1 trade" if number == 1 else f"{number} trades"


_REASONED: Final[dict[str, tuple[str, str, Callable[..., object]]]] = {
    "send-back": ("Send back", "sent back. Change what stands in the way and run the account again.", review.send_back),
    "reject": ("Reject", "rejected.", review.reject),
    "override": ("Approve the override of", "may be released although a check failed.", review.override),
}


@requires(Capability.REVIEW, Capability.APPROVE_AS_ADVISOR, Capability.APPROVE_OVERRIDES)
@require_http_methods(["GET", "POST"])
def decide(request: HtmxRequest, proposal_id: int, action: str) -> HttpResponse:
    """Ask for a reason, then send back, reject or override."""
    if action not in _REASONED:
        raise NotFound("There is no such decision.")
    verb, done, act = _REASONED[action]
    form = ReasonForm(request.POST) if request.method == "POST" else ReasonForm()
    if form.is_valid():
        act(request.membership, proposal_id, reason=form.value(), now=timezone.now())
        messages.success(request, f"Proposal {proposal_id} {done}")
        return _back(request, proposal_id)
    page = proposal_page(request.membership, proposal_id)
    allowed = {choice.action for choice in choices_of(request.membership, page.group)}
    context = {
        "page": page,
        "proposal": page.proposal,
        "form": form,
        "verb": verb,
        "action": action,
        "is_allowed": action in allowed,
        "label": f"{verb} {_counted(len(page.group.proposals)).lower()}, {_trades(page.group.trade_count)}",
        "trail": (*_trail(page)[:2], Step(label=f"Proposal {proposal_id}", url=_url(proposal_id)), Step(label=verb)),
    }
    status = 422 if form.is_bound else 200
    return render(request, "rebalancing/proposal_decide.html", context, status=status)


def _url(proposal_id: int) -> str:
    return reverse("rebalancing:proposal", args=[proposal_id])


@requires(Capability.REVIEW, Capability.APPROVE_OVERRIDES, Capability.VIEW_AUDIT)
@require_GET
def case_file(request: HtmxRequest, proposal_id: int) -> HttpResponse:
    """Hand out the case that a proposal was computed from, as one self-contained file for `manage.py solve`."""
    found = proposal_in_book(request.membership, proposal_id)
    content = self_contained_json(found.outcome.case)
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="case-{found.pk}-{found.as_of_on}.json"'
    return response
