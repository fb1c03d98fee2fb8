"""The last price of each security as of a day."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import OuterRef, Subquery

from portfolios.models.market import Price
from portfolios.models.securities import Security


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPrice:
    price_usd: Decimal
    priced_on: date


def last_prices(security_ids: Collection[int], *, as_of: date) -> Mapping[int, LastPrice]:
    """Return the newest price not after the day, by security; one without any is missing from the answer."""
    newest = Price.objects.filter(security=OuterRef("pk"), priced_on__lte=as_of).order_by("-priced_on")
    priced = Security.objects.filter(pk__in=security_ids).values_list(
        "pk", Subquery(newest.values("price_usd")[:1]), Subquery(newest.values("priced_on")[:1])
    )
    return {
        key: LastPrice(price_usd=price_usd, priced_on=priced_on)
        for key, price_usd, priced_on in priced
        if price_usd is not None and priced_on is not None
    }
