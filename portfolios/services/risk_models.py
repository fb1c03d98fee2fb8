"""Estimated risk models: kept with what they were made of, and in force once a second person approves."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Final

import numpy as np
import zstandard
from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, Invalid, NotFound
from advisors.models import Firm, Membership, User
from advisors.permissions import Capability, check_can, check_can_be_second_person
from portfolios.models.guidance import VersionStatus
from portfolios.models.market import Blob, RiskModelOrigin, RiskModelVersion
from portfolios.risk.estimation import Estimate
from portfolios.risk.realised import Summary

NAME: Final = "estimated"
_DIGITS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """
    What an estimate was made of, and how well it foresaw.

    `volatilities` are annual fractions by factor; `by_peers` the symbols with too few days for exposures of their own.
    `foresight` compares with `held_out_days` that an estimate without them had not seen, over the firm's own accounts;
    `present` the same for the model in force. `covered_frac` is the share of what the firm holds that the model knows
    by more than peers, `unknown` what it holds and no model knows.
    """

    from_on: date
    to_on: date
    day_count: int
    by_peers: tuple[str, ...]
    volatilities: Mapping[str, float]
    held_out_days: int = 0
    foresight: Summary | None = None
    present: Summary | None = None
    covered_frac: float | None = None
    unknown: tuple[str, ...] = ()


@transaction.atomic
def keep_estimate(
    firm: Firm, estimate: Estimate, findings: Findings, *, effective_on: date, actor: User | None, now: datetime
) -> RiskModelVersion:
    """
    Keep an estimate until somebody decides on it; one that waits already is dropped for it.

    :raises Conflict: it says the same as a version that is known
    """
    content = _wire(estimate)
    blob, _ = Blob.objects.get_or_create(
        sha256=hashlib.sha256(content).hexdigest(),
        defaults={"content": zstandard.compress(content), "size": len(content)},
    )
    same = RiskModelVersion.objects.filter(firm=firm, name=NAME, effective_on=effective_on, blob=blob)
    if same.exists():
        raise Conflict("The prices say what they said when the last model was estimated.")
    waiting = RiskModelVersion.objects.filter(
        firm=firm, origin=RiskModelOrigin.ESTIMATED, status=VersionStatus.SUBMITTED
    )
    waiting.update(status=VersionStatus.WITHDRAWN, decided_at=now)
    told = json.loads(json.dumps(asdict(findings), default=str))
    version = RiskModelVersion.objects.create(
        firm=firm,
        name=NAME,
        effective_on=effective_on,
        blob=blob,
        factor_count=len(estimate.factors),
        security_count=len(estimate.symbols),
        received_at=now,
        origin=RiskModelOrigin.ESTIMATED,
        status=VersionStatus.SUBMITTED,
        author=actor,
        findings=told,
    )
    facts = {"effective_on": effective_on, "sha256": blob.sha256, "day_count": findings.day_count}
    audit.record("risk_model.estimated", actor=actor, subject=version, firm_id=firm.pk, data=facts, now=now)
    return version


def _wire(estimate: Estimate) -> bytes:
    """Write it as the `risk_model` of a case, rounded so that machines agree."""
    exposures = np.round(estimate.exposures, _DIGITS)
    told = {
        "factors": list(estimate.factors),
        "factor_covariance": np.round(estimate.factor_covariance, _DIGITS).tolist(),
        "exposures": {symbol: exposures[at].tolist() for at, symbol in enumerate(estimate.symbols)},
        "specific_variance": {
            symbol: round(float(estimate.specific_variance[at]), _DIGITS) for at, symbol in enumerate(estimate.symbols)
        },
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


@transaction.atomic
def decide_on_risk_model(
    member: Membership, version_id: int, *, is_approved: bool, note: str, now: datetime
) -> RiskModelVersion:
    """
    Let an estimated model come into force, or drop it.

    :raises NotPermitted: the role does not approve, or the member had it estimated
    :raises NotFound: the firm has no such model
    :raises Conflict: it is decided already
    :raises Invalid: it is dropped and nothing says why
    """
    check_can(member, Capability.APPROVE_GUIDANCE)
    version = RiskModelVersion.objects.filter(firm_id=member.firm_id, pk=version_id).first()
    if version is None:
        raise NotFound("Your firm has no such risk model.")
    if is_approved:
        check_can_be_second_person(member, maker_id=version.author_id, what="this estimate")
    elif not note.strip():
        raise Invalid("Say why it is dropped: the reason is kept.")
    status = VersionStatus.APPROVED if is_approved else VersionStatus.WITHDRAWN
    rows = RiskModelVersion.objects.filter(pk=version.pk, status=VersionStatus.SUBMITTED)
    if not rows.update(status=status, decided_at=now, decided_by=member.user):
        raise Conflict("Somebody decided on this risk model already.")
    action = "risk_model.approved" if is_approved else "risk_model.dropped"
    audit.record(action, actor=member, subject=version, reason=note.strip()[:400], now=now)
    version.refresh_from_db()
    return version
