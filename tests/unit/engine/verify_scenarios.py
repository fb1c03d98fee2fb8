"""Trades that keep and trades that break the rules of law, client and wash sales: one scenario each."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
import pytest
from _pytest.mark import ParameterSet

from rebalancing.engine.judge.findings import Rank
from rebalancing.engine.outcome import Trade
from rebalancing.engine.types import Account, Case
from tests import cases as c

MARKET = (
    c.security("AAPL", 200, sector="Technology", country="US"),
    c.security("MSFT", 400, sector="Technology", country="US", identity_group="MICRO"),
    c.security("XOM", 100, sector="Energy", industry="Oil", screens=("fossil",)),
    c.security("CVX", 150, sector="Energy", industry="Oil", screens=("fossil",), buyable=False),
    c.security("BND", 80, "bonds", quantity_step="0.01"),
)
HELD = (
    c.lot("L1 AAPL 10 @ 250 2025-06-03"),  # a short-term loss of 50 a share
    c.lot("L2 AAPL 10 @ 100 2020-06-03"),  # a long-term gain of 100 a share
    c.lot("L3 XOM 20 @ 80 2025-09-01"),  # a short-term gain of 20 a share
    c.lot("L4 MSFT 5 @ 400 2020-06-03"),  # neither gain nor loss
)  # 4,000 + 2,000 + 2,000, with 2,000 cash: a value of 10,000
TARGET = {"AAPL": 0.4, "MSFT": 0.2, "XOM": 0.2, "BND": 0.1, "CASH": 0.1}


def a_case(
    *,
    recent: tuple[str, ...] = (),
    others: tuple[Account, ...] = (),
    tax: Mapping[str, c.Wired] | None = None,
    **fields: c.Wired,
) -> Case:
    """One taxable account worth 10,000; `tax`, `trading`, `cash_needs`, `constraints` as on the wire."""
    return_of: dict[str, c.Wired] = {**msgspec.to_builtins(c.TAX), **(tax or {})}
    held: dict[str, c.Wired] = {"cash": 2000, "lots": HELD, "target": TARGET, "tax": return_of, **fields}
    trades = [c.recent(words.removesuffix(" loss"), loss="5" if "loss" in words else "0") for words in recent]
    return c.case(MARKET, (c.account(**held), *others), recent_trades=trades)


def trades(of_case: Case, *words: str) -> tuple[Trade, ...]:
    """Read `sell 5 AAPL < L1 5, L2 1` and `buy 2 MSFT`."""
    parsed = []
    for text in words:
        head, _, lots = text.partition(" < ")
        parsed.append(c.trade(of_case, head, *(lots.split(", ") if lots else ())))
    return tuple(parsed)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    rule: str
    rank: Rank
    build: Callable[[], Case]
    keeps: tuple[str, ...]
    breaks: tuple[str, ...]
    by: str
    excess: str


def scenario(
    rule: str, rank: Rank, keeps: tuple[str, ...], breaks: tuple[str, ...], by: str, excess: str, **fields: c.Wired
) -> ParameterSet:
    made = Scenario(
        rule=rule, rank=rank, build=partial(a_case, **fields), keeps=keeps, breaks=breaks, by=by, excess=excess
    )
    return pytest.param(made, id=f"{rule} / {' + '.join(breaks) or 'nothing'}")


def constraint(verb: str, **fields: c.Wired) -> tuple[dict[str, c.Wired], ...]:
    return ({"verb": verb, **fields},)


SELL_LOSS = "sell 10 AAPL < L1 10"
SELL_GAIN = "sell 10 AAPL < L2 10"
SELL_SHORT_GAIN = "sell 10 XOM < L3 10"
BUY_AAPL = "buy 5 AAPL"
SPOUSE = c.account("A2", cash="1000", lots=(c.lot("P1 AAPL 1 @ 300 2026-02-20"),), target={"CASH": 1.0})
IRA = c.account("A2", status="deferred", cash="1000", lots=SPOUSE.lots, target={"CASH": 1.0})
GIVEN_RECENTLY = (msgspec.structs.replace(HELD[0], id="N1", acquired=dt.date(2026, 2, 20), wash_acquisition=False),)
LAW = (
    scenario("quantity_step XOM", Rank.LAW, ("buy 1 XOM",), ("buy 1.5 XOM",), "0.5 shares", "50"),
    scenario("quantity_step BND", Rank.LAW, ("buy 1.25 BND",), ("buy 1.255 BND",), "0.005 shares", "1"),
    scenario("no_overdraft", Rank.LAW, ("buy 19 XOM",), ("buy 25 XOM",), "500.50 dollars", "500.50"),
    scenario("never_short", Rank.LAW, ("sell 20 XOM < L3 20",), ("sell 21 XOM < L3 20",), "100.00 dollars", "100"),
    scenario("booking", Rank.LAW, ("sell 5 XOM < L3 5",), ("sell 5 XOM < L3 4",), "1 mistake", "1"),
    scenario("booking", Rank.LAW, ("sell 5 XOM < L3 5",), ("sell 5 XOM < L1 5",), "2 mistakes", "2"),
    scenario("booking", Rank.LAW, ("sell 5 XOM < L3 5",), ("sell 5 XOM < L3 4, L3 1",), "2 mistakes", "2"),
    scenario("booking", Rank.LAW, ("sell 5 XOM < L3 5",), ("buy 5 XOM < L3 5",), "1 mistake", "1"),
    scenario("one_side", Rank.LAW, ("buy 5 XOM",), ("buy 5 XOM", "sell 3 XOM < L3 3"), "300.00 dollars", "300"),
    scenario("not_buyable", Rank.LAW, ("buy 1 XOM",), ("buy 1 CVX",), "150.00 dollars", "150"),
    scenario(
        "unknown_basis",
        Rank.LAW,
        ("sell 5 AAPL < L1 5",),
        ("sell 5 MSFT < U1 5",),
        "2000.00 dollars",
        "2000",
        lots=(*HELD[:3], c.lot("U1 MSFT 5 @ ? 2020-06-03")),
    ),
    scenario(
        "gift",
        Rank.LAW,
        (SELL_LOSS,),
        ("sell 4 MSFT < G1 4",),
        "1600.00 dollars",
        "1600",
        lots=(*HELD[:3], c.lot("G1 MSFT 5 @ 10 2020-06-03", gift=True)),
    ),
    scenario(
        "hold_only XOM",
        Rank.LAW,
        ("sell 1 XOM < L3 1",),
        ("buy 1 XOM",),
        "100.00 dollars",
        "100",
        substitutes=({"for": "CVX", "use": "XOM", "hold_only": True},),
    ),
    scenario(
        "pinned XOM",
        Rank.LAW,
        ("buy 3 XOM",),
        ("buy 5 XOM",),
        "2 shares",
        "200",
        trading={"pinned": ({"security": "XOM", "side": "buy", "quantity": "3"},)},
    ),
    scenario(
        "pinned AAPL",
        Rank.LAW,
        ("sell 3 AAPL < L2 3",),
        ("sell 3 AAPL < L1 3",),
        "3 shares",
        "600",
        trading={
            "pinned": (
                {"security": "AAPL", "side": "sell", "quantity": "3", "lots": ({"lot": "L2", "quantity": "3"},)},
            )
        },
    ),
    scenario(
        "pinned XOM",
        Rank.LAW,
        (),
        ("sell 1 XOM < L3 1",),
        "1 shares",
        "100",
        trading={"pinned": ({"security": "XOM", "side": "none"},)},
    ),
    scenario(
        "never_trade identity_group MICRO",
        Rank.LAW,
        (BUY_AAPL,),
        ("buy 1 MSFT",),
        "1 shares",
        "400",
        constraints=constraint("never_trade", identity_group="MICRO"),
    ),
    scenario(
        "never_trade identity_group MICRO",
        Rank.LAW,
        (BUY_AAPL,),
        ("sell 2 MSFT < L4 2",),
        "2 shares",
        "800",
        constraints=constraint("never_trade", identity_group="MICRO"),
    ),
)
CLIENT = (
    scenario(
        "never_buy security XOM",
        Rank.CLIENT_NEVER,
        (SELL_SHORT_GAIN,),
        ("buy 2 XOM",),
        "2 shares",
        "200",
        constraints=constraint("never_buy", security="XOM"),
    ),
    scenario(
        "never_buy sector Technology",
        Rank.CLIENT_NEVER,
        (SELL_LOSS, "buy 1 XOM"),
        ("buy 1 MSFT", BUY_AAPL),
        "1400.00 dollars",
        "1400",
        constraints=constraint("never_buy", sector="Technology"),
    ),
    scenario(
        "never_sell country US",
        Rank.CLIENT_NEVER,
        (SELL_SHORT_GAIN, BUY_AAPL),
        (SELL_GAIN,),
        "10 shares",
        "2000",
        constraints=constraint("never_sell", country="US"),
    ),
    scenario(
        "never_own screen fossil",
        Rank.CLIENT_NEVER,
        ("sell 20 XOM < L3 20",),
        ("sell 15 XOM < L3 15",),
        "5 shares",
        "500",
        constraints=constraint("never_own", screen="fossil", disposal="now"),
    ),
    scenario(
        "never_own industry Oil",
        Rank.CLIENT_NEVER,
        ("sell 20 XOM < L3 20",),
        (),
        "20 shares",
        "2000",
        constraints=constraint("never_own", industry="Oil"),
    ),
    scenario(
        "never_own screen fossil",
        Rank.WISHES,
        ("sell 20 XOM < L3 20",),
        ("sell 15 XOM < L3 15",),
        "5 shares",
        "500",
        constraints=constraint("never_own", screen="fossil", disposal="within_budget"),
    ),
    scenario(
        "never_own screen fossil",
        Rank.CLIENT_NEVER,
        ("sell 15 XOM < L3 15",),
        ("buy 1 XOM",),
        "1 shares",
        "100",
        constraints=constraint("never_own", screen="fossil", disposal="keep"),
    ),
    scenario(
        "range sector Energy",
        Rank.WISHES,
        ("buy 5 XOM",),
        ("buy 6 XOM",),
        "0.010000 weight",
        "100",
        constraints=constraint("range", sector="Energy", min_weight=0.15, max_weight=0.25),
    ),
    scenario(
        "range sector Energy",
        Rank.WISHES,
        ("sell 5 XOM < L3 5",),
        ("sell 6 XOM < L3 6",),
        "0.010000 weight",
        "100",
        constraints=constraint("range", sector="Energy", min_weight=0.15, max_weight=0.25),
    ),
    scenario(
        "range security MSFT",
        Rank.WISHES,
        ("buy 2 MSFT",),
        ("buy 3 MSFT",),
        "200.00 dollars",
        "200",
        constraints=constraint("range", security="MSFT", max_value="3000"),
    ),
    scenario(
        "range security MSFT",
        Rank.WISHES,
        ("sell 1 MSFT < L4 1",),
        ("sell 3 MSFT < L4 3",),
        "1 shares",
        "400",
        constraints=constraint("range", security="MSFT", min_quantity="3", max_quantity="6"),
    ),
)
WASH = (
    scenario(
        "wash_sale AAPL",
        Rank.WASH_SALE,
        (SELL_GAIN,),
        (SELL_LOSS,),
        "500.00 dollars",
        "500",
        recent=("A9 buy 1 AAPL 2026-01-31",),
    ),
    scenario("wash_sale AAPL", Rank.WASH_SALE, (SELL_GAIN,), (SELL_LOSS,), "500.00 dollars", "500", others=(SPOUSE,)),
    scenario("wash_sale AAPL", Rank.WASH_SALE, (SELL_GAIN,), (SELL_LOSS,), "500.00 dollars", "500", others=(IRA,)),
    scenario(
        "wash_sale AAPL",
        Rank.WASH_SALE,
        ("buy 1 XOM",),
        ("buy 2 AAPL",),
        "400.00 dollars",
        "400",
        recent=("A9 sell 1 AAPL 2026-01-31 loss",),
    ),
)
