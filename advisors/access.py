"""Who stands before a view: the member of this request, and the guards `@requires`, `@signed_in` and `@public`."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from advisors import audit, permissions, selectors
from advisors.errors import NotPermitted
from advisors.models import Membership, User
from advisors.permissions import Capability

P = ParamSpec("P")

FIRM_SESSION_KEY = "firm_id"


class HtmxRequest(HttpRequest):
    """A request of somebody who is signed in and belongs to a firm, as a guarded view gets it."""

    htmx: HtmxDetails
    membership: Membership
    user: User


class Guarded(Protocol):
    """What a guard writes on a view, for the system check and the matrix test."""

    requires: tuple[Capability, ...]
    public: bool


type_of_view = Callable[Concatenate[HtmxRequest, P], HttpResponseBase]
type_of_route = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


class MembershipMiddleware:
    """Puts the member on the request: None for a stranger and for somebody without an active membership."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Find the member, name the source of every event that this request records, and answer."""
        member = None
        if request.user.is_authenticated:
            wanted = request.session.get(FIRM_SESSION_KEY)
            member = selectors.membership_of(request.user, on=timezone.localdate(), firm_id=wanted)
        request.membership = member  # type: ignore[attr-defined]
        with audit.acting_from(audit.address_of(request)):
            response = self.get_response(request)
        if request.user.is_authenticated:
            patch_cache_control(response, private=True, no_store=True)
        return response


def _mark(view: object, *, requires: tuple[Capability, ...], public: bool) -> None:
    guarded = cast(Guarded, view)
    guarded.requires, guarded.public = requires, public


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    answer = redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(answer.url)
    return answer


def _to_second_factor(request: HttpRequest) -> HttpResponse:
    """Lead somebody whose role needs a second factor to where it is set up."""
    messages.warning(request, "Your firm asks a second factor of your role. Set it up, then go on.")
    url = reverse("mfa_activate_totp")
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", False) else HttpResponseRedirect(url)


def requires(capability: Capability, *others: Capability) -> Callable[[type_of_view[P]], type_of_route[P]]:
    """
    Let in members with any of these capabilities; send strangers to sign in.

    :raises NotPermitted: the role does not allow it, or the person belongs to no firm
    """

    def guard(view: type_of_view[P]) -> type_of_route[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            member: Membership | None = getattr(request, "membership", None)
            if member is None:
                raise NotPermitted("You belong to no firm at present. Ask your administrator.")
            if selectors.lacks_second_factor(member):
                return _to_second_factor(request)
            if not any(permissions.can(member, one) for one in (capability, *others)):
                permissions.check_can(member, capability)
            return view(cast(HtmxRequest, request), *args, **kwargs)

        _mark(guarded, requires=(capability, *others), public=False)
        return cast("type_of_route[P]", guarded)

    return guard


def signed_in(view: type_of_route[P]) -> type_of_route[P]:
    """Let in everybody who is signed in, whatever their role: for what concerns only themselves."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        return view(request, *args, **kwargs)

    _mark(guarded, requires=(), public=False)
    return cast("type_of_route[P]", guarded)


def public(view: type_of_route[P]) -> type_of_route[P]:
    """Let in everybody, also strangers: signing in, and what a monitor asks."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return view(request, *args, **kwargs)

    _mark(guarded, requires=(), public=True)
    return cast("type_of_route[P]", guarded)
