"""The firm's house view in force on a day, read once for all accounts of a chunk."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portfolios.ledger.errors import BadInput
from portfolios.models.guidance import Product, RiskProfileWeight, SecurityModelWeight, Substitute
from portfolios.selectors.guidance_versions import (
    model_versions,
    product_list_id,
    profile_versions,
    substitute_list_id,
)
from rebalancing.engine.types import CASH, CASH_CLASS

WEIGHT_TOLERANCE = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassWeight:
    """One asset class of a risk profile: policy weight and compliant limits."""

    key: str
    name: str
    weight_frac: Decimal
    min_frac: Decimal
    max_frac: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductLine:
    """What fills a class: one security or one security model (the other is None)."""

    tax_status: str
    min_account_usd: Decimal
    security_id: int | None
    security_model_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstituteLine:
    security_id: int
    use_id: int
    hurdle_bps: Decimal
    is_hold_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """Profiles, products (by class key), security models (id to weights by security id), substitutes."""

    profiles: Mapping[int, tuple[ClassWeight, ...]]
    products: Mapping[str, tuple[ProductLine, ...]]
    models: Mapping[int, Mapping[int, Decimal]]
    substitutes: tuple[SubstituteLine, ...]

    def approved_for(self, target: Collection[int | str]) -> frozenset[int]:
        """Return what an account with this target may buy: the target itself and its substitutes, unless held only."""
        stand_ins = {line.use_id for line in self.substitutes if line.security_id in target and not line.is_hold_only}
        return frozenset(stand_ins | {key for key in target if isinstance(key, int)})

    def target_of(self, profile_id: int | None, *, tax_status: str, value_usd: Decimal) -> Mapping[int | str, float]:
        """
        Look a profile through its products to securities (by id) and CASH; the weights sum to 1.

        :raises BadInput: no profile, none in force, a class without product, a model without version
        """
        weights: dict[int | str, Decimal] = {}
        for line in self.profile_of(profile_id):
            if line.weight_frac == 0:
                continue
            for key, part in self._filling(line, tax_status=tax_status, value_usd=value_usd).items():
                weights[key] = weights.get(key, Decimal(0)) + line.weight_frac * part
        return {key: float(weight) for key, weight in weights.items()}

    def profile_of(self, profile_id: int | None) -> tuple[ClassWeight, ...]:
        """
        Return the weights of a profile in force.

        :raises BadInput: the account has no profile, or its profile has no version in force
        """
        if profile_id is None:
            raise BadInput("The account has no risk profile. Choose one on its page.")
        lines = self.profiles.get(profile_id)
        if not lines:
            raise BadInput("The risk profile of the account has no approved version in force.")
        total = sum((line.weight_frac for line in lines), Decimal(0))
        if abs(total - 1) > WEIGHT_TOLERANCE:
            raise BadInput(f"The weights of the risk profile sum to {total.normalize():f}, not to 1.")
        return lines

    def _filling(self, line: ClassWeight, *, tax_status: str, value_usd: Decimal) -> Mapping[int | str, Decimal]:
        if line.key == CASH_CLASS:
            return {CASH: Decimal(1)}
        fitting = [
            product
            for product in self.products.get(line.key, ())
            if product.tax_status in ("", tax_status) and product.min_account_usd <= value_usd
        ]
        if not fitting:
            raise BadInput(f"No product is approved for {line.name} in an account that is {tax_status}.")
        chosen = max(fitting, key=lambda product: (product.tax_status != "", product.min_account_usd))
        if chosen.security_id is not None:
            return {chosen.security_id: Decimal(1)}
        weights = self.models.get(chosen.security_model_id or 0)
        if not weights:
            raise BadInput(f"The security model that fills {line.name} has no approved version in force.")
        total = sum(weights.values(), Decimal(0))
        return {pk: weight / total for pk, weight in weights.items()}


def load_guidance(firm_id: int, *, as_of: date, change_id: int | None = None) -> Guidance:
    """Read what is in force, or what would be if a change were; eight queries."""
    return Guidance(
        profiles=_profiles(profile_versions(firm_id, on=as_of, change_id=change_id)),
        products=_products(product_list_id(firm_id, on=as_of, change_id=change_id)),
        models=_models(model_versions(firm_id, on=as_of, change_id=change_id)),
        substitutes=tuple(
            SubstituteLine(
                security_id=row.security_id, use_id=row.use_id, hurdle_bps=row.hurdle_bps, is_hold_only=row.is_hold_only
            )
            for row in Substitute.objects.filter(
                version_id=substitute_list_id(firm_id, on=as_of, change_id=change_id)
            ).order_by("security_id", "rank", "pk")
        ),
    )


def _profiles(version_of: Mapping[int, int]) -> Mapping[int, tuple[ClassWeight, ...]]:
    owner_of = {version_id: owner_id for owner_id, version_id in version_of.items()}
    found: dict[int, list[ClassWeight]] = {}
    rows = RiskProfileWeight.objects.filter(version_id__in=owner_of).select_related("asset_class")
    for row in rows.order_by("asset_class__position", "pk"):
        found.setdefault(owner_of[row.version_id], []).append(
            ClassWeight(
                key=row.asset_class.key,
                name=row.asset_class.name,
                weight_frac=row.weight_frac,
                min_frac=row.min_frac,
                max_frac=row.max_frac,
            )
        )
    return {owner_id: tuple(lines) for owner_id, lines in found.items()}


def _products(version_id: int | None) -> Mapping[str, tuple[ProductLine, ...]]:
    found: dict[str, list[ProductLine]] = {}
    for row in Product.objects.filter(version_id=version_id).select_related("asset_class").order_by("pk"):
        found.setdefault(row.asset_class.key, []).append(
            ProductLine(
                tax_status=row.tax_status,
                min_account_usd=row.min_account_usd,
                security_id=row.security_id,
                security_model_id=row.security_model_id,
            )
        )
    return {key: tuple(lines) for key, lines in found.items()}


def _models(version_of: Mapping[int, int]) -> Mapping[int, Mapping[int, Decimal]]:
    owner_of = {version_id: owner_id for owner_id, version_id in version_of.items()}
    found: dict[int, dict[int, Decimal]] = {}
    rows = SecurityModelWeight.objects.filter(version_id__in=owner_of).order_by("pk")
    for version_id, security_id, weight in rows.values_list("version_id", "security_id", "weight_frac"):
        found.setdefault(owner_of[version_id], {})[security_id] = weight
    return found
