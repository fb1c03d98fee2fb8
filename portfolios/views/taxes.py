"""The page of a tax return's year: what it is taxed at, how that is derived, and how the year stands."""

from dataclasses import dataclass, replace

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors.access import HtmxRequest, requires
from advisors.errors import Conflict, Invalid
from advisors.permissions import Capability, can
from advisors.responses import page_or_part, see_other
from portfolios.forms.tax_situations import TaxSituationForm
from portfolios.selectors.tax_pages import TaxReturnPage, tax_return_page
from portfolios.selectors.tax_rates_shown import RatesShown
from portfolios.services.tax_situations import preview_rates, state_situation

_TEMPLATE = "portfolios/tax_situation.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a page; the last has no address."""

    label: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page shows beside what stands: a form that was refused or only looked at, and why."""

    form: TaxSituationForm | None = None
    is_refused: bool = False
    faults: tuple[str, ...] = ()
    conflict: str = ""
    preview: RatesShown | None = None
    preview_fault: str = ""
    status: int = 200
    part: str = "situation"


@requires(Capability.VIEW_BOOK)
@require_GET
def tax_situation(request: HtmxRequest, tax_return_id: int, year: int) -> HttpResponse:
    """Show a return's year; `?take=books` fills in the carryforwards of the closed year."""
    page = _page(request, tax_return_id, year)
    taken = page.differs if request.GET.get("take") == "books" else None
    return _answer(request, page, Shown(form=_form(page, books_of=page if taken else None)))


@requires(Capability.EDIT_PREFERENCES)
@require_POST
def state_tax_situation(request: HtmxRequest, tax_return_id: int, year: int) -> HttpResponse:
    """State the year."""
    page = _page(request, tax_return_id, year)
    form = _form(page, request)
    if not form.is_valid():
        return _answer(request, page, Shown(form=form, is_refused=True, status=422))
    try:
        state_situation(
            request.membership,
            tax_return_id=tax_return_id,
            stated=form.value(),
            seen_id=form.cleaned_data["seen"],
            now=timezone.now(),
        )
    except Conflict as error:
        now = _page(request, tax_return_id, year)
        return _answer(request, now, Shown(form=form.renewed(now.situation), conflict=str(error), status=409))
    except Invalid as error:
        faults = error.faults
        return _answer(request, page, Shown(form=form, is_refused=True, faults=faults, status=422))
    messages.success(request, f"The tax situation of {page.name} for {year} is stated. The next run counts with it.")
    return see_other(request, reverse("portfolios:tax_situation", args=[tax_return_id, year]))


@requires(Capability.EDIT_PREFERENCES)
@require_POST
def show_tax_rates(request: HtmxRequest, tax_return_id: int, year: int) -> HttpResponse:
    """Show the rates that the figures of the form would give, and save nothing."""
    page = _page(request, tax_return_id, year)
    form = _form(page, request).without_reason()
    shown = Shown(form=form, part="rates")
    if not form.is_valid():
        return _answer(request, page, replace(shown, preview_fault=" ".join(form.unreadable)))
    try:
        preview = preview_rates(
            request.membership, tax_return_id=tax_return_id, stated=form.value(), today=timezone.localdate()
        )
    except Invalid as error:
        return _answer(request, page, replace(shown, preview_fault=" ".join(error.faults) or str(error)))
    return _answer(request, page, replace(shown, preview=preview))


def _page(request: HtmxRequest, tax_return_id: int, year: int) -> TaxReturnPage:
    return tax_return_page(request.membership, tax_return_id, year=year, today=timezone.localdate())


def _form(
    page: TaxReturnPage, request: HtmxRequest | None = None, *, books_of: TaxReturnPage | None = None
) -> TaxSituationForm:
    return TaxSituationForm(
        request.POST if request else None,
        situation=page.situation,
        year=page.year,
        filing_status=page.filing_status,
        state=page.state,
        books=books_of.differs if books_of else None,
    )


def _answer(request: HtmxRequest, page: TaxReturnPage, shown: Shown) -> HttpResponse:
    is_look = shown.preview is not None or bool(shown.preview_fault)
    context = {
        "page": page,
        "form": shown.form,
        "refused": shown.form if shown.is_refused else None,
        "faults": shown.faults,
        "conflict": shown.conflict,
        "rates": shown.preview if is_look else page.rates,
        "is_preview": is_look,
        "preview_fault": shown.preview_fault,
        "can_edit": can(request.membership, Capability.EDIT_PREFERENCES),
        "trail": (
            Step(label="Accounts", url=reverse("accounts:accounts")),
            Step(label=page.household, url=reverse("accounts:household", args=[page.household_id])),
            Step(label=f"Tax return {page.title}"),
        ),
    }
    return page_or_part(request, _TEMPLATE, part=shown.part, context=context, status=shown.status)
