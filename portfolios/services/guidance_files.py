"""Guidance that comes as a file: risk model, security models and substitutes."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

import zstandard

from advisors import audit
from advisors.errors import Invalid
from advisors.models import Firm, User
from portfolios.custodians.base import ParsedFile, ParsedRiskModel, ParsedSecurityModel
from portfolios.models.guidance import SecurityModel, SecurityModelVersion
from portfolios.models.market import Blob, RiskModelVersion
from portfolios.models.securities import Security
from portfolios.selectors.guidance_versions import SubstituteRow, substitute_list_id, substitute_rows
from portfolios.services.house_view.lifecycle import submitted_change
from portfolios.services.house_view.versions import Stamp, add_model_version, add_substitute_list
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
    stamp = _submitted(firm, f"{model.name} from a file", parsed.effective_on, actor=actor, now=now)
    version = add_model_version(model, stated, stamp=stamp)
    facts = {
        "model": model.key,
        "number": version.number,
        "effective_on": parsed.effective_on,
        "count": len(stated),
    }
    audit.record("security_model.submitted", actor=actor, subject=version, firm_id=firm.pk, data=facts, now=now)
    return f"{model.name}: version {version.number} from {parsed.effective_on} waits for approval by a second person."


def _submitted(firm: Firm, title: str, effective_on: date, *, actor: User, now: datetime) -> Stamp:
    change = submitted_change(firm, title=title, why="", effective_on=effective_on, author=actor, now=now)
    return Stamp(effective_on=effective_on, author=actor, now=now, change=change)


def _weights_of(version: SecurityModelVersion) -> dict[int, Decimal]:
    return dict(version.weights.values_list("security_id", "weight_frac"))


def describe_substitutes(firm: Firm, parsed: ParsedFile) -> list[str]:
    """Say how many substitutes the firm would have more."""
    keys = dict(Security.objects.values_list("symbol", "pk"))
    known = {(row.security_id, row.use_id) for row in _substitutes_in_force(firm, today=None)}
    new = sum((keys.get(row.symbol), keys.get(row.use)) not in known for row in parsed.substitutes)
    counts = f"{new} new substitutes, {len(parsed.substitutes) - new} known already"
    return [f"{counts}; the list is submitted for approval by a second person."]


def post_substitutes(firm: Firm, parsed: ParsedFile, *, actor: User | None, now: datetime) -> Posted:
    """
    Submit the firm's list of substitutes with rows added or restated; those with an unknown security are left out.

    :raises Invalid: nobody stands as the author
    """
    if actor is None:
        raise Invalid("A list of substitutes needs an author: say who imports it.")
    keys = dict(Security.objects.values_list("symbol", "pk"))
    before = {(row.security_id, row.use_id): row for row in _substitutes_in_force(firm, today=now.date())}
    stated = {
        (keys[row.symbol], keys[row.use]): SubstituteRow(
            security_id=keys[row.symbol],
            use_id=keys[row.use],
            rank=row.rank,
            hurdle_bps=row.hurdle_bps,
            is_hold_only=row.is_hold_only,
        )
        for row in parsed.substitutes
        if row.symbol in keys and row.use in keys
    }
    after = {**before, **stated}
    if after == before:
        return Posted(said=["The list of substitutes says the same already."])
    on = firm.business_on or now.date()
    stamp = _submitted(firm, "Substitutes from a file", on, actor=actor, now=now)
    version = add_substitute_list(firm, after.values(), stamp=stamp)
    facts = {"number": version.number, "count": len(after)}
    audit.record("substitute_list.submitted", actor=actor, subject=version, firm_id=firm.pk, data=facts, now=now)
    return Posted(said=[f"{len(stated)} substitutes stated. The list waits for approval by a second person."])


def _substitutes_in_force(firm: Firm, *, today: date | None) -> tuple[SubstituteRow, ...]:
    on = firm.business_on or today
    return () if on is None else substitute_rows(substitute_list_id(firm.pk, on=on))
