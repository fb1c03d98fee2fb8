"""Ask every page of the site as somebody who may see it, and measure its server time and its queries."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from django.db import connection
from django.http import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from advisors.models import Membership, Role
from portfolios.models.bulk_changes import BulkChange
from portfolios.models.guidance import HouseViewChange
from portfolios.models.households import Account, Household
from portfolios.models.imports import CustodianFile
from portfolios.models.market import RiskModelVersion
from rebalancing.models.orders import ReleaseBatch
from rebalancing.models.proposals import Proposal
from rebalancing.models.runs import Run
from reporting.models import Report

ROLES = (Role.REVIEWER, Role.OPERATIONS, Role.COMPLIANCE, Role.ADMINISTRATOR, Role.ADVISOR, Role.CIO)
SAMPLE = 40
_SUBJECTS = {
    "account_id": Account,
    "household_id": Household,
    "proposal_id": Proposal,
    "file_id": CustodianFile,
    "batch_id": ReleaseBatch,
    "run_id": Run,
    "report_id": Report,
    "bulk_change_id": BulkChange,
    "change_id": HouseViewChange,
    "membership_id": Membership,
    "version_id": RiskModelVersion,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTime:
    """What one address took: milliseconds of server time over `count` requests, and the most queries of one."""

    name: str
    count: int
    median_ms: float
    p95_ms: float
    query_count: int


def measure_pages() -> Sequence[PageTime]:
    """Return the times of every page that answers a GET with HTML, slowest first."""
    clients = {role: _client(role) for role in ROLES}
    ids = {name: _sample(kind) for name, kind in _SUBJECTS.items()}
    rows = [row for name, names in _routes() if (row := _measure(name, names, ids, clients)) is not None]
    return sorted(rows, key=lambda row: -row.p95_ms)


def _sample(kind: type) -> list[int]:
    found: list[int] = list(kind.objects.order_by("pk").values_list("pk", flat=True))  # type: ignore[attr-defined]
    step = max(1, len(found) // SAMPLE)
    return found[::step][:SAMPLE]


def _client(role: Role) -> Client:
    client = Client()
    member = Membership.objects.filter(role=role).select_related("user").order_by("pk").first()
    if member is not None:
        client.force_login(member.user)
    return client


def _routes() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the full name of every named route with the names of its arguments; sign-in is left out."""
    yield from _walk(get_resolver().url_patterns, prefix="", names=())


def _walk(
    patterns: Sequence[URLPattern | URLResolver], *, prefix: str, names: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for pattern in patterns:
        own = (*names, *pattern.pattern.converters)
        if isinstance(pattern, URLResolver):
            inside = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from _walk(pattern.url_patterns, prefix=inside, names=own)
        elif pattern.name and prefix:
            yield f"{prefix}{pattern.name}", own


def _measure(
    name: str, names: tuple[str, ...], ids: Mapping[str, Sequence[int]], clients: Mapping[Role, Client]
) -> PageTime | None:
    if any(argument not in ids for argument in names) or len(names) > 1:
        return None
    urls = [reverse(name, kwargs={names[0]: pk}) for pk in ids[names[0]]] if names else [reverse(name)] * 10
    client = next((one for one in clients.values() if urls and _is_page(one.get(urls[0]))), None)
    if client is None:
        return None
    times, query_count = [], 0
    for url in urls * max(1, 20 // len(urls)):
        with CaptureQueriesContext(connection) as queries:
            started = time.perf_counter()
            answer = client.get(url)
            took = time.perf_counter() - started
        if _is_page(answer):
            times.append(took * 1000)
            query_count = max(query_count, len(queries))
    if len(times) < 2:
        return None
    cuts = quantiles(times, n=20, method="inclusive")
    return PageTime(name=name, count=len(times), median_ms=cuts[9], p95_ms=cuts[18], query_count=query_count)


def _is_page(answer: HttpResponseBase) -> bool:
    return answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html")
