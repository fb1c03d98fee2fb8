"""Answers: a page or its part, events for other parts, and domain errors as pages or parts with the right status."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Final
from urllib.parse import quote, urlsplit

from django.contrib.messages import ERROR
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget
from django_htmx.middleware import HtmxDetails

from advisors.errors import Conflict, DomainError, Invalid, NotFound, NotPermitted

STATUS_OF: Final[Mapping[type[DomainError], int]] = {NotPermitted: 403, NotFound: 404, Conflict: 409, Invalid: 422}

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def _wants_part(request: HttpRequest) -> bool:
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    return htmx is not None and bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def page_or_part(
    request: HttpRequest,
    template: str,
    *,
    part: str,
    context: Mapping[str, object] | None = None,
    status: int = 200,
    triggers: Mapping[str, object] | tuple[str, ...] = (),
) -> HttpResponse:
    """
    Render a page, or for HTMX only its `{% partialdef part %}`, from the same address.

    `triggers` are events that other parts of the page listen to. A refused form is rendered with status 422.
    """
    name = f"{template}#{part}" if _wants_part(request) else template
    response = render(request, name, dict(context or {}), status=status)
    patch_vary_headers(response, ["HX-Request"])
    return with_triggers(response, triggers)


def with_triggers(
    response: HttpResponse, triggers: Mapping[str, object] | tuple[str, ...], *, after_settle: bool = False
) -> HttpResponse:
    """Add events to an answer, with what they carry: `("proposal-changed",)` or `{"proposal-changed": {"id": 7}}`."""
    if triggers:
        events = dict(triggers) if isinstance(triggers, Mapping) else dict.fromkeys(triggers)
        response["HX-Trigger-After-Settle" if after_settle else "HX-Trigger"] = json.dumps(events)
    return response


class SeeOther(HttpResponseRedirect):
    """A redirect that turns a POST into a GET."""

    status_code = 303


def see_other(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser on after a POST: 303, or for HTMX a change of page."""
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(url)
    return SeeOther(url)


def neutral(cell: object) -> str:
    """Write a cell of a spreadsheet so that no program takes it for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


class _Echo:
    """A file whose `write` hands the line back, for a streamed answer."""

    def write(self, line: str) -> str:
        return line


def csv_file(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """Send rows as a CSV file, line by line, formulas neutralised; with the mark that Excel reads UTF-8 by."""
    writer = csv.writer(_Echo())
    lines = (writer.writerow([neutral(cell) for cell in row]) for row in chain([header], rows))
    response = StreamingHttpResponse(chain(["\ufeff"], lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _back_url(request: HttpRequest) -> str:
    referer = urlsplit(request.headers.get("Referer", ""))
    if referer.netloc == request.get_host() and referer.path:
        return f"{referer.path}?{referer.query}" if referer.query else referer.path
    return "/"


def refusal(request: HttpRequest, error: DomainError) -> HttpResponse:
    """
    Answer a domain error: a page, or for HTMX one line among the page's messages.

    HTMX does not swap a 403 or 404; the sentence then travels in `X-Refusal`, percent-encoded, to be announced.
    """
    status = next(status for kind, status in STATUS_OF.items() if isinstance(error, kind))
    faults = error.faults if isinstance(error, Invalid) else ()
    sentence = str(error)
    if _wants_part(request):
        said = [Message(ERROR, fault) for fault in (faults or (sentence,))]
        response = render(request, "partials/messages.html", {"messages": said}, status=status)
        response["X-Refusal"] = quote(sentence)
        return reswap(retarget(response, "#messages"), "outerHTML")
    context = {"sentence": sentence, "faults": faults, "back_url": _back_url(request)}
    return render(request, f"{status}.html", context, status=status)


class DomainErrorMiddleware:
    """Answers what services and selectors refuse; every other exception stays what it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turn a domain error into its answer."""
        return refusal(request, exception) if isinstance(exception, DomainError) else None
