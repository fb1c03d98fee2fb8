"""Security models that a corporate action carries on, answered for by whoever confirmed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Final

from advisors import audit
from advisors.models import User
from portfolios.models.guidance import SecurityModel, SecurityModelVersion, VersionStatus
from portfolios.models.securities import Security
from portfolios.services.house_view.lifecycle import submitted_change
from portfolios.services.house_view.versions import Stamp, add_model_version

WEIGHT_STEP: Final = Decimal("0.00000001")
ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A version as an action makes it. Without a checker it waits for approval like any other."""

    weights: Mapping[str, Decimal]
    effective_on: str
    why: str
    maker: User
    checker: User | None


def exact(weights: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    """Return weights at the scale that is kept, summing to what they summed to: the largest takes the remainder."""
    total = sum(weights.values(), Decimal(0))
    rounded = {symbol: weight.quantize(WEIGHT_STEP, ROUND_DOWN) for symbol, weight in weights.items()}
    rounded = {symbol: weight for symbol, weight in rounded.items() if weight > 0}
    largest = max(rounded, key=lambda symbol: (rounded[symbol], symbol))
    rounded[largest] += total.quantize(WEIGHT_STEP) - sum(rounded.values(), Decimal(0))
    return rounded


def spread(weights: Mapping[str, Decimal], freed: Decimal) -> Mapping[str, Decimal] | None:
    """Return weights that take on a freed one in proportion; None where there is nothing to take it."""
    total = sum(weights.values(), Decimal(0))
    if total <= 0:
        return None
    return exact({symbol: weight * (total + freed) / total for symbol, weight in weights.items()})


def carry_model_version(model: SecurityModel, carried: Carried, *, now: datetime) -> SecurityModelVersion:
    """
    Add a version of a model that an action made, in the caller's transaction.

    Whoever confirmed the action has seen the weights and answers for them: a second person, since the announcer does
    not confirm. Where the firm wants its own approval the version is submitted and waits.
    """
    is_approved = carried.checker is not None
    effective_on = date.fromisoformat(carried.effective_on)
    change = None
    if not is_approved:
        change = submitted_change(
            model.firm,
            title=f"{model.name}: {carried.why}",
            why=carried.why,
            effective_on=effective_on,
            author=carried.maker,
            now=now,
        )
    stamp = Stamp(effective_on=effective_on, author=carried.maker, approver=carried.checker, change=change, now=now)
    keys = dict(Security.objects.filter(symbol__in=carried.weights).values_list("symbol", "pk"))
    weights = {keys[symbol]: weight for symbol, weight in carried.weights.items()}
    version = add_model_version(model, weights, stamp=stamp)
    facts = {
        "model": model.key,
        "number": version.number,
        "effective_on": carried.effective_on,
        "count": len(weights),
    }
    name = "security_model.carried" if is_approved else "security_model.submitted"
    actor = carried.checker or carried.maker
    audit.record(name, actor=actor, subject=version, firm_id=model.firm_id, data=facts, reason=carried.why, now=now)
    return version


def withdraw_carried_version(version: SecurityModelVersion, *, why: str, actor: User | None, now: datetime) -> None:
    """Withdraw a version that an action made; the one before it is in force again."""
    rows = SecurityModelVersion.objects.filter(pk=version.pk).exclude(status=VersionStatus.WITHDRAWN)
    if rows.update(status=VersionStatus.WITHDRAWN):
        facts = {"model": version.security_model.key, "number": version.number}
        firm_id = version.security_model.firm_id
        audit.record(
            "security_model.withdrawn", actor=actor, subject=version, firm_id=firm_id, data=facts, reason=why, now=now
        )
