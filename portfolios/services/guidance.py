"""What the house view is about: classes, screens, identity groups, risk profiles. What it says is in versions."""

from datetime import datetime

from django.db import transaction

from advisors import audit, permissions
from advisors.errors import Conflict, Invalid
from advisors.models import Firm, Membership
from advisors.permissions import Capability
from portfolios.models.guidance import RiskProfile
from portfolios.models.securities import AssetClass, IdentityGroup, Screen


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


def _class_of(firm: Firm, key: str) -> AssetClass:
    found = AssetClass.objects.filter(firm=firm, key=key).first()
    if found is None:
        raise Invalid(f"There is no asset class with the key {key}.")
    return found
