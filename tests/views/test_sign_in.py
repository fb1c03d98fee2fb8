"""Signing in and out, passwords and second factors."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.core.cache import cache
from django.test import Client

from advisors.models import AuditEvent, Membership, Role
from tests.conftest import Persona
from tests.factories import PASSWORD, FirmFactory, member_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(db: None) -> Membership:
    return member_of(FirmFactory(), Role.ADVISOR, email="ada@firm.example", full_name="Ada Advisor")


def _sign_in(client: Client, password: str = PASSWORD, email: str = "ada@firm.example") -> int:
    return client.post("/sign-in/login/", {"login": email, "password": password}).status_code


def _code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def test_the_right_password_opens_the_door_and_leaves_a_trace(member: Membership, stranger: Client) -> None:
    status = _sign_in(stranger)

    assert status == 302
    assert stranger.get("/team/").status_code == 200
    event = AuditEvent.objects.get(action="user.signed_in")
    assert (event.actor_id, event.firm_id) == (member.user_id, member.firm_id)


def test_a_wrong_password_says_nothing_about_who_exists(member: Membership, stranger: Client) -> None:
    known = stranger.post("/sign-in/login/", {"login": "ada@firm.example", "password": "wrong"}).content.decode()
    unknown = stranger.post("/sign-in/login/", {"login": "bob@firm.example", "password": "wrong"}).content.decode()

    said = re.compile(r"<li>(.*?)</li>", re.DOTALL)
    assert said.findall(known) == said.findall(unknown)
    assert AuditEvent.objects.filter(action="user.sign_in_failed").count() == 1


def test_after_five_wrong_passwords_even_the_right_one_waits(member: Membership, stranger: Client) -> None:
    for _ in range(5):
        _sign_in(stranger, "wrong")

    page = stranger.post("/sign-in/login/", {"login": "ada@firm.example", "password": PASSWORD})

    assert page.status_code in (200, 429)
    assert "Too many" in page.content.decode()
    assert stranger.get("/team/").status_code == 302


def test_signing_out_is_a_post_and_ends_the_session(advisor: Persona) -> None:
    asked = advisor.client.get("/sign-in/logout/")
    advisor.client.post("/sign-in/logout/")

    assert "Sign out?" in asked.content.decode()
    assert advisor.client.get("/team/").status_code == 302
    assert AuditEvent.objects.filter(action="user.signed_out", actor_id=advisor.user.pk).exists()


def test_strangers_are_sent_to_sign_in_and_come_back_to_where_they_wanted(stranger: Client) -> None:
    answer = stranger.get("/audit/?action=order")

    assert answer.status_code == 302
    assert answer["Location"] == "/sign-in/login/?next=/audit/%3Faction%3Dorder"


def test_nobody_signs_themselves_up(stranger: Client) -> None:
    page = stranger.get("/sign-in/signup/").content.decode()

    assert "Nobody signs themselves up" in page


def test_a_forgotten_password_is_set_by_a_link_that_works_once(member: Membership, stranger: Client) -> None:
    stranger.post("/sign-in/password/forgotten/", {"email": "ada@firm.example"})
    found = re.search(r"http://testserver(/sign-in/password/new/\S+)", str(mail.outbox[0].body))
    assert found
    form = stranger.get(found[1], follow=True)
    new = {"password1": "another horse another staple", "password2": "another horse another staple"}
    stranger.post(form.redirect_chain[-1][0], new)

    assert _sign_in(Client(), "another horse another staple") == 302
    assert "This link no longer works" in Client().get(found[1], follow=True).content.decode()
    assert AuditEvent.objects.filter(action="user.password_reset").exists()


def test_a_short_password_is_refused(advisor: Persona) -> None:
    form = {"oldpassword": PASSWORD, "password1": "short", "password2": "short"}

    page = advisor.client.post("/sign-in/password/change/", form).content.decode()

    assert "at least 12 characters" in page


@pytest.fixture
def with_second_factor(member: Membership, django_capture_on_commit_callbacks: Any) -> str:
    """Give Ada an authenticator app by the pages, and return its key."""
    client = Client()
    _sign_in(client)
    confirmed = {"password": PASSWORD, "next": "/sign-in/second-factor/app/"}
    page = client.post("/sign-in/confirm/", confirmed, follow=True).content.decode()
    found = re.search(r"<code[^>]*>([A-Z2-7]+)</code>", page)
    assert found
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/sign-in/second-factor/app/", {"code": _code(found[1])})
    return found[1]


def test_with_a_second_factor_the_password_alone_opens_nothing(with_second_factor: str, stranger: Client) -> None:
    _sign_in(stranger)
    before = stranger.get("/team/").status_code
    stranger.post("/sign-in/second-factor/code/", {"code": "000000"})
    wrong = stranger.get("/team/").status_code

    assert (before, wrong) == (302, 302)


def test_the_second_factor_opens_the_door(with_second_factor: str, stranger: Client) -> None:
    cache.clear()  # a code counts once: the one used to set up the app is spent
    _sign_in(stranger)
    answer = stranger.post("/sign-in/second-factor/code/", {"code": _code(with_second_factor)})

    assert answer.status_code == 302
    assert stranger.get("/team/").status_code == 200


def test_a_recovery_code_opens_the_door_once(with_second_factor: str, member: Membership) -> None:
    codes = Authenticator.objects.get(user=member.user, type=Authenticator.Type.RECOVERY_CODES).wrap()
    code = codes.get_unused_codes()[0]
    first, second = Client(), Client()

    _sign_in(first)
    first.post("/sign-in/second-factor/code/", {"code": code})
    _sign_in(second)
    second.post("/sign-in/second-factor/code/", {"code": code})

    assert first.get("/team/").status_code == 200
    assert second.get("/team/").status_code == 302


def test_the_key_of_a_second_factor_is_encrypted_at_rest(with_second_factor: str, member: Membership) -> None:
    stored = Authenticator.objects.get(user=member.user, type=Authenticator.Type.TOTP).data["secret"]

    assert with_second_factor not in stored
    assert AuditEvent.objects.filter(action="user.second_factor_added", actor_id=member.user_id).exists()


@pytest.mark.parametrize(
    "address",
    ["/sign-in/second-factor/", "/sign-in/password/change/", "/sign-in/logout/", "/sign-in/password/forgotten/sent/"],
)
def test_pages_of_the_own_account_wear_our_look_and_no_inline_script(advisor: Persona, address: str) -> None:
    answer = advisor.client.get(address, follow=True)
    page = answer.content.decode()

    assert answer.status_code == 200
    assert 'class="masthead"' in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=", page)
