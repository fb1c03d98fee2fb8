"""
From a case to an outcome: the one place that orders the steps.

    from rebalancing.engine.pipeline import rebalance
    from rebalancing.engine.reference import solve_convex
    outcome = rebalance(case, fallback=solve_convex)

Nothing here reads a clock: a caller who wants timings passes a stopwatch that returns seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import msgspec
import numpy as np

from rebalancing.engine.case import case_hash, check_case
from rebalancing.engine.choices.plan import Plan
from rebalancing.engine.constraints import Row
from rebalancing.engine.explain import explain
from rebalancing.engine.judge.booking import cents, lot_gain_usd, lot_term
from rebalancing.engine.judge.figures import account_gain_usd, report_household
from rebalancing.engine.judge.findings import Rank
from rebalancing.engine.judge.judgement import Judgement
from rebalancing.engine.judge.measures import AccountMeasures
from rebalancing.engine.outcome import AccountOutcome, LotSale, Outcome, Relaxed, ReturnOutcome, Status, TimingMs, Trade
from rebalancing.engine.problem import Problem, build_problem
from rebalancing.engine.query import ConvexSolver, Multipliers
from rebalancing.engine.relax import closing_prices, find_plan
from rebalancing.engine.rounding.lattice import RoundedTrade
from rebalancing.engine.rounding.search import round_plan
from rebalancing.engine.solver import CertifyingSolver
from rebalancing.engine.types import ENGINE_VERSION, ZERO, Account, BadCase, Case, Fault
from rebalancing.engine.verify import declare, judge_trades, verify, with_checks
from rebalancing.engine.worth import (
    Trades,
    accounts_better_idle,
    accounts_not_worth_it,
    impossible_pins,
    is_too_little,
)

Stopwatch = Callable[[], float]
ROUNDING_CAUSE = "quantity_step"
PRICE_TOLERANCE = 1e-7


def rebalance(case: Case, *, fallback: ConvexSolver | None = None, stopwatch: Stopwatch | None = None) -> Outcome:
    """
    Decide the trades of every account of a case, together.

    A case with faults gives an outcome with status `invalid` that names them; rules that do not fit together give way
    in the order of sacrifice and are named in `relaxed`.
    :raises NotCertified: the fast solver could not answer, and no `fallback` was passed in
    """
    try:
        check_case(case)
    except BadCase as error:
        return invalid_outcome(case, error.faults)
    return _Run(case=case, solver=CertifyingSolver(fallback), laps=_Laps(stopwatch)).outcome()


def plan_case(case: Case, *, solver: ConvexSolver) -> Plan | None:
    """Solve a case with all its choices but in dollars, before shares; None where the first rank contradicts itself."""
    return find_plan(build_problem(case), solver=solver)


def invalid_outcome(case: Case, faults: tuple[Fault, ...]) -> Outcome:
    """Say that a case cannot be solved, and why."""
    return Outcome(case_hash=case_hash(case), engine=ENGINE_VERSION, status="invalid", faults=faults)


@dataclass(slots=True)
class _Laps:
    """Add up the time of every step, in milliseconds; zero without a stopwatch."""

    stopwatch: Stopwatch | None
    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("build", "solve", "round", "verify"), 0.0))
    started: float = 0.0

    def start(self) -> None:
        if self.stopwatch is not None:
            self.started = self.stopwatch()

    def lap(self, step: str) -> None:
        if self.stopwatch is not None:
            now = self.stopwatch()
            self.spent[step] += (now - self.started) * 1e3
            self.started = now


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """The trades of all accounts, the plan they come from, and their judgement."""

    trades: Trades
    plan: Plan | None
    bound_usd: float
    judged: Judgement


@dataclass(slots=True, kw_only=True)
class _Run:
    """A case on its way to an outcome."""

    case: Case
    solver: CertifyingSolver
    laps: _Laps

    def outcome(self) -> Outcome:
        """Decide, explain, check."""
        laps = self.laps
        laps.start()
        problem = build_problem(self.case)
        laps.lap("build")
        before = judge_trades(self.case, {})
        laps.lap("verify")
        decided = self._decide(problem, before)
        impossible = impossible_pins(self.case, decided.judged, before) if decided.plan is None else ()
        if impossible:
            return invalid_outcome(self.case, impossible)
        outcome = self._report(decided, before)
        outcome = explain(self.case, outcome, decided.judged, before, prices_by_account(decided.plan))
        outcome = with_checks(outcome, verify(self.case, outcome))
        laps.lap("verify")
        timing = TimingMs(**{step: round(spent, 3) for step, spent in laps.spent.items()})
        return msgspec.structs.replace(outcome, timing_ms=timing)

    def _decide(self, problem: Problem, before: Judgement) -> _Decided:
        """Solve; then once more without the accounts whose trades are not worth it, until all are."""
        first: _Decided | None = None
        idle: set[str] = set()
        while True:
            decided = self._solve(freeze(problem, idle))
            first = first or decided
            bored = accounts_not_worth_it(self.case, decided.trades, decided.judged, before)
            bored |= accounts_better_idle(self.case, decided.trades, decided.judged, before) - idle
            if not bored:
                return replace(decided, bound_usd=min(first.bound_usd, decided.bound_usd))
            idle |= bored
            if not self.case.accounts or all(not decided.trades[name] or name in idle for name in decided.trades):
                return _Decided(trades={}, plan=first.plan, bound_usd=first.bound_usd, judged=before)

    def _solve(self, problem: Problem) -> _Decided:
        plan = find_plan(problem, solver=self.solver)
        self.laps.lap("solve")
        accounts = {account.id: account for account in self.case.accounts}
        if plan is None:
            found = {name: pinned_trades(account) for name, account in accounts.items()}
            bound = float("inf")
        else:
            rounded = round_plan(plan, solver=self.solver)
            found = {name: tuple(one for one in rounded.trades if one.account == name) for name in accounts}
            bound = rounded.bound_usd
        self.laps.lap("round")
        trades = {name: wire_trades(accounts[name], made, case=self.case) for name, made in found.items()}
        judged = judge_trades(self.case, trades)
        self.laps.lap("verify")
        return _Decided(trades=trades, plan=plan, bound_usd=bound, judged=judged)

    def _report(self, decided: _Decided, before: Judgement) -> Outcome:
        judged, measures = decided.judged, decided.judged.measures
        accounts = tuple(
            report_account(measured, decided.trades, relaxed=_relaxed(decided, measured.book.account))
            for measured in measures.accounts
        )
        objective = measures.objective_usd
        bound = min(objective, decided.bound_usd)
        if not any(decided.trades.values()) and is_too_little(self.case, before.measures.objective_usd - bound):
            bound = objective  # nothing that the case allows brings as much as a proposal has to
        return Outcome(
            case_hash=case_hash(self.case),
            engine=ENGINE_VERSION,
            status=_status(accounts),
            objective=objective,
            lower_bound=bound,
            gap_bps=(objective - bound) / measures.value_usd * 1e4,
            solver=self.solver.used,
            household=report_household(measures),
            returns=tuple(
                ReturnOutcome(
                    id=book.id,
                    short_gain=cents(book.added.short_usd),
                    long_gain=cents(book.added.long_usd),
                    tax_caused=cents(book.caused_usd),
                    budget_left=None if book.budget_left_usd is None else cents(book.budget_left_usd),
                )
                for book in judged.measures.returns
            ),
            accounts=accounts,
        )


def freeze(problem: Problem, accounts: set[str]) -> Problem:
    """Return the problem with nothing but pinned trades left open in these accounts."""
    if not accounts:
        return problem
    upper = problem.segments.upper_usd.copy()
    for universe in problem.universes:
        if universe.account.id in accounts:
            here = universe.case_segments(np.ones(universe.segments.count, dtype=bool))
            upper[here] = problem.segments.lower_usd[here]
    return replace(problem, segments=replace(problem.segments, upper_usd=upper))


def _relaxed(decided: _Decided, account: Account) -> tuple[Relaxed, ...]:
    """Declare every rule that is broken after trading, with the harder rule that stopped its cure."""
    causes = {} if decided.plan is None else decided.plan.causes
    return tuple(
        declare(finding, because=causes.get(finding.rule, ROUNDING_CAUSE))
        for finding in decided.judged.findings[account.id]
        if finding.is_broken and finding.rank is not Rank.LAW
    )


def pinned_trades(account: Account) -> tuple[RoundedTrade, ...]:
    """Return the pinned trades alone, for an account whose first rank contradicts itself."""
    return tuple(
        RoundedTrade(
            account=account.id,
            security=pin.security,
            is_buy=pin.side == "buy",
            quantity=pin.quantity,
            lots={part.lot: part.quantity for part in pin.lots},
            waiting_usd={},
        )
        for pin in account.trading.pinned
        if pin.quantity is not None and (pin.side == "buy" or pin.lots)
    )


def wire_trades(account: Account, rounded: Sequence[RoundedTrade], *, case: Case) -> tuple[Trade, ...]:
    """Write exact trades as the outcome has them: sales first, each in the order of the case's securities."""
    prices = {item.id: item.price for item in case.securities}
    lots = {lot.id: lot for lot in account.lots}
    is_year_round = account.is_taxable and account.tax is not None and account.tax.harvest == "year_round"

    def sale(name: str, quantity: Decimal, waiting_usd: float) -> LotSale:
        lot = lots[name]
        gain = lot_gain_usd(lot, lot_units=quantity, price=prices[lot.security]) or ZERO
        due = cents(Decimal(str(waiting_usd))) if is_year_round and gain < 0 else ZERO
        return LotSale(lot=name, quantity=quantity, gain=gain, term=lot_term(lot, as_of=case.as_of), waiting=cents(due))

    trades = [
        Trade(
            side="buy" if trade.is_buy else "sell",
            security=trade.security,
            quantity=trade.quantity,
            price=prices[trade.security],
            lots=tuple(sale(name, quantity, trade.waiting_usd.get(name, 0.0)) for name, quantity in trade.lots.items()),
        )
        for trade in rounded
    ]
    return tuple(sorted(trades, key=lambda trade: trade.side == "buy"))


def report_account(
    measured: AccountMeasures, trades: Mapping[str, tuple[Trade, ...]], *, relaxed: tuple[Relaxed, ...]
) -> AccountOutcome:
    """Report one account's figures; they are the judge's own."""
    book = measured.book
    return AccountOutcome(
        id=book.account.id,
        trades=trades.get(book.account.id, ()),
        cash_after=book.cash_after_usd,
        tracking_error_before=measured.tracking_error_before,
        tracking_error_after=measured.tracking_error_after,
        opportunity=cents(Decimal(str(measured.opportunity_usd))),
        opportunity_bps=measured.opportunity_bps,
        short_gain=account_gain_usd(measured, "short"),
        long_gain=account_gain_usd(measured, "long"),
        cost=book.cost_usd,
        turnover=book.turnover_frac,
        relaxed=relaxed,
    )


def _status(accounts: Sequence[AccountOutcome]) -> Status:
    if any(account.relaxed for account in accounts):
        return "relaxed"
    return "optimal" if any(account.trades for account in accounts) else "no_trade"


def prices_by_account(plan: Plan | None) -> dict[str, Multipliers]:
    """Read the prices of rules, holdings and lots off the final solve, account by account."""
    if plan is None:
        return {}
    problem, solution = plan.problem, plan.solution
    rows = problem.all_rows(plan.query.regimes)
    paid: dict[str, dict[str, float]] = {}
    for row, price in zip(rows, closing_prices(plan.query, solution, rows), strict=True):
        if abs(price) > PRICE_TOLERANCE:
            for owner in owners(problem, row):
                own, before = paid.setdefault(owner, {}), paid.get(owner, {}).get(row.rule, 0.0)
                # Rows of one rule are loosened together; of closed segments the best one counts.
                own[row.rule] = max(before, abs(float(price))) if row.is_closing else before + abs(float(price))
    for name, price in solution.tracking_prices.items():
        if price > PRICE_TOLERANCE:
            paid.setdefault(name, {})["max_tracking_error"] = price
    held = solution.holding_prices[problem.risk_place] * problem.risk_weight
    found: dict[str, Multipliers] = {}
    for universe in problem.universes:
        first, segments = universe.first_segment, universe.segments
        prices = solution.segment_prices[first : first + segments.count]
        found[universe.account.id] = Multipliers(
            rules=paid.get(universe.account.id, {}),
            holding={
                item.id: float(price) for item, price in zip(universe.securities, held[universe.positions], strict=True)
            },
            selling={lot.id: float(price) for lot, price in zip(segments.lots, prices, strict=True) if lot is not None},
        )
    return found


def owners(problem: Problem, row: Row) -> tuple[str, ...]:
    """Name the accounts that answer for a row: its own, those whose lots it counts, or all of the household."""
    if row.account is not None:
        return (row.account,)
    if row.positions.size:
        return tuple(universe.account.id for universe in problem.universes)
    firsts = [universe.first_segment for universe in problem.universes]
    touched = np.unique(np.searchsorted(firsts, row.segments, side="right") - 1)
    return tuple(problem.universes[at].account.id for at in touched)
