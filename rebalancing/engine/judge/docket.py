"""What a judgement reads off the case alone: gathered once, and used by every judgement of that case."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from rebalancing.engine.judge.waiting import Span, Wait
from rebalancing.engine.same import Same
from rebalancing.engine.types import CASH, ZERO, Account, Case, Constraint, Lot, RiskModel, Security, SubjectKind

WINDOW = timedelta(days=30)
KEPT_CASES = 4

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A purchase that a loss sale may meet; a proposed one has no date yet and is nobody's earlier acquisition."""

    account: str
    security: str
    acquired_on: date | None
    words: str


class Market:
    """The securities of a case and their risk model; `place` numbers them in the order of the case."""

    def __init__(self, securities: tuple[Security, ...], model: RiskModel) -> None:
        self.securities = {security.id: security for security in securities}
        self.prices = {security.id: security.price for security in securities}
        self.groups = {security.id: security.group for security in securities}
        self.place = {security.id: place for place, security in enumerate(securities)}
        self.has_buyable = any(security.buyable for security in securities)
        self._model = model
        self.hurdles: dict[Wait, Span] = {}
        self._members: dict[tuple[SubjectKind | str, str], tuple[str, ...]] = {}

    @cached_property
    def exposures(self) -> Matrix:
        """Exposures to each factor, (n, k)."""
        rows = [self._model.exposures[name] for name in self.securities]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self._model.factors))

    @cached_property
    def covariance(self) -> Matrix:
        """Covariance of the factors, (k, k), per year."""
        size = len(self._model.factors)
        return np.array(self._model.factor_covariance, dtype=np.float64).reshape(size, size)

    @cached_property
    def specific(self) -> Vector:
        """Specific variance, (n,), per year."""
        return np.array([self._model.specific_variance[name] for name in self.securities], dtype=np.float64)

    @cached_property
    def volatility(self) -> Vector:
        """Each security's own standard deviation, (n,), per year."""
        common = np.einsum("ij,jk,ik->i", self.exposures, self.covariance, self.exposures)
        return np.asarray(np.sqrt(np.maximum(common + self.specific, 0.0)))

    def members(self, constraint: Constraint) -> tuple[str, ...]:
        """Return the securities that a constraint speaks of, in the order of the case."""
        if constraint.security is not None:
            return (constraint.security,) if constraint.security in self.securities else ()
        key = (constraint.kind, constraint.subject)
        if key not in self._members:
            found = (name for name, item in self.securities.items() if constraint.applies_to(item))
            self._members[key] = tuple(found)
        return self._members[key]

    def of_class(self, asset_class: str) -> tuple[str, ...]:
        """Return the securities of an asset class."""
        key = ("asset_class", asset_class)
        if key not in self._members:
            found = (name for name, item in self.securities.items() if item.asset_class == asset_class)
            self._members[key] = tuple(found)
        return self._members[key]

    def vector(self, weights: Mapping[str, float]) -> Vector:
        """Lay weights out in the order of the case, (n,); cash bears no risk and has no place."""
        laid = np.zeros(len(self.place))
        for name, weight in weights.items():
            if name != CASH:
                laid[self.place[name]] = weight
        return laid

    def variance(self, active: Vector) -> float:
        """Return the variance per year of active weights, (n,)."""
        factors = active @ self.exposures
        return max(float(factors @ self.covariance @ factors + (active * active) @ self.specific), 0.0)

    def marginal(self, active: Vector) -> Vector:
        """Return half the slope of the variance in every active weight, (n,)."""
        return np.asarray(self.exposures @ (self.covariance @ (active @ self.exposures)) + self.specific * active)


class AccountDocket:
    """
    One account before anything is traded. `value_usd` is the value that stays, the base of every weight.

    `target` is the account's own, or the household's where that is unified.
    """

    def __init__(self, account: Account, *, market: Market, as_of: date, target: Mapping[str, float]) -> None:
        self.account = account
        self.target = target
        self.market = market
        self.as_of = as_of
        self.held = add_up((lot.security, lot.quantity) for lot in account.lots)
        self.worth_usd = {name: units * market.prices[name] for name, units in self.held.items()}
        self.value_usd = sum(self.worth_usd.values(), ZERO) + account.cash - account.cash_needs.raise_
        self._sums: dict[tuple[str, ...], Decimal] = {}

    @cached_property
    def lots(self) -> Mapping[str, Lot]:
        return {lot.id: lot for lot in self.account.lots}

    @cached_property
    def short_names(self) -> tuple[str, ...]:
        """Securities held short already; a checked case has none."""
        return tuple(name for name, units in self.held.items() if units < 0)

    @cached_property
    def unknown_lots(self) -> int:
        return sum(lot.cost is None for lot in self.account.lots)

    @cached_property
    def gift_lots(self) -> int:
        return sum(lot.gift for lot in self.account.lots)

    @cached_property
    def weights(self) -> Mapping[str, float]:
        """Weight of every security held, of the value that stays."""
        return {name: float(worth / self.value_usd) for name, worth in self.worth_usd.items()}

    @cached_property
    def active(self) -> Vector:
        """Weight less target of every security of the case, (n,)."""
        return self.market.vector(self.weights) - self.market.vector(self.target)

    @cached_property
    def variance(self) -> float:
        """Squared tracking error per year."""
        return self.market.variance(self.active)

    @cached_property
    def hurdles(self) -> Mapping[str, float]:
        """The lowest hurdle of each distinct substitute, in basis points."""
        lowest: dict[str, float] = {}
        for substitute in self.account.substitutes:
            lowest[substitute.use] = min(substitute.hurdle_bps, lowest.get(substitute.use, float("inf")))
        return lowest

    @cached_property
    def purchases(self) -> tuple[Purchase, ...]:
        """Lots bought within the window that count as purchases for the wash rule."""
        return tuple(
            Purchase(
                account=self.account.id,
                security=lot.security,
                acquired_on=lot.acquired,
                words=f"lot {lot.id} of {lot.security} acquired {lot.acquired} in {self.account.id}",
            )
            for lot in self.account.lots
            if lot.wash_acquisition and self.as_of - lot.acquired <= WINDOW
        )

    def held_of(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of a group that are held."""
        return tuple(name for name in names if name in self.held)

    def sum_usd(self, names: tuple[str, ...]) -> Decimal:
        """Add up what is held of a group."""
        if names not in self._sums:
            self._sums[names] = sum((self.worth_usd[name] for name in names if name in self.worth_usd), ZERO)
        return self._sums[names]


class Docket:
    """A case made ready for judging: its market, its accounts, its household, its trades of the last 30 days."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.household = case.household
        self.is_unified = case.household is not None and case.household.mode == "unified"
        self.market = _market(Same(case.securities), Same(case.risk_model))
        self.accounts = {
            account.id: AccountDocket(
                account,
                market=self.market,
                as_of=case.as_of,
                target=case.household.target if case.household is not None and self.is_unified else account.target,
            )
            for account in case.accounts
        }

    @cached_property
    def household_usd(self) -> Decimal:
        """V_H: the value that stays in every account, weighed after tax."""
        return sum((after_tax(docket.account) * docket.value_usd for docket in self.accounts.values()), ZERO)

    @cached_property
    def active(self) -> Vector:
        """Weight less target of every security in a unified household, w - g, (n,)."""
        worth: dict[str, Decimal] = {}
        for docket in self.accounts.values():
            for name, worth_usd in docket.worth_usd.items():
                worth[name] = worth.get(name, ZERO) + after_tax(docket.account) * worth_usd
        weights = {name: float(worth_usd / self.household_usd) for name, worth_usd in worth.items()}
        target = self.household.target if self.household is not None else {}
        return self.market.vector(weights) - self.market.vector(target)

    @cached_property
    def purchases(self) -> Mapping[str, tuple[Purchase, ...]]:
        """Purchases of the last 30 days by identity group: recent trades first, then lots held."""
        found: dict[str, list[Purchase]] = {}
        for trade in self.case.recent_trades:
            if trade.side == "buy" and self.case.as_of - trade.date <= WINDOW:
                words = f"the purchase of {trade.security} on {trade.date} in {trade.account}"
                group = self.group_of(trade.security, told=trade.identity_group)
                found.setdefault(group, []).append(
                    Purchase(account=trade.account, security=trade.security, acquired_on=trade.date, words=words)
                )
        for account in self.accounts.values():
            for purchase in account.purchases:
                found.setdefault(self.market.groups[purchase.security], []).append(purchase)
        return {group: tuple(purchases) for group, purchases in found.items()}

    @cached_property
    def losses(self) -> Mapping[str, tuple[str, ...]]:
        """Loss sales of the last 30 days by identity group, in words."""
        found: dict[str, list[str]] = {}
        for trade in self.case.recent_trades:
            if trade.side == "sell" and trade.loss > 0 and self.case.as_of - trade.date <= WINDOW:
                words = f"the loss sale of {trade.security} on {trade.date} in {trade.account}"
                found.setdefault(self.group_of(trade.security, told=trade.identity_group), []).append(words)
        return {group: tuple(losses) for group, losses in found.items()}

    def group_of(self, security: str, *, told: str | None) -> str:
        """Return the identity group of a security that may not be in the case."""
        return self.market.groups.get(security, told or security)


def docket_of(case: Case) -> Docket:
    """Return the docket of a case; the last few are kept, since a case is judged several times in a row."""
    return _docket(Same(case))


def after_tax(account: Account) -> Decimal:
    """Return what a dollar of the account is worth after tax."""
    return Decimal(str(account.after_tax_weight))


def add_up(items: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Add up units by security."""
    totals: dict[str, Decimal] = {}
    for name, units in items:
        totals[name] = totals.get(name, ZERO) + units
    return totals


@lru_cache(maxsize=KEPT_CASES)
def _docket(same: Same) -> Docket:
    case = same.it
    assert isinstance(case, Case)
    return Docket(case)


@lru_cache(maxsize=KEPT_CASES)
def _market(securities: Same, model: Same) -> Market:
    assert isinstance(securities.it, tuple)
    assert isinstance(model.it, RiskModel)
    return Market(securities.it, model.it)
