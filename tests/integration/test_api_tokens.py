"""Keys of programs: shown once, kept as a hash, refused when expired or revoked or when the member is no more."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from advisors import api_tokens
from advisors.errors import Conflict, Invalid
from advisors.models import ApiToken, AuditEvent
from tests.conftest import Persona
from tests.factories import NOW

pytestmark = pytest.mark.django_db
MONTH = timedelta(days=30)


def test_a_token_lets_its_member_in_and_is_kept_as_a_hash(operations: Persona) -> None:
    made = api_tokens.create_token(operations.membership, name="feed", life=MONTH, actor=operations.user, now=NOW)

    assert api_tokens.member_with_token(made.secret, now=NOW) == operations.membership
    kept = ApiToken.objects.get()
    assert made.secret not in kept.token_hash
    assert len(kept.token_hash) == 64
    assert kept.last_used_at == NOW
    assert AuditEvent.objects.get(action="api_token.created").actor_id == operations.user.pk


def test_two_tokens_are_never_alike(operations: Persona) -> None:
    made = [
        api_tokens.create_token(operations.membership, name="feed", life=MONTH, actor=None, now=NOW).secret
        for _ in range(3)
    ]

    assert len(set(made)) == 3
    assert all(len(secret) > 40 for secret in made)


def test_an_expired_token_lets_nobody_in(operations: Persona) -> None:
    made = api_tokens.create_token(operations.membership, name="feed", life=MONTH, actor=None, now=NOW)

    assert api_tokens.member_with_token(made.secret, now=NOW + MONTH) is None
    assert api_tokens.member_with_token(f"{made.secret}x", now=NOW) is None


def test_a_revoked_token_lets_nobody_in(operations: Persona) -> None:
    made = api_tokens.create_token(operations.membership, name="feed", life=MONTH, actor=None, now=NOW)

    api_tokens.revoke_token(made.token, actor=operations.user, now=NOW)

    assert api_tokens.member_with_token(made.secret, now=NOW) is None
    with pytest.raises(Conflict):
        api_tokens.revoke_token(made.token, actor=operations.user, now=NOW)
    assert AuditEvent.objects.filter(action="api_token.revoked").count() == 1


def test_whoever_left_takes_the_token_along(operations: Persona) -> None:
    made = api_tokens.create_token(operations.membership, name="feed", life=MONTH, actor=None, now=NOW)
    operations.membership.is_active = False
    operations.membership.save()

    assert api_tokens.member_with_token(made.secret, now=NOW) is None


@pytest.mark.parametrize(("name", "life"), [("", MONTH), ("feed", timedelta(0)), ("feed", timedelta(days=4000))])
def test_a_token_needs_a_name_and_an_end(operations: Persona, name: str, life: timedelta) -> None:
    with pytest.raises(Invalid):
        api_tokens.create_token(operations.membership, name=name, life=life, actor=None, now=NOW)


def test_the_command_prints_the_token_once_and_revokes_it(operations: Persona) -> None:
    told = StringIO()
    call_command("api_token", email=operations.user.email, firm=operations.firm.slug, name="feed", days=30, stdout=told)

    token = ApiToken.objects.get()
    assert told.getvalue().startswith(f"Token {token.pk}, shown this once: {api_tokens.PREFIX}")
    call_command("api_token", revoke=token.pk, stdout=told)
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_the_command_refuses_somebody_of_another_firm(operations: Persona, foreigner: Persona) -> None:
    with pytest.raises(CommandError, match="is no member"):
        call_command("api_token", email=foreigner.user.email, firm=operations.firm.slug, name="feed", stdout=StringIO())
    with pytest.raises(CommandError, match="There is no token"):
        call_command("api_token", revoke=999_999, stdout=StringIO())
