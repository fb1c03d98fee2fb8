"""The facts of a client report: everything that the page and the PDF print, and nothing else."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

VERSION = 1
MANY_TRADES = 16
LARGEST_TRADES = 10

Standing = Literal["made", "partly_made", "proposed", "none"]
Tone = Literal["followed", "in_progress", "exception", "not_followed", "noted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Whose report it is, by whom, for which days."""

    firm: str
    client: str
    account: str
    advisor: str
    risk_profile: str
    period_starts_on: date
    period_ends_on: date
    is_taxable: bool
    is_single_operator: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing that the client asked for, how it was followed, and what shows it."""

    text: str
    tone: Tone
    word: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """
    Tax that the account's trades saved or put off against trading that ignores tax, in dollars; negative if it cost.

    `losses_usd`, `deferred_gains_usd` and `lower_rate_usd` add up to `total_usd`, the difference in this year's tax.
    Of it `to_come_usd` falls due if what is held is sold one day at the long-term rate, `for_good_usd` does not.
    `carried_usd` is how much more loss is carried into later years than otherwise; it is in none of the sums.
    """

    losses_usd: Decimal
    deferred_gains_usd: Decimal
    lower_rate_usd: Decimal
    total_usd: Decimal
    to_come_usd: Decimal
    for_good_usd: Decimal
    carried_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsColumn:
    """The comparison over one stretch of days, and the fee of the same days."""

    label: str
    savings: Savings
    ours_short_usd: Decimal
    ours_long_usd: Decimal
    ours_tax_usd: Decimal
    blind_short_usd: Decimal
    blind_long_usd: Decimal
    blind_tax_usd: Decimal
    fee_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class YearTax:
    """The return's year so far: what trading caused, what limits it, what is carried in and would be carried on."""

    sentence: str
    year: int
    account_count: int
    short_usd: Decimal
    long_usd: Decimal
    tax_usd: Decimal
    budget_usd: Decimal | None
    short_frac: Decimal
    long_frac: Decimal
    ordinary_frac: Decimal
    carried_in_short_usd: Decimal
    carried_in_long_usd: Decimal
    carried_on_short_usd: Decimal
    carried_on_long_usd: Decimal
    deducted_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassShare:
    """One asset class, as fractions of the value that stays: before and after the trades, target, limits."""

    name: str
    before_frac: Decimal
    after_frac: Decimal
    target_frac: Decimal
    min_frac: Decimal | None
    max_frac: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLine:
    """One trade: made (then with the prices paid) or proposed (then at the closing price), and why."""

    standing: Standing
    traded_on: date
    side: Literal["buy", "sell"]
    symbol: str
    name: str
    units: Decimal
    proposed_units: Decimal
    amount_usd: Decimal
    short_usd: Decimal
    long_usd: Decimal
    reasons: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One rule of the compliance check, in words."""

    rule: str
    tone: Tone
    word: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldLot:
    """One portion of a lot that was sold, for the accountant."""

    symbol: str
    name: str
    units: Decimal
    acquired_on: date | None
    sold_on: date
    proceeds_usd: Decimal
    cost_usd: Decimal | None
    gain_usd: Decimal | None
    disallowed_usd: Decimal
    is_permanent: bool
    term: Literal["short", "long"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldTotal:
    """The lots sold of one term, added up; a loss that is disallowed is still in the gain."""

    label: str
    proceeds_usd: Decimal
    cost_usd: Decimal
    gain_usd: Decimal
    disallowed_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWindow:
    """A loss of the last 30 days: until when nobody of the household may buy the security again."""

    symbol: str
    sold_on: date
    loss_usd: Decimal
    safe_on: date
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where the account stands after the trades."""

    as_of_on: date
    value_usd: Decimal
    cash_before_usd: Decimal
    cash_after_usd: Decimal
    raised_usd: Decimal
    tracking_before_frac: Decimal | None
    tracking_after_frac: Decimal | None
    cost_usd: Decimal
    turnover_frac: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """One client report, ready to be printed. Equal facts have equal bytes."""

    version: int
    heading: Heading
    standing: Standing
    lede: str
    requests: tuple[Request, ...]
    columns: tuple[SavingsColumn, ...]
    method: str
    year_tax: YearTax | None
    allocation: tuple[ClassShare, ...]
    story: tuple[str, ...]
    position: Position | None
    trades: tuple[TradeLine, ...]
    checks: tuple[CheckLine, ...]
    sold_lots: tuple[SoldLot, ...]
    sold_totals: tuple[SoldTotal, ...]
    windows: tuple[OpenWindow, ...]
    assumptions: tuple[str, ...]

    @property
    def detailed_trades(self) -> tuple[TradeLine, ...]:
        """Return the trades that are told with their reasons: all, or the largest where they are many."""
        return self.trades if len(self.trades) <= MANY_TRADES else self.trades[:LARGEST_TRADES]


def encode_facts(facts: ReportFacts) -> bytes:
    """Write facts as canonical JSON: keys sorted, decimals as text, no blanks."""
    return msgspec.json.encode(facts, order="sorted")


def parse_facts(data: bytes) -> ReportFacts:
    """Read stored facts back."""
    return msgspec.json.decode(data, type=ReportFacts)
