"""What each rule costs at the margin: the dollars of the objective that loosening it a little would save."""

from collections.abc import Iterator, Mapping

from rebalancing.engine.judge.docket import docket_of
from rebalancing.engine.judge.judgement import HOUSEHOLD_RULE
from rebalancing.engine.outcome import PriceUnit, ShadowPrice
from rebalancing.engine.query import Multipliers
from rebalancing.engine.reasons.view import AccountView
from rebalancing.engine.types import Constraint

LEAST_USD = 0.005
STEPS: Mapping[PriceUnit, float] = {"dollar": 1000.0, "weight": 0.01, "tracking_error": 0.001}
IN_WEIGHT = ("class_limits ", HOUSEHOLD_RULE, "cash_ceiling", "max_turnover")


def shadow_prices(view: AccountView, prices: Multipliers | None) -> tuple[ShadowPrice, ...]:
    """Price every rule that binds the account, the dearest first; less than half a cent a step is not told."""
    found = [] if prices is None else list(_priced(view, prices))
    return tuple(sorted(found, key=lambda price: (-price.usd, price.rule)))


def _priced(view: AccountView, prices: Multipliers) -> Iterator[ShadowPrice]:
    in_weight = {rule.rule for rule in view.account.constraints if rule.verb == "range" and _is_in_weight(rule)}
    for rule, per_dollar in prices.rules.items():
        unit = _unit(rule, in_weight)
        per_unit = per_dollar if unit == "dollar" else per_dollar * _base_usd(view, rule)
        usd = per_unit * STEPS[unit]
        if usd >= LEAST_USD:
            bps = usd / view.value_usd * 1e4
            yield ShadowPrice(rule=rule, usd_per_unit=per_unit, unit=unit, usd=round(usd, 2), bps=round(bps, 4))


def _unit(rule: str, in_weight: set[str]) -> PriceUnit:
    if rule == "max_tracking_error":
        return "tracking_error"
    return "weight" if rule in in_weight or rule.startswith(IN_WEIGHT) else "dollar"


def _is_in_weight(rule: Constraint) -> bool:
    return rule.min_weight is not None or rule.max_weight is not None


def _base_usd(view: AccountView, rule: str) -> float:
    """Return the dollars that a weight of 1 stands for."""
    if rule.startswith(HOUSEHOLD_RULE):
        return float(docket_of(view.case).household_usd)
    return view.value_usd
