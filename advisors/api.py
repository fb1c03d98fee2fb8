"""What every address of the API shares: who calls, what their role allows, and refusals as JSON."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, cast

from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView, exception_handler

from advisors import permissions, selectors
from advisors.access import Guarded
from advisors.api_tokens import member_with_token
from advisors.errors import DomainError, Invalid, NotPermitted
from advisors.models import Membership, User
from advisors.permissions import Capability
from advisors.responses import STATUS_OF

SCHEME: Final = "Bearer"


class TokenAuthentication(BaseAuthentication):
    """Lets in a program with `Authorization: Bearer <token>`, as the member that the token acts for."""

    def authenticate(self, request: Request) -> tuple[User, Membership] | None:
        """Return who calls, None where no token is sent."""
        parts = get_authorization_header(request).decode("latin-1").split()
        if not parts or parts[0].lower() != SCHEME.lower():
            return None
        member = member_with_token(parts[1], now=timezone.now()) if len(parts) == 2 else None
        if member is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked.")
        request._request.membership = member  # type: ignore[attr-defined]  # as the middleware does for a session
        return member.user, member

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a stranger gets a 401."""
        del request
        return SCHEME


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: a misspelt field is no field."""

    def to_internal_value(self, data: object) -> dict[str, object]:
        """Read the fields, and name those that are none."""
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({name: ["There is no such field."] for name in unknown})
        return dict(super().to_internal_value(data))


class CallRate(UserRateThrottle):
    """How often one person or program may call."""

    rate = "120/min"


class MemberView(APIView):
    """One address of the API. `needs` says by method what the caller's role must allow."""

    authentication_classes = (TokenAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)
    throttle_classes = (CallRate,)
    needs: ClassVar[Mapping[str, Capability]] = {}

    @property
    def member(self) -> Membership:
        """Return the member who calls."""
        return cast(Membership, self.request._request.membership)  # type: ignore[attr-defined]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in who is known, belongs to a firm, and may do this."""
        super().initial(request, *args, **kwargs)
        if getattr(request._request, "membership", None) is None:
            raise NotPermitted("You belong to no firm at present. Ask your administrator.")
        if request.auth is None and selectors.lacks_second_factor(self.member):
            raise NotPermitted("Your firm asks a second factor of your role. Set it up on the site first.")
        needed = self.needs.get((request.method or "").lower())
        if needed is not None:
            permissions.check_can(self.member, needed)

    @classmethod
    def guarded(cls) -> Callable[..., HttpResponseBase]:
        """Return the view for an address, with the mark that the system check asks of every view."""
        view = cls.as_view()
        marked = cast(Guarded, view)
        marked.requires, marked.public = tuple(dict.fromkeys(cls.needs.values())), False
        return view


def answer_refusal(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer domain errors as JSON with their status; what the framework raises it answers itself."""
    if not isinstance(error, DomainError):
        return exception_handler(error, dict(context))
    status = next(status for kind, status in STATUS_OF.items() if isinstance(error, kind))
    faults = error.faults if isinstance(error, Invalid) else ()
    body = {"detail": str(error), "errors": list(faults)} if faults else {"detail": str(error)}
    return Response(body, status=status)
