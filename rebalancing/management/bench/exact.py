"""
A case as a mixed-integer program for SCIP, written from the case's document alone and in no other words than its own.

It knows what the benchmark's cases hold: one taxable account, fractional shares, bands on sectors and classes, cash,
never_buy and never_sell, a cap on net gains, wash sales, the least order, and the year's tax with netting exactly.
All amounts are fractions of the account's value. Runs in a process of its own.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from portfolios.ledger.gains import first_long_on
from rebalancing.engine.types import Account, Case, Lot, Tax
from rebalancing.management.bench.accounts import Flags, Matrix, Places, Vector

Scip: TypeAlias = Any  # SCIP's variables and expressions come without types
WASH_DAYS: Final = 30
BPS: Final = 1e4
SCALE: Final = 1e3  # SCIP's tolerances are absolute: the objective is solved in thousandths
RELATIVE_GAP: Final = 1e-6
FEASIBILITY: Final = 1e-8
LEAST: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactAnswer:
    """The best objective found and the bound proved, in fractions of value; infinite where nothing was found."""

    objective: float
    bound: float
    is_proved: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LotData:
    """Lots that may be sold, (m,): security, weight, gain in fractions of value of a whole sale, short-term or not."""

    security: Places
    weight: Vector
    gain: Vector
    is_short: Flags


def solve_exactly(case: Case, *, limit_seconds: float) -> ExactAnswer:
    """Solve a case to proved optimality, or until the time is over."""
    return _Model(case).solve(limit_seconds)


def _covariance_root(case: Case, names: list[str], aversion: float) -> tuple[Matrix, Vector]:
    """Return C (n, k) with the roots of aversion and factor covariance in it, and the specific curvature (n,)."""
    model = case.risk_model
    exposures = np.array([model.exposures[name] for name in names])
    root = np.linalg.cholesky(np.array(model.factor_covariance))
    specific = np.array([model.specific_variance[name] for name in names])
    return np.sqrt(aversion) * exposures @ root, aversion * specific


class _Model:
    """The variables and rules of one case."""

    def __init__(self, case: Case) -> None:
        import pyscipopt

        self.scip: Scip = pyscipopt.Model()
        self.sum: Scip = pyscipopt.quicksum
        self.case = case
        self.account: Account = case.accounts[0]
        assert self.account.tax is not None
        self.tax: Tax = self.account.tax
        self.names = [item.id for item in case.securities]
        self.place = {name: at for at, name in enumerate(self.names)}
        price = np.array([float(item.price) for item in case.securities])
        self.spread = np.array([item.half_spread_bps for item in case.securities]) / BPS
        held = np.zeros(price.size)
        for lot in self.account.lots:
            held[self.place[lot.security]] += float(lot.quantity) * price[self.place[lot.security]]
        self.value_usd = float(held.sum()) + float(self.account.cash)
        self.price, self.held = price, held / self.value_usd
        self.lots = self._lots()
        self._add_trades()
        self._add_cash()
        self._add_bands()
        self.tax_change = self._add_tax()

    # -- what may be traded ----------------------------------------------------------------------------------------

    def _lots(self) -> LotData:
        barred = self._named("never_sell")
        open_lots = [lot for lot in self.account.lots if lot.security not in barred and not self._is_washed(lot)]
        place = np.array([self.place[lot.security] for lot in open_lots], dtype=np.int64)
        weight = np.array([float(lot.quantity) for lot in open_lots]) * self.price[place] / self.value_usd
        basis = np.array([float(lot.cost or 0) for lot in open_lots]) / self.value_usd
        is_short = np.array([self.case.as_of < first_long_on(lot.acquired) for lot in open_lots], dtype=np.bool_)
        return LotData(security=place, weight=weight, gain=weight - basis, is_short=is_short)

    def _named(self, verb: str) -> set[str]:
        return {rule.subject for rule in self.account.constraints if rule.verb == verb}

    def _is_washed(self, lot: Lot) -> bool:
        """Tell whether a lot would be sold at a loss beside another purchase of the last 30 days."""
        if float(lot.quantity) * self.price[self.place[lot.security]] >= float(lot.cost or 0):
            return False
        since = self.case.as_of - dt.timedelta(days=WASH_DAYS)
        bought = {other.acquired for other in self.account.lots if other.security == lot.security}
        others = {day for day in bought if day >= since} - {lot.acquired}
        recent = any(t.side == "buy" and t.security == lot.security for t in self.case.recent_trades)
        return recent or bool(others)

    def _add_trades(self) -> None:
        """Add purchases, sales of lots, and what makes them exclude each other and reach the least order."""
        barred = self._named("never_buy") | {
            trade.security for trade in self.case.recent_trades if trade.side == "sell" and trade.loss > 0
        }
        least = float(self.account.trading.min_trade) / self.value_usd
        self.sold = [self.scip.addVar(lb=0, ub=float(weight)) for weight in self.lots.weight]
        self.bought: list[Scip] = []
        for at, name in enumerate(self.names):
            room = 0.0 if name in barred else self._most_bought(at)
            bought = self.scip.addVar(lb=0, ub=room)
            self.bought.append(bought)
            lots = np.flatnonzero(self.lots.security == at)
            if lots.size and (room or least):
                self._exclude(at, bought, lots, room=room, least=least)
            elif room and least:
                order = self.scip.addVar(vtype="B")
                self.scip.addCons(bought <= room * order)
                self.scip.addCons(bought >= least * order)

    def _most_bought(self, at: int) -> float:
        """Return what a security's own groups leave room for at most: a tight bound helps the branching."""
        item = self.case.securities[at]
        rules = [one for one in self.account.constraints if one.verb == "range" and one.applies_to(item)]
        highs = [one.max_weight for one in rules if one.max_weight is not None]
        limits = self.account.class_limits.get(item.asset_class)
        return float(min([1.0, *highs, *(limits[1:] if limits else ())]))

    def _exclude(self, at: int, bought: Scip, lots: Places, *, room: float, least: float) -> None:
        buys, sells = self.scip.addVar(vtype="B"), self.scip.addVar(vtype="B")
        sold, most = self.sum(self.sold[lot] for lot in lots), float(self.lots.weight[lots].sum())
        self.scip.addCons(buys + sells <= 1)
        self.scip.addCons(bought <= room * buys)
        self.scip.addCons(sold <= most * sells)
        if not least:
            return
        self.scip.addCons(bought >= least * buys)
        closes = most >= self.held[at] - LEAST
        if most >= least:
            self.scip.addCons(sold >= least * sells)
        elif closes:
            self.scip.addCons(sold >= most * sells)
        else:
            self.scip.addCons(sells <= 0)

    # -- rules -----------------------------------------------------------------------------------------------------

    def _add_cash(self) -> None:
        bought, sold = self.sum(self.bought), self.sum(self.sold)
        cost = self.sum(float(rate) * buy for rate, buy in zip(self.spread, self.bought, strict=True))
        cost += self.sum(float(self.spread[at]) * sale for at, sale in zip(self.lots.security, self.sold, strict=True))
        self.cost = cost
        needs = self.account.cash_needs
        cash = float(self.account.cash) / self.value_usd + sold - bought - cost
        self.scip.addCons(cash >= max(float(needs.reserve_amount) / self.value_usd, needs.reserve_weight))
        if needs.max_weight is not None:
            self.scip.addCons(cash <= needs.max_weight)

    def _add_bands(self) -> None:
        self.after = [self.scip.addVar(lb=0, ub=None) for _ in self.names]
        for at, after in enumerate(self.after):
            sold = self.sum(self.sold[lot] for lot in np.flatnonzero(self.lots.security == at))
            self.scip.addCons(after == float(self.held[at]) + self.bought[at] - sold)
        for rule in self.account.constraints:
            if rule.verb == "range":
                inside = [at for at, item in enumerate(self.case.securities) if rule.applies_to(item)]
                self._add_band(inside, rule.min_weight, rule.max_weight)
        for name, (low, high) in self.account.class_limits.items():
            self._add_band([at for at, item in enumerate(self.case.securities) if item.asset_class == name], low, high)

    def _add_band(self, inside: list[int], low: float | None, high: float | None) -> None:
        total = self.sum(self.after[at] for at in inside)
        if low:
            self.scip.addCons(total >= low)
        if high is not None:
            self.scip.addCons(total <= high)

    # -- tax -------------------------------------------------------------------------------------------------------

    def _add_tax(self) -> Scip:
        """Add T after - T before: the smaller of two convex functions, chosen by a binary."""
        tax, lots, start = self.tax, self.lots, self._year_start()
        rate = np.divide(lots.gain, lots.weight)
        short = start["short"] + self.sum(float(rate[at]) * self.sold[at] for at in np.flatnonzero(lots.is_short))
        total = start["total"] + self.sum(float(one) * sale for one, sale in zip(rate, self.sold, strict=True))
        self.gains = total - start["total"]
        if tax.max_net_gain is not None:
            self.scip.addCons(total <= max(float(tax.max_net_gain) / self.value_usd, start["total"]))
        reach = float(2 * (np.abs(lots.gain).sum() + abs(start["short"]) + abs(start["total"])) + 1e-3)
        due, second = self.scip.addVar(lb=None, ub=None), self.scip.addVar(vtype="B")
        floor = (tax.ordinary_rate - tax.rho) * float(tax.ordinary_offset) / self.value_usd
        carried = tax.rho * total - floor
        positive, rest = self.scip.addVar(lb=0, ub=None), self.scip.addVar(lb=None, ub=None)
        self.scip.addCons(positive >= short)
        for piece in (tax.long_rate * total, min(tax.ordinary_rate, tax.long_rate) * total, carried):
            self.scip.addCons(rest >= piece)
        self.scip.addCons(due >= (tax.short_rate - tax.long_rate) * positive + rest - reach * second)
        for piece in (tax.short_rate * total, tax.ordinary_rate * total, carried):
            self.scip.addCons(due >= piece - reach * (1 - second))
        return due - _tax_of(tax, start["short"], start["total"], float(tax.ordinary_offset) / self.value_usd)

    def _year_start(self) -> Mapping[str, float]:
        tax = self.tax
        short = float(tax.realized_short - tax.carryforward_short) / self.value_usd
        return {"short": short, "total": short + float(tax.realized_long - tax.carryforward_long) / self.value_usd}

    def solve(self, limit_seconds: float) -> ExactAnswer:
        """State the objective, and let SCIP work."""
        scip, preference = self.scip, self.account.trading.tracking_preference
        root, specific = _covariance_root(self.case, self.names, 10 ** (1 + 2 * (preference - 1) / 9))
        target = np.array([self.account.target.get(name, 0.0) for name in self.names])
        factors = [scip.addVar(lb=None, ub=None) for _ in range(root.shape[1])]
        for at, factor in enumerate(factors):
            pull = self.sum(float(root[i, at]) * self.after[i] for i in range(len(self.names)))
            scip.addCons(factor == pull - float(root[:, at] @ target))
        risk = scip.addVar(lb=0, ub=None)
        off = [after - float(aim) for after, aim in zip(self.after, target, strict=True)]
        own = self.sum(0.5 * float(pull) * one * one for pull, one in zip(specific, off, strict=True))
        scip.addCons(risk >= SCALE * (self.sum(0.5 * factor * factor for factor in factors) + own))
        later = self.tax.phi * self.tax.long_rate * self.gains
        scip.setObjective(risk + SCALE * (self.tax_change - later + self.cost))
        return self._run(limit_seconds)

    def _run(self, limit_seconds: float) -> ExactAnswer:
        scip = self.scip
        scip.hideOutput()
        limits = {"limits/time": limit_seconds, "limits/gap": RELATIVE_GAP, "numerics/feastol": FEASIBILITY}
        for name, value in limits.items():
            scip.setParam(name, value)
        try:
            scip.optimize()
        except Exception as error:
            if not str(error).startswith("SCIP:"):
                raise
            return ExactAnswer(objective=np.inf, bound=-np.inf, is_proved=False, seconds=scip.getSolvingTime())
        is_found = scip.getNSols() > 0
        return ExactAnswer(
            objective=scip.getObjVal() / SCALE if is_found else np.inf,
            bound=scip.getDualbound() / SCALE,
            is_proved=is_found and scip.getStatus() in {"optimal", "gaplimit"},
            seconds=scip.getSolvingTime(),
        )


def _tax_of(tax: Tax, short: float, total: float, offset: float) -> float:
    """Return T(S, L) as the case's document has it, all in fractions of value."""
    if total >= 0:
        return tax.long_rate * total + (tax.short_rate - tax.long_rate) * min(max(short, 0.0), total)
    return -tax.ordinary_rate * min(-total, offset) - tax.rho * max(-total - offset, 0.0)
