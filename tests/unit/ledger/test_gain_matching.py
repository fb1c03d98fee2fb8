"""Realised gains beside the custodian's: each verdict with the figures that lead to it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from portfolios.ledger.gain_matching import GainComparison, GainLine, GainVerdict, compare_gains

_SOLD = date(2026, 11, 10)


def _line(
    units: str, proceeds: str, cost: str | None, *, day: date | None = date(2024, 3, 1), disallowed: str = "0"
) -> GainLine:
    return GainLine(
        security="AAPL",
        sold_on=_SOLD,
        acquired_on=day,
        units=D(units),
        proceeds_usd=D(proceeds),
        cost_usd=None if cost is None else D(cost),
        disallowed_usd=D(disallowed),
    )


def _one(ours: list[GainLine], theirs: list[GainLine]) -> GainComparison:
    (found,) = compare_gains(ours, theirs)
    return found


def test_the_same_figures_match_however_they_are_cut() -> None:
    found = _one([_line("10", "1000", "900")], [_line("4", "400", "360"), _line("6", "600", "540")])

    assert (found.verdict, found.our_gain_usd, found.their_gain_usd) == (GainVerdict.MATCHED, D(100), D(100))


def test_a_loss_washed_in_an_ira_is_the_taxpayers_view_and_not_the_brokers() -> None:
    ours = replace(_line("10", "900", "1000", disallowed="100"), beyond_usd=D(100))

    found = _one([ours], [_line("10", "900", "1000")])

    assert (found.verdict, found.our_gain_usd, found.their_gain_usd) == (GainVerdict.WASH_ADJUSTMENT, D(0), D(-100))
    assert "$100.00 is washed by a purchase in another account" in found.sentence


def test_a_basis_that_a_wash_elsewhere_raised_is_expected() -> None:
    ours = replace(_line("10", "1000", "1120"), cost_beyond_usd=D(120))

    assert _one([ours], [_line("10", "1000", "1000")]).verdict is GainVerdict.WASH_ADJUSTMENT


def test_a_wash_that_only_the_custodian_has_is_broken() -> None:
    found = _one([_line("10", "900", "1000")], [_line("10", "900", "1000", disallowed="100")])

    assert found.verdict is GainVerdict.BROKEN
    assert "the disallowed loss is $0.00 in the ledger, $100.00 at the custodian" in found.sentence


def test_other_lots_for_the_same_units_are_a_difference_of_method() -> None:
    found = _one([_line("10", "1000", "900")], [_line("10", "1000", "400", day=date(2019, 1, 2))])

    assert found.verdict is GainVerdict.OTHER_LOTS
    assert found.sentence == "the custodian sold lots of 2019-01-02, the ledger of 2024-03-01"


def test_various_dates_are_compared_by_their_sums() -> None:
    ours = [_line("4", "400", "300"), _line("6", "600", "500", day=date(2020, 1, 2))]

    assert _one(ours, [_line("10", "1000", "800", day=None)]).verdict is GainVerdict.MATCHED


def test_proceeds_before_the_commission_are_explained() -> None:
    ours = replace(_line("10", "995.05", "900"), fee_usd=D("4.95"))

    assert _one([ours], [_line("10", "1000", "900")]).verdict is GainVerdict.FEE


@pytest.mark.parametrize(("proceeds", "verdict"), [("1000.01", GainVerdict.ROUNDING), ("1000.02", GainVerdict.BROKEN)])
def test_a_cent_a_lot_is_rounding(proceeds: str, verdict: GainVerdict) -> None:
    assert _one([_line("10", "1000", "900")], [_line("10", proceeds, "900")]).verdict is verdict


def test_other_units_and_an_unknown_basis_are_broken() -> None:
    units = _one([_line("10", "1000", "900")], [_line("9", "900", "810")])
    unknown = _one([_line("10", "1000", None)], [_line("10", "1000", "900")])

    assert [units.verdict, unknown.verdict] == [GainVerdict.BROKEN, GainVerdict.BROKEN]
    assert unknown.our_gain_usd is None


def test_a_sale_that_one_side_does_not_tell_is_not_compared() -> None:
    assert compare_gains([_line("10", "1000", "900")], []) == ()
    assert compare_gains([], [_line("10", "1000", "900")]) == ()
