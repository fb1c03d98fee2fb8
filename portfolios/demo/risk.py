"""The demo's factor risk model: ten factors, exposures by sector and fund, specific variances. Annualised."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolios.demo.universe import Instrument

Array = npt.NDArray[np.float64]

FACTORS = (
    "market",
    "size",
    "value",
    "quality",
    "international",
    "emerging",
    "rates",
    "credit",
    "real_estate",
    "energy",
)
VOLATILITIES = (0.155, 0.070, 0.055, 0.035, 0.075, 0.090, 0.055, 0.030, 0.095, 0.165)
CORRELATIONS = {
    ("market", "size"): 0.15,
    ("market", "value"): -0.05,
    ("market", "quality"): -0.25,
    ("market", "international"): 0.10,
    ("market", "emerging"): 0.15,
    ("market", "rates"): -0.05,
    ("market", "credit"): 0.50,
    ("market", "real_estate"): 0.10,
    ("market", "energy"): 0.15,
    ("value", "quality"): -0.20,
    ("value", "energy"): 0.30,
    ("international", "emerging"): 0.35,
    ("rates", "credit"): 0.10,
    ("rates", "real_estate"): 0.25,
}
SECTOR_EXPOSURES: dict[str, dict[str, float]] = {
    "Information Technology": {"market": 1.20, "value": -0.80, "quality": 0.15, "rates": 0.10},
    "Health Care": {"market": 0.72, "value": -0.05, "quality": 0.50},
    "Financials": {"market": 1.08, "value": 0.90, "rates": -0.30, "credit": 0.30},
    "Consumer Discretionary": {"market": 1.18, "value": -0.35, "quality": -0.15},
    "Communication Services": {"market": 1.05, "value": -0.40, "quality": 0.10},
    "Industrials": {"market": 1.04, "value": 0.25, "quality": 0.05, "energy": 0.05},
    "Consumer Staples": {"market": 0.58, "value": 0.15, "quality": 0.75, "rates": 0.15},
    "Energy": {"market": 0.85, "value": 0.50, "energy": 1.15},
    "Utilities": {"market": 0.52, "value": 0.30, "quality": 0.35, "rates": 0.60},
    "Materials": {"market": 1.00, "value": 0.35, "energy": 0.20},
    "Real Estate": {"market": 0.88, "rates": 0.40, "real_estate": 0.95},
}
CLASS_EXPOSURES: dict[str, dict[str, float]] = {
    "us_large": {"market": 1.00, "value": -0.15, "quality": 0.15, "energy": 0.04},
    "us_small": {"market": 1.10, "size": 1.00, "value": 0.30, "quality": -0.30},
    "intl_developed": {"market": 0.85, "value": 0.20, "international": 1.00},
    "emerging": {"market": 0.90, "international": 0.35, "emerging": 1.00},
    "municipal_bonds": {"rates": 0.72, "credit": 0.30},
    "corporate_bonds": {"rates": 1.00, "credit": 0.90},
    "inflation_protected": {"rates": 0.92, "credit": -0.05, "energy": 0.05},
    "real_estate": {"market": 0.85, "rates": 0.35, "real_estate": 1.00},
}
CLASS_SPECIFIC_VOLATILITY = {
    "us_large": 0.010,
    "us_small": 0.016,
    "intl_developed": 0.014,
    "emerging": 0.022,
    "municipal_bonds": 0.013,
    "corporate_bonds": 0.010,
    "inflation_protected": 0.014,
    "real_estate": 0.018,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskModel:
    """Exposures (n_securities, n_factors), covariance (n_factors, n_factors), specific variance (n_securities,)."""

    symbols: tuple[str, ...]
    exposures: Array
    factor_covariance: Array
    specific_variance: Array

    def __post_init__(self) -> None:
        count = len(self.symbols)
        assert self.exposures.shape == (count, len(FACTORS))
        assert self.factor_covariance.shape == (len(FACTORS), len(FACTORS))
        assert self.specific_variance.shape == (count,)
        assert float(np.linalg.eigvalsh(self.factor_covariance)[0]) > 0.0


def factor_covariance() -> Array:
    """Build the annualised covariance of the factors, rounded as it is written to the file."""
    correlation = np.eye(len(FACTORS))
    for (one, other), value in CORRELATIONS.items():
        i, j = FACTORS.index(one), FACTORS.index(other)
        correlation[i, j] = correlation[j, i] = value
    volatility = np.array(VOLATILITIES)
    rounded: Array = np.round(correlation * volatility[:, None] * volatility[None, :], 8)
    return rounded


def build_risk_model(universe: tuple[Instrument, ...], *, random: np.random.Generator) -> RiskModel:
    """Draw exposures and specific variances for every security that has risk, rounded as they are written."""
    risky = [security for security in universe if security.kind != "cash"]
    exposures = np.array([_exposures(security, random) for security in risky])
    volatility = np.array([_specific_volatility(security, random) for security in risky])
    _copy_twins(risky, exposures, volatility)
    return RiskModel(
        symbols=tuple(security.symbol for security in risky),
        exposures=np.round(exposures, 4),
        factor_covariance=factor_covariance(),
        specific_variance=np.round(volatility**2, 8),
    )


def _copy_twins(risky: list[Instrument], exposures: Array, volatility: Array) -> None:
    """Give securities of one identity group the same risk."""
    first: dict[str, int] = {}
    for index, security in enumerate(risky):
        if security.identity_group:
            original = first.setdefault(security.identity_group, index)
            exposures[index] = exposures[original]
            volatility[index] = volatility[original]


def _exposures(security: Instrument, random: np.random.Generator) -> Array:
    base = SECTOR_EXPOSURES[security.sector] if security.is_stock else CLASS_EXPOSURES[security.asset_class]
    row: Array = np.array([base.get(factor, 0.0) for factor in FACTORS])
    noise = random.standard_normal(len(FACTORS))
    if security.is_stock:
        spread = np.array([0.12, 0.0, 0.18, 0.18, 0.0, 0.0, 0.10, 0.0, 0.0, 0.05])
        row = row + spread * noise
        row[1] += max(0.0, 0.9 - 0.17 * float(np.log(security.market_cap_busd)))
        row[4] += 0.35 if security.country != "US" else 0.0
        return row
    if security.role == "hold_only":
        return np.asarray(row + 0.06 * noise * (row != 0.0))
    return np.asarray(row + 0.02 * noise * (row != 0.0))


def _specific_volatility(security: Instrument, random: np.random.Generator) -> float:
    draw = float(random.standard_normal())
    if security.is_stock:
        return float(np.clip((0.31 - 0.022 * np.log(security.market_cap_busd)) * np.exp(0.18 * draw), 0.13, 0.45))
    base = CLASS_SPECIFIC_VOLATILITY[security.asset_class]
    return base * (2.2 if security.role == "hold_only" else 1.0)
