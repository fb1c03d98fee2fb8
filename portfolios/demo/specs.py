"""What a demo household is made of, before any number is drawn: plain values that `accounts.py` turns into histories."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

TAX_STATUS = {
    "individual": "taxable",
    "joint": "taxable",
    "trust": "taxable",
    "ira": "deferred",
    "401k": "deferred",
    "roth_ira": "exempt",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSpec:
    name: str
    born_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingSpec:
    """A position beside the policy: bought on `bought_on` (one lot each), `weight_frac` of the account today."""

    symbol: str
    weight_frac: float
    bought_on: tuple[date, ...]
    is_inherited: bool = False
    is_gift: bool = False
    is_basis_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleSpec:
    """A position that was bought, and sold this year: `proceeds_frac` of today's account value, at the market's prices."""

    symbol: str
    proceeds_frac: float
    bought_on: date
    sold_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionSpec:
    verb: str
    subject_kind: str
    subject: str
    disposal: str = ""
    min_frac: Decimal | None = None
    max_frac: Decimal | None = None
    reason: str = ""
    review_on: date | None = None
    level: str = "account"  # account | household | firm


@dataclass(frozen=True, slots=True, kw_only=True)
class CashNeedSpec:
    kind: str
    amount_usd: Decimal
    due_on: date
    period: str = "once"
    lead_days: int = 5
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideTradeSpec:
    symbol: str
    traded_on: date
    side: str
    units: Decimal
    loss_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSpec:
    """
    One account as it shall be on the business date.

    `style` is how it is invested: `policy` follows the profile's products, `substitutes` holds the approved second
    choices, `none` holds only `holdings`. `drift_frac` is how far single purchases strayed from the policy.
    """

    ref: str
    name: str
    registration: str
    custodian: str
    number: str
    owners: tuple[int, ...]
    profile: str
    value_usd: Decimal
    opened_on: date
    style: str = "policy"
    without: tuple[str, ...] = ()  # products of the policy that the account does not hold
    cash_frac: float = 0.02
    drift_frac: float = 0.15
    contributions: int = 4
    is_discretionary: bool = True
    is_held_away: bool = False
    fee_bps: Decimal = Decimal(75)
    holdings: tuple[HoldingSpec, ...] = ()
    sales: tuple[SaleSpec, ...] = ()
    recent_buys: tuple[tuple[str, date, float], ...] = ()  # (symbol, day, fraction of the account)
    reinvested: tuple[tuple[str, date], ...] = ()  # (symbol, day) of a dividend that bought whole shares
    is_year_told: bool = False  # its transactions of the year are sent though it sold nothing
    has_unknown_basis: bool = False
    outside_trades: tuple[OutsideTradeSpec, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    restrictions: tuple[RestrictionSpec, ...] = ()
    cash_needs: tuple[CashNeedSpec, ...] = ()
    manual_hold: str = ""

    @property
    def tax_status(self) -> str:
        return TAX_STATUS[self.registration]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxSpec:
    """Rates and carried amounts of the household's return."""

    filing_status: str
    state: str
    federal_ordinary_frac: Decimal
    federal_long_frac: Decimal
    niit_frac: Decimal
    state_frac: Decimal
    carryforward_short_usd: Decimal = Decimal(0)
    carryforward_long_usd: Decimal = Decimal(0)
    outside_short_usd: Decimal = Decimal(0)
    outside_long_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdSpec:
    ref: str
    name: str
    advisor: str
    people: tuple[PersonSpec, ...]
    tax: TaxSpec
    accounts: tuple[AccountSpec, ...]
    situation: str = ""
    look_at: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    restrictions: tuple[RestrictionSpec, ...] = ()
