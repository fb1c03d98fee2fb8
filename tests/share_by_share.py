"""
Wash sales share by share, in exact fractions: the rules as they read, without lots, indexes or rounding.

Slow and plain on purpose, and written apart from the ledger: what it says is held against the ledger's replay.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction


@dataclass
class Step:
    """One thing that happened: buy, gift, sell (so many units of lot `key`), or split (of all accounts, 2 for 1)."""

    kind: str
    on: date
    account: str = ""
    security: str = ""
    key: str = ""
    root: str = ""
    units: int = 0
    usd: int = 0


@dataclass
class Share:
    account: str
    security: str
    key: str
    root: str
    place: int
    bought_on: date
    held_from: date
    basis: Fraction
    washes: bool
    added: Fraction = Fraction(0)
    is_used: bool = False


@dataclass
class LostShare:
    sale: int
    account: str
    security: str
    origin: tuple[str, str]
    sold_on: date
    bought_on: date
    held_from: date
    basis: Fraction
    loss: Fraction


@dataclass
class Household:
    """Who owns each account (a retirement account is in `retirement`), and what is called identical."""

    owners: dict[str, str]
    retirement: set[str]
    groups: dict[str, str]
    is_simultaneous: bool = True


@dataclass
class Outcome:
    held: list[Share] = field(default_factory=list)
    realized: dict[int, Fraction] = field(default_factory=dict)
    disallowed: dict[int, Fraction] = field(default_factory=dict)
    permanent: dict[int, Fraction] = field(default_factory=dict)


def match_shares(steps: Sequence[Step], household: Household) -> Outcome:
    """Go through the days and match every share that was lost on with the first share that may replace it."""
    out = Outcome()
    pending: list[LostShare] = []
    for day in sorted({step.on for step in steps}):
        today: list[LostShare] = []
        for place, step in enumerate(steps):
            if step.on != day:
                continue
            if step.kind in ("buy", "gift"):
                out.held += [_share(step, place) for _ in range(step.units)]
                if step.kind == "buy":
                    _match(pending, household, out, only=place)
            elif step.kind == "split":
                _split(step.security, out, pending, today)
            else:
                lost = _sell(step, place, out, household)
                if household.is_simultaneous:
                    today += lost
                else:
                    pending += lost
                    _match(pending, household, out)
        today.sort(key=lambda one: (one.bought_on, one.held_from, -one.basis, one.account, one.sale))
        pending += today
        _match(pending, household, out)
    return out


def _share(step: Step, place: int) -> Share:
    cost = Fraction(step.usd, step.units)
    return Share(
        step.account, step.security, step.key, step.root, place, step.on, step.on, cost, washes=step.kind == "buy"
    )


def _split(security: str, out: Outcome, *lost: list[LostShare]) -> None:
    out.held = [
        half
        for one in out.held
        for half in (
            [replace(one, basis=one.basis / 2, added=one.added / 2) for _ in range(2)]
            if one.security == security
            else [one]
        )
    ]
    for those in lost:
        those[:] = [
            half
            for one in those
            for half in (
                [replace(one, basis=one.basis / 2, loss=one.loss / 2) for _ in range(2)]
                if one.security == security
                else [one]
            )
        ]


def _sell(step: Step, place: int, out: Outcome, household: Household) -> list[LostShare]:
    mine = [one for one in out.held if one.account == step.account and one.key == step.key]
    mine.sort(key=lambda one: (one.held_from, -one.basis))
    sold = mine[: step.units]
    gone = {id(one) for one in sold}
    out.held = [one for one in out.held if id(one) not in gone]
    price = Fraction(step.usd, step.units)
    out.realized[place] = sum((price - one.basis for one in sold), Fraction(0))
    if step.account in household.retirement:
        return []
    return [
        LostShare(
            place, one.account, one.security, (one.account, one.root), step.on, one.bought_on, one.held_from,
            one.basis, one.basis - price,
        )
        for one in sold
        if price < one.basis
    ]  # fmt: skip


def _match(pending: list[LostShare], household: Household, out: Outcome, *, only: int | None = None) -> None:
    left: list[LostShare] = []
    for lost in pending:
        found = [
            one
            for one in out.held
            if one.washes
            and not one.is_used
            and abs((one.bought_on - lost.sold_on).days) <= 30
            and household.groups.get(one.security, one.security) == household.groups.get(lost.security, lost.security)
            and (one.account, one.root) != lost.origin
            and (only is None or one.place == only)
        ]
        if not found:
            left.append(lost)
            continue
        first = min(found, key=lambda one: (one.bought_on, one.place))
        first.is_used = True
        out.disallowed[lost.sale] = out.disallowed.get(lost.sale, Fraction(0)) + lost.loss
        if first.account in household.retirement:
            out.permanent[lost.sale] = out.permanent.get(lost.sale, Fraction(0)) + lost.loss
        else:
            first.basis += lost.loss
            first.added += lost.loss
            first.held_from -= timedelta(days=(lost.sold_on - lost.held_from).days)
    pending[:] = left
