"""Pictures of a report: facts in, Vega-Lite specifications out, the same for the page and the PDF."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from rebalancing.charts import Chart, ClassWeights, Spec, allocation_chart
from reporting.measures.facts import ClassShare, ReportFacts

_TENTH = Decimal("0.1")
WIDTH = 200
STEP = 24
_ROOM_FOR_VALUES = 34
_LETTER = 7.0  # a letter of the names, drawn 12 px high: the drawing cannot measure our font
_MOST_ROOM_FOR_NAMES = 160
_TICKS = [0, 20, 40, 60, 80, 100]


def allocation_picture(facts: ReportFacts) -> Chart:
    """
    Draw where the account is invested: before and after the trades, target and limits.

    The weight after the trades stands beside each row, so that the picture can be read without its table.
    """
    is_proposed = facts.standing == "proposed"
    has_after = facts.standing != "none"
    rows = [
        ClassWeights(
            name=share.name,
            held_frac=share.before_frac,
            after_frac=share.after_frac if has_after else None,
            target_frac=share.target_frac,
            min_frac=share.min_frac,
            max_frac=share.max_frac,
        )
        for share in facts.allocation
    ]
    base = allocation_chart(rows, key="allocation", title="Where you are invested")
    return Chart(
        key=base.key,
        title=base.title,
        unit="% of value",
        alt=_alt(facts.allocation, has_after=has_after, is_proposed=is_proposed),
        spec=_with_values(base.spec, facts.allocation, has_after=has_after),
        columns=("Class", *_columns(has_after=has_after, is_proposed=is_proposed), "Target", "Limits"),
        rows=base.rows,
        note=_note(has_after=has_after, is_proposed=is_proposed),
    )


def _note(*, has_after: bool, is_proposed: bool) -> str:
    after = "as proposed" if is_proposed else "after"
    circles = f"Open circle: before. Filled circle: {after}." if has_after else "Circle: now."
    return f"{circles} Tick: target. Grey band: limits."


def _columns(*, has_after: bool, is_proposed: bool) -> tuple[str, ...]:
    if not has_after:
        return ("Now",)
    return ("Now", "As proposed") if is_proposed else ("Before", "After")


def _with_values(base: Spec, shares: Sequence[ClassShare], *, has_after: bool) -> Spec:
    values = {share.name: share.after_frac if has_after else share.before_frac for share in shares}
    layers = base["layer"]
    data = base["data"]
    assert isinstance(layers, list) and isinstance(data, dict)
    told = [{**row, "told": _words(values[row["name"]])} for row in data["values"]]
    room = max((len(share.name) for share in shares), default=0) * _LETTER
    text = {
        "mark": {"type": "text", "style": "label", "align": "right", "dx": _ROOM_FOR_VALUES},
        "encoding": {
            "x": {"value": "width"},
            "y": {"field": "name", "type": "nominal", "sort": None},
            "text": {"field": "told"},
        },
    }
    return {
        **base,
        "data": {"values": told},
        "width": WIDTH,
        "height": {"step": STEP},
        "padding": {"left": 0, "top": 4, "right": _ROOM_FOR_VALUES, "bottom": 0},
        "layer": [*(_with_room(layer, room=min(room, _MOST_ROOM_FOR_NAMES)) for layer in layers), text],
    }


def _with_room(layer: Spec, *, room: float) -> Spec:
    """Keep room for the names, and between the figures of the axis."""
    encoding = layer["encoding"]
    assert isinstance(encoding, dict)
    drawn = dict(encoding)
    drawn["y"] = {**encoding["y"], "axis": {"title": None, "labelLimit": 160, "minExtent": room}}
    if "axis" in encoding["x"]:
        drawn["x"] = {**encoding["x"], "axis": {"grid": True, "values": _TICKS}}
    return {**layer, "encoding": drawn}


def _words(value: Decimal) -> str:
    """Round as the tables of the report do."""
    return f"{(value * 100).quantize(_TENTH, ROUND_HALF_UP)}"


def _alt(shares: Sequence[ClassShare], *, has_after: bool, is_proposed: bool) -> str:
    said = "as proposed" if is_proposed else "after the trades"
    before = " before" if has_after and not is_proposed else ""
    rows = []
    for share in shares:
        now = f"{_words(share.before_frac)}%{before}"
        after = f", {_words(share.after_frac)}% {said}" if has_after else ""
        rows.append(f"{share.name} {now}{after}, target {_words(share.target_frac)}%")
    return "Allocation by asset class. " + "; ".join(rows) + "."
