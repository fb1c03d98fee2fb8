"""Judge a set of trades by every rule of the case: no solver, no opinion about what should have been done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from rebalancing.engine.judge.booking import AccountBook
from rebalancing.engine.judge.docket import KEPT_CASES, Docket, after_tax, docket_of
from rebalancing.engine.judge.findings import Finding, Rank, held, in_weight, percent
from rebalancing.engine.judge.measures import AccountMeasures, Measures, measure_trades
from rebalancing.engine.judge.rules_account import (
    cash_findings,
    class_findings,
    class_worth_usd,
    tracking_finding,
    trading_findings,
    wash_findings,
)
from rebalancing.engine.judge.rules_client import client_findings, outside_usd
from rebalancing.engine.judge.rules_law import law_findings
from rebalancing.engine.judge.rules_tax import tax_findings
from rebalancing.engine.outcome import Trade
from rebalancing.engine.types import ZERO, Case

RETURN_RULES = frozenset({"tax_budget", "max_net_gain", "never_realize_gains", "short_gains", "forced_harvest"})
HOUSEHOLD_RULE = "household_class_limits"


def is_shared(rule: str) -> bool:
    """Tell whether several accounts answer for one rule: those of a return, or of a household."""
    return rule in RETURN_RULES or rule.startswith(HOUSEHOLD_RULE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a set of trades does, and what every rule says of it, by account id."""

    measures: Measures
    findings: Mapping[str, tuple[Finding, ...]]

    def excess_by_rank(self) -> dict[Rank, Decimal]:
        """Add up what is broken, rank by rank; a rule that several accounts share counts once."""
        totals = dict.fromkeys(Rank, ZERO)
        seen: set[tuple[str, str]] = set()
        returns = {account.book.account.id: account.book.account.tax_return for account in self.measures.accounts}
        for account, findings in self.findings.items():
            for finding in findings:
                owner = returns[account] or account if finding.rule in RETURN_RULES else account
                if finding.rule.startswith(HOUSEHOLD_RULE):
                    owner = ""
                if (owner, finding.rule) in seen or not finding.is_broken:
                    continue
                seen.add((owner, finding.rule))
                totals[finding.rank] += finding.excess
        return totals


def judge_trades(case: Case, trades: Mapping[str, Sequence[Trade]]) -> Judgement:
    """Book the trades (by account id), measure them, and judge every rule."""
    docket = docket_of(case)
    if any(trades.values()):
        return _judge(docket, trades)
    return _judge_nothing(docket)


@lru_cache(maxsize=KEPT_CASES)
def _judge_nothing(docket: Docket) -> Judgement:
    """Judge a case as it stands, which everything else is compared with."""
    return _judge(docket, {})


def _judge(docket: Docket, trades: Mapping[str, Sequence[Trade]]) -> Judgement:
    case = docket.case
    measures = measure_trades(case, trades)
    books = tuple(account.book for account in measures.accounts)
    by_return = {book.id: tuple(tax_findings(book, as_of=case.as_of)) for book in measures.returns}
    household = tuple(household_findings(docket, books))
    findings: dict[str, tuple[Finding, ...]] = {}
    for account in measures.accounts:
        book = account.book
        of_return = by_return.get(book.account.tax_return or "", ()) if book.account.is_taxable else ()
        findings[book.account.id] = (
            *law_findings(book, case=case),
            *client_findings(book),
            *wash_findings(book, window=measures.window),
            *cash_findings(book),
            *(() if docket.is_unified else class_findings(book)),
            *household,
            *of_return,
            *_tracking(account, is_unified=docket.is_unified),
            *trading_findings(book),
        )
    return Judgement(measures=measures, findings=findings)


def _tracking(account: AccountMeasures, *, is_unified: bool) -> Iterator[Finding]:
    """Judge the account's cap on tracking error; it falls away with the account's target in a unified household."""
    cap = account.book.account.trading.max_tracking_error
    if cap is None:
        return
    if is_unified:
        words = "the account has no target of its own: the household's target stands in its place"
        yield held("max_tracking_error", Rank.TRACKING_ERROR, words)
    else:
        yield tracking_finding(account.book, tracking_error_after=account.tracking_error_after, cap=cap)


def household_findings(docket: Docket, books: Sequence[AccountBook]) -> Iterator[Finding]:
    """Yield the limits on the household's asset classes: after-tax dollars of all accounts, of V_H."""
    if docket.household is None:
        return
    whole = docket.household_usd
    for asset_class, (low, high) in docket.household.class_limits.items():
        worth = sum((after_tax(book.account) * class_worth_usd(book, asset_class) for book in books), ZERO)
        off = outside_usd(worth, low=low, high=high, value_usd=whole)
        yield Finding(
            rule=f"{HOUSEHOLD_RULE} {asset_class}",
            rank=Rank.CLASS_LIMITS,
            excess=off,
            by=in_weight(off, value_usd=whole),
            evidence=f"{percent(worth / whole)} of the household after, limits {percent(low)} to {percent(high)}",
        )
