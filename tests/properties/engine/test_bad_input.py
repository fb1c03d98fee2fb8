"""Whatever the bytes: a case is read, or refused with its faults named; nothing else is ever raised."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebalancing.engine.case import canonical_json, case_hash, parse_case
from rebalancing.engine.problem import build_problem
from rebalancing.engine.types import BadCase, Case
from tests import cases as c

MARKET = (c.security("AAPL", 190), c.security("XOM", 100, sector="Energy"), c.security("BND", 80, "bonds"))
GOOD = c.case(
    MARKET,
    (
        c.account(
            cash=1200,
            lots=(
                c.lot("L1 AAPL 10 @ 150 2021-05-03"),
                c.lot("L2 AAPL 5 @ 250 2021-05-03", loss_cost="900"),
                c.lot("L3 XOM 5 @ ? 2021-05-03"),
            ),
            target={"AAPL": 0.6, "XOM": 0.38, "CASH": 0.02},
            class_limits={"us_large": (0.5, 1.0)},
            substitutes=({"for": "AAPL", "use": "XOM"},),
            constraints=(
                {"verb": "range", "sector": "Energy", "min_weight": 0.1, "max_weight": 0.5},
                {"verb": "range", "security": "BND", "min_value": "10", "max_value": "500"},
                {"verb": "never_own", "screen": "tobacco", "disposal": "within_budget"},
            ),
            trading={"pinned": ({"security": "AAPL", "side": "sell", "quantity": "3"},), "max_tracking_error": 0.05},
        ),
        c.account("A2", status="deferred", cash=100, target={"BND": 1.0}),
    ),
    recent_trades=(c.recent("A2 buy 15 XOM 2026-02-20"),),
)
PLAIN = json.loads(canonical_json(GOOD))
WEIRD: st.SearchStrategy[object] = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 2, 0.5, -0.5, 1e308, -1e308, 5e-324, 10**30, -(10**400), "", "x", "0", "-1", "NaN",
        "sNaN", "-Infinity", "1e999999", "1e-999999", "9" * 400, "0.1", "1", "CASH", "AAPL", "sell", "none", "range",
        "0001-01-01", "9999-12-31", "2026-03-02", "2026-02-30", [], {}, [[]], [None], {"": None}, {"sha256": "0" * 64},
        {"sha256": 5}, "\u0000", "\U0001f600",
    ]
)  # fmt: skip


def places(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the way to every part of a JSON value, its own excepted."""
    if isinstance(value, dict):
        inner = [((*at, key), item) for key, item in value.items()]
    else:
        inner = [((*at, key), item) for key, item in enumerate(value)] if isinstance(value, list) else []
    return [way for way, _ in inner] + [found for way, item in inner for found in places(item, way)]


PLACES = places(PLAIN)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """Drop, replace, double or swap a few parts of a good case."""
    plain = copy.deepcopy(PLAIN)
    for way in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=4)):
        at = plain
        try:
            for key in way[:-1]:
                at = at[key]
            spoil(at, way[-1], draw)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has removed this place
    return json.dumps(plain).encode()


def spoil(at: c.Wired, key: str | int, draw: st.DrawFn) -> None:
    kind = draw(st.sampled_from(["drop", "replace", "replace", "replace", "double", "swap"]))
    if kind == "drop":
        del at[key]
    elif kind == "replace":
        at[key] = draw(WEIRD)
    elif kind == "double" and isinstance(at, list):
        at.append(copy.deepcopy(at[int(key)]))
    elif kind == "double":
        at[f"{key}x"] = copy.deepcopy(at[key])
    else:
        other = draw(st.sampled_from(sorted(at, key=str) if isinstance(at, dict) else range(len(at))))
        at[key], at[other] = at[other], at[key]


def read(data: bytes) -> Case | None:
    """Read a case; None where it is refused with faults of one line each that say where and what."""
    try:
        return parse_case(data)
    except BadCase as refused:
        faults = refused.faults
    assert faults
    assert all(fault.message for fault in faults)
    return None


@settings(max_examples=600, deadline=None)
@given(data=spoiled())
def test_a_spoiled_case_is_refused_by_name_or_can_be_built(data: bytes) -> None:
    case = read(data)

    if case is not None:
        assert case_hash(case) == case_hash(parse_case(canonical_json(case)))
        assert build_problem(case).value_usd > 0


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=60))
def test_bytes_of_any_kind_are_refused(data: bytes) -> None:
    assert read(data) is None


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(canonical_json(GOOD)) - 1), byte=st.integers(0, 255))
def test_one_changed_byte_never_breaks_the_reader(at: int, byte: int) -> None:
    data = bytearray(canonical_json(GOOD))
    data[at] = byte

    case = read(bytes(data))

    assert case is None or case_hash(case)


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe{}", b'"\\ud800"', b"9" * 5000])
def test_json_that_no_reader_can_hold_is_refused(data: bytes) -> None:
    assert read(data) is None


def test_a_good_case_is_read() -> None:
    assert read(canonical_json(GOOD)) == GOOD
