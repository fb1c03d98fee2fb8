"""
The signs of a split in nine years of real closing prices: every real split, and how often an alarm is false.

The prices are as they were traded. An alarm within four days of any action of the file is none too many.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import pytest

from portfolios.ledger.split_signs import PriceStep, price_signs

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
RAW = "R"  # the basis of prices as they were traded
LOOK_BACK = timedelta(days=7)
NEAR = timedelta(days=4)
# Real splits that closing prices alone cannot show.
UNSEEN = {
    ("TMUS", date(2013, 5, 1)),  # 1 for 2 within a merger that paid the holders on the same day
    ("JCI", date(2016, 9, 6)),  # 191 for 200: a bad day looks the same
    ("BF-B", date(2018, 3, 1)),  # 5 for 4: twelve bad days a year look the same
}

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A sign that was seen on a day."""

    security: str
    on: date


def _need(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"../shared/data/{name} is not on this machine")
    return path


def _actions() -> list[dict[str, str]]:
    with _need("corporate_actions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _days() -> Iterator[tuple[date, list[tuple[str, Decimal]]]]:
    """Yield the raw closes of each day, all securities together."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(_need("prices.parquet"), columns=["date", "sid", "close", "basis"]).sort_by("date")
    columns = (table.column(name).to_pylist() for name in ("date", "sid", "close", "basis"))
    rows: list[tuple[str, Decimal]] = []
    current: date | None = None
    for moment, sid, close, basis in zip(*columns, strict=True):
        on = moment.date() if hasattr(moment, "date") else moment
        if on != current and current is not None:
            yield current, rows
            rows = []
        current = on
        if basis == RAW and close is not None and close > 0:
            rows.append((sid, Decimal(f"{close:.6f}")))
    if current is not None:
        yield current, rows


@lru_cache(maxsize=1)
def _alarms() -> tuple[Alarm, ...]:
    with _need("securities.csv").open(encoding="utf-8", newline="") as file:
        sectors = {row["sid"]: row["sector"] for row in csv.DictReader(file)}
    last: dict[str, tuple[date, Decimal]] = {}
    found: list[Alarm] = []
    for on, rows in _days():
        steps = [
            PriceStep(security=sid, peers=sectors.get(sid, ""), before_usd=last[sid][1], now_usd=close)
            for sid, close in rows
            if sid in last and on - last[sid][0] <= LOOK_BACK
        ]
        found += [Alarm(security=sign.step.security, on=on) for sign in price_signs(steps)]
        last.update({sid: (on, close) for sid, close in rows})
    return tuple(found)


def test_every_real_split_is_seen_on_its_day() -> None:
    splits = {
        (row["sid"], date.fromisoformat(row["ex_date"]))
        for row in _actions()
        if row["type"] in ("split", "reverse_split")
    }
    seen = {(alarm.security, alarm.on) for alarm in _alarms()}

    assert len(splits) == 103
    assert splits - seen == UNSEEN


def test_false_alarms_are_rarer_than_two_a_year() -> None:
    actions = [(row["sid"], date.fromisoformat(row["ex_date"])) for row in _actions()]
    days = [alarm.on for alarm in _alarms()]
    years = Decimal((max(days) - date(2012, 1, 1)).days) / Decimal("365.25")

    false = [
        alarm
        for alarm in _alarms()
        if not any(sid == alarm.security and abs(on - alarm.on) <= NEAR for sid, on in actions)
    ]

    assert len(false) <= 18
    assert len(false) / years < 2
    # What is no split and no false alarm is another action, which holds the accounts rightly.
    assert len(_alarms()) - len(false) >= 100 + 20
