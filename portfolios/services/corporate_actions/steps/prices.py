"""Prices: one of before the ex-date never meets units of after it. The history stays as it was traded."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet

from advisors.errors import Conflict
from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.models.market import ActionStatus, CorporateAction, Price
from portfolios.models.securities import Security
from portfolios.services.corporate_actions.steps.change import Change, Data, Setting, Step
from portfolios.services.corporate_actions.stored_terms import STEPS

PRICE_SOURCE: Final = "corporate action"
_BATCH: Final = 2000


def plan_prices(setting: Setting) -> Sequence[Change]:
    """Say which prices of the ex-date are written because nobody has stated one yet, and which history is taken on."""
    return [*_history(setting), *_ex_date_prices(setting)]


def _ex_date_prices(setting: Setting) -> Iterator[Change]:
    wanted: dict[str, Decimal] = {}
    if setting.before_usd is not None and setting.after_usd not in (None, setting.before_usd):
        wanted[setting.terms.security] = setting.after_usd
    for each in setting.terms.delivered:
        price = setting.before_usd if setting.terms.kind is ActionKind.SYMBOL_CHANGE else each.price_usd
        if price is not None and price > 0 and not _has_price_since_listing(each.security, setting):
            wanted[each.security] = price
    of_the_day = Price.objects.filter(priced_on=setting.on, security__symbol__in=wanted).exclude(source=PRICE_SOURCE)
    stated = set(of_the_day.values_list("security__symbol", flat=True))
    for symbol, price in wanted.items():
        if symbol not in stated:
            words = f"{symbol} is priced at ${price.normalize():,f} on {setting.on} until a price of that day arrives."
            yield Change(words=words, data={"symbol": symbol, "on": setting.on.isoformat(), "price_usd": str(price)})


def _has_price_since_listing(symbol: str, setting: Setting) -> bool:
    """Tell whether a delivered security was traded before: then its own last price is right, its units do not move."""
    return Price.objects.filter(security__symbol=symbol, priced_on__lt=setting.on).exists()


def _history(setting: Setting) -> Iterator[Change]:
    """Take the price history of the old symbol on to the new one, where that has none of its own."""
    if setting.terms.kind is not ActionKind.SYMBOL_CHANGE:
        return
    for each in setting.terms.delivered:
        count = Price.objects.filter(security__symbol=setting.terms.security, priced_on__lt=setting.on).count()
        if count and not _has_price_since_listing(each.security, setting):
            yield Change(
                words=f"{each.security} takes on the {count:,} prices of {setting.terms.security} as they were traded.",
                data={
                    "copy_from": setting.terms.security,
                    "symbol": each.security,
                    "before_on": setting.on.isoformat(),
                },
            )


def make_price(setting: Setting, change: Change) -> Data:
    """Write the price, or copy the history."""
    security = Security.objects.get(symbol=change.data["symbol"])
    if "copy_from" in change.data:
        old = Price.objects.filter(security__symbol=change.data["copy_from"], priced_on__lt=setting.on)
        Price.objects.bulk_create(
            [
                Price(security=security, priced_on=day, price_usd=price, source=PRICE_SOURCE)
                for day, price in old.order_by("priced_on").values_list("priced_on", "price_usd")
            ],
            batch_size=_BATCH,
            ignore_conflicts=True,
        )
        return change.data
    price_usd = Decimal(str(change.data["price_usd"]))
    row, is_new = Price.objects.get_or_create(
        security=security, priced_on=setting.on, defaults={"price_usd": price_usd, "source": PRICE_SOURCE}
    )
    left_usd = price_left_by(_applied_that_day(setting.action), symbol=security.symbol)
    if is_new or row.source != PRICE_SOURCE or left_usd is None or row.price_usd != left_usd:
        return change.data  # of other actions than this firm's earlier ones of the day nothing is known here
    Price.objects.filter(pk=row.pk).update(price_usd=price_usd)
    return {**change.data, "was_usd": str(row.price_usd)}


def price_before(action: CorporateAction) -> Decimal | None:
    """Return the price that an action starts from: what the firm's earlier one of the day left, else the last one."""
    left_usd = price_left_by(_applied_that_day(action), symbol=action.security.symbol)
    if left_usd is not None:
        return left_usd
    last = Price.objects.filter(security=action.security, priced_on__lt=action.effective_on).order_by("-priced_on")
    return last.values_list("price_usd", flat=True).first()


def price_left_by(actions: Iterable[CorporateAction], *, symbol: str) -> Decimal | None:
    """Return the price of a security that the last of applied actions wrote; None where none wrote any."""
    left_usd = None
    for action in actions:
        for step in action.done.get(STEPS, []):
            data = step["data"]
            if step["step"] == PRICES.name and data.get("symbol") == symbol and "price_usd" in data:
                left_usd = Decimal(str(data["price_usd"]))
    return left_usd


def _applied_that_day(action: CorporateAction) -> QuerySet[CorporateAction]:
    """Return the firm's other applied actions of the same day, in the order in which they were applied."""
    same_day = CorporateAction.objects.filter(
        firm=action.firm_id, effective_on=action.effective_on, status=ActionStatus.APPLIED
    )
    return same_day.exclude(pk=action.pk).order_by("applied_at", "pk")


def undo_price(setting: Setting, data: Data) -> None:
    """
    Take the written prices back, unless another firm's same action needs them; a stated one has replaced ours.

    :raises Conflict: a later action of the day made its price of this one
    """
    others = CorporateAction.objects.filter(
        security=setting.action.security,
        kind=setting.action.kind,
        effective_on=setting.on,
        status=ActionStatus.APPLIED,
    )
    if others.exclude(firm=setting.firm).exists():
        return
    ours = Price.objects.filter(security__symbol=data["symbol"], source=PRICE_SOURCE)
    if "copy_from" in data:
        ours.filter(priced_on__lt=setting.on).delete()
        return
    ours = ours.filter(priced_on=setting.on)
    if not ours.exists():
        return
    _check_is_last(setting, str(data["symbol"]))
    if "was_usd" in data:
        ours.update(price_usd=Decimal(str(data["was_usd"])))
    else:
        ours.delete()


def _check_is_last(setting: Setting, symbol: str) -> None:
    """Refuse where a later action of the firm on the same day started from the price that is taken back."""
    own = setting.action
    for other in _applied_that_day(own).select_related("security"):
        is_later = (other.applied_at, other.pk) > (own.applied_at, own.pk)
        if is_later and price_left_by([other], symbol=symbol) is not None:
            raise Conflict(
                f"The {other.get_kind_display().lower()} of {other.security.symbol} of the same day was applied after "
                f"it and goes on from its price. Reverse that one first."
            )


PRICES: Final = Step(name="prices", plan=plan_prices, make=make_price, undo=undo_price)
