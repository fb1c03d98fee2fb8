"""Making firms and people."""

from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from advisors import services
from advisors.errors import Conflict, Invalid
from advisors.models import AuditEvent, Firm, Membership, Role, User
from advisors.services import NewMembership
from tests.factories import NOW, PASSWORD, FirmFactory, OfficeFactory, UserFactory

pytestmark = pytest.mark.django_db


def _create(**changes: object) -> User:
    given = {"email": "Ada@Firm.Example", "full_name": " Ada Advisor ", "password": PASSWORD, **changes}
    return services.create_user(**given, actor=None, now=NOW)  # type: ignore[arg-type]


def test_a_person_signs_in_with_the_lower_case_of_their_address() -> None:
    user = _create()

    assert (user.email, user.full_name) == ("ada@firm.example", "Ada Advisor")
    assert user.check_password(PASSWORD)
    assert AuditEvent.objects.get(action="user.created").subject_id == str(user.pk)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"email": "nobody"}, "is not an e-mail address"),
        ({"full_name": " "}, "needs a name"),
        ({"password": "short"}, "not allowed"),
        ({"password": "ada@firm.example"}, "not allowed"),
    ],
)
def test_a_person_without_address_name_or_good_password_is_refused(changes: dict[str, str], fault: str) -> None:
    with pytest.raises(Invalid, match=fault):
        _create(**changes)

    assert not User.objects.exists()


def test_an_address_belongs_to_one_person() -> None:
    _create()

    with pytest.raises(Conflict, match="already signs in"):
        _create(email="ADA@firm.example")


def test_a_membership_needs_an_office_of_its_own_firm_and_days_in_order() -> None:
    user, firm = UserFactory(), FirmFactory()
    elsewhere = NewMembership(role=Role.ADVISOR, office=OfficeFactory())
    backwards = NewMembership(role=Role.ADVISOR, starts_on=date(2026, 2, 1), ends_on=date(2026, 1, 1))

    for wrong in (elsewhere, backwards):
        with pytest.raises(Invalid):
            services.add_membership(user, firm, wrong, actor=None, now=NOW)

    assert not Membership.objects.exists()


@pytest.mark.parametrize(("to", "is_moved"), [(date(2026, 11, 13), True), (date(2026, 11, 12), False)])
def test_the_business_date_never_goes_back(to: date, is_moved: bool) -> None:
    firm = FirmFactory(business_on=date(2026, 11, 12))

    assert services.advance_business_date(firm, to=to, actor=None, now=NOW) is is_moved
    assert Firm.objects.get(pk=firm.pk).business_on == max(to, date(2026, 11, 12))


def test_the_command_makes_a_firm_and_its_first_administrator(monkeypatch: pytest.MonkeyPatch) -> None:
    out = StringIO()
    monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))

    words = ["--email", "amy@firm.example", "--name", "Amy Admin", "--role", "administrator", "--firm", "harbor"]
    call_command("create_user", *words, "--new-firm", "Harbor", "--password-stdin", stdout=out)

    member = Membership.objects.get()
    assert (member.firm.name, member.role, member.user.check_password(PASSWORD)) == ("Harbor", "administrator", True)
    assert "Amy Admin may sign in" in out.getvalue()
    assert AuditEvent.objects.get(action="user.created").source == "command create_user"


def test_the_command_refuses_in_a_sentence_and_creates_nothing() -> None:
    words = ["--email", "amy@firm.example", "--name", "Amy", "--role", "cio", "--firm", "nowhere", "--no-password"]

    with pytest.raises(CommandError, match="There is no firm with the short name nowhere"):
        call_command("create_user", *words)

    assert not User.objects.exists()
