"""What other products get wrong with lots and wash sales: traps 1 to 15 of the tax rules, section 5."""

from datetime import date
from decimal import Decimal

import pytest

from portfolios.ledger.gains import first_long_on, term_of
from portfolios.ledger.projection import AccountEvent, project
from portfolios.ledger.types import EventKind, LotEvent, Relief, Term
from portfolios.ledger.wash_check import HouseholdState, ProposedTrade, WashStatus, wash_status
from portfolios.ledger.wash_identity import check_identity
from portfolios.ledger.wash_policy import Tacking, WashPolicy
from portfolios.ledger.wash_sales import Side
from tests.wash_words import (
    ACCOUNTS,
    basis,
    disallowed,
    family,
    gain,
    journal_line,
    permanent,
    recognized,
    replay,
)

D = Decimal
LOSS = ("B1 2024-11-04 T1 buy 50 XYZ 5000", "S1 2025-03-03 T1 sell 50 XYZ 4400 B1:50")


@pytest.mark.parametrize(
    ("acquired", "first_long"),
    [
        ("2024-01-15", "2025-01-16"),  # 366 days later is still short-term
        ("2023-02-28", "2024-03-01"),  # a sale on the leap day is short-term
        ("2024-02-28", "2025-03-01"),
        ("2024-02-29", "2025-03-01"),
        ("2023-02-27", "2024-02-28"),
    ],
)
def test_trap_01_a_year_is_a_calendar_year_not_365_days(acquired: str, first_long: str) -> None:
    bought, first = date.fromisoformat(acquired), date.fromisoformat(first_long)

    assert first_long_on(bought) == first
    assert term_of(held_from_on=bought, sold_on=first) is Term.LONG
    assert term_of(held_from_on=bought, sold_on=date.fromordinal(first.toordinal() - 1)) is Term.SHORT


def test_trap_02_what_is_left_of_a_purchase_does_not_replace_what_was_sold_of_it() -> None:
    part = replay("B1 2025-06-02 T1 buy 200 XYZ 10000", "S1 2025-06-12 T1 sell 100 XYZ 4000 B1:100")
    whole = replay("B1 2025-06-02 T1 buy 200 XYZ 10000", "S1 2025-06-12 T1 sell 200 XYZ 8000 B1:200")

    assert disallowed(part, "S1") == disallowed(whole, "S1") == 0
    assert recognized(part, "S1") == -1000 and recognized(whole, "S1") == -2000


def test_trap_02_the_same_root_in_another_account_is_another_acquisition() -> None:
    projection = replay(
        "B1 2025-06-02 T1 buy 10 XYZ 1000 =XYZ-20250602",
        "B2 2025-06-02 R1 buy 10 XYZ 1000 =XYZ-20250602",
        "S1 2025-06-12 T1 sell 10 XYZ 400 B1:10",
    )

    assert permanent(projection, "S1") == 600


def test_trap_03_selling_several_recent_lots_completely_is_no_wash_sale() -> None:
    projection = replay(
        "B1 2025-01-02 T1 buy 100 XYZ 5000",
        "B2 2025-01-06 T1 buy 100 XYZ 5000",
        "S1 2025-01-10 T1 sell 200 XYZ 8000 B1:100 B2:100",
    )

    assert disallowed(projection, "S1") == 0 and recognized(projection, "S1") == -2000


def test_trap_03_sales_taken_in_sequence_come_to_the_same_total() -> None:
    lines = (
        "B1 2025-01-02 T1 buy 100 XYZ 5000",
        "B2 2025-01-06 T1 buy 100 XYZ 5000",
        "S1 2025-01-10 T1 sell 100 XYZ 4000 B1:100",
        "S2 2025-01-10 T1 sell 100 XYZ 4000 B2:100",
    )

    at_once = replay(*lines)
    in_turn = replay(*lines, policy=WashPolicy(simultaneous_same_day_sales=False))

    assert disallowed(at_once, "S1") == 0 and disallowed(in_turn, "S1") == 1000
    for each in (at_once, in_turn):
        assert recognized(each, "S1") + recognized(each, "S2") == -2000


def test_trap_04_fills_of_one_order_are_one_acquisition_two_purchases_are_two() -> None:
    fills = ("2025-06-02 T1 buy 60 XYZ 3000", "2025-06-02 T1 buy 40 XYZ 2004")
    sale = "S1 2025-06-12 T1 sell 60 XYZ 2400 B1:60"

    one_order = replay(f"B1 {fills[0]} =ORD", f"B2 {fills[1]} =ORD", sale)
    two_purchases = replay(f"B1 {fills[0]}", f"B2 {fills[1]}", sale)
    not_excluded = replay(
        f"B1 {fills[0]} =ORD", f"B2 {fills[1]} =ORD", sale, policy=WashPolicy(same_acquisition_excluded=False)
    )

    assert disallowed(one_order, "S1") == 0
    assert disallowed(two_purchases, "S1") == disallowed(not_excluded, "S1") == 400


def test_trap_04_losses_of_one_day_compete_in_the_order_of_acquisition() -> None:
    projection = replay(
        "B1 2024-01-09 T1 buy 40 XYZ 4000",
        "B2 2024-03-12 T2 buy 40 XYZ 3600",
        "S1 2025-03-04 T2 sell 40 XYZ 2800 B2:40",
        "S2 2025-03-04 T1 sell 40 XYZ 2800 B1:40",
        "B3 2025-03-10 T1 buy 50 XYZ 3400",
    )

    assert (disallowed(projection, "S1"), disallowed(projection, "S2")) == (200, 1200)


def test_trap_05_only_as_many_shares_are_washed_as_were_bought_back() -> None:
    fewer = replay(*LOSS, "B2 2025-03-10 T1 buy 20 XYZ 1800")
    more = replay(*LOSS, "B2 2025-03-10 T1 buy 80 XYZ 7200")

    assert disallowed(fewer, "S1") == 240 and recognized(fewer, "S1") == -360
    rest, matched = family(more, "T1", "B2")
    assert (rest.units, rest.cost_usd, rest.holding_on) == (30, 2700, None)
    assert (matched.units, matched.cost_usd, matched.wash_adjustment_usd) == (50, 5100, 600)


def test_trap_06_one_purchase_washes_one_loss_and_the_window_never_restarts() -> None:
    projection = replay(
        "B1 2024-01-02 T1 buy 10 XYZ 500",
        "B2 2024-02-01 T1 buy 10 XYZ 600",
        "S1 2025-03-03 T1 sell 10 XYZ 400 B1:10",
        "S2 2025-03-17 T1 sell 10 XYZ 400 B2:10",
        "B3 2025-04-01 T1 buy 10 XYZ 410",
    )
    tacked = replay(
        *LOSS,
        "B2 2025-03-10 T1 buy 50 XYZ 4500",
        "B0 2020-01-02 T2 buy 50 XYZ 9000",
        "S2 2025-04-20 T2 sell 50 XYZ 4000 B0:50",
    )

    assert (disallowed(projection, "S1"), disallowed(projection, "S2")) == (100, 0)
    assert disallowed(tacked, "S2") == 0  # B2 is used up, and bought more than 30 days before


def test_trap_07_shares_sold_before_the_loss_take_up_nothing() -> None:
    projection = replay(
        "B1 2025-05-20 T1 buy 10 XYZ 200",
        "B2 2025-05-23 T1 buy 10 XYZ 1000",
        "S1 2025-05-29 T1 sell 10 XYZ 1200 B2:10",
        "S2 2025-06-02 T1 sell 10 XYZ 100 B1:10",
    )
    resold = replay(*LOSS, "B2 2025-03-10 T1 buy 50 XYZ 4500", "S2 2025-03-11 T1 sell 50 XYZ 4700 B2:50")

    assert disallowed(projection, "S2") == 0 and recognized(projection, "S2") == -100
    assert disallowed(resold, "S1") == 600 and recognized(resold, "S2") == -400  # bought after: counts at once


def test_trap_08_a_disallowed_loss_counts_once() -> None:
    projection = replay(*LOSS, "B2 2025-03-10 T1 buy 50 XYZ 4500", "S2 2025-06-02 T1 sell 50 XYZ 5000 B2:50")

    check_identity(projection, accounts=ACCOUNTS, groups={})
    assert recognized(projection, "S1") + recognized(projection, "S2") == 4400 - 5000 + 5000 - 4500


def test_trap_09_ira_spouse_and_outside_accounts_wash() -> None:
    ira = replay(*LOSS, "B2 2025-03-10 R1 buy 50 XYZ 4500")
    spouse = replay(*LOSS, "B2 2025-03-10 W1 buy 50 XYZ 4500")
    apart = replay(*LOSS, "B2 2025-03-10 W1 buy 50 XYZ 4500", policy=WashPolicy(spouse_in_scope=False))
    no_basis = replay(*LOSS, "B2 2025-03-10 W1 buy 50 XYZ 4500", policy=WashPolicy(spouse_basis_adjustment=False))

    assert permanent(ira, "S1") == 600 and basis(ira, "R1", "B2") == 4500
    assert family(ira, "R1", "B2")[0].holding_on is None
    assert (disallowed(spouse, "S1"), permanent(spouse, "S1"), basis(spouse, "W1", "B2")) == (600, 0, 5100)
    assert disallowed(apart, "S1") == 0
    assert permanent(no_basis, "S1") == 600 and basis(no_basis, "W1", "B2") == 4500


def test_trap_09_a_purchase_held_away_washes_though_no_lots_are_stated_there() -> None:
    away = LotEvent(
        kind=EventKind.BUY, ref="X1", traded_on=date(2025, 3, 10), security="XYZ", units=D(30), is_past=True
    )  # fmt: skip
    events = [journal_line(line, number) for number, line in enumerate(LOSS)]

    projection = project(
        [*events, AccountEvent(account="H1", position=5, event=away)], accounts=ACCOUNTS, is_sequenced=True
    )

    assert disallowed(projection, "S1") == 360 and permanent(projection, "S1") == 0
    assert projection.matches[0].lot_key == "" and projection.pending[0].units_left == 20


def test_trap_09_a_plan_counts_by_policy() -> None:
    lines = (*LOSS, "B2 2025-03-10 K1 buy 50 XYZ 4500")

    counted = replay(*lines)
    left_out = replay(*lines, policy=WashPolicy(retirement_statuses=("traditional_ira", "roth_ira")))

    assert permanent(counted, "S1") == 600 and disallowed(left_out, "S1") == 0


def test_trap_10_the_earliest_purchase_absorbs_first_even_in_the_ira() -> None:
    projection = replay(*LOSS, "B2 2025-03-10 R1 buy 50 XYZ 4500", "B3 2025-03-11 T1 buy 50 XYZ 4500")

    assert permanent(projection, "S1") == 600 and basis(projection, "T1", "B3") == 4500


def test_trap_10_of_one_day_the_taxable_purchase_goes_first_where_the_order_is_unknown() -> None:
    lines = (*LOSS, "B2 2025-03-10 R1 buy 50 XYZ 4500", "B3 2025-03-10 T1 buy 50 XYZ 4500")
    events = [journal_line(line, number) for number, line in enumerate(lines)]

    known = replay(*lines)
    bought_before = project(
        [*(e for e in events if e.event.ref != "S1"), journal_line("S1 2025-03-12 T1 sell 50 XYZ 4400 B1:50", 9)],
        accounts=ACCOUNTS,
    )

    assert permanent(known, "S1") == 600
    assert (disallowed(bought_before, "S1"), permanent(bought_before, "S1")) == (600, 0)


def test_trap_10_sale_and_purchase_of_one_day_in_two_accounts_is_a_wash_sale() -> None:
    projection = replay("B2 2025-03-03 R1 buy 50 XYZ 4400", *LOSS)

    assert permanent(projection, "S1") == 600


def test_trap_11_a_reinvested_dividend_washes_a_tiny_piece() -> None:
    projection = replay(
        "B1 2024-08-01 T1 buy 100 XYZ 5000",
        "D1 2025-03-14 T1 reinvest 1.25 XYZ 50",
        "S1 2025-03-28 T1 sell 100 XYZ 4000 B1:100",
    )

    assert disallowed(projection, "S1") == D("12.50") and basis(projection, "T1", "D1") == D("62.50")


def test_trap_11_a_coming_reinvestment_is_priced_and_does_not_block() -> None:
    history = replay("B1 2024-08-01 T1 buy 100 XYZ 5000")
    state = HouseholdState(
        books=history.books,
        carried=history.carried,
        accounts={key: each for key, each in ACCOUNTS.items() if not each.is_held_away},
    )
    sale = _proposed("S", "T1", Side.SELL, 100, 4000, "2025-03-10")
    reinvested = _proposed("D", "T1", Side.BUY, 2, 80, "2025-03-14")

    (status,) = wash_status([sale], state=state, foreseen=[reinvested])

    assert (status.status, status.units, status.amount_usd) == (WashStatus.AT_RISK, 2, 20)
    assert status.until_on == date(2025, 4, 9)


def test_trap_12_both_halves_of_the_window_count_across_the_end_of_the_year() -> None:
    before = replay("B1 2024-01-02 T1 buy 50 XYZ 5000", "B2 2024-12-20 T1 buy 50 XYZ 4000",
                    "S1 2025-01-10 T1 sell 50 XYZ 4000 B1:50")  # fmt: skip
    after = replay("B1 2024-01-02 T1 buy 50 XYZ 5000", "S1 2024-12-20 T1 sell 50 XYZ 4000 B1:50",
                   "B2 2025-01-10 T1 buy 50 XYZ 4000")  # fmt: skip

    assert disallowed(before, "S1") == disallowed(after, "S1") == 1000


def test_trap_13_shares_are_counted_in_the_units_after_a_split() -> None:
    projection = replay(
        "B1 2024-01-02 T1 buy 10 XYZ 1000",
        "S1 2024-05-20 T1 sell 5 XYZ 300 B1:5",
        "X1 2024-06-10 T1 split 10 XYZ",
        "B2 2024-06-14 T1 buy 10 XYZ 60",
    )
    (match,) = projection.matches

    assert disallowed(projection, "S1") == 40 and basis(projection, "T1", "B2") == 100
    assert (match.units, match.loss_units) == (10, 1)


def test_trap_13_a_split_stated_by_two_accounts_scales_a_loss_once() -> None:
    projection = replay(
        "B1 2024-01-02 T1 buy 10 XYZ 1000",
        "B9 2024-01-02 T2 buy 10 XYZ 1000",
        "S1 2024-05-20 T1 sell 5 XYZ 300 B1:5",
        "X1 2024-06-10 T1 split 10 XYZ",
        "X1 2024-06-11 T2 split 10 XYZ",
        "B2 2024-06-14 T1 buy 10 XYZ 60",
    )

    assert disallowed(projection, "S1") == 40


@pytest.mark.parametrize("kind", ["gift", "inherit"])
def test_trap_13_gifts_and_inheritances_are_no_purchases(kind: str) -> None:
    projection = replay(*LOSS, f"G1 2025-03-10 T1 {kind} 50 XYZ 4500")

    assert disallowed(projection, "S1") == 0


def test_trap_14_days_held_are_added_and_fifo_goes_by_purchase() -> None:
    lines = (
        "B1 2025-01-06 T1 buy 100 XYZ 1000",
        "B0 2025-03-20 T1 buy 10 XYZ 90",
        "S1 2025-04-25 T1 sell 100 XYZ 750 B1:100",
        "B2 2025-05-02 T1 buy 100 XYZ 800",
    )

    added = replay(*lines)
    taken_over = replay(*lines, policy=WashPolicy(tacking=Tacking.EARLIEST_DATE))
    sold = replay(*lines, "S2 2025-07-01 T1 sell 10 XYZ 100 fifo")

    assert family(added, "T1", "B2")[0].holding_on == date(2025, 1, 13)  # 109 days before 2 May, the gap left out
    assert family(taken_over, "T1", "B2")[0].holding_on == date(2025, 1, 6)
    assert sold.books["T1"].dispositions[-1].lot_key == "B0"  # bought first, though B2 is held from an earlier day


def test_trap_15_a_nominal_gain_on_an_adjusted_basis_is_a_washed_loss() -> None:
    projection = replay(
        "B1 2025-05-20 T1 buy 10 XYZ 200",
        "S1 2025-06-02 T1 sell 10 XYZ 100 B1:10",
        "B2 2025-06-10 T1 buy 10 XYZ 200",
        "S2 2025-08-01 T1 sell 10 XYZ 220 B2:10",
        "B3 2025-08-25 T1 buy 10 XYZ 500",
        "S3 2025-10-01 T1 sell 10 XYZ 1000 B3:10",
    )

    assert (gain(projection, "S2"), disallowed(projection, "S2")) == (-80, 80)
    assert gain(projection, "S3") == 420


def _proposed(key: str, account: str, side: Side, units: int, usd: int, day: str) -> ProposedTrade:
    return ProposedTrade(
        key=key, account=account, security="XYZ", side=side, units=D(units), amount_usd=D(usd),
        on=date.fromisoformat(day), method=Relief.FIFO if side is Side.SELL else None,
    )  # fmt: skip
