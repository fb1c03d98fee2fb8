"""The projector where journals are not tidy: late lots, restated lots, corrections, actions, transfers, past trades."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery
from portfolios.ledger.errors import BadInput
from portfolios.ledger.projection import AccountEvent, Projection, project
from portfolios.ledger.types import Disposition, EventKind, Lot, LotEvent, LotPick, Term
from portfolios.ledger.wash_identity import check_flow, check_identity
from portfolios.ledger.wash_matching import is_eligible
from tests.wash_words import ACCOUNTS, basis, disallowed, family, journal_line, permanent, replay

D = Decimal
LOSS = ("B1 2024-11-04 T1 buy 50 XYZ 5000", "S1 2025-03-03 T1 sell 50 XYZ 4400 B1:50")
WASHED = (*LOSS, "B2 2025-03-10 T1 buy 80 XYZ 7200")


def events(*lines: str) -> list[AccountEvent]:
    return [journal_line(line, number) for number, line in enumerate(lines)]


def at(account: str, position: int, event: LotEvent) -> AccountEvent:
    return AccountEvent(account=account, position=position, event=event)


def run(rows: list[AccountEvent], **facts: object) -> Projection:
    projection = project(rows, accounts=ACCOUNTS, is_sequenced=True, **facts)  # type: ignore[arg-type]
    check_identity(projection, accounts=ACCOUNTS, groups=facts.get("groups") or {})  # type: ignore[arg-type]
    return projection


def opened(lot: Lot, on: str, *, kind: EventKind = EventKind.OPEN, ref: str = "O1") -> LotEvent:
    return LotEvent(
        kind=kind, ref=ref, traded_on=date.fromisoformat(on), security=lot.security, units=lot.units, lot=lot
    )


def adjusted(key: str, lot: Lot | None, on: str = "2025-05-02") -> LotEvent:
    return LotEvent(
        kind=EventKind.ADJUST_LOT, ref="A1", traded_on=date.fromisoformat(on), security="XYZ", lot_key=key, lot=lot,
        reason="as the custodian states it",
    )  # fmt: skip


def stated(**facts: object) -> Lot:
    given = {"key": "B2", "security": "XYZ", "units": D(80), "cost_usd": D(7200), "acquired_on": date(2025, 3, 10)}
    return Lot(**{**given, **facts})  # type: ignore[arg-type]


def action(terms: ActionTerms) -> LotEvent:
    return LotEvent(
        kind=EventKind.CORPORATE_ACTION, ref=f"action:{terms.key}", traded_on=terms.effective_on, action=terms,
        security=terms.security,
    )  # fmt: skip


# --- lots that enter late -----------------------------------------------------------------------------------------


def test_a_lot_stated_later_counts_by_the_day_it_was_acquired() -> None:
    late = opened(stated(key="O", units=D(20), cost_usd=D(1800)), "2025-06-30")

    projection = run([*events(*LOSS), at("T2", 9, late)])

    assert disallowed(projection, "S1") == 240 and basis(projection, "T2", "O") == 2040


@pytest.mark.parametrize(
    "facts",
    [
        {"is_wash_consumed": True},
        {"wash_adjustment_usd": D(100)},
        {"is_wash_acquisition": False},
        {"acquired_on": date(2025, 4, 3)},
    ],
)
def test_a_lot_stated_as_used_up_or_not_bought_or_out_of_the_window_replaces_nothing(facts: dict[str, object]) -> None:
    lot = stated(**facts)

    projection = run([*events(*LOSS), at("T2", 9, opened(lot, "2025-06-30"))])

    assert disallowed(projection, "S1") == 0 and (is_eligible(lot) == ("acquired_on" in facts))


def test_past_purchases_of_an_account_whose_lots_are_stated_do_not_count_twice() -> None:
    past = LotEvent(
        kind=EventKind.BUY, ref="P1", traded_on=date(2025, 3, 10), security="XYZ", units=D(20), is_past=True
    )
    lot = opened(stated(key="O", units=D(20), cost_usd=D(1800)), "2025-06-30")

    projection = run([*events(*LOSS), at("T2", 8, past), at("T2", 9, lot)])

    assert disallowed(projection, "S1") == 240


def test_a_past_loss_is_washed_as_far_as_it_is_not_disallowed_yet() -> None:
    sold = Disposition(
        event_ref="P1", lot_key="", root_key="", security="XYZ", units=D(50), proceeds_usd=D(4400), cost_usd=D(5000),
        gain_usd=D(-600), term=Term.SHORT, sold_on=date(2025, 3, 3), acquired_on=date(2024, 11, 4),
        disallowed_usd=D(120),
    )  # fmt: skip
    past = LotEvent(
        kind=EventKind.SELL, ref="P1", traded_on=sold.sold_on, security="XYZ", units=D(50), is_past=True,
        dispositions=(sold,),
    )  # fmt: skip

    washed = run([at("T1", 1, past), *events("B2 2025-03-10 T2 buy 60 XYZ 5400")])
    untaxed = run([at("R1", 1, past), *events("B2 2025-03-10 T2 buy 60 XYZ 5400")])

    assert disallowed(washed, "P1") == 600 and basis(washed, "T2", "B2") == 5400 + 480
    assert [lot.units for lot in family(washed, "T2", "B2")] == [20, 40]
    assert disallowed(untaxed, "P1") == 120 and not untaxed.matches


# --- lots that are restated ---------------------------------------------------------------------------------------


def test_a_restated_lot_keeps_what_wash_sales_made_of_its_parts() -> None:
    before = replay(*WASHED)

    after = run([*events(*WASHED), at("T1", 9, adjusted("B2", stated(cost_usd=D(8000))))])

    kept, matched = family(after, "T1", "B2")
    assert (kept.units, kept.cost_usd, matched.units, matched.cost_usd) == (30, 3000, 50, 5600)
    assert matched.wash_adjustment_usd == 600 and matched.is_wash_consumed
    assert matched.holding_on == family(before, "T1", "B2")[1].holding_on


def test_a_restated_lot_of_fewer_units_loses_its_part_of_the_wash_adjustment() -> None:
    after = run([*events(*WASHED), at("T1", 9, adjusted("B2", stated(units=D(55), cost_usd=D(4950))))])

    kept, matched = family(after, "T1", "B2")
    assert (kept.units, matched.units) == (30, 25)  # the part held longest went first, as in a sale
    assert (matched.wash_adjustment_usd, matched.cost_usd) == (300, 2250 + 300)


def test_a_wash_adjustment_that_is_stated_counts_instead() -> None:
    lot = stated(cost_usd=D(7650), wash_adjustment_usd=D(450))

    after = run([*events(*WASHED), at("T1", 9, adjusted("B2", lot))])

    assert sum(one.wash_adjustment_usd for one in family(after, "T1", "B2")) == 450
    assert basis(after, "T1", "B2") == 7650


def test_restating_a_lot_whose_wash_sale_was_undone_does_not_bring_it_back() -> None:
    rows = [row for row in events(*WASHED) if row.event.ref != "S1"]
    copied = stated(holding_on=date(2024, 11, 11), is_wash_consumed=True)

    after = run([*rows, at("T1", 9, adjusted("B2", copied))])

    (lot,) = family(after, "T1", "B2")
    assert (lot.units, lot.holding_on, lot.is_wash_consumed, lot.cost_usd) == (80, None, False, 7200)


def test_a_lot_that_goes_takes_its_family_along() -> None:
    after = run([*events(*WASHED), at("T1", 9, adjusted("B2", None))])

    assert not family(after, "T1", "B2")


def test_a_lot_under_another_name_stays_used_up() -> None:
    renamed = opened(stated(key="N1", units=D(50), cost_usd=D(4500)), "2025-05-02")
    again = events("B8 2024-01-02 T2 buy 50 XYZ 9000", "S9 2025-03-20 T2 sell 50 XYZ 4000 B8:50")
    rows = [*events(*LOSS, "B2 2025-03-10 T1 buy 50 XYZ 4500"), *again]

    after = run([*rows, at("T1", 90, adjusted("B2", None)), at("T1", 91, renamed)])

    assert disallowed(after, "S9") == 0  # its purchase washed S1 already
    assert basis(after, "T1", "N1") == 5100 and family(after, "T1", "N1")[0].is_wash_consumed


# --- transfers ----------------------------------------------------------------------------------------------------


def test_a_transfer_keeps_dates_root_and_wash_flags_and_is_no_purchase() -> None:
    out = LotEvent(
        kind=EventKind.TRANSFER_OUT, ref="X1", traded_on=date(2025, 3, 20), security="XYZ", units=D(80),
        picks=(LotPick(key="B2", units=D(80)),),
    )  # fmt: skip
    come = opened(stated(key="N", root_key="B2"), "2025-03-22", kind=EventKind.TRANSFER_IN)
    later = events("B7 2024-01-02 T2 buy 30 XYZ 9000", "S7 2025-03-25 T2 sell 30 XYZ 3000 B7:30")

    after = run([*events(*WASHED), at("T1", 8, out), at("T2", 9, come), *later])

    assert not family(after, "T1", "B2")
    units = [(lot.units, lot.wash_adjustment_usd) for lot in family(after, "T2", "N")]
    assert sorted(units) == [(30, 6000), (50, 600)]  # 30 were free still, and S7 found them where they are now


def test_what_is_left_of_a_purchase_after_a_transfer_is_the_same_acquisition() -> None:
    out = LotEvent(
        kind=EventKind.TRANSFER_OUT, ref="X1", traded_on=date(2025, 6, 3), security="XYZ", units=D(100),
        picks=(LotPick(key="B1", units=D(100)),),
    )  # fmt: skip
    come = opened(
        stated(key="N", root_key="B1", units=D(100), cost_usd=D(5000), acquired_on=date(2025, 6, 2)), "2025-06-03",
        kind=EventKind.TRANSFER_IN,
    )  # fmt: skip
    bought = events("B1 2025-06-02 T1 buy 200 XYZ 10000")
    sale = journal_line("S1 2025-06-12 T1 sell 100 XYZ 4000 B1:100", 20)

    after = run([*bought, at("T1", 8, out), at("T2", 9, come), sale])

    assert disallowed(after, "S1") == 0


# --- corrections --------------------------------------------------------------------------------------------------


def test_a_cancelled_purchase_washes_nothing() -> None:
    cancel = LotEvent(kind=EventKind.CANCEL, ref="C1", traded_on=date(2025, 3, 12), corrects="B2")

    after = run([*events(*LOSS, "B2 2025-03-10 T1 buy 50 XYZ 4500"), at("T1", 9, cancel)])

    assert disallowed(after, "S1") == 0 and not after.books["T1"].lots


def test_a_replacement_takes_its_own_date() -> None:
    rows = events(*LOSS, "B2 2025-03-10 T1 buy 50 XYZ 4500", "B3 2025-04-03 T1 buy 50 XYZ 4500")
    moved = AccountEvent(account="T1", position=3, event=replace(rows[3].event, corrects="B2"))

    after = run([*rows[:3], moved])

    assert disallowed(after, "S1") == 0 and list(after.books["T1"].lots) == ["B3"]


@pytest.mark.parametrize(
    ("refs", "message"),
    [
        ((("C1", "NONE"),), "corrects NONE, which is not in the journal"),
        ((("C1", "B1"), ("C2", "B1")), "corrected already"),
        ((("C1", "B1"), ("C2", "C1")), "a cancellation"),
        ((("C1", "C1"),), "not in the journal"),
    ],
)
def test_a_correction_of_what_is_not_there_is_refused(refs: tuple[tuple[str, str], ...], message: str) -> None:
    cancels = [
        at("T1", 10 + n, LotEvent(kind=EventKind.CANCEL, ref=ref, traded_on=date(2025, 6, 1), corrects=corrected))
        for n, (ref, corrected) in enumerate(refs)
    ]

    with pytest.raises(BadInput, match=message):
        run([*events("B1 2024-11-04 T1 buy 50 XYZ 5000"), *cancels])


def test_references_are_of_an_account_and_its_source() -> None:
    cancel = LotEvent(kind=EventKind.CANCEL, ref="C1", traded_on=date(2025, 3, 12), corrects="B1")

    with pytest.raises(BadInput, match="not in the journal"):
        run([*events("B1 2024-11-04 T1 buy 50 XYZ 5000"), at("T2", 9, cancel)])
    with pytest.raises(BadInput, match="nothing is known of: Z9"):
        run([at("Z9", 1, cancel)])


# --- corporate actions --------------------------------------------------------------------------------------------


def test_a_split_by_an_action_scales_lots_and_pending_losses_once() -> None:
    split = ActionTerms(kind=ActionKind.SPLIT, key="s", security="XYZ", effective_on=date(2025, 3, 8), ratio=D(10))
    rows = events("B0 2020-01-02 T1 buy 5 XYZ 10", "B9 2020-01-02 T2 buy 5 XYZ 10", *LOSS)

    after = run([
        *rows, at("T1", 90, action(split)), at("T2", 91, action(split)), *events("B2 2025-03-10 T1 buy 100 XYZ 900"),
    ])  # fmt: skip

    assert after.books["T2"].units_of("XYZ") == 50 and disallowed(after, "S1") == 120
    assert basis(after, "T1", "B2") == 1020


def test_a_loss_follows_its_security_into_the_new_symbol() -> None:
    renamed = ActionTerms(
        kind=ActionKind.SYMBOL_CHANGE, key="n", security="XYZ", effective_on=date(2025, 3, 8),
        delivered=(Delivery(security="NEW", units_per_unit=D(1)),),
    )  # fmt: skip
    rows = [*events("B0 2020-01-02 T1 buy 5 XYZ 10", *LOSS), at("T1", 9, action(renamed))]

    after = run([*rows, *events("B2 2025-03-10 T1 buy 50 NEW 4500")], groups={"XYZ": "g", "NEW": "g"})
    apart = run([*rows, *events("B2 2025-03-10 T1 buy 50 NEW 4500")])

    assert after.books["T1"].units_of("NEW") == 55
    assert disallowed(after, "S1") == disallowed(apart, "S1") == 600  # a successor is identical


def test_stock_of_a_spin_off_is_no_purchase() -> None:
    spin = ActionTerms(
        kind=ActionKind.SPIN_OFF, key="o", security="PAR", effective_on=date(2025, 3, 8), price_usd=D(90),
        delivered=(Delivery(security="XYZ", units_per_unit=D(1), price_usd=D(10)),),
    )  # fmt: skip

    after = run([*events("B0 2020-01-02 T1 buy 50 PAR 500", *LOSS), at("T1", 9, action(spin))])

    assert after.books["T1"].units_of("XYZ") == 50 and disallowed(after, "S1") == 0


def test_an_action_opens_its_day_though_it_is_posted_after_the_trades() -> None:
    split = ActionTerms(kind=ActionKind.SPLIT, key="s", security="XYZ", effective_on=date(2025, 3, 10), ratio=D(2))

    after = run([*events("B0 2020-01-02 T1 buy 5 XYZ 10", "B2 2025-03-10 T1 buy 7 XYZ 70"), at("T1", 9, action(split))])

    assert after.books["T1"].units_of("XYZ") == 17


def test_splits_and_transfers_out_open_the_day_where_the_order_across_accounts_is_unknown() -> None:
    bought = journal_line("B2 2025-03-10 T2 buy 10 XYZ 60", 1)
    split = journal_line("X1 2025-03-10 T1 split 10 XYZ", 5000)
    rows = [*events("B1 2024-01-02 T1 buy 10 XYZ 1000"), journal_line("S1 2025-03-03 T1 sell 5 XYZ 300 B1:5", 4000)]

    after = project([*rows, split, bought], accounts=ACCOUNTS)

    assert disallowed(after, "S1") == 40


def test_a_worthless_stock_is_a_loss_of_the_last_day_of_the_year() -> None:
    gone = ActionTerms(kind=ActionKind.WORTHLESS, key="w", security="XYZ", effective_on=date(2025, 10, 1))
    rows = [*events("B1 2024-11-04 T1 buy 50 XYZ 5000"), at("T1", 9, action(gone))]

    early = run([*rows, *events("B2 2025-11-03 T2 buy 10 XYZ 1")])
    inside = run([*rows, *events("B2 2026-01-05 T2 buy 10 XYZ 1")])

    assert disallowed(early, "action:w") == 0 and disallowed(inside, "action:w") == 1000


# --- sales of families --------------------------------------------------------------------------------------------


def test_a_sale_takes_the_part_held_longest_first_and_a_named_part_before_that() -> None:
    whole = run([*events(*WASHED), journal_line("S2 2025-06-02 T1 sell 60 XYZ 6000 B2:60", 9)])
    named = run([*events(*WASHED), journal_line("S2 2025-06-02 T1 sell 55 XYZ 5500 B2~1:55", 9)])

    assert [(sold.lot_key, sold.units) for sold in whole.books["T1"].dispositions[1:]] == [("B2~1", 50), ("B2", 10)]
    assert [(sold.lot_key, sold.units) for sold in named.books["T1"].dispositions[1:]] == [("B2~1", 50), ("B2", 5)]
    assert sum(sold.proceeds_usd for sold in whole.books["T1"].dispositions[1:]) == 6000


def test_a_part_that_is_no_more_is_taken_from_its_lot() -> None:
    rows = [row for row in events(*WASHED) if row.event.ref != "S1"]

    after = run([*rows, journal_line("S2 2025-06-02 T1 sell 55 XYZ 5500 B2~1:55", 9)])

    assert [sold.lot_key for sold in after.books["T1"].dispositions] == ["B2"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("S2 2025-06-02 T1 sell 81 XYZ 6000 B2:81", "81 units of lot B2 are asked for by S2, it holds 80"),
        ("S2 2025-06-02 T1 sell 1 XYZ 60 B7:1", "names lot B7, which is not open"),
        ("S2 2025-06-02 T1 sell 1 OTHER 60 B2:1", "names lot B2~1 of another security"),
    ],
)
def test_a_sale_of_what_is_not_held_is_refused(line: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        run([*events(*WASHED), journal_line(line, 9)])


# --- what must hold -----------------------------------------------------------------------------------------------


def test_a_wash_adjustment_that_nothing_explains_is_noticed() -> None:
    projection = replay(*WASHED)
    lot = projection.books["T1"].lots["B2~1"]
    lots = {**projection.books["T1"].lots, "B2~1": replace(lot, wash_adjustment_usd=D(601))}
    wrong = replace(projection, books={"T1": replace(projection.books["T1"], lots=lots)})

    with pytest.raises(AssertionError, match="differ for XYZ by -1"):
        check_identity(wrong, accounts=ACCOUNTS, groups={})
    with pytest.raises(AssertionError, match="differ for XYZ by -600"):
        check_flow({}, projection.matches, groups={})


def test_a_purchase_in_the_ira_marks_the_lot_and_leaves_its_basis() -> None:
    projection = replay(*LOSS, "B2 2025-03-10 R1 buy 80 XYZ 7200")

    kept, used = family(projection, "R1", "B2")
    assert permanent(projection, "S1") == 600
    assert (kept.units, used.units, kept.cost_usd, used.cost_usd) == (30, 50, 2700, 4500)
    assert used.is_wash_consumed and not kept.is_wash_consumed and used.wash_adjustment_usd == 0
