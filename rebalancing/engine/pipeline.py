"""
From a case to an outcome: the one place that orders the steps.

    from rebalancing.engine.pipeline import rebalance
    from rebalancing.engine.reference import solve_convex
    outcome = rebalance(case, fallback=solve_convex)

Nothing here reads a clock: a caller who wants timings passes a stopwatch that returns seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from rebalancing.engine.bounds import joint_bound_usd
from rebalancing.engine.case import case_hash, check_case
from rebalancing.engine.choices import Plan
from rebalancing.engine.explain import explain
from rebalancing.engine.household import household_faults, solving_order
from rebalancing.engine.judge.booking import cents, lot_gain_usd, lot_term
from rebalancing.engine.judge.figures import account_gain_usd
from rebalancing.engine.judge.findings import Finding, Rank
from rebalancing.engine.judge.judgement import Judgement
from rebalancing.engine.judge.measures import AccountMeasures
from rebalancing.engine.outcome import AccountOutcome, LotSale, Outcome, Relaxed, ReturnOutcome, Status, TimingMs, Trade
from rebalancing.engine.problem import Multipliers, build_problem
from rebalancing.engine.relax import closing_prices, find_plan
from rebalancing.engine.rounding.lattice import RoundedTrade
from rebalancing.engine.rounding.search import round_plan
from rebalancing.engine.solver import ConvexSolver, choose_solver
from rebalancing.engine.taxes import YearTax, start_year
from rebalancing.engine.types import ENGINE_VERSION, ZERO, Account, BadCase, Case, Fault
from rebalancing.engine.verify import declare, judge_trades, verify, with_checks
from rebalancing.engine.wash_sales import WashState, open_wash_state

Stopwatch = Callable[[], float]
ROUNDING_CAUSE = "quantity_step"
BPS_TOLERANCE = 1e-4


def rebalance(case: Case, *, fallback: ConvexSolver | None = None, stopwatch: Stopwatch | None = None) -> Outcome:
    """
    Decide the trades of every account of a case.

    A case with faults gives an outcome with status `invalid` that names them; rules that do not fit together give way
    in the order of sacrifice and are named in `relaxed`.
    :raises BadInput: no solver was passed in
    """
    try:
        check_case(case)
    except BadCase as error:
        return invalid_outcome(case, error.faults)
    faults = household_faults(case)
    if faults:
        return invalid_outcome(case, faults)
    run = _Run(case=case, solver=choose_solver(fallback), laps=_Laps(stopwatch))
    for account in solving_order(case):
        run.solve_account(account)
    return run.finish()


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


@dataclass(slots=True, kw_only=True)
class _Run:
    """A case while its accounts are solved in turn: what the earlier leave to the later."""

    case: Case
    solver: ConvexSolver
    laps: _Laps
    trades: dict[str, tuple[Trade, ...]] = field(default_factory=dict)
    plans: dict[str, Plan | None] = field(default_factory=dict)
    prices: dict[str, Multipliers] = field(default_factory=dict)
    wash: WashState | None = None
    judged: Judgement | None = None
    before: Judgement | None = None

    def solve_account(self, account: Account) -> None:
        """Solve one account beside what is already decided, and keep its trades if they are worth it."""
        laps = self.laps
        laps.start()
        if self.wash is None:
            self.wash = open_wash_state(self.case)
            self.before = self.judged = judge_trades(self.case, {})
        problem = build_problem(account, case=self.case, wash=self.wash, year=self._year(account))
        laps.lap("build")
        plan = find_plan(problem, solver=self.solver)
        laps.lap("solve")
        self.plans[account.id] = plan
        if plan is not None:
            self.prices[account.id] = _multipliers(plan)
        rounded = pinned_trades(account) if plan is None else round_plan(plan, solver=self.solver).trades
        laps.lap("round")
        self._keep(account, wire_trades(account, rounded, case=self.case))
        laps.lap("verify")

    def _year(self, account: Account) -> YearTax | None:
        """Return where the account's tax return stands once the accounts before it have traded."""
        if not account.is_taxable or account.tax is None or self.judged is None:
            return None
        year = start_year(account.tax)
        for book in self.judged.measures.returns:
            if book.id == account.tax_return:
                year = year.moved(short_usd=float(book.added.short_usd), long_usd=float(book.added.long_usd))
        return year

    def _keep(self, account: Account, trades: tuple[Trade, ...]) -> None:
        assert self.wash is not None
        assert self.judged is not None
        if not trades:
            return
        proposed = judge_trades(self.case, {**self.trades, account.id: trades})
        if not is_worth_it(account, proposed, self.judged):
            return
        self.trades[account.id] = trades
        self.judged = proposed
        groups = {item.id: item.group for item in self.case.securities}
        losses = {
            groups[trade.security] for trade in trades for part in trade.lots if account.is_taxable and part.gain < 0
        }
        bought = {trade.security: groups[trade.security] for trade in trades if trade.side == "buy"}
        self.wash = self.wash.after(account, bought=bought, loss_groups=frozenset(losses))

    def finish(self) -> Outcome:
        """Report what was decided, with the reasons and the checks."""
        assert self.judged is not None
        assert self.before is not None
        self.laps.start()
        outcome = explain(self.case, self._report(self.judged), self.judged, self.before, self.prices)
        verification = verify(self.case, outcome)
        outcome = with_checks(outcome, verification)
        self.laps.lap("verify")
        timing = TimingMs(**{step: round(spent, 3) for step, spent in self.laps.spent.items()})
        return msgspec.structs.replace(outcome, timing_ms=timing)

    def _report(self, judged: Judgement) -> Outcome:
        measures = judged.measures
        accounts = tuple(
            report_account(measured, self.trades, relaxed=self._relaxed(judged, measured.book.account))
            for measured in measures.accounts
        )
        objective = measures.objective_usd
        bound = min(objective, self._lower_bound_usd(judged))
        return Outcome(
            case_hash=case_hash(self.case),
            engine=ENGINE_VERSION,
            status=_status(accounts),
            objective=objective,
            lower_bound=bound,
            gap_bps=(objective - bound) / measures.value_usd * 1e4,
            solver="reference",
            returns=tuple(
                ReturnOutcome(
                    id=book.id,
                    short_gain=cents(book.added.short_usd),
                    long_gain=cents(book.added.long_usd),
                    tax_caused=cents(book.caused_usd),
                    budget_left=None if book.budget_left_usd is None else cents(book.budget_left_usd),
                )
                for book in measures.returns
            ),
            accounts=accounts,
        )

    def _lower_bound_usd(self, judged: Judgement) -> float:
        """One account's plan bounds it; of several, solved in turn, only a bound over all at once is true."""
        accounts = judged.measures.accounts
        if len(accounts) == 1:
            return self._bound_usd(accounts[0])
        return joint_bound_usd(self.case, judged, solver=self.solver)

    def _bound_usd(self, measured: AccountMeasures) -> float:
        plan = self.plans.get(measured.book.account.id)
        return measured.after.total_usd if plan is None else plan.bound_usd

    def _relaxed(self, judged: Judgement, account: Account) -> tuple[Relaxed, ...]:
        """Declare every rule that is broken after trading, with the harder rule that stopped its cure."""
        return tuple(
            declare(finding, because=self._cause(finding, account))
            for finding in judged.findings[account.id]
            if finding.is_broken and finding.rank is not Rank.LAW
        )

    def _cause(self, finding: Finding, account: Account) -> str:
        own = self.plans.get(account.id)
        others = [plan for name, plan in self.plans.items() if name != account.id]
        for plan in (own, *others):
            if plan is not None and finding.rule in plan.causes:
                return plan.causes[finding.rule]
        return ROUNDING_CAUSE


def is_worth_it(account: Account, proposed: Judgement, present: Judgement) -> bool:
    """Tell whether an account's trades bring what they have to, cure a broken rule, or were asked for."""
    if any(pin.side != "none" for pin in account.trading.pinned):
        return True
    measured = next(item for item in proposed.measures.accounts if item.book.account.id == account.id)
    gain_usd = present.measures.objective_usd - proposed.measures.objective_usd
    least = account.trading.only_if_benefit_exceeds_bps
    bps = min(measured.opportunity_bps, gain_usd / float(measured.book.value_usd) * 1e4)
    if bps > 0 and bps >= least - BPS_TOLERANCE / 2:
        return True
    now = {(owner, finding.rule): finding.excess for owner, found in proposed.findings.items() for finding in found}
    return any(
        finding.is_broken and now.get((owner, finding.rule), ZERO) < finding.excess
        for owner, found in present.findings.items()
        for finding in found
    )


def pinned_trades(account: Account) -> tuple[RoundedTrade, ...]:
    """Return the pinned trades alone, for an account whose first rank contradicts itself."""
    return tuple(
        RoundedTrade(
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


def _multipliers(plan: Plan) -> Multipliers:
    """Read the prices of rules and holdings off the final solve."""
    problem, solution = plan.problem, plan.solution
    rows = problem.all_rows(plan.query.regime)
    rules: dict[str, float] = {}
    for row, price in zip(rows, closing_prices(plan.query, solution, rows), strict=True):
        if abs(price) > 1e-7:
            rules[row.rule] = max(rules.get(row.rule, 0.0), abs(float(price)))
    if solution.tracking_price > 1e-7:
        rules["max_tracking_error"] = solution.tracking_price
    segments = problem.segments
    return Multipliers(
        rules=rules,
        holding={
            item.id: float(price)
            for item, price in zip(problem.universe.securities, solution.holding_prices, strict=True)
        },
        selling={
            lot.id: float(price)
            for lot, price in zip(segments.lots, solution.segment_prices, strict=True)
            if lot is not None
        },
    )
