"""What the queue does for this room: seal the audit log, show that it is awake, forget ended sessions."""

import structlog
from django.core.management import call_command
from django.utils import timezone

from advisors import audit, services

logger = structlog.get_logger(__name__)


def seal_audit_task(**_: object) -> int:
    """Seal every event that waits; complain when one has waited too long."""
    now = timezone.now()
    overdue_count = audit.overdue_count(now=now)
    if overdue_count:
        logger.error("audit_events_overdue", overdue_count=overdue_count)
    sealed_count = audit.seal_events(now=now)
    services.beat("audit_seal", now=now)
    if sealed_count:
        logger.info("audit_events_sealed", sealed_count=sealed_count)
    return sealed_count


def beat_task(**_: object) -> None:
    """Show that a worker takes jobs."""
    services.beat("queue", now=timezone.now())


def forget_sessions_task(**_: object) -> None:
    """Delete sessions that have ended."""
    call_command("clearsessions")
