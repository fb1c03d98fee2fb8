"""What the matching of wash sales works with: accounts, losses, and what may replace them."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from portfolios.ledger.types import CENT, ZERO, Disposition

Origin = tuple[str, str]  # the account where a lot was acquired, and its root


class LossRank(NamedTuple):
    """
    The place of a loss in the order of R-1.3.7.

    The day, and the `sequence` of the sale where sales of a day are taken in sequence. Then the original acquisition of
    what was sold: its day, and its `opening`, the place among the events that acquired; `origin` parts acquisitions
    that have the same place. Of one acquisition the earliest holding date goes first, then the highest basis; of one
    lot the sale that comes first, by `position`, and the `part` of it.
    """

    sold_on: date
    sequence: int
    acquired_on: date
    opening: int
    origin: Origin
    held_from_on: date
    minus_basis_usd: Decimal
    position: int
    account: str
    part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """
    What wash sales ask of an account of the tax household.

    `owner` is whose return it is on; `spouses` are the owners that R-1.3.4 counts with it. A loss counts in a taxable
    account only. A purchase in a retirement account takes a loss for good; `plan` says which kind it is, "" counts as
    an IRA. Of an account held away no lots are stated: its purchases are known by themselves.
    """

    key: str
    owner: str = ""
    is_taxable: bool = True
    is_retirement: bool = False
    plan: str = ""
    is_held_away: bool = False
    spouses: tuple[str, ...] = ()


class Candidate(NamedTuple):
    """A lot that may replace what was sold, in the order of R-1.3.8; `key` is looked up when it is asked for."""

    acquired_on: date
    first: int
    second: int
    account: str
    key: str


@dataclass(slots=True)
class Loss:
    """
    A loss while replacements are looked for, `disallowed_usd` so far.

    `scale` is today's units for one of the sale, after splits since. `rank` is the order of R-1.3.7. `place` is the
    disposition's in its account, -1 for one from before, of which `known_usd` were disallowed already.
    """

    account: str
    sold: Disposition
    security: str
    origin: Origin
    rank: LossRank
    units_left: Decimal
    loss_left_usd: Decimal
    scale: Decimal = Decimal(1)
    disallowed_usd: Decimal = ZERO
    permanent_usd: Decimal = ZERO
    known_usd: Decimal = ZERO
    place: int = -1

    @property
    def held_from_on(self) -> date | None:
        """Return the day that the holding period of what was sold counts from; a gift's loss counts from the gift."""
        return self.sold.holding_on or self.sold.acquired_on

    @property
    def is_amended(self) -> bool:
        """Tell whether more of a loss from before was disallowed."""
        return self.disallowed_usd != self.known_usd

    def washed(self) -> Disposition:
        """Return the disposition with what was disallowed, rounded to cents as rows are."""
        sold = self.sold
        return Disposition(
            event_ref=sold.event_ref,
            lot_key=sold.lot_key,
            root_key=sold.root_key,
            security=sold.security,
            units=sold.units,
            proceeds_usd=sold.proceeds_usd,
            cost_usd=sold.cost_usd,
            gain_usd=sold.gain_usd,
            term=sold.term,
            sold_on=sold.sold_on,
            acquired_on=sold.acquired_on,
            holding_on=sold.holding_on,
            wash_adjustment_usd=sold.wash_adjustment_usd,
            kind=sold.kind,
            disallowed_usd=(sold.disallowed_usd + self.disallowed_usd).quantize(CENT, ROUND_HALF_UP),
            permanent_usd=(sold.permanent_usd + self.permanent_usd).quantize(CENT, ROUND_HALF_UP),
        )


@dataclass(slots=True)
class OutsidePurchase:
    """Units bought in an account that states no lots, less those that replaced something."""

    account: str
    ref: str
    security: str
    bought_on: date
    units_left: Decimal
