"""A case after its trades, and a year later."""

import datetime as dt
from decimal import Decimal

import pytest

from rebalancing.engine.advance import carry_out, next_year
from rebalancing.engine.outcome import AccountOutcome, LotSale, Outcome, ReturnOutcome, Trade
from rebalancing.engine.types import Case
from tests import cases as c
from tests.unit.engine.test_problem import a_case


def an_outcome(case: Case, *trades: Trade, cash: str, short: str = "0", long: str = "0", tax: str = "0") -> Outcome:
    account = AccountOutcome(
        id="A1",
        trades=trades,
        cash_after=Decimal(cash),
        tracking_error_before=0.1,
        tracking_error_after=0.05,
        opportunity=Decimal(0),
        opportunity_bps=0.0,
        short_gain=Decimal(short),
        long_gain=Decimal(long),
        cost=Decimal(0),
        turnover=0.1,
    )
    book = ReturnOutcome(
        id="R1", short_gain=Decimal(short), long_gain=Decimal(long), tax_caused=Decimal(tax), budget_left=None
    )
    return Outcome(case_hash="", engine="", status="optimal", accounts=(account,), returns=(book,))


def sell(lot: str, units: str, *, gain: str) -> Trade:
    part = LotSale(lot=lot, quantity=Decimal(units), gain=Decimal(gain), term="short")
    return Trade(side="sell", security="AAA", quantity=Decimal(units), price=Decimal(100), lots=(part,))


BUY = Trade(side="buy", security="BBB", quantity=Decimal(4), price=Decimal(50))


def test_a_part_of_a_lot_takes_its_share_of_the_basis() -> None:
    case = a_case()

    after = carry_out(case, an_outcome(case, sell("L1", "4", gain="-120"), BUY, cash="1199.00", short="-120"))

    lots = {lot.id: lot for lot in after.accounts[0].lots}
    assert (lots["L1"].quantity, lots["L1"].cost) == (Decimal(6), Decimal("780.00"))
    assert (lots["BBB 2026-03-02"].quantity, lots["BBB 2026-03-02"].cost) == (Decimal(4), Decimal("200.00"))
    assert lots["BBB 2026-03-02"].acquired == case.as_of
    assert after.accounts[0].cash == Decimal("1199.00")


def test_a_lot_sold_whole_is_gone_and_the_year_and_the_window_remember() -> None:
    case = a_case(tax={"tax_used": "100"})

    after = carry_out(case, an_outcome(case, sell("L1", "10", gain="-300"), cash="2000", short="-300", tax="-72"))

    assert [lot.id for lot in after.accounts[0].lots] == ["L2", "L3"]
    tax = after.accounts[0].tax
    assert tax is not None
    assert (tax.realized_short, tax.tax_used) == (Decimal(-300), Decimal(28))
    (trade,) = after.recent_trades
    assert (trade.side, trade.loss, trade.date) == ("sell", Decimal(300), case.as_of)


def test_two_purchases_of_a_day_are_two_lots() -> None:
    case = a_case()
    once = carry_out(case, an_outcome(case, BUY, cash="800"))

    twice = carry_out(once, an_outcome(once, BUY, cash="600"))

    names = [lot.id for lot in twice.accounts[0].lots]
    assert names[-2:] == ["BBB 2026-03-02", "BBB 2026-03-02+"]


@pytest.mark.parametrize(
    ("realized", "carried"),
    [
        ({"realized_short": "-5000", "realized_long": "1000"}, (Decimal(1000), Decimal(0))),
        ({"realized_short": "2000", "realized_long": "-9000"}, (Decimal(0), Decimal(4000))),
        ({"realized_short": "2000", "realized_long": "3000"}, (Decimal(0), Decimal(0))),
    ],
)
def test_a_new_year_carries_on_what_was_not_used(
    realized: dict[str, c.Wired], carried: tuple[Decimal, Decimal]
) -> None:
    case = a_case(tax={**realized, "tax_used": "500"}, recent=("A1 buy 5 BBB 2026-02-20",))

    after = next_year(case)

    tax = after.accounts[0].tax
    assert tax is not None
    assert after.as_of == dt.date(2027, 1, 2)
    assert (tax.carryforward_short, tax.carryforward_long) == carried
    assert (tax.realized_short, tax.realized_long, tax.tax_used) == (Decimal(0), Decimal(0), Decimal(0))
    assert after.recent_trades == ()
