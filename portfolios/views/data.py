"""The Data pages: files received and what they change, accounts that are held."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import DomainError, Invalid
from advisors.permissions import Capability, can
from advisors.responses import page_or_part, see_other
from portfolios.forms.data import HeldFilterForm, LiftForm, Upload, UploadForm
from portfolios.forms.uploads import is_too_large
from portfolios.selectors import data, held
from portfolios.selectors.tab_counts import tab_counts
from portfolios.services import holds, importing

MAX_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a page; the last has no address."""

    label: str
    url: str = ""


def _permissions(request: HtmxRequest) -> dict[str, object]:
    """Return what the member may do on these pages, and the numbers on their menu."""
    member = request.membership
    return {
        "tabs": tab_counts(member),
        "can_import": can(member, Capability.IMPORT_FILES),
        "can_resolve": can(member, Capability.RESOLVE_EXCEPTIONS),
    }


@requires(Capability.VIEW_DATA)
@require_GET
def files(request: HtmxRequest) -> HttpResponse:
    """Show the files received and the form for more."""
    return _files(request, UploadForm())


def _files(request: HtmxRequest, form: UploadForm, *, status: int = 200, faults: Sequence[str] = ()) -> HttpResponse:
    context = {
        "page": data.files_page(request.membership, number=request.GET.get("page", "1")),
        "form": form,
        "faults": faults,
        **_permissions(request),
    }
    return page_or_part(request, "portfolios/data/files.html", part="list", context=context, status=status)


@requires(Capability.IMPORT_FILES)
@require_POST
def upload(request: HtmxRequest) -> HttpResponse:
    """Receive files; what posting them will change is shown before it happens."""
    if is_too_large(int(request.META.get("CONTENT_LENGTH") or 0)):
        return _refused(request, UploadForm(), "The files are larger than 50 MB together; nothing of them was read.")
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _refused(request, form)
    chosen = form.value()
    try:
        received = [_receive(request, chosen, name, content) for name, content in chosen.files]
    except Invalid as error:
        return _refused(request, form, *error.faults)
    if len(received) == 1:
        return see_other(request, reverse("data:file", args=received))
    messages.success(request, f"{len(received)} files received. Look at each, then post it.")
    return see_other(request, reverse("data:files"))


def _receive(request: HtmxRequest, chosen: Upload, name: str, content: bytes) -> int:
    file = importing.receive_custodian_file(
        request.membership.firm,
        custodian=chosen.custodian,
        name=name,
        content=content,
        actor=request.user,
        now=timezone.now(),
        account=chosen.account,
    )
    return file.pk


def _refused(request: HtmxRequest, form: UploadForm, *faults: str) -> HttpResponse:
    context = {
        "page": data.files_page(request.membership, number="1"),
        "form": form,
        "faults": faults,
        **_permissions(request),
    }
    return render(request, "portfolios/data/files.html", context, status=422)


@requires(Capability.VIEW_DATA)
@require_GET
def file(request: HtmxRequest, file_id: int) -> HttpResponse:
    """Show one file: what it changes or changed, account by account, and its faults by row."""
    found = data.file_of(request.membership, file_id)
    summary = data.file_summary(found)
    context = {
        "file": found,
        "kind": found.kind.replace("_", " "),
        "custodian": data.custodian_name(found.custodian),
        "summary": summary,
        "accounts": summary.accounts[:MAX_ROWS],
        "more_count": max(0, len(summary.accounts) - MAX_ROWS),
        "is_waiting": found.status in ("parsed", "partly_posted"),
        "trail": (Step(label="Data", url=reverse("data:files")), Step(label=found.name)),
        **_permissions(request),
    }
    return render(request, "portfolios/data/file.html", context)


@requires(Capability.IMPORT_FILES)
@require_POST
def post_file(request: HtmxRequest, file_id: int) -> HttpResponse:
    """Post what a file says, account by account."""
    found = data.file_of(request.membership, file_id)
    importing.post_file(found, actor=request.user, now=timezone.now())
    summary = data.file_summary(found)
    if summary.held_count:
        told = f"{summary.posted_count} accounts posted, {summary.held_count} held: see why below."
        messages.warning(request, told)
    else:
        messages.success(request, f"{found.name} is posted.")
    return see_other(request, reverse("data:file", args=[file_id]))


@requires(Capability.VIEW_DATA)
@require_GET
def held_accounts(request: HtmxRequest) -> HttpResponse:
    """Show the accounts that may not trade, why, and since when."""
    return _held(request, HeldFilterForm(request.GET or None))


def _held(
    request: HtmxRequest, form: HeldFilterForm, *, refused: LiftForm | None = None, status: int = 200
) -> HttpResponse:
    found = held.open_holds(
        request.membership, kind=form.kind_value(), now=timezone.now(), number=request.GET.get("page")
    )
    context = {
        "rows": found.rows,
        "page": found.page,
        "account_count": found.account_count,
        "form": form,
        "lift_form": LiftForm(auto_id=False),
        "refused": refused,
        **_permissions(request),
    }
    return page_or_part(request, "portfolios/data/held.html", part="list", context=context, status=status)


@requires(Capability.RESOLVE_EXCEPTIONS)
@require_POST
def lift_hold(request: HtmxRequest, hold_id: int) -> HttpResponse:
    """Lift a hold, with the reason."""
    hold = held.hold_in_book(request.membership, hold_id)
    form = LiftForm(request.POST)
    if not form.is_valid():
        return _held(request, HeldFilterForm(), refused=form, status=422)
    try:
        holds.lift_hold(hold, reason=form.cleaned_data["reason"], actor=request.user, now=timezone.now())
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"The hold of {hold.account.name} is lifted. It trades when no other hold is open.")
    return see_other(request, reverse("data:held"))
