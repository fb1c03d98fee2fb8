"""Faults of single numbers and ids."""

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal

from rebalancing.engine.types import Fault


def repeated(ids: Iterable[tuple[str, str]], *, noun: str) -> Iterator[Fault]:
    """Yield a fault for each id that was used before."""
    seen: set[str] = set()
    for identity, path in ids:
        if identity in seen:
            yield Fault(path=path, message=f"{noun} {identity} appears twice")
        seen.add(identity)


def positive(value: Decimal | float, *, path: str) -> Iterator[Fault]:
    if not _is_finite(value):
        yield Fault(path=path, message=f"must be a number, is {value}")
    elif value <= 0:
        yield Fault(path=path, message="must be > 0")


def not_negative(value: Decimal | float | None, *, path: str) -> Iterator[Fault]:
    if value is None:
        return
    if not _is_finite(value):
        yield Fault(path=path, message=f"must be a number, is {value}")
    elif value < 0:
        yield Fault(path=path, message="must be >= 0")


def number(value: Decimal | None, *, path: str) -> Iterator[Fault]:
    if value is not None and not value.is_finite():
        yield Fault(path=path, message=f"must be a number, is {value}")


def fraction(value: float | None, *, path: str) -> Iterator[Fault]:
    if value is not None and not 0 <= value <= 1:
        yield Fault(path=path, message=f"must be between 0 and 1, is {value:g}")


def _is_finite(value: Decimal | float) -> bool:
    return value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
