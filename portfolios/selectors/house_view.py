"""The house view as a whole on a day, with or without a change that is not approved yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portfolios.models.guidance import RiskProfile, RiskProfileWeight, SecurityModel, SecurityModelWeight
from portfolios.models.securities import AssetClass, FirmSecurity, Security
from portfolios.selectors.guidance_versions import (
    ProductRow,
    SubstituteRow,
    model_versions,
    product_list_id,
    product_rows,
    profile_versions,
    substitute_list_id,
    substitute_rows,
)

CASH_CLASS = "cash"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassNode:
    """A class of the firm's tree."""

    id: int
    key: str
    name: str
    parent_id: int | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLine:
    """One class of a risk profile: policy weight and compliant limits, fractions of the account."""

    asset_class_id: int
    weight_frac: Decimal
    min_frac: Decimal
    max_frac: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmSecurityLine:
    """What the firm says of a security."""

    id: int
    symbol: str
    name: str
    asset_class_id: int | None
    is_buyable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseView:
    """
    Everything of the house view that counts on a day: profiles and models by id, both lists, and what they name.

    `profiles` and `models` map an id to its lines in force, none where nothing is; names are of all.
    """

    on: date
    classes: Mapping[int, ClassNode]
    profile_names: Mapping[int, str]
    profiles: Mapping[int, tuple[ClassLine, ...]]
    model_names: Mapping[int, str]
    model_keys: Mapping[int, str]
    models: Mapping[int, Mapping[int, Decimal]]
    products: tuple[ProductRow, ...]
    substitutes: tuple[SubstituteRow, ...]
    securities: Mapping[int, FirmSecurityLine]

    def symbol(self, security_id: int) -> str:
        """Return the symbol of a security that the house view names."""
        return self.securities[security_id].symbol


def house_view(firm_id: int, *, on: date, change_id: int | None = None) -> HouseView:
    """Read the house view of a day; what a change says lies over what is in force. A dozen queries."""
    profiles = _profile_lines(profile_versions(firm_id, on=on, change_id=change_id))
    models = _model_weights(model_versions(firm_id, on=on, change_id=change_id))
    products = product_rows(product_list_id(firm_id, on=on, change_id=change_id))
    substitutes = substitute_rows(substitute_list_id(firm_id, on=on, change_id=change_id))
    named = {key for weights in models.values() for key in weights}
    named |= {row.security_id for row in products if row.security_id is not None}
    named |= {key for row in substitutes for key in (row.security_id, row.use_id)}
    return HouseView(
        on=on,
        classes=classes_of(firm_id),
        profile_names=dict(
            RiskProfile.objects.filter(firm_id=firm_id).order_by("position", "pk").values_list("pk", "name")
        ),
        profiles=profiles,
        model_names=dict(
            SecurityModel.objects.filter(firm_id=firm_id).order_by("name", "pk").values_list("pk", "name")
        ),
        model_keys=dict(SecurityModel.objects.filter(firm_id=firm_id).values_list("pk", "key")),
        models=models,
        products=products,
        substitutes=substitutes,
        securities=firm_securities(firm_id, named),
    )


def classes_of(firm_id: int) -> Mapping[int, ClassNode]:
    """Return the firm's asset classes in their standing order."""
    rows = AssetClass.objects.filter(firm_id=firm_id).order_by("position", "pk")
    return {
        row.pk: ClassNode(id=row.pk, key=row.key, name=row.name, parent_id=row.parent_id, position=row.position)
        for row in rows
    }


def firm_securities(firm_id: int, security_ids: set[int]) -> Mapping[int, FirmSecurityLine]:
    """Return what the firm says of some securities; one that it never classified is not buyable."""
    said = {row.security_id: row for row in FirmSecurity.objects.filter(firm_id=firm_id, security_id__in=security_ids)}
    return {
        row.pk: FirmSecurityLine(
            id=row.pk,
            symbol=row.symbol,
            name=row.name,
            asset_class_id=said[row.pk].asset_class_id if row.pk in said else None,
            is_buyable=row.pk in said and said[row.pk].is_buyable,
        )
        for row in Security.objects.filter(pk__in=security_ids).order_by("symbol")
    }


def _profile_lines(version_of: Mapping[int, int]) -> Mapping[int, tuple[ClassLine, ...]]:
    owner_of = {version: owner for owner, version in version_of.items()}
    found: dict[int, list[ClassLine]] = {}
    rows = RiskProfileWeight.objects.filter(version_id__in=owner_of).order_by("asset_class__position", "pk")
    for row in rows:
        found.setdefault(owner_of[row.version_id], []).append(
            ClassLine(
                asset_class_id=row.asset_class_id,
                weight_frac=row.weight_frac,
                min_frac=row.min_frac,
                max_frac=row.max_frac,
            )
        )
    return {owner: tuple(lines) for owner, lines in found.items()}


def _model_weights(version_of: Mapping[int, int]) -> Mapping[int, Mapping[int, Decimal]]:
    owner_of = {version: owner for owner, version in version_of.items()}
    found: dict[int, dict[int, Decimal]] = {}
    rows = SecurityModelWeight.objects.filter(version_id__in=owner_of).order_by(
        "-weight_frac", "security__symbol", "pk"
    )
    for version_id, security_id, weight in rows.values_list("version_id", "security_id", "weight_frac"):
        found.setdefault(owner_of[version_id], {})[security_id] = weight
    return found
