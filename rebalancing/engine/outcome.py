"""The wire types of an outcome: everything that was decided about a case, and the proof of it."""

from decimal import Decimal
from typing import Literal

import msgspec

from rebalancing.engine.types import Fault, Side, Term, Wire

Status = Literal["optimal", "relaxed", "no_trade", "invalid"]
Solver = Literal["newton", "interior_point", "reference"]
Verdict = Literal["pass", "fail", "relaxed"]
PriceUnit = Literal["dollar", "weight", "tracking_error"]
Reason = Literal[
    "harvest_loss",
    "reduce_tracking_risk",
    "restore_allocation",
    "raise_cash",
    "invest_cash",
    "never_own",
    "cap_position",
    "replace_restricted_security",
    "counterbalance_held_security",
    "model_change",
    "return_from_substitute",
    "transition_step",
    "forced_harvest",
    "household_location",
    "corporate_action",
]


class LotSale(Wire, frozen=True):
    """Shares sold of one lot; `waiting` is the value given up by harvesting today (engine.md A2)."""

    lot: str
    quantity: Decimal
    gain: Decimal
    term: Term
    waiting: Decimal = Decimal("0.00")


class Benefit(Wire, frozen=True):
    """Dollars by which a trade lowers the objective; the parts of all trades sum to the whole."""

    risk: float
    tax: float
    cost: float


class Trade(Wire, frozen=True):
    side: Side
    security: str
    quantity: Decimal
    price: Decimal
    lots: tuple[LotSale, ...] = ()
    reasons: tuple[Reason, ...] = ()
    why: str = ""
    benefit: Benefit | None = None


class Check(Wire, frozen=True):
    rule: str
    verdict: Verdict
    evidence: str


class Relaxed(Wire, frozen=True):
    """A rule that gave way: `by` is a number and its unit, `because` the harder rule that stopped its cure."""

    rule: str
    by: str
    because: str


class PriceOfIt(Wire, frozen=True):
    tax: float
    risk_benefit: float


class WhyNot(Wire, frozen=True):
    security: str
    wanted: str
    stopped_by: str
    price_of_it: PriceOfIt


class ShadowPrice(Wire, frozen=True):
    """
    What a rule costs at the margin, to first order.

    `usd_per_unit` is the dollars of the objective that loosening the rule by one `unit` would save: a dollar, a weight
    of 1, a tracking error of 1. `usd` is that of one step ($1,000, a weight of 0.01, a tracking error of 0.001), `bps`
    the same in basis points of the account's value.
    """

    rule: str
    usd_per_unit: float
    unit: PriceUnit
    usd: float
    bps: float


class PreferenceCost(Wire, frozen=True):
    """What one of the client's preferences costs: the objective with it less that without, in dollars and bps of V."""

    account: str | None
    preference: str
    usd: float
    bps: float


class AccountOutcome(Wire, frozen=True):
    id: str
    trades: tuple[Trade, ...]
    cash_after: Decimal
    tracking_error_before: float
    tracking_error_after: float
    opportunity: Decimal
    opportunity_bps: float
    short_gain: Decimal
    long_gain: Decimal
    cost: Decimal
    turnover: float
    checks: tuple[Check, ...] = ()
    relaxed: tuple[Relaxed, ...] = ()
    why_not: tuple[WhyNot, ...] = ()
    shadow_prices: tuple[ShadowPrice, ...] = ()


class ReturnOutcome(Wire, frozen=True):
    """One tax return: what this proposal realises, what it causes, what is left of the budget (null: none set)."""

    id: str
    short_gain: Decimal
    long_gain: Decimal
    tax_caused: Decimal
    budget_left: Decimal | None


class ObjectiveTerms(Wire, frozen=True):
    """The terms of the objective over all accounts, in dollars; before anything is traded only risk and hurdles."""

    risk: float
    tax: float = 0.0
    waiting: float = 0.0
    cost: float = 0.0
    hurdles: float = 0.0
    transfers: float = 0.0


class HouseholdOutcome(Wire, frozen=True):
    """A unified household: V_H, the tracking error of all accounts together to its target, and its objective."""

    value: Decimal
    tracking_error_before: float
    tracking_error_after: float
    before: ObjectiveTerms
    after: ObjectiveTerms


class TimingMs(Wire, frozen=True):
    build: float = 0.0
    solve: float = 0.0
    round: float = 0.0
    verify: float = 0.0


class Outcome(Wire, frozen=True):
    case_hash: str
    engine: str
    status: Status
    version: int = 1
    objective: float = 0.0
    lower_bound: float = 0.0
    gap_bps: float = 0.0
    solver: Solver = "reference"
    returns: tuple[ReturnOutcome, ...] = ()
    accounts: tuple[AccountOutcome, ...] = ()
    household: HouseholdOutcome | None = None
    preference_costs: tuple[PreferenceCost, ...] = ()
    faults: tuple[Fault, ...] = ()
    timing_ms: TimingMs = TimingMs()


def encode_outcome(outcome: Outcome) -> bytes:
    """Write an outcome as one line of JSON, fields in the order of the document."""
    return msgspec.json.encode(outcome)


def parse_outcome(data: bytes) -> Outcome:
    """Read a stored outcome back."""
    return msgspec.json.decode(data, type=Outcome)


def outcome_schema() -> dict[str, object]:
    """Return the JSON schema of an outcome; docs/outcome.schema.json is this, written down."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(Outcome),
    }
