"""The audit log: added to, chained, and guarded by the database itself."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from advisors import audit
from advisors.models import AuditEvent, Membership, Role
from tests.factories import NOW, FirmFactory, member_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> Membership:
    return member_of(FirmFactory(), Role.REVIEWER, full_name="Rita Reviewer")


def _three_events(member: Membership) -> list[AuditEvent]:
    return [audit.record("proposal.released", actor=member, subject=("proposal", n), now=NOW) for n in (1, 2, 3)]


def test_an_event_holds_who_what_and_values_that_read_back_the_same(member: Membership) -> None:
    data = {"amount_usd": Decimal("10.50"), "due_on": date(2026, 1, 2), "ids": {3, 1}, "share": 0.1, "is_new": True}

    with audit.acting_from("10.0.0.7"):
        event = audit.record("order.released", actor=member, subject=member, data=data, reason="asked", now=NOW)

    event.refresh_from_db()
    assert (event.firm_id, event.actor_id, event.actor_name) == (member.firm_id, member.user_id, "Rita Reviewer")
    assert (event.subject_type, event.subject_id, event.source) == ("membership", str(member.pk), "10.0.0.7")
    assert event.data == {
        "amount_usd": "10.50",
        "due_on": "2026-01-02",
        "ids": [1, 3],
        "share": "0.1",
        "is_new": True,
    }


def test_what_no_event_can_hold_is_refused(member: Membership) -> None:
    with pytest.raises(TypeError, match="cannot hold a object"):
        audit.record("order.released", actor=member, data={"thing": object()}, now=NOW)


def test_events_are_sealed_in_order_each_over_the_one_before(member: Membership) -> None:
    _three_events(member)

    sealed = audit.seal_events(now=NOW)

    rows = list(AuditEvent.objects.order_by("sequence").values_list("sequence", "previous_hash", "hash"))
    assert sealed == 3
    assert [row[0] for row in rows] == [1, 2, 3]
    assert rows[0][1] == audit.FIRST_HASH
    assert [row[1] for row in rows[1:]] == [row[2] for row in rows[:-1]]
    assert audit.seal_events(now=NOW) == 0


def test_an_untouched_chain_is_whole_and_its_head_can_be_asked_for_later(member: Membership) -> None:
    _three_events(member)
    audit.seal_events(now=NOW)
    noted = audit.verify_chain(now=NOW).head

    _three_events(member)
    audit.seal_events(now=NOW)
    report = audit.verify_chain(now=NOW, expected_head=noted)

    assert report.is_whole
    assert report.sealed_count == 6


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE advisors_auditevent SET reason = 'other' WHERE id = {id}",
        "UPDATE advisors_auditevent SET actor_id = 99 WHERE id = {id}",
        "UPDATE advisors_auditevent SET hash = 'x' WHERE id = {id}",
        "DELETE FROM advisors_auditevent WHERE id = {id}",
        "DELETE FROM advisors_auditevent",
    ],
)
def test_the_database_refuses_to_change_or_delete_a_sealed_event(member: Membership, statement: str) -> None:
    event = _three_events(member)[1]
    audit.seal_events(now=NOW)

    with pytest.raises(DatabaseError, match="audit events are never"), transaction.atomic():
        connection.cursor().execute(statement.format(id=event.pk))

    assert audit.verify_chain(now=NOW).is_whole


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE advisors_auditevent SET reason = 'other' WHERE id = {id}",
        "UPDATE advisors_auditevent SET reason = 'x', sequence = 9, sealed_at = happened_at WHERE id = {id}",
        "DELETE FROM advisors_auditevent WHERE id = {id}",
    ],
)
def test_the_database_refuses_to_change_or_delete_an_event_that_waits(member: Membership, statement: str) -> None:
    event = _three_events(member)[1]

    with pytest.raises(DatabaseError, match="audit events are never"), transaction.atomic():
        connection.cursor().execute(statement.format(id=event.pk))


@pytest.fixture
def without_guards() -> Callable[[str], None]:
    """Do what somebody with the database's password could do: lift the triggers and write."""

    def tamper(statement: str) -> None:
        names = ["audit_only_seals", "audit_keeps_all"]
        with connection.cursor() as cursor:
            for name in names:
                on = " ON advisors_auditevent" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER {name}{on}")
            cursor.execute(statement)

    return tamper


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE advisors_auditevent SET reason = 'x' WHERE sequence = 2", "Event 2 (row {id}) was changed"),
        ("DELETE FROM advisors_auditevent WHERE sequence = 2", "Event 2 is missing"),
    ],
)
def test_tampering_behind_the_guards_is_found(
    member: Membership, without_guards: Callable[[str], None], statement: str, fault: str
) -> None:
    event = _three_events(member)[1]
    audit.seal_events(now=NOW)

    without_guards(statement)
    report = audit.verify_chain(now=NOW)

    assert not report.is_whole
    assert not report.is_guarded
    assert any(fault.format(id=event.pk) in found for found in report.faults)


def test_a_tail_that_was_cut_off_is_found_by_the_head_noted_before(
    member: Membership, without_guards: Callable[[str], None]
) -> None:
    _three_events(member)
    audit.seal_events(now=NOW)
    noted = audit.verify_chain(now=NOW).head

    without_guards("DELETE FROM advisors_auditevent WHERE sequence = 3")
    report = audit.verify_chain(now=NOW, expected_head=noted)

    assert any("is no longer there" in fault for fault in report.faults)


def test_an_event_rolls_back_with_its_cause(member: Membership) -> None:
    def release_and_fail() -> None:
        with transaction.atomic():
            audit.record("proposal.released", actor=member, now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        release_and_fail()

    assert not AuditEvent.objects.filter(action="proposal.released").exists()


def test_an_event_that_waits_longer_than_five_minutes_is_overdue(member: Membership) -> None:
    audit.record("proposal.released", actor=member, now=NOW - timedelta(minutes=6))
    audit.record("proposal.released", actor=member, now=NOW - timedelta(minutes=4))

    assert audit.overdue_count(now=NOW) == 1
