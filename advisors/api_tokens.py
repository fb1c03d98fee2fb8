"""Keys of programs: made and shown once, known again by their hash, revoked."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.models import ApiToken, Membership, User

PREFIX: Final = "trimtab_"
MAX_LIFE: Final = timedelta(days=366)
_USED_STEP: Final = timedelta(minutes=10)  # when it was last used is noted this often


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that was just made; `secret` is shown this once and kept nowhere."""

    token: ApiToken
    secret: str


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def create_token(member: Membership, *, name: str, life: timedelta, actor: User | None, now: datetime) -> NewToken:
    """
    Make a token by which a program acts as a member.

    :raises Invalid: it has no name, or would live too long
    """
    said = " ".join(name.split())[:80]
    if not said:
        raise Invalid("Say what the token is for.")
    if not timedelta(0) < life <= MAX_LIFE:
        raise Invalid(f"A token lives between a day and {MAX_LIFE.days} days.")
    secret = f"{PREFIX}{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        membership=member, name=said, token_hash=_hash(secret), created_at=now, expires_at=now + life
    )
    _record("api_token.created", token, actor=actor, now=now)
    return NewToken(token=token, secret=secret)


def member_with_token(secret: str, *, now: datetime) -> Membership | None:
    """Return the member that a token acts for, None when it is unknown, expired or revoked, or the member left."""
    today = timezone.localdate(now)
    rows = ApiToken.objects.filter(token_hash=_hash(secret), revoked_at__isnull=True, expires_at__gt=now)
    token = rows.select_related("membership__firm", "membership__user").first()
    if token is None:
        return None
    member = token.membership
    works = Membership.objects.filter(
        Q(starts_on__isnull=True) | Q(starts_on__lte=today),
        Q(ends_on__isnull=True) | Q(ends_on__gte=today),
        pk=member.pk,
        is_active=True,
        user__is_active=True,
    )
    if not works.exists():
        return None
    unseen = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - _USED_STEP)
    ApiToken.objects.filter(unseen, pk=token.pk).update(last_used_at=now)
    return member


@transaction.atomic
def revoke_token(token: ApiToken, *, actor: User | None, now: datetime) -> None:
    """
    Revoke a token at once.

    :raises Conflict: it was revoked before
    """
    if not ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now):
        raise Conflict("This token was revoked before.")
    _record("api_token.revoked", token, actor=actor, now=now)


def _record(action: str, token: ApiToken, *, actor: User | None, now: datetime) -> None:
    facts = {"name": token.name, "membership_id": token.membership_id, "expires_at": token.expires_at}
    audit.record(action, actor=actor, subject=token, firm_id=token.membership.firm_id, data=facts, now=now)
