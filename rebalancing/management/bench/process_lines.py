"""The lines of the table that need processes of their own: two that solve side by side, and the memory of a worker."""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

from django.conf import settings

from rebalancing.engine.kernels.drive import solve_program
from rebalancing.engine.outcome import encode_outcome
from rebalancing.engine.pipeline import rebalance
from rebalancing.management.bench.cases import CaseShape, case_bytes, case_of
from rebalancing.management.bench.convex_lines import market_programs
from rebalancing.management.bench.drawing import draw_account, draw_market
from rebalancing.management.bench.measuring import Effort
from rebalancing.management.bench.report import Line

PROCESSES: Final = 2
RATE_GOAL: Final = 2000
MEMORY_GOAL_MB: Final = 450
WAIT_SECONDS: Final = 300
STATUS: Final = Path("/proc/self/status")


def process_lines(effort: Effort) -> Iterator[Line]:
    """Measure and yield the lines."""
    yield _batch_line(effort)
    yield _memory_line()


def _batch_line(effort: Effort) -> Line:
    """Let two processes solve their halves at the same time; the slower one counts, by the clock on the wall."""
    context = multiprocessing.get_context("fork")
    barrier, told = context.Barrier(PROCESSES), context.SimpleQueue()
    share = effort.batch // PROCESSES
    workers = [context.Process(target=_solve_share, args=(at, share, barrier, told)) for at in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(WAIT_SECONDS)
    taken = [] if told.empty() else [told.get() for _ in workers]
    rate, undisturbed = (effort.batch / max(side) for side in zip(*taken, strict=True)) if taken else (0.0, 0.0)
    return Line(
        what=f"{effort.batch:,} accounts of 500 securities in two processes, one convex solve each",
        goal=f">= {RATE_GOAL:,} accounts/s",
        measured=f"{rate:,.0f} accounts/s" if taken else "the processes did not end",
        is_met=rate >= RATE_GOAL,
        note="by the clock on the wall, so whatever else the machine does counts; by the processes' own CPU time "
        f"{undisturbed:,.0f} accounts/s. The accounts are drawn before.",
    )


def _solve_share(at: int, share: int, barrier: Barrier, told: "SimpleQueue[tuple[float, float]]") -> None:
    programs = list(market_programs(market_seed=5, count=share, first_seed=5000 + at * share))
    solve_program(programs[0])
    barrier.wait(WAIT_SECONDS)
    started, busy = time.perf_counter(), time.process_time()
    for program in programs:
        solve_program(program)
    told.put((time.perf_counter() - started, time.process_time() - busy))


def _memory_line() -> Line:
    what, goal = "memory of a worker with everything loaded", f"<= {MEMORY_GOAL_MB} MB"
    command = [sys.executable, "manage.py", "bench_engine", "--memory"]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return Line(what=what, goal=goal, measured=f"failed: {last[:80]}", is_met=False)
    megabytes = float(done.stdout.split()[-1])
    return Line(
        what=what,
        goal=goal,
        measured=f"{megabytes:.0f} MB",
        is_met=megabytes <= MEMORY_GOAL_MB,
        note="resident, in a fresh process of the queue's kind after whole cases of 500 securities at two sizes.",
    )


def memory_of_worker() -> float:
    """Load what a worker loads, solve two cases, and return the resident megabytes of this process."""
    from rebalancing.tasks import worker_here

    worker = worker_here()
    market = draw_market(11, count=500)
    for seed, value_usd in enumerate((250_000.0, 2_000_000.0)):
        case = case_of(draw_account(market, seed), seed, CaseShape(value_usd=value_usd))
        case_bytes(case)
        encode_outcome(rebalance(case, fallback=worker.fallback))
    resident = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]) / 1024
