"""Bulk changes of preferences: the list, one with its lines, a file, another account's example, and what is decided."""

from collections.abc import Iterator
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import Conflict, Invalid
from advisors.permissions import Capability, can
from advisors.responses import csv_file, page_or_part, see_other
from portfolios.custodians.wish_table import OPTIONAL, REQUIRED
from portfolios.forms.bulk_changes import CopyForm, UndoForm, WishFileForm
from portfolios.selectors import bulk_changes as selectors
from portfolios.services.bulk_changes import applying, preparing
from portfolios.views.preferences import Step

_COLUMNS: Final = ("row", "account", "household", "asks", "before", "reason", "starts_on", "ends_on", "status", "why")
_EXAMPLES: Final = (
    ("A-1001", "never_own", "screen", "tobacco", "within_budget", "", "", "", "Asked by letter", "", "", ""),
    ("A-1001", "range", "security", "LUMR", "", "", "10%", "", "Concentrated position", "", "", "2027-06-30"),
    ("A-1002", "tax.budget_usd", "", "", "", "", "", "12000", "Agreed with the accountant", "", "", ""),
)


def _trail(*last: Step) -> tuple[Step, ...]:
    return (
        Step(label="Accounts", url=reverse("accounts:accounts")),
        Step(label="Bulk changes", url=reverse("portfolios:bulk_changes") if last else ""),
        *last,
    )


@requires(Capability.VIEW_BOOK)
@require_GET
def bulk_changes(request: HtmxRequest) -> HttpResponse:
    """List the bulk changes of the member, or of the firm for who sees all of it."""
    context = {
        "rows": selectors.bulk_changes(request.membership),
        "can_edit": can(request.membership, Capability.EDIT_PREFERENCES),
        "trail": _trail(),
    }
    return render(request, "portfolios/bulk_changes.html", context)


@requires(Capability.VIEW_BOOK)
@require_GET
def bulk_change(request: HtmxRequest, bulk_change_id: int) -> HttpResponse:
    """Show what a bulk change would do, or did, line by line."""
    return _page(request, bulk_change_id)


def _page(
    request: HtmxRequest, bulk_change_id: int, *, undo_form: UndoForm | None = None, said: str = "", status: int = 200
) -> HttpResponse:
    page = selectors.bulk_page(request.membership, bulk_change_id, page=request.GET.get("page"))
    is_mine = page.row.is_own and can(request.membership, Capability.EDIT_PREFERENCES)
    counts = page.row.counts
    context = {
        "page": page,
        "row": page.row,
        "ready": counts.get("ready", 0),
        "applied": counts.get("applied", 0),
        "undone": counts.get("undone", 0),
        "refused": counts.get("refused", 0),
        "unchanged": counts.get("unchanged", 0),
        "left": counts.get("left", 0),
        "can_decide": is_mine and page.row.status == "prepared",
        "can_undo": is_mine and page.row.status == "applied" and counts.get("applied", 0),
        "undo_form": undo_form or UndoForm(auto_id="id_undo_%s"),
        "said": said,
        "trail": _trail(Step(label=page.row.title)),
    }
    return page_or_part(request, "portfolios/bulk_change.html", part="change", context=context, status=status)


@requires(Capability.VIEW_BOOK)
@require_GET
def bulk_change_csv(request: HtmxRequest, bulk_change_id: int) -> StreamingHttpResponse:
    """Send every line as a file, with what became of it."""
    lines = selectors.bulk_lines(request.membership, bulk_change_id)
    return csv_file(f"bulk-change-{bulk_change_id}.csv", _COLUMNS, _cells(lines))


def _cells(lines: Iterator[selectors.BulkLine]) -> Iterator[tuple[object, ...]]:
    for line in lines:
        yield (
            line.position,
            line.account,
            line.household,
            line.says,
            line.was,
            line.reason,
            line.starts_on,
            line.ends_on,
            line.status,
            line.why,
        )


@requires(Capability.EDIT_PREFERENCES)
@require_POST
def decide(request: HtmxRequest, bulk_change_id: int, decision: str) -> HttpResponse:
    """Apply what was prepared, drop it, or take back what was applied."""
    now = timezone.now()
    try:
        if decision == "undo":
            form = UndoForm(request.POST, auto_id="id_undo_%s")
            if not form.is_valid():
                return _page(request, bulk_change_id, undo_form=form, status=422)
            applying.start_undoing(request.membership, bulk_change_id, reason=form.cleaned_data["reason"], now=now)
        elif decision == "apply":
            applying.start_applying(request.membership, bulk_change_id, now=now)
        else:
            applying.drop(request.membership, bulk_change_id, now=now)
    except (Conflict, Invalid) as error:
        return _page(request, bulk_change_id, said=str(error), status=409 if isinstance(error, Conflict) else 422)
    return see_other(request, reverse("portfolios:bulk_change", args=[bulk_change_id]))


@requires(Capability.EDIT_PREFERENCES)
def bulk_file(request: HtmxRequest) -> HttpResponse:
    """Take a file of settings and restrictions, and prepare it."""
    form = WishFileForm(request.POST, request.FILES) if request.method == "POST" else WishFileForm()
    faults: tuple[str, ...] = ()
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            change = preparing.prepare_from_file(
                request.membership, name=file.name or "file", content=file.read(), now=timezone.now()
            )
        except Invalid as error:
            faults = error.faults or (str(error),)
        else:
            return see_other(request, reverse("portfolios:bulk_change", args=[change.pk]))
    status = 422 if request.method == "POST" else 200
    context = {
        "form": form,
        "faults": faults,
        "required": REQUIRED,
        "optional": OPTIONAL,
        "trail": _trail(Step(label="From a file")),
    }
    return render(request, "portfolios/bulk_file.html", context, status=status)


@requires(Capability.EDIT_PREFERENCES)
@require_GET
def bulk_example(request: HtmxRequest) -> StreamingHttpResponse:
    """Send a file to begin with."""
    return csv_file("preferences-example.csv", (*REQUIRED, *OPTIONAL), _EXAMPLES)


@requires(Capability.EDIT_PREFERENCES)
def copy_preferences(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Prepare to give an account the preferences that another one has."""
    search = request.GET.get("q", "")
    sources = selectors.accounts_to_copy_from(request.membership, account_id, search=search)
    form = CopyForm(request.POST if request.method == "POST" else None, sources=sources)
    faults: tuple[str, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            change = preparing.prepare_copy(
                request.membership,
                source_id=form.cleaned_data["source"],
                account_id=account_id,
                groups=form.chosen_groups(),
                with_restrictions=form.with_restrictions,
                terms=form.terms(),
                now=timezone.now(),
            )
        except Invalid as error:
            faults = error.faults or (str(error),)
        else:
            return see_other(request, reverse("portfolios:bulk_change", args=[change.pk]))
    name = selectors.name_in_book(request.membership, account_id)
    context = {
        "form": form,
        "faults": faults,
        "search": search,
        "sources": sources,
        "account_id": account_id,
        "name": name,
        "trail": (
            Step(label="Accounts", url=reverse("accounts:accounts")),
            Step(label=name, url=reverse("accounts:account", args=[account_id])),
            Step(label="Preferences", url=reverse("portfolios:preferences", args=[account_id])),
            Step(label="Copy"),
        ),
    }
    return render(request, "portfolios/bulk_copy.html", context, status=422 if request.method == "POST" else 200)
