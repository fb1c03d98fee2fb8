"""Lists of the house view in force, made by hand: what fills a class, and what may stand in for what."""

from datetime import date
from decimal import Decimal
from typing import Any

from advisors.models import Firm
from portfolios.models.guidance import (
    Product,
    ProductListVersion,
    Substitute,
    SubstituteListVersion,
    VersionStatus,
)
from portfolios.models.securities import Security
from portfolios.selectors.guidance_versions import product_list_id, substitute_list_id
from tests.factories import BUSINESS_ON, NOW, UserFactory

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
