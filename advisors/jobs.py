"""The queue: jobs that commit with their cause, and what runs by the clock."""

from dataclasses import dataclass
from typing import Final

from django.utils.module_loading import import_string
from django_q.models import Schedule
from django_q.tasks import async_task


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledJob:
    """A task that the queue starts every so many minutes."""

    name: str
    task: str
    every_minutes: int


SCHEDULES: Final[tuple[ScheduledJob, ...]] = (
    ScheduledJob(name="seal the audit log", task="advisors.tasks.seal_audit_task", every_minutes=1),
    ScheduledJob(name="heartbeat", task="advisors.tasks.beat_task", every_minutes=1),
    ScheduledJob(name="ring for open runs", task="rebalancing.tasks.ring_task", every_minutes=1),
    ScheduledJob(name="value what has moved", task="rebalancing.tasks.refresh_figures_task", every_minutes=1),
    ScheduledJob(name="apply corporate actions", task="portfolios.tasks.ring_for_actions_task", every_minutes=5),
    ScheduledJob(name="close tax years", task="portfolios.tasks.close_tax_years_task", every_minutes=60),
    ScheduledJob(name="let breaks grow old", task="portfolios.tasks.age_breaks_task", every_minutes=60),
    ScheduledJob(
        name="estimate risk models", task="rebalancing.tasks.estimate_due_risk_models_task", every_minutes=24 * 60
    ),
    ScheduledJob(name="forget ended sessions", task="advisors.tasks.forget_sessions_task", every_minutes=24 * 60),
)


def enqueue(task: str, **ids: int | str) -> str:
    """
    Put a task on the queue, inside the caller's transaction: no commit, no job.

    `task` is a dotted name; a name that does not exist fails here and not in the worker. Tasks take ids and run at
    least once, so each claims its row first. Returns the queue's id of the job.
    """
    import_string(task)
    return str(async_task(task, task_name=task.rsplit(".", 1)[-1], **ids))


def ensure_schedules(schedules: tuple[ScheduledJob, ...] = SCHEDULES) -> int:
    """Make the queue's schedules those of the code: add, change and remove; return how many stand."""
    for job in schedules:
        import_string(job.task)
        known = Schedule.objects.filter(name=job.name)
        wanted = {"func": job.task, "schedule_type": Schedule.MINUTES, "minutes": job.every_minutes, "repeats": -1}
        if not known.update(**wanted):
            Schedule.objects.create(name=job.name, **wanted)
    Schedule.objects.exclude(name__in=[job.name for job in schedules]).delete()
    return len(schedules)
