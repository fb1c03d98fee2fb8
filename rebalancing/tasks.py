"""What the queue does for this room: work a chunk, and ring while a run is open."""

import os
import socket

import structlog
from django.utils import timezone

from advisors import audit
from advisors.errors import Invalid
from rebalancing.services import figures, questions, risk_models, runs, solving

logger = structlog.get_logger(__name__)


def worker_here() -> solving.Worker:
    """Return a worker of this process, with the reference solver to fall back on."""
    from rebalancing.engine.reference import solve_convex  # 1.8 s and 115 MB: only where somebody solves

    return solving.Worker(name=f"{socket.gethostname()}:{os.getpid()}", fallback=solve_convex, clock=timezone.now)


def execute_chunk_task(*, chunk_id: int, **_: object) -> bool:
    """Work one chunk, unless somebody else has it or it is done."""
    with audit.acting_from("queue"):
        return solving.execute_chunk(chunk_id, worker=worker_here())


def answer_question_task(*, question_id: int, **_: object) -> bool:
    """Answer a question that the web process could not, unless somebody else did."""
    from rebalancing.engine.reference import solve_convex  # only where somebody solves

    return questions.answer_question(question_id, fallback=solve_convex, now=timezone.now())


def estimate_risk_model_task(*, firm_id: int, actor_id: int | None = None, **_: object) -> bool:
    """Estimate a firm's risk model; tell whether there is a new one."""
    with audit.acting_from("queue"):
        try:
            return risk_models.estimate_for_firm(firm_id, actor_id=actor_id, now=timezone.now()) is not None
        except Invalid as error:
            logger.warning("risk_model_not_estimated", firm_id=firm_id, reason=str(error))
            return False


def estimate_due_risk_models_task(**_: object) -> int:
    """Estimate the models of firms that want one regularly, where it is time; return how many."""
    return sum(estimate_risk_model_task(firm_id=firm_id) for firm_id in risk_models.firms_due())


def ring_task(**_: object) -> int:
    """Wake the queue for runs whose workers died."""
    rung = runs.ring(now=timezone.now())
    if rung:
        logger.warning("runs_rung", chunk_count=rung)
    return rung


def refresh_figures_task(**_: object) -> int:
    """Value accounts whose lots or cash were posted since they were last valued."""
    return figures.refresh_all_positions(now=timezone.now())
