"""The demo's market: securities that are nobody's, days the exchanges were open, prices that its risk model explains."""

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from portfolios.demo.market import HALTED_SYMBOL, SPLIT, TWINS, Market, build_market
from portfolios.demo.risk import FACTORS
from portfolios.demo.trading_days import BUSINESS_DATE, SHIPPED_DAYS
from portfolios.demo.universe import cusip_of, isin_of, load_universe
from portfolios.ledger.business_days import easter, holidays

REAL_SECURITIES = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="module")
def market() -> Market:
    return build_market()


def test_easter_is_found_in_years_whose_date_is_known() -> None:
    assert [easter(year) for year in (2000, 2016, 2024, 2026)] == [
        date(2000, 4, 23),
        date(2016, 3, 27),
        date(2024, 3, 31),
        date(2026, 4, 5),
    ]


def test_holidays_of_2026_are_those_of_the_exchange() -> None:
    assert sorted(holidays(2026)) == [
        date(2026, 1, 1),
        date(2026, 1, 19),
        date(2026, 2, 16),
        date(2026, 4, 3),
        date(2026, 5, 25),
        date(2026, 6, 19),
        date(2026, 7, 3),
        date(2026, 9, 7),
        date(2026, 11, 26),
        date(2026, 12, 25),
    ]


def test_new_year_on_a_saturday_closes_no_day_of_december() -> None:
    assert date(2021, 12, 31) not in holidays(2021) | holidays(2022)


def test_three_years_of_prices_end_on_the_business_date(market: Market) -> None:
    assert len(market.shipped_days) == SHIPPED_DAYS
    assert market.shipped_days[-1] == BUSINESS_DATE
    assert market.shipped_days[0].year == 2023


def test_check_digits_follow_the_published_examples() -> None:
    # ISIN: US0378331005 is the example of ISO 6166; the CUSIP of the demo is checked by the same Luhn variant.
    assert isin_of("037833100") == "US0378331005"
    assert cusip_of(1) == "990001109"  # 9 + (1 + 8) + 0 + 0 + 0 + 2 + 1 + 0 = 21, and 9 more make 30


def test_every_security_has_its_own_symbol_and_cusip_in_the_internal_range() -> None:
    universe = load_universe()

    assert len({s.symbol for s in universe}) == len({s.cusip for s in universe}) == len(universe)
    assert all(s.cusip.startswith("99") for s in universe)
    assert sum(s.role == "model" for s in universe) == 100


def test_no_symbol_of_the_demo_is_a_real_one() -> None:
    if not REAL_SECURITIES.exists():
        pytest.skip("../shared/data, which has the real symbols to compare with, is not on this machine")
    real: set[str] = set()
    for name in ("securities.csv", "etfs.csv"):
        with (REAL_SECURITIES / name).open(encoding="utf-8", newline="") as rows:
            real.update(next(iter(row.values())) for row in csv.DictReader(rows))

    assert len(real) > 500
    assert not {s.symbol for s in load_universe()} & real


def test_same_seed_draws_the_same_prices_and_another_seed_others(market: Market) -> None:
    again, other = build_market(), build_market(seed=1)

    assert np.array_equal(market.prices, again.prices)
    assert not np.array_equal(market.prices, other.prices)


def test_last_price_of_every_security_is_the_one_of_its_table(market: Market) -> None:
    listed = [float(s.last_price_usd) for s in market.universe if s.kind != "cash"]

    assert market.prices[-1].tolist() == listed


def test_volatility_of_three_years_agrees_with_the_risk_model(market: Market) -> None:
    moves = np.diff(np.log(market.prices[-SHIPPED_DAYS:]), axis=0)
    realised = moves.std(axis=0) * np.sqrt(252)
    risk = market.risk
    factor = np.einsum("nk,kl,nl->n", risk.exposures, risk.factor_covariance, risk.exposures)
    modelled = np.sqrt(factor + risk.specific_variance)

    ratio = realised / modelled

    assert ratio.min() > 0.88
    assert ratio.max() < 1.12


def test_tracking_between_the_index_funds_is_far_below_that_of_other_funds(market: Market) -> None:
    moves = np.diff(np.log(market.prices[-SHIPPED_DAYS:]), axis=0)

    def tracking(one: str, other: str) -> float:
        return float((moves[:, market.column(one)] - moves[:, market.column(other)]).std() * np.sqrt(252))

    for one, other in TWINS:
        assert tracking(one, other) < 0.006
    assert tracking("BCUS", "TWUL") > 0.01


def test_covariance_of_the_factors_is_positive_definite(market: Market) -> None:
    covariance = market.risk.factor_covariance

    assert covariance.shape == (len(FACTORS), len(FACTORS))
    assert np.array_equal(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance)[0] > 1e-5


def test_model_weights_sum_to_one_and_none_exceeds_five_percent_by_more_than_rounding(market: Market) -> None:
    weights = market.model_weights()

    assert len(weights) == 100
    assert sum(weights.values()) == 1
    assert min(weights.values()) > 0 and float(max(weights.values())) < 0.0501
    assert SPLIT.symbol not in weights and HALTED_SYMBOL not in weights
