"""What an explanation looks at: one account before and after, its marginal risk, and what every rule said of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from rebalancing.engine.judge.booking import AccountBook
from rebalancing.engine.judge.findings import Finding
from rebalancing.engine.judge.judgement import Judgement
from rebalancing.engine.judge.measures import AccountMeasures, active_weights, risk_aversion
from rebalancing.engine.judge.taxation import ReturnBook, average_rates
from rebalancing.engine.types import ZERO, Account, Case, Constraint, RiskModel, Term

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActiveRisk:
    """Tracking risk of one account before and after: active weights, shape (n,), and the risk model over `places`."""

    places: Mapping[str, int]
    start: Vector
    end: Vector
    exposures: Matrix
    loadings: Matrix
    specific: Vector
    aversion: float
    value_usd: float

    def mean_marginals(self) -> dict[str, float]:
        """Return the dollars of risk that one more dollar held of each adds, on the mean of before and after."""
        return dict(zip(self.places, self._marginals((self.start + self.end) / 2).tolist(), strict=True))

    def removed_usd(self, moves: Mapping[str, float]) -> float:
        """Return the dollars of risk that further moves, in weights, take away from where the trades end."""
        move = np.zeros(self.end.size)
        for name, weight in moves.items():
            move[self.places[name]] += weight
        return -self.value_usd * float(move @ self._marginals(self.end + move / 2))

    def volatility(self, security: str) -> float:
        at = self.places[security]
        return float(np.sqrt(self.loadings[at] @ self.exposures[at] + self.specific[at]))

    def _marginals(self, active: Vector) -> Vector:
        return np.asarray(self.aversion * (self.loadings @ (active @ self.exposures) + self.specific * active))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """One account and its trades; `rates` are the average marginal rates of tax along the way."""

    case: Case
    measured: AccountMeasures
    year: ReturnBook | None
    rates: Mapping[Term, Decimal]
    before: Mapping[str, Finding]
    after: Mapping[str, Finding]
    weights_before: Mapping[str, float]
    weights_after: Mapping[str, float]
    risk: ActiveRisk

    @property
    def book(self) -> AccountBook:
        return self.measured.book

    @property
    def account(self) -> Account:
        return self.measured.book.account

    @property
    def value_usd(self) -> float:
        return float(self.book.value_usd)

    def target(self, security: str) -> float:
        return self.account.target.get(security, 0.0)

    def gap_after(self, security: str) -> float:
        return self.weights_after.get(security, 0.0) - self.target(security)

    def was_broken(self, rule: str) -> bool:
        return rule in self.before and self.before[rule].is_broken

    def is_cured(self, rule: str) -> bool:
        """Tell whether a rule was broken before and is broken less, or not at all, after."""
        if not self.was_broken(rule):
            return False
        now = self.after.get(rule)
        return now is None or now.excess < self.before[rule].excess

    def constraints_on(self, security: str) -> tuple[Constraint, ...]:
        item = self.book.securities[security]
        return tuple(rule for rule in self.account.constraints if rule.applies_to(item))


def build_views(case: Case, judged: Judgement, before: Judgement) -> tuple[AccountView, ...]:
    """Look at every account of a case."""
    years = {year.id: year for year in judged.measures.returns}
    return tuple(
        _build_view(
            case,
            measured,
            year=years.get(measured.book.account.tax_return or "") if measured.book.account.is_taxable else None,
            before={finding.rule: finding for finding in before.findings[measured.book.account.id]},
            after={finding.rule: finding for finding in judged.findings[measured.book.account.id]},
        )
        for measured in judged.measures.accounts
    )


def _build_view(
    case: Case,
    measured: AccountMeasures,
    *,
    year: ReturnBook | None,
    before: Mapping[str, Finding],
    after: Mapping[str, Finding],
) -> AccountView:
    book = measured.book
    target = book.account.target
    active_before, active_after = active_weights(book, book.held_before), active_weights(book, book.held_after)
    return AccountView(
        case=case,
        measured=measured,
        year=year,
        rates={"short": ZERO, "long": ZERO} if year is None else average_rates(year),
        before=before,
        after=after,
        weights_before={name: gap + target.get(name, 0.0) for name, gap in active_before.items()},
        weights_after={name: gap + target.get(name, 0.0) for name, gap in active_after.items()},
        risk=_build_risk(case.risk_model, book, active_before, active_after),
    )


def _build_risk(
    model: RiskModel, book: AccountBook, before: Mapping[str, float], after: Mapping[str, float]
) -> ActiveRisk:
    names = sorted({*before, *after})
    target = book.account.target
    size = len(model.factors)
    exposures = np.array([model.exposures[name] for name in names], dtype=float).reshape(len(names), size)
    covariance = np.array(model.factor_covariance, dtype=float).reshape(size, size)
    return ActiveRisk(
        places={name: place for place, name in enumerate(names)},
        start=np.array([before.get(name, -target.get(name, 0.0)) for name in names], dtype=float),
        end=np.array([after.get(name, -target.get(name, 0.0)) for name in names], dtype=float),
        exposures=exposures,
        loadings=exposures @ covariance,
        specific=np.array([model.specific_variance[name] for name in names], dtype=float),
        aversion=risk_aversion(book.account.trading.tracking_preference),
        value_usd=float(book.value_usd),
    )
