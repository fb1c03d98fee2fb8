"""The same case without tax, and its sales from the oldest lots first."""

from decimal import Decimal
from typing import Any

import pytest

from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import Term
from rebalancing.engine.case import case_hash, check_case
from rebalancing.engine.types import Case, Constraint
from reporting.measures.blind import fifo_dispositions, tax_blind_case
from tests.cases import account, case, lot, recent, security, trade

STOCKS = (security("AAA", 50), security("BBB", 20), security("CCC", 10, identity_group="AAA"))


def make(*lots: str, **fields: Any) -> Case:
    owner = account(cash="1000", lots=tuple(lot(words) for words in lots), target={"AAA": 0.6, "BBB": 0.4})
    return case(STOCKS, [owner], **fields)


def test_the_tax_blind_case_keeps_everything_but_tax() -> None:
    constraint = Constraint(verb="never_sell", security="BBB")
    owner = account(
        cash="1000", lots=(lot("L1 AAA 10 @ 10 2020-01-02"),), target={"AAA": 1.0}, constraints=(constraint,)
    )
    real = case(
        STOCKS,
        [owner, account("A2", status="deferred", cash="5", target={"AAA": 1.0})],
        recent_trades=[recent("A1 sell 5 BBB 2026-02-20", loss="30")],
    )

    blind = tax_blind_case(real)

    check_case(blind)
    assert [one.tax_status for one in blind.accounts] == ["deferred", "deferred"]
    assert blind.accounts[0].tax is None and blind.recent_trades == ()
    assert blind.accounts[0].lots == real.accounts[0].lots
    assert blind.accounts[0].constraints == (constraint,)
    assert blind.as_of == real.as_of and blind.securities == real.securities
    assert case_hash(blind) != case_hash(real)


def test_the_oldest_lots_go_first_whatever_they_cost() -> None:
    of = make("L2 AAA 10 @ 60 2025-10-01", "L1 AAA 10 @ 10 2020-01-02", "L0 AAA 5 @ 5 2019-01-02")
    sale = trade(of, "sell 12 AAA", "L2 12")

    sold = fifo_dispositions(of, of.accounts[0], [sale])

    assert [(one.lot_key, one.units, one.gain_usd, one.term) for one in sold] == [
        ("L0", Decimal(5), Decimal("225.00"), Term.LONG),
        ("L1", Decimal(7), Decimal("280.00"), Term.LONG),
    ]
    assert sum(one.proceeds_usd for one in sold) == Decimal("600.00")


def test_lots_of_unknown_basis_are_left_alone() -> None:
    of = make("L0 AAA 5 @ ? 2019-01-02", "L1 AAA 10 @ 10 2020-01-02")

    sold = fifo_dispositions(of, of.accounts[0], [trade(of, "sell 10 AAA", "L1 10")])

    assert [one.lot_key for one in sold] == ["L1"]
    with pytest.raises(BadInput, match="11 units are to be sold"):
        fifo_dispositions(of, of.accounts[0], [trade(of, "sell 11 AAA")])


def test_a_loss_is_disallowed_share_for_share_against_a_purchase_in_the_window() -> None:
    # 10 shares at a loss of 40 each; 4 shares of an equal security were bought 20 days ago: 160 is disallowed.
    of = make("L1 AAA 10 @ 90 2024-01-02", "L2 CCC 4 @ 9 2026-02-10")

    (sold,) = fifo_dispositions(of, of.accounts[0], [trade(of, "sell 10 AAA", "L1 10")])

    assert sold.gain_usd == Decimal("-400.00")
    assert sold.disallowed_usd == Decimal("160.00")
    assert sold.recognized_usd == Decimal("-240.00")
    assert not sold.is_permanent


def test_selling_what_was_just_bought_washes_nothing() -> None:
    of = make("L1 AAA 10 @ 90 2026-02-20")

    (sold,) = fifo_dispositions(of, of.accounts[0], [trade(of, "sell 6 AAA", "L1 6")])

    assert sold.disallowed_usd == 0


def test_a_purchase_of_the_spouse_outside_the_case_washes_too() -> None:
    of = make("L1 AAA 10 @ 90 2024-01-02", recent_trades=[recent("X9 buy 3 AAA 2026-02-20")])

    (sold,) = fifo_dispositions(of, of.accounts[0], [trade(of, "sell 10 AAA", "L1 10")])

    assert sold.disallowed_usd == Decimal("120.00")


def test_a_purchase_of_an_equal_on_the_same_day_washes_too() -> None:
    of = make("L1 AAA 10 @ 90 2024-01-02")

    (sold,) = fifo_dispositions(of, of.accounts[0], [trade(of, "sell 10 AAA", "L1 10"), trade(of, "buy 2 CCC")])

    assert sold.disallowed_usd == Decimal("80.00")


def test_what_the_retirement_account_bought_takes_the_loss_for_good() -> None:
    owner = account(lots=(lot("L1 AAA 10 @ 90 2024-01-02"),), target={"AAA": 1.0})
    ira = account("A2", status="deferred", lots=(lot("L8 AAA 10 @ 60 2026-02-20"),), target={"AAA": 1.0})
    of = case(STOCKS, [owner, ira])

    (sold,) = fifo_dispositions(of, of.accounts[0], [trade(of, "sell 10 AAA", "L1 10")])

    assert sold.disallowed_usd == Decimal("400.00") and sold.is_permanent
