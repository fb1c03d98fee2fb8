"""What every parser returns: typed rows with their row numbers, and one fault for everything that cannot be used."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.ledger.gains import term_of
from portfolios.ledger.types import Term


class Severity(StrEnum):
    """An error keeps its account (or, without one, the whole file) from posting; a note is only shown."""

    ERROR = "error"
    NOTE = "note"


class FileKind(StrEnum):
    POSITIONS = "positions"
    LOTS = "lots"
    CASH = "cash"
    TRANSACTIONS = "transactions"
    REALISED = "realised"
    FORM_1099B = "form_1099b"
    STATEMENT = "statement"  # positions by lot, trades and cash of an account in one file
    PRICES = "prices"
    SECURITIES = "securities"
    RISK_MODEL = "risk_model"
    SECURITY_MODELS = "security_models"
    SUBSTITUTES = "substitutes"
    CORPORATE_ACTIONS = "corporate_actions"
    UNKNOWN = "unknown"


class TransactionKind(StrEnum):
    """What a row of activity did. The sign of units and amount is the account's: what comes in is positive."""

    BUY = "buy"
    SELL = "sell"
    REINVEST = "reinvest"
    DIVIDEND = "dividend"
    CAPITAL_GAIN_SHORT = "capital_gain_short"
    CAPITAL_GAIN_LONG = "capital_gain_long"
    RETURN_OF_CAPITAL = "return_of_capital"
    INTEREST = "interest"
    TAX = "tax"
    FEE = "fee"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    JOURNAL = "journal"
    TRANSFER = "transfer"  # units that come or go without a sale
    SPLIT = "split"
    CORPORATE_ACTION = "corporate_action"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong: the row (1 is the file's first line, None the whole file), the column, a sentence."""

    row: int | None
    column: str = ""
    account: str = ""
    message: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """
    What the custodian says is held of one security, all lots together.

    `security_name` is what the file calls a security for which it gives neither symbol nor CUSIP.
    """

    row: int
    symbol: str
    cusip: str = ""
    isin: str = ""
    security_name: str = ""
    description: str = ""
    kind: str = ""
    units: Decimal
    price_usd: Decimal | None = None
    value_usd: Decimal | None = None
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRow:
    """
    One open tax lot.

    `cost_usd` is the total basis after wash-sale adjustment; None is unknown, never zero. `acquired_on` is the trade
    date, None is unknown. `holding_on` is the earlier date of a tacked holding period. `loss_cost_usd` is the basis
    for a loss of a dual-basis gift. `is_wash_acquisition` is None where the file does not say.
    """

    row: int
    symbol: str
    cusip: str = ""
    isin: str = ""
    security_name: str = ""
    units: Decimal
    cost_usd: Decimal | None
    acquired_on: date | None
    holding_on: date | None = None
    is_inherited: bool = False
    is_gift: bool = False
    loss_cost_usd: Decimal | None = None
    is_wash_acquisition: bool | None = None
    wash_adjustment_usd: Decimal = Decimal(0)
    is_wash_consumed: bool = False
    lot_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CashRow:
    """Cash, sweeps and money funds of one account."""

    row: int
    settled_usd: Decimal
    unsettled_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRow:
    """
    One row of activity.

    `units` and `amount_usd` are signed as the account sees them (a purchase: units up, amount down). `ref` is the
    custodian's own id, empty where there is none. `fee_usd` is already inside `amount_usd`. `ratio` of a split is new
    units for one old, None where the file does not tell it.
    """

    row: int
    kind: TransactionKind
    traded_on: date
    settled_on: date | None = None
    symbol: str = ""
    cusip: str = ""
    isin: str = ""
    security_name: str = ""
    units: Decimal = Decimal(0)
    ratio: Decimal | None = None
    price_usd: Decimal | None = None
    amount_usd: Decimal = Decimal(0)
    fee_usd: Decimal = Decimal(0)
    loss_usd: Decimal | None = None
    action: str = ""
    description: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealisedRow:
    """
    One closed lot as the custodian reports it, or one line of its Form 1099-B.

    `acquired_on` is None where the file says "various" or nothing. `disallowed_usd` is positive, `gain_usd` is the gain
    as stated, before it. `box` is A to F of Form 8949. A line of a 1099-B is compared with the ledger, never booked.
    """

    row: int
    symbol: str
    cusip: str = ""
    isin: str = ""
    security_name: str = ""
    description: str = ""
    units: Decimal
    acquired_on: date | None
    closed_on: date
    proceeds_usd: Decimal
    cost_usd: Decimal | None
    gain_usd: Decimal | None = None
    short_gain_usd: Decimal | None = None
    long_gain_usd: Decimal | None = None
    disallowed_usd: Decimal = Decimal(0)
    term: Term | None = None
    box: str = ""
    is_covered: bool | None = None
    is_1099b: bool = False

    @property
    def tax_year(self) -> int:
        """Return the year in which the sale counts: that of its trade date."""
        return self.closed_on.year

    def stated_term(self) -> Term | None:
        """Return the term that the row tells, None where it tells none or both."""
        if self.term is not None:
            return self.term
        has_short, has_long = bool(self.short_gain_usd), bool(self.long_gain_usd)
        if has_short != has_long:
            return Term.SHORT if has_short else Term.LONG
        if has_short or self.acquired_on is None:
            return None
        return term_of(held_from_on=self.acquired_on, sold_on=self.closed_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedAccount:
    """
    What one file says of one account.

    None means that the file does not speak of it; an empty tuple means that it says "nothing". `lots_of` names the
    symbols whose lots are stated completely, None stands for all of the account. A masked `number` holds only the
    digits that the custodian shows.
    """

    number: str
    is_masked: bool = False
    label: str = ""
    positions: tuple[PositionRow, ...] | None = None
    lots: tuple[LotRow, ...] | None = None
    lots_of: frozenset[str] | None = None
    cash: CashRow | None = None
    transactions: tuple[TransactionRow, ...] | None = None
    realised: tuple[RealisedRow, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityRow:
    row: int
    symbol: str
    name: str
    kind: str
    cusip: str = ""
    isin: str = ""
    asset_class: str = ""
    sector: str = ""
    industry: str = ""
    country: str = ""
    identity_group: str = ""
    screens: tuple[str, ...] = ()
    quantity_step: Decimal = Decimal(1)
    half_spread_bps: Decimal = Decimal(0)
    is_buyable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    row: int
    symbol: str
    priced_on: date
    price_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRiskModel:
    """Annualised; `exposures` and `specific_variance` have the same symbols, `covariance` is symmetric."""

    name: str
    effective_on: date
    factors: tuple[str, ...]
    covariance: tuple[tuple[Decimal, ...], ...]
    exposures: dict[str, tuple[Decimal, ...]]
    specific_variance: dict[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWeightRow:
    row: int
    symbol: str
    weight_frac: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedSecurityModel:
    """A security model from a date on; its weights sum to 1."""

    key: str
    name: str
    effective_on: date
    weights: tuple[ModelWeightRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstituteRow:
    row: int
    symbol: str
    use: str
    rank: int
    hurdle_bps: Decimal
    is_hold_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateActionRow:
    """An announced action; `buy_children` says whether models split their weight over what a spin-off delivers."""

    row: int
    terms: ActionTerms
    note: str = ""
    buy_children: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """Everything a file says; `row_count` counts its data rows, the faulty ones included."""

    custodian: str
    kind: FileKind
    as_of: date | None = None
    row_count: int = 0
    accounts: tuple[ParsedAccount, ...] = ()
    securities: tuple[SecurityRow, ...] = ()
    prices: tuple[PriceRow, ...] = ()
    risk_model: ParsedRiskModel | None = None
    models: tuple[ParsedSecurityModel, ...] = ()
    substitutes: tuple[SubstituteRow, ...] = ()
    corporate_actions: tuple[CorporateActionRow, ...] = ()
    faults: tuple[Fault, ...] = ()

    def is_usable(self) -> bool:
        """Tell whether no error concerns the file as a whole."""
        return not any(f.severity is Severity.ERROR and not f.account for f in self.faults)

    def faulty_accounts(self) -> frozenset[str]:
        """Name the accounts that an error keeps from posting."""
        return frozenset(f.account for f in self.faults if f.account and f.severity is Severity.ERROR)
