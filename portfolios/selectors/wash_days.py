"""The days ahead of a tax household: on which of them a purchase washes a loss, or a loss sale would be washed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from advisors.models import Membership
from advisors.templatetags.ui import day, money, units
from portfolios.models.households import Account, Household, TaxHousehold
from portfolios.selectors.books import household_in_book
from portfolios.selectors.wash_calendar import WashRow, wash_calendars
from portfolios.selectors.wash_losses import LossLine, loss_lines

AHEAD_DAYS: Final = 60
_WEEK: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class WashDay:
    """One day of a group's calendar; None of both bars anything."""

    on: date
    bars_purchase: bool
    bars_loss_sale: bool
    is_outside: bool

    @property
    def state(self) -> str:
        """Name what is barred, for the style sheet: both, buy, sell, free or outside."""
        if self.is_outside:
            return "outside"
        if self.bars_purchase and self.bars_loss_sale:
            return "both"
        return "buy" if self.bars_purchase else "sell" if self.bars_loss_sale else "free"

    @property
    def words(self) -> str:
        """Say what is barred, for who cannot see it."""
        return {
            "both": "neither buy nor sell at a loss",
            "buy": "do not buy",
            "sell": "do not sell at a loss",
            "free": "free",
            "outside": "",
        }[self.state]


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Seven days from Monday; `month` is told where a month begins, or the calendar does."""

    month: str
    days: tuple[WashDay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDays:
    """One identity group: its trades of the last 30 days and its calendar."""

    row: WashRow
    weeks: tuple[Week, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedNews:
    """What changes on one day."""

    on: date
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeDays:
    """One tax household of the page."""

    id: int
    name: str
    is_confirmed: bool
    account_names: tuple[str, ...]
    groups: tuple[GroupDays, ...]
    news: tuple[DatedNews, ...]
    losses: tuple[LossLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WashPage:
    """The wash-sale page of a household."""

    household_id: int
    name: str
    as_of_on: date
    ends_on: date
    homes: tuple[HomeDays, ...]


def wash_page(member: Membership, household_id: int, *, today: date) -> WashPage:
    """
    Return the wash-sale calendar of a household in the member's book, for the next sixty days.

    :raises NotFound: it does not exist or lies outside the member's book
    """
    household = household_in_book(member, household_id)
    as_of = member.firm.business_on or today
    homes = list(TaxHousehold.objects.filter(household=household).order_by("pk"))
    ids = [home.pk for home in homes]
    calendars = wash_calendars(ids, firm_id=member.firm_id, as_of=as_of)
    losses = loss_lines(ids, since=date(as_of.year, 1, 1), as_of=as_of)
    names = _names(household)
    return WashPage(
        household_id=household.pk,
        name=household.name,
        as_of_on=as_of,
        ends_on=as_of + timedelta(days=AHEAD_DAYS),
        homes=tuple(
            HomeDays(
                id=home.pk,
                name=home.name,
                is_confirmed=home.confirmed_at is not None,
                account_names=tuple(names[home.pk]),
                groups=tuple(GroupDays(row=row, weeks=weeks_of(row, as_of=as_of)) for row in calendars[home.pk]),
                news=news_of(calendars[home.pk], losses[home.pk], as_of=as_of),
                losses=losses[home.pk],
            )
            for home in homes
        ),
    )


def _names(household: Household) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = Account.objects.filter(tax_household__household=household).order_by("name", "pk")
    for pk, name, last4 in rows.values_list("tax_household_id", "name", "number_last4"):
        found[pk].append(f"{name} ··{last4}")
    return found


def weeks_of(row: WashRow, *, as_of: date) -> tuple[Week, ...]:
    """Return the weeks from the one of `as_of` to the one sixty days on."""
    first = as_of - timedelta(days=as_of.weekday())
    last = as_of + timedelta(days=AHEAD_DAYS)
    weeks: list[Week] = []
    while first <= last:
        days = tuple(_day(row, first + timedelta(days=place), as_of=as_of, last=last) for place in range(_WEEK))
        starts = next((one.on for one in days if one.on.day == 1 and not one.is_outside), None)
        month = f"{as_of:%B}" if not weeks else f"{starts:%B}" if starts else ""
        weeks.append(Week(month=month, days=days))
        first += timedelta(days=_WEEK)
    return tuple(weeks)


def _day(row: WashRow, on: date, *, as_of: date, last: date) -> WashDay:
    return WashDay(
        on=on,
        bars_purchase=row.buy_on is not None and on < row.buy_on,
        bars_loss_sale=row.sell_on is not None and on < row.sell_on,
        is_outside=not as_of <= on <= last,
    )


def news_of(rows: Iterable[WashRow], losses: Sequence[LossLine], *, as_of: date) -> tuple[DatedNews, ...]:
    """Return what is free again, and which losses become final, by day."""
    found: dict[date, list[str]] = defaultdict(list)
    for row in rows:
        symbols = ", ".join(row.symbols)
        if row.buy_on is not None and row.buy_on > as_of:
            found[row.buy_on].append(f"{symbols}: safe to buy again in any of the accounts")
        if row.sell_on is not None and row.sell_on > as_of:
            found[row.sell_on].append(f"{symbols}: safe to sell at a loss again")
    for loss in losses:
        if loss.is_provisional and loss.until_on is not None:
            told = f"{loss.symbol}: the loss of {money(loss.counted_usd, 2)} on {units(loss.units)} sold"
            found[loss.until_on + timedelta(days=1)].append(f"{told} {day(loss.sold_on)} is final")
    return tuple(DatedNews(on=on, lines=tuple(found[on])) for on in sorted(found))
