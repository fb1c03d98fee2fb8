"""Federal figures of every year against values printed elsewhere, and against another way to compute them."""

from decimal import Decimal

import pytest

from portfolios.ledger.errors import BadInput
from portfolios.ledger.tax_tables import (
    FILING_STATUSES,
    TABLE_YEARS,
    Band,
    band_of,
    federal_table,
    tax_in_bands_usd,
)

D = Decimal
ALL = [(year, status) for year in TABLE_YEARS for status in FILING_STATUSES]

# The base tax at the end of each bracket, as the rate schedules of Form 1040-ES print it.
PRINTED = [
    (2024, "single", {11600: "1160", 47150: "5426", 100525: "17168.50", 191950: "39110.50", 609350: "183647.25"}),
    (2024, "mfj", {23200: "2320", 94300: "10852", 201050: "34337", 383900: "78221", 731200: "196669.50"}),
    (2025, "single", {11925: "1192.50", 48475: "5578.50", 103350: "17651", 197300: "40199", 626350: "188769.75"}),
    (2025, "mfj", {23850: "2385", 96950: "11157", 206700: "35302", 394600: "80398", 751600: "202154.50"}),
    (2025, "trust", {3150: "315", 11450: "2307", 15650: "3777"}),
    (2026, "single", {12400: "1240", 50400: "5800", 105700: "17966", 201775: "41024", 640600: "192979.25"}),
]
LONG = {
    (2024, "single"): (47025, 518900),
    (2024, "mfj"): (94050, 583750),
    (2024, "mfs"): (47025, 291850),
    (2024, "hoh"): (63000, 551350),
    (2024, "trust"): (3150, 15450),
    (2025, "single"): (48350, 533400),
    (2025, "mfj"): (96700, 600050),
    (2025, "mfs"): (48350, 300000),
    (2025, "hoh"): (64750, 566700),
    (2025, "trust"): (3250, 15900),
    (2026, "single"): (49450, 545500),
    (2026, "mfj"): (98900, 613700),
    (2026, "mfs"): (49450, 306850),
    (2026, "hoh"): (66200, 579600),
    (2026, "trust"): (3300, 16250),
}


@pytest.mark.parametrize(("year", "status", "printed"), PRINTED)
def test_the_tax_at_the_end_of_each_bracket_is_the_printed_one(year: int, status: str, printed: dict[int, str]) -> None:
    bands = federal_table(year, status).ordinary

    assert {top: tax_in_bands_usd(bands, amount_usd=D(top)) for top in printed} == {
        top: D(tax) for top, tax in printed.items()
    }


@pytest.mark.parametrize(("key", "tops"), LONG.items())
def test_the_breakpoints_of_long_term_gains_are_the_printed_ones(key: tuple[int, str], tops: tuple[int, int]) -> None:
    bands = federal_table(*key).long

    assert [band.to_usd for band in bands] == [*tops, None]
    assert [band.rate_frac for band in bands] == [0, D("0.15"), D("0.20")]


def _by_steps(bands: tuple[Band, ...], amount: Decimal) -> Decimal:
    """Compute the tax the other way round: each step of the rate on everything above it."""
    tax, below = D(0), D(0)
    for band in bands:
        tax += (band.rate_frac - below) * max(D(0), amount - band.from_usd)
        below = band.rate_frac
    return tax


@pytest.mark.parametrize(("year", "status"), ALL)
def test_the_tax_agrees_with_the_steps_of_the_rate(year: int, status: str) -> None:
    bands = federal_table(year, status).ordinary
    amounts = [D(cents) / 100 for cents in range(0, 90_000_000, 1_234_567)]

    assert [tax_in_bands_usd(bands, amount_usd=amount) for amount in amounts] == [
        _by_steps(bands, amount) for amount in amounts
    ]


@pytest.mark.parametrize(("year", "status"), ALL)
def test_what_is_stacked_is_taxed_as_the_difference(year: int, status: str) -> None:
    bands = federal_table(year, status).long

    stacked = tax_in_bands_usd(bands, amount_usd=D(70_000), stacked_on_usd=D(30_000))

    assert stacked == _by_steps(bands, D(100_000)) - _by_steps(bands, D(30_000))


@pytest.mark.parametrize(("year", "status"), ALL)
def test_the_bands_follow_one_another_and_rise(year: int, status: str) -> None:
    table = federal_table(year, status)
    for bands in (table.ordinary, table.long):
        assert bands[0].from_usd == 0
        assert [band.from_usd for band in bands[1:]] == [band.to_usd for band in bands[:-1]]
        assert [band.rate_frac for band in bands] == sorted(band.rate_frac for band in bands)


def test_the_next_dollar_after_a_top_is_in_the_next_band() -> None:
    bands = federal_table(2025, "single").ordinary

    assert band_of(bands, D("11924.99")).rate_frac == D("0.10")
    assert band_of(bands, D(11925)).rate_frac == D("0.12")


@pytest.mark.parametrize(
    ("year", "deductions"),
    [(2024, (14600, 29200, 14600, 21900)), (2025, (15750, 31500, 15750, 23625)), (2026, (16100, 32200, 16100, 24150))],
)
def test_the_standard_deductions_are_the_printed_ones(year: int, deductions: tuple[int, ...]) -> None:
    assert tuple(federal_table(year, status).standard_deduction_usd for status in FILING_STATUSES[:4]) == deductions


def test_trusts_meet_the_net_investment_income_tax_where_their_top_bracket_starts() -> None:
    for year in TABLE_YEARS:
        table = federal_table(year, "trust")
        assert table.niit_threshold_usd == table.ordinary[-1].from_usd


def test_a_year_without_a_table_is_an_error_and_never_the_newest() -> None:
    with pytest.raises(BadInput, match="no federal tax table of 2027"):
        federal_table(2027, "single")
    with pytest.raises(BadInput, match="no federal tax table of 2027"):
        federal_table(2027, "single", stand_ins={2027: 2031})


def test_a_firm_may_name_the_table_that_stands_in() -> None:
    table = federal_table(2027, "single", stand_ins={2027: 2026})

    assert (table.year, table.table_year, table.is_stand_in) == (2027, 2026, True)
    assert table.ordinary == federal_table(2026, "single").ordinary


def test_an_unknown_filing_status_is_an_error() -> None:
    with pytest.raises(BadInput, match="no filing status"):
        federal_table(2026, "widowed")
