"""
Several accounts as one household: what a dollar weighs after tax, limits on the sum, and trades between accounts.

engine.md A5, case.md "Unified household": V_H = sum a_j V_j, and w_i = sum a_j value_ij / V_H.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rebalancing.engine.constraints import Rank, Row, class_members, holding_row
from rebalancing.engine.types import CASH_CLASS, Household
from rebalancing.engine.universe import Places, Universe


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transfer:
    """A security that one account of a unified household may sell and another buy; cost per dollar of the lesser."""

    security: str
    buys: Places
    sales: Places
    cost: float


def household_value_usd(universes: Sequence[Universe]) -> float:
    """Return V_H: what stays of every account, weighed after tax."""
    return sum(universe.account.after_tax_weight * universe.value_usd for universe in universes)


def household_rows(universes: Sequence[Universe], household: Household) -> Iterator[Row]:
    """Yield the limits of the household on the weights of its classes over all accounts together."""
    value = household_value_usd(universes)
    for asset_class, (low, high) in household.class_limits.items():
        parts = [
            holding_row(
                universe,
                class_members(universe, (asset_class,)),
                rule="",
                rank=Rank.CLASS_LIMITS,
                low_usd=0.0,
                with_cash=asset_class == CASH_CLASS,
            )
            for universe in universes
        ]
        weights = [universe.account.after_tax_weight for universe in universes]
        # The low bound of a part is less what it holds now.
        held = sum(-part.low_usd * weight for part, weight in zip(parts, weights, strict=True))
        pairs = list(zip(parts, weights, strict=True))
        yield Row(
            rule=f"household_class_limits {asset_class}",
            rank=Rank.CLASS_LIMITS,
            positions=np.concatenate([part.positions for part in parts]),
            weights=np.concatenate([part.weights * weight for part, weight in pairs]),
            segments=np.concatenate([part.segments for part in parts]),
            values=np.concatenate([part.values * weight for part, weight in pairs]),
            low_usd=low * value - held,
            high_usd=high * value - held,
        )


def transfers(universes: Sequence[Universe], household: Household) -> Iterator[Transfer]:
    """Yield what may be sold in one account and bought in another, where the household prices that."""
    if household.mode != "unified" or household.transfer_cost_bps <= 0:
        return
    buys: dict[str, list[Places]] = {}
    sales: dict[str, list[Places]] = {}
    for universe in universes:
        for place, item in enumerate(universe.securities):
            here = universe.segments.place == place
            for side, found in ((here & universe.segments.is_buy, buys), (here & ~universe.segments.is_buy, sales)):
                if side.any():
                    found.setdefault(item.id, []).append(universe.case_segments(side))
    for name, bought in buys.items():
        if name in sales and len(universes) > 1:
            yield Transfer(
                security=name,
                buys=np.concatenate(bought),
                sales=np.concatenate(sales[name]),
                cost=household.transfer_cost_bps * 1e-4,
            )
