"""
The values of the ledger: lots, the events of an account's journal, and what they add up to.

Money and units are `Decimal`. A lot's basis is its total, never per share; an unknown basis is None, never zero.
A security is named by its symbol.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from portfolios.ledger.corporate_actions.terms import ActionTerms, HolderTerms
from portfolios.ledger.errors import BadInput

ZERO = Decimal(0)
CENT = Decimal("0.01")
UNIT_STEP = Decimal("0.000001")  # the smallest quantity that the journal keeps
DUST_UNITS = Decimal("0.00000001")  # fewer units than this are none
COST_STEP = Decimal("0.000001")  # the scale to which a part of a basis is rounded when a lot is split
WINDOW_DAYS = 30  # to either side of a loss sale (IRC 1091); 61 dates in all


class Term(StrEnum):
    SHORT = "short"
    LONG = "long"


class Relief(StrEnum):
    """How the lots of a sale are chosen when it does not name them (tax rule R-1.2.3)."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"
    LOFO = "lofo"
    MAX_LOSS = "max_loss"
    MAX_GAIN = "max_gain"
    LONG_FIRST = "long_first"
    MIN_TAX = "min_tax"
    AVERAGE_COST = "average_cost"


class EventKind(StrEnum):
    """
    What an event of the journal did.

    The first four open a lot. Adjusting events say what the custodian's books say where nothing explains the
    difference; they always carry a reason. A cancelling event says that the one it corrects never happened.
    """

    OPEN = "open"
    BUY = "buy"
    REINVEST = "reinvest"
    TRANSFER_IN = "transfer_in"
    SELL = "sell"
    TRANSFER_OUT = "transfer_out"
    SPLIT = "split"
    DIVIDEND = "dividend"
    INTEREST = "interest"
    CASH_IN = "cash_in"
    CASH_OUT = "cash_out"
    FEE = "fee"
    SETTLE = "settle"
    ADJUST_LOT = "adjust_lot"
    ADJUST_CASH = "adjust_cash"
    CORPORATE_ACTION = "corporate_action"
    CANCEL = "cancel"


OPENING_KINDS = frozenset({EventKind.OPEN, EventKind.BUY, EventKind.REINVEST, EventKind.TRANSFER_IN})
REMOVING_KINDS = frozenset({EventKind.SELL, EventKind.TRANSFER_OUT})
PURCHASE_KINDS = frozenset({EventKind.BUY, EventKind.REINVEST})
ADJUSTING_KINDS = frozenset({EventKind.ADJUST_LOT, EventKind.ADJUST_CASH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """
    One open tax lot.

    `cost_usd` is the total basis after wash-sale adjustment. `acquired_on` is the trade date, `holding_on` the
    earlier date of a tacked holding period. `loss_cost_usd` is the total basis for a loss of a dual-basis gift.
    `root_key` names the acquisition, and survives splits of the lot and transfers. `is_gift` is put aside for
    charity and never sold. `is_wash_acquisition` is False for what came without a purchase.
    """

    key: str
    security: str
    units: Decimal
    cost_usd: Decimal | None
    acquired_on: date
    root_key: str = ""
    holding_on: date | None = None
    loss_cost_usd: Decimal | None = None
    wash_adjustment_usd: Decimal = ZERO
    is_inherited: bool = False
    is_gift: bool = False
    is_wash_acquisition: bool = True
    is_wash_consumed: bool = False

    def __post_init__(self) -> None:
        if not self.units > 0:
            raise BadInput(f"lot {self.key} of {self.security} has {self.units} units; a lot holds more than none")
        if self.cost_usd is not None and not self.cost_usd >= 0:
            raise BadInput(f"lot {self.key} of {self.security} has a negative basis of {self.cost_usd}")
        if self.loss_cost_usd is not None and self.cost_usd is None:
            raise BadInput(f"lot {self.key} of {self.security} has a basis for losses but none for gains")
        if not self.root_key:
            object.__setattr__(self, "root_key", self.key)

    @property
    def held_from_on(self) -> date:
        """Return the date that the holding period is counted from."""
        return self.holding_on or self.acquired_on


@dataclass(frozen=True, slots=True, kw_only=True)
class LotPick:
    """So many units of one lot."""

    key: str
    units: Decimal

    def __post_init__(self) -> None:
        if not self.units > 0:
            raise BadInput(f"the pick of lot {self.key} takes {self.units} units; it must take more than none")


class DispositionKind(StrEnum):
    """What disposed of a portion of a lot (section 3 of the tax specification)."""

    SALE = "sale"
    CASH_IN_LIEU = "cash_in_lieu"
    BOOT = "boot"
    TAXABLE_EXCHANGE = "taxable_exchange"
    EXCESS_RETURN_OF_CAPITAL = "excess_return_of_capital"
    WORTHLESS = "worthless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """
    A portion of one lot that was disposed of.

    `cost_usd` and `gain_usd` are None where the basis is unknown. `disallowed_usd` is the positive part of a loss
    that the wash-sale rule takes away; `permanent_usd` is the part of it that is lost rather than deferred.
    `wash_adjustment_usd` is the part of the cost that earlier wash sales had put there. Boot of a reorganisation has
    the cash as proceeds and the gain that is recognised.
    """

    event_ref: str
    lot_key: str
    root_key: str
    security: str
    units: Decimal
    proceeds_usd: Decimal
    cost_usd: Decimal | None
    gain_usd: Decimal | None
    term: Term
    sold_on: date
    acquired_on: date | None
    holding_on: date | None = None
    disallowed_usd: Decimal = ZERO
    permanent_usd: Decimal = ZERO
    wash_adjustment_usd: Decimal = ZERO
    kind: DispositionKind = DispositionKind.SALE

    def __post_init__(self) -> None:
        if not 0 <= self.permanent_usd <= self.disallowed_usd:
            raise BadInput(
                f"{self.event_ref} of lot {self.lot_key} loses {self.permanent_usd} for good of a disallowed"
                f" {self.disallowed_usd}"
            )

    @property
    def is_permanent(self) -> bool:
        """Tell whether any of the loss is lost for good."""
        return self.permanent_usd > 0

    @property
    def provisional_until_on(self) -> date | None:
        """Return the last day whose purchases may still wash the loss (R-0.2); None for what is no loss."""
        if self.gain_usd is None or self.gain_usd >= 0:
            return None
        return self.sold_on + timedelta(days=WINDOW_DAYS)

    @property
    def recognized_usd(self) -> Decimal | None:
        """Return the gain that counts on the return: what is disallowed is added back."""
        return None if self.gain_usd is None else self.gain_usd + self.disallowed_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class WashMatch:
    """
    So many units of a loss washed by so many of a replacement: where the disallowed loss went (R-1.3.9).

    The loss is the disposition of `loss_lot_key` by `loss_event_ref` in `loss_account`, `loss_units` in the units of
    its sale. The replacement is lot `lot_key` of `account`, `units` in the units of the day of the match; it has
    `amount_usd` in its basis, and `tacked_days` before its `bought_on` in its holding period, unless the amount is lost
    for good (`is_permanent`). `lot_key` is "" for a purchase in an account that states no lots.
    """

    loss_account: str
    loss_event_ref: str
    loss_lot_key: str
    loss_units: Decimal
    sold_on: date
    account: str
    lot_key: str
    security: str
    bought_on: date
    units: Decimal
    amount_usd: Decimal
    tacked_days: int = 0
    is_permanent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LotEvent:
    """
    One event of an account's journal, known by its `ref` within its source.

    `amount_usd` is the signed effect on cash. `lot` is what an opening kind opens, or what an adjusted lot is from
    now on; `lot_key` names the lot that is adjusted, and without `lot` it is taken away. A sale names its `picks`
    or a `method`. `is_past` records what the lots and cash that were stated later already contain: it changes
    neither, but its purchases count for wash sales and its `dispositions` for the year. `corrects` is the ref of
    the event that this one replaces, or that never happened where it is a CANCEL. A CORPORATE_ACTION carries the terms
    of the `action` and what is particular to the `holder`; `method` chooses the lots that give up a fraction. `fee_usd`
    is the commission inside `amount_usd`: in the basis of what was bought, off the proceeds of what was sold.
    """

    kind: EventKind
    ref: str
    traded_on: date
    settled_on: date | None = None
    security: str = ""
    units: Decimal = ZERO
    amount_usd: Decimal = ZERO
    fee_usd: Decimal = ZERO
    lot: Lot | None = None
    lot_key: str = ""
    picks: tuple[LotPick, ...] = ()
    method: Relief | None = None
    ratio: Decimal | None = None
    dispositions: tuple[Disposition, ...] = ()
    is_past: bool = False
    reason: str = ""
    corrects: str = ""
    action: ActionTerms | None = None
    holder: HolderTerms | None = None
    short_frac: Decimal | None = None
    long_frac: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.ref:
            raise BadInput(f"a {self.kind} of {self.traded_on} has no reference")
        if self.units < 0:
            raise BadInput(f"event {self.ref} has {self.units} units; the kind says the direction, units are positive")
        if not self.is_past:
            self._check_effect()

    def _check_effect(self) -> None:
        if self.kind in OPENING_KINDS and (self.lot is None or self.lot.security != self.security):
            raise BadInput(
                f"{self.kind} {self.ref} must carry the lot of {self.security or 'a security'} that it opens"
            )
        if self.kind in REMOVING_KINDS and not (self.picks or self.method):
            raise BadInput(f"{self.kind} {self.ref} names neither lots nor a method")
        if self.kind is EventKind.SPLIT and not (self.ratio and self.ratio > 0):
            raise BadInput(f"split {self.ref} of {self.security} needs a ratio above zero, got {self.ratio}")
        if self.kind in ADJUSTING_KINDS and not self.reason:
            raise BadInput(f"adjusting event {self.ref} gives no reason")
        if self.kind is EventKind.ADJUST_LOT and not self.lot_key:
            raise BadInput(f"adjusting event {self.ref} names no lot")
        if self.kind is EventKind.CANCEL and not self.corrects:
            raise BadInput(f"cancelling event {self.ref} names no event that it cancels")
        self._check_action()

    def _check_action(self) -> None:
        if (self.kind is EventKind.CORPORATE_ACTION) != (self.action is not None):
            raise BadInput(
                f"{self.kind} {self.ref} of {self.security} must carry terms if it is a corporate action only"
            )
        if self.action is not None and self.action.security != self.security:
            raise BadInput(f"corporate action {self.ref} of {self.security} has the terms of {self.action.security}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cash:
    """An account's cash; `unsettled_usd` is net of purchases that have not settled and may be negative."""

    settled_usd: Decimal = ZERO
    unsettled_usd: Decimal = ZERO

    @property
    def total_usd(self) -> Decimal:
        """Return settled and unsettled cash together."""
        return self.settled_usd + self.unsettled_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What an account's events add up to: open lots by key in order of booking, cash, and what was sold."""

    lots: Mapping[str, Lot] = field(default_factory=lambda: MappingProxyType({}))
    cash: Cash = field(default_factory=Cash)
    dispositions: tuple[Disposition, ...] = ()

    def lots_of(self, security: str) -> tuple[Lot, ...]:
        """Return the open lots of one security, in order of booking."""
        return tuple(lot for lot in self.lots.values() if lot.security == security)

    def units_of(self, security: str) -> Decimal:
        """Return the units held of one security."""
        return sum((lot.units for lot in self.lots.values() if lot.security == security), ZERO)
