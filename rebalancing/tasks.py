"""What the queue does for this room: work a chunk, and ring while a run is open."""

import os
import socket

import structlog
from django.utils import timezone

from advisors import audit
from rebalancing.services import figures, questions, runs, solving

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


def ring_task(**_: object) -> int:
    """Wake the queue for runs whose workers died."""
    rung = runs.ring(now=timezone.now())
    if rung:
        logger.warning("runs_rung", chunk_count=rung)
    return rung


def refresh_figures_task(**_: object) -> int:
    """Value accounts whose lots or cash were posted since they were last valued."""
    return figures.refresh_all_positions(now=timezone.now())
