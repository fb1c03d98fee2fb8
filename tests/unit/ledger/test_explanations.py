"""What explains a difference with the custodian: each kind with a case that it explains and one that it does not."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

from portfolios.ledger.booking import apply_events
from portfolios.ledger.comparison import AdjustLimit, Cause, DifferenceKind, LotFacts, Terms
from portfolios.ledger.reconcile import Reconciliation, reconcile
from portfolios.ledger.statements import StatedLot, Statement
from portfolios.ledger.types import Book, Cash, EventKind, Lot
from tests.lots import book_of

_BEFORE, _DAY, _BOUGHT = date(2026, 2, 27), date(2026, 3, 2), date(2026, 1, 15)
_LATER = Terms(ref="file", stated_on=_BEFORE)


def _lot(units: str, cost: str | None, *, key: str = "K", washed: str = "0", day: date = _BOUGHT) -> Lot:
    return Lot(
        key=key,
        security="AAPL",
        units=D(units),
        cost_usd=None if cost is None else D(cost),
        acquired_on=day,
        wash_adjustment_usd=D(washed),
        is_wash_consumed=washed != "0",
    )


def _row(units: str, cost: str | None, *, day: date | None = _BOUGHT, washed: str = "0", ref: str = "") -> StatedLot:
    return StatedLot(
        security="AAPL",
        units=D(units),
        cost_usd=None if cost is None else D(cost),
        acquired_on=day,
        wash_adjustment_usd=D(washed),
        ref=ref,
    )


def _compared(
    lots: list[Lot], rows: list[StatedLot], *, facts: LotFacts | None = None, terms: Terms = _LATER
) -> Reconciliation:
    book = Book(lots={lot.key: lot for lot in lots})
    return reconcile(statement=Statement(as_of=_DAY, lots=rows), book=book, facts=facts, terms=terms)


def _causes(found: Reconciliation) -> list[Cause]:
    return [explanation.cause for explanation in found.explanations]


_WASHED = [_lot("60", "600"), _lot("40", "520", key="K~1", washed="120")]
_BEYOND = LotFacts(beyond_usd={"K~1": D(120)})


def test_a_wash_in_another_account_that_the_custodian_does_not_see_leaves_our_basis() -> None:
    found = _compared(_WASHED, [_row("100", "1000")], facts=_BEYOND)

    assert (found.events, found.breaks, found.explained) == ((), (), ("AAPL",))
    (explanation,) = found.explanations
    assert (explanation.cause, explanation.cost_usd) == (Cause.WASH_ADJUSTMENT, D(-120))
    assert "$120.00 for a loss in another account" in explanation.sentence


def test_a_wash_that_the_custodian_has_too_matches_family_for_lot() -> None:
    found = _compared(_WASHED, [_row("100", "1120")])

    assert found.events == ()
    assert [(e.cause, e.cost_usd) for e in found.explanations] == [(Cause.WASH_ADJUSTMENT, D(0))]
    assert "2 sub-lots of a wash sale where the custodian keeps 1" in found.explanations[0].sentence


def test_a_custodians_own_sub_lots_match_ours_one_by_one() -> None:
    found = _compared(_WASHED, [_row("40", "520"), _row("60", "600")])

    assert (found.events, found.matched) == ((), ("AAPL",))


def test_sub_lots_cut_otherwise_match_by_their_sum() -> None:
    found = _compared(_WASHED, [_row("30", "300"), _row("30", "300"), _row("40", "400")], facts=_BEYOND)

    assert found.events == ()
    assert _causes(found) == [Cause.WASH_ADJUSTMENT]


def test_a_wash_of_the_same_account_is_in_the_brokers_view_and_one_beyond_it_is_not() -> None:
    both = [_lot("100", "1200", washed="200")]

    found = _compared(both, [_row("100", "1080")], facts=LotFacts(beyond_usd={"K": D(120)}))

    assert found.events == ()
    assert found.explanations[0].cost_usd == D(-120)


def test_a_basis_that_no_wash_explains_is_adjusted_and_the_wash_adjustment_stays_ours() -> None:
    found = _compared(_WASHED, [_row("100", "1010")], facts=_BEYOND)

    (event,) = found.events
    assert (event.kind, event.lot_key) == (EventKind.ADJUST_LOT, "K")
    assert event.lot is not None
    assert (event.lot.units, event.lot.cost_usd, event.lot.wash_adjustment_usd) == (D(100), D(1010), D(0))
    (adjusted,) = found.adjustments
    assert (adjusted.kind, adjusted.ledger_usd, adjusted.custodian_usd) == (DifferenceKind.COST, D(1120), D(1010))


def test_a_wash_adjustment_that_only_the_custodian_has_is_taken_over_and_explained() -> None:
    found = _compared([_lot("100", "1000")], [_row("100", "1120", washed="120")])

    (event,) = found.events
    assert event.lot is not None
    assert (event.lot.cost_usd, event.lot.wash_adjustment_usd) == (D(1120), D(120))
    assert found.adjustments == ()
    assert _causes(found) == [Cause.WASH_ADJUSTMENT]


def test_a_commission_that_only_our_basis_holds_is_explained_and_stays() -> None:
    facts = LotFacts(fee_frac={"K": D("4.95") / D("1004.95")})

    whole = _compared([_lot("100", "1004.95")], [_row("100", "1000")], facts=facts)
    half = _compared([_lot("50", "502.475")], [_row("50", "500")], facts=facts)

    assert (whole.events, half.events) == ((), ())
    assert [e.cause for e in (*whole.explanations, *half.explanations)] == [Cause.FEE, Cause.FEE]
    assert whole.explanations[0].cost_usd == D("-4.95")


def test_a_commission_that_only_the_custodians_basis_holds_is_taken_over() -> None:
    facts = LotFacts(fees_beside_usd={("AAPL", _BOUGHT): D("4.95")})

    found = _compared([_lot("100", "1000")], [_row("100", "1004.95")], facts=facts)

    assert found.events[0].lot is not None
    assert found.events[0].lot.cost_usd == D("1004.95")
    assert (found.adjustments, _causes(found)) == ((), [Cause.FEE])


def test_a_commission_does_not_explain_another_amount() -> None:
    facts = LotFacts(fee_frac={"K": D("4.95") / D("1004.95")})

    found = _compared([_lot("100", "1004.95")], [_row("100", "990")], facts=facts)

    assert len(found.adjustments) == 1


def test_a_wash_and_a_commission_together_explain_their_sum() -> None:
    facts = LotFacts(beyond_usd={"K": D(120)}, fee_frac={"K": D(5) / D(1005)})

    found = _compared([_lot("100", "1125", washed="120")], [_row("100", "1000")], facts=facts)

    assert (found.events, _causes(found)) == ((), [Cause.WASH_ADJUSTMENT])


def test_a_cent_a_lot_is_rounding_and_two_are_not() -> None:
    one = _compared([_lot("100", "1000.00")], [_row("100", "1000.01")])
    two = _compared([_lot("100", "1000.00")], [_row("100", "1000.02")])

    assert (one.events, _causes(one)) == ((), [Cause.ROUNDING])
    assert len(two.adjustments) == 1


def test_units_in_the_custodians_decimals_are_rounding() -> None:
    found = _compared([_lot("10.123456", "1000")], [_row("10.1235", "1000")])

    assert (found.events, found.explained) == ((), ("AAPL",))
    assert found.explanations[0].sentence == "the custodian rounds 10.123456 units to 10.1235"


def test_fills_of_one_day_match_the_one_lot_that_the_custodian_makes_of_them() -> None:
    found = _compared([_lot("60", "600", key="F1"), _lot("40", "404", key="F2")], [_row("100", "1004")])

    assert (found.events, found.matched) == ((), ("AAPL",))


def test_a_basis_that_was_unknown_is_taken_over_whoever_keeps_the_book() -> None:
    terms = replace(_LATER, is_custodian_the_record=False)

    found = _compared([_lot("100", None)], [_row("100", "1000")], terms=terms)

    assert found.events[0].lot is not None
    assert found.events[0].lot.cost_usd == D(1000)
    assert (found.breaks, _causes(found)) == ((), [Cause.TOLD])


def test_a_basis_without_a_date_stays_unknown_on_the_second_day_too() -> None:
    found = _compared([_lot("100", None)], [_row("100", "1000", day=None)])

    assert found.events == ()


def test_a_limit_makes_a_break_of_what_is_too_large_to_adjust() -> None:
    small = replace(_LATER, limit=AdjustLimit(most_usd=D(500)), prices={"AAPL": D(20)})
    share = replace(_LATER, limit=AdjustLimit(most_frac=D("0.01"), account_usd=D(10000)), prices={"AAPL": D(20)})

    within = _compared([_lot("100", "1000")], [_row("125", "1250")], terms=small)
    above = _compared([_lot("100", "1000")], [_row("126", "1260")], terms=small)
    of_value = _compared([_lot("100", "1000")], [_row("106", "1060")], terms=share)

    assert (len(within.adjustments), within.breaks) == (1, ())
    assert [(found.kind, found.size_usd) for found in above.breaks] == [(DifferenceKind.UNITS, D(520))]
    assert [found.size_usd for found in of_value.breaks] == [D(120)]
    assert above.events == of_value.events == ()


def test_a_difference_of_unknown_size_is_not_adjusted_under_a_limit() -> None:
    terms = replace(_LATER, limit=AdjustLimit(most_usd=D(500)))

    found = _compared([_lot("100", None)], [_row("120", None)], terms=terms)

    assert [b.size_usd for b in found.breaks] == [None]


def test_figures_that_a_person_settled_are_left_until_they_change() -> None:
    terms = replace(_LATER, is_custodian_the_record=False)
    first = _compared([_lot("100", "1000")], [_row("90", "900")], terms=terms)
    settled = replace(terms, settled=frozenset({first.breaks[0].figures}))

    again = _compared([_lot("100", "1000")], [_row("90", "900")], terms=settled)
    changed = _compared([_lot("100", "1000")], [_row("80", "800")], terms=settled)

    assert (again.events, again.breaks, _causes(again)) == ((), (), [Cause.SETTLED])
    assert len(changed.breaks) == 1


def test_accepting_the_custodians_word_adjusts_where_trimtab_keeps_the_book() -> None:
    terms = replace(_LATER, is_custodian_the_record=False, accepted=frozenset({"AAPL"}))

    found = _compared([_lot("100", "1000")], [_row("90", "900")], terms=terms)

    book = apply_events(Book(lots={"K": _lot("100", "1000")}), found.events)
    assert book.units_of("AAPL") == D(90)
    assert found.breaks == ()


def test_a_break_of_one_security_leaves_the_others_in_order() -> None:
    terms = replace(_LATER, is_custodian_the_record=False)
    book = book_of("AAPL 10 @ 100 2020-01-02", "MSFT 5 @ 300 2021-01-04")
    row = replace(_row("5", "1500", day=date(2021, 1, 4)), security="MSFT")

    found = reconcile(
        statement=Statement(as_of=_DAY, lots=(_row("11", "1100", day=date(2020, 1, 2)), row)), book=book, terms=terms
    )

    assert ([b.security for b in found.breaks], found.matched) == (["AAPL"], ("MSFT",))


def test_cash_beyond_the_limit_is_a_break_and_settled_cash_is_left() -> None:
    terms = replace(_LATER, limit=AdjustLimit(most_usd=D(10)))
    statement = Statement(as_of=_DAY, cash=Cash(settled_usd=D(50)))

    found = reconcile(statement=statement, book=Book(), terms=terms)
    settled = replace(terms, settled=frozenset({found.breaks[0].figures}))
    again = reconcile(statement=statement, book=Book(), terms=settled)

    assert [(b.kind, b.size_usd) for b in found.breaks] == [(DifferenceKind.CASH, D(50))]
    assert (again.events, again.breaks, _causes(again)) == ((), (), [Cause.SETTLED])
