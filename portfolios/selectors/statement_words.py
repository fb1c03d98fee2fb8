"""How a line of a policy statement is written in a sentence."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from advisors.templatetags.ui import day, money, pct, units
from portfolios.models.preferences import CashNeedKind, CashPeriod, Disposal, SubjectKind, Verb
from portfolios.policy import SETTINGS, SettingValue, Type
from portfolios.selectors.preferences import CashNeedLine, RestrictionLine

_NO_VALUE = {"tax.forced_harvest_usd": "none", "tax.forced_harvest_short_usd": "none"}


def setting_words(key: str, value: SettingValue) -> str:
    """Write the value of a setting: $12,000, 1.5%, Forbid, no cap."""
    setting = SETTINGS[key]
    if value is None:
        return _NO_VALUE.get(key, "no cap")
    if setting.type is Type.FLAG:
        return "yes" if value else "no"
    if setting.type is Type.CHOICE:
        return dict(setting.choices)[str(value)].split(":")[0].split(",")[0]
    if setting.type is Type.COUNT:
        return str(value)
    number = Decimal(str(value))
    if setting.type is Type.MONEY:
        return money(number, 0 if number == int(number) else 2)
    if setting.type is Type.FRACTION:
        return pct(number, 2 if (number * 1000) % 1 else 1)
    return f"{number.normalize():f} bp"


def subject_words(*, subject_kind: str, subject: str, names: Mapping[tuple[str, str], str] | None = None) -> str:
    """Write what a restriction is about: LUMR, sector Energy, screen Tobacco."""
    name = (names or {}).get((subject_kind, subject), subject)
    if subject_kind == SubjectKind.SECURITY:
        return subject
    return f"{SubjectKind(subject_kind).label.lower()} {name}"


def bounds_words(line: RestrictionLine) -> str:
    """Write the bounds of a range: at most 30.0%; 500 to 1,000 shares."""
    parts = [
        _between(line.min_frac, line.max_frac, pct),
        _between(line.min_usd, line.max_usd, money),
        _between(line.min_units, line.max_units, lambda value: f"{units(value)} shares"),
    ]
    return " and ".join(part for part in parts if part)


def _between(low: Decimal | None, high: Decimal | None, write: Callable[[Decimal], str]) -> str:
    if low is not None and high is not None:
        return f"{write(low)} to {write(high)}"
    if low is not None:
        return f"at least {write(low)}"
    return f"at most {write(high)}" if high is not None else ""


def restriction_words(line: RestrictionLine, *, names: Mapping[tuple[str, str], str] | None = None) -> str:
    """Write a restriction without its origin: Never own screen Tobacco, sell now."""
    what = subject_words(subject_kind=line.subject_kind, subject=line.subject, names=names)
    if line.verb == Verb.RANGE:
        return f"Keep {what} {bounds_words(line)}"
    said = f"{Verb(line.verb).label} {what}"
    if line.disposal:
        said += f", {Disposal(line.disposal).label.lower()}"
    return said


def cash_need_words(line: CashNeedLine) -> str:
    """Write a cash need: Withdrawal of $18,000 every month, next on Dec 1, 2026."""
    often = "" if line.period == CashPeriod.ONCE else f" {CashPeriod(line.period).label.lower()}"
    when = "on" if line.period == CashPeriod.ONCE else "next on"
    return f"{CashNeedKind(line.kind).label} of {money(line.amount_usd)}{often}, {when} {day(line.due_on)}"


def dates_words(*, starts_on: date | None, ends_on: date | None) -> str:
    """Write from when until when a line holds, nothing where it always does."""
    if starts_on and ends_on:
        return f"{day(starts_on)} to {day(ends_on)}"
    if starts_on:
        return f"from {day(starts_on)}"
    return f"until {day(ends_on)}" if ends_on else ""
