"""Lots on their way from one account, or one name, to another: what wash sales made of them goes along (R-1.2.6)."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from portfolios.ledger.draft import Draft
from portfolios.ledger.restating import restate_family
from portfolios.ledger.types import ZERO, Lot

_DAYS = 15
_TOLERANCE = Decimal("0.0005")  # custodians round to three or four places


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Lots of one acquisition that left an account on a day; `account` is where they were acquired."""

    account: str
    root_key: str
    left_on: date
    lots: tuple[Lot, ...]

    @property
    def units(self) -> Decimal:
        """Return the units that left."""
        return sum((lot.units for lot in self.lots), ZERO)

    @property
    def is_washed(self) -> bool:
        """Tell whether any of them replaced something."""
        return any(lot.is_wash_consumed for lot in self.lots)


@dataclass(slots=True)
class Transit:
    """What left and did not arrive yet, by security and day of acquisition."""

    leaving: dict[tuple[str, date], list[Leaving]] = field(default_factory=dict)

    def leave(self, lots: tuple[Lot, ...], *, account: str, left_on: date) -> None:
        """Note that lots of one acquisition left."""
        first = lots[0]
        one = Leaving(account=account, root_key=first.root_key, left_on=left_on, lots=lots)
        self.leaving.setdefault((first.security, first.acquired_on), []).append(one)

    def claim(self, lot: Lot, *, on: date) -> Leaving | None:
        """
        Return what arrives as this lot: as many units of the same security and day of acquisition.

        What has the same root goes first; another name is taken only for what a wash sale has marked, which must not
        replace a second loss under a new name.
        """
        waiting = self.leaving.get((lot.security, lot.acquired_on))
        if not waiting:
            return None
        fits = [
            one
            for one in waiting
            if abs(one.units - lot.units) <= _TOLERANCE
            and 0 <= (on - one.left_on).days <= _DAYS
            and (one.root_key == lot.root_key or one.is_washed)
        ]
        if not fits:
            return None
        found = min(fits, key=lambda one: one.root_key != lot.root_key)
        waiting.remove(found)
        return found


def arrive(draft: Draft, leaving: Leaving, stated: Lot) -> tuple[Lot, ...]:
    """Return the lots that open for a stated one: its facts, with what wash sales made of what left."""
    if not leaving.is_washed:
        return (stated,)
    restated = restate_family(leaving.lots, stated)
    named: list[Lot] = []
    for lot in sorted(restated, key=lambda lot: lot.is_wash_consumed):
        key = stated.key if not named else draft.next_sublot_key(stated.key)
        named.append(replace(lot, key=key))
    return tuple(named)


def by_acquisition(lots: tuple[Lot, ...]) -> list[tuple[Lot, ...]]:
    """Sort lots into acquisitions."""
    found: dict[tuple[str, date], list[Lot]] = {}
    for lot in lots:
        found.setdefault((lot.root_key, lot.acquired_on), []).append(lot)
    return [tuple(each) for each in found.values()]
