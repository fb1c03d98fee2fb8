"""Draw the hurdle of harvesting over the year, and its table, into docs/harvest-or-wait.md."""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand

from rebalancing.engine.waiting import harvest_hurdle

VOLATILITIES: Final = (0.15, 0.30, 0.50)
YEAR: Final = 2026
SHORT_RATE, LONG_RATE, PHI, HALF_SPREAD_BPS = 0.408, 0.238, 1.06**-10, 2.0
PICTURE, PAGE, MARK = "docs/harvest-or-wait.svg", "docs/harvest-or-wait.md", "<!-- drawn -->"


class Command(BaseCommand):
    """`draw_waiting`: writes the picture and the table."""

    help = "Draw when a loss lot is harvested rather than kept, by volatility and day of the year."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """There is nothing to choose."""

    def handle(self, **_: object) -> None:
        """Write both files."""
        import vl_convert

        svg: str = vl_convert.vegalite_to_svg(picture(), allowed_base_urls=[])
        (settings.BASE_DIR / PICTURE).write_text(svg, encoding="utf-8")
        page = settings.BASE_DIR / PAGE
        said = page.read_text(encoding="utf-8").split(MARK)[0]
        page.write_text(f"{said}{MARK}\n" + "\n".join(table()) + "\n", encoding="utf-8")
        self.stdout.write(f"{PICTURE} and {PAGE} are written")


def hurdle(day: date, volatility: float) -> float:
    """Return the price, as a fraction of basis, below which a short-term lot far from its anniversary is harvested."""
    return harvest_hurdle(
        volatility=volatility,
        days_to_year_end=(date(YEAR, 12, 31) - day).days,
        days_to_long_term=None,
        rate_now=SHORT_RATE,
        rate_later=SHORT_RATE,
        phi_long_rate=PHI * LONG_RATE,
        half_spread_bps=HALF_SPREAD_BPS,
    )


def _days() -> Sequence[date]:
    return [date(YEAR, month, 1) for month in range(1, 13)] + [date(YEAR, 12, 15), date(YEAR, 12, 30)]


def table() -> Iterator[str]:
    """Write the hurdle in percent of basis by day and volatility."""
    yield "| on | " + " | ".join(f"volatility {volatility:.0%}" for volatility in VOLATILITIES) + " |"
    yield "|---|" + "---|" * len(VOLATILITIES)
    for day in _days():
        yield f"| {day:%-d %B} | " + " | ".join(f"{hurdle(day, v):.1%}" for v in VOLATILITIES) + " |"


def picture() -> dict[str, Any]:
    """Return the Vega-Lite specification of the picture."""
    values = [
        {"day": day.isoformat(), "hurdle": hurdle(day, v), "volatility": f"{v:.0%}"}
        for v in VOLATILITIES
        for day in _days()
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 560,
        "height": 260,
        "background": "white",
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": {"field": "day", "type": "temporal", "title": None, "axis": {"format": "%b", "grid": False}},
            "y": {
                "field": "hurdle",
                "type": "quantitative",
                "title": "harvested below, % of basis",
                "scale": {"domain": [0.6, 1.0]},
                "axis": {"format": ".0%"},
            },
            "color": {
                "field": "volatility",
                "title": "volatility a year",
                "scale": {"range": ["#0a5b63", "#8a4a00", "#63706e"]},
            },
        },
    }
