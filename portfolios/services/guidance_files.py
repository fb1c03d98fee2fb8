"""Guidance that comes as a file: risk model, security models and substitutes."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import zstandard
from django.db.models import Max

from advisors import audit
from advisors.errors import Invalid
from advisors.models import Firm, User
from portfolios.custodians.base import ParsedFile, ParsedRiskModel, ParsedSecurityModel
from portfolios.models.guidance import (
    SecurityModel,
    SecurityModelVersion,
    SecurityModelWeight,
    Substitute,
    VersionStatus,
)
from portfolios.models.market import Blob, RiskModelVersion
from portfolios.models.securities import Security
from portfolios.services.posted_files import Posted


def describe_risk_model(firm: Firm, parsed: ParsedFile) -> list[str]:
    """Say what the risk model covers."""
    del firm
    model = parsed.risk_model
    if model is None:
        return []
    size = f"{len(model.factors)} factors, {len(model.exposures):,} securities"
    return [f"The risk model {model.name} as of {model.effective_on}: {size}."]


def post_risk_model(firm: Firm, parsed: ParsedFile, *, actor: User | None, now: datetime) -> Posted:
    """Keep a risk model as the `risk_model` of a case, its content once."""
    model = parsed.risk_model
    assert model is not None  # a file without one is refused
    content = json.dumps(_risk_wire(model), sort_keys=True, separators=(",", ":")).encode()
    blob, _ = Blob.objects.get_or_create(
        sha256=hashlib.sha256(content).hexdigest(),
        defaults={"content": zstandard.compress(content), "size": len(content)},
    )
    version, is_new = RiskModelVersion.objects.get_or_create(
        firm=firm,
        name=model.name,
        effective_on=model.effective_on,
        blob=blob,
        defaults={
            "factor_count": len(model.factors),
            "security_count": len(model.exposures),
            "received_at": now,
        },
    )
    if not is_new:
        return Posted(said=["This risk model was known already."])
    facts = {"name": model.name, "effective_on": model.effective_on, "sha256": blob.sha256}
    audit.record("risk_model.posted", actor=actor, subject=version, firm_id=firm.pk, data=facts, now=now)
    return Posted(said=describe_risk_model(firm, parsed))


def _risk_wire(model: ParsedRiskModel) -> dict[str, object]:
    return {
        "factors": list(model.factors),
        "factor_covariance": [[float(value) for value in row] for row in model.covariance],
        "exposures": {symbol: [float(value) for value in row] for symbol, row in model.exposures.items()},
        "specific_variance": {symbol: float(value) for symbol, value in model.specific_variance.items()},
    }


def describe_models(firm: Firm, parsed: ParsedFile) -> list[str]:
    """Say which versions will wait for approval."""
    del firm
    return [
        f"A version of {model.name or model.key} from {model.effective_on} with {len(model.weights)} securities, "
        "submitted for approval by a second person."
        for model in parsed.models
    ]


def post_models(firm: Firm, parsed: ParsedFile, *, actor: User | None, now: datetime) -> Posted:
    """
    Submit a version of each security model; one that repeats the last version changes nothing.

    :raises Invalid: nobody stands as the author
    """
    if actor is None:
        raise Invalid("A security model needs an author: say who imports it.")
    keys = dict(Security.objects.values_list("symbol", "pk"))
    said, faults = [], []
    for parsed_model in parsed.models:
        from_unknown = [row for row in parsed_model.weights if row.symbol not in keys]
        if from_unknown:
            faults.append(f"{parsed_model.key} was left out: it names unknown securities.")
            continue
        said.append(_submit(firm, parsed_model, keys, actor=actor, now=now))
    return Posted(said=[*said, *faults])


def _submit(firm: Firm, parsed: ParsedSecurityModel, keys: Mapping[str, int], *, actor: User, now: datetime) -> str:
    model, _ = SecurityModel.objects.get_or_create(
        firm=firm, key=parsed.key, defaults={"name": parsed.name or parsed.key.replace("_", " ").capitalize()}
    )
    last = model.versions.order_by("-number").first()
    stated = {keys[row.symbol]: round(row.weight_frac, 8) for row in parsed.weights}
    if last is not None and last.effective_on == parsed.effective_on and _weights_of(last) == stated:
        return f"{model.name}: version {last.number} says the same already."
    number = (model.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    version = SecurityModelVersion.objects.create(
        security_model=model,
        number=number,
        status=VersionStatus.SUBMITTED,
        effective_on=parsed.effective_on,
        author=actor,
        created_at=now,
    )
    SecurityModelWeight.objects.bulk_create(
        SecurityModelWeight(version=version, security_id=key, weight_frac=weight) for key, weight in stated.items()
    )
    facts = {"model": model.key, "number": number, "effective_on": parsed.effective_on, "count": len(stated)}
    audit.record("security_model.submitted", actor=actor, subject=version, firm_id=firm.pk, data=facts, now=now)
    return f"{model.name}: version {number} from {parsed.effective_on} waits for approval by a second person."


def _weights_of(version: SecurityModelVersion) -> dict[int, Decimal]:
    return dict(version.weights.values_list("security_id", "weight_frac"))


def describe_substitutes(firm: Firm, parsed: ParsedFile) -> list[str]:
    """Say how many substitutes the firm will have more."""
    known = set(Substitute.objects.filter(firm=firm).values_list("security__symbol", "use__symbol"))
    new = sum((row.symbol, row.use) not in known for row in parsed.substitutes)
    return [f"{new} new substitutes, {len(parsed.substitutes) - new} known already."]


def post_substitutes(firm: Firm, parsed: ParsedFile, *, actor: User | None, now: datetime) -> Posted:
    """Add or restate substitutes; rows that name an unknown security are left out."""
    keys = dict(Security.objects.values_list("symbol", "pk"))
    rows = [row for row in parsed.substitutes if row.symbol in keys and row.use in keys]
    Substitute.objects.bulk_create(
        [
            Substitute(
                firm=firm,
                security_id=keys[row.symbol],
                use_id=keys[row.use],
                rank=row.rank,
                hurdle_bps=row.hurdle_bps,
                is_hold_only=row.is_hold_only,
            )
            for row in rows
        ],
        update_conflicts=True,
        unique_fields=["firm", "security", "use"],
        update_fields=["rank", "hurdle_bps", "is_hold_only"],
    )
    facts = {"count": len(rows)}
    audit.record("substitutes.posted", actor=actor, subject=firm, firm_id=firm.pk, data=facts, now=now)
    return Posted(said=[f"{len(rows)} substitutes stated."])
