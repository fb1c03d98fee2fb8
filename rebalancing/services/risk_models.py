"""Estimate a firm's risk model from its stored prices, and see how well it would have foreseen its own accounts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.jobs import enqueue
from advisors.models import Firm, Membership, User
from advisors.permissions import Capability, check_can
from portfolios.ledger.errors import BadInput
from portfolios.models.guidance import VersionStatus
from portfolios.models.households import Account, Standing
from portfolios.models.market import RiskModelOrigin, RiskModelVersion
from portfolios.risk.estimation import LEAST_DAYS, Array, Estimate, estimate
from portfolios.risk.realised import Foresight, foresight, summarise
from portfolios.selectors.risk_models import PriceReturns, price_returns
from portfolios.services.risk_models import Findings, keep_estimate
from rebalancing.engine import types as wire
from rebalancing.snapshots.taking import take_cases

HELD_OUT_DAYS: Final = 63
MOST_ACCOUNTS: Final = 500
POLICY: Final = "risk_model.estimate_every_days"
TASK: Final = "rebalancing.tasks.estimate_risk_model_task"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """What the firm's accounts hold: active weights by account, dollars by symbol, and the model in force."""

    active: tuple[Mapping[str, float], ...]
    held_usd: Mapping[str, float]
    present: wire.RiskModel | None


@transaction.atomic
def ask_for_estimate(member: Membership, *, now: datetime) -> None:
    """
    Let the queue estimate a new model.

    :raises NotPermitted: the role does not change the house view
    :raises Invalid: the firm has no business date yet
    """
    check_can(member, Capability.EDIT_GUIDANCE)
    if member.firm.business_on is None:
        raise Invalid("The firm has no business date yet. Import a day's prices first.")
    audit.record("risk_model.asked_for", actor=member, subject=member.firm, now=now)
    enqueue(TASK, firm_id=member.firm_id, actor_id=member.user_id)


def estimate_for_firm(firm_id: int, *, actor_id: int | None, now: datetime) -> RiskModelVersion | None:
    """
    Estimate a model as of the firm's business date and keep it for a second person; None where nothing is new.

    :raises Invalid: there are too few prices
    """
    firm = Firm.objects.get(pk=firm_id)
    if firm.business_on is None:
        raise Invalid("The firm has no business date yet. Import a day's prices first.")
    told = price_returns(firm_id, as_of=firm.business_on)
    try:
        model = estimate(told.symbols, told.returns, peers=told.peers, market=told.market)
    except ValueError as error:
        raise Invalid(str(error)) from error
    findings = _findings(told, model, _book(firm_id, as_of=firm.business_on))
    actor = User.objects.filter(pk=actor_id).first() if actor_id else None
    try:
        return keep_estimate(firm, model, findings, effective_on=firm.business_on, actor=actor, now=now)
    except Conflict:
        return None


def firms_due() -> Iterator[int]:
    """Yield the firms whose last estimate is older than they want it to be."""
    for firm in Firm.objects.exclude(business_on__isnull=True).order_by("pk"):
        every = firm.policies.get(POLICY)
        if not every or firm.business_on is None:
            continue
        recent = RiskModelVersion.objects.filter(
            firm=firm, origin=RiskModelOrigin.ESTIMATED, effective_on__gt=firm.business_on - timedelta(days=int(every))
        )
        if not recent.exclude(status=VersionStatus.WITHDRAWN).exists():
            yield firm.pk


def _book(firm_id: int, *, as_of: date) -> _Book:
    ids = Account.objects.filter(firm_id=firm_id, is_held_away=False, standing=Standing.ACTIVE).order_by("pk")
    chosen = list(ids.values_list("pk", flat=True))
    step = max(1, len(chosen) // MOST_ACCOUNTS)
    try:
        taken = take_cases(firm_id, account_ids=chosen[::step], as_of=as_of)
    except BadInput:  # no model in force yet: nothing can be compared
        return _Book(active=(), held_usd={}, present=None)
    cases = [one.case for one in taken if one.case is not None]
    active: list[dict[str, float]] = []
    held: dict[str, float] = {}
    for case in cases:
        prices = {security.id: float(security.price or 0) for security in case.securities}
        for account in case.accounts:
            positions = _positions(account, prices)
            value = sum(positions.values()) + float(account.cash)
            for symbol, usd in positions.items():
                held[symbol] = held.get(symbol, 0.0) + usd
            if account.target and value > 0:
                active.append(_active(positions, account.target, value))
    return _Book(active=tuple(active), held_usd=held, present=cases[0].risk_model if cases else None)


def _positions(account: wire.Account, prices: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for lot in account.lots:
        found[lot.security] = found.get(lot.security, 0.0) + float(lot.quantity) * prices.get(lot.security, 0.0)
    return found


def _active(positions: Mapping[str, float], target: Mapping[str, float], value: float) -> dict[str, float]:
    symbols = {*positions, *target}
    return {symbol: positions.get(symbol, 0.0) / value - target.get(symbol, 0.0) for symbol in symbols}


def _findings(told: PriceReturns, model: Estimate, book: _Book) -> Findings:
    by_peers = [symbol for symbol, is_so in zip(model.symbols, model.is_by_peers, strict=True) if is_so]
    known, total = set(model.symbols), sum(book.held_usd.values())
    own = sum(usd for symbol, usd in book.held_usd.items() if symbol in known.difference(by_peers))
    then, now = _compared(told, book)
    return Findings(
        from_on=told.days[0],
        to_on=told.days[-1],
        day_count=len(told.days),
        by_peers=tuple(by_peers),
        volatilities={
            name: round(float(np.sqrt(model.factor_covariance[at, at])), 6) for at, name in enumerate(model.factors)
        },
        held_out_days=HELD_OUT_DAYS if then else 0,
        foresight=summarise(then),
        present=summarise(now),
        covered_frac=round(own / total, 6) if total > 0 else None,
        unknown=tuple(sorted(symbol for symbol, usd in book.held_usd.items() if usd > 0 and symbol not in known)),
    )


def _compared(told: PriceReturns, book: _Book) -> tuple[list[Foresight], list[Foresight]]:
    """Compare with the last days, for an estimate that had not seen them and for the model in force."""
    if not book.active or len(told.days) < LEAST_DAYS + HELD_OUT_DAYS:
        return [], []
    seen, unseen = told.returns[:-HELD_OUT_DAYS], told.returns[-HELD_OUT_DAYS:]
    try:
        blind = estimate(told.symbols, seen, peers=told.peers, market=told.market)
    except ValueError:  # before the last days there were too few prices
        return [], []
    then = [foresight(blind, unseen, row) for row in _rows(book.active, blind.symbols)]
    if book.present is None:
        return then, []
    present = _as_estimate(book.present)
    place = {symbol: at for at, symbol in enumerate(told.symbols)}
    returns = np.full((HELD_OUT_DAYS, len(present.symbols)), np.nan)
    for at, symbol in enumerate(present.symbols):
        if symbol in place:
            returns[:, at] = unseen[:, place[symbol]]
    return then, [foresight(present, returns, row) for row in _rows(book.active, present.symbols)]


def _rows(active: Iterable[Mapping[str, float]], symbols: Sequence[str]) -> Iterator[Array]:
    for weights in active:
        yield np.array([weights.get(symbol, 0.0) for symbol in symbols])


def _as_estimate(model: wire.RiskModel) -> Estimate:
    symbols = tuple(sorted(model.exposures))
    return Estimate(
        symbols=symbols,
        factors=model.factors,
        exposures=np.array([model.exposures[symbol] for symbol in symbols]),
        factor_covariance=np.array(model.factor_covariance),
        specific_variance=np.array([model.specific_variance[symbol] for symbol in symbols]),
        day_counts=np.zeros(len(symbols), dtype=np.int64),
        is_by_peers=np.zeros(len(symbols), dtype=np.bool_),
    )
