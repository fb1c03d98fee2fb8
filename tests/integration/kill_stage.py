"""
What the kill tests do in processes of their own, on a database of their own.

    python -m tests.integration.kill_stage setup HOUSEHOLDS | start | ring | poison
"""

import os
import signal
import sys
from datetime import datetime, timedelta
from typing import Final

import django

django.setup()

from django.db import connections, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from advisors.models import Firm  # noqa: E402
from rebalancing.engine.case import Case  # noqa: E402
from rebalancing.engine.outcome import Outcome  # noqa: E402
from rebalancing.engine.pipeline import rebalance  # noqa: E402
from rebalancing.engine.query import ConvexSolver  # noqa: E402
from rebalancing.engine.reference import solve_convex  # noqa: E402
from rebalancing.models.runs import Run  # noqa: E402
from rebalancing.services import runs, solving  # noqa: E402
from rebalancing.services.runs import Scope  # noqa: E402
from rebalancing.services.solving import Worker  # noqa: E402
from tests.firms import open_desk  # noqa: E402

POISON: Final = "POISON"
MAX_DEATHS: Final = 30


def set_up(household_count: int) -> None:
    """Open a firm whose accounts all want to trade; the third household is the poison."""
    with transaction.atomic():
        desk = open_desk()
        for number in range(household_count):
            ref = POISON if number == 2 else f"A{number:03d}"
            account = desk.account("VTI 400 @ 240 2024-03-01", cash="500", external_ref=ref)
            desk.account("VTI 200 @ 270 2024-03-01", tax_household=account.tax_household, tax_return=account.tax_return)


def start() -> None:
    """Start the run that the cluster works."""
    runs.start_run(Firm.objects.get(), scope=Scope(), actor=None, now=timezone.now())


def ring() -> None:
    """Ring as the schedule does, after every lease of a dead worker has ended."""
    rung = runs.ring(now=timezone.now() + runs.LEASE + timedelta(seconds=1))
    sys.stdout.write(f"{rung}\n")


def solve_unless_poison(case: Case, /, *, fallback: ConvexSolver | None) -> Outcome:
    """Solve, or die on the spot as a process does that runs out of memory."""
    if any(account.id == POISON for account in case.accounts):
        os.kill(os.getpid(), signal.SIGKILL)
    return rebalance(case, fallback=fallback)


def poison() -> None:
    """Let worker after worker drain the run, each dying of the poison, until none dies; print how many died."""
    runs.start_run(Firm.objects.get(), scope=Scope(), actor=None, now=timezone.now(), wake_queue=False)
    deaths = 0
    while deaths < MAX_DEATHS:
        now = timezone.now() + deaths * 2 * runs.LEASE
        connections.close_all()
        child = os.fork()
        if not child:
            _drain(now)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            break
        deaths += 1
    sys.stdout.write(f"{deaths} {Run.objects.get().status}\n")


def _drain(now: datetime) -> None:
    name = f"worker:{os.getpid()}"
    worker = Worker(name=name, fallback=solve_convex, clock=lambda: now, engine=solve_unless_poison)
    list(solving.drain(worker=worker))


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    {"setup": lambda: set_up(int(rest[0])), "start": start, "ring": ring, "poison": poison}[command]()
