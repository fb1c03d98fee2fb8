"""The only writer of versions of guidance: rows in, one more numbered version out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from django.db.models import Max

from advisors.models import Firm, User
from portfolios.models.guidance import (
    DefaultsVersion,
    HouseViewChange,
    Product,
    ProductListVersion,
    RiskProfile,
    RiskProfileVersion,
    RiskProfileWeight,
    SecurityModel,
    SecurityModelVersion,
    SecurityModelWeight,
    Substitute,
    SubstituteListVersion,
    Version,
    VersionStatus,
)
from portfolios.policy import SettingValue
from portfolios.selectors.guidance_versions import ProductRow, SubstituteRow

V = TypeVar("V", bound=Version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """
    Who answers for a new version, and from when on it counts.

    Of a change the version has its status; without one it is approved at once by `approver`.
    """

    effective_on: date
    author: User
    now: datetime
    change: HouseViewChange | None = None
    approver: User | None = None

    def columns(self) -> dict[str, object]:
        """Return the columns that every kind of version has, but its number."""
        is_approved = self.change is None
        return {
            "change": self.change,
            "status": VersionStatus.APPROVED if self.change is None else self.change.status,
            "effective_on": self.effective_on,
            "author": self.author,
            "created_at": self.now,
            "approved_by": self.approver if is_approved else None,
            "approved_at": self.now if is_approved else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRow:
    """One asset class of a risk profile: policy weight and compliant limits, fractions of the account."""

    asset_class_id: int
    weight_frac: Decimal
    min_frac: Decimal
    max_frac: Decimal


def add_profile_version(profile: RiskProfile, rows: Iterable[WeightRow], *, stamp: Stamp) -> RiskProfileVersion:
    """Add a version of a risk profile; in a change it takes the place of what the change said of it before."""
    version = add_version(RiskProfileVersion, stamp, risk_profile=profile)
    RiskProfileWeight.objects.bulk_create(
        RiskProfileWeight(
            version=version,
            asset_class_id=row.asset_class_id,
            weight_frac=row.weight_frac,
            min_frac=row.min_frac,
            max_frac=row.max_frac,
        )
        for row in rows
    )
    return version


def add_model_version(model: SecurityModel, weights: Mapping[int, Decimal], *, stamp: Stamp) -> SecurityModelVersion:
    """Add a version of a security model, its weights by the id of the security."""
    version = add_version(SecurityModelVersion, stamp, security_model=model)
    SecurityModelWeight.objects.bulk_create(
        SecurityModelWeight(version=version, security_id=key, weight_frac=weight) for key, weight in weights.items()
    )
    return version


def add_product_list(firm: Firm, rows: Iterable[ProductRow], *, stamp: Stamp) -> ProductListVersion:
    """Add a version of the list of products."""
    version = add_version(ProductListVersion, stamp, firm=firm)
    Product.objects.bulk_create(
        Product(
            version=version,
            asset_class_id=row.asset_class_id,
            tax_status=row.tax_status,
            min_account_usd=row.min_account_usd,
            security_id=row.security_id,
            security_model_id=row.security_model_id,
        )
        for row in rows
    )
    return version


def add_substitute_list(firm: Firm, rows: Iterable[SubstituteRow], *, stamp: Stamp) -> SubstituteListVersion:
    """Add a version of the list of substitutes."""
    version = add_version(SubstituteListVersion, stamp, firm=firm)
    Substitute.objects.bulk_create(
        Substitute(
            version=version,
            security_id=row.security_id,
            use_id=row.use_id,
            rank=row.rank,
            hurdle_bps=row.hurdle_bps,
            is_hold_only=row.is_hold_only,
        )
        for row in rows
    )
    return version


def add_defaults(firm: Firm, values: Mapping[str, SettingValue], *, stamp: Stamp) -> DefaultsVersion:
    """Add a version of the firm's defaults, only what differs from Trimtab's own."""
    version = add_version(DefaultsVersion, stamp, firm=firm)
    version.values = dict(values)
    version.save(update_fields=["values"])
    return version


def add_version(kind: type[V], stamp: Stamp, **owner: object) -> V:
    """Add an empty version; in a change it takes the place of what the change said before."""
    versions = kind._default_manager
    if stamp.change is not None:  # a draft says one thing of each piece of guidance
        versions.filter(change=stamp.change, **owner).delete()
    last: int | None = versions.filter(**owner).aggregate(last=Max("number"))["last"]
    return versions.create(number=(last or 0) + 1, **stamp.columns(), **owner)
