"""The compliant limits of risk profiles, as the version in force says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portfolios.models.guidance import RiskProfile, RiskProfileVersion, RiskProfileWeight, VersionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLimit:
    """One asset class of a risk profile: its weight and the limits within which an advisor may customise it."""

    key: str
    name: str
    position: int
    weight_frac: Decimal
    min_frac: Decimal
    max_frac: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChoice:
    """A risk profile that an account may follow."""

    id: int
    key: str
    name: str


def version_ids_in_force(profile_ids: Collection[int], *, on: date) -> Mapping[int, int]:
    """Return the version in force of each risk profile: the approved one that took effect last."""
    versions = RiskProfileVersion.objects.filter(
        risk_profile_id__in=profile_ids, status=VersionStatus.APPROVED, effective_on__lte=on
    ).order_by("effective_on", "number", "pk")
    return dict(versions.values_list("risk_profile_id", "pk"))


def limits_by_profile(profile_ids: Collection[int], *, on: date) -> Mapping[int, tuple[ClassLimit, ...]]:
    """Return the limits in force of each risk profile, in the order of the firm's classes; two queries."""
    versions = version_ids_in_force(profile_ids, on=on)
    profile_of = {version: profile for profile, version in versions.items()}
    weights = (
        RiskProfileWeight.objects.filter(version_id__in=profile_of)
        .select_related("asset_class")
        .order_by("asset_class__position", "pk")
    )
    found: dict[int, list[ClassLimit]] = {pk: [] for pk in profile_ids}
    for row in weights:
        found[profile_of[row.version_id]].append(
            ClassLimit(
                key=row.asset_class.key,
                name=row.asset_class.name,
                position=row.asset_class.position,
                weight_frac=row.weight_frac,
                min_frac=row.min_frac,
                max_frac=row.max_frac,
            )
        )
    return {pk: tuple(rows) for pk, rows in found.items()}


def profile_choices(firm_id: int) -> tuple[ProfileChoice, ...]:
    """Return the firm's risk profiles in their standing order."""
    rows = RiskProfile.objects.filter(firm_id=firm_id).order_by("position", "name", "pk")
    return tuple(ProfileChoice(id=row.pk, key=row.key, name=row.name) for row in rows)
