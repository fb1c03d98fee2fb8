"""What each preference costs: of a proposal, answered at once or by the queue; or of an account as it stands."""

import msgspec
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.permissions import Capability
from advisors.responses import page_or_part
from rebalancing.selectors.facts import account_label
from rebalancing.selectors.impacts import class_names
from rebalancing.selectors.preference_prices import PricesPage, asked_prices_page, price_lines, prices_page
from rebalancing.services.pricing import price_account
from rebalancing.services.questions import Question, QuestionKind, ask
from rebalancing.views.parts import Step


@requires(Capability.VIEW_BOOK)
@require_POST
def ask_prices(request: HtmxRequest, proposal_id: int) -> HttpResponse:
    """Price every preference by solving the proposal's case again without it."""
    asked = ask(request.membership, proposal_id, Question(kind=QuestionKind.PREFERENCES), now=timezone.now())
    if asked.waiting is not None and not request.htmx:
        return redirect("rebalancing:preference_prices_asked", proposal_id, asked.waiting.pk)
    page = prices_page(request.membership, proposal_id, answer=asked.answer, question=asked.waiting)
    return _shown(request, page)


@requires(Capability.VIEW_BOOK)
@require_GET
def asked_prices(request: HtmxRequest, proposal_id: int, question_id: int) -> HttpResponse:
    """Show the prices that the queue was asked for, or that it still works."""
    return _shown(request, asked_prices_page(request.membership, proposal_id, question_id))


@requires(Capability.VIEW_BOOK)
@require_GET
def account_prices(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Price the preferences of an account as they are saved, with no proposal needed."""
    priced = price_account(request.membership, account_id)
    label = account_label(priced.account)
    context = {
        "priced": priced,
        "label": label,
        "prices": price_lines(
            msgspec.to_builtins(priced.prices),
            ref=priced.account.external_ref,
            classes=class_names(request.membership.firm_id),
        ),
        "trail": (
            Step(label=label, url=reverse("accounts:account", args=[account_id])),
            Step(label="Preferences", url=reverse("portfolios:preferences", args=[account_id])),
            Step(label="What they cost"),
        ),
    }
    return page_or_part(request, "rebalancing/account_prices.html", part="prices", context=context)


def _shown(request: HtmxRequest, page: PricesPage) -> HttpResponse:
    proposal = page.proposal
    trail = (
        Step(label=page.label, url=reverse("accounts:account", args=[proposal.account_id])),
        Step(label=f"Proposal {proposal.pk}", url=reverse("rebalancing:proposal", args=[proposal.pk])),
        Step(label="What the preferences cost"),
    )
    context = {"page": page, "proposal": proposal, "question": page.question, "trail": trail}
    return page_or_part(request, "rebalancing/preference_prices.html", part="prices", context=context)
