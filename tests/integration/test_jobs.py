"""The queue: jobs that commit with their cause, and what runs by the clock."""

import pytest
from django.core.management import call_command
from django.db import transaction
from django_q.models import OrmQ, Schedule

from advisors import jobs, services
from advisors.jobs import SCHEDULES, ScheduledJob
from advisors.models import AuditEvent
from advisors.tasks import beat_task, seal_audit_task
from tests.factories import FirmFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_a_job_commits_with_its_cause_and_rolls_back_with_it() -> None:
    def enqueue_and_fail() -> None:
        with transaction.atomic():
            jobs.enqueue("advisors.tasks.beat_task", chunk_id=7)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        enqueue_and_fail()
    lost = OrmQ.objects.count()
    jobs.enqueue("advisors.tasks.beat_task", chunk_id=7)

    assert (lost, OrmQ.objects.count()) == (0, 1)
    assert OrmQ.objects.get().task["kwargs"] == {"chunk_id": 7}


def test_a_task_that_does_not_exist_fails_where_it_is_asked_for() -> None:
    with pytest.raises(ImportError):
        jobs.enqueue("advisors.tasks.no_such_task")

    assert not OrmQ.objects.exists()


def test_the_schedules_are_those_of_the_code_however_often_they_are_set() -> None:
    Schedule.objects.create(name="forgotten", func="advisors.tasks.beat_task", schedule_type=Schedule.MINUTES)

    jobs.ensure_schedules()
    jobs.ensure_schedules()

    assert set(Schedule.objects.values_list("name", flat=True)) == {job.name for job in SCHEDULES}


def test_a_schedule_that_changes_in_the_code_changes_in_the_table() -> None:
    jobs.ensure_schedules()
    slower = tuple(ScheduledJob(name=job.name, task=job.task, every_minutes=9) for job in SCHEDULES)

    jobs.ensure_schedules(slower)

    assert set(Schedule.objects.values_list("minutes", flat=True)) == {9}


def test_preparing_a_database_twice_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prepare", verbosity=0)
    call_command("prepare", verbosity=0)

    assert Schedule.objects.count() == len(SCHEDULES)
    assert "schedules stand" in capsys.readouterr().out


def test_the_sealing_task_seals_what_waits_and_shows_that_it_is_awake() -> None:
    from advisors.selectors import heartbeats

    services.record_sign_in(UserFactory(), action="user.signed_in", now=FirmFactory().created_at)

    sealed = seal_audit_task()
    beat_task()

    assert sealed == AuditEvent.objects.filter(sequence__isnull=False).count() > 0
    assert set(heartbeats()) == {"audit_seal", "queue"}
