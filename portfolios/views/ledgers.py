"""The ledger of an account: its journal and replays, and what a person corrects, cancels or records in it."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from advisors.access import HtmxRequest, requires
from advisors.errors import Conflict, Invalid
from advisors.permissions import Capability, can
from advisors.responses import page_or_part, see_other
from portfolios.forms.ledgers import EntryForm, LedgerFilterForm, OutsideTradeForm, ReasonForm, new_ref
from portfolios.selectors.ledger_entries import entry_words
from portfolios.selectors.ledger_pages import event_in_book, event_line, ledger_head, ledger_page, ledger_symbols
from portfolios.selectors.ledger_snapshots import LedgerChanges
from portfolios.services.corrections import (
    Change,
    cancellation_of,
    correction_of,
    entry_of,
    make_change,
    preview_change,
)
from portfolios.services.outside_trades import NewOutsideTrade, record_outside_trade

_MAKE = "make"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a page; the last has no address."""

    label: str
    url: str = ""


@requires(Capability.VIEW_BOOK)
@require_GET
def ledger(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Show an account's journal, what each event did, and the replays that changed what stands."""
    form = LedgerFilterForm(request.GET or None, symbols=ledger_symbols(request.membership, account_id))
    page = ledger_page(request.membership, account_id, form.value(), number=request.GET.get("page", "1"))
    context = {
        "page": page,
        "form": form,
        "trail": _trail(request, account_id),
        "can_resolve": can(request.membership, Capability.RESOLVE_EXCEPTIONS),
    }
    return page_or_part(request, "portfolios/ledger/ledger.html", part="events", context=context)


def _trail(request: HtmxRequest, account_id: int, *last: str) -> tuple[Step, ...]:
    head = ledger_head(request.membership, account_id)
    account = f"{head.name} ··{head.number_last4}"
    steps = [
        Step(label="Accounts", url=reverse("accounts:accounts")),
        Step(label=head.household, url=reverse("accounts:household", args=[head.household_id])),
        Step(label=account, url=reverse("accounts:account", args=[account_id])),
    ]
    if not last:
        return (*steps, Step(label="Ledger"))
    return (*steps, Step(label="Ledger", url=reverse("ledger:ledger", args=[account_id])), Step(label=last[0]))


@requires(Capability.RESOLVE_EXCEPTIONS)
@require_http_methods(["GET", "POST"])
def correct(request: HtmxRequest, event_id: int) -> HttpResponse:
    """Put another event in the place of one, after showing what changes."""
    row = event_in_book(request.membership, event_id)
    initial = entry_words(row) | {"ref": new_ref()}
    form = EntryForm(request.POST if request.method == "POST" else None, initial=initial)

    def change() -> Change:
        return correction_of(request.membership, event_id=event_id, entry=form.value(), ref=form.cleaned_data["ref"])

    return _changed(request, form, change, account_id=row.account_id, event_id=event_id, title="Correct an event")


@requires(Capability.RESOLVE_EXCEPTIONS)
@require_http_methods(["GET", "POST"])
def cancel(request: HtmxRequest, event_id: int) -> HttpResponse:
    """Take an event out of the ledger, after showing what changes."""
    row = event_in_book(request.membership, event_id)
    form = ReasonForm(request.POST if request.method == "POST" else None, initial={"ref": new_ref()})

    def change() -> Change:
        said = form.cleaned_data
        return cancellation_of(request.membership, event_id=event_id, reason=said["reason"], ref=said["ref"])

    return _changed(request, form, change, account_id=row.account_id, event_id=event_id, title="Cancel an event")


@requires(Capability.RESOLVE_EXCEPTIONS)
@require_http_methods(["GET", "POST"])
def record(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Record what no file says, after showing what changes."""
    head = ledger_head(request.membership, account_id)
    if head.is_held_away:
        return _outside(request, account_id)
    form = EntryForm(request.POST if request.method == "POST" else None, initial={"ref": new_ref()})

    def change() -> Change:
        return entry_of(request.membership, account_id=account_id, entry=form.value(), ref=form.cleaned_data["ref"])

    return _changed(request, form, change, account_id=account_id, event_id=None, title="Record by hand")


def _changed(
    request: HtmxRequest,
    form: ReasonForm,
    change: Callable[[], Change],
    *,
    account_id: int,
    event_id: int | None,
    title: str,
) -> HttpResponse:
    """Show the form, what it would change, or make the change."""
    changes: LedgerChanges | None = None
    faults: tuple[str, ...] = ()
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                if request.POST.get("step") == _MAKE:
                    make_change(request.membership, change(), now=timezone.now())
                    messages.success(request, "The ledger is changed. What changed stands under its replays.")
                    return see_other(request, reverse("ledger:ledger", args=[account_id]))
                changes, status = preview_change(request.membership, change(), now=timezone.now()), 200
            except Conflict as refused:
                faults, status = (str(refused),), 409
            except Invalid as refused:
                faults = refused.faults
    context = {
        "title": title,
        "form": form,
        "changes": changes,
        "faults": faults,
        "account_id": account_id,
        "event": None if event_id is None else event_line(request.membership, event_id),
        "trail": _trail(request, account_id, title),
    }
    return page_or_part(request, "portfolios/ledger/change.html", part="change", context=context, status=status)


def _outside(request: HtmxRequest, account_id: int) -> HttpResponse:
    form = OutsideTradeForm(request.POST if request.method == "POST" else None, initial={"ref": new_ref()})
    faults: tuple[str, ...] = ()
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            said = form.cleaned_data
            trade = NewOutsideTrade(
                side=said["side"],
                on=said["on"],
                security=said["security"].strip().upper(),
                units=said["units"],
                loss_usd=said["loss_usd"] or Decimal(0),
            )
            try:
                record_outside_trade(
                    request.membership,
                    account_id=account_id,
                    trade=trade,
                    ref=said["ref"],
                    reason=said["reason"],
                    now=timezone.now(),
                )
            except Invalid as refused:
                faults = refused.faults
            else:
                messages.success(request, "The trade is recorded, and what it washes is worked out.")
                return see_other(request, reverse("ledger:ledger", args=[account_id]))
    title = "Record a trade held away"
    context = {"title": title, "form": form, "faults": faults, "trail": _trail(request, account_id, title)}
    return render(request, "portfolios/ledger/outside.html", context, status=status)
