"""Writes of the firm's house view: classes, profiles, products. One person makes a version, another approves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Max

from advisors import audit, permissions
from advisors.errors import Conflict, Invalid
from advisors.models import Firm, Membership
from advisors.permissions import Capability
from portfolios.models.guidance import (
    Product,
    RiskProfile,
    RiskProfileVersion,
    RiskProfileWeight,
    SecurityModel,
    SecurityModelVersion,
    Version,
    VersionStatus,
)
from portfolios.models.securities import AssetClass, IdentityGroup, Screen, Security

ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassWeight:
    """One asset class of a risk profile: policy weight and compliant limits, fractions of the account."""

    asset_class: str
    weight_frac: Decimal
    min_frac: Decimal
    max_frac: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProduct:
    """What fills a class for a tax status (blank: all) from an account value on: one security or one security model."""

    asset_class: str
    symbol: str = ""
    model: str = ""
    tax_status: str = ""
    min_account_usd: Decimal = Decimal(0)


@transaction.atomic
def create_asset_class(
    member: Membership, *, key: str, name: str, parent: str = "", position: int = 0, now: datetime
) -> AssetClass:
    """
    Add a node to the firm's tree of asset classes.

    :raises Conflict: the key is taken
    :raises Invalid: there is no such parent
    """
    permissions.check_can(member, Capability.EDIT_GUIDANCE)
    if AssetClass.objects.filter(firm=member.firm, key=key).exists():
        raise Conflict(f"There is already an asset class with the key {key}.")
    above = _class_of(member.firm, parent) if parent else None
    made = AssetClass.objects.create(firm=member.firm, key=key, name=name, parent=above, position=position)
    audit.record("asset_class.created", actor=member, subject=made, data={"key": key, "parent": parent}, now=now)
    return made


@transaction.atomic
def create_screen(member: Membership, *, key: str, name: str, now: datetime) -> Screen:
    """
    Add an empty screen; the security master says who is in it.

    :raises Conflict: the key is taken
    """
    permissions.check_can(member, Capability.EDIT_GUIDANCE)
    if Screen.objects.filter(firm=member.firm, key=key).exists():
        raise Conflict(f"There is already a screen with the key {key}.")
    made = Screen.objects.create(firm=member.firm, key=key, name=name)
    audit.record("screen.created", actor=member, subject=made, data={"key": key}, now=now)
    return made


@transaction.atomic
def create_identity_group(member: Membership, *, key: str, name: str, now: datetime) -> IdentityGroup:
    """
    Add a group of substantially identical securities; the security master says who is in it.

    :raises Conflict: the key is taken
    """
    permissions.check_can(member, Capability.EDIT_GUIDANCE)
    if IdentityGroup.objects.filter(firm=member.firm, key=key).exists():
        raise Conflict(f"There is already an identity group with the key {key}.")
    made = IdentityGroup.objects.create(firm=member.firm, key=key, name=name)
    audit.record("identity_group.created", actor=member, subject=made, data={"key": key}, now=now)
    return made


@transaction.atomic
def create_risk_profile(member: Membership, *, key: str, name: str, position: int = 0, now: datetime) -> RiskProfile:
    """
    Add a risk profile without any version yet.

    :raises Conflict: the key is taken
    """
    permissions.check_can(member, Capability.EDIT_GUIDANCE)
    if RiskProfile.objects.filter(firm=member.firm, key=key).exists():
        raise Conflict(f"There is already a risk profile with the key {key}.")
    made = RiskProfile.objects.create(firm=member.firm, key=key, name=name, position=position)
    audit.record("risk_profile.created", actor=member, subject=made, data={"key": key}, now=now)
    return made


@transaction.atomic
def submit_risk_profile_version(
    member: Membership, profile: RiskProfile, *, weights: Sequence[ClassWeight], effective_on: date, now: datetime
) -> RiskProfileVersion:
    """
    Submit the weights and limits of a profile from a date on; somebody else approves them.

    :raises Invalid: the weights do not sum to 1, a class is named twice, a limit does not hold its weight
    """
    permissions.check_can(member, Capability.EDIT_GUIDANCE)
    faults = tuple(_weight_faults(weights))
    if faults:
        raise Invalid(f"{profile.name} cannot be submitted: {faults[0]}", faults=faults)
    version = RiskProfileVersion.objects.create(
        risk_profile=profile,
        number=_next_number(RiskProfileVersion, risk_profile=profile),
        status=VersionStatus.SUBMITTED,
        effective_on=effective_on,
        author=member.user,
        created_at=now,
    )
    RiskProfileWeight.objects.bulk_create(
        RiskProfileWeight(
            version=version,
            asset_class=_class_of(member.firm, weight.asset_class),
            weight_frac=weight.weight_frac,
            min_frac=weight.min_frac,
            max_frac=weight.max_frac,
        )
        for weight in weights
    )
    facts = {"profile": profile.key, "number": version.number, "effective_on": effective_on}
    audit.record("risk_profile_version.submitted", actor=member, subject=version, data=facts, now=now)
    return version


def _weight_faults(weights: Sequence[ClassWeight]) -> list[str]:
    faults = []
    total = sum((weight.weight_frac for weight in weights), Decimal(0))
    if total != ONE:
        faults.append(f"the weights sum to {total}, they must sum to 1")
    keys = [weight.asset_class for weight in weights]
    faults += [f"{key} is named twice" for key in sorted({key for key in keys if keys.count(key) > 1})]
    faults += [
        f"the limits of {weight.asset_class}, {weight.min_frac} to {weight.max_frac}, do not hold {weight.weight_frac}"
        for weight in weights
        if not 0 <= weight.min_frac <= weight.weight_frac <= weight.max_frac <= 1
    ]
    return faults


@transaction.atomic
def approve_version(member: Membership, version: Version, *, now: datetime) -> None:
    """
    Approve a submitted version of a risk profile or a security model; it counts from its effective date on.

    :raises NotPermitted: the role does not approve, or the member is the author
    :raises Conflict: the version does not wait for approval any more
    """
    permissions.check_can(member, Capability.APPROVE_GUIDANCE)
    permissions.check_can_be_second_person(member, maker_id=version.author_id, what="this version")
    rows = type(version).objects.filter(pk=version.pk, status=VersionStatus.SUBMITTED)  # type: ignore[attr-defined]
    if not rows.update(status=VersionStatus.APPROVED, approved_by=member.user, approved_at=now):
        raise Conflict("This version does not wait for approval any more. Open it again to see what happened to it.")
    audit.record(f"{version._meta.model_name}.approved", actor=member, subject=version, now=now)


@transaction.atomic
def set_product(member: Membership, new: NewProduct, *, now: datetime) -> Product:
    """
    Say what fills an asset class for a tax status from an account value on.

    :raises Invalid: there is no such class, security or model, or not exactly one of the two is named
    """
    permissions.check_can(member, Capability.EDIT_GUIDANCE)
    if bool(new.symbol) == bool(new.model):
        raise Invalid("A product is one security or one security model.")
    security = Security.objects.filter(symbol=new.symbol).first() if new.symbol else None
    model = SecurityModel.objects.filter(firm=member.firm, key=new.model).first() if new.model else None
    if security is None and model is None:
        raise Invalid(f"There is no security or security model called {new.symbol or new.model}.")
    product, _ = Product.objects.update_or_create(
        firm=member.firm,
        asset_class=_class_of(member.firm, new.asset_class),
        tax_status=new.tax_status,
        min_account_usd=new.min_account_usd,
        defaults={"security": security, "security_model": model},
    )
    facts = {
        "asset_class": new.asset_class,
        "tax_status": new.tax_status,
        "from_usd": new.min_account_usd,
        "use": new.symbol or new.model,
    }
    audit.record("product.set", actor=member, subject=product, data=facts, now=now)
    return product


def waiting_model_versions(firm: Firm) -> tuple[SecurityModelVersion, ...]:
    """Return the versions of security models that wait for approval, oldest first."""
    return tuple(
        SecurityModelVersion.objects.filter(security_model__firm=firm, status=VersionStatus.SUBMITTED)
        .select_related("security_model")
        .order_by("pk")
    )


def _class_of(firm: Firm, key: str) -> AssetClass:
    found = AssetClass.objects.filter(firm=firm, key=key).first()
    if found is None:
        raise Invalid(f"There is no asset class with the key {key}.")
    return found


def _next_number(kind: type[RiskProfileVersion], **of: object) -> int:
    last: int | None = kind.objects.filter(**of).aggregate(last=Max("number"))["last"]
    return (last or 0) + 1
