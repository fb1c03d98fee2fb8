"""Released batches: blocks and orders, files that go out, fills that come back."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from advisors.access import HtmxRequest, requires
from advisors.permissions import Capability, can
from advisors.responses import page_or_part, see_other
from rebalancing.forms.review import FillsForm, ReasonForm
from rebalancing.selectors.fill_files import fill_file_page, recent_fill_files
from rebalancing.selectors.orders import batch_list, batch_page
from rebalancing.services import fills as fill_services
from rebalancing.services import orders
from rebalancing.views.parts import Step


@requires(Capability.VIEW_BOOK)
@require_GET
def batches(request: HtmxRequest) -> HttpResponse:
    """List the batches that hold orders of the member's book."""
    number = request.GET.get("page", "1")
    found = batch_list(request.membership, page=int(number) if number.isdecimal() else 1)
    may_record = can(request.membership, Capability.RECORD_FILLS)
    context = {
        "found": found,
        "can_record_fills": may_record,
        "fill_files": recent_fill_files(request.membership) if may_record else (),
        "form": FillsForm(),
    }
    return page_or_part(request, "rebalancing/orders.html", part="rows", context=context)


@requires(Capability.VIEW_BOOK)
@require_GET
def batch(request: HtmxRequest, batch_id: int) -> HttpResponse:
    """Show one batch: what goes to whom, what came back."""
    context = _batch_context(request, batch_id)
    return page_or_part(request, "rebalancing/orders_batch.html", part="blocks", context=context)


def _batch_context(request: HtmxRequest, batch_id: int) -> dict[str, object]:
    number = request.GET.get("page", "1")
    page = batch_page(
        request.membership,
        batch_id,
        open_block=request.GET.get("block", ""),
        page=int(number) if number.isdecimal() else 1,
    )
    return {
        "page": page,
        "can_export": can(request.membership, Capability.EXPORT_ORDERS),
        "can_record_fills": can(request.membership, Capability.RECORD_FILLS),
        "can_cancel": can(request.membership, Capability.RELEASE) and page.row.open_count > 0,
        "form": FillsForm(),
        "reason_form": ReasonForm(),
        "trail": (Step(label="Orders", url=reverse("rebalancing:batches")), Step(label=f"Batch {page.row.number}")),
    }


@requires(Capability.EXPORT_ORDERS)
@require_POST
def order_file(request: HtmxRequest, batch_id: int, custodian: str) -> HttpResponse:
    """Hand out the order file for one custodian; its orders count as sent from now on."""
    file = orders.take_order_file(request.membership, batch_id, custodian=custodian, now=timezone.now())
    response = HttpResponse(file.content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


@requires(Capability.RELEASE)
@require_POST
def cancel(request: HtmxRequest, batch_id: int) -> HttpResponse:
    """Cancel what is not filled of a batch, with a reason."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        context = {**_batch_context(request, batch_id), "reason_form": form}
        return render(request, "rebalancing/orders_batch.html", context, status=422)
    count = orders.cancel_open_orders(request.membership, batch_id, reason=form.value(), now=timezone.now())
    messages.success(request, f"{count} order{'s' if count != 1 else ''} cancelled. What was filled stays.")
    return see_other(request, reverse("rebalancing:batch", args=[batch_id]))


@requires(Capability.RECORD_FILLS)
@require_http_methods(["GET", "POST"])
def fills(request: HtmxRequest) -> HttpResponse:
    """Take a file of fills and book it, or show what is wrong with it row by row."""
    form = FillsForm(request.POST, request.FILES) if request.method == "POST" else FillsForm()
    if form.is_valid():
        file = form.value()
        done = fill_services.record_fills(request.membership, name=file.name, content=file.content, now=timezone.now())
        if not done.faults:
            messages.success(request, _said(done))
            address = reverse("rebalancing:batch", args=[done.batch_ids[0]]) if len(done.batch_ids) == 1 else ""
            return see_other(request, address or reverse("rebalancing:batches"))
        page = fill_file_page(request.membership, done.file_id)
        return render(request, "rebalancing/orders_fill_file.html", _file_context(page, form), status=422)
    context = {
        "form": form,
        "fill_files": recent_fill_files(request.membership),
        "trail": (Step(label="Orders", url=reverse("rebalancing:batches")), Step(label="Fills")),
    }
    return render(request, "rebalancing/orders_fills.html", context, status=422 if request.method == "POST" else 200)


def _said(done: fill_services.ReceivedFills) -> str:
    if done.is_duplicate:
        return "This file was booked before. Nothing changed."
    skipped = f" {done.skipped_count} had been booked before." if done.skipped_count else ""
    booked = "1 fill" if done.booked_count == 1 else f"{done.booked_count} fills"
    return f"{booked} booked.{skipped}"


@requires(Capability.RECORD_FILLS)
@require_GET
def fill_file(request: HtmxRequest, file_id: int) -> HttpResponse:
    """Show one file of fills: what was booked of it, or what is wrong with it."""
    page = fill_file_page(request.membership, file_id)
    return render(request, "rebalancing/orders_fill_file.html", _file_context(page, FillsForm()))


def _file_context(page: object, form: FillsForm) -> dict[str, object]:
    steps = (
        Step(label="Orders", url=reverse("rebalancing:batches")),
        Step(label="Fills", url=reverse("rebalancing:fills")),
        Step(label="File"),
    )
    return {"page": page, "form": form, "trail": steps}
