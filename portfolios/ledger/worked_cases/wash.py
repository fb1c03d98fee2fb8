"""Worked cases of wash sales: what is disallowed, where it goes, and when it is safe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from portfolios.ledger.projection import AccountFacts, Projection
from portfolios.ledger.tax_schemes import MarginalScheme
from portfolios.ledger.trade_tax import ListedTrade
from portfolios.ledger.types import ZERO, Disposition, Lot, Term
from portfolios.ledger.wash_sales import safe_to_buy_on, safe_to_sell_on, window_of_sale
from portfolios.ledger.worked_cases.estimates import list_figures, price_list, rates_of
from portfolios.ledger.worked_cases.history import facts_of, lot_id, replay
from portfolios.ledger.worked_cases.reading import Actual, Fields, day, day_in, money, shares, term_code, text_in


def safe_dates(given: Fields, policy: Fields) -> Actual:
    """Return the window of a loss sale, or the first day on which a loss may be taken after a purchase."""
    del policy
    found: Actual = {}
    if given.get("loss_sale_date"):
        sold_on = day_in(given, "loss_sale_date")
        first, last = window_of_sale(sold_on)
        found |= {
            "window_first_day": day(first),
            "window_last_day": day(last),
            "first_safe_purchase_date": day(safe_to_buy_on(sold_on)),
        }
    if given.get("last_purchase_date"):
        found["first_safe_loss_sale_date"] = day(safe_to_sell_on(day_in(given, "last_purchase_date")))
    return found


def wash_sale(given: Fields, policy: Fields) -> Actual:
    """Replay the transactions of a case."""
    rows = given["transactions"]
    projection = replay(given, policy, rows=rows)
    facts = facts_of(given, policy)
    taxable = _taxable(projection, facts)
    return {
        "dispositions": [_sold(one) for one in _sales(projection, rows, facts)],
        "open_lots": _open_lots(projection, rows),
        "totals": _totals(taxable),
    }


def integrated(given: Fields, policy: Fields) -> Actual:
    """Replay the history with what is proposed, and price what the proposal adds to the year's tax."""
    history, proposed = given["transactions"], given["proposed"]
    facts = facts_of(given, policy)
    before = _taxable(replay(given, policy, rows=history), facts)
    projection = replay(given, policy, rows=[*history, *proposed])
    after = _taxable(projection, facts)
    refs = {text_in(row, "id") for row in proposed}
    priced = price_list(given, _listed(before, after), MarginalScheme(rates=rates_of(given)))
    totals = _totals([one for one in after if one.event_ref in refs])
    sales = _sales(projection, [*history, *proposed], facts)
    return {
        "relieved": [_relieved(one) for one in sales if one.sell in refs],
        "dispositions": [_sold(one) for one in sales],
        "open_lots": _open_lots(projection, [*history, *proposed]),
        **{name: totals[name] for name in ("disallowed", "recognized_st", "recognized_lt")},
        "permanently_disallowed": totals["permanently_disallowed"],
        "totals": totals,
        **list_figures(priced),
    }


def _listed(before: Iterable[Disposition], after: Iterable[Disposition]) -> list[ListedTrade]:
    """Return what the proposal changes: what it sells, and what it washes of the sales before it."""
    known = {(one.event_ref, one.lot_key): one for one in before}
    trades = []
    for one in after:
        old = known.get((one.event_ref, one.lot_key))
        gain = (one.gain_usd or ZERO) - ((old.gain_usd or ZERO) if old else ZERO)
        disallowed = one.disallowed_usd - (old.disallowed_usd if old else ZERO)
        if gain or disallowed:
            trades.append(ListedTrade(key=one.event_ref, term=one.term, gain_usd=gain + disallowed, permanent_usd=ZERO))
    return trades


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sale:
    """What one sale took of one lot, sublots of a term together."""

    sell: str
    lot: str
    term: Term
    units: Decimal
    proceeds_usd: Decimal
    cost_usd: Decimal
    disallowed_usd: Decimal
    permanent_usd: Decimal
    is_taxable: bool


def _sales(projection: Projection, rows: Sequence[Fields], facts: Mapping[str, AccountFacts]) -> list[_Sale]:
    order = {text_in(row, "id"): place for place, row in enumerate(rows)}
    found: dict[tuple[str, str, Term], _Sale] = {}
    for account, book in projection.books.items():
        for one in book.dispositions:
            key = (one.event_ref, lot_id(one.lot_key), one.term)
            sale = _Sale(
                sell=key[0],
                lot=key[1],
                term=one.term,
                units=one.units,
                proceeds_usd=one.proceeds_usd,
                cost_usd=one.cost_usd or ZERO,
                disallowed_usd=one.disallowed_usd,
                permanent_usd=one.permanent_usd,
                is_taxable=facts[account].is_taxable,
            )
            found[key] = _and(found[key], sale) if key in found else sale
    return sorted(found.values(), key=lambda sale: order[sale.sell])


def _and(one: _Sale, other: _Sale) -> _Sale:
    return replace(
        one,
        units=one.units + other.units,
        proceeds_usd=one.proceeds_usd + other.proceeds_usd,
        cost_usd=one.cost_usd + other.cost_usd,
        disallowed_usd=one.disallowed_usd + other.disallowed_usd,
        permanent_usd=one.permanent_usd + other.permanent_usd,
    )


def _sold(sale: _Sale) -> Actual:
    gain = sale.proceeds_usd - sale.cost_usd
    return {
        "sell": sale.sell,
        "lot": sale.lot,
        "shares": shares(sale.units),
        "proceeds": money(sale.proceeds_usd),
        "basis": money(sale.cost_usd),
        "gain": money(gain),
        "disallowed": money(sale.disallowed_usd),
        "permanently_disallowed": money(sale.permanent_usd),
        "recognized": money(gain + sale.disallowed_usd if sale.is_taxable else ZERO),
        "term": term_code(sale.term),
    }


def _relieved(sale: _Sale) -> Actual:
    row = _sold(sale)
    return {name: row[name] for name in ("sell", "lot", "shares", "gain", "term")}


def _open_lots(projection: Projection, rows: Sequence[Fields]) -> list[Actual]:
    """List what is open, sublots that agree in everything together."""
    order = {text_in(row, "id"): place for place, row in enumerate(rows)}
    found: dict[tuple[object, ...], tuple[str, Lot]] = {}
    for account, book in projection.books.items():
        for lot in book.lots.values():
            per_unit = (lot.cost_usd or ZERO) / lot.units
            key = (account, lot_id(lot.key), lot.acquired_on, lot.held_from_on, per_unit)
            found[key] = (account, _with(found[key][1], lot) if key in found else lot)
    ordered = sorted(found.values(), key=lambda pair: (order[lot_id(pair[1].key)], pair[0], pair[1].held_from_on))
    return [
        {
            "lot": lot_id(lot.key),
            "account": account,
            "shares": shares(lot.units),
            "basis": money(lot.cost_usd),
            "wash_adjustment": money(lot.wash_adjustment_usd),
            "acquired": day(lot.acquired_on),
            "holding_date": day(lot.held_from_on),
        }
        for account, lot in ordered
    ]


def _with(lot: Lot, other: Lot) -> Lot:
    return replace(
        lot,
        units=lot.units + other.units,
        cost_usd=(lot.cost_usd or ZERO) + (other.cost_usd or ZERO),
        wash_adjustment_usd=lot.wash_adjustment_usd + other.wash_adjustment_usd,
    )


def _taxable(projection: Projection, facts: Mapping[str, AccountFacts]) -> list[Disposition]:
    return [one for account, book in projection.books.items() if facts[account].is_taxable for one in book.dispositions]


def _totals(sold: Iterable[Disposition]) -> Actual:
    rows = list(sold)
    recognized = {
        term: sum((one.recognized_usd or ZERO for one in rows if one.term is term), ZERO)
        for term in (Term.SHORT, Term.LONG)
    }
    return {
        "realized": money(sum((one.gain_usd or ZERO for one in rows), ZERO)),
        "disallowed": money(sum((one.disallowed_usd for one in rows), ZERO)),
        "permanently_disallowed": money(sum((one.permanent_usd for one in rows), ZERO)),
        "recognized_st": money(recognized[Term.SHORT]),
        "recognized_lt": money(recognized[Term.LONG]),
    }
