"""Is a model that is estimated from drawn returns the one that they were drawn from?"""

from dataclasses import dataclass

import numpy as np
import pytest

from portfolios.risk.estimation import (
    DAYS_A_YEAR,
    LEAST_DAYS,
    LEAST_VARIANCE,
    Array,
    Estimate,
    estimate,
    without_outliers,
)
from portfolios.risk.realised import foresight, summarise

SECTORS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Returns drawn from a known covariance, a year's."""

    symbols: tuple[str, ...]
    peers: dict[str, str]
    returns: Array
    covariance: Array

    def estimate(self, returns: Array | None = None) -> Estimate:
        return estimate(
            self.symbols, self.returns if returns is None else returns, peers=self.peers, market=self.symbols
        )


def draw(seed: int, *, days: int = 756, count: int = 160) -> Drawn:
    """Draw returns with a market, sectors, and one movement that no label tells."""
    rng = np.random.default_rng(seed)
    symbols = tuple(f"S{at:03}" for at in range(count))
    exposures = np.zeros((count, SECTORS + 2))
    exposures[:, 0] = rng.normal(1.0, 0.25, count)
    exposures[np.arange(count), 1 + np.arange(count) % SECTORS] = rng.normal(1.0, 0.3, count)
    exposures[:, -1] = rng.normal(0.0, 0.5, count)
    volatility = np.array([0.16, *[0.08] * SECTORS, 0.06])
    specific = rng.uniform(0.15, 0.35, count)
    factors = rng.normal(size=(days, SECTORS + 2)) * volatility
    returns = (factors @ exposures.T + rng.normal(size=(days, count)) * specific) / np.sqrt(DAYS_A_YEAR)
    return Drawn(
        symbols=symbols,
        peers={symbol: f"sector {at % SECTORS}" for at, symbol in enumerate(symbols)},
        returns=returns,
        covariance=exposures @ np.diag(volatility**2) @ exposures.T + np.diag(specific**2),
    )


def portfolios(count: int, *, seed: int = 5, number: int = 60) -> Array:
    """Draw active weights: forty names against the mean of all, or twenty against twenty."""
    rng = np.random.default_rng(seed)
    found = np.zeros((number, count))
    for at in range(number):
        chosen = rng.choice(count, 40, replace=False)
        if at % 2:
            found[at, chosen[:20]], found[at, chosen[20:]] = 1 / 20, -1 / 20
        else:
            found[at, chosen] = rng.dirichlet(np.ones(40))
            found[at] -= 1 / count
    return found


def tracking_errors(active: Array, covariance: Array) -> Array:
    found: Array = np.sqrt(np.einsum("pi,ij,pj->p", active, covariance, active))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_tracking_errors_are_told_within_a_tenth(seed: int) -> None:
    drawn = draw(seed)
    active = portfolios(len(drawn.symbols))

    ratios = tracking_errors(active, drawn.estimate().covariance()) / tracking_errors(active, drawn.covariance)

    assert abs(np.median(ratios) - 1) < 0.03
    assert np.all(np.abs(ratios - 1) < 0.1)


def test_it_foresees_days_that_it_has_not_seen() -> None:
    drawn = draw(11, days=1000)
    model = drawn.estimate(drawn.returns[:756])

    summary = summarise([foresight(model, drawn.returns[756:], row) for row in portfolios(len(drawn.symbols))])

    assert summary is not None
    assert summary.count == 60
    assert 0.93 < summary.median_ratio < 1.07
    assert 0.8 < summary.low_ratio < summary.high_ratio < 1.2


def test_the_covariance_has_no_negative_variance_in_any_direction() -> None:
    drawn = draw(2, days=LEAST_DAYS + 5)
    model = drawn.estimate()

    assert np.linalg.eigvalsh(model.covariance()).min() > 0
    assert np.linalg.eigvalsh(model.factor_covariance).min() > 0
    assert (model.specific_variance >= LEAST_VARIANCE).all()


def test_a_security_without_history_gets_what_its_peers_have_and_says_so() -> None:
    drawn = draw(3)
    returns = drawn.returns.copy()
    returns[:-20, 7] = np.nan

    model = drawn.estimate(returns)

    peers = [at for at in range(len(drawn.symbols)) if at % SECTORS == 7 and at != 7]
    assert list(np.flatnonzero(model.is_by_peers)) == [7]
    assert model.day_counts[7] == 20
    mean = model.exposures[peers].mean(axis=0)
    assert np.abs(model.exposures[7] - mean).max() < 0.15
    own = DAYS_A_YEAR * np.nanvar(returns[:, 7])
    assert model.specific_variance[7] == pytest.approx(np.median(model.specific_variance[peers]), rel=0.25)
    assert own != pytest.approx(model.specific_variance[7], rel=0.01)


def test_few_days_are_pulled_to_the_peers_more_than_many() -> None:
    drawn = draw(4, count=200)
    short = drawn.returns.copy()
    young = np.arange(0, 200, 5)
    short[: -(LEAST_DAYS + 10), young] = np.nan
    few, many = drawn.estimate(short), drawn.estimate()

    def spread(model: Estimate) -> float:
        """How far apart the market exposures are, which have a spread of 0.25 in truth."""
        return float(model.exposures[young, 0].std())

    assert not few.is_by_peers[young].any()
    days = drawn.returns[-(LEAST_DAYS + 10) :]
    plain = np.polyfit(days.mean(axis=1), days[:, young], 1)[0]
    assert spread(few) < spread(many) < 0.25
    assert spread(few) < 0.8 * plain.std()


def test_a_bad_price_is_no_risk() -> None:
    drawn = draw(6)
    spoilt = drawn.returns.copy()
    spoilt[400, 3], spoilt[401, 3] = 9.0, -0.9

    clean, model = drawn.estimate(), drawn.estimate(spoilt)

    assert model.specific_variance[3] < 1.6 * clean.specific_variance[3]
    assert without_outliers(spoilt)[400, 3] < 0.3
    assert np.array_equal(without_outliers(drawn.returns[:, :1]), drawn.returns[:, :1])


def test_the_same_returns_give_the_same_model_whatever_the_order() -> None:
    drawn = draw(8, count=60)
    order = np.random.default_rng(1).permutation(60)
    symbols = [drawn.symbols[at] for at in order]
    turned = estimate(symbols, drawn.returns[:, order], peers=drawn.peers, market=symbols)

    assert np.allclose(turned.covariance(), drawn.estimate().covariance()[np.ix_(order, order)], rtol=1e-8, atol=1e-10)
    assert np.array_equal(drawn.estimate().exposures, drawn.estimate().exposures)


@pytest.mark.parametrize("days", [0, 5, LEAST_DAYS - 1])
def test_too_few_days_are_refused(days: int) -> None:
    drawn = draw(9, count=20)

    with pytest.raises(ValueError, match="needs 60 daily returns"):
        drawn.estimate(drawn.returns[:days])


def test_a_market_without_a_price_is_refused() -> None:
    drawn = draw(9, count=20)

    with pytest.raises(ValueError, match="of some security of the market"):
        estimate(drawn.symbols, drawn.returns, peers=drawn.peers, market=["NOBODY"])


def test_few_securities_have_a_market_and_no_invented_factors() -> None:
    drawn = draw(10, count=5)

    assert drawn.estimate().factors == ("market",)


def test_a_fund_of_everything_has_no_risk_beyond_the_market() -> None:
    """Group factors nearly cancel; a fund that holds all of them must not be told the risk of each."""
    drawn = draw(13)
    fund = drawn.returns.mean(axis=1, keepdims=True)
    symbols = (*drawn.symbols, "FUND")
    model = estimate(
        symbols, np.hstack([drawn.returns, fund]), peers={**drawn.peers, "FUND": "funds"}, market=drawn.symbols
    )

    even = np.append(np.full(len(drawn.symbols), 1 / len(drawn.symbols)), -1.0)
    assert tracking_errors(even[None], model.covariance())[0] < 0.025


def test_nothing_active_has_no_ratio() -> None:
    drawn = draw(12, count=20)
    model = drawn.estimate()

    told = foresight(model, drawn.returns[-63:], np.zeros(20))

    assert told.ratio is None or told.predicted_frac > 0
    assert summarise([told]) is None
