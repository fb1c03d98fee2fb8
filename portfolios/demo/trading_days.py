"""The demo's exchange calendar: weekdays but the holidays of the New York exchanges."""

from datetime import date, timedelta
from itertools import pairwise

from portfolios.ledger.business_days import holidays

BUSINESS_DATE = date(2026, 11, 20)
SHIPPED_DAYS = 756


def trading_days(first: date, last: date) -> tuple[date, ...]:
    """Give every trading day from `first` to `last`, both included."""
    closed = set[date]().union(*(holidays(year) for year in range(first.year, last.year + 1)))
    every = (first + timedelta(days=n) for n in range((last - first).days + 1))
    days = tuple(day for day in every if day.weekday() < 5 and day not in closed)
    assert all(earlier < later for earlier, later in pairwise(days))
    return days
