"""Compare every figure that an outcome reports with what the judge computed itself."""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal

from rebalancing.engine.judge.booking import BookedSale, cents
from rebalancing.engine.judge.measures import AccountMeasures, Measures
from rebalancing.engine.judge.taxation import ReturnBook
from rebalancing.engine.judge.waits import waiting_faults
from rebalancing.engine.outcome import AccountOutcome, HouseholdOutcome, ObjectiveTerms, Outcome, ReturnOutcome, Trade
from rebalancing.engine.types import ZERO, Term

CENT_TOLERANCE = Decimal("0.006")  # less than a cent, more than the rounding of a float to one
FRACTION_TOLERANCE = 1e-9
OBJECTIVE_TOLERANCE_USD = 1e-4
OBJECTIVE_TOLERANCE_FRAC = 1e-9
BPS_TOLERANCE = 1e-4
UNIFIED = {True: "a unified household", False: "no unified household"}


def figure_faults(outcome: Outcome, measures: Measures) -> Iterator[str]:
    """Yield a sentence for every figure that is not true."""
    reported = {account.id: account for account in outcome.accounts}
    for account in measures.accounts:
        name = account.book.account.id
        if name in reported:
            yield from _account_faults(reported[name], account, measures)
    returns = {book.id: book for book in measures.returns}
    yield from _same_ids("returns", [r.id for r in outcome.returns], [r.id for r in measures.returns])
    for entry in outcome.returns:
        if entry.id in returns:
            yield from _return_faults(entry, returns[entry.id])
    yield from _household_faults(outcome, measures)
    yield from _benefit_faults(outcome, measures)
    yield from _objective_faults(outcome, measures)


def account_gain_usd(account: AccountMeasures, term: Term) -> Decimal:
    """Add up the gains of a term that an account's trades realise for a tax return; none outside taxable accounts."""
    if not account.book.account.is_taxable:
        return cents(ZERO)
    return cents(
        sum(
            (sale.gain_usd or ZERO for sale in account.book.sales if sale.term == term),
            ZERO,
        )
    )


def report_household(measures: Measures) -> HouseholdOutcome | None:
    """Report what the accounts of a unified household do together; None in every other case."""
    household = measures.household
    if household is None:
        return None
    after = [account.after for account in measures.accounts]
    return HouseholdOutcome(
        value=cents(household.value_usd),
        tracking_error_before=household.tracking_error_before,
        tracking_error_after=household.tracking_error_after,
        before=ObjectiveTerms(
            risk=household.risk_before_usd,
            hurdles=math.fsum(account.before.hurdle_usd for account in measures.accounts),
        ),
        after=ObjectiveTerms(
            risk=household.risk_after_usd,
            tax=math.fsum(terms.tax_usd for terms in after),
            waiting=math.fsum(terms.waiting_usd for terms in after),
            cost=math.fsum(terms.cost_usd for terms in after),
            hurdles=math.fsum(terms.hurdle_usd for terms in after),
            transfers=float(household.transfer_usd),
        ),
    )


def _household_faults(outcome: Outcome, measures: Measures) -> Iterator[str]:
    said, found = outcome.household, report_household(measures)
    if said is None or found is None:
        if said is not found:
            yield f"household is {'missing' if said is None else 'reported'}, the case is {UNIFIED[found is not None]}"
        return
    yield from _money("household: value", said.value, found.value)
    for label in ("tracking_error_before", "tracking_error_after"):
        told, true = getattr(said, label), getattr(found, label)
        yield from _number(f"household: {label}", told, true, tolerance=FRACTION_TOLERANCE)
    for side, told, true in (("before", said.before, found.before), ("after", said.after, found.after)):
        for term in told.__struct_fields__:
            amount = getattr(true, term)
            tolerance = OBJECTIVE_TOLERANCE_USD + OBJECTIVE_TOLERANCE_FRAC * abs(amount)
            yield from _number(f"household: {side}.{term}", getattr(told, term), amount, tolerance=tolerance)


def _account_faults(reported: AccountOutcome, account: AccountMeasures, measures: Measures) -> Iterator[str]:
    book, name = account.book, reported.id
    sales = {sale.lot.id: sale for sale in book.sales}
    for trade in reported.trades:
        yield from _trade_faults(trade, sales, account)
    yield from waiting_faults(account, measures)
    yield from _money(f"{name}: cash_after", reported.cash_after, book.cash_after_usd)
    yield from _money(f"{name}: cost", reported.cost, book.cost_usd)
    yield from _money(f"{name}: short_gain", reported.short_gain, account_gain_usd(account, "short"))
    yield from _money(f"{name}: long_gain", reported.long_gain, account_gain_usd(account, "long"))
    for label, said, computed, tolerance in (
        (
            "tracking_error_before",
            reported.tracking_error_before,
            account.tracking_error_before,
            FRACTION_TOLERANCE,
        ),
        (
            "tracking_error_after",
            reported.tracking_error_after,
            account.tracking_error_after,
            FRACTION_TOLERANCE,
        ),
        ("turnover", reported.turnover, book.turnover_frac, FRACTION_TOLERANCE),
        (
            "opportunity_bps",
            reported.opportunity_bps,
            account.opportunity_bps,
            BPS_TOLERANCE,
        ),
    ):
        yield from _number(f"{name}: {label}", said, computed, tolerance=tolerance)
    yield from _money(
        f"{name}: opportunity",
        reported.opportunity,
        cents(Decimal(str(account.opportunity_usd))),
    )


def _trade_faults(trade: Trade, sales: Mapping[str, BookedSale], account: AccountMeasures) -> Iterator[str]:
    for part in trade.lots:
        sale = sales.get(part.lot)
        if sale is None or sale.gain_usd is None:
            continue
        at = f"{account.book.account.id}: lot {part.lot}"
        yield from _money(f"{at}: gain", part.gain, sale.gain_usd)
        if part.term != sale.term:
            yield f"{at}: term is reported as {part.term}, it is {sale.term}"


def _return_faults(reported: ReturnOutcome, book: ReturnBook) -> Iterator[str]:
    name = f"return {reported.id}"
    yield from _money(f"{name}: short_gain", reported.short_gain, cents(book.added.short_usd))
    yield from _money(f"{name}: long_gain", reported.long_gain, cents(book.added.long_usd))
    yield from _money(f"{name}: tax_caused", reported.tax_caused, cents(book.caused_usd))
    left = book.budget_left_usd
    if (left is None) != (reported.budget_left is None):
        yield f"{name}: budget_left is reported as {reported.budget_left}, it is {left}"
    elif left is not None and reported.budget_left is not None:
        yield from _money(f"{name}: budget_left", reported.budget_left, cents(left))


def _objective_faults(outcome: Outcome, measures: Measures) -> Iterator[str]:
    objective, value = measures.objective_usd, measures.value_usd
    tolerance = OBJECTIVE_TOLERANCE_USD + OBJECTIVE_TOLERANCE_FRAC * abs(objective)
    yield from _number("objective", outcome.objective, objective, tolerance=tolerance)
    if outcome.lower_bound > objective + tolerance:
        yield f"lower_bound is reported as {outcome.lower_bound}, above the objective {objective:.6f}"
    gap_bps = (outcome.objective - outcome.lower_bound) / value * 1e4
    yield from _number("gap_bps", outcome.gap_bps, gap_bps, tolerance=BPS_TOLERANCE)


def _benefit_faults(outcome: Outcome, measures: Measures) -> Iterator[str]:
    """The worth of all trades adds up to what they win: per account, or in a unified household over all of them."""
    won = {account.book.account.id: account.opportunity_usd for account in measures.accounts}
    told: dict[str, float] = {}
    for account in outcome.accounts:
        worths = [trade.benefit for trade in account.trades if trade.benefit is not None]
        if not worths:
            continue
        if len(worths) < len(account.trades):
            yield f"{account.id}: benefit is told of some trades only"
        told[account.id] = math.fsum(part for worth in worths for part in (worth.risk, worth.tax, worth.cost))
    if measures.household is not None and told:
        told, won = {"household": math.fsum(told.values())}, {"household": math.fsum(won.values())}
    for name, total in told.items():
        if name in won:
            yield from _number(f"{name}: benefit of all trades", total, won[name], tolerance=float(CENT_TOLERANCE))


def _same_ids(label: str, said: list[str], known: list[str]) -> Iterator[str]:
    if said != known:
        yield f"{label} are reported as {', '.join(said) or 'none'}, the case has {', '.join(known) or 'none'}"


def _money(label: str, said: Decimal, computed: Decimal) -> Iterator[str]:
    if not said.is_finite() or abs(said - computed) > CENT_TOLERANCE:
        yield f"{label} is reported as {said}, it is {computed}"


def _number(label: str, said: float, computed: float, *, tolerance: float) -> Iterator[str]:
    if not abs(said - computed) <= tolerance:
        yield f"{label} is reported as {said:.9g}, it is {computed:.9g}"
