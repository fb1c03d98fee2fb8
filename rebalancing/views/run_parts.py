"""A run as its pages show it at one moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from advisors.templatetags.ui import lasting
from rebalancing.selectors.runs import RunProgress

_SHORT: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """How far a run is, with its pace in accounts a minute, and lengths of time in words."""

    progress: RunProgress
    lasted: str
    pace: float | None
    remaining: str


def run_view(progress: RunProgress, *, now: datetime) -> RunView:
    """Put a run's times into words."""
    remaining = progress.remaining(now)
    return RunView(
        progress=progress,
        lasted=_words(progress.lasted(now)),
        pace=progress.accounts_a_minute(now),
        remaining="" if remaining is None else _words(remaining),
    )


def _words(length: timedelta | None) -> str:
    if length is not None and length < _SHORT:
        return f"{max(length.total_seconds(), 0):.0f}\u00a0s"
    return lasting(length)
