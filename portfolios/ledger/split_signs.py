"""
Signs of a split that nobody announced: a price that jumped by a common ratio, positions that multiplied alike.

A sign is no fact. It names the likeliest ratio of new units for one old, None where no common one fits; a person
decides. A security's price is compared with its peers', so that a day on which all fall raises nothing.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Final

from portfolios.ledger.errors import BadInput

_WHOLE: Final = tuple(Decimal(number) for number in (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100))
_THREE_FOR_TWO: Final = Decimal(3) / Decimal(2)
_SMALL: Final = (_THREE_FOR_TWO, Decimal(5) / Decimal(4), Decimal(4) / Decimal(3))
_POSITION_RATIOS: Final = (*_WHOLE, *_SMALL, *(1 / number for number in _WHOLE))
# How far a price may lie from what a ratio makes of it: a move of the day itself comes on top of a split.
_WHOLE_SLACK: Final = Decimal("1.14")
_SMALL_SLACK: Final = Decimal("1.0513")
# A day on which a price moves more than this against its peers is no ordinary day, whatever the ratio.
_UP: Final = Decimal("1.82")
_DOWN: Final = Decimal("0.427")
# Between these no ratio is within its slack: most steps of a day need no closer look.
_CALM: Final = (Decimal("0.71"), Decimal("1.75"))
_MIN_PEERS: Final = 8
_MIN_ACCOUNTS: Final = 2
_MIN_SHARE: Final = Decimal("0.8")
_UNIT_TOLERANCE: Final = Decimal("0.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """The prices of a security on two days that follow each other; `peers` names those it is compared with."""

    security: str
    peers: str = ""
    before_usd: Decimal
    now_usd: Decimal

    def __post_init__(self) -> None:
        if not (self.before_usd > 0 and self.now_usd > 0):
            raise BadInput(f"{self.security} steps from {self.before_usd} to {self.now_usd}; a price is above 0")

    @property
    def factor(self) -> Decimal:
        """Return the price after over the price before."""
        return self.now_usd / self.before_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSign:
    """A price that looks split: the step, the same day's factor of its peers, the ratios that fit, nearest first."""

    step: PriceStep
    peers_factor: Decimal
    ratios: tuple[Decimal, ...]

    @property
    def ratio(self) -> Decimal | None:
        """Return the ratio that fits best, None where no common one does."""
        return self.ratios[0] if self.ratios else None


def price_signs(steps: Sequence[PriceStep]) -> tuple[PriceSign, ...]:
    """Return the steps of one day that look like a split, or like another action, in the order given."""
    peers = peers_factors(steps)
    found = []
    for step in steps:
        against = step.factor / peers[step.security]
        if _CALM[0] < against < _CALM[1]:
            continue
        ratios = _ratios_shown(against)
        if ratios or against >= _UP or against <= _DOWN:
            found.append(PriceSign(step=step, peers_factor=peers[step.security], ratios=ratios))
    return tuple(found)


def peers_factors(steps: Sequence[PriceStep]) -> Mapping[str, Decimal]:
    """
    Return the middle factor of each security's peers.

    Where it has too few peers the whole market's counts, and where there is hardly a market prices are taken to stand.
    """
    groups: dict[str, list[Decimal]] = defaultdict(list)
    for step in steps:
        groups[step.peers].append(step.factor)
    everything = [step.factor for step in steps]
    market = median(everything) if len(everything) >= _MIN_PEERS else Decimal(1)
    middles = {
        name: median(factors) if name and len(factors) >= _MIN_PEERS else market for name, factors in groups.items()
    }
    return {step.security: middles[step.peers] for step in steps}


def shows_ratio(step: PriceStep, *, peers_factor: Decimal, ratio: Decimal) -> bool:
    """Tell whether a step is nearer to what a split of this ratio does to a price than to no split at all."""
    against = step.factor / peers_factor
    return _distance(against * ratio) < _distance(against)


def _ratios_shown(against: Decimal) -> tuple[Decimal, ...]:
    near = [
        (_distance(against * ratio), ratio)
        for ratios, slack in (
            (_WHOLE, _WHOLE_SLACK),
            (tuple(1 / ratio for ratio in _WHOLE), _WHOLE_SLACK),
            ((_THREE_FOR_TWO,), _SMALL_SLACK),
        )
        for ratio in ratios
        if _distance(against * ratio) <= slack
    ]
    return tuple(ratio for _, ratio in sorted(near))


def _distance(factor: Decimal) -> Decimal:
    return max(factor, 1 / factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStep:
    """What an account should hold of a security by its trades, and what its custodian states."""

    account: Hashable
    security: str
    expected_units: Decimal
    stated_units: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSign:
    """Accounts whose units of a security multiplied by one ratio without a trade."""

    security: str
    ratio: Decimal
    accounts: tuple[Hashable, ...]


def unit_signs(steps: Iterable[UnitStep], *, seen: Mapping[str, Decimal] | None = None) -> tuple[UnitSign, ...]:
    """
    Return the securities whose units multiplied by the same ratio in several accounts, by symbol.

    Nearly all holders must agree. `seen` are ratios that something else shows already, prices say: one account is
    enough to confirm those.
    """
    holders: dict[str, list[UnitStep]] = defaultdict(list)
    for step in steps:
        if step.expected_units > 0 and step.stated_units > 0:
            holders[step.security].append(step)
    found = []
    for security, mine in sorted(holders.items()):
        known = (seen or {}).get(security)
        sign = _unit_sign(security, mine, known=known)
        if sign is not None:
            found.append(sign)
    return tuple(found)


def _unit_sign(security: str, steps: Sequence[UnitStep], *, known: Decimal | None) -> UnitSign | None:
    best: tuple[int, Decimal, list[UnitStep]] | None = None
    for ratio in (known,) if known is not None else _POSITION_RATIOS:
        fitting = [step for step in steps if _multiplied(step, ratio)]
        if best is None or len(fitting) > best[0]:
            best = (len(fitting), ratio, fitting)
    least = 1 if known is not None else _MIN_ACCOUNTS
    if best is None or best[0] < least or best[0] < _MIN_SHARE * len(steps):
        return None
    return UnitSign(security=security, ratio=best[1], accounts=tuple(step.account for step in best[2]))


def _multiplied(step: UnitStep, ratio: Decimal) -> bool:
    """Tell whether the units are the ratio's, whole or with the fraction paid out."""
    due = step.expected_units * ratio
    whole = due.to_integral_value(rounding="ROUND_FLOOR")
    is_changed = abs(step.stated_units - step.expected_units) > _UNIT_TOLERANCE
    return is_changed and any(abs(step.stated_units - each) <= _UNIT_TOLERANCE for each in (due, whole) if each > 0)
