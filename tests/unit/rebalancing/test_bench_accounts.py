"""The benchmark's accounts: the same for the same seed, whole, and valid cases; real ones at real closes."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rebalancing.engine.case import case_hash, check_case, parse_case
from rebalancing.management.bench.accounts import BenchAccount
from rebalancing.management.bench.cases import CaseShape, case_bytes, case_of
from rebalancing.management.bench.drawing import AccountShape, draw_account, draw_market
from rebalancing.management.bench.real_market import RealHistory, RealMarket, real_accounts, real_market

SPLIT_ON, SPUN_ON, TODAY = date(2019, 6, 3), date(2019, 9, 2), date(2020, 3, 2)


def drawn(seed: int, *, count: int = 60, lots: int = 4) -> BenchAccount:
    return draw_account(draw_market(11, count=count), seed, AccountShape(lots_per_security=lots))


def history() -> RealHistory:
    """Thirty companies on business days of two and a half years; C01 splits 4 for 1, C02 spins something off."""
    days = pd.bdate_range("2017-09-01", TODAY)
    names = [f"C{at:02}" for at in range(30)]
    moves = 0.01 * np.random.default_rng(3).standard_normal((len(days), len(names)))
    adjusted = pd.DataFrame(100 * np.exp(np.cumsum(moves, axis=0)), index=days, columns=names)
    close = adjusted.copy()
    close.loc[close.index < pd.Timestamp(SPLIT_ON), "C01"] *= 4
    actions = pd.DataFrame(
        {
            "sid": ["C01", "C02"],
            "type": ["split", "spinoff"],
            "ex_date": pd.to_datetime([SPLIT_ON, SPUN_ON]),
            "ratio_new": [4.0, np.nan],
            "ratio_old": [1.0, np.nan],
        }
    )
    weights = pd.DataFrame({"date": days[-20], "sid": names, "weight": np.linspace(2, 1, len(names))})
    sectors = pd.Series("Energy", index=names)
    return RealHistory(days=days, close_usd=close, adjusted=adjusted, actions=actions, weights=weights, sectors=sectors)


@pytest.fixture(scope="module")
def real() -> RealMarket:
    return real_market(history(), day=TODAY, count=30)


def test_the_same_seed_draws_the_same_case() -> None:
    first, again, other = (case_of(drawn(seed), seed) for seed in (1, 1, 2))

    assert case_hash(first) == case_hash(again)
    assert case_hash(first) != case_hash(other)


@pytest.mark.parametrize("seed", range(5))
def test_an_account_is_whole(seed: int) -> None:
    account = drawn(seed)

    by_lots = np.bincount(account.lots.security, account.lots.weight, account.market.count)

    assert account.held.sum() + account.cash == pytest.approx(1)
    assert account.target.sum() == pytest.approx(1 - account.cash_low)
    assert by_lots == pytest.approx(account.held)
    assert (np.diff(account.lots.security) >= 0).all()
    assert (account.most >= account.held).all()
    assert (account.bands.low <= account.bands.high).all()


def test_an_account_has_as_many_lots_a_security_as_were_asked_for() -> None:
    account = drawn(3, count=500, lots=4)

    assert account.lots.security.size / np.unique(account.lots.security).size == pytest.approx(4, abs=0.3)
    assert (np.bincount(drawn(3, lots=1).lots.security) <= 1).all()


@pytest.mark.parametrize("count", [12, 60, 500])
@pytest.mark.parametrize("value_usd", [250_000.0, 2_000_000.0])
def test_a_case_passes_every_check_and_reads_back(count: int, value_usd: float) -> None:
    case = case_of(drawn(1, count=count), 1, CaseShape(value_usd=value_usd))

    check_case(case)
    account, price = case.accounts[0], {item.id: item.price for item in case.securities}
    held_usd = sum(lot.quantity * price[lot.security] for lot in account.lots)

    assert parse_case(case_bytes(case)) == case
    assert all(lot.quantity == lot.quantity.to_integral_value() >= 1 for lot in account.lots)
    assert float(held_usd + account.cash) == pytest.approx(value_usd, rel=0.1)


def test_a_case_of_fractional_shares_keeps_the_weights() -> None:
    account = drawn(4)

    case = case_of(account, 4, CaseShape(value_usd=250_000.0, quantity_step=Decimal("0.000001")))

    price = {item.id: float(item.price) for item in case.securities}
    weights = dict.fromkeys(price, 0.0)
    for lot in case.accounts[0].lots:
        weights[lot.security] += float(lot.quantity) * price[lot.security] / 250_000
    assert list(weights.values()) == pytest.approx(account.held, abs=1e-6)


def test_a_real_lot_costs_the_close_of_the_day_it_was_bought_in_shares_of_today(real: RealMarket) -> None:
    account = real.account(1)
    closes = history().adjusted  # without dividends the series of total returns is the price in today's shares

    bought = [date.fromordinal(TODAY.toordinal() - round(age * 365.25)).isoformat() for age in account.lots.age_years]
    names = [account.market.names[at] for at in account.lots.security]
    paid = np.array([closes.loc[day, name] for day, name in zip(bought, names, strict=True)])

    assert account.market.price_usd[account.lots.security] * (1 - account.lots.gain) == pytest.approx(paid)


def test_nothing_is_bought_before_a_spinoff_changed_what_a_share_is(real: RealMarket) -> None:
    spun = real.market.names.index("C02")
    ages = np.concatenate(
        [lots.age_years[lots.security == spun] for lots in (real.account(seed).lots for seed in range(40))]
    )

    assert ages.size > 20
    assert (ages * 365.25 <= (TODAY - SPUN_ON).days + 1e-6).all()


def test_the_statistical_model_explains_the_variance_that_was_seen(real: RealMarket) -> None:
    market = real.market
    modelled = np.einsum("ik,kl,il->i", market.exposures, market.factor_cov, market.exposures) + market.specific_var
    closes = history().adjusted.tail(505)[list(market.names)].to_numpy()
    seen = np.diff(np.log(closes), axis=0).var(axis=0) * 252

    assert modelled == pytest.approx(seen, rel=0.35)
    assert (market.specific_var >= 0.01).all()


def test_a_case_of_real_prices_passes_every_check(real: RealMarket) -> None:
    case = case_of(real.account(2), 2, CaseShape(as_of=TODAY))

    check_case(case)

    assert all(lot.acquired < case.as_of for lot in case.accounts[0].lots)


def test_without_the_market_data_nothing_is_drawn(tmp_path: Path) -> None:
    assert real_accounts(tmp_path) == []
