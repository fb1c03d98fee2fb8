"""The risk model: a new symbol is the same company, so it takes on the exposures of the old one."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

import zstandard

from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.models.market import Blob, RiskModelOrigin, RiskModelVersion
from portfolios.selectors.risk_models import newest_risk_model
from portfolios.services.corporate_actions.steps.change import Change, Data, Setting, Step, id_in


def plan_risk_model(setting: Setting) -> Sequence[Change]:
    """Say that the model in force learns the new symbol."""
    if setting.terms.kind is not ActionKind.SYMBOL_CHANGE:
        return []
    version = _in_force(setting)
    if version is None:
        return []
    exposures = _content(version)["exposures"]
    old = setting.terms.security
    new = [each.security for each in setting.terms.delivered if each.security not in exposures]
    if old not in exposures or not new:
        return []
    words = f"The risk model {version.name} knows {new[0]} by the exposures of {old}."
    return [Change(words=words, data={"like": old, "add": new[0], "version": version.pk})]


def _in_force(setting: Setting) -> RiskModelVersion | None:
    return newest_risk_model(setting.firm.pk)


def _content(version: RiskModelVersion) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(zstandard.ZstdDecompressor().decompress(bytes(version.blob.content)))
    return content


def make_risk_model(setting: Setting, change: Change) -> Data:
    """Add a version with the new symbol beside the old one."""
    version = RiskModelVersion.objects.select_related("blob").get(pk=id_in(change.data, "version"))
    content = _content(version)
    for part in ("exposures", "specific_variance"):
        content[part][change.data["add"]] = content[part][change.data["like"]]
    packed = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    blob, _ = Blob.objects.get_or_create(
        sha256=hashlib.sha256(packed).hexdigest(),
        defaults={"content": zstandard.compress(packed), "size": len(packed)},
    )
    made = RiskModelVersion.objects.create(
        firm=setting.firm,
        name=version.name,
        effective_on=max(version.effective_on, setting.on),
        blob=blob,
        factor_count=version.factor_count,
        security_count=len(content["exposures"]),
        received_at=setting.now,
        origin=RiskModelOrigin.CARRIED,
    )
    return {**change.data, "made": made.pk}


def undo_risk_model(setting: Setting, data: Data) -> None:
    """Take the version away; the one before is in force again."""
    RiskModelVersion.objects.filter(firm=setting.firm, pk=id_in(data, "made")).delete()


RISK_MODEL: Final = Step(name="risk_model", plan=plan_risk_model, make=make_risk_model, undo=undo_risk_model)
