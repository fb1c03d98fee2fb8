"""What posting a file of market or guidance came to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from portfolios.custodians.base import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A sentence for everything that changed, and a fault for every row that was left out."""

    said: Sequence[str]
    faults: Sequence[Fault] = field(default_factory=tuple)
