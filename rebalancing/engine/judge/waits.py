"""Whether the value of waiting that an outcome reports for each lot is what harvesting today gives up."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from portfolios.ledger.gains import first_long_on
from rebalancing.engine.judge.booking import AccountBook, BookedSale
from rebalancing.engine.judge.docket import AccountDocket
from rebalancing.engine.judge.measures import AccountMeasures, Measures
from rebalancing.engine.judge.taxation import ReturnBook
from rebalancing.engine.judge.waiting import Span, Wait, hurdles, waiting_span

CENT_TOLERANCE = 0.011
LEAST_VOLATILITY = 1e-3
MOST_HURDLES_KEPT = 20_000


def waiting_faults(account: AccountMeasures, measures: Measures) -> Iterator[str]:
    """Yield a sentence for every lot sold whose value of waiting is not true."""
    book = account.book
    owner = book.account.tax_return if book.account.is_taxable else None
    of_return = next((one for one in measures.returns if one.id == owner), None)
    due: dict[str, Wait] = {}
    if of_return is not None and of_return.tax.harvest == "year_round":
        rates = _rates(of_return)
        due = {sale.lot.id: _wait(sale, book, rates) for sale in book.sales if sale.is_loss}
    spans = _spans(book.docket, due)
    for sale in book.sales:
        at = f"{book.account.id}: lot {sale.lot.id}: waiting is reported as {sale.waiting_usd}"
        span = spans.get(sale.lot.id)
        if span is None:
            if sale.waiting_usd != 0:
                yield f"{at}, nothing is harvested year-round here"
            continue
        low, high = _allowed(sale, span, measures, book)
        if not low - CENT_TOLERANCE <= float(sale.waiting_usd) <= high + CENT_TOLERANCE:
            yield f"{at}, it lies between {low:.2f} and {high:.2f}"


def _allowed(sale: BookedSale, span: Span, measures: Measures, book: AccountBook) -> tuple[float, float]:
    """Bound the dollars given up; a loss that is disallowed gives up nothing by being taken."""
    loss_usd = -float(sale.gain_usd or 0)
    met = measures.window.meets(sale, book=book)
    if met is None:
        return span.low * loss_usd, span.high * loss_usd
    return 0.0, 0.0 if met.acquired_on is not None else span.high * loss_usd


def _rates(of_return: ReturnBook) -> dict[str, float]:
    """Return what a dollar of loss of each term is worth beyond the tax that selling later would save."""
    deferred = of_return.tax.phi * of_return.tax.long_rate
    return {term: float(rate) - deferred for term, rate in of_return.loss_rates.items()}


def _wait(sale: BookedSale, book: AccountBook, rates: dict[str, float]) -> Wait:
    market, as_of = book.docket.market, book.as_of
    security = market.securities[sale.lot.security]
    days_to_long = None
    if sale.term == "short":
        days_to_long = (first_long_on(sale.lot.holding_date or sale.lot.acquired) - as_of).days
    return Wait(
        volatility=float(market.volatility[market.place[security.id]]),
        days_left=(date(as_of.year, 12, 31) - as_of).days,
        days_to_long=days_to_long,
        worth_now=rates[sale.term],
        worth_later=rates["long"],
        half_spread=security.half_spread_bps * 1e-4,
    )


def _spans(docket: AccountDocket, due: dict[str, Wait]) -> dict[str, Span]:
    """Price waiting for every lot harvested, per dollar of its loss."""
    known = docket.market.hurdles
    if len(known) > MOST_HURDLES_KEPT:
        known.clear()
    asked = [wait for wait in dict.fromkeys(due.values()) if wait not in known and _is_worth_pricing(wait)]
    known.update(zip(asked, hurdles(asked), strict=True))
    return {name: _span(docket, name, wait, known.get(wait)) for name, wait in due.items()}


def _span(docket: AccountDocket, name: str, wait: Wait, hurdle: Span | None) -> Span:
    if hurdle is None:
        return Span(low=0.0, high=0.0)
    lot = docket.lots[name]
    worth = lot.quantity * docket.market.prices[lot.security]
    bases = [cost for cost in (lot.cost, lot.loss_cost) if cost is not None]
    loss = max(min(bases) - worth, Decimal(0))
    if not loss:
        return Span(low=0.0, high=max(wait.worth_now, 0.0))
    return waiting_span(wait, hurdle=hurdle, loss_frac=float(loss / (worth + loss)))


def _is_worth_pricing(wait: Wait) -> bool:
    return wait.worth_now > 0 and wait.days_left > 0 and wait.volatility > LEAST_VOLATILITY
