"""Which loss comes first, which split is another one, and what a gift's loss tacks (R-1.3.7, R-3.0, R-1.8.1)."""

from datetime import date
from decimal import Decimal

import pytest

from portfolios.ledger.projection import AccountEvent, project
from portfolios.ledger.types import EventKind, Lot, LotEvent, LotPick
from portfolios.ledger.wash_policy import Tacking, WashPolicy
from tests.wash_words import ACCOUNTS, disallowed, family, journal_line, replay

D = Decimal


@pytest.mark.parametrize(
    ("tacking", "held_from"), [(Tacking.ADD_DAYS, date(2025, 1, 11)), (Tacking.EARLIEST_DATE, date(2025, 1, 1))]
)
def test_a_loss_on_the_value_of_a_gift_tacks_from_the_gift(tacking: Tacking, held_from: date) -> None:
    given = Lot(
        key="G", security="XYZ", units=D(10), cost_usd=D(1000), loss_cost_usd=D(800), acquired_on=date(2025, 1, 1),
        holding_on=date(2020, 1, 1), is_wash_acquisition=False,
    )  # fmt: skip
    gift = LotEvent(
        kind=EventKind.TRANSFER_IN, ref="G", traded_on=given.acquired_on, security="XYZ", units=D(10), lot=given
    )
    sale = LotEvent(
        kind=EventKind.SELL, ref="S", traded_on=date(2025, 6, 1), security="XYZ", units=D(10), amount_usd=D(500),
        picks=(LotPick(key="G", units=D(10)),),
    )  # fmt: skip
    rows = [
        AccountEvent(account="T1", position=0, event=gift),
        AccountEvent(account="T1", position=1, event=sale),
        journal_line("R 2025-06-11 T1 buy 10 XYZ 500", 2),
    ]

    after = project(rows, accounts=ACCOUNTS, policy=WashPolicy(tacking=tacking))

    (replaced,) = family(after, "T1", "R")
    assert (replaced.cost_usd, replaced.holding_on) == (800, held_from)


def test_a_second_split_in_one_account_is_another_split() -> None:
    after = replay(
        "B 2024-01-02 T1 buy 10 XYZ 1200",
        "K 2025-05-20 T1 buy 1 XYZ 60",
        "S 2025-06-02 T1 sell 10 XYZ 600 B:10",
        "P 2025-06-05 T1 split 2 XYZ",
        "Q 2025-06-15 T1 split 2 XYZ",
        "R 2025-06-20 T1 buy 40 XYZ 600",
    )

    rest, washed = family(after, "T1", "R")
    assert (rest.units, rest.cost_usd) == (4, 60)
    assert (washed.units, washed.cost_usd, washed.wash_adjustment_usd) == (36, 1080, 540)
    assert disallowed(after, "S") == 600


def test_two_splits_that_two_accounts_state_on_days_of_their_own_are_two() -> None:
    after = replay(
        "B 2024-01-02 T1 buy 10 XYZ 1200",
        "C 2024-01-02 T2 buy 1 XYZ 120",
        "S 2025-06-02 T1 sell 9 XYZ 540 B:9",
        "P 2025-06-05 T1 split 2 XYZ",
        "P 2025-06-07 T2 split 2 XYZ",
        "Q 2025-06-15 T1 split 2 XYZ",
        "Q 2025-06-16 T2 split 2 XYZ",
        "R 2025-06-20 T1 buy 40 XYZ 600",
    )

    rest, washed = family(after, "T1", "R")
    assert (rest.units, washed.units, disallowed(after, "S")) == (4, 36, 540)


@pytest.mark.parametrize(("one", "other"), [("S1", "S2"), ("S9", "S10")])
def test_of_one_lot_the_sale_that_comes_first_is_washed_first_whatever_it_is_called(one: str, other: str) -> None:
    after = replay(
        "L 2024-01-02 T1 buy 20 XYZ 2000",
        f"{one} 2025-03-03 T1 sell 10 XYZ 500 L:10",
        f"{other} 2025-03-03 T1 sell 10 XYZ 900 L:10",
        "R 2025-03-10 T1 buy 10 XYZ 900",
    )

    assert (disallowed(after, one), disallowed(after, other)) == (500, 0)


def test_acquisitions_of_one_day_rank_by_the_order_of_purchase_not_by_basis() -> None:
    after = replay(
        "L9 2024-06-09 T1 buy 6 XYZ 1404",
        "L10 2024-06-09 T1 reinvest 8 XYZ 2016",
        "S 2024-06-09 T1 sell 14 XYZ 924 L10:8 L9:6",
        "R 2024-06-10 T1 buy 3 XYZ 198",
    )

    (match,) = after.matches
    assert (match.loss_lot_key, match.amount_usd) == ("L9", 504)


def test_the_rounding_of_a_part_does_not_put_a_later_sale_of_the_lot_first() -> None:
    after = replay(
        "L 2024-01-02 T1 buy 7 XYZ 100",
        "S1 2025-03-03 T1 sell 3 XYZ 10 L:3",
        "S2 2025-03-03 T1 sell 2 XYZ 20 L:2",
        "S3 2025-03-03 T1 sell 2 XYZ 2 L:2",
        "R 2025-03-10 T1 buy 5 XYZ 50",
    )

    assert [match.loss_event_ref for match in after.matches] == ["S1", "S2"]


def test_a_projection_that_goes_on_keeps_the_order_of_losses() -> None:
    rows = [
        journal_line(line, number)
        for number, line in enumerate(
            [
                "L9 2024-06-09 T1 buy 6 XYZ 1404",
                "L10 2024-06-09 T1 buy 8 XYZ 2016",
                "S 2025-03-03 T1 sell 14 XYZ 924 L10:8 L9:6",
                "R 2025-03-10 T1 buy 3 XYZ 198",
            ]
        )
    ]
    for cut in (2, 3):
        before = project(rows[:cut], accounts=ACCOUNTS, is_sequenced=True)
        after = project(rows[cut:], accounts=ACCOUNTS, opening=before.books, carried=before.carried, is_sequenced=True)

        assert [match.loss_lot_key for match in after.matches] == ["L9"]
