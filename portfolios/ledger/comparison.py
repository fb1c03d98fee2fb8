"""The words of a comparison with a custodian: what explains a difference, what is broken, and what decides between."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from portfolios.ledger.types import ZERO

UNIT_TOLERANCE = Decimal("0.0005")  # custodians round to three or four places


class Cause(StrEnum):
    """What explains a difference, the surest first."""

    TRADES = "trades"
    CORPORATE_ACTION = "corporate_action"
    WASH_ADJUSTMENT = "wash_adjustment"
    FEE = "fee"
    ROUNDING = "rounding"
    OPENING = "opening"  # the first statement of an account
    TOLD = "told"  # the custodian knows a basis that the ledger did not
    SETTLED = "settled"  # a person looked at these very figures and said that the ledger is right


class DifferenceKind(StrEnum):
    UNITS = "units"
    COST = "cost"
    DATES = "dates"
    CASH = "cash"
    GAIN = "gain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a security is in order though it differed; `cost_usd` is the custodian's basis above ours that stays so."""

    security: str
    cause: Cause
    sentence: str
    cost_usd: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitBreak:
    """
    A difference that nothing explains; `security` is empty for cash.

    Figures are None where they are unknown or do not matter. `size_usd` is what is at stake: the units that differ at
    the price of the day, or the dollars that differ; None where no price tells. `waits_for_action` says that a person
    must confirm a corporate action first; `ratio` is the split that the custodian's figures show.
    """

    security: str
    message: str
    kind: DifferenceKind = DifferenceKind.UNITS
    ledger_units: Decimal | None = None
    custodian_units: Decimal | None = None
    ledger_usd: Decimal | None = None
    custodian_usd: Decimal | None = None
    size_usd: Decimal | None = None
    waits_for_action: bool = False
    ratio: Decimal | None = None

    @property
    def figures(self) -> "Figures":
        """Return what makes it the same difference again."""
        return Figures(
            security=self.security,
            kind=self.kind,
            ledger_units=self.ledger_units,
            custodian_units=self.custodian_units,
            ledger_usd=self.ledger_usd,
            custodian_usd=self.custodian_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Both sides of a difference, to recognise it; units to the sixth place, dollars to the cent."""

    security: str
    kind: DifferenceKind
    ledger_units: Decimal | None
    custodian_units: Decimal | None
    ledger_usd: Decimal | None
    custodian_usd: Decimal | None

    def __post_init__(self) -> None:
        for name, places in (("ledger_units", 6), ("custodian_units", 6), ("ledger_usd", 2), ("custodian_usd", 2)):
            number = getattr(self, name)
            if number is not None:
                object.__setattr__(self, name, round(number, places))


@dataclass(frozen=True, slots=True, kw_only=True)
class LotFacts:
    """
    What the ledger knows of lots beside their own figures, by the key of the lot or of the lot that it came from.

    `beyond_usd` is the part of a wash adjustment that the custodian cannot know: its loss was in another account or
    security (R-1.3.13). `fee_frac` is the commission in a basis over that basis as bought. `fees_beside_usd` are
    commissions booked beside a purchase instead of in its basis, by (security, day).
    """

    beyond_usd: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    fee_frac: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    fees_beside_usd: Mapping[tuple[str, date], Decimal] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustLimit:
    """The largest difference that is adjusted to the custodian's word unexplained; None is no limit."""

    most_usd: Decimal | None = None
    most_frac: Decimal | None = None
    account_usd: Decimal = ZERO

    def allows(self, size_usd: Decimal | None) -> bool:
        """Tell whether a difference of this size may be adjusted; one of unknown size only where there is no limit."""
        if self.most_usd is None and self.most_frac is None:
            return True
        if size_usd is None:
            return False
        if self.most_usd is not None and size_usd > self.most_usd:
            return False
        return self.most_frac is None or size_usd <= self.most_frac * self.account_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    How to reconcile: whose books count, whether basis matters for tax, and since when events are new.

    `stated_on` is the day of the last statement posted, None before the first; transactions up to it are already
    in the lots. `agreed_on` has that day by security ("" is cash) where it is an earlier one, because the last
    statement differed. `ref` begins the references of the adjusting events and names the file. `is_cash_known` says
    that something told the account's cash before. `accepted` are the securities for which a person takes the
    custodian's word, `settled` the differences for which one takes ours; `no_split` are securities whose look of a
    split a person set aside. `prices` are of the day, in dollars a unit.
    """

    ref: str
    stated_on: date | None
    is_custodian_the_record: bool = True
    is_taxable: bool = True
    is_cash_known: bool = True
    agreed_on: Mapping[str, date | None] = field(default_factory=lambda: MappingProxyType({}))
    accepted: frozenset[str] = frozenset()
    settled: frozenset[Figures] = frozenset()
    no_split: frozenset[str] = frozenset()
    limit: AdjustLimit = field(default_factory=AdjustLimit)
    prices: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_first(self) -> bool:
        """Tell whether no statement was posted before."""
        return self.stated_on is None

    def is_past(self, security: str, day: date) -> bool:
        """Tell whether what happened on a day is in the figures already; "" asks for cash."""
        since = self.agreed_on.get(security, self.stated_on)
        return since is None or day <= since

    def may_adjust(self, security: str) -> bool:
        """Tell whether a difference that something explains may be taken over."""
        return self.is_first or self.is_custodian_the_record or security in self.accepted

    def may_adjust_unexplained(self, security: str, size_usd: Decimal | None) -> bool:
        """Tell whether a difference that nothing explains may be taken over, be it by the firm's limit or a person."""
        if self.is_first or security in self.accepted:
            return True
        return self.is_custodian_the_record and self.limit.allows(size_usd)
