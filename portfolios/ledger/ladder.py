"""
What a loss is worth: the order in which its dollars are used, what is only deferred, and for how long (R-1.6).

The last rung is carried on: its value today is nothing unless the profile expects a later rate and discounts it.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from portfolios.ledger.errors import BadInput
from portfolios.ledger.tax import NO_GAINS, Gains, TaxRates, net_year
from portfolios.ledger.types import ZERO, Term


class Rung(StrEnum):
    """Where dollars of a loss go."""

    SHORT_GAINS = "short_gains"
    LONG_GAINS = "long_gains"
    ORDINARY = "ordinary"
    CARRIED = "carried"


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderStep:
    """So many dollars of the loss at such a rate."""

    rung: Rung
    amount_usd: Decimal
    rate_frac: Decimal

    @property
    def value_usd(self) -> Decimal:
        """Return what these dollars save, today or (carried on) as expected."""
        return self.amount_usd * self.rate_frac


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLadder:
    """The steps of one loss, in the order of use; steps without dollars are kept."""

    term: Term
    steps: tuple[LadderStep, ...]

    @property
    def current_value_usd(self) -> Decimal:
        """Return what the loss saves this year: what is carried on counts nothing here."""
        return sum((step.value_usd for step in self.steps if step.rung is not Rung.CARRIED), ZERO)

    @property
    def carried_value_usd(self) -> Decimal:
        """Return what the part carried on is expected to be worth today."""
        return self.steps[-1].value_usd

    def amount_usd(self, rung: Rung) -> Decimal:
        """Return the dollars that go to one rung."""
        return sum((step.amount_usd for step in self.steps if step.rung is rung), ZERO)


def loss_ladder(
    *,
    term: Term,
    amount_usd: Decimal,
    rates: TaxRates,
    year_to_date: Gains = NO_GAINS,
    carried_in: Gains = NO_GAINS,
    later_rate_frac: Decimal = ZERO,
    discount_frac: Decimal = ZERO,
) -> LossLadder:
    """
    Lay a loss (a positive amount) on the year as it stands after its other losses and what was carried in.

    What is carried on is worth `later_rate_frac * discount_frac` a dollar; both default to nothing.
    :raises BadInput: the amount is negative, or one of the two is no fraction
    """
    if amount_usd < 0:
        raise BadInput("a loss is written as a positive amount")
    if not (0 <= later_rate_frac <= 1 and 0 <= discount_frac <= 1):
        raise BadInput("the later rate and the discount are between 0 and 1")
    year = net_year(realized=year_to_date, carried_in=carried_in, offset_limit_usd=rates.ordinary_offset_usd)
    short = (Rung.SHORT_GAINS, year.taxable.short_usd, rates.short_frac)
    long = (Rung.LONG_GAINS, year.taxable.long_usd, rates.long_frac)
    gains = (short, long) if term is Term.SHORT else (long, short)
    free = rates.ordinary_offset_usd - year.ordinary_deduction_usd
    steps, left = [], amount_usd
    for rung, room, rate in (*gains, (Rung.ORDINARY, free, rates.ordinary_frac)):
        used = min(left, room)
        steps.append(LadderStep(rung=rung, amount_usd=used, rate_frac=rate))
        left -= used
    steps.append(LadderStep(rung=Rung.CARRIED, amount_usd=left, rate_frac=later_rate_frac * discount_frac))
    return LossLadder(term=term, steps=tuple(steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestBenefit:
    """
    What harvesting a loss brings: tax saved now, tax owed later because the basis is lower.

    `deferral_usd` is the use of the money until then; `permanent_usd` is what is never paid back, negative where more
    is owed later than was saved.
    """

    saved_now_usd: Decimal
    owed_later_usd: Decimal
    deferral_usd: Decimal
    permanent_usd: Decimal

    @property
    def total_usd(self) -> Decimal:
        """Return both together."""
        return self.deferral_usd + self.permanent_usd


def harvest_benefit(
    *, loss_usd: Decimal, saved_now_usd: Decimal, later_rate_frac: Decimal, years: int, discount_frac: Decimal
) -> HarvestBenefit:
    """
    Separate deferral from permanent benefit (R-1.6.3).

    `later_rate_frac` is what the lower basis will cost when sold: the long-term rate, or 0 where a step-up at death, a
    gift to charity or the 0 % bracket is expected. `discount_frac` is a year's.
    :raises BadInput: a negative loss, time or rate
    """
    if min(loss_usd, later_rate_frac, discount_frac) < 0 or years < 0:
        raise BadInput("a loss, a later rate, years and a discount are not negative")
    owed = loss_usd * later_rate_frac
    today = owed / (1 + discount_frac) ** years
    return HarvestBenefit(
        saved_now_usd=saved_now_usd,
        owed_later_usd=owed,
        deferral_usd=owed - today,
        permanent_usd=saved_now_usd - owed,
    )
