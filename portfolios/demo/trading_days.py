"""The demo's exchange calendar: weekdays but the holidays of the New York exchanges."""

from datetime import date, timedelta
from itertools import pairwise

BUSINESS_DATE = date(2026, 11, 20)
SHIPPED_DAYS = 756

# Closings that no rule gives: storm, mourning.
_UNSCHEDULED = {date(2012, 10, 29), date(2012, 10, 30), date(2018, 12, 5), date(2025, 1, 9)}


def easter(year: int) -> date:
    """Give Easter Sunday in the Gregorian calendar (anonymous algorithm, Meeus)."""
    golden, century, of_century = year % 19, year // 100, year % 100
    leap = century // 4
    moon = (19 * golden + century - leap - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (of_century // 4) - moon - of_century % 4) % 7
    shift = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * shift + 114, 31)
    return date(year, month, day + 1)


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _observed(day: date) -> date:
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


def holidays(year: int) -> set[date]:
    """Give the days of a year on which the exchanges are closed, weekends apart."""
    last_may = date(year, 5, 31)
    days = {
        _nth_weekday(year, 1, 0, 3),
        _nth_weekday(year, 2, 0, 3),
        easter(year) - timedelta(days=2),
        last_may - timedelta(days=last_may.weekday()),
        _observed(date(year, 7, 4)),
        _nth_weekday(year, 9, 0, 1),
        _nth_weekday(year, 11, 3, 4),
        _observed(date(year, 12, 25)),
    }
    if date(year, 1, 1).weekday() != 5:
        days.add(_observed(date(year, 1, 1)))
    if year >= 2022:
        days.add(_observed(date(year, 6, 19)))
    return days | {day for day in _UNSCHEDULED if day.year == year}


def trading_days(first: date, last: date) -> tuple[date, ...]:
    """Give every trading day from `first` to `last`, both included."""
    closed = set[date]().union(*(holidays(year) for year in range(first.year, last.year + 1)))
    every = (first + timedelta(days=n) for n in range((last - first).days + 1))
    days = tuple(day for day in every if day.weekday() < 5 and day not in closed)
    assert all(earlier < later for earlier, later in pairwise(days))
    return days
