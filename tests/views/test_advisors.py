"""Pages of people and the audit log."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from advisors import audit
from advisors.models import AuditEvent, Membership, Role, User
from tests.conftest import Persona
from tests.factories import NOW, FirmFactory, member_of

pytestmark = pytest.mark.django_db


def _event(persona: Persona, action: str = "proposal.released", **kwargs: object) -> AuditEvent:
    subject = kwargs.pop("subject", ("proposal", 12))
    return audit.record(action, actor=persona.membership, subject=subject, now=NOW, **kwargs)  # type: ignore[arg-type]


def test_the_audit_log_shows_events_of_the_own_firm_only(compliance: Persona, foreigner: Persona) -> None:
    _event(compliance, data={"order_count": 3})
    _event(foreigner, action="proposal.rejected")

    page = compliance.client.get("/audit/").content.decode()

    assert "proposal.released" in page
    assert "order count" in page
    assert "proposal.rejected" not in page


@pytest.mark.parametrize(
    ("search", "is_found"),
    [
        ({"action": "proposal."}, True),
        ({"action": "order."}, False),
        ({"subject": "proposal 12"}, True),
        ({"subject": "proposal"}, True),
        ({"subject": "12"}, True),
        ({"subject": "proposal 13"}, False),
        ({"starts_on": "2026-11-13", "ends_on": "2026-11-13"}, True),
        ({"starts_on": "2026-11-14"}, False),
        ({"ends_on": "2026-11-12"}, False),
        ({"person": "machine"}, False),
    ],
)
def test_the_audit_log_is_searched(compliance: Persona, search: dict[str, str], is_found: bool) -> None:
    _event(compliance)

    page = compliance.client.get("/audit/", {"subject": "proposal", **search}).content.decode()

    assert ("proposal.released" in page) is is_found


def test_the_audit_log_is_searched_by_person(compliance: Persona, reviewer: Persona) -> None:
    _event(reviewer)

    mine = compliance.client.get("/audit/", {"person": str(compliance.user.pk), "subject": "proposal"})
    theirs = compliance.client.get("/audit/", {"person": str(reviewer.user.pk), "subject": "proposal"})

    assert "proposal.released" not in mine.content.decode()
    assert "proposal.released" in theirs.content.decode()


def test_a_period_that_ends_before_it_starts_is_refused_in_a_sentence(compliance: Persona) -> None:
    answer = compliance.client.get("/audit/", {"starts_on": "2026-11-14", "ends_on": "2026-11-13"})

    assert answer.status_code == 422
    assert "The last day lies before the first." in answer.content.decode()


def test_htmx_gets_only_the_events(compliance: Persona) -> None:
    _event(compliance)

    part = compliance.client.get("/audit/", headers={"HX-Request": "true"}).content.decode()

    assert "proposal.released" in part
    assert "<html" not in part


def test_pages_of_the_audit_log_take_a_constant_number_of_queries(
    compliance: Persona, django_assert_max_num_queries: object
) -> None:
    for _ in range(60):
        _event(compliance)

    with django_assert_max_num_queries(8):  # type: ignore[operator]
        page = compliance.client.get("/audit/", {"page": "1", "subject": "proposal"}).content.decode()

    assert "1 to 50 of 60 events" in page


def test_the_export_neutralises_formulas_and_leaves_a_trace(compliance: Persona) -> None:
    _event(compliance, reason="=HYPERLINK(1)")

    answer = compliance.client.get("/audit/file/", {"subject": "proposal"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]

    assert "'=HYPERLINK(1)" in text
    assert text.startswith("number,happened_at,who")
    assert AuditEvent.objects.get(action="audit.exported").data == {"event_count": 1}


def test_verifying_says_that_the_chain_is_whole(compliance: Persona) -> None:
    _event(compliance)
    audit.seal_events(now=NOW)

    page = compliance.client.post("/audit/verify/", follow=True).content.decode()

    assert "The chain is whole" in page
    assert AuditEvent.objects.get(action="audit.verified").data["is_whole"] is True


def test_verifying_warns_of_events_that_nobody_seals(compliance: Persona) -> None:
    audit.record("proposal.released", actor=compliance.membership, now=timezone.now() - timedelta(hours=1))

    page = compliance.client.post("/audit/verify/", follow=True).content.decode()

    assert "wait longer than five minutes" in page


def test_everybody_sees_the_team_and_only_an_administrator_may_change_it(
    advisor: Persona, administrator: Persona
) -> None:
    theirs = advisor.client.get("/team/").content.decode()
    mine = administrator.client.get("/team/").content.decode()

    assert "Amy Administrator" in theirs
    assert "Invite somebody" not in theirs
    assert "Invite somebody" in mine


def test_an_invited_person_gets_role_and_firm_and_no_password(administrator: Persona) -> None:
    form = {"full_name": "Nia New", "email": "Nia@Firm.Example", "role": "reviewer", "office": ""}

    answer = administrator.client.post("/team/invite/", form)

    assert answer.status_code == 303
    member = Membership.objects.get(user__email="nia@firm.example")
    assert (member.firm, member.role) == (administrator.firm, Role.REVIEWER)
    assert not member.user.has_usable_password()
    assert AuditEvent.objects.filter(action="membership.added", actor_id=administrator.user.pk).exists()


def test_an_invitation_of_somebody_already_there_keeps_the_input(administrator: Persona, advisor: Persona) -> None:
    form = {"full_name": "Twice", "email": advisor.user.email, "role": "reviewer", "office": ""}

    answer = administrator.client.post("/team/invite/", form)

    assert answer.status_code == 422
    assert "already belongs to" in answer.content.decode()
    assert 'value="Twice"' in answer.content.decode()


def test_who_is_ended_reaches_nothing_until_resumed(administrator: Persona, advisor: Persona) -> None:
    address = f"/team/{advisor.membership.pk}/active/"

    administrator.client.post(address, {"is_active": "no"})
    ended = advisor.client.get("/team/").status_code
    administrator.client.post(address, {"is_active": "yes"})

    assert ended == 403
    assert advisor.client.get("/team/").status_code == 200


def test_nobody_ends_their_own_membership(administrator: Persona) -> None:
    answer = administrator.client.post(f"/team/{administrator.membership.pk}/active/", {"is_active": "no"})

    assert answer.status_code == 409
    assert Membership.objects.get(pk=administrator.membership.pk).is_active


def test_ending_twice_is_a_conflict(administrator: Persona, advisor: Persona) -> None:
    address = f"/team/{advisor.membership.pk}/active/"

    first = administrator.client.post(address, {"is_active": "no"})
    second = administrator.client.post(address, {"is_active": "no"})

    assert (first.status_code, second.status_code) == (303, 409)


def test_people_of_another_firm_do_not_exist(administrator: Persona) -> None:
    other = member_of(FirmFactory(), Role.ADVISOR)

    answer = administrator.client.post(f"/team/{other.pk}/active/", {"is_active": "no"})

    assert answer.status_code == 404


def test_a_monitor_learns_whether_a_worker_is_awake(stranger: Client) -> None:
    from advisors import services

    asleep = stranger.get("/health/").json()
    services.beat("queue", now=timezone.now())

    assert asleep["queue"] == "asleep"
    assert stranger.get("/health/").json() == {"database": "ok", "queue": "ok", "audit_events_overdue": 0}


def test_somebody_without_a_firm_is_told_so(db: None) -> None:
    user = User.objects.create(email="lost@firm.example", full_name="Lost Person")
    client = Client()
    client.force_login(user)

    answer = client.get("/team/")

    assert answer.status_code == 403
    assert "You belong to no firm" in answer.content.decode()
