"""
Faults of single numbers, dates and ids.

A number of the wire is finite and of a size that money, shares and risks have, so that neither decimals nor floats
overflow on it, and a price is never so small that a float calls it zero.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from rebalancing.engine.types import ZERO, Fault

LARGEST = Decimal(10) ** 15
LEAST_POSITIVE = Decimal(1).scaleb(-9)
EARLIEST_ON, LATEST_ON = date(1900, 1, 1), date(2200, 12, 31)


def repeated(ids: Iterable[tuple[str, str]], *, noun: str) -> Iterator[Fault]:
    """Yield a fault for each id that was used before."""
    seen: set[str] = set()
    for identity, path in ids:
        if identity in seen:
            yield Fault(path=path, message=f"{noun} {identity} appears twice")
        seen.add(identity)


def size_message(value: Decimal | float) -> str | None:
    """Say what keeps a value from being a number of usable size."""
    if not is_finite(value):
        return f"must be a number, is {value}"
    if not -LARGEST <= value <= LARGEST:
        return f"must be at most {LARGEST:.0e} in size"
    return None


def positive_message(value: Decimal | float) -> str | None:
    """Say what keeps a value from being a number above zero."""
    message = size_message(value)
    if message is None and value <= 0:
        return "must be > 0"
    if message is None and value < LEAST_POSITIVE:
        return f"must be at least {LEAST_POSITIVE:.0e}, is {value:.3g}"
    return message


def positive(value: Decimal | float, *, path: str) -> Iterator[Fault]:
    message = positive_message(value)
    if message is not None:
        yield Fault(path=path, message=message)


def not_negative(value: Decimal | float | None, *, path: str) -> Iterator[Fault]:
    if value is None:
        return
    message = size_message(value)
    if message is not None:
        yield Fault(path=path, message=message)
    elif value < 0:
        yield Fault(path=path, message="must be >= 0")


def number(value: Decimal | float | None, *, path: str) -> Iterator[Fault]:
    message = None if value is None else size_message(value)
    if message is not None:
        yield Fault(path=path, message=message)


def fraction(value: float | None, *, path: str) -> Iterator[Fault]:
    if value is not None and not 0 <= value <= 1:
        yield Fault(path=path, message=f"must be between 0 and 1, is {value:g}")


def real_day(value: date | None, *, path: str) -> Iterator[Fault]:
    """Yield a fault for a day from which the calendar cannot reach thirty days or a year further."""
    if value is not None and not EARLIEST_ON <= value <= LATEST_ON:
        yield Fault(path=path, message=f"must be between {EARLIEST_ON} and {LATEST_ON}, is {value}")


def is_finite(value: Decimal | float) -> bool:
    return value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)


def is_usable(value: Decimal | float | None) -> bool:
    """Tell whether a value can be compared and added."""
    return value is not None and size_message(value) is None


def are_usable_positive(values: Iterable[Decimal]) -> bool:
    """Tell at once whether all values are numbers above zero."""
    return all(value.is_finite() and LEAST_POSITIVE <= value <= LARGEST for value in values)


def are_usable_or_absent(values: Iterable[Decimal | None]) -> bool:
    """Tell at once whether all values that are given are numbers from zero on."""
    return all(value is None or (value.is_finite() and ZERO <= value <= LARGEST) for value in values)
