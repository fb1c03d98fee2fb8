"""The lines of the table that hold the engine against mixed-integer optima, proved by SCIP in processes of its own."""

import importlib.util
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import Case
from rebalancing.management.bench.cases import CaseShape, case_of
from rebalancing.management.bench.drawing import draw_account, draw_market
from rebalancing.management.bench.exact import BPS, ExactAnswer, solve_exactly
from rebalancing.management.bench.measuring import Effort, median
from rebalancing.management.bench.report import Line

SIZES: Final = (12, 20, 30, 60)
GAIN_CAPS: Final = (None, 0.01, 0.0)
LIMIT_SECONDS: Final = 40.0
PROCESSES: Final = 2
WANTED_PROOFS: Final = 20
WORSE_GOAL_BPS: Final = 0.02
STEP: Final = Decimal("0.000001")
RULE_SETS: Final[Mapping[str, float]] = {"wash sales": 0.0, "wash sales and least orders of 10 bp": 1e-3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """One case by both: how much worse we are than SCIP's best, in basis points of value, and whether it is proved."""

    worse_bps: float
    is_proved: bool
    exact_seconds: float
    gap_bps: float


def exact_lines(effort: Effort) -> Iterator[Line]:
    """Measure and yield one line a rule set."""
    for name, least in RULE_SETS.items():
        yield _line(name, compare_exactly(exact_cases(effort.exact, least_order_frac=least), effort=effort))


def exact_cases(count: int, *, least_order_frac: float) -> list[Case]:
    """Draw small cases of fractional shares, their net gain free, capped loosely or tightly in turn."""
    return [
        case_of(
            draw_account(draw_market(500 + seed, count=SIZES[seed % len(SIZES)]), seed),
            seed,
            CaseShape(
                value_usd=250_000.0,
                quantity_step=STEP,
                min_trade_frac=least_order_frac,
                harvest="immediate",
                has_tax_budget=False,
                max_gain_frac=GAIN_CAPS[seed % len(GAIN_CAPS)],
            ),
        )
        for seed in range(count)
    ]


def compare_exactly(cases: Sequence[Case], *, effort: Effort) -> list[Met]:
    """Let SCIP work on the cases while we do; stop asking it when enough is proved, or the time is over."""
    if importlib.util.find_spec("pyscipopt") is None:
        return []
    ends = time.monotonic() + effort.exact_seconds / len(RULE_SETS)
    limit = min(LIMIT_SECONDS, effort.exact_seconds / len(RULE_SETS) / 2)
    context = multiprocessing.get_context("fork")
    met: list[Met] = []
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_hush) as pool:
        asked = [pool.submit(solve_exactly, case, limit_seconds=limit) for case in cases]
        for case, answer in zip(cases, asked, strict=True):
            try:
                met.append(_compare(case, answer.result(timeout=max(0.0, ends - time.monotonic()))))
            except (TimeoutError, BrokenProcessPool):
                break
            if sum(one.is_proved for one in met) == WANTED_PROOFS:
                break
        pool.shutdown(cancel_futures=True)
    return met


def _hush() -> None:
    """Send what SCIP's library says of its tolerances nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def _compare(case: Case, exact: ExactAnswer) -> Met:
    outcome = rebalance(case, fallback=solve_convex)
    price = {item.id: float(item.price) for item in case.securities}
    account = case.accounts[0]
    value_usd = float(account.cash) + sum(float(lot.quantity) * price[lot.security] for lot in account.lots)
    return Met(
        worse_bps=(outcome.objective / value_usd - exact.objective) * BPS,
        is_proved=exact.is_proved,
        exact_seconds=exact.seconds,
        gap_bps=outcome.gap_bps,
    )


def _line(name: str, met: Sequence[Met]) -> Line:
    what = f"against SCIP, {name}, at most {max(SIZES)} securities, fractional shares"
    goal = f"{WANTED_PROOFS} proved optimal, never worse by > {WORSE_GOAL_BPS} bp"
    if not met:
        return Line(what=what, goal=goal, measured="pyscipopt is not installed, or it proved nothing", is_met=None)
    proved = [one for one in met if one.is_proved]
    worst = max((one.worse_bps for one in proved), default=float("nan"))
    over = sum(one.worse_bps > WORSE_GOAL_BPS for one in proved)
    return Line(
        what=what,
        goal=goal,
        measured=f"{len(proved)} proved of {len(met)}; worse by {worst:.4f} bp at most, {over} beyond the goal",
        is_met=False if over else (True if len(proved) >= WANTED_PROOFS else None),
        note=f"median difference {median([one.worse_bps for one in proved]):.4f} bp, our certified gap "
        f"{median([one.gap_bps for one in met]):.4f} bp, SCIP's median {median([one.exact_seconds for one in met]):.1f}"
        " s; it is given the case's document alone and may use its own tolerances of 1e-6.",
    )
