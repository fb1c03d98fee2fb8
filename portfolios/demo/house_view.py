"""Make the demo firm's house view: what the security master needs before it comes in, and what needs the securities."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet

from advisors.models import Role
from portfolios.custodians.house_tables import ProductEntry
from portfolios.demo.guidance import (
    ASSET_CLASSES,
    IDENTITY_GROUPS,
    PROFILES,
    SCREENS,
    class_policies,
    product_choices,
)
from portfolios.demo.people import DemoFirm
from portfolios.models.guidance import HouseViewChange, Product, RiskProfile, RiskProfileWeight, VersionStatus
from portfolios.models.securities import AssetClass
from portfolios.selectors.guidance_versions import profile_versions
from portfolios.services import guidance
from portfolios.services.house_view import drafts, lifecycle

EFFECTIVE_ON: Final = date(2026, 1, 2)
AUTHOR: Final = "julian.frost"
APPROVER: Final = "amelia.strand"
NEXT_TITLE: Final = "Two points from US Large Cap to corporate bonds"
NEXT_WHY: Final = "Spreads have widened; large caps have run ahead of their earnings."
NEXT_PROFILE, NEXT_FROM, NEXT_TO, NEXT_FRAC = "balanced", "us_large", "corporate_bonds", Decimal("0.02")


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
    with _change(demo, "Risk profiles for 2026", on=EFFECTIVE_ON, now=now) as draft:
        for position, (key, name, percents) in enumerate(PROFILES):
            profile = guidance.create_risk_profile(cio, key=key, name=name, position=position, now=now)
            drafts.put_profile(
                demo.members[AUTHOR], draft(), profile_id=profile.pk, weights=_weights(percents), now=now
            )


def _weights(percents: tuple[int, ...]) -> list[drafts.ClassWeight]:
    return [
        drafts.ClassWeight(
            asset_class=policy.asset_class,
            weight_frac=policy.weight_frac,
            min_frac=policy.min_frac,
            max_frac=policy.max_frac,
        )
        for policy in class_policies(percents)
    ]


@contextmanager
def _change(demo: DemoFirm, title: str, *, on: date, now: datetime) -> Iterator[Callable[[], drafts.Draft]]:
    """Let one CIO draft a change, submit it, and the other approve it; yields how to name the draft as it stands."""
    author, approver = demo.members[AUTHOR], demo.members[APPROVER]
    change = lifecycle.open_change(author, title=title, why="The yearly review.", effective_on=on, now=now)

    def draft() -> drafts.Draft:
        change.refresh_from_db()
        return drafts.Draft(change_id=change.pk, revision=change.revision)

    yield draft
    lifecycle.submit_change(author, change_id=change.pk, revision=draft().revision, now=now)
    lifecycle.approve_change(approver, change_id=change.pk, now=now)


def make_products(demo: DemoFirm, *, now: datetime) -> None:
    """Approve what came in as files and say what fills each class."""
    if Product.objects.filter(version__firm=demo.firm).exists():
        return
    on = max((change.effective_on for change in _waiting(demo)), default=EFFECTIVE_ON)
    approve_what_waits(demo, now=now)
    entries = [
        ProductEntry(
            row=place,
            asset_class=choice.asset_class,
            tax_status=choice.tax_status,
            min_account_usd=choice.min_account_usd,
            use=choice.symbol or choice.model,
        )
        for place, choice in enumerate(product_choices(), start=1)
    ]
    with _change(demo, "Products for 2026", on=on, now=now) as draft:
        drafts.put_products(demo.members[AUTHOR], draft(), entries=entries, now=now)


def _waiting(demo: DemoFirm) -> QuerySet[HouseViewChange]:
    return HouseViewChange.objects.filter(firm=demo.firm, status=VersionStatus.SUBMITTED).order_by("pk")


def approve_what_waits(demo: DemoFirm, *, now: datetime) -> None:
    """Approve what files brought, as the second CIO."""
    for change in _waiting(demo):
        lifecycle.approve_change(demo.members[APPROVER], change_id=change.pk, now=now)


def propose_next_change(demo: DemoFirm, *, now: datetime) -> None:
    """Let one CIO submit a change that the other has not decided on yet: a little more in bonds from next month on."""
    firm, author = demo.firm, demo.members[AUTHOR]
    if firm.business_on is None or HouseViewChange.objects.filter(firm=firm, title=NEXT_TITLE).exists():
        return
    on = (firm.business_on.replace(day=1) + timedelta(days=32)).replace(day=1)
    change = lifecycle.open_change(author, title=NEXT_TITLE, why=NEXT_WHY, effective_on=on, now=now)
    profile = RiskProfile.objects.get(firm=firm, key=NEXT_PROFILE)
    rows = RiskProfileWeight.objects.filter(version_id=profile_versions(firm.pk, on=on)[profile.pk]).select_related(
        "asset_class"
    )
    moved = {NEXT_FROM: -NEXT_FRAC, NEXT_TO: NEXT_FRAC}
    weights = [
        drafts.ClassWeight(
            asset_class=row.asset_class.key,
            weight_frac=row.weight_frac + moved.get(row.asset_class.key, Decimal(0)),
            min_frac=row.min_frac,
            max_frac=row.max_frac,
        )
        for row in rows.order_by("asset_class__position", "pk")
    ]
    draft = drafts.Draft(change_id=change.pk, revision=change.revision)
    drafts.put_profile(author, draft, profile_id=profile.pk, weights=weights, now=now)
    change.refresh_from_db()
    lifecycle.submit_change(author, change_id=change.pk, revision=change.revision, now=now)
