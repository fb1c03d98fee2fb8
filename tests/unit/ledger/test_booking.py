from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from portfolios.ledger.booking import apply_events
from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import Book, Cash, EventKind, Lot, LotEvent, LotPick, Relief, Term
from tests.lots import book_of, lots

_DAY = date(2026, 3, 2)


def _sale(units: str, amount: str, **more: object) -> LotEvent:
    event = LotEvent(
        kind=EventKind.SELL,
        ref="S1",
        traded_on=_DAY,
        security="AAPL",
        units=D(units),
        amount_usd=D(amount),
        method=Relief.FIFO,
    )
    return replace(event, **more)  # type: ignore[arg-type]


def _buy(key: str, units: str, cost: str, **more: object) -> LotEvent:
    lot = Lot(key=key, security="AAPL", units=D(units), cost_usd=D(cost), acquired_on=_DAY)
    event = LotEvent(
        kind=EventKind.BUY, ref=key, traded_on=_DAY, security="AAPL", units=D(units), amount_usd=-D(cost), lot=lot
    )
    return replace(event, **more)  # type: ignore[arg-type]


def test_a_purchase_opens_a_lot_and_takes_its_cost_from_cash() -> None:
    book = apply_events(Book(cash=Cash(settled_usd=D("1000.00"))), [_buy("L1", "5", "750.00")])

    assert book.lots["L1"].units == 5
    assert book.lots["L1"].root_key == "L1"
    assert book.cash == Cash(settled_usd=D("250.00"))


def test_a_trade_that_settles_later_moves_unsettled_cash_until_it_settles() -> None:
    settle = LotEvent(kind=EventKind.SETTLE, ref="T", traded_on=date(2026, 3, 3), amount_usd=D("-750.00"))

    bought = apply_events(
        Book(cash=Cash(settled_usd=D(1000))), [_buy("L1", "5", "750.00", settled_on=date(2026, 3, 3))]
    )
    settled = apply_events(bought, [settle])

    assert bought.cash == Cash(settled_usd=D(1000), unsettled_usd=D("-750.00"))
    assert settled.cash == Cash(settled_usd=D("250.00"), unsettled_usd=D("0.00"))


def test_a_sale_by_specific_lots_takes_those_lots_only() -> None:
    book = book_of("AAPL 10 @ 100 2020-01-02", "AAPL 10 @ 150 2026-01-05")
    sale = _sale("4", "800.00", method=None, picks=(LotPick(key="L2", units=D(4)),))

    after = apply_events(book, [sale])

    (sold,) = after.dispositions
    assert (sold.lot_key, sold.gain_usd, sold.term) == ("L2", D("200.00"), Term.SHORT)
    assert after.lots["L1"] == book.lots["L1"]
    assert (after.lots["L2"].units, after.lots["L2"].cost_usd) == (D(6), D(900))


def test_what_is_left_of_a_lot_is_the_difference_and_never_recomputed() -> None:
    book = Book(
        lots={"L1": Lot(key="L1", security="AAPL", units=D(3), cost_usd=D("100"), acquired_on=date(2020, 1, 2))}
    )

    after = apply_events(book, [_sale("1", "50.00"), _sale("1", "50.00", ref="S2")])

    assert after.lots["L1"].cost_usd == D(100) - D("33.333333") - D("33.333334")
    assert sum(sold.cost_usd or D(0) for sold in after.dispositions) + D("33.333333") == D(100)
    assert sum((d.cost_usd or D(0) for d in after.dispositions), after.lots["L1"].cost_usd or D(0)) == D(100)


def test_proceeds_over_several_lots_add_up_to_the_confirmed_amount() -> None:
    book = book_of("AAPL 1 @ 10 2020-01-02", "AAPL 1 @ 10 2020-01-03", "AAPL 1 @ 10 2020-01-06")

    after = apply_events(book, [_sale("3", "100.00")])

    assert [d.proceeds_usd for d in after.dispositions] == [D("33.33"), D("33.33"), D("33.34")]
    assert not after.lots


def test_an_unknown_basis_has_no_gain_rather_than_one_from_zero() -> None:
    after = apply_events(book_of("AAPL 10 @ ? 2020-01-02"), [_sale("10", "800.00")])

    (sold,) = after.dispositions
    assert sold.cost_usd is None
    assert sold.gain_usd is None
    assert sold.recognized_usd is None


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (_sale("11", "800.00"), "11 units are to be sold, 10 are held"),
        (_sale("2", "80", method=None, picks=(LotPick(key="L9", units=D(2)),)), "L9, which is not open"),
        (_sale("3", "80", method=None, picks=(LotPick(key="L1", units=D(2)),)), "add up to another number"),
        (_sale("11", "80", method=None, picks=(LotPick(key="L1", units=D(11)),)), "it holds 10"),
        (_sale("2", "80", security="MSFT", method=None, picks=(LotPick(key="L1", units=D(2)),)), "of another security"),
        (_buy("L1", "1", "10"), "which is open already"),
    ],
)
def test_an_event_that_cannot_be_booked_is_refused_by_name(event: LotEvent, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        apply_events(book_of("AAPL 10 @ 100 2020-01-02"), [event])


def test_a_lot_put_aside_for_charity_is_passed_over_by_every_method() -> None:
    first, second = lots("AAPL 10 @ 100 2020-01-02", "AAPL 10 @ 150 2021-01-04")
    book = Book(lots={"L1": replace(first, is_gift=True), "L2": second})

    after = apply_events(book, [_sale("10", "2000.00")])

    assert tuple(after.lots) == ("L1",)


def test_a_split_keeps_basis_and_dates_and_multiplies_units() -> None:
    book = book_of("AAPL 100 @ 10 2020-01-02", "AAPL 100 @ 12 2021-01-04")
    split = LotEvent(kind=EventKind.SPLIT, ref="X", traded_on=_DAY, security="AAPL", ratio=D(2))

    after = apply_events(book, [split])

    assert [(lot.units, lot.cost_usd) for lot in after.lots.values()] == [(D(200), D(1000)), (D(200), D(1200))]
    assert [lot.acquired_on for lot in after.lots.values()] == [lot.acquired_on for lot in book.lots.values()]


def test_a_reverse_split_leaves_the_basis_of_a_vanishing_lot_to_the_largest() -> None:
    book = book_of("AAPL 0.000001 @ 1000000 2019-01-02", "AAPL 100 @ 12 2021-01-04")
    split = LotEvent(kind=EventKind.SPLIT, ref="X", traded_on=_DAY, security="AAPL", ratio=D("0.1"))

    after = apply_events(book, [split])

    (lot,) = after.lots.values()
    assert (lot.key, lot.units, lot.cost_usd) == ("L2", D("10.000000"), D(1201))


def test_a_past_sale_counts_for_the_year_but_changes_neither_lots_nor_cash() -> None:
    book = book_of("AAPL 10 @ 100 2020-01-02")
    (sold,) = apply_events(book, [_sale("4", "800.00")]).dispositions

    after = apply_events(book, [_sale("4", "800.00", is_past=True, method=None, dispositions=(sold,))])

    assert after.lots == book.lots
    assert after.cash == book.cash
    assert after.dispositions == (sold,)


def test_an_adjusting_event_without_a_reason_does_not_exist() -> None:
    with pytest.raises(BadInput, match="gives no reason"):
        LotEvent(kind=EventKind.ADJUST_CASH, ref="A", traded_on=_DAY, amount_usd=D(5))


def test_a_transfer_out_takes_lots_and_realises_nothing() -> None:
    book = book_of("AAPL 10 @ 100 2020-01-02")
    out = LotEvent(
        kind=EventKind.TRANSFER_OUT, ref="T", traded_on=_DAY, security="AAPL", units=D(4), method=Relief.FIFO
    )

    after = apply_events(book, [out])

    assert (after.lots["L1"].units, after.lots["L1"].cost_usd) == (D(6), D("600.000000"))
    assert after.dispositions == ()
