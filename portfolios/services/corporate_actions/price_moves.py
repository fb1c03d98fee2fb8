"""Whether the prices that others state have moved by the ratio of an action."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.models.market import ActionStatus, CorporateAction, Price
from portfolios.services.corporate_actions.steps.prices import PRICE_SOURCE
from portfolios.services.corporate_actions.term_facts import RATIO_KINDS, is_ratio_kind

NEAR: Final = timedelta(days=10)  # prices of so many days around an ex-date speak of it alone
TELLING: Final = Decimal("1.2")  # a price that moves by less in a day may have done so by itself
_EARLY: Final = timedelta(days=3)  # a price that moves before the ex-date does so at most a weekend before


def price_moved(action: CorporateAction, terms: ActionTerms, *, on: date) -> bool | None:
    """
    Tell whether stated prices have moved by the ratio since the eve of the ex-date; None where they cannot tell.

    Prices that an action wrote itself are no evidence. The newest price of the days after the ex-date decides, and
    one that moves later still counts. Before the ex-date the two newest prices are compared.
    """
    if not is_ratio_kind(terms) or terms.ratio is None or 1 / TELLING < terms.ratio < TELLING:
        return None
    stated = Price.objects.filter(security__symbol=terms.security, priced_on__lte=on).exclude(source=PRICE_SOURCE)
    newest = stated.order_by("-priced_on").first()
    if newest is None:
        return None
    day = min(terms.effective_on, newest.priced_on)
    before = stated.filter(priced_on__lt=day).order_by("-priced_on")
    if newest.priced_on < terms.effective_on <= on or (was := before.first()) is None:
        return None
    near = stated.filter(priced_on__range=(day, day + NEAR)).order_by("-priced_on").first() or newest
    becomes = {near.price_usd, newest.price_usd}
    if any(_is_nearer(was.price_usd, each, terms.ratio) for each in becomes):
        return True
    earlier = before.filter(priced_on__lt=day - _EARLY).first()
    if earlier is None or not any(_is_nearer(earlier.price_usd, each, terms.ratio) for each in becomes):
        return False
    return not _is_explained_before(action, day)


def _is_explained_before(action: CorporateAction, day: date) -> bool:
    """Tell whether another ratio of the same security stands in the days before: then the early move is its own."""
    others = CorporateAction.objects.filter(
        firm_id=action.firm_id,
        security_id=action.security_id,
        kind__in=RATIO_KINDS,
        effective_on__range=(day - NEAR, day),
        status__in=[ActionStatus.ANNOUNCED, ActionStatus.CONFIRMED, ActionStatus.APPLIED],
    )
    return others.exclude(pk=action.pk).exists()


def _is_nearer(was: Decimal, becomes: Decimal, ratio: Decimal) -> bool:
    """Tell whether a price is nearer to the one before over the ratio than to the one before."""
    moved, stayed = becomes * ratio / was, becomes / was
    return max(moved, 1 / moved) < max(stayed, 1 / stayed)
