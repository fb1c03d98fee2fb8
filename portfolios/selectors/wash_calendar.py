"""The wash-sale calendar of tax households: what was bought and what was sold at a loss, and when it is safe again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from portfolios.ledger.types import PURCHASE_KINDS
from portfolios.ledger.wash_sales import WINDOW_DAYS, RecentTrade, Side, group_windows, safe_to_sell_on
from portfolios.models.households import Account, TaxStatus
from portfolios.models.lots import LedgerEvent, Lot, OutsideTrade, RealizedGain, WashMatch
from portfolios.models.securities import FirmSecurity, GroupLevel

_ZERO = Decimal(0)
_OF_ACCOUNT = ("account_id", "account__tax_household_id", "security_id", "security__symbol")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedTrade:
    """One purchase or loss sale inside the window, and in which account."""

    account_name: str
    symbol: str
    traded_on: date
    units: Decimal
    loss_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WashRow:
    """
    One identity group of a tax household with trades in the last 30 days.

    `buy_on` is the first day on which a purchase washes nothing, `sell_on` the first on which a loss sale is not
    washed by a purchase already made; None where nothing bars it.
    """

    group: str
    symbols: tuple[str, ...]
    purchases: tuple[DatedTrade, ...]
    loss_sales: tuple[DatedTrade, ...]
    buy_on: date | None
    sell_on: date | None

    @property
    def lasts_until(self) -> date:
        """Return the later of the two days, by which the row is sorted."""
        return max(day for day in (self.buy_on, self.sell_on, date.min) if day)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A trade before its identity group is known."""

    tax_household_id: int
    account_id: int
    security_id: int
    symbol: str
    traded_on: date
    side: Side
    units: Decimal
    loss_usd: Decimal


def wash_calendars(
    tax_household_ids: Collection[int], *, firm_id: int, as_of: date
) -> Mapping[int, tuple[WashRow, ...]]:
    """Return the calendar of each tax household, what lasts longest first; seven queries."""
    first = as_of - timedelta(days=WINDOW_DAYS)
    sources = (_journal, _lots, _losses, _outside)
    seen = _unused(
        _summed(*(source(tax_household_ids, (first, as_of)) for source in sources)), used_units(tax_household_ids)
    )
    groups = _groups_of({one.security_id for one in seen}, firm_id=firm_id)
    by_household: dict[int, list[_Seen]] = defaultdict(list)
    for one in seen:
        by_household[one.tax_household_id].append(one)
    names = _names_of({one.account_id for one in seen})
    return {pk: _calendar(by_household[pk], groups, names, as_of=as_of) for pk in tax_household_ids}


Purchase = tuple[int, int, date]  # account, security, day


def used_units(tax_household_ids: Collection[int]) -> Mapping[Purchase, Decimal]:
    """Return how many units of purchases have replaced a loss already: one share washes one loss."""
    used: dict[Purchase, Decimal] = defaultdict(Decimal)
    rows = WashMatch.objects.filter(account__tax_household_id__in=tax_household_ids)
    for account_id, security_id, day, units in rows.values_list("account_id", "security_id", "bought_on", "units"):
        used[account_id, security_id, day] += units
    return used


def _unused(seen: Iterable[_Seen], used: Mapping[Purchase, Decimal]) -> list[_Seen]:
    """Take from purchases what is used up as a replacement."""
    left = []
    for one in seen:
        gone = used.get((one.account_id, one.security_id, one.traded_on), _ZERO) if one.side is Side.BUY else _ZERO
        if one.units > gone:
            left.append(replace(one, units=one.units - gone) if gone else one)
    return left


def _names_of(account_ids: Collection[int]) -> Mapping[int, str]:
    rows = Account.objects.filter(pk__in=account_ids).values_list("pk", "name", "number_last4")
    return {pk: f"{name} ··{last4}" for pk, name, last4 in rows}


def _journal(ids: Collection[int], window: tuple[date, date]) -> Iterator[_Seen]:
    bought = LedgerEvent.objects.filter(
        account__tax_household_id__in=ids,
        kind__in=[kind.value for kind in PURCHASE_KINDS],
        traded_on__range=window,
        units__gt=0,
    )
    for account, household, security, symbol, day, units in bought.values_list(*_OF_ACCOUNT, "traded_on", "units"):
        yield _Seen(household, account, security, symbol, day, Side.BUY, units or _ZERO, _ZERO)


def _lots(ids: Collection[int], window: tuple[date, date]) -> Iterator[_Seen]:
    lots = Lot.objects.filter(
        account__tax_household_id__in=ids,
        is_wash_acquisition=True,
        acquired_on__range=window,
        closed_on__isnull=True,
    )
    for account, household, security, symbol, day, units in lots.values_list(*_OF_ACCOUNT, "acquired_on", "units"):
        yield _Seen(household, account, security, symbol, day, Side.BUY, units, _ZERO)


def _losses(ids: Collection[int], window: tuple[date, date]) -> Iterator[_Seen]:
    """Yield losses by what of them is still recognised: one that is wholly washed bars nothing any more."""
    losses = RealizedGain.objects.filter(
        account__tax_household_id__in=ids,
        account__tax_status=TaxStatus.TAXABLE,
        closed_on__range=window,
        gain_usd__lt=0,
    )
    for account, household, security, symbol, day, units, gain, disallowed in losses.values_list(
        *_OF_ACCOUNT, "closed_on", "units", "gain_usd", "disallowed_usd"
    ):
        if gain + disallowed < 0:
            yield _Seen(household, account, security, symbol, day, Side.SELL, units, -(gain + disallowed))


def _outside(ids: Collection[int], window: tuple[date, date]) -> Iterator[_Seen]:
    rows = OutsideTrade.objects.filter(account__tax_household_id__in=ids, traded_on__range=window)
    for account, household, security, symbol, day, side, units, loss, status in rows.values_list(
        *_OF_ACCOUNT, "traded_on", "side", "units", "loss_usd", "account__tax_status"
    ):
        counts = side == Side.SELL and status == TaxStatus.TAXABLE
        yield _Seen(household, account, security, symbol, day, Side(side), units, loss if counts else _ZERO)


def _summed(*sources: Iterable[_Seen]) -> Iterator[_Seen]:
    """Add up the portions of a day; of several sources that know the same purchases the one that knows more counts."""
    totals: dict[tuple[int, int, date, Side], _Seen] = {}
    for source in sources:
        mine: dict[tuple[int, int, date, Side], _Seen] = {}
        for one in source:
            key = (one.account_id, one.security_id, one.traded_on, one.side)
            known = mine.get(key)
            mine[key] = one if known is None else _and(known, one)
        for key, one in mine.items():
            if key not in totals or one.units > totals[key].units:
                totals[key] = one
    yield from totals.values()


def _and(one: _Seen, other: _Seen) -> _Seen:
    return replace(one, units=one.units + other.units, loss_usd=one.loss_usd + other.loss_usd)


def _groups_of(security_ids: Collection[int], *, firm_id: int) -> Mapping[int, str]:
    rows = FirmSecurity.objects.filter(
        firm_id=firm_id, security_id__in=security_ids, identity_group__level=GroupLevel.IDENTICAL
    )
    return {pk: key or "" for pk, key in rows.values_list("security_id", "identity_group__key")}


def _calendar(
    seen: Collection[_Seen], groups: Mapping[int, str], names: Mapping[int, str], *, as_of: date
) -> tuple[WashRow, ...]:
    trades = [
        RecentTrade(
            account=names[one.account_id],
            security=one.symbol,
            group=groups.get(one.security_id, one.symbol),
            traded_on=one.traded_on,
            side=one.side,
            units=one.units,
            loss_usd=one.loss_usd,
        )
        for one in seen
    ]
    rows = []
    for group, window in group_windows(trades, as_of=as_of).items():
        sell_on = max((safe_to_sell_on(trade.traded_on) for trade in window.purchases), default=None)
        rows.append(
            WashRow(
                group=group,
                symbols=tuple(sorted({trade.security for trade in (*window.purchases, *window.loss_sales)})),
                purchases=tuple(_dated(trade) for trade in window.purchases),
                loss_sales=tuple(_dated(trade) for trade in window.loss_sales),
                buy_on=window.safe_to_buy_on() if window.loss_sales else None,
                sell_on=sell_on,
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.lasts_until, row.group), reverse=True))


def _dated(trade: RecentTrade) -> DatedTrade:
    return DatedTrade(
        account_name=trade.account,
        symbol=trade.security,
        traded_on=trade.traded_on,
        units=trade.units,
        loss_usd=trade.loss_usd,
    )
