"""The smallest case that uses everything: for warming up a process, for trying things out, and for the documents."""

from typing import Final

import msgspec

from rebalancing.engine.case import parse_case
from rebalancing.engine.types import Case

_TARGET: Final = {"STK": 0.38, "TWIN": 0.2, "FND": 0.4, "CASH": 0.02}
_SAMPLE: Final[dict[str, object]] = {
    "version": 1,
    "as_of": "2026-03-02",
    "securities": [
        {"id": "STK", "price": "40", "asset_class": "stocks", "sector": "Energy", "half_spread_bps": 2.0},
        {"id": "TWIN", "price": "25", "asset_class": "stocks", "identity_group": "PAIR", "half_spread_bps": 3.0},
        {"id": "TWIN2", "price": "50", "asset_class": "stocks", "identity_group": "PAIR", "half_spread_bps": 3.0},
        {"id": "FND", "price": "10", "asset_class": "bonds", "quantity_step": "0.001", "half_spread_bps": 1.0},
    ],
    "risk_model": {
        "factors": ["market", "rates"],
        "factor_covariance": [[0.0256, -0.001], [-0.001, 0.0025]],
        "exposures": {"STK": [1.1, 0.0], "TWIN": [0.9, 0.1], "TWIN2": [0.9, 0.1], "FND": [0.1, 1.0]},
        "specific_variance": {"STK": 0.05, "TWIN": 0.04, "TWIN2": 0.04, "FND": 0.001},
    },
    "accounts": [
        {
            "id": "taxable",
            "tax_status": "taxable",
            "tax_return": "R",
            "cash": "2000",
            "lots": [
                {"id": "1", "security": "STK", "quantity": "150", "cost": "7500", "acquired": "2025-06-02"},
                {"id": "2", "security": "STK", "quantity": "100", "cost": "2000", "acquired": "2019-05-06"},
                {"id": "3", "security": "TWIN", "quantity": "90", "cost": "3600", "acquired": "2024-02-05"},
                {"id": "4", "security": "FND", "quantity": "500", "cost": "4600", "acquired": "2021-09-01"},
            ],
            "target": _TARGET,
            "class_limits": {"stocks": [0.4, 0.7]},
            "constraints": [{"verb": "range", "sector": "Energy", "max_weight": 0.5}],
            "cash_needs": {"reserve_weight": 0.01},
            "tax": {
                "short_rate": 0.408,
                "long_rate": 0.238,
                "ordinary_rate": 0.37,
                "budget_tax": "500",
                "tax_used": "0",
            },
            "trading": {"min_trade": "50"},
        },
        {
            "id": "deferred",
            "tax_status": "deferred",
            "cash": "3000",
            "lots": [{"id": "5", "security": "FND", "quantity": "100", "cost": "1000", "acquired": "2022-03-01"}],
            "target": _TARGET,
        },
    ],
}


def sample_case() -> Case:
    """Return a case of two accounts with losses to harvest, a pair of identical securities, limits and a budget."""
    return parse_case(msgspec.json.encode(_SAMPLE))
