"""The days on which the New York exchanges are open: weekdays but their holidays; ages are counted in them."""

from datetime import date, timedelta

# Closings that no rule gives: storm, mourning.
_UNSCHEDULED = {date(2012, 10, 29), date(2012, 10, 30), date(2018, 12, 5), date(2025, 1, 9)}
_ONE_DAY = timedelta(days=1)


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


def holidays(year: int) -> frozenset[date]:
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
    return frozenset(days | {day for day in _UNSCHEDULED if day.year == year})


def is_business_day(day: date) -> bool:
    """Tell whether the exchanges are open."""
    return day.weekday() < 5 and day not in holidays(day.year)


def business_days_between(since: date, until: date) -> int:
    """Count the business days after `since` up to `until`, that one included; 0 where it lies before."""
    closed = frozenset[date]().union(*(holidays(year) for year in range(since.year, until.year + 1)))
    days = (since + _ONE_DAY * n for n in range(1, (until - since).days + 1))
    return sum(1 for day in days if day.weekday() < 5 and day not in closed)
