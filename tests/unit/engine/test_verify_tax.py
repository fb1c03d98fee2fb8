"""The year's tax of a return, shared among its sales so that the shares add up."""

from decimal import Decimal

import msgspec
import pytest

from portfolios.ledger.tax import Gains
from rebalancing.engine.judge.judgement import judge_trades
from rebalancing.engine.judge.measures import account_taxes_usd
from rebalancing.engine.judge.taxation import average_rates, marginal_rates, tax_rates
from rebalancing.engine.types import Tax
from tests import cases as c

MARKET = (c.security("GAIN", 100), c.security("LOSS", 100))
LOTS = (
    c.lot("S+ GAIN 100 @ 60 2025-12-01"),
    c.lot("L+ GAIN 100 @ 60 2020-12-01"),
    c.lot("S- LOSS 100 @ 140 2025-12-01"),
    c.lot("L- LOSS 100 @ 140 2020-12-01"),
)
SALES = ("S+ 100", "L+ 100"), ("S- 100", "L- 100")


def net(short: int, long: int) -> Gains:
    return Gains(short_usd=Decimal(short), long_usd=Decimal(long))


@pytest.mark.parametrize(
    ("at", "short", "long"),
    [
        pytest.param(net(1000, 1000), "0.408", "0.238", id="gains of both terms"),
        pytest.param(net(1000, -500), "0.408", "0.408", id="a long loss against short gains"),
        pytest.param(net(-500, 1000), "0.238", "0.238", id="a short loss against long gains"),
        pytest.param(net(-500, -500), "0.37", "0.37", id="a loss within the allowance"),
        pytest.param(net(-5000, 0), "0.14", "0.14", id="a loss beyond the allowance"),
    ],
)
def test_the_next_dollar_of_gain_is_taxed_by_what_it_meets(at: Gains, short: str, long: str) -> None:
    rates = marginal_rates(at, rates=tax_rates(c.TAX))

    assert rates == {"short": Decimal(short), "long": Decimal(long)}


@pytest.mark.parametrize("harvest", ["immediate", "off"])
@pytest.mark.parametrize("realized", [(0, 0), (2500, -800), (-9000, 1000), (500, 8000), (-4000, 4000)])
@pytest.mark.parametrize("carried", [(0, 0), (1200, 300)])
@pytest.mark.parametrize(
    "shares", [(100, 0, 0, 0), (0, 0, 60, 100), (30, 80, 90, 10), (100, 100, 100, 100), (0, 50, 50, 0)]
)
def test_the_shares_of_netted_tax_add_up_to_it(
    harvest: str, realized: tuple[int, int], carried: tuple[int, int], shares: tuple[int, int, int, int]
) -> None:
    tax = msgspec.convert(
        {
            **msgspec.to_builtins(c.TAX),
            "harvest": harvest,
            "realized_short": str(realized[0]),
            "realized_long": str(realized[1]),
            "carryforward_short": str(carried[0]),
            "carryforward_long": str(carried[1]),
        },
        type=Tax,
        strict=False,
    )
    case = c.case(MARKET, (c.account(lots=LOTS, target={"CASH": 1.0}, tax=tax),))
    made = []
    for name, sold in (
        ("GAIN", (("S+", shares[0]), ("L+", shares[1]))),
        ("LOSS", (("S-", shares[2]), ("L-", shares[3]))),
    ):
        parts = [f"{key} {count}" for key, count in sold if count]
        if parts:
            made.append(c.trade(case, f"sell {sum(count for _, count in sold)} {name}", *parts))

    book = judge_trades(case, {"A1": made}).measures.returns[0]

    rates = average_rates(book)
    shared = rates["short"] * book.added.short_usd + rates["long"] * book.added.long_usd
    assert float(shared) == pytest.approx(float(book.objective_usd), abs=1e-9)
    assert account_taxes_usd([book])["A1"] == pytest.approx(float(book.objective_usd - book.deferred_usd), abs=1e-9)
