"""Where the house view in force still names a security, and which accounts follow it there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from portfolios.models.guidance import (
    Product,
    RiskProfile,
    RiskProfileVersion,
    SecurityModel,
    SecurityModelVersion,
    SecurityModelWeight,
    VersionStatus,
)
from portfolios.models.households import Account
from portfolios.selectors.guidance_versions import product_list_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """Names of the models and classes that use a security, and the asset classes that are filled by it."""

    names: tuple[str, ...]
    asset_class_ids: frozenset[int]


def uses_of(firm_id: int, security_id: int, *, on: date) -> Uses:
    """Return what of the house view in force on a day names a security."""
    names: list[str] = []
    classes: set[int] = set()
    products = Product.objects.filter(version_id=product_list_id(firm_id, on=on))
    for model, version in _models_in_force(firm_id, on=on):
        if version.weights.filter(security_id=security_id).exists():
            names.append(f"the model {model.name}")
            classes.update(products.filter(security_model=model).values_list("asset_class_id", flat=True))
    for product in products.filter(security_id=security_id).select_related("asset_class").order_by("pk"):
        names.append(f"the product of {product.asset_class.name}")
        classes.add(product.asset_class_id)
    return Uses(names=tuple(dict.fromkeys(names)), asset_class_ids=frozenset(classes))


def securities_named(firm_id: int, *, on: date) -> frozenset[int]:
    """Return the ids of all securities that the models in force on a day and the products name."""
    products = Product.objects.filter(version_id=product_list_id(firm_id, on=on), security__isnull=False)
    versions = [version.pk for _, version in _models_in_force(firm_id, on=on)]
    weights = SecurityModelWeight.objects.filter(version_id__in=versions)
    return frozenset(weights.values_list("security_id", flat=True)) | frozenset(
        products.values_list("security_id", flat=True)
    )


def _models_in_force(firm_id: int, *, on: date) -> Iterator[tuple[SecurityModel, SecurityModelVersion]]:
    for model in SecurityModel.objects.filter(firm_id=firm_id).order_by("name", "pk"):
        approved = model.versions.filter(status=VersionStatus.APPROVED, effective_on__lte=on)
        version = approved.order_by("-effective_on", "-number").first()
        if version is not None:
            yield model, version


def targets_of(firm_id: int, uses: Uses, *, on: date) -> tuple[int, ...]:
    """Return the accounts whose risk profile puts weight on a class that is filled by it."""
    profiles = []
    for profile in RiskProfile.objects.filter(firm_id=firm_id).order_by("pk"):
        approved = RiskProfileVersion.objects.filter(
            risk_profile=profile, status=VersionStatus.APPROVED, effective_on__lte=on
        )
        version = approved.order_by("-effective_on", "-number").first()
        if version is None:
            continue
        if version.weights.filter(asset_class_id__in=uses.asset_class_ids, weight_frac__gt=0).exists():
            profiles.append(profile.pk)
    accounts = Account.objects.filter(firm_id=firm_id, is_held_away=False, risk_profile_id__in=profiles)
    return tuple(accounts.order_by("pk").values_list("pk", flat=True))
