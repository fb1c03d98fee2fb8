"""The Reconciliation pages: the day over all accounts, the breaks that wait for a person, one account in detail."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import Conflict, Invalid
from advisors.permissions import Capability, can
from advisors.responses import page_or_part, see_other
from portfolios.forms.breaks import ACCEPT, AssignForm, BreakFilterForm, NoteForm, ResolveForm
from portfolios.selectors import breaks as selectors
from portfolios.selectors.books import account_in_book
from portfolios.selectors.break_policies import break_policy_of
from portfolios.selectors.data import custodian_name
from portfolios.selectors.gain_comparisons import gains_compared
from portfolios.selectors.reconciled import compared_account, reconciled_book
from portfolios.selectors.tab_counts import tab_counts
from portfolios.services import breaks
from portfolios.views.data import Step

LIST_TEMPLATE = "portfolios/data/reconciliation.html"


@requires(Capability.VIEW_DATA)
@require_GET
def reconciliation(request: HtmxRequest) -> HttpResponse:
    """Show how the day compared, and the open breaks."""
    return _page(request)


def _page(request: HtmxRequest, *, status: int = 200, faults: tuple[str, ...] = ()) -> HttpResponse:
    member = request.membership
    form = BreakFilterForm(request.GET or None, custodians=selectors.custodian_choices(member))
    rows = selectors.break_rows(member, form.value())
    context = {
        "book": reconciled_book(member),
        "rows": rows,
        "counts": selectors.break_counts(member),
        "size_usd": sum((row.size_usd or Decimal(0) for row in rows), Decimal(0)),
        "resolved": selectors.resolved_lately(member),
        "policy": break_policy_of(member.firm),
        "people": selectors.people_for_breaks(member),
        "form": form,
        "is_filtered": form.value() != selectors.BreakFilter(),
        "faults": faults,
        "tabs": tab_counts(member),
        "can_resolve": can(member, Capability.RESOLVE_EXCEPTIONS),
    }
    return page_or_part(request, LIST_TEMPLATE, part="list", context=context, status=status)


@requires(Capability.VIEW_DATA)
@require_GET
def comparison(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Show one account beside its custodian's statement: lots side by side, sales, breaks."""
    member = request.membership
    account = account_in_book(member, account_id)
    context = {
        "account": account,
        "custodian": custodian_name(account.custodian),
        "found": compared_account(account, day=_day(request.GET.get("day", ""))),
        "breaks": selectors.break_rows(member, selectors.BreakFilter(account_id=account.pk)),
        "sales": gains_compared([account.pk]).get(account.pk, ()),
        "trail": (
            Step(label="Data", url=reverse("data:files")),
            Step(label="Reconciliation", url=reverse("data:reconciliation")),
            Step(label=account.name),
        ),
    }
    return render(request, "portfolios/data/comparison.html", context)


def _day(said: str) -> date | None:
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None


@requires(Capability.RESOLVE_EXCEPTIONS)
@require_POST
def assign_break(request: HtmxRequest, break_id: int) -> HttpResponse:
    """Give a break to a person, or to nobody."""
    member = request.membership
    found = selectors.break_in_book(member, break_id)
    form = AssignForm(request.POST, people=selectors.people_for_breaks(member))
    if not form.is_valid():
        return _refused(request, "Choose somebody of the firm who may resolve exceptions.")
    breaks.assign_break(member, found.pk, user_id=form.value(), now=timezone.now())
    return _back(request)


@requires(Capability.RESOLVE_EXCEPTIONS)
@require_POST
def note_break(request: HtmxRequest, break_id: int) -> HttpResponse:
    """Write down what is known of a break."""
    member = request.membership
    found = selectors.break_in_book(member, break_id)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _refused(request, "A note has at most 400 characters.")
    breaks.note_break(member, found.pk, note=form.cleaned_data["note"], now=timezone.now())
    return _back(request)


@requires(Capability.RESOLVE_EXCEPTIONS)
@require_POST
def resolve_break(request: HtmxRequest, break_id: int) -> HttpResponse:
    """Resolve a break by the custodian's word or by ours, with the reason."""
    member = request.membership
    found = selectors.break_in_book(member, break_id)
    form = ResolveForm(request.POST)
    if not form.is_valid():
        return _refused(request, "Say how the break is resolved, and why.")
    is_accepted = form.cleaned_data["decision"] == ACCEPT
    resolve: Callable[..., object] = breaks.accept_custodian if is_accepted else breaks.leave_to_ledger
    try:
        resolve(member, found.pk, reason=form.cleaned_data["reason"], now=timezone.now())
    except (Conflict, Invalid) as refusal:
        return _refused(request, str(refusal), status=409 if isinstance(refusal, Conflict) else 422)
    said = "The ledger follows the custodian." if is_accepted else "The ledger stays as it is until the figures change."
    messages.success(request, f"The break of {found.account.name} is resolved. {said}")
    return _back(request)


def _refused(request: HtmxRequest, fault: str, *, status: int = 422) -> HttpResponse:
    """Show the page once more with what was wrong; nothing was changed."""
    return _page(request, status=status, faults=(fault,))


def _back(request: HtmxRequest) -> HttpResponse:
    return see_other(request, reverse("data:reconciliation"))
