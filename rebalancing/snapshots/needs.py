"""What an account must keep in cash, and what it must raise now."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from portfolios.models.preferences import CashNeedKind, CashPeriod
from portfolios.policy import SettingValue
from portfolios.selectors.preferences import CashNeedLine
from rebalancing.engine.types import CashNeeds

_MONTHS: Final[Mapping[str, int]] = {CashPeriod.MONTHLY: 1, CashPeriod.QUARTERLY: 3, CashPeriod.YEARLY: 12}


def cash_needs(lines: Iterable[CashNeedLine], *, settings: Mapping[str, SettingValue], as_of: date) -> CashNeeds:
    """
    Lay reserve, ceiling and withdrawals together.

    A withdrawal is raised from `lead_days` before its due date to that date; afterwards it has left. A contribution
    counts when it has arrived.
    """
    due = sum((line.amount_usd * _count_due(line, as_of=as_of) for line in lines), Decimal(0))
    return CashNeeds(
        reserve_amount=Decimal(str(settings["cash.reserve_usd"])),
        reserve_weight=float(str(settings["cash.reserve_frac"])),
        raise_=due,
        max_weight=fraction_of(settings["cash.ceiling_frac"]),
    )


def fraction_of(value: SettingValue) -> float | None:
    """Read a setting that is a fraction; None stays None."""
    return None if value is None else float(str(value))


def money_of(value: SettingValue) -> Decimal | None:
    """Read a setting that is money; None stays None."""
    return None if value is None else Decimal(str(value))


def _count_due(line: CashNeedLine, *, as_of: date) -> int:
    if line.kind != CashNeedKind.WITHDRAWAL:
        return 0
    lead = timedelta(days=line.lead_days)
    return sum(1 for due_on in _due_dates(line, until=as_of + lead) if due_on >= as_of)


def _due_dates(line: CashNeedLine, *, until: date) -> Iterator[date]:
    """List the due dates of a need up to a day, its end date included."""
    last = until if line.ends_on is None else min(until, line.ends_on)
    step = _MONTHS.get(line.period)
    number = 0
    due_on = line.due_on
    while due_on <= last:
        yield due_on
        if step is None:
            return
        number += step
        due_on = _months_later(line.due_on, number)


def _months_later(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last day."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
