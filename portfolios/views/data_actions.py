"""The Data pages of corporate actions: the queue, one action with its effect on every account, and decisions on it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import DomainError, Invalid, NotFound
from advisors.permissions import Capability, can, can_be_second_person
from advisors.responses import csv_file, page_or_part, see_other
from portfolios.forms.actions import HolderForm, QueueFilterForm, ReasonForm
from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.selectors import held
from portfolios.selectors.tab_counts import tab_counts
from portfolios.services.corporate_actions import desk, detail, life, previewing, queue
from portfolios.services.corporate_actions.stored_terms import choices_of, stamp_of, terms_of
from portfolios.views.data import Step

if TYPE_CHECKING:
    from portfolios.services.corporate_actions.effects import AccountEffect
    from portfolios.services.corporate_actions.queue import QueueRow

PAGE_SIZE: Final = 50
_HOLDER_KINDS: Final = (ActionKind.TENDER, ActionKind.STOCK_MERGER, ActionKind.MIXED_MERGER)
_CSV_HEADER: Final = (
    "account",
    "units_before",
    "units_after",
    "delivered",
    "basis_before_usd",
    "basis_after_usd",
    "cash_usd",
    "income_usd",
    "gain_usd",
    "fractions",
    "fault",
)


@requires(Capability.VIEW_DATA)
@require_GET
def actions(request: HtmxRequest) -> HttpResponse:
    """Show the queue of corporate actions, and securities whose prices are too old."""
    form = QueueFilterForm(request.GET or None)
    wanted = queue.QueueFilter(**form.cleaned_data) if form.is_bound and form.is_valid() else queue.QueueFilter()
    context = {
        "tabs": tab_counts(request.membership),
        "queue": queue.queue(request.membership, wanted),
        "form": form,
        "is_filtered": wanted != queue.QueueFilter(),
        "business_on": request.membership.firm.business_on,
        "stale": held.stale_prices(request.membership),
        "can_announce": can(request.membership, Capability.IMPORT_FILES),
    }
    return page_or_part(request, "portfolios/data/actions.html", part="list", context=context)


@requires(Capability.VIEW_DATA)
@require_GET
def action(request: HtmxRequest, action_id: int) -> HttpResponse:
    """Show one action: its terms, what happened to it, and what it does to every account."""
    return _action_page(request, action_id)


def _action_page(
    request: HtmxRequest,
    action_id: int,
    *,
    status: int = 200,
    faults: tuple[str, ...] = (),
    holder_form: HolderForm | None = None,
) -> HttpResponse:
    member = request.membership
    found = queue.action_in_firm(member, action_id)
    (row,) = queue.rows_of(member, [found])
    context: dict[str, object] = {
        "row": row,
        "seen": stamp_of(found),
        "moments": detail.moments_of(found),
        "trail": (
            Step(label="Data", url=reverse("data:files")),
            Step(label="Corporate actions", url=reverse("data:actions")),
            Step(label=f"{row.symbol}, {row.kind_label.lower()}"),
        ),
        "refused": faults,
        "reason_form": ReasonForm(auto_id=False),
        "business_on": member.firm.business_on,
        **_may(request, row, maker_id=found.announced_by_id),
    }
    try:
        terms = terms_of(found)
    except Invalid as fault:
        context["unreadable"] = str(fault)
        return render(request, "portfolios/data/action.html", context, status=status)
    context |= {
        "terms": detail.term_lines(terms, choices_of(found)),
        "disagreements": detail.disagreements_on(found),
        "holders": detail.holder_lines(found),
    }
    if row.is_open:
        context |= _foreseen(request, row, holder_form)
    else:
        context["page"] = _applied_page(request, row)
    return render(request, "portfolios/data/action.html", context, status=status)


def _may(request: HtmxRequest, row: "QueueRow", *, maker_id: int | None) -> dict[str, bool]:
    member = request.membership
    decides = can(member, Capability.CONFIRM_CORPORATE_ACTIONS)
    is_second = can_be_second_person(member, maker_id=maker_id)
    is_announced = row.stage in (queue.Stage.TO_COMPLETE, queue.Stage.TO_CONFIRM)
    return {
        "can_confirm": decides and row.stage is queue.Stage.TO_CONFIRM and is_second,
        "needs_second": decides and row.stage is queue.Stage.TO_CONFIRM and not is_second,
        "can_apply": decides and row.stage is queue.Stage.DUE,
        "can_withdraw": decides and row.is_open,
        "can_reverse": decides and row.stage is queue.Stage.APPLIED,
        "can_change": can(member, Capability.IMPORT_FILES) and row.is_open,
        "is_announced": is_announced,
    }


def _foreseen(request: HtmxRequest, row: "QueueRow", holder_form: HolderForm | None) -> dict[str, object]:
    """Compute what applying would do; an action that misses facts shows its holders and why nothing can be computed."""
    found = queue.action_in_firm(request.membership, row.pk)
    kind = ActionKind(row.kind)
    number = request.GET.get("page", "1")
    start = PAGE_SIZE * (max(int(number) if number.isdecimal() else 1, 1) - 1)
    previewed = previewing.preview(found, offset=start, limit=PAGE_SIZE)
    context: dict[str, object] = {
        "steps": previewed.steps,
        "follows": detail.foreseen(found, terms_of(found)),
        "effects": previewed.rows,
        "page": Paginator(range(previewed.holder_count), PAGE_SIZE).get_page(number),
        "totals": None if previewed.faults else previewing.totals_of(found),
    }
    if kind in _HOLDER_KINDS and can(request.membership, Capability.CONFIRM_CORPORATE_ACTIONS):
        context["holder_form"] = holder_form or HolderForm(kind=kind, choices=detail.holder_choices(found))
    return context


def _applied_page(request: HtmxRequest, row: "QueueRow") -> "Page[previewing.AppliedRow]":
    found = queue.action_in_firm(request.membership, row.pk)
    rows = previewing.applied_rows(found, offset=0, limit=row.holder_count or 1)
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page", "1"))


@requires(Capability.VIEW_DATA)
@require_GET
def action_effects(request: HtmxRequest, action_id: int) -> HttpResponseBase:
    """Send the effect of an action on every account as a CSV file."""
    found = queue.action_in_firm(request.membership, action_id)
    (row,) = queue.rows_of(request.membership, [found])
    name = f"action-{action_id}-{row.symbol.lower()}.csv"
    if row.is_open:
        return csv_file(name, _CSV_HEADER, (_csv_row(effect) for effect in previewing.stream_preview(found)))
    rows = previewing.applied_rows(found, offset=0, limit=row.holder_count or 1)
    header = ("account", "units_before", "units_after", "cash_usd", "taken_back")
    told = ((one.account_name, one.before_units, one.after_units, one.cash_usd, one.is_undone) for one in rows)
    return csv_file(name, header, told)


def _csv_row(effect: "AccountEffect") -> tuple[object, ...]:
    return (
        effect.account_name,
        effect.units_before,
        effect.units_after,
        " ".join(f"{symbol} {units}" for symbol, units in effect.delivered),
        effect.basis_before_usd,
        effect.basis_after_usd,
        effect.cash_usd,
        effect.income_usd,
        effect.gain_usd,
        " ".join(f"{symbol} {units} for {cash}" for symbol, units, cash in effect.fractions),
        effect.fault,
    )


@requires(Capability.CONFIRM_CORPORATE_ACTIONS)
@require_POST
def decide_action(request: HtmxRequest, action_id: int, decision: str) -> HttpResponse:
    """Confirm, apply, withdraw or reverse an action."""
    decide = _DECISIONS.get(decision)
    found = queue.action_in_firm(request.membership, action_id)
    if decide is None:
        raise NotFound("There is no such decision.")
    try:
        said = decide(request, found.pk)
    except Invalid as refusal:
        return _action_page(request, action_id, status=422, faults=refusal.faults)
    except DomainError as refusal:
        blocked = getattr(refusal, "blocked", ())
        if not blocked:
            raise
        told = tuple(f"{one.account_name}: {one.reason}" for one in blocked)
        return _action_page(request, action_id, status=409, faults=(str(refusal), *told))
    messages.success(request, said)
    return see_other(request, reverse("data:action", args=[action_id]))


def _confirm(request: HtmxRequest, action_id: int) -> str:
    found = queue.action_in_firm(request.membership, action_id)
    desk.confirm(request.membership, found, seen=request.POST.get("seen", ""), now=timezone.now())
    return (
        f"The action on {found.security.symbol} is confirmed. It is applied when prices of {found.effective_on} come."
    )


def _apply(request: HtmxRequest, action_id: int) -> str:
    found = queue.action_in_firm(request.membership, action_id)
    applied = desk.apply_now(request.membership, found, now=timezone.now())
    waits = f" {len(applied.failed)} could not be booked and wait." if applied.failed else ""
    return f"The action on {found.security.symbol} is applied to {applied.account_count:,} accounts.{waits}"


def _withdraw(request: HtmxRequest, action_id: int) -> str:
    found = queue.action_in_firm(request.membership, action_id)
    desk.withdraw(request.membership, found, reason=_reason(request), now=timezone.now())
    return f"The action on {found.security.symbol} is withdrawn. The accounts that waited for it are let go."


def _reverse(request: HtmxRequest, action_id: int) -> str:
    found = queue.action_in_firm(request.membership, action_id)
    count = desk.reverse(request.membership, found, reason=_reason(request), now=timezone.now())
    return f"The action on {found.security.symbol} is taken back in {count:,} accounts."


def _reason(request: HtmxRequest) -> str:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        raise Invalid("Say why: the record keeps it.")
    return str(form.cleaned_data["reason"])


_DECISIONS: Final[dict[str, Callable[[HtmxRequest, int], str]]] = {
    "confirm": _confirm,
    "apply": _apply,
    "withdraw": _withdraw,
    "reverse": _reverse,
}


@requires(Capability.CONFIRM_CORPORATE_ACTIONS)
@require_POST
def set_holder(request: HtmxRequest, action_id: int) -> HttpResponse:
    """Keep what one holder tendered or elected."""
    found = queue.action_in_firm(request.membership, action_id)
    form = HolderForm(request.POST, kind=ActionKind(found.kind), choices=detail.holder_choices(found))
    if not form.is_valid():
        return _action_page(request, action_id, status=422, holder_form=form)
    account_id, holder = form.value()
    again = "" if found.confirmed_at is None else " again"
    life.set_holder_terms(request.membership, found, account_id=account_id, holder=holder, now=timezone.now())
    who = "You have" if can_be_second_person(request.membership, maker_id=request.user.pk) else "Somebody else has"
    said = f"Kept. The effect below is computed with it. {who} to confirm the action{again}."
    messages.success(request, said)
    return see_other(request, reverse("data:action", args=[action_id]))
