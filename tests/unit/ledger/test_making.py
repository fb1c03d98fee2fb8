"""Parts made without checking are what they would be with it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from portfolios.ledger.gains import dispose, split_lot
from portfolios.ledger.making import lot_part
from portfolios.ledger.types import Disposition, Lot, LotPick, Term

D = Decimal
LOT = Lot(
    key="L", security="XYZ", units=D(10), cost_usd=D(1000), acquired_on=date(2024, 1, 2), root_key="R",
    holding_on=date(2023, 1, 2), loss_cost_usd=D(900), wash_adjustment_usd=D(50), is_inherited=False, is_gift=True,
    is_wash_acquisition=False, is_wash_consumed=True,
)  # fmt: skip


def test_a_part_of_a_lot_is_the_lot_but_for_what_is_its_own() -> None:
    part = lot_part(
        LOT, key="L~1", units=D(4), cost_usd=D(400), loss_cost_usd=D(360), wash_adjustment_usd=D(20), holding_on=None,
        is_wash_consumed=False,
    )  # fmt: skip

    assert part == replace(
        LOT, key="L~1", units=D(4), cost_usd=D(400), loss_cost_usd=D(360), wash_adjustment_usd=D(20), holding_on=None,
        is_wash_consumed=False,
    )  # fmt: skip


def test_a_sale_of_a_part_names_all_that_it_was() -> None:
    sold, left = dispose(
        LOT, LotPick(key="L", units=D(4)), proceeds_usd=D(300), sold_on=date(2025, 6, 2), event_ref="S"
    )

    assert sold == Disposition(
        event_ref="S", lot_key="L", root_key="R", security="XYZ", units=D(4), proceeds_usd=D(300), cost_usd=D(360),
        gain_usd=D(-60), term=Term.LONG, sold_on=date(2025, 6, 2), acquired_on=date(2024, 1, 2),
        wash_adjustment_usd=D(20),
    )  # fmt: skip
    assert left == split_lot(LOT, D(4)).left and left is not None and left.units == 6


def test_a_gain_on_a_gift_keeps_the_day_of_the_donor_and_a_loss_on_its_value_does_not() -> None:
    pick = LotPick(key="L", units=D(4))
    sold = [dispose(LOT, pick, proceeds_usd=D(usd), sold_on=date(2025, 6, 2), event_ref="S")[0] for usd in (900, 300)]

    assert [one.holding_on for one in sold] == [date(2023, 1, 2), None]


def test_a_basis_below_the_smallest_step_does_not_go_below_zero() -> None:
    tiny = replace(LOT, cost_usd=D("0.0000006"), loss_cost_usd=None, wash_adjustment_usd=D(0))

    halves = split_lot(tiny, D(9))

    assert halves.left is not None and (halves.taken.cost_usd, halves.left.cost_usd) == (D("0.0000006"), 0)
