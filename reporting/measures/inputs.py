"""What a client report is made from: the stored case and outcome, what was filled, what the year realised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from portfolios.ledger.tax import NO_GAINS, Gains
from portfolios.ledger.types import Disposition
from rebalancing.engine.outcome import AccountOutcome, Outcome
from rebalancing.engine.types import Account, Case
from reporting.measures.facts import Heading, OpenWindow

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution that was booked; `fee_usd` is what the broker charged."""

    side: Literal["buy", "sell"]
    security: str
    units: Decimal
    price_usd: Decimal
    fee_usd: Decimal
    traded_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """
    One proposal on the account: its case, its outcome, what became of it, and the same case solved without tax.

    `dispositions` are the lots that its fills sold. `blind` is None where tax plays no part or it was not solved.
    `is_live` says that what was not made may still be; `complete` names the securities whose order is filled, also
    where a fund's units came out a little otherwise than proposed.
    """

    case: Case
    account_id: str
    outcome: AccountOutcome
    fills: tuple[Fill, ...] = ()
    dispositions: tuple[Disposition, ...] = ()
    blind: Outcome | None = None
    is_live: bool = True
    complete: frozenset[str] = frozenset()

    @property
    def account(self) -> Account:
        """Return the account of the case that this is about."""
        return next(account for account in self.case.accounts if account.id == self.account_id)

    @property
    def made_on(self) -> date | None:
        """Return the day of the last fill, None while nothing was made."""
        return max((fill.traded_on for fill in self.fills), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Names for what a case calls by key."""

    securities: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    screens: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """
    What of the case the client asked for, and what is the firm's.

    `chosen` are the keys of the settings that differ from the firm's; `firm_rules` the ids of its restricted list;
    `needs` what the cash is raised for, in words; `budget_usd` the whole year's tax budget.
    """

    chosen: frozenset[str] = frozenset()
    firm_rules: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    budget_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class YearSoFar:
    """The return's year up to the end of the period: recognised gains of all its accounts, in and outside."""

    realized: Gains = NO_GAINS
    account_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that a report speaks of. `episodes` are in order of time; the last is the current one."""

    heading: Heading
    episodes: tuple[Episode, ...]
    words: Words = field(default_factory=Words)
    wishes: Wishes = field(default_factory=Wishes)
    year: YearSoFar = field(default_factory=YearSoFar)
    period_dispositions: tuple[Disposition, ...] = ()
    windows: tuple[OpenWindow, ...] = ()
    fee_bps: Decimal = ZERO
    fee_from_on: date | None = None
