"""
Why a custodian's basis differs from ours: it does not know a wash sale, leaves out a commission, or rounds.

The taxpayer's view washes over all accounts of a tax household; a broker's only within the same account and CUSIP
(R-1.3.13). Both are right, and the ledger keeps its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from portfolios.ledger.comparison import Cause, LotFacts
from portfolios.ledger.families import stem_of
from portfolios.ledger.statements import StatedLot
from portfolios.ledger.types import CENT, ZERO, Lot

HALF_CENT = CENT / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisView:
    """
    How the bases of the same units compare: `difference_usd` is the custodian's less ours, None where one is unknown.

    `is_ours_kept` says that the ledger's basis stays. Without a cause and with a difference nothing explains it.
    """

    difference_usd: Decimal | None
    cause: Cause | None = None
    sentence: str = ""
    is_ours_kept: bool = True

    @property
    def is_same(self) -> bool:
        """Tell whether both agree to the cent, or one does not say."""
        return self.cause is None and (self.difference_usd is None or abs(self.difference_usd) < HALF_CENT)


def known_cost(lots: Sequence[Lot] | Sequence[StatedLot]) -> Decimal | None:
    """Add up a basis; None when any part of it is unknown."""
    costs = [lot.cost_usd for lot in lots]
    return None if any(cost is None for cost in costs) else sum((cost for cost in costs if cost is not None), ZERO)


def view_basis(lots: Sequence[Lot], rows: Sequence[StatedLot], *, facts: LotFacts) -> BasisView:
    """Say how the stated basis of the same units compares with ours, and what explains a difference."""
    ours, theirs = known_cost(lots), known_cost(rows)
    if theirs is None:
        return BasisView(difference_usd=None)
    if ours is None:
        sentence = f"the custodian tells a basis of ${theirs:,.2f} that was unknown"
        return BasisView(difference_usd=None, cause=Cause.TOLD, sentence=sentence, is_ours_kept=False)
    difference = theirs - ours
    slack = CENT * max(len(lots), len(rows))
    if abs(difference) < HALF_CENT:
        return BasisView(difference_usd=difference)
    if abs(difference) <= slack:
        sentence = f"the basis differs by ${abs(difference):,.2f}, within a cent a lot"
        return BasisView(difference_usd=difference, cause=Cause.ROUNDING, sentence=sentence)
    for view in _views(lots, rows, facts):
        if abs(difference - view.amount_usd) <= slack:
            return BasisView(
                difference_usd=difference,
                cause=view.cause,
                sentence=view.sentence,
                is_ours_kept=view.is_ours_kept,
            )
    return BasisView(difference_usd=difference)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What a custodian's basis would be above ours, were this the reason."""

    amount_usd: Decimal
    cause: Cause
    sentence: str
    is_ours_kept: bool = True


def _views(lots: Sequence[Lot], rows: Sequence[StatedLot], facts: LotFacts) -> Iterator[_View]:
    washes, fees = tuple(_wash_views(lots, rows, facts)), tuple(_fee_views(lots, facts))
    yield from washes
    yield from fees
    for wash in washes:
        for fee in fees:
            yield _View(
                amount_usd=wash.amount_usd + fee.amount_usd,
                cause=Cause.WASH_ADJUSTMENT,
                sentence=f"{wash.sentence}; {fee.sentence}",
                is_ours_kept=wash.is_ours_kept and fee.is_ours_kept,
            )


def _wash_views(lots: Sequence[Lot], rows: Sequence[StatedLot], facts: LotFacts) -> Iterator[_View]:
    beyond = sum((facts.beyond_usd.get(lot.key, ZERO) for lot in lots), ZERO)
    adjusted = sum((lot.wash_adjustment_usd for lot in lots), ZERO)
    stated = sum((row.wash_adjustment_usd for row in rows), ZERO)
    if beyond > 0:
        sentence = (
            f"our basis holds a wash-sale adjustment of ${beyond:,.2f} for a loss in another account or security, "
            "which the custodian does not see"
        )
        yield _View(amount_usd=-beyond, cause=Cause.WASH_ADJUSTMENT, sentence=sentence)
    if adjusted > 0 and adjusted != beyond:
        sentence = f"our basis holds a wash-sale adjustment of ${adjusted:,.2f}, the custodian's does not"
        yield _View(amount_usd=-adjusted, cause=Cause.WASH_ADJUSTMENT, sentence=sentence)
    if stated > adjusted:
        sentence = f"the custodian states a wash-sale adjustment of ${stated:,.2f} that the ledger does not have"
        yield _View(amount_usd=stated - adjusted, cause=Cause.WASH_ADJUSTMENT, sentence=sentence, is_ours_kept=False)


def _fee_views(lots: Sequence[Lot], facts: LotFacts) -> Iterator[_View]:
    inside = sum((_fee_inside(lot, facts) for lot in lots), ZERO)
    if inside > 0:
        sentence = f"our basis holds the commission of ${inside:,.2f}, the custodian's does not"
        yield _View(amount_usd=-inside, cause=Cause.FEE, sentence=sentence)
    days = {(lot.security, lot.acquired_on) for lot in lots}
    beside = sum((facts.fees_beside_usd.get(day, ZERO) for day in days), ZERO)
    if beside > 0:
        sentence = f"the custodian's basis holds the commission of ${beside:,.2f} that was booked beside it"
        yield _View(amount_usd=beside, cause=Cause.FEE, sentence=sentence, is_ours_kept=False)


def _fee_inside(lot: Lot, facts: LotFacts) -> Decimal:
    """Return the commission in a lot's basis: it went with the basis through sales, splits and sub-lots."""
    share = facts.fee_frac.get(stem_of(lot.key), ZERO)
    return ZERO if lot.cost_usd is None else (lot.cost_usd - lot.wash_adjustment_usd) * share
