"""
Pictures of one account: numbers in, Vega-Lite specifications out.

Colours, marks and fonts stand in `static/vega-config.json`. Each chart carries its words and its table, so that
nothing is said by the picture alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

_GAUGE_HEIGHT = 64
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"

Spec = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What `{% chart %}` shows. `rows` is the table; its first column names the row."""

    key: str
    title: str
    unit: str
    alt: str
    spec: Spec
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassWeights:
    """One asset class: what is held, what is meant, and what is allowed; `after` where trades are proposed."""

    name: str
    held_frac: Decimal
    after_frac: Decimal | None = None
    target_frac: Decimal | None = None
    min_frac: Decimal | None = None
    max_frac: Decimal | None = None

    @property
    def is_outside(self) -> bool:
        """Tell whether what is held lies outside the compliant limits."""
        below = self.min_frac is not None and self.held_frac < self.min_frac
        return below or (self.max_frac is not None and self.held_frac > self.max_frac)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value) * 100, 2)


def _words(value: Decimal | None) -> str:
    return "–" if value is None else f"{value * 100:.1f}"


def _dollars(value: Decimal) -> str:
    return f"{value:,.0f}".replace("-", "\u2212")


def _limits(row: ClassWeights) -> str:
    return "–" if row.min_frac is None else f"{_words(row.min_frac)} to {_words(row.max_frac)}"


def allocation_chart(rows: Sequence[ClassWeights], *, key: str = "allocation", title: str = "Allocation") -> Chart:
    """Draw each class as a dot on its compliant band, with the target as a tick and the proposed weight beside it."""
    has_after = any(row.after_frac is not None for row in rows)
    values = [
        {
            "name": row.name,
            "held": _number(row.held_frac),
            "after": _number(row.after_frac),
            "target": _number(row.target_frac),
            "min": _number(row.min_frac),
            "max": _number(row.max_frac),
            "outside": row.is_outside,
        }
        for row in rows
    ]
    outside = [row.name for row in rows if row.is_outside]
    columns = ("Class", "Held", *(("After",) if has_after else ()), "Target", "Limits")
    return Chart(
        key=key,
        title=title,
        unit="% of value, held and after" if has_after else "% of value",
        alt=_alt(rows, outside),
        spec=_allocation_spec(values, has_after=has_after),
        columns=columns,
        rows=tuple(
            (
                row.name,
                _words(row.held_frac),
                *((_words(row.after_frac),) if has_after else ()),
                _words(row.target_frac),
                _limits(row),
            )
            for row in rows
        ),
        note=_outside_note(outside),
    )


def _alt(rows: Sequence[ClassWeights], outside: Sequence[str]) -> str:
    said = f"Weights of {len(rows)} asset classes against target and compliant limits."
    return f"{said} Outside the limits: {', '.join(outside)}." if outside else f"{said} All are inside."


def _outside_note(outside: Sequence[str]) -> str:
    legend = "Grey band: compliant limits. Tick: target."
    return f"{legend} Outside its limits: {', '.join(outside)}." if outside else legend


def _allocation_spec(values: Sequence[Mapping[str, object]], *, has_after: bool) -> Spec:
    y = {"field": "name", "type": "nominal", "sort": None, "axis": {"title": None, "labelLimit": 160}}
    x = {"field": "held", "type": "quantitative", "title": None, "axis": {"grid": True, "tickCount": 5}}
    now: Spec = {"type": "point", "style": "before"} if has_after else {"type": "circle", "style": "after"}
    held = {"mark": now, "encoding": {"x": x, "y": y}}
    layers: list[Spec] = [
        {
            "mark": {"type": "rect", "style": "band", "height": 14},
            "encoding": {"x": {"field": "min", "type": "quantitative"}, "x2": {"field": "max"}, "y": y},
        },
        {
            "mark": {"type": "tick", "style": "target", "opacity": 1, "thickness": 1},
            "encoding": {"x": {"field": "target", "type": "quantitative"}, "y": y},
        },
        held,
    ]
    if has_after:
        change = {"mark": {"type": "rule", "style": "change"}, "encoding": {"x": x, "x2": {"field": "after"}, "y": y}}
        after_x = {"field": "after", "type": "quantitative"}
        layers.insert(2, change)
        layers.append({"mark": {"type": "circle", "style": "after"}, "encoding": {"x": after_x, "y": y}})
    return {"$schema": _SCHEMA, "data": {"values": list(values)}, "height": {"step": 30}, "layer": layers}


def budget_gauge(*, used_usd: Decimal, budget_usd: Decimal, after_usd: Decimal | None, year: int) -> Chart:
    """Draw how much of a year's tax budget is used, and would be after what is proposed."""
    left = budget_usd - used_usd
    top = max(budget_usd, used_usd, after_usd or used_usd)
    scale = {"domain": [min(0.0, float(used_usd)), float(top) * 1.15 or 1.0]}
    axis = {"format": "$,.0f", "grid": False, "tickCount": 4}

    x = {"type": "quantitative", "scale": scale, "title": None, "axis": axis}

    middle = _GAUGE_HEIGHT / 2
    start = {"field": "none", **x}
    layers: list[Spec] = [
        {
            "mark": {"type": "rect", "style": "band"},
            "encoding": {
                "x": start,
                "x2": {"field": "budget"},
                "y": {"value": middle - 7},
                "y2": {"value": middle + 7},
            },
        },
        {"mark": {"type": "bar", "height": 8}, "encoding": {"x": start, "x2": {"field": "used"}}},
        {
            "mark": {"type": "tick", "style": "target", "height": 30},
            "encoding": {"x": {"field": "budget", **x}},
        },
    ]
    values = {"none": 0, "budget": float(budget_usd), "used": float(used_usd)}
    rows = [("Used so far", _dollars(used_usd))]
    if after_usd is not None:
        values["after"] = float(after_usd)
        layers.append({"mark": {"type": "point", "style": "before"}, "encoding": {"x": {"field": "after", **x}}})
        rows.append(("After what is proposed", _dollars(after_usd)))
    rows += [("Budget", _dollars(budget_usd)), ("Left", _dollars(left))]
    note = "Harvested losses buy room." if after_usd is None else "Circle: after what is proposed."
    return Chart(
        key="budget",
        title=f"Tax budget {year}",
        unit=f"${left:,.0f} left" if left >= 0 else f"${-left:,.0f} over",
        alt=f"${used_usd:,.0f} of ${budget_usd:,.0f} used.",
        spec={"$schema": _SCHEMA, "data": {"values": [values]}, "height": _GAUGE_HEIGHT, "layer": layers},
        columns=("Tax of trading", "$"),
        rows=tuple(rows),
        note=note,
    )
