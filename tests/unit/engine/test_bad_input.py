"""Bad input, kind by kind: a fault that names its place in the file, or a relaxed outcome that says what gave way."""

import json
from pathlib import Path

import pytest

from rebalancing.engine.case import canonical_json, check_case, parse_case
from rebalancing.engine.outcome import Outcome
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.types import BadCase
from rebalancing.management.commands.solve import solve_bytes
from tests import cases as c

MARKET = (
    c.security("AAPL", 190),
    c.security("XOM", 100, sector="Energy"),
    c.security("BND", 80, "bonds", quantity_step="0.5"),
)
PLAIN = c.case(
    MARKET,
    (
        c.account(
            cash=1200,
            lots=(
                c.lot("L1 AAPL 10 @ 150 2021-05-03"),
                c.lot("L2 XOM 5 @ 90 2021-05-03"),
                c.lot("L3 BND 4.75 @ 90 2021-05-03"),
                c.lot("L4 XOM 2 @ ? 2021-05-03"),
            ),
            target={"AAPL": 0.6, "XOM": 0.38, "CASH": 0.02},
            trading={"pinned": ({"security": "AAPL", "side": "sell", "quantity": "3"},)},
        ),
    ),
)
A, PIN = "accounts.0", "accounts.0.trading.pinned.0"
HUGE = "must be at most 1e+15 in size"


def changed(*changes: tuple[str, c.Wired]) -> bytes:
    """Write the plain case with values replaced; `...` takes the value out."""
    plain = json.loads(canonical_json(PLAIN))
    for path, value in changes:
        *parents, last = path.split(".")
        at = plain
        for name in parents:
            at = at[int(name)] if isinstance(at, list) else at[name]
        if value is ...:
            del at[last]
        else:
            at[int(last) if isinstance(at, list) else last] = value
    return json.dumps(plain).encode()


def faults_of(data: bytes) -> list[str]:
    with pytest.raises(BadCase) as refused:
        parse_case(data)
    return [str(fault) for fault in refused.value.faults]


def outcome_of(**fields: c.Wired) -> Outcome:
    """Solve one account of shares and cash under other rules."""
    plain = {
        "cash": 1000,
        "lots": (c.lot("L1 AAPL 10 @ 150 2021-05-03"), c.lot("L2 XOM 20 @ 90 2021-05-03")),
        "target": {"AAPL": 0.5, "XOM": 0.48, "CASH": 0.02},
    }
    return rebalance(c.case(MARKET, (c.account(**{**plain, **fields}),)))


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("securities.0.price", ..., "securities[0].price: is missing"),
        ("securities.0.price", None, "securities[0].price: expected `decimal`, got `null`"),
        ("securities.0.price", "-3", "securities[0].price: must be > 0 (AAPL)"),
        ("securities.0.price", "1e999999", f"securities[0].price: {HUGE} (AAPL)"),
        ("securities.0.price", "1e-400", "securities[0].price: must be at least 1e-9, is 1e-400 (AAPL)"),
        ("securities.0.price", "Infinity", "securities[0].price: must be a number, is Infinity (AAPL)"),
        ("securities.0.half_spread_bps", 1e300, "securities[0].half_spread_bps: must be at most 10000"),
        ("securities.0.id", "", "securities[0].id: an empty name is not the id of a security"),
        ("risk_model.specific_variance.XOM", ..., "risk_model.specific_variance.XOM: is missing: the risk model must"),
        (
            "risk_model.specific_variance.XOM",
            1e300,
            "risk_model.specific_variance.XOM: must be at most 1e+06, is",
        ),
        ("risk_model.exposures.XOM", ..., "risk_model.exposures.XOM: is missing: the risk model must cover it"),
        ("risk_model.exposures.XOM", [1e300], "risk_model.exposures.XOM[0]: must be at most 1e+06 in size, is 1e+300"),
        (
            "risk_model.factor_covariance",
            [[1e300]],
            "risk_model.factor_covariance[0][0]: must be at most 1e+06 in size",
        ),
        ("as_of", "0001-01-01", "as_of: must be between 1900-01-01 and 2200-12-31, is 0001-01-01"),
        ("as_of", "9999-12-31", "as_of: must be between 1900-01-01 and 2200-12-31, is 9999-12-31"),
        (f"{A}.lots.0.acquired", "0001-01-01", "accounts[0].lots[0].acquired: must be between 1900-01-01 and"),
        (f"{A}.lots.0.quantity", "1e999999", f"accounts[0].lots[0].quantity: {HUGE}"),
        (f"{A}.lots.0.quantity", "sNaN", "accounts[0].lots[0].quantity: must be a number, is sNaN"),
        (f"{A}.lots.0.cost", "1e30", f"accounts[0].lots[0].cost: {HUGE}"),
        (f"{A}.lots.0.loss_cost", "-1", "accounts[0].lots[0].loss_cost: must be >= 0"),
        (f"{A}.lots.3.loss_cost", "1", "accounts[0].lots[3].loss_cost: needs a cost beside it"),
        (f"{A}.lots.1.id", "L1", "accounts[0].lots[1].id: lot L1 appears twice"),
        (f"{A}.cash", "1e999999", f"accounts[0].cash: {HUGE}"),
        (f"{A}.after_tax_weight", 1e-300, "accounts[0].after_tax_weight: must be at least 1e-9, is 1e-300"),
        (f"{A}.target.AAPL", 1e308, "accounts[0].target: weights must sum to 1, sum to 1"),
        (f"{A}.target.AAPL", -0.6, "accounts[0].target.AAPL: must be >= 0, is -0.6"),
        (f"{A}.target", {}, "accounts[0].target: weights must sum to 1, sum to 0.000000"),
        (f"{A}.cash_needs.raise", "99999", "accounts[0]: the value that stays must be > 0, is -95819.00 dollars"),
        (f"{A}.tax.discount_rate", -0.999999, "accounts[0].tax.discount_rate: must be between 0 and 1, is -0.999999"),
        (f"{A}.tax.deferral_years", 1e300, f"accounts[0].tax.deferral_years: {HUGE}"),
        (f"{A}.tax.long_rate", 0.5, "accounts[0].tax.short_rate: must be at least ordinary_rate and long_rate"),
        (f"{A}.trading.max_trades", 10**30, f"accounts[0].trading.max_trades: {HUGE}"),
        (f"{PIN}.security", "GONE", "accounts[0].trading.pinned[0].security: GONE is not among the securities"),
        (f"{PIN}.quantity", "11", "accounts[0].trading.pinned[0].quantity: is more than what is held"),
        (f"{PIN}.quantity", "2.5", "accounts[0].trading.pinned[0].quantity: must be a multiple of the quantity_step 1"),
        (
            f"{PIN}.lots",
            [{"lot": "L1", "quantity": "NaN"}],
            "accounts[0].trading.pinned[0].lots[0].quantity: must be",
        ),
        (
            f"{PIN}.lots",
            [{"lot": "L1", "quantity": "1"}, {"lot": "L1", "quantity": "2"}],
            "accounts[0].trading.pinned[0].lots[1].lot: pinned lot L1 appears twice",
        ),
        (
            PIN,
            {"security": "XOM", "side": "sell", "quantity": "7"},
            "accounts[0].trading.pinned[0].quantity: is more than what may be sold: a lot without a known basis",
        ),
        (
            PIN,
            {"security": "XOM", "side": "sell", "quantity": "2", "lots": [{"lot": "L4", "quantity": "2"}]},
            "accounts[0].trading.pinned[0].lots[0].lot: L4 has no known basis and is never sold",
        ),
        (
            f"{A}.constraints",
            [{"verb": "range", "security": "XOM", "min_value": "NaN", "max_value": "1"}],
            "accounts[0].constraints[0].min_value: must be a number, is NaN",
        ),
        (
            f"{A}.constraints",
            [{"verb": "range", "security": "XOM", "min_quantity": "2", "max_quantity": "1"}],
            "accounts[0].constraints[0]: min_quantity 2 is above max_quantity 1",
        ),
    ],
)
def test_what_cannot_be_is_a_fault_at_its_place(path: str, value: c.Wired, fault: str) -> None:
    told = faults_of(changed((path, value)))

    assert any(line.startswith(fault) for line in told), told


def test_the_plain_case_is_sound() -> None:
    assert parse_case(changed()).version == 1


def test_faults_of_every_part_are_told_together() -> None:
    told = faults_of(
        changed(
            ("securities.1.price", "0"),
            ("risk_model.specific_variance.BND", -1),
            (f"{A}.lots.2.quantity", "-1"),
            (f"{A}.target.XOM", 0.1),
            (f"{PIN}.quantity", "99"),
        )
    )

    assert [line.split(":")[0] for line in told] == [
        "securities[1].price",
        "risk_model.specific_variance.BND",
        "accounts[0].lots[2].quantity",
        "accounts[0].target",
        "accounts[0].trading.pinned[0].quantity",
    ]


def test_a_pinned_sale_may_close_a_position_that_is_no_multiple_of_the_step() -> None:
    case = parse_case(changed((PIN, {"security": "BND", "side": "sell", "quantity": "4.75"})))

    assert str(case.accounts[0].trading.pinned[0].quantity) == "4.75"


def test_numbers_that_no_json_can_hold_are_faults_where_a_case_is_built_in_python() -> None:
    target = {"AAPL": float("nan"), "XOM": 0.4, "CASH": 0.6}

    with pytest.raises(BadCase) as refused:
        check_case(c.case(MARKET, (c.account(cash=100, target=target),)))

    assert {fault.path for fault in refused.value.faults} == {"accounts[0].target.AAPL", "accounts[0].target"}


def test_an_empty_account_is_a_fault() -> None:
    told = faults_of(changed((f"{A}.lots", []), (f"{A}.cash", "0"), (f"{A}.trading.pinned", [])))

    assert told == ["accounts[0]: the value that stays must be > 0, is 0.00 dollars"]


def test_where_everything_is_restricted_nothing_trades() -> None:
    rules = tuple({"verb": "never_trade", "security": item.id} for item in MARKET)
    outcome = outcome_of(constraints=rules)

    assert outcome.accounts[0].trades == ()
    assert not outcome.faults


def test_a_need_for_cash_that_restricted_shares_cannot_meet_is_relaxed_by_name() -> None:
    rules = tuple({"verb": "never_sell", "security": item.id} for item in MARKET)
    outcome = outcome_of(constraints=rules, cash_needs={"raise": "2500"})

    assert outcome.status == "relaxed"
    assert "cash_raise" in [item.rule for item in outcome.accounts[0].relaxed]
    assert all(item.by for item in outcome.accounts[0].relaxed)


def test_ranges_of_one_subject_that_exclude_each_other_are_relaxed_by_name() -> None:
    rules = (
        {"verb": "range", "security": "AAPL", "min_weight": 0.6, "max_weight": 0.9},
        {"verb": "range", "security": "AAPL", "min_weight": 0.1, "max_weight": 0.2},
    )
    outcome = outcome_of(constraints=rules)

    assert outcome.status == "relaxed"
    assert "range security AAPL" in [item.rule for item in outcome.accounts[0].relaxed]


def test_shares_of_unknown_basis_are_weighed_and_never_sold() -> None:
    outcome = outcome_of(
        lots=(c.lot("L1 AAPL 20 @ ? 2021-05-03"),),
        target={"XOM": 0.98, "CASH": 0.02},
        tax=None,
        status="deferred",
    )

    assert all(trade.side == "buy" for trade in outcome.accounts[0].trades)


@pytest.mark.parametrize("data", [b"", b"[" * 50_000, b"\xff", b"null", b'{"version": 1}', changed((f"{A}.cash", "x"))])
def test_the_command_writes_an_invalid_outcome_for_what_it_cannot_read(data: bytes, tmp_path: Path) -> None:
    solved = solve_bytes(data, blobs=tmp_path)

    assert b'"status":"invalid"' in solved.outcome
    assert solved.faults
    assert all("\n" not in line for line in solved.faults)
