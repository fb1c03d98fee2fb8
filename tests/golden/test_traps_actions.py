"""What other products get wrong with corporate actions: traps 20 to 22 of the tax rules, section 5."""

from dataclasses import replace
from datetime import date

from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, HolderTerms
from portfolios.ledger.projection import AccountEvent, AccountFacts, Projection, project
from portfolios.ledger.types import DispositionKind, EventKind, Lot, LotEvent, LotPick, Term
from tests.action_words import ON, D, act, held, into, lots_out, terms

_FACTS = {"T1": AccountFacts(key="T1", owner="H")}
_SPIN_OFF = terms(ActionKind.SPIN_OFF, delivered=(into("CHI", "0.25", price_usd="40"),), price_usd=D(90))


def test_trap_20_boot_is_taxed_block_by_block() -> None:
    lots = held("L1 10 30.00 2020-02-03", "L2 10 90.00 2024-09-03")
    merger = terms(ActionKind.MIXED_MERGER, delivered=(into("ACQ", "0.5", price_usd="10"),), cash_per_unit_usd=D(5))

    effect = act(lots, merger)

    assert [(sold.kind, sold.gain_usd, sold.term) for sold in effect.dispositions] == [
        (DispositionKind.BOOT, D("50.00"), Term.LONG),
        (DispositionKind.BOOT, D("10.00"), Term.SHORT),
    ]
    assert lots_out(effect) == {"L1": ("ACQ", D(5), D("30.00")), "L2": ("ACQ", D(5), D("50.00"))}


def test_trap_20_a_loss_in_a_merger_with_boot_is_not_recognised() -> None:
    lots = held("L1 100 5000.00 2022-02-03", "L2 100 1000.00 2022-02-03")
    merger = terms(ActionKind.MIXED_MERGER, delivered=(into("ACQ", "0.5", price_usd="60"),), cash_per_unit_usd=D(10))

    effect = act(lots, merger)

    # Together the two blocks realise 2,000.00; the loss of the first does not shelter the gain of the second.
    assert [sold.gain_usd for sold in effect.dispositions] == [D("0.00"), D("1000.00")]
    assert lots_out(effect)["L1"] == ("ACQ", D(50), D("4000.00"))
    assert [each.realised_usd for each in effect.exchanges] == [D("-1000.00"), D("3000.00")]


def test_trap_21_a_return_of_capital_stops_at_zero_lot_by_lot() -> None:
    lots = held("L1 100 150.00 2016-03-01", "L2 100 1000.00 2025-03-03")

    effect = act(lots, terms(ActionKind.RETURN_OF_CAPITAL, cash_per_unit_usd=D(2)))

    # Pooled, 1,150.00 of basis would have covered 400.00 without a gain.
    assert lots_out(effect) == {"L1": ("XYZ", D(100), D("0.00")), "L2": ("XYZ", D(100), D("800.00"))}
    (sold,) = effect.dispositions
    assert (sold.kind, sold.proceeds_usd, sold.cost_usd, sold.gain_usd, sold.term) == (
        DispositionKind.EXCESS_RETURN_OF_CAPITAL, D("50.00"), D("0"), D("50.00"), Term.LONG,
    )  # fmt: skip


def test_trap_21_cash_in_lieu_has_its_share_of_the_basis() -> None:
    reverse = terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1"), pays_fractions=True, fraction_price_usd=D(220))

    effect = act(held("L1 105 2100.00 2023-04-03"), reverse)

    (sold,) = effect.dispositions
    assert (sold.units, sold.proceeds_usd, sold.cost_usd, sold.gain_usd) == (D("0.5"), D(110), D(100), D(10))
    assert lots_out(effect) == {"L1": ("XYZ", D(10), D("2000.00"))}


def test_trap_22_a_child_is_as_old_as_its_parent() -> None:
    parent = replace(held("L1 120 6000.00 2025-05-01")[0], holding_on=date(2021, 3, 1))

    (child,) = act([parent], _SPIN_OFF).opened

    assert (child.acquired_on, child.held_from_on) == (date(2025, 5, 1), date(2021, 3, 1))
    assert not child.is_wash_acquisition


def test_trap_22_form_8937_prices_open_and_sold_children_anew() -> None:
    stated = replace(_SPIN_OFF, delivered=(into("CHI", "0.25", price_usd="40", basis_frac="0.15"),))

    by_prices = _replayed(_action(_SPIN_OFF, "A1"))
    by_form = _replayed(_action(_SPIN_OFF, "A1"), _action(stated, "A1b", corrects="A1"))

    assert _gains(by_prices) == [("L1/CHI", D("100.00"))]  # a third of 10 % of 9,000.00
    assert _gains(by_form) == [("L1/CHI", D("-50.00"))]  # a third of 15 %
    assert {lot.key: lot.cost_usd for lot in by_prices.books["T1"].lots.values()} == {
        "L1": D("8100.000000"),
        "L1/CHI": D("600.000000"),
    }
    assert {lot.key: lot.cost_usd for lot in by_form.books["T1"].lots.values()} == {
        "L1": D("7650.000000"),
        "L1/CHI": D("900.000000"),
    }


def _replayed(*actions: LotEvent) -> Projection:
    """Buy 120 parents for 9,000.00, take part in the spin-off, sell 10 of 30 children for 400.00."""
    lot = Lot(key="L1", security="XYZ", units=D(120), cost_usd=D("9000.00"), acquired_on=date(2021, 3, 1))
    bought = LotEvent(kind=EventKind.BUY, ref="B1", traded_on=lot.acquired_on, security="XYZ", units=lot.units, lot=lot)
    sold = LotEvent(
        kind=EventKind.SELL, ref="S1", traded_on=date(2025, 7, 1), security="CHI", units=D(10), amount_usd=D("400.00"),
        picks=(LotPick(key="L1/CHI", units=D(10)),),
    )  # fmt: skip
    events = (bought, actions[0], sold, *actions[1:])
    rows = [AccountEvent(account="T1", position=place, event=event) for place, event in enumerate(events)]
    return project(rows, accounts=_FACTS)


def _action(of: ActionTerms, ref: str, *, corrects: str = "") -> LotEvent:
    return LotEvent(
        kind=EventKind.CORPORATE_ACTION, ref=ref, traded_on=ON, security=of.security, action=of, holder=HolderTerms(),
        corrects=corrects, reason="Form 8937" if corrects else "",
    )  # fmt: skip


def _gains(projection: Projection) -> list[tuple[str, object]]:
    return [(sold.lot_key, sold.gain_usd) for sold in projection.books["T1"].dispositions]
