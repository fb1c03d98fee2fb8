"""The guards of views, and the check that none is missing."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import path

from advisors import checks
from advisors.access import HtmxRequest, public, requires, signed_in
from advisors.errors import NotPermitted
from advisors.models import Firm, Membership, Role, User
from advisors.permissions import Capability


@requires(Capability.RELEASE, Capability.EXPORT_ORDERS)
def guarded_view(request: HtmxRequest) -> HttpResponse:
    return HttpResponse("in")


@signed_in
def own_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


@public
def open_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


def bare_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


class Nobody:
    is_authenticated = False


def _request(role: Role | None = None, *, is_member: bool = True) -> HttpRequest:
    request = RequestFactory().get("/somewhere/?a=b")
    request.user = Nobody()  # type: ignore[assignment]
    if role is not None:
        request.user = User(pk=1, full_name="Pat")
        member = Membership(pk=1, firm=Firm(pk=1), user=request.user, role=role) if is_member else None
        request.membership = member  # type: ignore[attr-defined]
    return request


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.OPERATIONS])
def test_any_of_the_named_capabilities_opens_a_view(role: Role) -> None:
    assert guarded_view(_request(role)).status_code == 200


def test_another_role_is_refused_with_a_sentence() -> None:
    with pytest.raises(NotPermitted, match="does not include releasing proposals"):
        guarded_view(_request(Role.ADVISOR))


def test_a_stranger_is_sent_to_sign_in_with_where_they_wanted_to_go() -> None:
    answer = guarded_view(_request())

    assert answer.status_code == 302
    assert answer["Location"].endswith("?next=/somewhere/%3Fa%3Db")


def test_somebody_without_a_firm_reaches_only_what_concerns_themselves() -> None:
    with pytest.raises(NotPermitted, match="You belong to no firm"):
        guarded_view(_request(Role.REVIEWER, is_member=False))

    assert own_view(_request(Role.REVIEWER, is_member=False)).status_code == 200


def test_a_public_view_lets_everybody_in() -> None:
    assert open_view(_request()).status_code == 200
    assert own_view(_request()).status_code == 302


def test_the_check_names_a_view_without_a_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    routed = [path("bare/", bare_view), path("in/", guarded_view), path("own/", own_view), path("open/", open_view)]
    monkeypatch.setattr(checks, "routes", lambda: ((str(one.pattern), one) for one in routed))

    found = checks.check_every_view_is_guarded(None)

    assert [fault.id for fault in found] == ["advisors.E001"]
    assert "/bare/" in found[0].msg


def test_every_view_of_the_site_is_guarded() -> None:
    assert checks.check_every_view_is_guarded(None) == []
