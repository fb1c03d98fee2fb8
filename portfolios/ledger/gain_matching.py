"""
Compare the gains that the ledger realised with those that a custodian states, sale by sale.

A sale is what was sold of a security on a day. The taxpayer's view washes over all accounts, the broker's within one
account and CUSIP (R-1.3.13): that difference is expected. Other lots for the same units are a difference of method.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from portfolios.ledger.comparison import UNIT_TOLERANCE
from portfolios.ledger.types import CENT, ZERO


class GainVerdict(StrEnum):
    """How a sale compares, the best first."""

    MATCHED = "matched"
    ROUNDING = "rounding"
    WASH_ADJUSTMENT = "wash_adjustment"
    FEE = "fee"
    OTHER_LOTS = "other_lots"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class GainLine:
    """
    A portion that was sold, ours or theirs; `cost_usd` is None where it is unknown, `acquired_on` where it is not told.

    Only ours: `beyond_usd` is the part of `disallowed_usd` whose replacement the custodian does not see,
    `cost_beyond_usd` the part of `cost_usd` from losses that it does not see, `fee_usd` the commissions in it.
    """

    security: str
    sold_on: date
    acquired_on: date | None
    units: Decimal
    proceeds_usd: Decimal
    cost_usd: Decimal | None
    disallowed_usd: Decimal = ZERO
    beyond_usd: Decimal = ZERO
    cost_beyond_usd: Decimal = ZERO
    fee_usd: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class GainComparison:
    """One sale beside the custodian's; gains are after disallowance, None where a basis is unknown."""

    security: str
    sold_on: date
    verdict: GainVerdict
    sentence: str
    ours: tuple[GainLine, ...]
    theirs: tuple[GainLine, ...]

    @property
    def our_gain_usd(self) -> Decimal | None:
        """Return what we recognise."""
        return _recognised(self.ours)

    @property
    def their_gain_usd(self) -> Decimal | None:
        """Return what the custodian recognises."""
        return _recognised(self.theirs)


def compare_gains(ours: Iterable[GainLine], theirs: Iterable[GainLine]) -> tuple[GainComparison, ...]:
    """Compare every sale that the custodian states and that the ledger booked itself, by day and security."""
    booked, stated = _by_sale(ours), _by_sale(theirs)
    sales = sorted(set(booked) & set(stated), key=lambda sale: (sale[1], sale[0]))
    return tuple(_compare(security, day, booked[security, day], stated[security, day]) for security, day in sales)


_Sale = tuple[str, date]


def _by_sale(lines: Iterable[GainLine]) -> dict[_Sale, tuple[GainLine, ...]]:
    sales: dict[_Sale, list[GainLine]] = defaultdict(list)
    for line in lines:
        sales[line.security, line.sold_on].append(line)
    return {sale: tuple(some) for sale, some in sales.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    verdict: GainVerdict
    sentence: str = ""


def _compare(security: str, day: date, ours: Sequence[GainLine], theirs: Sequence[GainLine]) -> GainComparison:
    found = _judge(ours, theirs)
    return GainComparison(
        security=security,
        sold_on=day,
        verdict=found.verdict,
        sentence=found.sentence,
        ours=tuple(ours),
        theirs=tuple(theirs),
    )


def _judge(ours: Sequence[GainLine], theirs: Sequence[GainLine]) -> _Finding:
    lines = max(len(ours), len(theirs))
    units, stated = _units(ours), _units(theirs)
    if abs(units - stated) > UNIT_TOLERANCE * lines:
        said = f"{units.normalize():f} units are sold in the ledger, {stated.normalize():f} at the custodian"
        return _Finding(verdict=GainVerdict.BROKEN, sentence=said)
    if _is_other_lots(ours, theirs):
        return _Finding(
            verdict=GainVerdict.OTHER_LOTS,
            sentence=f"the custodian sold lots of {_days(theirs)}, the ledger of {_days(ours)}",
        )
    slack = CENT * lines
    findings = [_proceeds(ours, theirs, slack), _cost(ours, theirs, slack), _disallowed(ours, theirs, slack)]
    worst = max(findings, key=lambda each: _ORDER[each.verdict])
    said = "; ".join(each.sentence for each in findings if each.sentence)
    return _Finding(verdict=worst.verdict, sentence=said)


_ORDER = {verdict: place for place, verdict in enumerate(GainVerdict)}
_MATCHED = _Finding(verdict=GainVerdict.MATCHED)


def _is_other_lots(ours: Sequence[GainLine], theirs: Sequence[GainLine]) -> bool:
    """Tell whether the units come from other days; a custodian that says "various" does not tell."""
    if any(line.acquired_on is None for line in (*ours, *theirs)):
        return False
    by_day: dict[date | None, Decimal] = defaultdict(lambda: ZERO)
    for line in ours:
        by_day[line.acquired_on] += line.units
    for line in theirs:
        by_day[line.acquired_on] -= line.units
    return any(abs(units) > UNIT_TOLERANCE for units in by_day.values())


def _proceeds(ours: Sequence[GainLine], theirs: Sequence[GainLine], slack: Decimal) -> _Finding:
    booked = sum((line.proceeds_usd for line in ours), ZERO)
    stated = sum((line.proceeds_usd for line in theirs), ZERO)
    apart, fee = stated - booked, sum((line.fee_usd for line in ours), ZERO)
    if fee and abs(apart - fee) <= slack:
        return _Finding(
            verdict=GainVerdict.FEE, sentence=f"the custodian's proceeds are before the commission of ${fee:,.2f}"
        )
    return _same(apart, slack, f"proceeds are ${booked:,.2f} in the ledger, ${stated:,.2f} at the custodian")


def _cost(ours: Sequence[GainLine], theirs: Sequence[GainLine], slack: Decimal) -> _Finding:
    booked, stated = _sum_known(ours), _sum_known(theirs)
    if stated is None:
        return _MATCHED
    if booked is None:
        said = f"the basis is unknown in the ledger, ${stated:,.2f} at the custodian"
        return _Finding(verdict=GainVerdict.BROKEN, sentence=said)
    apart, beyond = stated - booked, sum((line.cost_beyond_usd for line in ours), ZERO)
    if beyond and abs(apart + beyond) <= slack:
        said = f"our basis holds ${beyond:,.2f} of washed losses that the custodian does not see"
        return _Finding(verdict=GainVerdict.WASH_ADJUSTMENT, sentence=said)
    return _same(apart, slack, f"the basis is ${booked:,.2f} in the ledger, ${stated:,.2f} at the custodian")


def _disallowed(ours: Sequence[GainLine], theirs: Sequence[GainLine], slack: Decimal) -> _Finding:
    booked = sum((line.disallowed_usd for line in ours), ZERO)
    stated = sum((line.disallowed_usd for line in theirs), ZERO)
    apart, beyond = stated - booked, sum((line.beyond_usd for line in ours), ZERO)
    if beyond and abs(apart + beyond) <= slack:
        said = (
            f"${beyond:,.2f} is washed by a purchase in another account or security, which the custodian does not see"
        )
        return _Finding(verdict=GainVerdict.WASH_ADJUSTMENT, sentence=said)
    said = f"the disallowed loss is ${booked:,.2f} in the ledger, ${stated:,.2f} at the custodian"
    return _same(apart, slack, said)


def _same(apart: Decimal, slack: Decimal, sentence: str) -> _Finding:
    if abs(apart) < CENT / 2:
        return _MATCHED
    if abs(apart) <= slack:
        return _Finding(verdict=GainVerdict.ROUNDING, sentence=f"{sentence}: a cent a lot is rounding")
    return _Finding(verdict=GainVerdict.BROKEN, sentence=sentence)


def _units(lines: Sequence[GainLine]) -> Decimal:
    return sum((line.units for line in lines), ZERO)


def _sum_known(lines: Sequence[GainLine]) -> Decimal | None:
    costs = [line.cost_usd for line in lines]
    return None if any(cost is None for cost in costs) else sum((cost for cost in costs if cost is not None), ZERO)


def _recognised(lines: Sequence[GainLine]) -> Decimal | None:
    cost = _sum_known(lines)
    if cost is None:
        return None
    return sum((line.proceeds_usd + line.disallowed_usd for line in lines), ZERO) - cost


def _days(lines: Sequence[GainLine]) -> str:
    days = sorted({line.acquired_on for line in lines if line.acquired_on is not None})
    return ", ".join(map(str, days[:3])) + (f" and {len(days) - 3} more days" if len(days) > 3 else "")
