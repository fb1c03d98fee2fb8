"""
Real corporate actions with their prices: what a holder of 100 units had the day before and has after them.

Read from the market data beside the project, which the project may not ship.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pandas as pd

from portfolios.ledger.corporate_actions.effect import ActionEffect
from portfolios.ledger.corporate_actions.effects import apply_action
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery, HolderTerms
from portfolios.ledger.types import ZERO, Lot, Relief

DATA = Path(__file__).parents[2] / "shared" / "data"
_STEP = Decimal("0.0001")  # prices are kept as single floats; four decimals of them are true
# Children leave before the units are changed: the file's ratios are of the units held before.
_ORDER = (
    "spinoff",
    "stock_distribution_other_class",
    "split",
    "reverse_split",
    "special_dividend",
    "ticker_change",
    "bankruptcy",
)
_WEEK = 7
_ONE_DAY = timedelta(days=1)
SURVIVED = frozenset({"PCG"})  # Chapter 11 in 2019, and the same shares are traded today
_MERGERS = {
    "merger_cash": ActionKind.CASH_MERGER,
    "merger_stock": ActionKind.STOCK_MERGER,
    "merger_mixed": ActionKind.MIXED_MERGER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One day's close as traded, and the close of the total-return series."""

    on: date
    close_usd: Decimal
    adjusted: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RealAction:
    """One row of the file of actions, as text."""

    key: str
    kind: str
    on: date
    sid: str
    row: Mapping[str, str]

    def number(self, name: str) -> Decimal | None:
        """Return a number of the row, None where it is empty."""
        return Decimal(self.row[name]) if self.row[name] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """An account that was held through all actions of one security on one day."""

    terms: tuple[ActionTerms, ...]
    before: tuple[Lot, ...]
    after: tuple[Lot, ...]
    effects: tuple[ActionEffect, ...]
    value_before_usd: Decimal
    value_after_usd: Decimal
    expected_frac: Decimal  # value after over value before, by the total-return series

    @property
    def off_frac(self) -> Decimal:
        """Return how far the value after lies from what the total return says, as a part of the value before."""
        return self.value_after_usd / self.value_before_usd - self.expected_frac


@cache
def actions() -> tuple[RealAction, ...]:
    """Read every action, in the order of the file."""
    with (DATA / "corporate_actions.csv").open(newline="") as file:
        return tuple(
            RealAction(key=row["id"], kind=row["type"], on=date.fromisoformat(row["ex_date"]), sid=row["sid"], row=row)
            for row in csv.DictReader(file)
        )


@cache
def _closes() -> Mapping[str, pd.DataFrame]:
    """Read the closes of every security that an action names, in order of the day."""
    frame = pd.read_parquet(DATA / "prices.parquet", columns=["date", "sid", "close", "adj_close", "basis"])
    named = {each.sid for each in actions()} | {each.row["child"] for each in actions()}
    kept = frame[frame.sid.isin(named)].sort_values("date").set_index("date")
    return {str(sid): rows for sid, rows in kept.groupby("sid")}


def _quote(rows: pd.DataFrame) -> Quote | None:
    """Return the quote of a table of one row, None of an empty one."""
    if rows.empty:
        return None
    return Quote(
        on=rows.index[0].date(),
        close_usd=Decimal(str(rows.close.iloc[0])).quantize(_STEP),
        adjusted=Decimal(str(rows.adj_close.iloc[0])),
    )


def is_priced(sid: str) -> bool:
    """Tell whether the file of prices knows a security at all."""
    return sid in _closes()


def last_before(sid: str, on: date) -> Quote | None:
    """Return the last quote before a day."""
    return _quote(_closes()[sid].loc[: pd.Timestamp(on - _ONE_DAY)].tail(1))


def first_from(sid: str, on: date) -> Quote | None:
    """Return the first quote on a day or after it."""
    return _quote(_closes()[sid].loc[pd.Timestamp(on) :].head(1))


def quote_on(sid: str, on: date) -> Quote | None:
    """Return the quote of a day, None where there is none or the security is not known."""
    quote = first_from(sid, on) if is_priced(sid) else None
    return quote if quote is not None and quote.on == on else None


@cache
def dividends() -> Mapping[tuple[str, date], Decimal]:
    """Read the cash dividends, by security and ex-date."""
    frame = pd.read_csv(DATA / "dividends.csv.xz", dtype=str)
    rows = zip(frame.sid, frame.ex_date, frame.amount, strict=True)
    return {(sid, date.fromisoformat(on)): Decimal(amount) for sid, on, amount in rows}


def three_lots(sid: str, on: date, close_usd: Decimal) -> tuple[Lot, ...]:
    """Hold 100 units in a lot with a large gain, one with a small and one with a loss, the last held a month."""
    return tuple(
        Lot(
            key=key,
            security=sid,
            units=Decimal(units),
            cost_usd=(Decimal(units) * close_usd * Decimal(paid)).quantize(Decimal("0.01")),
            acquired_on=on - timedelta(days=days),
        )
        for key, units, paid, days in (("L1", 50, "0.4", 900), ("L2", 30, "0.95", 400), ("L3", 20, "1.25", 30))
    )


def is_merger(action: RealAction) -> bool:
    """Tell whether the security ends in cash or another's stock."""
    return action.kind in _MERGERS


@cache
def passage(sid: str, on: date) -> Passage:
    """
    Hold 100 units through everything that the file says of one security on one day, and the day's dividend.

    Where prices end before the day, or begin on it, the nearest stand for them, and nothing can be compared.
    """
    before, after = last_before(sid, on), first_from(sid, on)
    start, end = before or after, after or before
    assert start is not None and end is not None
    symbol = _symbol_before(sid, on)
    prices = {symbol: end.close_usd, _symbol_after(sid, on): end.close_usd}
    return _held_through(terms_of(sid, on, end), symbol, start, prices, expected_frac=end.adjusted / start.adjusted)


def has_prices_around(sid: str, on: date) -> bool:
    """Tell whether a security is priced on a day and in the week before."""
    before, after = last_before(sid, on), first_from(sid, on)
    return before is not None and after is not None and after.on == on and (on - before.on).days <= _WEEK


@cache
def merger_passage(key: str) -> Passage:
    """
    Hold 100 units of a target through its merger, on the last day up to the merger on which the target is priced.

    The acquirer counts at its close of the same day. Where it has none, what the market paid for the target, less the
    cash, stands for it, and nothing can be compared.
    """
    action = next(each for each in actions() if each.key == key)
    last = last_before(action.sid, action.on + _ONE_DAY)
    assert last is not None
    terms = _merger_terms(action, last)
    prices = {each.security: each.price_usd or ZERO for each in terms.delivered}
    return _held_through((terms,), action.sid, last, prices, expected_frac=Decimal(1))


def has_price_of_acquirer(action: RealAction) -> bool:
    """Tell whether what the holder gets in a merger is priced on the last day of the target, or is cash alone."""
    last = last_before(action.sid, action.on + _ONE_DAY)
    assert last is not None
    return not action.row["child_per_parent"] or quote_on(action.row["child"], last.on) is not None


def _merger_terms(action: RealAction, last: Quote) -> ActionTerms:
    cash, units = action.number("cash_per_share") or ZERO, action.number("child_per_parent")
    bare = replace(_bare(action, _MERGERS[action.kind], action.sid), cash_per_unit_usd=cash)
    if not units:
        return bare
    quote = quote_on(action.row["child"], last.on)
    price = ((last.close_usd - cash) / units).quantize(_STEP) if quote is None else quote.close_usd
    stock = Delivery(security=action.row["child"], units_per_unit=units, price_usd=price)
    return replace(bare, delivered=(stock,), pays_fractions=True, fraction_price_usd=price)


def _held_through(
    all_terms: Sequence[ActionTerms],
    symbol: str,
    before: Quote,
    prices: dict[str, Decimal],
    *,
    expected_frac: Decimal,
) -> Passage:
    on = all_terms[0].effective_on if all_terms else before.on
    lots = three_lots(symbol, on, before.close_usd)
    held, effects = {lot.key: lot for lot in lots}, []
    for terms in all_terms:
        prices |= {each.security: each.price_usd for each in terms.delivered if each.price_usd is not None}
        touched = [lot for lot in held.values() if lot.security == terms.security]
        effect = apply_action(touched, terms, HolderTerms(), method=Relief.FIFO, event_ref=terms.key)
        effects.append(effect)
        held = {key: lot for key, lot in held.items() if key not in effect.gone}
        held |= {lot.key: lot for lot in (*effect.kept, *effect.opened)}
    cash = sum((effect.cash_usd for effect in effects), ZERO)
    return Passage(
        terms=tuple(all_terms),
        before=lots,
        after=tuple(held.values()),
        effects=tuple(effects),
        value_before_usd=100 * before.close_usd,
        value_after_usd=sum((lot.units * prices[lot.security] for lot in held.values()), cash),
        expected_frac=expected_frac,
    )


def terms_of(sid: str, on: date, after: Quote) -> tuple[ActionTerms, ...]:
    """
    Return the terms of everything that happened to a security on a day, in the order of the holder's books.

    Children that come on one day are one distribution. The dividend of the day is what all sources paid, the special
    one included; it is paid on the units after a split. A security that takes a new symbol does so last. Of the
    bankruptcies in the file only one left its shares alive.
    """
    rows = _rows(sid, on)
    symbol = _symbol_before(sid, on)
    children = [each for each in rows if each.kind in _ORDER[:2] and each.row["child"] != sid]
    found = [_distribution(children, symbol, after)] if children else []
    for row in rows:
        ratio = _split_ratio(row)
        if ratio is not None:
            kind = ActionKind.SPLIT if ratio > 1 else ActionKind.REVERSE_SPLIT
            bare = _bare(row, kind, symbol)
            found.append(replace(bare, ratio=ratio, pays_fractions=True, fraction_price_usd=after.close_usd))
    special = sum((row.number("cash_per_share") or ZERO for row in rows if row.kind == "special_dividend"), ZERO)
    paid = max(special, dividends().get((sid, on), ZERO))
    if paid:
        dividend = ActionTerms(kind=ActionKind.SPECIAL_DIVIDEND, key="dividend", security=symbol, effective_on=on)
        found.append(replace(dividend, cash_per_unit_usd=paid))
    for row in rows:
        if row.kind == "ticker_change":
            new = Delivery(security=row.row["new_ticker"], units_per_unit=Decimal(1))
            found.append(replace(_bare(row, ActionKind.SYMBOL_CHANGE, symbol), delivered=(new,)))
        if row.kind == "bankruptcy" and sid not in SURVIVED:
            found.append(_bare(row, ActionKind.WORTHLESS, symbol))
    return tuple(found)


def _rows(sid: str, on: date) -> tuple[RealAction, ...]:
    rows = (each for each in actions() if (each.sid, each.on) == (sid, on) and each.kind in _ORDER)
    return tuple(sorted(rows, key=lambda each: _ORDER.index(each.kind)))


def _symbol_before(sid: str, on: date) -> str:
    """Return the symbol that the day's holders had: marked as old where it changed, as another may take it."""
    return next((f"{row.row['old_ticker']} before" for row in _rows(sid, on) if row.kind == "ticker_change"), sid)


def _symbol_after(sid: str, on: date) -> str:
    return next((row.row["new_ticker"] for row in _rows(sid, on) if row.kind == "ticker_change"), sid)


def _split_ratio(row: RealAction) -> Decimal | None:
    if row.row["child"] == row.sid:  # a unit of the class for each unit of the same class
        return 1 + (row.number("child_per_parent") or ZERO)
    new, old = row.number("ratio_new"), row.number("ratio_old")
    return new / old if row.kind in ("split", "reverse_split") and new and old else None


def _bare(row: RealAction, kind: ActionKind, symbol: str) -> ActionTerms:
    return ActionTerms(kind=kind, key=row.key, security=symbol, effective_on=row.on)


def _distribution(rows: Sequence[RealAction], symbol: str, after: Quote) -> ActionTerms:
    kind = ActionKind.SPIN_OFF if rows[0].kind == "spinoff" else ActionKind.CLASS_DIVIDEND
    delivered = []
    for row in rows:
        units = row.number("child_per_parent")
        assert units
        price = row.number("child_first_close") if row.row["value_basis"] == "child_px" else None
        price = price or (row.number("value_per_parent_share") or ZERO) / units
        delivered.append(
            Delivery(security=row.row["child"], units_per_unit=units, price_usd=price, fraction_price_usd=price)
        )
    return replace(
        _bare(rows[0], kind, symbol), delivered=tuple(delivered), price_usd=after.close_usd, pays_fractions=True
    )
