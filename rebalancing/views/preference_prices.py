"""What each preference of a proposal's client costs: asked with a button, answered at once or by the queue."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.permissions import Capability
from advisors.responses import page_or_part
from rebalancing.selectors.preference_prices import PricesPage, asked_prices_page, prices_page
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


def _shown(request: HtmxRequest, page: PricesPage) -> HttpResponse:
    proposal = page.proposal
    trail = (
        Step(label=page.label, url=reverse("accounts:account", args=[proposal.account_id])),
        Step(label=f"Proposal {proposal.pk}", url=reverse("rebalancing:proposal", args=[proposal.pk])),
        Step(label="What the preferences cost"),
    )
    context = {"page": page, "proposal": proposal, "question": page.question, "trail": trail}
    return page_or_part(request, "rebalancing/preference_prices.html", part="prices", context=context)
