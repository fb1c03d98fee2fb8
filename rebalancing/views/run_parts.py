"""A run as its pages show it at one moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from advisors.permissions import Capability, can
from advisors.templatetags.ui import lasting
from rebalancing.selectors.runs import RunProgress
from rebalancing.services.runs import NEEDED_BY

if TYPE_CHECKING:
    from advisors.models import Membership

_SHORT: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """How far a run is, with its pace in accounts a minute, and lengths of time in words."""

    progress: RunProgress
    lasted: str
    pace: float | None
    remaining: str
    can_cancel: bool


def run_view(progress: RunProgress, *, member: "Membership", now: datetime) -> RunView:
    """Put a run's times into words; whoever may start such a run may cancel it."""
    wanted = NEEDED_BY.get(progress.scope, Capability.REBALANCE)
    remaining = progress.remaining(now)
    return RunView(
        progress=progress,
        lasted=_words(progress.lasted(now)),
        pace=progress.accounts_a_minute(now),
        remaining="" if remaining is None else _words(remaining),
        can_cancel=progress.is_open and not progress.is_cancel_asked and can(member, wanted),
    )


def _words(length: timedelta | None) -> str:
    if length is not None and length < _SHORT:
        return f"{max(length.total_seconds(), 0):.0f}\u00a0s"
    return lasting(length)
