"""
The year's dispositions of an account as lines of Form 8949, and what they add to Schedule D (R-1.3.13).

Column (e) has the basis with earlier wash-sale increases; code W adds back what a wash sale disallows (g). Where a
1099-B reported another basis, (e) has the reported one and code B corrects it, so that (h) is always what we recognise.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from portfolios.ledger.gain_matching import GainComparison
from portfolios.ledger.types import CENT, ZERO, Disposition, DispositionKind, Term

STOCK_COVERED_ON = date(2011, 1, 1)  # Reg. 1.6045-1(a)(15): from then on a broker reports the basis of stock
FUND_COVERED_ON = date(2012, 1, 1)  # the same for shares of funds and of dividend reinvestment plans


class Box(StrEnum):
    """The boxes of Form 8949: short-term A to C, long-term D to F."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"

    @property
    def term(self) -> Term:
        """Return whether the box is of Part I (short-term) or Part II."""
        return Term.SHORT if self in (Box.A, Box.B, Box.C) else Term.LONG

    @property
    def line(self) -> str:
        """Return the line of Schedule D that takes the box's totals."""
        return {"A": "1b", "B": "2", "C": "3", "D": "8b", "E": "9", "F": "10"}[self.value]

    @property
    def words(self) -> str:
        """Return what the box says."""
        place = "ABCDEF".index(self.value) % 3
        return (
            "reported on Form 1099-B, basis reported to the IRS",
            "reported on Form 1099-B, basis not reported to the IRS",
            "not reported on Form 1099-B",
        )[place]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldLot:
    """A disposition with what only its form needs. `name` describes the property."""

    sold: Disposition
    name: str
    is_fund: bool = False
    is_inherited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedLine:
    """A line of the custodian's 1099-B; `box` is "" and `acquired_on` None where it does not tell."""

    security: str
    sold_on: date
    acquired_on: date | None
    units: Decimal
    cost_usd: Decimal | None
    disallowed_usd: Decimal = ZERO
    box: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLine:
    """
    One line; (a) to (h) are its columns, in dollars and cents.

    `cost_usd` and `gain_usd` are None where the basis is unknown: the line must be completed by hand.
    """

    box: Box
    security: str
    description: str
    acquired: str
    sold_on: date
    proceeds_usd: Decimal
    cost_usd: Decimal | None
    codes: str
    adjustment_usd: Decimal
    gain_usd: Decimal | None
    event_ref: str
    lot_key: str
    disallowed_usd: Decimal = ZERO
    permanent_usd: Decimal = ZERO
    provisional_until_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxTotal:
    """The totals of a box, which go to a line of Schedule D; lines of unknown basis count in `unknown_count` alone."""

    box: Box
    line_count: int
    proceeds_usd: Decimal
    cost_usd: Decimal
    adjustment_usd: Decimal
    gain_usd: Decimal
    unknown_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Form8949:
    """
    The lines of a year, by box and day, and what they add up to.

    `comparisons` are the sales of which the custodian states gains too; `unreported_count` are sales that its 1099-B
    does not have, None where none was imported.
    """

    year: int
    lines: tuple[FormLine, ...]
    totals: tuple[BoxTotal, ...]
    comparisons: tuple[GainComparison, ...] = ()
    unreported_count: int | None = None

    def net_usd(self, term: Term) -> Decimal:
        """Return what the account adds to line 7 (short-term) or line 15 (long-term) of Schedule D."""
        return sum((total.gain_usd for total in self.totals if total.box.term is term), ZERO)

    def lines_of(self, box: Box) -> tuple[FormLine, ...]:
        """Return the lines of one box."""
        return tuple(line for line in self.lines if line.box is box)

    @property
    def disallowed_usd(self) -> Decimal:
        """Return what wash sales disallow; corrections of a reported basis (code B) are not in it."""
        return sum((line.disallowed_usd for line in self.lines), ZERO)

    @property
    def provisional_until_on(self) -> date | None:
        """Return the last day on which a purchase may still change a line."""
        return max((line.provisional_until_on for line in self.lines if line.provisional_until_on), default=None)


def form_8949(
    year: int,
    sold: Iterable[SoldLot],
    *,
    reported: Sequence[ReportedLine] = (),
    comparisons: Sequence[GainComparison] = (),
    as_of: date | None = None,
) -> Form8949:
    """
    Write the dispositions of one taxable account and calendar year as lines; other years are left out.

    `as_of` is the last day whose trades are known: a loss whose window closed before it is final.
    """
    lots = [each for each in sold if each.sold.sold_on.year == year]
    matched = _matched(lots, reported)
    lines = [_line(each, matched[place], as_of=as_of) for place, each in enumerate(lots)]
    lines.sort(key=lambda line: (line.box, line.sold_on, line.security, line.acquired, line.event_ref, line.lot_key))
    return Form8949(
        year=year,
        lines=tuple(lines),
        totals=tuple(_total(box, [line for line in lines if line.box is box]) for box in Box if _has(lines, box)),
        comparisons=tuple(comparisons),
        unreported_count=sum(each is None for each in matched) if reported else None,
    )


def _has(lines: Sequence[FormLine], box: Box) -> bool:
    return any(line.box is box for line in lines)


def _matched(lots: Sequence[SoldLot], reported: Sequence[ReportedLine]) -> list[ReportedLine | None]:
    """Pair each disposition with the reported line of the same security, days and units, each line once."""
    open_lines: dict[tuple[str, date], list[ReportedLine]] = defaultdict(list)
    for line in reported:
        open_lines[line.security, line.sold_on].append(line)
    found: list[ReportedLine | None] = []
    for each in lots:
        sold = each.sold
        candidates = [
            line
            for line in open_lines[sold.security, sold.sold_on]
            if abs(line.units - sold.units) < CENT and line.acquired_on in (None, sold.acquired_on)
        ]
        best = max(candidates, key=lambda line: line.acquired_on is not None, default=None)
        if best is not None:
            open_lines[sold.security, sold.sold_on].remove(best)
        found.append(best)
    return found


def _line(each: SoldLot, reported: ReportedLine | None, *, as_of: date | None) -> FormLine:
    sold = each.sold
    until = sold.provisional_until_on
    proceeds = _cents(sold.proceeds_usd)
    gain = None if sold.recognized_usd is None else _cents(sold.recognized_usd)
    own_cost = None if sold.gain_usd is None else proceeds - _cents(sold.gain_usd)
    is_told = reported is not None and reported.cost_usd is not None
    box = _box(each, reported)
    reports_basis = is_told and box in (Box.A, Box.D)
    cost = _cents(reported.cost_usd or ZERO) if reports_basis and reported is not None else own_cost
    adjustment = ZERO if gain is None or cost is None else gain - (proceeds - cost)
    codes = ("B" if cost != own_cost else "") + ("W" if sold.disallowed_usd else "")
    return FormLine(
        box=box,
        security=sold.security,
        description=f"{sold.units.normalize():f} sh. {each.name}",
        acquired=_acquired(each),
        sold_on=sold.sold_on,
        proceeds_usd=proceeds,
        cost_usd=cost,
        codes=codes,
        adjustment_usd=adjustment,
        gain_usd=gain,
        event_ref=sold.event_ref,
        lot_key=sold.lot_key,
        disallowed_usd=sold.disallowed_usd,
        permanent_usd=sold.permanent_usd,
        provisional_until_on=None if until and as_of and until < as_of else until,
    )


def _acquired(each: SoldLot) -> str:
    if each.is_inherited:
        return "INHERITED"
    return "VARIOUS" if each.sold.acquired_on is None else each.sold.acquired_on.isoformat()


def _box(each: SoldLot, reported: ReportedLine | None) -> Box:
    """Return the box of a disposition: its own term, and how it was reported, or how it will be."""
    place = _place_reported(each, reported)
    return Box("ABC"[place]) if each.sold.term is Term.SHORT else Box("DEF"[place])


def _place_reported(each: SoldLot, reported: ReportedLine | None) -> int:
    if reported is not None and reported.box in "ABCDEF" and reported.box:
        return "ABCDEF".index(reported.box) % 3
    if each.sold.kind is DispositionKind.WORTHLESS:  # nobody sold it, so nobody reports it
        return 2
    since = FUND_COVERED_ON if each.is_fund else STOCK_COVERED_ON
    is_covered = each.sold.acquired_on is not None and each.sold.acquired_on >= since and not each.is_inherited
    return 0 if is_covered and each.sold.gain_usd is not None else 1


def _total(box: Box, lines: Sequence[FormLine]) -> BoxTotal:
    known = [line for line in lines if line.gain_usd is not None]
    return BoxTotal(
        box=box,
        line_count=len(lines),
        proceeds_usd=sum((line.proceeds_usd for line in lines), ZERO),
        cost_usd=sum((line.cost_usd or ZERO for line in known), ZERO),
        adjustment_usd=sum((line.adjustment_usd for line in known), ZERO),
        gain_usd=sum((line.gain_usd or ZERO for line in known), ZERO),
        unknown_count=len(lines) - len(known),
    )


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
