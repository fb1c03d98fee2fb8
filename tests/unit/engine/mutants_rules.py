"""Mutants of the rules of law, of the client and of wash sales: one share or one day off."""

import datetime as dt

import msgspec

from tests import cases as c
from tests.unit.engine.mutants import by_case, by_trades
from tests.unit.engine.verify_scenarios import HELD, MARKET, SELL_GAIN, SELL_LOSS, constraint

DAY_30, DAY_31 = "2026-01-31", "2026-01-30"  # before 2026-03-02
RELATED = {"target": {"CASH": 1.0}, "cash": "1000"}


def pin(side: str, quantity: str | None = None, security: str = "XOM", *lots: tuple[str, str]) -> dict[str, c.Wired]:
    asked = {"security": security, "side": side, "quantity": quantity}
    return {"trading": {"pinned": ({**asked, "lots": [{"lot": lot, "quantity": count} for lot, count in lots]},)}}


def rule(verb: str, **fields: c.Wired) -> dict[str, c.Wired]:
    return {"constraints": constraint(verb, **fields)}


def bought_on(day: str, *, status: str = "taxable", **fields: c.Wired) -> dict[str, c.Wired]:
    """Another account that bought one AAPL on a day."""
    lot = c.lot(f"P1 AAPL 1 @ 300 {day}", **fields)
    return {"others": (c.account("A2", status=status, lots=(lot,), **RELATED),)}


def lots(*words: str, **fields: c.Wired) -> dict[str, c.Wired]:
    return {"lots": (*HELD[:3], *(c.lot(word, **fields) for word in words))}


LAW = (
    by_trades("a hundredth of a share", "quantity_step XOM", ("buy 1 XOM",), ("buy 1.01 XOM",)),
    by_trades("a thousandth where hundredths trade", "quantity_step BND", ("buy 1.25 BND",), ("buy 1.251 BND",)),
    by_trades("half a share sold", "quantity_step XOM", ("sell 19 XOM < L3 19",), ("sell 19.5 XOM < L3 19.5",)),
    by_trades("a lot one share short of the trade", "booking", ("sell 5 XOM < L3 5",), ("sell 5 XOM < L3 4",)),
    by_trades("one share more than the lot", "booking", ("sell 20 XOM < L3 20",), ("sell 21 XOM < L3 21",)),
    by_trades("one share more than is held", "never_short", ("sell 20 XOM < L3 20",), ("sell 21 XOM < L3 20",)),
    by_trades("a lot of another security", "booking", ("sell 5 XOM < L3 5",), ("sell 5 XOM < L4 5",)),
    by_trades("a lot that nobody has", "booking", ("sell 5 XOM < L3 5",), ("sell 5 XOM < L9 5",)),
    by_trades("a lot named twice", "booking", ("sell 5 XOM < L3 5",), ("sell 5 XOM < L3 4, L3 1",)),
    by_trades("a purchase that names a lot", "booking", ("buy 5 XOM",), ("buy 5 XOM < L3 5",)),
    by_trades("a security that is not in the case", "booking", ("buy 5 XOM",), ("buy 5 XOX",)),
    by_case("a cent too little", "no_overdraft", ("buy 19 XOM",), {"cash": "1900.38"}, {"cash": "1900.37"}),
    by_trades("one share on the other side", "one_side", ("buy 5 XOM",), ("buy 5 XOM", "sell 1 XOM < L3 1")),
    by_trades("the same trade in two parts", "one_side", ("buy 6 XOM",), ("buy 5 XOM", "buy 1 XOM")),
    by_trades("one share", "not_buyable", ("buy 1 XOM",), ("buy 1 CVX",)),
    by_trades(
        "one share",
        "unknown_basis",
        ("sell 1 XOM < L3 1",),
        ("sell 1 MSFT < U1 1",),
        **lots("U1 MSFT 5 @ ? 2020-06-03"),
    ),
    by_trades(
        "one share", "gift", (SELL_GAIN,), ("sell 1 MSFT < G1 1",), **lots("G1 MSFT 5 @ 10 2020-06-03", gift=True)
    ),
    by_trades(
        "one share",
        "hold_only XOM",
        ("sell 1 XOM < L3 1",),
        ("buy 1 XOM",),
        substitutes=({"for": "CVX", "use": "XOM", "hold_only": True},),
    ),
    by_trades("one share more than asked", "pinned XOM", ("buy 3 XOM",), ("buy 4 XOM",), **pin("buy", "3")),
    by_trades("one share less than asked", "pinned XOM", ("buy 3 XOM",), ("buy 2 XOM",), **pin("buy", "3")),
    by_trades("not traded at all", "pinned XOM", ("buy 3 XOM",), (), **pin("buy", "3")),
    by_trades(
        "one share of another lot",
        "pinned AAPL",
        ("sell 3 AAPL < L2 3",),
        ("sell 3 AAPL < L2 2, L1 1",),
        **pin("sell", "3", "AAPL", ("L2", "3")),
    ),
    by_trades("one share bought", "pinned XOM", (), ("buy 1 XOM",), **pin("none")),
    by_trades("one share sold", "pinned XOM", (), ("sell 1 XOM < L3 1",), **pin("none")),
    by_trades(
        "one bought",
        "never_trade identity_group MICRO",
        (),
        ("buy 1 MSFT",),
        **rule("never_trade", identity_group="MICRO"),
    ),
    by_trades(
        "one sold",
        "never_trade identity_group MICRO",
        (),
        ("sell 1 MSFT < L4 1",),
        **rule("never_trade", identity_group="MICRO"),
    ),
)
SUBJECTS = {"security": "XOM", "sector": "Energy", "industry": "Oil", "screen": "fossil", "identity_group": "XOM"}
CLIENT = (
    *(
        by_trades(
            "one share", f"never_buy {kind} {of}", (SELL_LOSS,), ("buy 1 XOM",), **rule("never_buy", **{kind: of})
        )
        for kind, of in SUBJECTS.items()
    ),
    *(
        by_trades(
            "one share",
            f"never_sell {kind} {of}",
            ("buy 1 XOM",),
            ("sell 1 XOM < L3 1",),
            **rule("never_sell", **{kind: of}),
        )
        for kind, of in SUBJECTS.items()
    ),
    *(
        by_trades(
            f"one share left ({disposal})",
            "never_own security XOM",
            ("sell 20 XOM < L3 20",),
            ("sell 19 XOM < L3 19",),
            **rule("never_own", security="XOM", disposal=disposal),
        )
        for disposal in (None, "now", "within_budget")
    ),
    by_trades(
        "one share bought (keep)",
        "never_own security XOM",
        ("sell 1 XOM < L3 1",),
        ("buy 1 XOM",),
        **rule("never_own", security="XOM", disposal="keep"),
    ),
    by_trades("one share", "never_buy country US", ("buy 1 XOM",), ("buy 1 AAPL",), **rule("never_buy", country="US")),
)


def recent(*words: str) -> dict[str, c.Wired]:
    return {"recent": words}


NO_PURCHASE = (msgspec.structs.replace(HELD[0], id="N1", acquired=dt.date(2026, 2, 20), wash_acquisition=False),)
A_PURCHASE = (msgspec.structs.replace(NO_PURCHASE[0], wash_acquisition=True),)
IRA = {"others": (c.account("A2", status="deferred", **RELATED),)}
TWINS = (*MARKET, c.security("MSFX", 40, identity_group="AAPL"))
WASH = (
    by_case(
        "a purchase 30 days ago, not 31",
        "wash_sale AAPL",
        (SELL_LOSS,),
        recent(f"A9 buy 1 AAPL {DAY_31}"),
        recent(f"A9 buy 1 AAPL {DAY_30}"),
    ),
    by_case(
        "a loss sale 30 days ago, not 31",
        "wash_sale AAPL",
        ("buy 1 AAPL",),
        recent(f"A9 sell 1 AAPL {DAY_31} loss"),
        recent(f"A9 sell 1 AAPL {DAY_30} loss"),
    ),
    by_case(
        "a recent sale at a loss, not without",
        "wash_sale AAPL",
        ("buy 1 AAPL",),
        recent(f"A9 sell 1 AAPL {DAY_30}"),
        recent(f"A9 sell 1 AAPL {DAY_30} loss"),
    ),
    by_case(
        "a purchase of the same group",
        "wash_sale AAPL",
        (SELL_LOSS,),
        recent("A9 buy 1 XOM 2026-02-20"),
        recent("A9 buy 1 AAPL 2026-02-20"),
    ),
    by_case(
        "a lot that a spouse bought 30 days ago, not 31",
        "wash_sale AAPL",
        (SELL_LOSS,),
        bought_on(DAY_31),
        bought_on(DAY_30),
    ),
    by_case(
        "a lot that a retirement account bought 30 days ago, not 31",
        "wash_sale AAPL",
        (SELL_LOSS,),
        bought_on(DAY_31, status="deferred"),
        bought_on(DAY_30, status="deferred"),
    ),
    by_case(
        "a lot that was bought, not given",
        "wash_sale AAPL",
        (SELL_LOSS,),
        {"lots": (*HELD, *NO_PURCHASE)},
        {"lots": (*HELD, *A_PURCHASE)},
    ),
    by_case(
        "a purchase a day off that of the shares sold",
        "wash_sale MICRO",
        ("sell 5 MSFT < S1 5",),
        {**lots("S1 MSFT 8 @ 500 2026-02-20"), **recent("A1 buy 8 MSFT 2026-02-20")},
        {**lots("S1 MSFT 8 @ 500 2026-02-20"), **recent("A1 buy 8 MSFT 2026-02-19")},
    ),
    by_trades(
        "one share bought in the retirement account",
        "wash_sale AAPL",
        {"A1": (SELL_LOSS,), "A2": ("buy 1 XOM",)},
        {"A1": (SELL_LOSS,), "A2": ("buy 1 AAPL",)},
        **IRA,
    ),
    by_trades(
        "one share of a loss lot instead of a gain lot",
        "wash_sale AAPL",
        {"A1": ("sell 1 AAPL < L2 1",), "A2": ("buy 1 AAPL",)},
        {"A1": ("sell 1 AAPL < L1 1",), "A2": ("buy 1 AAPL",)},
        **IRA,
    ),
)
