"""How figures, dates, states, icons and charts are written on every page."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

from django import template
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from advisors.status_words import STATUS_WORDS, Tone

register = template.Library()

MINUS = "\u2212"
MISSING = "\u2013"
THIN = "\u00a0"

Number = Decimal | int | float | str | None


class ChartLike(Protocol):
    """What the chart partial shows: a specification, what it says in words, and its table."""

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def alt(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def spec(self) -> object: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def rows(self) -> Sequence[Sequence[str]]: ...


def _decimal(value: Number) -> Decimal | None:
    if value is None or value == "":
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return number if number.is_finite() else None


def _rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _plain(number: Decimal, places: int) -> str:
    """Write a non-negative number with grouping in the reader's locale."""
    if (get_language() or "en").startswith("en"):
        return f"{number:,.{places}f}"
    return str(formats.number_format(number, decimal_pos=places, force_grouping=True))


def _written(value: Number, *, places: int, before: str = "", after: str = "", plus: bool = False) -> str:
    number = _decimal(value)
    if number is None:
        return MISSING
    number = _rounded(number, places)
    sign = MINUS if number < 0 else "+" if plus and number > 0 else ""
    return f"{sign}{before}{_plain(abs(number), places)}{after}"


@register.filter
def money(value: Number, places: int = 0) -> str:
    """Write dollars, whole unless `places` says otherwise: $9,963."""
    return _written(value, places=places, before="$")


@register.filter
def signed_money(value: Number, places: int = 0) -> str:
    """Write a change in dollars with its sign: +$1,172, \u2212$33."""
    return _written(value, places=places, before="$", plus=True)


@register.filter
def amount(value: Number, places: int = 0) -> str:
    """Write dollars without the sign of the currency, for a column whose head names it: 32,208."""
    return _written(value, places=places)


@register.filter
def signed(value: Number, places: int = 0) -> str:
    """Write a change without unit: +3,567."""
    return _written(value, places=places, plus=True)


@register.filter
def price(value: Number) -> str:
    """Write a price or a basis per share: 227.82."""
    return _written(value, places=2)


@register.filter
def money_short(value: Number) -> str:
    """Write dollars in few letters: $640, $82.4 K, $18.1 M, $6.21 B."""
    number = _decimal(value)
    if number is None:
        return MISSING
    size = abs(number)
    for limit, unit, letter, places in (
        (Decimal(999500000), Decimal(10**9), "B", 2),
        (Decimal(999950), Decimal(10**6), "M", 1),
        (Decimal("9999.5"), Decimal(1000), "K", 1),
    ):
        if size >= limit:
            return _written(number / unit, places=places, before="$", after=f"{THIN}{letter}")
    return _written(number, places=0, before="$")


@register.filter
def pct(value: Number, places: int = 1) -> str:
    """Write a fraction as a percentage: 0.0142 with two places is 1.42%."""
    number = _decimal(value)
    return MISSING if number is None else _written(number * 100, places=places, after="%")


@register.filter
def signed_pct(value: Number, places: int = 1) -> str:
    """Write a change of a fraction: +1.4%."""
    number = _decimal(value)
    return MISSING if number is None else _written(number * 100, places=places, after="%", plus=True)


@register.filter
def bps(value: Number, places: int = 1) -> str:
    """Write basis points: 7.6 bp."""
    return _written(value, places=places, after=f"{THIN}bp")


@register.filter
def units(value: Number) -> str:
    """Write a quantity of shares without idle zeros: 120, 12.3456."""
    number = _decimal(value)
    if number is None:
        return MISSING
    exact = _rounded(number, 6).normalize()
    exponent = exact.as_tuple().exponent
    return _written(exact, places=max(0, -exponent) if isinstance(exponent, int) else 0)


@register.filter
def count(value: Number) -> str:
    """Write how many: 4,012."""
    return _written(value, places=0)


def _as_date(value: date | datetime) -> date:
    if isinstance(value, datetime):
        return timezone.localtime(value).date() if timezone.is_aware(value) else value.date()
    return value


@register.filter
def day(value: date | datetime | None) -> str:
    """Write a date: Nov 12, 2026."""
    if value is None:
        return MISSING
    style = "M j, Y" if (get_language() or "en").startswith("en") else "SHORT_DATE_FORMAT"
    return formats.date_format(_as_date(value), style)


@register.filter
def long_day(value: date | datetime | None) -> str:
    """Write a date in full: Thursday, November 12, 2026."""
    if value is None:
        return MISSING
    style = "l, F j, Y" if (get_language() or "en").startswith("en") else "DATE_FORMAT"
    return formats.date_format(_as_date(value), style)


@register.filter
def moment(value: datetime | None) -> str:
    """Write a date and time: Nov 12, 2026, 10:14."""
    if value is None:
        return MISSING
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    return f"{day(local)}, {local:%H:%M}"


@register.filter
def lasting(value: timedelta | float | None) -> str:
    """Write a length of time in its two largest parts: 44 min, 20 h, 3 d 2 h."""
    if value is None:
        return MISSING
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    minutes = max(0, int(seconds // 60))
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    return f"{minutes} min" if minutes else "under 1 min"


@register.filter
def ago(value: datetime | None, now: datetime) -> str:
    """Write how long ago something was at `now`, which the view names: 3 d 2 h."""
    return MISSING if value is None else lasting(now - value)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw one icon of the sprite; a word always stands beside it."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name)


@register.simple_tag
def status(key: str, word: str = "", tone: str = "") -> SafeString:
    """
    Show a state as icon and word.

    :raises KeyError: the state has no line in `advisors.status_words`
    """
    known = STATUS_WORDS[str(key)]
    return format_html(
        '<span class="st {}">{}{}</span>', Tone(tone) if tone else known.tone, icon(known.icon), word or known.word
    )


@register.inclusion_tag("partials/chart.html")
def chart(figure: ChartLike) -> dict[str, object]:
    """Show a chart with its title, text alternative and table; the page includes `partials/chart_scripts.html`."""
    return {"figure": figure, "spec_id": f"chart-{figure.key}"}


@register.filter
def share_of(part: Number, whole: Number) -> Decimal:
    """Return part over whole, 0 where there is no whole; for bars."""
    top, bottom = _decimal(part), _decimal(whole)
    if top is None or not bottom:
        return Decimal(0)
    return top / bottom


@register.simple_tag
def bar_mini(part: Number, whole: Number) -> SafeString:
    """Draw a share as a small bar; the number stands beside it in words."""
    width = min(Decimal(72), max(Decimal(0), share_of(part, whole) * 72)).quantize(Decimal("0.1"))
    return format_html(
        '<svg class="bar-mini" viewBox="0 0 72 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="72" height="6"></rect><rect width="{}" height="6"></rect></svg>',
        width,
    )


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: object) -> str:
    """Return the query string of this page with some parameters changed; an empty value drops one."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"
