"""Which version of each piece of guidance is in force on a day, and the rows of the firm's two lists as values."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from django.db.models import Q

from advisors.models import Firm
from portfolios.models.guidance import (
    DefaultsVersion,
    Product,
    ProductListVersion,
    RiskProfileVersion,
    SecurityModelVersion,
    Substitute,
    SubstituteListVersion,
    Version,
    VersionStatus,
)
from portfolios.policy import SettingValue

V = TypeVar("V", bound=Version)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow:
    """What fills a class for a tax status (blank: all) from an account value on: one security or one model."""

    asset_class_id: int
    tax_status: str = ""
    min_account_usd: Decimal = Decimal(0)
    security_id: int | None = None
    security_model_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstituteRow:
    """`use` may stand in for `security`; the lowest rank is tried first."""

    security_id: int
    use_id: int
    rank: int = 1
    hurdle_bps: Decimal = Decimal(0)
    is_hold_only: bool = False


def counting(on: date, *, change_id: int | None = None) -> Q:
    """Return the condition of versions that count on a day; those of a draft change count as if it were in force."""
    approved = Q(status=VersionStatus.APPROVED, effective_on__lte=on)
    return approved if change_id is None else approved | Q(change_id=change_id)


def strongest_by_owner(
    kind: type[V], owner: str, *, firm_id: int, on: date, change_id: int | None = None
) -> Mapping[int, int]:
    """
    Return the id of the version in force of each owner: of the change, else the latest effective, the highest number.

    `owner` is the column that the versions of `kind` belong to: `risk_profile`, `security_model` or `firm`.
    """
    of_firm = {"firm_id" if owner == "firm" else f"{owner}__firm_id": firm_id}
    rows = kind._default_manager.filter(counting(on, change_id=change_id), **of_firm)
    found: dict[int, tuple[tuple[bool, date, int], int]] = {}
    for owner_id, change, effective_on, number, pk in rows.values_list(
        f"{owner}_id", "change_id", "effective_on", "number", "pk"
    ):
        strength = (change_id is not None and change == change_id, effective_on, number)
        if owner_id not in found or strength > found[owner_id][0]:
            found[owner_id] = (strength, pk)
    return {owner_id: pk for owner_id, (_, pk) in found.items()}


def profile_versions(firm_id: int, *, on: date, change_id: int | None = None) -> Mapping[int, int]:
    """Return the version in force of each risk profile, by its id."""
    return strongest_by_owner(RiskProfileVersion, "risk_profile", firm_id=firm_id, on=on, change_id=change_id)


def model_versions(firm_id: int, *, on: date, change_id: int | None = None) -> Mapping[int, int]:
    """Return the version in force of each security model, by its id."""
    return strongest_by_owner(SecurityModelVersion, "security_model", firm_id=firm_id, on=on, change_id=change_id)


def product_list_id(firm_id: int, *, on: date, change_id: int | None = None) -> int | None:
    """Return the list of products in force, None before the first."""
    return strongest_by_owner(ProductListVersion, "firm", firm_id=firm_id, on=on, change_id=change_id).get(firm_id)


def substitute_list_id(firm_id: int, *, on: date, change_id: int | None = None) -> int | None:
    """Return the list of substitutes in force, None before the first."""
    return strongest_by_owner(SubstituteListVersion, "firm", firm_id=firm_id, on=on, change_id=change_id).get(firm_id)


def firm_defaults(
    firm_ids: Collection[int], *, on: date, change_id: int | None = None
) -> Mapping[int, Mapping[str, SettingValue]]:
    """Return what each firm lets settings be where nobody chose anything, beyond Trimtab's own; two queries."""
    found: dict[int, Mapping[str, SettingValue]] = dict(
        Firm.objects.filter(pk__in=firm_ids).values_list("pk", "defaults")
    )
    rows = DefaultsVersion.objects.filter(counting(on, change_id=change_id), firm_id__in=firm_ids)
    ordered = sorted(rows, key=lambda row: (change_id is not None and row.change_id == change_id, _age(row)))
    return found | {row.firm_id: row.values for row in ordered}


def _age(version: Version) -> tuple[date, int]:
    return (version.effective_on, version.number)


def product_rows(version_id: int | None) -> tuple[ProductRow, ...]:
    """Return the rows of a list of products in the order of the firm's classes; none for no list."""
    rows = Product.objects.filter(version_id=version_id).order_by(
        "asset_class__position", "tax_status", "min_account_usd", "pk"
    )
    return tuple(
        ProductRow(
            asset_class_id=row.asset_class_id,
            tax_status=row.tax_status,
            min_account_usd=row.min_account_usd,
            security_id=row.security_id,
            security_model_id=row.security_model_id,
        )
        for row in rows
    )


def substitute_rows(version_id: int | None) -> tuple[SubstituteRow, ...]:
    """Return the rows of a list of substitutes, the first rank of each security first; none for no list."""
    rows = Substitute.objects.filter(version_id=version_id).order_by("security__symbol", "rank", "use__symbol", "pk")
    return tuple(
        SubstituteRow(
            security_id=row.security_id,
            use_id=row.use_id,
            rank=row.rank,
            hurdle_bps=row.hurdle_bps,
            is_hold_only=row.is_hold_only,
        )
        for row in rows
    )
