"""What other products get wrong with lots and lists of trades: traps 23 to 27 of the tax rules, section 5."""

from datetime import date
from decimal import Decimal

import pytest

from portfolios.ledger.booking import apply_events
from portfolios.ledger.errors import BadInput
from portfolios.ledger.gains import dispose, split_lot
from portfolios.ledger.relief import average_costs
from portfolios.ledger.types import Book, Disposition, EventKind, Lot, LotEvent, LotPick, Relief, Term
from portfolios.ledger.wash_check import HouseholdState, ProposedTrade, WashStatus, safe_purchase_on, wash_status
from portfolios.ledger.wash_sales import Side, safe_to_buy_on, safe_to_sell_on
from tests.wash_words import (
    ACCOUNTS,
    disallowed,
    family,
    replay,
)

D = Decimal
LOSS = ("B1 2024-11-04 T1 buy 50 XYZ 5000", "S1 2025-03-03 T1 sell 50 XYZ 4400 B1:50")


def test_trap_23_the_average_is_not_rounded_and_not_for_stocks() -> None:
    lots = [
        Lot(key=key, security="FUND", units=D(units), cost_usd=D(cost), acquired_on=date(2024, 1, day))
        for key, units, cost, day in (("A", 100, 2000, 2), ("B", 310, 7100, 3))
    ]
    sale = LotEvent(
        kind=EventKind.SELL, ref="S", traded_on=date(2025, 6, 2), security="FUND", units=D(210), amount_usd=D(5000),
        method=Relief.AVERAGE_COST,
    )  # fmt: skip
    book = Book(lots={lot.key: lot for lot in lots})

    sold = apply_events(book, [sale], averaged={"FUND"})

    assert sum((one.cost_usd or D(0) for one in sold.dispositions), D(0)).quantize(D("0.01")) == D("4660.98")
    (left,) = sold.lots.values()
    assert left.cost_usd == D(9100) - sum(one.cost_usd or D(0) for one in sold.dispositions)
    assert len({(lot.cost_usd or D(0)) / lot.units for lot in average_costs(lots)}) <= 2  # equal but for the residual
    with pytest.raises(BadInput, match="average cost may be used for funds"):
        apply_events(book, [sale], averaged=frozenset())


def test_trap_24_a_dual_basis_gift_keeps_both_and_what_was_inherited_is_long_term() -> None:
    gift = Lot(
        key="G", security="XYZ", units=D(10), cost_usd=D(1000), loss_cost_usd=D(700), acquired_on=date(2025, 1, 2),
        holding_on=date(2020, 1, 2), is_wash_acquisition=False,
    )  # fmt: skip
    inherited = Lot(
        key="I", security="XYZ", units=D(10), cost_usd=D(1000), acquired_on=date(2025, 5, 1), is_inherited=True
    )

    gains = [_sold(gift, proceeds).gain_usd for proceeds in (1200, 800, 600)]

    assert gains == [200, 0, -100]
    assert _sold(gift, 600).term is Term.SHORT and _sold(gift, 1200).term is Term.LONG
    assert _sold(inherited, 900).term is Term.LONG


def test_trap_24_an_unknown_basis_is_unknown_and_never_a_gain_or_loss() -> None:
    projection = replay(
        "B1 2024-01-02 T1 gift 10 XYZ ?",
        "S1 2025-06-02 T1 sell 10 XYZ 100 B1:10",
        "B2 2025-06-03 T1 buy 10 XYZ 100",
    )
    (sold,) = projection.books["T1"].dispositions

    assert sold.gain_usd is None and sold.cost_usd is None and sold.recognized_usd is None
    assert projection.matches == () and projection.pending == ()


def test_trap_25_parts_of_a_lot_add_up_to_the_last_digit() -> None:
    lot = Lot(key="L", security="XYZ", units=D(7), cost_usd=D("1000.000001"), acquired_on=date(2024, 1, 2))
    parts, rest = [], lot
    for _ in range(6):
        halves = split_lot(rest, D(1))
        parts.append(halves.taken)
        assert halves.left is not None
        rest = halves.left

    assert sum(part.cost_usd or D(0) for part in (*parts, rest)) == lot.cost_usd
    assert split_lot(rest, rest.units - D("0.000000001")).left is None  # dust goes with the last


def test_trap_25_sublots_of_a_replacement_add_up_to_it() -> None:
    projection = replay(*LOSS, "B2 2025-03-10 T1 buy 70 XYZ 1000", "B3 2025-03-11 T1 buy 7 XYZ 100")
    lots = family(projection, "T1", "B2")

    assert sum(lot.units for lot in lots) == 70
    assert sum((lot.cost_usd or D(0)) - lot.wash_adjustment_usd for lot in lots) == 1000


def test_trap_26_buying_back_is_safe_on_the_31st_day() -> None:
    assert safe_to_buy_on(date(2025, 3, 3)) == date(2025, 4, 3)
    assert safe_to_sell_on(date(2025, 11, 17)) == date(2025, 12, 18)
    assert disallowed(replay(*LOSS, "B2 2025-04-02 T1 buy 50 XYZ 4500"), "S1") == 600
    assert disallowed(replay(*LOSS, "B2 2025-04-03 T1 buy 50 XYZ 4500"), "S1") == 0


def test_trap_26_a_loss_that_is_washed_in_full_bars_no_purchase() -> None:
    sold, washed = replay(*LOSS), replay(*LOSS, "B2 2025-03-10 T1 buy 50 XYZ 4500")

    days = [
        safe_purchase_on(
            "XYZ",
            account="W1",
            as_of=date(2025, 3, 11),
            state=HouseholdState(books=each.books, carried=each.carried, accounts=ACCOUNTS),
        )
        for each in (sold, washed)
    ]

    assert days == [date(2025, 4, 3), date(2025, 3, 11)]


def test_trap_27_harvesting_in_one_account_while_another_buys_is_seen_in_the_list() -> None:
    history = replay("B1 2024-08-01 T1 buy 100 XYZ 5000")
    state = HouseholdState(books=history.books, carried=history.carried, accounts=ACCOUNTS)
    sale = _proposed("S", "T1", Side.SELL, 100, 4000, "2025-03-10")
    purchase = _proposed("P", "R1", Side.BUY, 40, 1600, "2025-03-10")

    sold, bought = wash_status([sale, purchase], state=state)

    assert (sold.status, sold.units, sold.amount_usd, sold.permanent_usd) == (WashStatus.WASHED, 40, 400, 400)
    assert (bought.status, bought.units, bought.permanent_usd) == (WashStatus.WASHED, 40, 400)


def _proposed(key: str, account: str, side: Side, units: int, usd: int, day: str) -> ProposedTrade:
    return ProposedTrade(
        key=key, account=account, security="XYZ", side=side, units=D(units), amount_usd=D(usd),
        on=date.fromisoformat(day), method=Relief.FIFO if side is Side.SELL else None,
    )  # fmt: skip


def _sold(lot: Lot, proceeds: int) -> Disposition:
    pick = LotPick(key=lot.key, units=lot.units)
    return dispose(lot, pick, proceeds_usd=D(proceeds), sold_on=date(2025, 6, 2), event_ref="S")[0]
