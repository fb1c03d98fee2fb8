"""What the queue does for this room: make a client report."""

import structlog
from django.utils import timezone

from advisors import audit
from rebalancing.tasks import worker_here
from reporting.services import reports as services

logger = structlog.get_logger(__name__)


def make_report_task(*, report_id: int, **_: object) -> bool:
    """Make one report, unless somebody else has it or it is done."""
    with audit.acting_from("queue"):
        try:
            return services.make_report(report_id, fallback=worker_here().fallback, now=timezone.now())
        except Exception as error:
            logger.exception("report_failed", report_id=report_id)
            message = f"The report could not be made ({type(error).__name__}). The log of the worker says more."
            services.fail_report(report_id, message=message, now=timezone.now())
            return False
