"""The wire types of a case: everything the engine may know, as documented in docs/case.md."""

import datetime as dt
from decimal import Decimal
from typing import Literal

import msgspec

from portfolios.ledger.errors import BadInput

ENGINE_VERSION = "0.2.0"
CASH = "CASH"
CASH_CLASS = "cash"
ZERO = Decimal(0)

TaxStatus = Literal["taxable", "deferred", "exempt"]
Verb = Literal["never_buy", "never_sell", "never_trade", "never_own", "range"]
Disposal = Literal["now", "within_budget", "keep"]
Side = Literal["buy", "sell"]
PinnedSide = Literal["buy", "sell", "none"]
Term = Literal["short", "long"]
Harvest = Literal["off", "year_round", "immediate"]
ShortGains = Literal["allow", "avoid", "forbid"]
SubjectKind = Literal["security", "identity_group", "sector", "industry", "country", "screen"]
SUBJECT_KINDS: tuple[SubjectKind, ...] = (
    "security",
    "identity_group",
    "sector",
    "industry",
    "country",
    "screen",
)


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value of the wire: immutable, named, and without room for a misspelt field."""


class Fault(Wire, frozen=True):
    """One thing that is wrong with a case, and where it stands in the file."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class BadCase(BadInput):
    """Say that a case cannot be used; names every fault with its JSON path."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


class Security(Wire, frozen=True):
    """A security that is held, targeted or buyable. `identity_group` is the id where none is given."""

    id: str
    price: Decimal
    asset_class: str
    sector: str | None = None
    industry: str | None = None
    country: str | None = None
    screens: tuple[str, ...] = ()
    identity_group: str | None = None
    quantity_step: Decimal = Decimal(1)
    half_spread_bps: float = 0.0
    buyable: bool = True

    @property
    def group(self) -> str:
        return self.identity_group or self.id

    def matches(self, kind: SubjectKind, subject: str) -> bool:
        """Tell whether a constraint on this subject speaks of this security."""
        match kind:
            case "security":
                return self.id == subject
            case "identity_group":
                return self.group == subject
            case "screen":
                return subject in self.screens
        return bool(getattr(self, kind) == subject)


class RiskModel(Wire, frozen=True):
    """Annualised factor model: covariance = exposures x factor_covariance x exposures' + specific variances."""

    factors: tuple[str, ...]
    factor_covariance: tuple[tuple[float, ...], ...]
    exposures: dict[str, tuple[float, ...]]
    specific_variance: dict[str, float]


class Lot(Wire, frozen=True):
    """Shares bought together. `cost` is the whole basis in dollars; null is unknown, never zero."""

    id: str
    security: str
    quantity: Decimal
    cost: Decimal | None
    acquired: dt.date
    holding_date: dt.date | None = None
    inherited: bool = False
    loss_cost: Decimal | None = None
    wash_acquisition: bool = True
    gift: bool = False


class Substitute(Wire, frozen=True, rename={"for_": "for"}):
    """A product that may stand in for another at a yearly holding cost of `hurdle_bps`."""

    for_: str
    use: str
    hurdle_bps: float = 0.0
    hold_only: bool = False


class Constraint(Wire, frozen=True):
    """A verb about one subject: exactly one of the six subject fields is given."""

    verb: Verb
    security: str | None = None
    identity_group: str | None = None
    sector: str | None = None
    industry: str | None = None
    country: str | None = None
    screen: str | None = None
    disposal: Disposal | None = None
    min_weight: float | None = None
    max_weight: float | None = None
    min_value: Decimal | None = None
    max_value: Decimal | None = None
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None

    @property
    def kind(self) -> SubjectKind:
        for kind in SUBJECT_KINDS:
            if getattr(self, kind) is not None:
                return kind
        raise BadInput("a constraint names no subject")

    @property
    def subject(self) -> str:
        return str(getattr(self, self.kind))

    @property
    def rule(self) -> str:
        """The rule's id in checks, relaxed and why-not: `never_buy security XOM`."""
        return f"{self.verb} {self.kind} {self.subject}"

    def applies_to(self, security: Security) -> bool:
        if self.security is not None:  # by far the most frequent, asked by the hundred thousand
            return self.security == security.id
        return security.matches(self.kind, self.subject)


class CashNeeds(Wire, frozen=True, rename={"raise_": "raise"}):
    """Cash that must stay (reserve), that must be there to leave (raise), and the most that may idle."""

    reserve_amount: Decimal = ZERO
    reserve_weight: float = 0.0
    raise_: Decimal = ZERO
    max_weight: float | None = None


class ForcedHarvest(Wire, frozen=True):
    amount: Decimal
    short_only_amount: Decimal = ZERO
    preserve_until: dt.date | None = None


class Tax(Wire, frozen=True):
    """One tax return's rates, year so far and limits; equal in all accounts of the same return."""

    short_rate: float
    long_rate: float
    ordinary_rate: float
    ordinary_offset: Decimal = Decimal(3000)
    realized_short: Decimal = ZERO
    realized_long: Decimal = ZERO
    carryforward_short: Decimal = ZERO
    carryforward_long: Decimal = ZERO
    budget_tax: Decimal | None = None
    tax_used: Decimal | None = None
    max_net_gain: Decimal | None = None
    short_gains: ShortGains = "allow"
    carried_loss_rate: float | None = None
    harvest: Harvest = "year_round"
    forced_harvest: ForcedHarvest | None = None
    never_realize_gains: bool = False
    deferral_years: float = 10.0
    discount_rate: float = 0.06

    @property
    def phi(self) -> float:
        """Present value of a dollar of tax that is put off; zero where gains are never to be realised."""
        if self.never_realize_gains:
            return 0.0
        return float((1.0 + self.discount_rate) ** -self.deferral_years)

    @property
    def rho(self) -> float:
        """What a dollar of loss carried beyond this year is worth today."""
        if self.carried_loss_rate is not None:
            return self.carried_loss_rate
        return self.phi * self.long_rate


class PinnedLot(Wire, frozen=True):
    lot: str
    quantity: Decimal


class Pinned(Wire, frozen=True):
    """A trade taken as given; side `none` forbids trading the security."""

    security: str
    side: PinnedSide
    quantity: Decimal | None = None
    lots: tuple[PinnedLot, ...] = ()


class Trading(Wire, frozen=True):
    tracking_preference: int = 5
    max_tracking_error: float | None = None
    min_trade: Decimal = ZERO
    min_position: Decimal = ZERO
    max_turnover: float | None = None
    max_trades: int | None = None
    ticket_cost: Decimal = ZERO
    only_if_benefit_exceeds_bps: float = 0.0
    pinned: tuple[Pinned, ...] = ()


class Account(Wire, frozen=True):
    id: str
    tax_status: TaxStatus
    discretionary: bool = True
    tax_return: str | None = None
    after_tax_weight: float = 1.0
    cash: Decimal = ZERO
    lots: tuple[Lot, ...] = ()
    target: dict[str, float] = {}
    class_limits: dict[str, tuple[float, float]] = {}
    substitutes: tuple[Substitute, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    cash_needs: CashNeeds = CashNeeds()
    tax: Tax | None = None
    trading: Trading = Trading()

    @property
    def is_taxable(self) -> bool:
        return self.tax_status == "taxable"


class Location(Wire, frozen=True):
    """Where an asset class may not be bought, by tax status."""

    tax_status: TaxStatus
    asset_class: str
    rule: Literal["never_buy"] = "never_buy"


class Household(Wire, frozen=True):
    mode: Literal["unified", "guardrail"]
    target: dict[str, float] = {}
    class_limits: dict[str, tuple[float, float]] = {}
    tracking_preference: int = 5
    transfer_cost_bps: float = 0.0
    location: tuple[Location, ...] = ()


class Harvested(Wire, frozen=True):
    """A loss taken earlier: what was sold, when, and what stands in for it until the window ends."""

    security: str
    date: dt.date
    substitute: str | None = None
    account: str | None = None


class TransitionStep(Wire, frozen=True):
    step: int
    of: int


class CorporateAction(Wire, frozen=True):
    security: str
    kind: str
    date: dt.date


class Context(Wire, frozen=True):
    """What the reasons may speak of; it changes no trade. `previous_targets` are by account and come first."""

    previous_target: dict[str, float] = {}
    previous_targets: dict[str, dict[str, float]] = {}
    harvested: tuple[Harvested, ...] = ()
    transition_step: TransitionStep | None = None
    actions: tuple[CorporateAction, ...] = ()


class RecentTrade(Wire, frozen=True):
    """A trade of the tax household in the last 30 days, in any account, known to us or declared."""

    account: str
    security: str
    date: dt.date
    side: Side
    quantity: Decimal
    loss: Decimal = ZERO
    identity_group: str | None = None


class Case(Wire, frozen=True):
    version: int
    as_of: dt.date
    securities: tuple[Security, ...]
    risk_model: RiskModel
    accounts: tuple[Account, ...]
    household: Household | None = None
    context: Context = Context()
    recent_trades: tuple[RecentTrade, ...] = ()
