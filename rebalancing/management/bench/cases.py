"""
From an account to a case on the wire: whole shares of named lots, rules, recent trades and the year's taxes.

Not carried over: the most that may be held of each security, which no client has. The either-or of a loss lot and a
purchase stays open here: the engine decides it.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np

from rebalancing.engine.types import Case
from rebalancing.management.bench.accounts import LONG_RATE, ORDINARY_RATE, SHORT_RATE, BenchAccount, BenchMarket
from rebalancing.management.bench.drawing import CLASSES, SECTORS

AS_OF: Final = dt.date(2026, 3, 2)
DAYS_A_YEAR: Final = 365.25
BPS: Final = 1e4
CARRIED_RATE: Final = 0.14
PREFERENCE_BY_AVERSION: Final = {15.0: 2, 40.0: 4, 100.0: 5}
BAND_ROOM_FRAC: Final = 2e-3
CASH_ROOM_FRAC: Final = 4e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseShape:
    """
    How an account becomes a case: its size, the least unit of a security, what an order has to be worth.

    Without a tax budget short-term gains are allowed, and the year's net gain is capped by `max_gain_frac` (None: not).
    """

    value_usd: float = 500_000.0
    quantity_step: Decimal = Decimal(1)
    min_trade_frac: float = 5e-4
    harvest: str = "year_round"
    as_of: dt.date = AS_OF
    has_tax_budget: bool = True
    max_gain_frac: float | None = None


PLAIN: Final = CaseShape()


def case_of(account: BenchAccount, seed: int, shape: CaseShape = PLAIN) -> Case:
    """Write an account as a case; `seed` draws what the year has realised and carried so far."""
    market = account.market
    plain = {
        "version": 1,
        "as_of": shape.as_of,
        "securities": [_security(market, at, shape) for at in range(market.count)],
        "risk_model": _risk_model(market),
        "accounts": [_account(account, seed, shape)],
        "recent_trades": list(_recent_trades(account, shape)),
    }
    return msgspec.convert(plain, type=Case)


def case_bytes(case: Case) -> bytes:
    """Write a case as the JSON that `parse_case` reads."""
    return msgspec.json.encode(case)


def _security(market: BenchMarket, at: int, shape: CaseShape) -> dict[str, Any]:
    return {
        "id": market.names[at],
        "price": f"{market.price_usd[at]:.2f}",
        "asset_class": f"class{market.asset_class[at]}",
        "sector": f"sector{market.sector[at]:02}",
        "quantity_step": str(shape.quantity_step),
        "half_spread_bps": float(market.cost_frac[at] * BPS),
    }


def _risk_model(market: BenchMarket) -> dict[str, Any]:
    return {
        "factors": [f"factor{at}" for at in range(market.factor_cov.shape[0])],
        "factor_covariance": market.factor_cov.tolist(),
        "exposures": dict(zip(market.names, market.exposures.tolist(), strict=True)),
        "specific_variance": dict(zip(market.names, market.specific_var.tolist(), strict=True)),
    }


def _account(account: BenchAccount, seed: int, shape: CaseShape) -> dict[str, Any]:
    lots = list(_lots(account, shape))
    value = shape.value_usd
    target = {
        name: float(weight) for name, weight in zip(account.market.names, account.target, strict=True) if weight > 0
    }
    target["CASH"] = 1 - sum(target.values())
    return {
        "id": "A1",
        "tax_status": "taxable",
        "tax_return": "R1",
        "cash": f"{account.cash * value:.2f}",
        "lots": lots,
        "target": target,
        "class_limits": _class_limits(account),
        "constraints": list(_constraints(account)),
        "cash_needs": {
            "reserve_weight": account.cash_low,
            "max_weight": max(account.cash_high, account.cash_low + CASH_ROOM_FRAC),
        },
        "tax": _tax(account, seed, shape),
        "trading": {
            "tracking_preference": PREFERENCE_BY_AVERSION.get(account.aversion, 5),
            "min_trade": f"{shape.min_trade_frac * value:.2f}",
        },
    }


def _lots(account: BenchAccount, shape: CaseShape) -> Iterator[dict[str, Any]]:
    """Yield lots of as many units as come nearest to the lot's weight; a security keeps one unit, a lot need not."""
    market, lots = account.market, account.lots
    price = market.price_usd[lots.security]
    exact = lots.weight * shape.value_usd / price / float(shape.quantity_step)
    units = np.round(exact)
    whole = np.bincount(lots.security, units, market.count)
    largest = np.lexsort((exact, lots.security))[np.append(np.diff(lots.security) > 0, [True])]
    units[largest] = np.where(whole[lots.security[largest]] > 0, units[largest], 1)
    for at in np.flatnonzero(units > 0):
        quantity = Decimal(int(units[at])) * shape.quantity_step
        yield {
            "id": f"L{at:05}",
            "security": market.names[lots.security[at]],
            "quantity": str(quantity),
            "cost": f"{float(quantity) * price[at] * (1 - lots.gain[at]):.2f}",
            "acquired": shape.as_of - dt.timedelta(days=max(1, round(lots.age_years[at] * DAYS_A_YEAR))),
        }


def _class_limits(account: BenchAccount) -> dict[str, list[float]]:
    return {f"class{at}": _band(account, SECTORS + at) for at in range(CLASSES)}


def _band(account: BenchAccount, at: int) -> list[float]:
    """Return a band wide enough for whole shares, and not broken by what is held."""
    now = float(account.bands.members[at] @ account.held)
    low = min(float(account.bands.low[at]), now - BAND_ROOM_FRAC)
    return [max(0.0, low), min(1.0, max(float(account.bands.high[at]), now + BAND_ROOM_FRAC))]


def _constraints(account: BenchAccount) -> Iterator[dict[str, Any]]:
    for verb, flags in (("never_buy", account.never_buy), ("never_sell", account.never_sell)):
        for place in np.flatnonzero(flags):
            yield {"verb": verb, "security": account.market.names[place]}
    for at in range(SECTORS):
        if account.bands.members[at].any():
            low, high = _band(account, at)
            yield {"verb": "range", "sector": f"sector{at:02}", "min_weight": low, "max_weight": high}


def _tax(account: BenchAccount, seed: int, shape: CaseShape) -> dict[str, Any]:
    dice = np.random.default_rng([31, seed])
    short, long = dice.uniform(-0.01, 0.01, 2) * shape.value_usd
    return {
        "short_rate": SHORT_RATE,
        "long_rate": LONG_RATE,
        "ordinary_rate": ORDINARY_RATE,
        "carried_loss_rate": CARRIED_RATE,
        "realized_short": f"{short:.2f}",
        "realized_long": f"{long:.2f}",
        "carryforward_long": f"{dice.uniform(0, 0.01) * shape.value_usd:.2f}" if dice.random() < 0.5 else "0",
        "harvest": shape.harvest,
        **_limits(account, shape),
    }


def _limits(account: BenchAccount, shape: CaseShape) -> dict[str, Any]:
    if not shape.has_tax_budget:
        cap = shape.max_gain_frac
        return {"max_net_gain": None if cap is None else f"{cap * shape.value_usd:.2f}"}
    return {
        "budget_tax": f"{LONG_RATE * float(account.gain_budget[1]) * shape.value_usd:.2f}",
        "short_gains": "avoid" if account.gain_budget[0] <= 0 else "allow",
    }


def _recent_trades(account: BenchAccount, shape: CaseShape) -> Iterator[dict[str, Any]]:
    """Yield what opened the account's wash-sale windows, in another account of the tax household."""
    day = shape.as_of - dt.timedelta(days=12)
    for side, flags in (("sell", account.sold_at_loss), ("buy", account.bought_recently)):
        for at in np.flatnonzero(flags):
            trade = {"account": "X1", "security": account.market.names[at], "date": day, "side": side, "quantity": "5"}
            yield {**trade, "loss": "40.00"} if side == "sell" else trade
