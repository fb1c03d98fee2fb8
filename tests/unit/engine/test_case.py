"""A case is read from JSON, refused with every fault named, and hashed by its content."""

import datetime as dt
import hashlib
import json
from decimal import Decimal

import msgspec
import pytest

from rebalancing.engine.case import canonical_json, case_hash, parse_case, split_case
from rebalancing.engine.types import BadCase, Case, CashNeeds
from tests import cases as c

MARKET = (c.security("AAPL", "190.10"), c.security("BND", 80, "bonds", identity_group="AGG"))
CASE = c.case(
    MARKET,
    (
        c.account(
            cash=1200,
            lots=(c.lot("L1 AAPL 10 @ 150 2021-05-03"),),
            target={"AAPL": 0.6, "BND": 0.38, "CASH": 0.02},
            substitutes=({"for": "AAPL", "use": "BND", "hurdle_bps": 5},),
            cash_needs={"raise": "200"},
        ),
    ),
    recent_trades=(c.recent("A2 buy 15 BND 2026-02-20"),),
)


def faults_of(data: bytes) -> list[str]:
    with pytest.raises(BadCase) as refused:
        parse_case(data)
    return [str(fault) for fault in refused.value.faults]


def raw() -> dict[str, c.Wired]:
    plain: dict[str, c.Wired] = json.loads(canonical_json(CASE))
    return plain


def test_a_case_survives_writing_and_reading() -> None:
    assert parse_case(canonical_json(CASE)) == CASE


def test_decimals_are_read_exactly_and_dates_as_dates() -> None:
    case = parse_case(canonical_json(CASE))

    assert case.securities[0].price == Decimal("190.10")
    assert case.accounts[0].lots[0].acquired == dt.date(2021, 5, 3)


def test_the_words_of_the_wire_that_python_reserves_are_read() -> None:
    account = parse_case(canonical_json(CASE)).accounts[0]

    assert account.cash_needs.raise_ == 200
    assert account.substitutes[0].for_ == "AAPL"


def test_what_is_left_out_takes_its_default() -> None:
    plain = raw()
    del plain["household"], plain["context"], plain["recent_trades"]
    del plain["accounts"][0]["cash_needs"]

    case = parse_case(json.dumps(plain).encode())

    assert case.household is None
    assert case.accounts[0].cash_needs == CashNeeds()
    assert case.securities[0].group == "AAPL"
    assert case.securities[1].group == "AGG"


@pytest.mark.parametrize("quantity", ["10", "10.0", "1E+1", "10.000"])
def test_equal_cases_hash_alike_however_their_decimals_are_written(quantity: str) -> None:
    plain = raw()
    plain["accounts"][0]["lots"][0]["quantity"] = quantity

    assert case_hash(parse_case(json.dumps(plain).encode())) == case_hash(CASE)


def test_the_hash_does_not_depend_on_the_order_of_keys() -> None:
    backwards = json.dumps(dict(reversed(raw().items()))).encode()

    assert case_hash(parse_case(backwards)) == case_hash(CASE)


@pytest.mark.parametrize(
    "changed",
    [
        {"as_of": dt.date(2026, 3, 3)},
        {"securities": (MARKET[0], msgspec.structs.replace(MARKET[1], price=Decimal("80.01")))},
        {"recent_trades": ()},
        {"accounts": (msgspec.structs.replace(CASE.accounts[0], cash=Decimal("1200.01")),)},
    ],
)
def test_another_content_has_another_hash(changed: dict[str, c.Wired]) -> None:
    assert case_hash(msgspec.structs.replace(CASE, **changed)) != case_hash(CASE)


def test_a_case_with_its_shared_parts_apart_is_the_same_case() -> None:
    split = split_case(CASE)

    case = parse_case(split.case_json, resolve=split.blobs.__getitem__)

    assert case == CASE
    assert case_hash(case) == case_hash(CASE)
    assert b"190.1" not in split.case_json
    assert len(split.blobs) == 2


def test_a_shared_part_whose_bytes_were_changed_is_refused() -> None:
    split = split_case(CASE)

    with pytest.raises(BadCase, match="does not have this hash"):
        parse_case(split.case_json, resolve=lambda digest: split.blobs[digest] + b" ")


def test_a_shared_part_without_a_store_is_refused_by_name() -> None:
    told = faults_of(split_case(CASE).case_json)

    assert len(told) == 2
    assert told[0].startswith("securities: shared part sha256 ")


def test_a_fault_inside_a_shared_part_has_its_path() -> None:
    broken = b'[{"id":"AAPL","price":"x","asset_class":"us_large"}]'
    digest = hashlib.sha256(broken).hexdigest()
    plain = raw() | {"securities": {"sha256": digest}}

    with pytest.raises(BadCase, match=r"securities\[0\]\.price"):
        parse_case(json.dumps(plain).encode(), resolve={digest: broken}.__getitem__)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[1]", "a case must be a JSON object"),
        (b"null", "a case must be a JSON object"),
    ],
)
def test_what_is_no_json_object_is_refused(data: bytes, sentence: str) -> None:
    assert faults_of(data)[0].startswith(sentence)


def test_every_fault_of_shape_is_named_not_only_the_first() -> None:
    plain = raw()
    plain["as_of"] = "yesterday"
    plain["accounts"][0]["lots"][0]["quantity"] = "ten"
    plain["accounts"][0]["colour"] = "red"
    plain["accounts"][0]["tax"]["harvest"] = "sometimes"
    del plain["securities"][0]["price"]
    plain["accounts"][0]["target"]["AAPL"] = "much"

    told = faults_of(json.dumps(plain).encode())

    paths = {fault.split(":")[0] for fault in told}
    assert paths == {
        "as_of",
        "accounts[0].lots[0].quantity",
        "accounts[0].colour",
        "accounts[0].tax.harvest",
        "securities[0].price",
        "accounts[0].target.AAPL",
    }


def test_a_written_case_is_canonical() -> None:
    first = canonical_json(CASE)

    assert canonical_json(parse_case(first)) == first
    assert isinstance(parse_case(first), Case)
