"""Draw seeded cases of any size with every kind of rule, for checks that want variety rather than smallness."""

import datetime as dt
from decimal import Decimal

import numpy as np

from rebalancing.engine.types import Account, Case, Lot, Security
from tests import cases as c

Dice = np.random.Generator


def drawn_case(
    seed: int, *, count: int = 12, value_usd: float = 250_000.0, accounts: int = 1, ruled: bool = True
) -> Case:
    """Draw a case; the same seed draws the same. Without `ruled`, only lots, taxes, costs, cash and target."""
    dice = np.random.default_rng(seed)
    market = tuple(_security(at, dice=dice) for at in range(count))
    weights = dice.dirichlet(np.ones(count)) * 0.98
    target = {item.id: float(weight) for item, weight in zip(market, weights, strict=True)}
    target["CASH"] = 1 - sum(target.values())
    members = []
    for at in range(accounts):
        fields = _rules(market, dice=dice, value_usd=value_usd) if ruled else {}
        status = "taxable" if at == 0 else str(dice.choice(["taxable", "deferred"]))
        if status == "taxable":
            fields["tax"] = _tax(seed, value_usd=value_usd, ruled=ruled)
        else:
            fields.pop("tax", None)
        lots = _lots(market, weights, dice=dice, value_usd=value_usd, owner=f"A{at}")
        cash = Decimal(round(float(dice.uniform(0, 0.1)) * value_usd))
        members.append(_account(f"A{at}", status, cash=cash, lots=lots, target=target, fields=fields))
    return c.case(market, members)


def _account(
    name: str,
    status: str,
    *,
    cash: Decimal,
    lots: tuple[Lot, ...],
    target: dict[str, float],
    fields: dict[str, c.Wired],
) -> Account:
    return c.account(name, status=status, cash=cash, lots=lots, target=target, **fields)


def _security(at: int, *, dice: Dice) -> Security:
    return c.security(
        f"S{at:02}",
        f"{dice.uniform(10, 400):.2f}",
        f"class{at % 3}",
        sector=f"sector{at % 4}",
        identity_group=f"G{at // 2}" if dice.random() < 0.2 else None,
        quantity_step="0.001" if dice.random() < 0.2 else "1",
        half_spread_bps=float(dice.uniform(1, 8)),
        screens=("tobacco",) if dice.random() < 0.1 else (),
    )


def _lots(
    market: tuple[Security, ...], weights: np.ndarray, *, dice: Dice, value_usd: float, owner: str
) -> tuple[Lot, ...]:
    lots = []
    for item, weight in zip(market, weights, strict=True):
        for part in range(int(dice.integers(0, 4))):
            price = float(item.price)
            units = int(dice.uniform(0.2, 1.5) * value_usd * max(float(weight), 0.02) / 2 / price)
            day = c.AS_OF - dt.timedelta(days=int(dice.integers(3, 1500)))
            if units > 0:
                basis = price * dice.uniform(0.4, 1.5)
                lots.append(c.lot(f"{owner}-{item.id}-{part} {item.id} {units} @ {basis:.2f} {day}"))
    return tuple(lots)


def _tax(seed: int, *, value_usd: float, ruled: bool) -> dict[str, c.Wired]:
    """Draw the tax block of the case's one return: all taxable accounts share it."""
    dice = np.random.default_rng([seed, 1])
    tax: dict[str, c.Wired] = {
        "short_rate": 0.408,
        "long_rate": 0.238,
        "ordinary_rate": 0.37,
        "carried_loss_rate": 0.14,
    }
    tax["realized_short"] = str(round(float(dice.normal(0, 0.01)) * value_usd, 2))
    tax["realized_long"] = str(round(float(dice.normal(0, 0.01)) * value_usd, 2))
    tax["carryforward_long"] = str(round(float(dice.uniform(0, 0.01)) * value_usd, 2))
    tax["harvest"] = str(dice.choice(["off", "year_round", "immediate"]))
    if ruled:
        tax["short_gains"] = str(dice.choice(["allow", "avoid", "forbid"]))
        if dice.random() < 0.5:
            tax["budget_tax"] = str(round(float(dice.uniform(0, 0.01)) * value_usd, 2))
    return tax


def _rules(market: tuple[Security, ...], *, dice: Dice, value_usd: float) -> dict[str, c.Wired]:
    def some() -> str:
        return market[int(dice.integers(len(market)))].id

    constraints: list[dict[str, c.Wired]] = [
        {"verb": verb, "security": some()} for verb in ("never_buy", "never_sell", "never_trade") if dice.random() < 0.4
    ]
    if dice.random() < 0.4:
        constraints.append({"verb": "never_own", "screen": "tobacco", "disposal": str(dice.choice(["now", "keep"]))})
    if dice.random() < 0.4:
        constraints.append({"verb": "range", "sector": "sector1", "max_weight": float(dice.uniform(0.1, 0.4))})
    trading: dict[str, c.Wired] = {"tracking_preference": int(dice.integers(1, 11))}
    if dice.random() < 0.5:
        trading["min_trade"] = str(int(value_usd * 0.001))
    if dice.random() < 0.2:
        trading["max_turnover"] = float(dice.uniform(0.02, 0.3))
    needs: dict[str, c.Wired] = {"reserve_weight": float(dice.uniform(0, 0.03))}
    if dice.random() < 0.3:
        needs["raise"] = str(int(value_usd * dice.uniform(0, 0.1)))
    if dice.random() < 0.3:
        needs["max_weight"] = 0.05
    return {"constraints": constraints, "trading": trading, "cash_needs": needs}
