"""What the sign-in library tells us becomes audit events: signing in and out, passwords, second factors."""

from typing import Final

from allauth.account import signals as account_signals
from allauth.mfa import signals as mfa_signals
from django.contrib.auth import signals as auth_signals
from django.dispatch import Signal
from django.utils import timezone

from advisors import selectors, services
from advisors.models import User

ACTIONS: Final[tuple[tuple[Signal, str], ...]] = (
    (auth_signals.user_logged_in, "user.signed_in"),
    (auth_signals.user_logged_out, "user.signed_out"),
    (account_signals.password_changed, "user.password_changed"),
    (account_signals.password_reset, "user.password_reset"),
    (mfa_signals.authenticator_added, "user.second_factor_added"),
    (mfa_signals.authenticator_removed, "user.second_factor_removed"),
    (mfa_signals.authenticator_reset, "user.second_factor_renewed"),
    (mfa_signals.authentication_failed, "user.second_factor_failed"),
)


def _listen(signal: Signal, action: str) -> None:
    def write_down(user: User | None = None, **_: object) -> None:
        if user is not None and user.pk:
            services.record_sign_in(user, action=action, now=timezone.now())

    signal.connect(write_down, weak=False, dispatch_uid=f"audit {action}")


def _write_down_failure(credentials: dict[str, object], **_: object) -> None:
    """A wrong password counts against the person of that address; an address that nobody has leaves no trace."""
    user = selectors.user_with_address(str(credentials.get("email") or credentials.get("username") or ""))
    if user is not None:
        services.record_sign_in(user, action="user.sign_in_failed", now=timezone.now())


for _signal, _action in ACTIONS:
    _listen(_signal, _action)
auth_signals.user_login_failed.connect(_write_down_failure, dispatch_uid="audit user.sign_in_failed")
