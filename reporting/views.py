"""The pages of reports: the list, one report, the request, the file."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from advisors.access import HtmxRequest, requires
from advisors.errors import Invalid
from advisors.permissions import Capability, can
from advisors.responses import page_or_part, see_other
from reporting.charts import allocation_picture
from reporting.forms import ReportForm, this_year
from reporting.pdf import FRONTS
from reporting.selectors.form_8949 import tax_form_in_book
from reporting.selectors.policy_statement import policy_statement_in_book
from reporting.selectors.reports import ReportSubject, report_page, report_rows, report_subject
from reporting.services import reports as services
from reporting.services import tax_forms


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a page; the last has no address."""

    label: str
    url: str = ""


@requires(Capability.VIEW_REPORTS)
@require_GET
def reports(request: HtmxRequest) -> HttpResponse:
    """List the reports of the member's book, or those of one account or household in it."""
    rows = report_rows(
        request.membership,
        page=request.GET.get("page", "1"),
        account_id=_number(request, "account"),
        household_id=_number(request, "household"),
    )
    is_part = bool(request.GET.get("account") or request.GET.get("household"))
    context = {"rows": rows, "is_part": is_part, "can_issue": can(request.membership, Capability.ISSUE_REPORTS)}
    return page_or_part(request, "reporting/reports.html", part="rows", context=context)


@requires(Capability.VIEW_REPORTS)
@require_GET
def report(request: HtmxRequest, report_id: int) -> HttpResponse:
    """Show one report: its state while it is made, then what it says."""
    page = report_page(request.membership, report_id)
    facts = page.facts
    context = {
        "page": page,
        "facts": facts,
        "front": FRONTS[0],
        "picture": allocation_picture(facts) if facts is not None and facts.allocation else None,
        "can_issue": can(request.membership, Capability.ISSUE_REPORTS),
        "trail": (
            Step(label="Reports", url=reverse("reporting:reports")),
            Step(label=f"{page.row.household}, {page.row.account}"),
        ),
    }
    return page_or_part(request, "reporting/report.html", part="state", context=context)


@requires(Capability.VIEW_REPORTS)
@require_GET
def download(request: HtmxRequest, report_id: int) -> HttpResponse:
    """Hand out the PDF."""
    file = services.download_report(request.membership, report_id, now=timezone.now())
    response = HttpResponse(file.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


@requires(Capability.VIEW_REPORTS)
@require_http_methods(["GET", "POST"])
def form_8949(request: HtmxRequest, account_id: int, year: int) -> HttpResponse:
    """Show a year's dispositions as lines of Form 8949; posting asks for the PDF."""
    tax = tax_form_in_book(request.membership, account_id, year=year)
    refusal = ""
    if request.method == "POST":
        try:
            made = tax_forms.issue_form_8949(request.membership, account_id=account_id, year=year, now=timezone.now())
        except Invalid as refused:
            refusal = str(refused)
        else:
            return see_other(request, reverse("reporting:report", args=[made.pk]))
    context = {
        "tax": tax,
        "refusal": refusal,
        "can_issue": can(request.membership, Capability.ISSUE_REPORTS),
        "trail": (
            Step(label=f"{tax.account} ··{tax.number_last4}", url=reverse("accounts:account", args=[account_id])),
            Step(label=f"Form 8949, {year}"),
        ),
    }
    return render(request, "reporting/form_8949.html", context, status=422 if refusal else 200)


@requires(Capability.VIEW_REPORTS)
@require_GET
def form_8949_csv(request: HtmxRequest, account_id: int, year: int) -> HttpResponse:
    """Hand out the lines as CSV."""
    file = tax_forms.download_form_8949(request.membership, account_id=account_id, year=year, now=timezone.now())
    response = HttpResponse(file.content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


@requires(Capability.VIEW_BOOK)
@require_http_methods(["GET", "POST"])
def policy_statement(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Show the policy statement of an account, to print; posting asks for the PDF."""
    policy = policy_statement_in_book(request.membership, account_id, today=timezone.localdate())
    refusal = ""
    if request.method == "POST":
        try:
            made = services.issue_policy_statement(request.membership, account_id, now=timezone.now())
        except Invalid as refused:
            refusal = str(refused)
        else:
            return see_other(request, reverse("reporting:report", args=[made.pk]))
    context = {
        "policy": policy,
        "refusal": refusal,
        "can_issue": can(request.membership, Capability.ISSUE_REPORTS),
        "trail": (
            Step(label=f"{policy.account} ··{policy.number_last4}", url=reverse("accounts:account", args=[account_id])),
            Step(label="Preferences", url=reverse("portfolios:preferences", args=[account_id])),
            Step(label="Policy statement"),
        ),
    }
    return render(request, "reporting/policy_statement.html", context, status=422 if refusal else 200)


@requires(Capability.ISSUE_REPORTS)
@require_http_methods(["GET", "POST"])
def new_report(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Ask for a report on an account, or on one proposal of it."""
    subject = report_subject(request.membership, account_id, proposal_id=_number(request, "proposal"))
    form = ReportForm(request.POST or None, initial=this_year(subject.business_on))
    if request.method == "POST" and form.is_valid():
        wanted = form.value(account_id=account_id, proposal_id=subject.proposal_id)
        try:
            made = services.issue_report(request.membership, wanted, now=timezone.now())
        except Invalid as refused:
            form.add_error(None, str(refused))
        else:
            return see_other(request, reverse("reporting:report", args=[made.pk]))
    return render(request, "reporting/new_report.html", _asked(form, subject), status=422 if form.errors else 200)


def _asked(form: ReportForm, subject: ReportSubject) -> dict[str, object]:
    trail = (Step(label="Reports", url=reverse("reporting:reports")), Step(label="New report"))
    return {"form": form, "subject": subject, "trail": trail}


def _number(request: HttpRequest, name: str) -> int | None:
    raw = request.POST.get(name) or request.GET.get(name) or ""
    return int(raw) if raw.isdecimal() else None
