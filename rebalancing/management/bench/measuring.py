"""How much one run measures, and how: CPU time of this process, in milliseconds, best told as a median."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
MS = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How many accounts each line of the table takes, and the seconds after which it stops asking for more."""

    compared: int = 20
    draws: int = 2000
    large: int = 20
    cases: int = 40
    case_seconds: float = 120.0
    exact: int = 40
    exact_seconds: float = 900.0
    frontiers: int = 10
    batch: int = 2000
    stress: int = 5000
    stress_seconds: float = 300.0
    checked: int = 300
    real: int = 200


FULL = Effort()
QUICK = Effort(
    compared=6,
    draws=300,
    large=4,
    cases=10,
    case_seconds=25.0,
    exact=8,
    exact_seconds=30.0,
    frontiers=4,
    stress=1000,
    stress_seconds=25.0,
    checked=60,
    real=20,
)


def cpu_ms(work: Callable[[], object], *, rounds: int) -> float:
    """Return the median CPU milliseconds of so many rounds."""
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        taken.append((time.process_time() - started) * MS)
    return float(np.median(taken))


def within(items: Iterable[Item], *, seconds: float) -> Iterator[Item]:
    """Yield items until so many seconds have passed; the first one always."""
    started = time.monotonic()
    for item in items:
        yield item
        if time.monotonic() - started > seconds:
            return


def median(values: Sequence[float]) -> float:
    """Return the median, NaN of nothing."""
    return float(np.median(values)) if values else float("nan")


def percentile(values: Sequence[float], rank: float) -> float:
    """Return a percentile, NaN of nothing."""
    return float(np.percentile(values, rank)) if values else float("nan")


def ms(value: float) -> str:
    """Write milliseconds with three digits that count."""
    return f"{value:.3g} ms" if value < 1000 else f"{value:,.0f} ms"
