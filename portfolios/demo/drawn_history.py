"""
Draw the history of a household that trades much: for measuring the ledger, and for testing it on what nobody thought of.

The same seed draws the same history. Every event can be booked: only what is held is sold.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from portfolios.ledger.projection import AccountEvent, AccountFacts
from portfolios.ledger.types import CENT, UNIT_STEP, EventKind, Lot, LotEvent, LotPick, Relief

_KINDS = ("buy", "reinvest", "sell", "dividend")
_METHODS = (Relief.FIFO, Relief.HIFO, Relief.LIFO, Relief.MAX_LOSS)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryShape:
    """How much happens: events in all, over so many days, in so many securities; weights of the kinds of event."""

    event_count: int
    day_count: int = 1095
    security_count: int = 40
    weights: tuple[int, int, int, int] = (20, 35, 10, 35)
    picked_frac: float = 0.7
    split_every: int = 5000
    first_on: date = date(2023, 1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnHistory:
    """A household's accounts, what it calls identical, and what happened, in order."""

    accounts: Mapping[str, AccountFacts]
    groups: Mapping[str, str]
    events: tuple[AccountEvent, ...]


@dataclass(slots=True)
class _Holding:
    """Lots not sold yet as (key, units), oldest first; and the price of the day."""

    lots: deque[tuple[str, Decimal]] = field(default_factory=deque)


def draw_history(seed: int, shape: HistoryShape) -> DrawnHistory:
    """Draw a history of two spouses with three taxable accounts, two IRAs and a plan."""
    rng = Random(seed)
    accounts = {facts.key: facts for facts in _household()}
    securities = [f"S{number:02}" for number in range(shape.security_count)]
    groups = dict.fromkeys(securities[:2], "S00=S01")
    prices = {each: rng.uniform(20, 200) for each in securities}
    held = {(account, each): _Holding() for account in accounts for each in securities}
    events: list[AccountEvent] = []
    for number in range(shape.event_count):
        on = shape.first_on + timedelta(days=number * shape.day_count // shape.event_count)
        security = rng.choice(securities)
        prices[security] = max(1.0, prices[security] * rng.gauss(1, 0.03))
        if number % shape.split_every == shape.split_every - 1:
            events += _splits(held, security, on, number)
            prices[security] /= 2
            continue
        account = rng.choice(tuple(accounts))
        price = Decimal(prices[security]).quantize(CENT)
        events.append(_event(rng, shape, held[account, security], (account, security, on, number), price))
    return DrawnHistory(accounts=accounts, groups=groups, events=tuple(events))


def _household() -> tuple[AccountFacts, ...]:
    return (
        AccountFacts(key="T1", owner="H", spouses=("W",)),
        AccountFacts(key="T2", owner="H", spouses=("W",)),
        AccountFacts(key="T3", owner="W", spouses=("H",)),
        AccountFacts(key="R1", owner="H", is_taxable=False, is_retirement=True, plan="traditional_ira", spouses=("W",)),
        AccountFacts(key="R2", owner="W", is_taxable=False, is_retirement=True, plan="roth_ira", spouses=("H",)),
        AccountFacts(key="P1", owner="H", is_taxable=False, is_retirement=True, plan="401k", spouses=("W",)),
    )


def _event(
    rng: Random, shape: HistoryShape, holding: _Holding, place: tuple[str, str, date, int], price: Decimal
) -> AccountEvent:
    account, security, on, number = place
    kind = rng.choices(_KINDS, weights=shape.weights)[0]
    if kind == "sell" and holding.lots:
        event = _sale(rng, shape, holding, place, price)
    elif kind == "dividend":
        event = LotEvent(kind=EventKind.DIVIDEND, ref=f"E{number}", traded_on=on, security=security, amount_usd=price)
    else:
        units = (Decimal(rng.randint(1, 40)) / (100 if kind == "reinvest" else 1)).quantize(UNIT_STEP)
        event = _purchase(holding, place, units=units, price=price, kind=EventKind(kind if kind != "sell" else "buy"))
    return AccountEvent(account=account, position=number, event=event)


def _purchase(
    holding: _Holding, place: tuple[str, str, date, int], *, units: Decimal, price: Decimal, kind: EventKind
) -> LotEvent:
    _, security, on, number = place
    paid = (units * price).quantize(CENT)
    lot = Lot(key=f"L{number}", security=security, units=units, cost_usd=paid, acquired_on=on)
    holding.lots.append((lot.key, units))
    return LotEvent(
        kind=kind, ref=f"E{number}", traded_on=on, security=security, units=units, amount_usd=-paid, lot=lot
    )


def _sale(
    rng: Random, shape: HistoryShape, holding: _Holding, place: tuple[str, str, date, int], price: Decimal
) -> LotEvent:
    _, security, on, number = place
    total = sum(units for _, units in holding.lots)
    units = Decimal(total) if rng.random() < 0.3 else (Decimal(total) / 2).quantize(UNIT_STEP)
    picks: tuple[LotPick, ...] = ()
    method: Relief | None = None
    if rng.random() < shape.picked_frac or units <= 0:
        picks, units = _picked(rng, holding)
    else:
        method = rng.choice(_METHODS)
        holding.lots.clear()  # which lots are left is not followed here
    return LotEvent(
        kind=EventKind.SELL,
        ref=f"E{number}",
        traded_on=on,
        security=security,
        units=units,
        amount_usd=(units * price).quantize(CENT),
        picks=picks,
        method=method,
    )


def _picked(rng: Random, holding: _Holding) -> tuple[tuple[LotPick, ...], Decimal]:
    picks = []
    for _ in range(min(rng.randint(1, 4), len(holding.lots))):
        key, units = holding.lots.popleft()
        picks.append(LotPick(key=key, units=units))
    if rng.random() < 0.3:
        last = picks.pop()
        half = (last.units / 2).quantize(UNIT_STEP)
        if 0 < half < last.units:
            holding.lots.appendleft((last.key, last.units - half))
            last = LotPick(key=last.key, units=half)
        picks.append(last)
    return tuple(picks), sum((pick.units for pick in picks), Decimal(0))


def _splits(held: Mapping[tuple[str, str], _Holding], security: str, on: date, number: int) -> list[AccountEvent]:
    splits = []
    for (account, symbol), holding in held.items():
        if symbol == security and holding.lots:
            event = LotEvent(
                kind=EventKind.SPLIT, ref=f"E{number}{account}", traded_on=on, security=security, ratio=Decimal(2)
            )
            splits.append(AccountEvent(account=account, position=number, event=event))
            holding.lots = deque((key, units * 2) for key, units in holding.lots)
    return splits
