"""The house view made by hand: lists in force (what fills a class, what stands in for what), and drafts of a change."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from advisors.models import Firm, Membership
from portfolios.models.guidance import (
    HouseViewChange,
    Product,
    ProductListVersion,
    Substitute,
    SubstituteListVersion,
    VersionStatus,
)
from portfolios.models.securities import Security
from portfolios.selectors.guidance_versions import product_list_id, substitute_list_id
from portfolios.services.house_view import drafts, lifecycle
from tests.factories import BUSINESS_ON, NOW, UserFactory

if TYPE_CHECKING:
    from tests.firms import Desk

SINCE = date(2020, 1, 2)


def add_product(firm: Firm, **fields: Any) -> Product:
    """Put one more row into the firm's first list of products, approved long ago."""
    return Product.objects.create(version=_list(ProductListVersion, firm), **fields)


def add_substitute(firm: Firm, security: Security, use: Security, **fields: Any) -> Substitute:
    """Put one more row into the firm's first list of substitutes, approved long ago."""
    return Substitute.objects.create(version=_list(SubstituteListVersion, firm), security=security, use=use, **fields)


def _list(kind: Any, firm: Firm) -> Any:
    found = kind.objects.filter(firm=firm, number=1).first()
    if found is not None:
        return found
    author, approver = UserFactory.create(), UserFactory.create()
    return kind.objects.create(
        firm=firm,
        number=1,
        status=VersionStatus.APPROVED,
        effective_on=SINCE,
        author=author,
        created_at=NOW,
        approved_by=approver,
        approved_at=NOW,
    )


def products_in_force(firm: Firm, on: date = BUSINESS_ON) -> list[tuple[str, str | None]]:
    """Return the classes by key, each with the symbol that fills it."""
    rows = Product.objects.filter(version_id=product_list_id(firm.pk, on=on))
    return sorted(rows.values_list("asset_class__key", "security__symbol"), key=str)


def substitutes_in_force(firm: Firm, on: date = BUSINESS_ON) -> list[tuple[str, str, int, Decimal]]:
    """Return the rows of the list of substitutes: security, stand-in, rank, hurdle."""
    rows = Substitute.objects.filter(version_id=substitute_list_id(firm.pk, on=on))
    return sorted(rows.values_list("security__symbol", "use__symbol", "rank", "hurdle_bps"))


def opened(author: Membership, **said: object) -> HouseViewChange:
    """Open a draft in force from the business date on, unless told otherwise."""
    details = {"title": "More bonds", "why": "Rates fell.", "effective_on": BUSINESS_ON, **said}
    return lifecycle.open_change(author, now=NOW, **details)  # type: ignore[arg-type]


def seen(change: HouseViewChange) -> drafts.Draft:
    """Return the draft as somebody has it before their eyes who just looked."""
    change.refresh_from_db()
    return drafts.Draft(change_id=change.pk, revision=change.revision)


def weight(key: str, percent: str, least: str, most: str) -> drafts.ClassWeight:
    """Return a class with weight and limits in per cent."""
    weight_frac, min_frac, max_frac = (Decimal(number) / 100 for number in (percent, least, most))
    return drafts.ClassWeight(asset_class=key, weight_frac=weight_frac, min_frac=min_frac, max_frac=max_frac)


MORE_BONDS = (weight("us_large", "38", "28", "48"), weight("bonds", "60", "50", "70"), weight("cash", "2", "0", "10"))


def put_bonds(author: Membership, change: HouseViewChange, desk: "Desk") -> None:
    """Let the draft say that 60 % are bonds."""
    drafts.put_profile(author, seen(change), profile_id=desk.profile.pk, weights=MORE_BONDS, now=NOW)


def submit(author: Membership, change: HouseViewChange) -> None:
    """Hand the draft to whoever approves it."""
    lifecycle.submit_change(author, change_id=change.pk, revision=seen(change).revision, now=NOW)
