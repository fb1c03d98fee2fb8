"""What an explanation looks at: one account before and after, its marginal risk, and what every rule said of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rebalancing.engine.judge.booking import AccountBook
from rebalancing.engine.judge.docket import Docket, Market, after_tax, docket_of
from rebalancing.engine.judge.findings import Finding
from rebalancing.engine.judge.judgement import Judgement
from rebalancing.engine.judge.measures import AccountMeasures, risk_aversion
from rebalancing.engine.judge.taxation import ReturnBook, average_rates
from rebalancing.engine.types import ZERO, Account, Case, Constraint, Lot, Side, Term

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ActiveRisk:
    """
    Tracking risk of an account, or of the unified household that it belongs to, before and after.

    `start` and `end` are active weights, shape (n,), in the order of the case's securities, of `base_usd`: the value
    that stays of the account, or V_H. A dollar of the account is `dollar_weight` dollars there.
    """

    market: Market
    start: Vector
    end: Vector
    target: Vector
    aversion: float
    base_usd: float
    dollar_weight: float

    @property
    def places(self) -> Mapping[str, int]:
        return self.market.place

    @cached_property
    def mean_marginals(self) -> Vector:
        """Dollars of risk that one more dollar of each held in the account adds, on the mean of before and after."""
        return np.asarray(self.dollar_weight * self._marginals((self.start + self.end) / 2))

    def removed_usd(self, move: Vector) -> float:
        """Return the dollars of risk that further moves, (n,) in weights, take away from where the trades end."""
        return -self.base_usd * float(move @ self._marginals(self.end + move / 2))

    def closing_usd(self) -> Vector:
        """Estimate the dollars of risk that closing each gap removes, (n,): against the opposite gaps in part."""
        here, slope, own = self.end, self._marginals(self.end), self.aversion * self.market.volatility**2
        found = np.zeros(here.size)
        for side in (here > 0, here < 0):
            rest = np.where(np.sign(here) == -np.sign(here[side][0]), here, 0.0) if side.any() else found * 0.0
            total = abs(float(rest.sum()))
            share = np.minimum(np.abs(here), total) / total if total else np.zeros(here.size)
            of_rest = self._marginals(rest)
            first = -here * slope - share * float(rest @ slope)
            second = here**2 * own + 2 * here * share * of_rest + share**2 * float(rest @ of_rest)
            found = np.where(side, -self.base_usd * (first + second / 2), found)
        return found

    def leaving_usd(self) -> tuple[Vector, Vector]:
        """Estimate the risk that w of a security spread over the target removes: a w + b w^2, both (n,)."""
        total = float(self.target.sum())
        rest = self.target / total if total else self.target
        slope, of_rest = self._marginals(self.end), self._marginals(rest)
        own = self.aversion * self.market.volatility**2
        bent = own - 2 * of_rest + float(rest @ of_rest)
        return self.base_usd * (slope - float(rest @ slope)), -self.base_usd / 2 * bent

    def weight_of(self, amount_usd: float) -> float:
        """Return the weight that so many dollars of the account have."""
        return amount_usd * self.dollar_weight / self.base_usd

    def volatility(self, security: str) -> float:
        return float(self.market.volatility[self.places[security]])

    def _marginals(self, active: Vector) -> Vector:
        return np.asarray(self.aversion * self.market.marginal(active))


@dataclass(frozen=True, kw_only=True, eq=False)
class AccountView:
    """
    One account and its trades; `rates` are the average marginal rates of tax along the way.

    Weights, targets and gaps are those of the account, or of the whole where a household is unified. `transfer_rates`
    price a dollar of each trade, by side and security, that another account of the household trades the other way.
    `losses` are the loss sales of the last 30 days and of this outcome by identity group, in words. `others` are the
    books of the other accounts of a unified household.
    """

    case: Case
    measured: AccountMeasures
    year: ReturnBook | None
    rates: Mapping[Term, Decimal]
    before: Mapping[str, Finding]
    after: Mapping[str, Finding]
    risk: ActiveRisk
    losses: Mapping[str, tuple[str, ...]]
    transfer_rates: Mapping[tuple[Side, str], float] = field(default_factory=dict)
    others: tuple[AccountBook, ...] = ()

    @property
    def book(self) -> AccountBook:
        return self.measured.book

    @property
    def account(self) -> Account:
        return self.measured.book.account

    @property
    def previous_target(self) -> Mapping[str, float]:
        """Return the weights that the account was to have before the house view changed; none where it did not."""
        context = self.case.context
        return context.previous_targets.get(self.account.id) or context.previous_target

    @property
    def value_usd(self) -> float:
        return float(self.book.value_usd)

    @property
    def whose(self) -> str:
        """Say of what the weights are."""
        return "value" if self.measured.book.docket.target is self.account.target else "the household"

    @cached_property
    def weights_before(self) -> Mapping[str, float]:
        return dict(zip(self.risk.places, (self.risk.start + self.risk.target).tolist(), strict=True))

    @cached_property
    def weights_after(self) -> Mapping[str, float]:
        return dict(zip(self.risk.places, (self.risk.end + self.risk.target).tolist(), strict=True))

    @cached_property
    def gaps(self) -> Mapping[str, float]:
        """Weight less target after the trades, by security."""
        return dict(zip(self.risk.places, self.risk.end.tolist(), strict=True))

    @cached_property
    def class_weights(self) -> Mapping[str, tuple[float, float, float]]:
        """Weights of every asset class before, after, and in the target; cash apart."""
        risk = self.risk
        rows = np.array([risk.start + risk.target, risk.end + risk.target, risk.target])
        classes = {item.asset_class for item in risk.market.securities.values()}
        found: dict[str, tuple[float, float, float]] = {}
        for asset_class in classes:
            places = [risk.places[name] for name in risk.market.of_class(asset_class)]
            was, now, wanted = rows[:, places].sum(axis=1).tolist()
            found[asset_class] = was, now, wanted
        return found

    @cached_property
    def group_places(self) -> Mapping[str, tuple[int, ...]]:
        """Places of the securities of every identity group."""
        found: dict[str, list[int]] = {}
        for name, group in self.risk.market.groups.items():
            found.setdefault(group, []).append(self.risk.places[name])
        return {group: tuple(places) for group, places in found.items()}

    @cached_property
    def moved_elsewhere(self) -> Mapping[tuple[Side, str], str]:
        """What the other accounts of a unified household trade most of, by side and asset class."""
        found: dict[tuple[Side, str], tuple[Decimal, str]] = {}
        for book in self.others:
            sides: tuple[tuple[Side, Mapping[str, Decimal]], ...] = (("buy", book.bought), ("sell", book.sold))
            for side, traded in sides:
                for name, quantity in traded.items():
                    key = side, book.securities[name].asset_class
                    found[key] = max(found.get(key, (ZERO, "")), (quantity * book.price(name), name))
        return {key: name for key, (worth_usd, name) in found.items() if worth_usd > 0}

    @cached_property
    def taken(self) -> Mapping[str, Decimal]:
        """Units sold of each lot."""
        return {sale.lot.id: sale.lot_units for sale in self.book.sales}

    @cached_property
    def lots_of(self) -> Mapping[str, tuple[Lot, ...]]:
        """The account's lots by security."""
        found: dict[str, list[Lot]] = {}
        for lot in self.account.lots:
            found.setdefault(lot.security, []).append(lot)
        return {name: tuple(lots) for name, lots in found.items()}

    def target(self, security: str) -> float:
        return self.book.docket.target.get(security, 0.0)

    def gap_after(self, security: str) -> float:
        return self.gaps.get(security, 0.0)

    def was_broken(self, rule: str) -> bool:
        return rule in self.before and self.before[rule].is_broken

    def is_cured(self, rule: str) -> bool:
        """Tell whether a rule was broken before and is broken less, or not at all, after."""
        if not self.was_broken(rule):
            return False
        now = self.after.get(rule)
        return now is None or now.excess < self.before[rule].excess

    @cached_property
    def rules_by_security(self) -> Mapping[str, tuple[Constraint, ...]]:
        """The client's constraints that speak of each security."""
        found: dict[str, list[Constraint]] = {}
        for rule in self.account.constraints:
            for name in self.risk.market.members(rule):
                found.setdefault(name, []).append(rule)
        return {name: tuple(rules) for name, rules in found.items()}

    def constraints_on(self, security: str) -> tuple[Constraint, ...]:
        return self.rules_by_security.get(security, ())


def build_views(case: Case, judged: Judgement, before: Judgement) -> tuple[AccountView, ...]:
    """Look at every account of a case."""
    docket = docket_of(case)
    years = {year.id: year for year in judged.measures.returns}
    rates = {year.id: average_rates(year) for year in judged.measures.returns}
    books = [measured.book for measured in judged.measures.accounts]
    moves = {book.account.id: _moves(book, docket) for book in books}
    end = docket.active + sum(moves.values(), np.zeros(len(docket.market.place))) if docket.is_unified else None
    transfers = _transfer_rates(books, docket)
    views: list[AccountView] = []
    for measured in judged.measures.accounts:
        book = measured.book
        name = book.account.tax_return or "" if book.account.is_taxable else ""
        views.append(
            AccountView(
                case=case,
                measured=measured,
                year=years.get(name),
                rates=rates.get(name, {"short": ZERO, "long": ZERO}),
                before={finding.rule: finding for finding in before.findings[book.account.id]},
                after={finding.rule: finding for finding in judged.findings[book.account.id]},
                risk=_own_risk(book, moves[book.account.id]) if end is None else _shared_risk(book, docket, end),
                losses=judged.measures.window.losses,
                transfer_rates=transfers,
                others=tuple(other for other in books if other is not book) if docket.is_unified else (),
            )
        )
    return tuple(views)


def _moves(book: AccountBook, docket: Docket) -> Vector:
    """Return by how much an account's trades change the weights that count, (n,)."""
    scale = after_tax(book.account) / docket.household_usd if docket.is_unified else 1 / book.value_usd
    return docket.market.vector({name: float(scale * units * book.price(name)) for name, units in book.moved.items()})


def _own_risk(book: AccountBook, moves: Vector) -> ActiveRisk:
    return ActiveRisk(
        market=book.docket.market,
        start=book.docket.active,
        end=book.docket.active + moves,
        target=book.docket.market.vector(book.docket.target),
        aversion=risk_aversion(book.account.trading.tracking_preference),
        base_usd=float(book.value_usd),
        dollar_weight=1.0,
    )


def _shared_risk(book: AccountBook, docket: Docket, end: Vector) -> ActiveRisk:
    household = docket.household
    assert household is not None
    return ActiveRisk(
        market=docket.market,
        start=docket.active,
        end=end,
        target=docket.market.vector(household.target),
        aversion=risk_aversion(household.tracking_preference),
        base_usd=float(docket.household_usd),
        dollar_weight=book.account.after_tax_weight,
    )


def _transfer_rates(books: Sequence[AccountBook], docket: Docket) -> dict[tuple[Side, str], float]:
    """Share what transfers cost: half of it by the dollars sold, half by the dollars bought of a security."""
    household = docket.household
    if household is None or not docket.is_unified or not household.transfer_cost_bps:
        return {}
    rates: dict[tuple[Side, str], float] = {}
    for name in {name for book in books for name in book.moved}:
        sold = sum((book.sold.get(name, ZERO) for book in books), ZERO)
        bought = sum((book.bought.get(name, ZERO) for book in books), ZERO)
        half = household.transfer_cost_bps * 1e-4 / 2 * float(min(sold, bought))
        if half:
            rates["sell", name], rates["buy", name] = half / float(sold), half / float(bought)
    return rates
