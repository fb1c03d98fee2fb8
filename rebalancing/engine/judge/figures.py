"""Compare every figure that an outcome reports with what the judge computed itself."""

from collections.abc import Iterator
from decimal import Decimal

from rebalancing.engine.judge.booking import cents
from rebalancing.engine.judge.measures import AccountMeasures, Measures
from rebalancing.engine.judge.taxation import ReturnBook
from rebalancing.engine.outcome import AccountOutcome, Outcome, ReturnOutcome, Trade
from rebalancing.engine.types import ZERO, Term

CENT_TOLERANCE = Decimal("0.006")  # less than a cent, more than the rounding of a float to one
FRACTION_TOLERANCE = 1e-9
OBJECTIVE_TOLERANCE_USD = 1e-4
OBJECTIVE_TOLERANCE_FRAC = 1e-9
BPS_TOLERANCE = 1e-4


def figure_faults(outcome: Outcome, measures: Measures) -> Iterator[str]:
    """Yield a sentence for every figure that is not true."""
    reported = {account.id: account for account in outcome.accounts}
    for account in measures.accounts:
        name = account.book.account.id
        if name in reported:
            yield from _account_faults(reported[name], account)
    returns = {book.id: book for book in measures.returns}
    yield from _same_ids("returns", [r.id for r in outcome.returns], [r.id for r in measures.returns])
    for entry in outcome.returns:
        if entry.id in returns:
            yield from _return_faults(entry, returns[entry.id])
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


def _account_faults(reported: AccountOutcome, account: AccountMeasures) -> Iterator[str]:
    book, name = account.book, reported.id
    for trade in reported.trades:
        yield from _trade_faults(trade, account)
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


def _trade_faults(trade: Trade, account: AccountMeasures) -> Iterator[str]:
    book = account.book
    sales = {sale.lot.id: sale for sale in book.sales}
    for part in trade.lots:
        sale = sales.get(part.lot)
        if sale is None or sale.gain_usd is None:
            continue
        at = f"{book.account.id}: lot {part.lot}"
        yield from _money(f"{at}: gain", part.gain, sale.gain_usd)
        if part.term != sale.term:
            yield f"{at}: term is reported as {part.term}, it is {sale.term}"
        yield from _waiting_faults(f"{at}: waiting", part.waiting, sale.gain_usd, account)


def _waiting_faults(label: str, waiting: Decimal, gain_usd: Decimal, account: AccountMeasures) -> Iterator[str]:
    tax = account.book.account.tax
    is_due = account.book.account.is_taxable and tax is not None and tax.harvest == "year_round" and gain_usd < 0
    if not is_due or tax is None:
        if waiting != 0:
            yield f"{label} is reported as {waiting}, nothing is harvested year-round here"
        return
    most = Decimal(str(max(tax.short_rate, tax.long_rate))) * -gain_usd
    if not waiting.is_finite() or not ZERO <= waiting <= most + CENT_TOLERANCE:
        yield f"{label} is reported as {waiting}, it lies between 0 and {cents(most)}"


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


def _same_ids(label: str, said: list[str], known: list[str]) -> Iterator[str]:
    if said != known:
        yield f"{label} are reported as {', '.join(said) or 'none'}, the case has {', '.join(known) or 'none'}"


def _money(label: str, said: Decimal, computed: Decimal) -> Iterator[str]:
    if not said.is_finite() or abs(said - computed) > CENT_TOLERANCE:
        yield f"{label} is reported as {said}, it is {computed}"


def _number(label: str, said: float, computed: float, *, tolerance: float) -> Iterator[str]:
    if not abs(said - computed) <= tolerance:
        yield f"{label} is reported as {said:.9g}, it is {computed:.9g}"
