"""What each kind of corporate action does to the lots of one account."""

from dataclasses import replace
from datetime import date

import pytest

from portfolios.ledger.corporate_actions.conservation import NotConserved, check_conservation
from portfolios.ledger.corporate_actions.effect import ActionEffect, LotOutcome
from portfolios.ledger.corporate_actions.terms import ActionKind, HolderTerms
from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import DispositionKind, Relief, Term
from tests.action_words import ON, D, act, held, into, lots_out, terms

TWO = held("L1 100 1000.00 2020-02-03", "L2 50 900.00 2025-03-03")
SPIN_OFF = terms(ActionKind.SPIN_OFF, delivered=(into("CHI", "0.25", price_usd="40"),), price_usd=D("90"))
SPLIT = terms(ActionKind.SPLIT, ratio=D(2))


def test_a_split_multiplies_units_and_leaves_basis_dates_and_wash_state() -> None:
    lot = replace(
        TWO[0], holding_on=date(2019, 12, 1), wash_adjustment_usd=D("12.00"), is_wash_consumed=True, root_key="R"
    )

    effect = act([lot], SPLIT)

    assert effect == ActionEffect(kept=(replace(lot, units=D(200)),))


def test_units_of_many_small_lots_add_up_to_the_position_times_the_ratio() -> None:
    lots = held(*(f"L{number} 0.333333 10.00 2024-01-0{number}" for number in range(1, 8)))

    effect = act(lots, terms(ActionKind.REVERSE_SPLIT, ratio=D(1) / 3))

    assert sum(lot.units for lot in effect.kept) == D("0.777777")


def test_a_lot_too_small_for_a_unit_leaves_its_basis_to_the_largest() -> None:
    lots = held("L1 100 1000.00 2024-01-02", "L2 0.000001 0.01 2024-01-03")

    effect = act(lots, terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1")))

    assert lots_out(effect) == {"L1": ("XYZ", D("10"), D("1000.01"))}
    assert effect.gone == ("L2",)


def test_a_position_that_leaves_no_unit_is_refused() -> None:
    with pytest.raises(BadInput, match=r"0\.000002 units of XYZ leave nothing at 0\.1"):
        act(held("L1 0.000002 1.00 2024-01-02"), terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1")))


def test_the_fraction_of_the_position_is_taken_by_the_relief_method() -> None:
    lots = held("L1 15 300.00 2020-02-03", "L2 10 900.00 2025-03-03")
    reverse = terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1"), pays_fractions=True, fraction_price_usd=D("500"))

    first = act(lots, reverse, method=Relief.FIFO)
    dearest = act(lots, reverse, method=Relief.HIFO)

    assert lots_out(first) == {"L1": ("XYZ", D("1"), D("200.00")), "L2": ("XYZ", D("1"), D("900.00"))}
    (sold,) = first.dispositions
    assert (sold.kind, sold.units, sold.proceeds_usd, sold.cost_usd, sold.gain_usd, sold.term) == (
        DispositionKind.CASH_IN_LIEU, D("0.5"), D("250.00"), D("100"), D("150.00"), Term.LONG,
    )  # fmt: skip
    (sold,) = dearest.dispositions
    assert (sold.lot_key, sold.gain_usd, sold.term) == ("L2", D("-200.00"), Term.SHORT)


def test_what_the_custodian_paid_goes_before_the_price_of_the_terms() -> None:
    paid = HolderTerms(fraction_cash_usd=(("XYZ", D("110.00")),))

    effect = act(held("L1 105 2100.00 2023-04-03"), terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1")), paid)

    assert effect.cash_usd == D("110.00")
    assert effect.dispositions[0].gain_usd == D("10.00")


def test_fractions_are_kept_where_nobody_pays_for_them() -> None:
    effect = act(held("L1 105 2100.00 2023-04-03"), terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1")))

    assert lots_out(effect) == {"L1": ("XYZ", D("10.5"), D("2100.00"))}


def test_a_fraction_paid_that_does_not_arise_is_refused() -> None:
    paid = HolderTerms(fraction_cash_usd=(("XYZ", D("1.00")),))

    with pytest.raises(BadInput, match=r"paid 1\.00 for a fraction of XYZ, but 20\.000000 units leave none"):
        act(held("L1 10 100.00 2024-01-02"), SPLIT, paid)


def test_fractions_without_a_price_are_refused() -> None:
    with pytest.raises(BadInput, match="pays fractions of XYZ in cash and does not say at what price"):
        act(held("L1 105 2100.00 2023-04-03"), terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1"), pays_fractions=True))


def test_a_lot_for_charity_gives_a_fraction_only_where_the_others_do_not_reach() -> None:
    lots = held("L1 15 300.00 2020-02-03", "L2 10 900.00 2025-03-03")
    reverse = terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1"), pays_fractions=True, fraction_price_usd=D("500"))

    spared = act((replace(lots[0], is_gift=True), lots[1]), reverse)
    used = act((replace(lots[0], is_gift=True),), reverse)

    assert [sold.lot_key for sold in spared.dispositions] == ["L2"]
    assert [sold.lot_key for sold in used.dispositions] == ["L1"]
    assert used.kept[0].is_gift


def test_a_spin_off_allocates_by_market_value_lot_by_lot() -> None:
    effect = act(TWO, SPIN_OFF)

    assert lots_out(effect) == {
        "L1": ("XYZ", D("100"), D("900.000000")),
        "L1/CHI": ("CHI", D("25"), D("100.000000")),
        "L2": ("XYZ", D("50"), D("810.000000")),
        "L2/CHI": ("CHI", D("12.5"), D("90.000000")),
    }
    assert (effect.cash_usd, effect.income_usd, effect.dispositions) == (0, 0, ())


def test_the_issuers_share_goes_before_the_prices() -> None:
    stated = replace(SPIN_OFF, delivered=(into("CHI", "0.25", price_usd="40", basis_frac="0.2"),))

    effect = act(TWO[:1], stated)

    assert lots_out(effect)["L1/CHI"][2] == D("200.000000")


def test_two_children_share_the_basis_with_their_parent() -> None:
    both = (into("CARR", "1", price_usd="15"), into("OTIS", "0.5", price_usd="50"))

    effect = act(TWO[:1], terms(ActionKind.SPIN_OFF, delivered=both, price_usd=D("60")))

    assert [lot.cost_usd for lot in (*effect.kept, *effect.opened)] == [D("600"), D("150"), D("250")]


def test_a_child_carries_its_parents_dates_root_and_share_of_both_bases() -> None:
    lot = replace(
        TWO[0],
        holding_on=date(2019, 1, 2),
        loss_cost_usd=D("500.00"),
        wash_adjustment_usd=D("30.00"),
        root_key="R",
        is_wash_consumed=True,
    )

    (child,) = act([lot], SPIN_OFF).opened

    assert (child.acquired_on, child.holding_on, child.root_key) == (lot.acquired_on, lot.holding_on, "R")
    assert (child.cost_usd, child.loss_cost_usd, child.wash_adjustment_usd) == (D("100"), D("50"), D("3"))
    assert child.is_wash_consumed and not child.is_wash_acquisition


def test_the_child_of_a_part_is_a_part_of_the_child() -> None:
    lots = held("L1 100 1000.00 2024-01-02", "L1~1 50 500.00 2024-01-02")

    assert [lot.key for lot in act(lots, SPIN_OFF).opened] == ["L1/CHI", "L1/CHI~1"]


def test_a_second_child_of_one_name_gets_a_number() -> None:
    assert [lot.key for lot in act(TWO[:1], SPIN_OFF, taken=["L1/CHI"]).opened] == ["L1/CHI.2"]


def test_a_spin_off_without_values_or_form_8937_is_refused() -> None:
    with pytest.raises(
        BadInput, match="needs the issuer's share of the basis, or the fair market value of a unit of XYZ"
    ):
        act(TWO, replace(SPIN_OFF, price_usd=None))
    with pytest.raises(BadInput, match="needs the fair market value of a unit of CHI"):
        act(TWO, replace(SPIN_OFF, delivered=(into("CHI", "0.25"),)))


def test_a_taxable_spin_off_is_a_dividend_of_its_value() -> None:
    effect = act(TWO, replace(SPIN_OFF, is_taxable=True))

    assert effect.income_usd == D("1500.00")
    assert effect.kept == TWO
    assert [(lot.units, lot.cost_usd, lot.acquired_on) for lot in effect.opened] == [
        (D("25"), D("1000.00"), ON),
        (D("12.5"), D("500.00"), ON),
    ]


def test_a_taxable_stock_dividend_is_one_purchase_at_its_value() -> None:
    effect = act(TWO, terms(ActionKind.STOCK_DIVIDEND, ratio=D("1.1"), is_taxable=True, price_usd=D("20")))

    assert effect.income_usd == D("300.00")
    assert lots_out(effect) == {
        "L1": ("XYZ", D("100"), D("1000.00")),
        "L1/XYZ": ("XYZ", D("10"), D("200.00")),
        "L2": ("XYZ", D("50"), D("900.00")),
        "L2/XYZ": ("XYZ", D("5"), D("100.00")),
    }
    assert {(lot.root_key, lot.is_wash_acquisition) for lot in effect.opened} == {("L1/XYZ", True)}


def test_a_stock_merger_keeps_keys_bases_and_dates_and_is_no_purchase() -> None:
    effect = act(TWO, terms(ActionKind.STOCK_MERGER, delivered=(into("ACQ", "2"),)))

    assert lots_out(effect) == {"L1": ("ACQ", D("200"), D("1000.00")), "L2": ("ACQ", D("100"), D("900.00"))}
    assert [lot.held_from_on for lot in effect.kept] == [lot.held_from_on for lot in TWO]
    assert not any(lot.is_wash_acquisition for lot in effect.kept)


def test_a_merger_into_two_securities_allocates_by_value() -> None:
    both = (into("ACQ", "1", price_usd="30"), into("CVR", "1", price_usd="10"))

    effect = act(TWO[:1], terms(ActionKind.STOCK_MERGER, delivered=both))

    assert lots_out(effect) == {"L1": ("ACQ", D("100"), D("750.000000")), "L1/CVR": ("CVR", D("100"), D("250.000000"))}


def test_a_taxable_merger_takes_losses_and_starts_anew() -> None:
    merger = terms(
        ActionKind.MIXED_MERGER,
        delivered=(into("ACQ", "0.5", price_usd="20"),),
        cash_per_unit_usd=D(2),
        is_taxable=True,
    )

    effect = act(TWO, merger)

    assert [(sold.kind, sold.gain_usd, sold.term) for sold in effect.dispositions] == [
        (DispositionKind.TAXABLE_EXCHANGE, D("200.00"), Term.LONG),
        (DispositionKind.TAXABLE_EXCHANGE, D("-300.00"), Term.SHORT),
    ]
    assert effect.gone == ("L1", "L2")
    assert effect.cash_usd == D("300.00")
    assert [
        (lot.key, lot.cost_usd, lot.acquired_on, lot.root_key, lot.is_wash_acquisition) for lot in effect.opened
    ] == [
        ("L1/ACQ", D("1000.00"), ON, "L1/ACQ", True),
        ("L2/ACQ", D("500.00"), ON, "L1/ACQ", True),
    ]


def test_boot_of_unknown_basis_has_no_gain_and_says_so() -> None:
    merger = terms(ActionKind.MIXED_MERGER, delivered=(into("ACQ", "1", price_usd="20"),), cash_per_unit_usd=D(5))

    effect = act(held("L1 10 ? 2020-01-02"), merger)

    assert (effect.dispositions[0].cost_usd, effect.dispositions[0].gain_usd) == (None, None)
    assert effect.kept[0].cost_usd is None
    assert effect.notes == ("lot L1 has no known basis, so no gain of its cash",)


def test_boot_reduces_both_bases_of_a_gift_and_neither_below_zero() -> None:
    lot = replace(held("L1 10 300.00 2020-01-02")[0], loss_cost_usd=D("30.00"))
    merger = terms(ActionKind.MIXED_MERGER, delivered=(into("ACQ", "1", price_usd="20"),), cash_per_unit_usd=D(5))

    (kept,) = act([lot], merger).kept

    assert (kept.cost_usd, kept.loss_cost_usd) == (D("250.00"), D("0"))


def test_an_election_and_its_proration_replace_the_terms() -> None:
    merger = terms(ActionKind.MIXED_MERGER, delivered=(into("ACQ", "0.5", price_usd="20"),), cash_per_unit_usd=D(5))
    all_cash = HolderTerms(elected_cash_per_unit_usd=D(15), elected_units_per_unit=D(0))
    all_stock = HolderTerms(elected_cash_per_unit_usd=D(0), elected_units_per_unit=D("0.75"))

    cash, stock = act(TWO[:1], merger, all_cash), act(TWO[:1], merger, all_stock)

    assert (cash.cash_usd, cash.kept, cash.dispositions[0].kind) == (D("1500.00"), (), DispositionKind.SALE)
    assert lots_out(stock) == {"L1": ("ACQ", D("75"), D("1000.00"))}
    assert stock.dispositions == ()


def test_cash_that_the_terms_give_for_one_lot_sells_it_with_its_loss() -> None:
    merger = terms(ActionKind.MIXED_MERGER, delivered=(into("ACQ", "1", price_usd="12"),), cash_per_unit_usd=D(4))
    assigned = HolderTerms(assigned_lots=(("L1", D(150), D(0)), ("L2", D(0), D(600))))

    effect = act(TWO, merger, assigned)

    assert lots_out(effect) == {"L1": ("ACQ", D(150), D("1000.00"))}
    (sold,) = effect.dispositions
    assert (sold.kind, sold.lot_key, sold.gain_usd, effect.cash_usd) == (
        DispositionKind.SALE, "L2", D("-300.00"), D("600"),
    )  # fmt: skip


def test_what_is_assigned_to_lots_must_name_all_and_be_the_whole() -> None:
    merger = terms(ActionKind.MIXED_MERGER, delivered=(into("ACQ", "1", price_usd="12"),), cash_per_unit_usd=D(4))

    with pytest.raises(BadInput, match="does not name every lot that is held once"):
        act(TWO, merger, HolderTerms(assigned_lots=(("L1", D(150), D(600)),)))
    with pytest.raises(BadInput, match=r"assigns 149 of units to lots, the terms bring 150"):
        act(TWO, merger, HolderTerms(assigned_lots=(("L1", D(149), D(0)), ("L2", D(0), D(600)))))


def test_a_cash_merger_sells_unknown_basis_without_a_gain() -> None:
    effect = act(held("L1 10 ? 2020-01-02"), terms(ActionKind.CASH_MERGER, cash_per_unit_usd=D(55)))

    (sold,) = effect.dispositions
    assert (sold.proceeds_usd, sold.cost_usd, sold.gain_usd) == (D("550.00"), None, None)


def test_a_tender_takes_the_units_by_method_or_the_lots_as_named() -> None:
    offer = terms(ActionKind.TENDER, cash_per_unit_usd=D(12))

    by_method = act(TWO, offer, HolderTerms(tendered_units=D(120)))
    named = act(TWO, offer, HolderTerms(tendered_lots=(("L2", D(50)),)))
    everything = act(TWO, offer)
    nothing = act(TWO, offer, HolderTerms(tendered_units=D(0)))

    assert [(sold.lot_key, sold.units) for sold in by_method.dispositions] == [("L1", D(100)), ("L2", D(20))]
    assert [(sold.lot_key, sold.gain_usd) for sold in named.dispositions] == [("L2", D("-300.00"))]
    assert everything.gone == ("L1", "L2")
    assert nothing == ActionEffect(kept=TWO)


def test_more_than_held_or_a_strange_lot_cannot_be_tendered() -> None:
    offer = terms(ActionKind.TENDER, cash_per_unit_usd=D(12))

    with pytest.raises(BadInput, match="cannot be tendered: 151 units are to be sold, 150 are held"):
        act(TWO, offer, HolderTerms(tendered_units=D(151)))
    with pytest.raises(BadInput, match="tendered lots that are not held, or one twice: L9"):
        act(TWO, offer, HolderTerms(tendered_lots=(("L9", D(1)),)))


def test_a_return_of_capital_leaves_an_unknown_basis_unknown() -> None:
    effect = act(held("L1 10 ? 2020-01-02"), terms(ActionKind.RETURN_OF_CAPITAL, cash_per_unit_usd=D(2)))

    assert (effect.kept[0].cost_usd, effect.cash_usd, effect.dispositions) == (None, D("20.00"), ())
    assert effect.notes == ("lot L1 has no known basis that its 20.00 could be taken from",)


def test_a_special_dividend_is_income_and_changes_no_lot() -> None:
    effect = act(TWO, terms(ActionKind.SPECIAL_DIVIDEND, cash_per_unit_usd=D("0.333")))

    assert effect == ActionEffect(kept=TWO, cash_usd=D("49.95"), income_usd=D("49.95"))


def test_a_change_of_symbol_changes_nothing_else() -> None:
    effect = act(TWO, terms(ActionKind.SYMBOL_CHANGE, delivered=(into("NEW", "1"),)))

    assert effect.kept == tuple(replace(lot, security="NEW") for lot in TWO)


def test_worthless_stock_is_lost_on_the_last_day_of_the_year() -> None:
    effect = act(held("L1 10 100.00 2024-12-30", "L2 10 ? 2025-03-03"), terms(ActionKind.WORTHLESS))

    known, unknown = effect.dispositions
    assert effect.gone == ("L1", "L2")
    assert (known.kind, known.gain_usd, known.sold_on, known.term) == (
        DispositionKind.WORTHLESS, D("-100.00"), date(2025, 12, 31), Term.LONG,
    )  # fmt: skip
    assert (unknown.cost_usd, unknown.gain_usd, unknown.term) == (None, None, Term.SHORT)


def test_an_account_that_averages_sells_a_fraction_at_the_average() -> None:
    lots = held("L1 15 300.00 2020-02-03", "L2 10 900.00 2025-03-03")
    reverse = terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1"), pays_fractions=True, fraction_price_usd=D("500"))

    effect = act(lots, reverse, method=Relief.AVERAGE_COST)

    assert effect.dispositions[0].cost_usd == D("240")
    assert [lot.cost_usd for lot in effect.kept] == [D("480"), D("480")]


def test_the_least_tax_takes_the_least_gain() -> None:
    lots = held("L1 15 300.00 2020-02-03", "L2 10 900.00 2025-03-03")
    reverse = terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1"), pays_fractions=True, fraction_price_usd=D("500"))

    assert act(lots, reverse, method=Relief.MIN_TAX).dispositions[0].lot_key == "L2"


def test_lots_of_another_security_and_kinds_without_rules_are_refused() -> None:
    with pytest.raises(BadInput, match="is given lots of ABC"):
        act(held("L1 10 100.00 2024-01-02", security="ABC"), SPLIT)
    with pytest.raises(BadInput, match="of a kind that cannot be applied: other"):
        act(TWO, terms(ActionKind.OTHER))


def test_no_lots_have_no_effect() -> None:
    assert act((), SPLIT) == ActionEffect()


def test_an_action_that_makes_money_is_a_fault_of_ours() -> None:
    richer = LotOutcome(before=TWO[0], after=(replace(TWO[0], cost_usd=D("1000.01")),))

    with pytest.raises(NotConserved, match=r"lot L1 of XYZ: 1000\.00 of basis, income and gain came in, 1000\.01"):
        check_conservation((richer,))
