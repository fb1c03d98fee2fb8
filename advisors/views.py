"""Pages of people and the audit log, what a monitor asks, and what the site says when something goes wrong."""

from datetime import timedelta
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from advisors import audit, selectors, services
from advisors.access import HtmxRequest, public, requires
from advisors.errors import DomainError
from advisors.forms import AuditSearchForm, InviteForm, SecondFactorForm
from advisors.permissions import Capability, can
from advisors.responses import csv_file, page_or_part, see_other

MAX_EXPORT: Final = 100_000
ASLEEP_AFTER: Final = timedelta(minutes=5)
EXPORT_HEADER: Final = (
    "number", "happened_at", "who", "action", "subject", "reason", "details", "source", "hash",
)  # fmt: skip


@requires(Capability.VIEW_AUDIT)
@require_GET
def audit_log(request: HtmxRequest) -> HttpResponse:
    """Search the firm's audit log by person, subject, action and time."""
    form = AuditSearchForm(request.GET, member=request.membership)
    query = form.value()
    context = {
        "form": form,
        "page": selectors.audit_page(request.membership, query, number=request.GET.get("page", 1)),
        "export_limit": MAX_EXPORT,
    }
    status = 200 if form.is_valid() else 422
    return page_or_part(request, "advisors/audit.html", part="events", context=context, status=status)


@requires(Capability.VIEW_AUDIT)
@require_GET
def audit_export(request: HtmxRequest) -> HttpResponseBase:
    """Hand out what a search finds as a CSV file, and write down that it was taken."""
    form = AuditSearchForm(request.GET, member=request.membership)
    query, now = form.value(), timezone.now()
    found = selectors.audit_event_count(request.membership, query)
    audit.record("audit.exported", actor=request.membership, data={"event_count": min(found, MAX_EXPORT)}, now=now)
    rows = (
        (
            row.sequence,
            row.happened_at.isoformat(),
            row.who,
            row.action,
            row.subject,
            row.reason,
            "; ".join(f"{key}: {value}" for key, value in row.details),
            row.source,
            row.hash,
        )
        for row in selectors.audit_rows(request.membership, query, limit=MAX_EXPORT)
    )
    return csv_file(f"audit-{timezone.localdate(now):%Y-%m-%d}.csv", EXPORT_HEADER, rows)


@requires(Capability.VIEW_AUDIT)
@require_POST
def audit_verify(request: HtmxRequest) -> HttpResponse:
    """Recompute the hash chain and say whether anybody touched it."""
    report = audit.verify_chain(now=timezone.now())
    waiting = f" {report.unsealed_count:,} wait for their seal." if report.unsealed_count else ""
    if report.is_whole:
        said = f"The chain is whole: {report.sealed_count:,} events, head {report.head[:24]}….{waiting}"
        messages.success(request, said)
    for fault in report.faults[:5]:
        messages.error(request, fault)
    if not report.is_guarded:
        messages.error(request, "The database no longer forbids changing audit events. Its triggers are missing.")
    if report.overdue_count:
        messages.warning(
            request, f"{report.overdue_count:,} events wait longer than five minutes: is a worker running?"
        )
    facts = {"is_whole": report.is_whole, "head": report.head, "sealed_count": report.sealed_count}
    audit.record("audit.verified", actor=request.membership, data=facts, now=timezone.now())
    return see_other(request, reverse("advisors:audit"))


def _team_page(request: HtmxRequest, form: InviteForm | None = None, *, status: int = 200) -> HttpResponse:
    can_manage = can(request.membership, Capability.MANAGE_PEOPLE)
    context = {
        "rows": selectors.team_of(request.membership),
        "can_manage": can_manage,
        "can_set": can(request.membership, Capability.MANAGE_SETTINGS),
        "factor_form": SecondFactorForm(initial={"roles": selectors.second_factor_roles(request.membership)}),
        "form": (form or InviteForm(member=request.membership)) if can_manage else None,
    }
    return page_or_part(request, "advisors/team.html", part="people", context=context, status=status)


@requires(Capability.VIEW_BOOK)
@require_GET
def team(request: HtmxRequest) -> HttpResponse:
    """Show who is in the firm and in which role."""
    return _team_page(request)


@requires(Capability.MANAGE_PEOPLE)
@require_POST
def team_invite(request: HtmxRequest) -> HttpResponse:
    """Bring somebody into the firm."""
    form = InviteForm(request.POST, member=request.membership)
    if not form.is_valid():
        return _team_page(request, form, status=422)
    person = form.value()
    try:
        services.invite(request.membership, person, now=timezone.now())
    except DomainError as refused:
        form.add_error(None, str(refused))
        return _team_page(request, form, status=422)
    messages.success(request, f"{person.full_name} may now sign in, and sets a password by “Forgot your password?”.")
    return see_other(request, reverse("advisors:team"))


@requires(Capability.MANAGE_PEOPLE)
@require_POST
def team_set_active(request: HtmxRequest, membership_id: int) -> HttpResponse:
    """End somebody's work in the firm, or take it up again."""
    is_active = request.POST.get("is_active") == "yes"
    member = services.set_active(
        request.membership, membership_id=membership_id, is_active=is_active, now=timezone.now()
    )
    said = "may sign in again" if is_active else "can no longer sign in"
    messages.success(request, f"{member.user.full_name} {said}.")
    return see_other(request, reverse("advisors:team"))


@requires(Capability.MANAGE_SETTINGS)
@require_POST
def team_second_factor(request: HtmxRequest) -> HttpResponse:
    """Say which roles need a second factor."""
    form = SecondFactorForm(request.POST)
    if not form.is_valid():
        return _team_page(request, status=422)
    services.require_second_factor(request.membership, roles=form.value(), now=timezone.now())
    messages.success(request, "Saved. It is asked from the next page on.")
    return see_other(request, reverse("advisors:team"))


@public
@require_GET
def health(_: HttpRequest) -> JsonResponse:
    """Tell a monitor whether the database answers and a worker is awake."""
    now, beats = timezone.now(), selectors.heartbeats()
    beat_at = beats.get("queue")
    is_queue_awake = beat_at is not None and now - beat_at < ASLEEP_AFTER
    facts = {
        "database": "ok",
        "queue": "ok" if is_queue_awake else "asleep",
        "audit_events_overdue": audit.overdue_count(now=now),
    }
    return JsonResponse(facts)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that the request could not be read."""
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that this is not allowed."""
    return render(request, "403.html", {"sentence": "This is not allowed.", "back_url": "/"}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is nothing here."""
    return render(request, "404.html", {"sentence": "There is nothing at this address.", "back_url": "/"}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that something of ours failed, without touching the database."""
    return render(request, "500.html", status=500)
