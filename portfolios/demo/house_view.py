"""Make the demo firm's house view: what the security master needs before it comes in, and what needs the securities."""

from datetime import date, datetime

from advisors.models import Role
from portfolios.demo.guidance import (
    ASSET_CLASSES,
    IDENTITY_GROUPS,
    PROFILES,
    SCREENS,
    class_policies,
    product_choices,
)
from portfolios.demo.people import DemoFirm
from portfolios.models.guidance import Product, RiskProfile
from portfolios.models.securities import AssetClass
from portfolios.services import guidance

EFFECTIVE_ON = date(2026, 1, 2)


def make_classes_and_profiles(demo: DemoFirm, *, now: datetime) -> None:
    """Make asset classes, screens, identity groups and risk profiles: one CIO writes them, the other approves."""
    cio = demo.with_role(Role.CIO)
    if AssetClass.objects.filter(firm=demo.firm).exists():
        return
    for position, (key, name, parent) in enumerate(ASSET_CLASSES):
        guidance.create_asset_class(cio, key=key, name=name, parent=parent, position=position, now=now)
    for key, name in SCREENS:
        guidance.create_screen(cio, key=key, name=name, now=now)
    for key, name in IDENTITY_GROUPS:
        guidance.create_identity_group(cio, key=key, name=name, now=now)
    for position, (key, name, percents) in enumerate(PROFILES):
        profile = guidance.create_risk_profile(cio, key=key, name=name, position=position, now=now)
        _make_version(demo, profile, percents, now=now)


def _make_version(demo: DemoFirm, profile: RiskProfile, percents: tuple[int, ...], *, now: datetime) -> None:
    weights = [
        guidance.ClassWeight(
            asset_class=policy.asset_class,
            weight_frac=policy.weight_frac,
            min_frac=policy.min_frac,
            max_frac=policy.max_frac,
        )
        for policy in class_policies(percents)
    ]
    author, approver = demo.members["julian.frost"], demo.members["amelia.strand"]
    version = guidance.submit_risk_profile_version(author, profile, weights=weights, effective_on=EFFECTIVE_ON, now=now)
    guidance.approve_version(approver, version, now=now)


def make_products(demo: DemoFirm, *, now: datetime) -> None:
    """Approve the security models that came in as files and say what fills each class."""
    if Product.objects.filter(firm=demo.firm).exists():
        return
    for version in guidance.waiting_model_versions(demo.firm):
        guidance.approve_version(demo.members["amelia.strand"], version, now=now)
    for choice in product_choices():
        new = guidance.NewProduct(
            asset_class=choice.asset_class,
            symbol=choice.symbol,
            model=choice.model,
            tax_status=choice.tax_status,
            min_account_usd=choice.min_account_usd,
        )
        guidance.set_product(demo.members["julian.frost"], new, now=now)
