"""Everything that is wrong with the values of a case is named with its path, in one line, and nothing else is."""

import json

import pytest

from rebalancing.engine.case import canonical_json, parse_case
from rebalancing.engine.types import BadCase
from tests import cases as c

MARKET = (c.security("AAPL", 190), c.security("XOM", 100))
PLAIN = c.case(
    MARKET,
    (
        c.account(
            cash=1200,
            lots=(c.lot("L1 AAPL 10 @ 150 2021-05-03"), c.lot("L2 AAPL 5 @ 150 2021-05-03")),
            target={"AAPL": 0.6, "XOM": 0.38, "CASH": 0.02},
            substitutes=({"for": "AAPL", "use": "XOM"},),
            constraints=({"verb": "range", "sector": "Energy", "min_weight": 0.1, "max_weight": 0.2},),
            trading={"pinned": ({"security": "AAPL", "side": "sell", "quantity": "3"},)},
        ),
        c.account("A2", cash=10, target={"CASH": 1.0}),
    ),
    recent_trades=(c.recent("A2 buy 15 XOM 2026-02-20"),),
)
LOT, ACCOUNT = "accounts.0.lots.0", "accounts.0"
PIN, TAX, TRADING = "accounts.0.trading.pinned.0", "accounts.0.tax", "accounts.0.trading"


def changed(*changes: tuple[str, object]) -> bytes:
    """Write the plain case with values replaced: `accounts.0.lots.0.quantity`."""
    plain = json.loads(canonical_json(PLAIN))
    for path, value in changes:
        *parents, last = path.split(".")
        at = plain
        for name in parents:
            at = at[int(name)] if isinstance(at, list) else at[name]
        at[int(last) if isinstance(at, list) else last] = value
    return json.dumps(plain).encode()


def faults_of(data: bytes) -> list[str]:
    with pytest.raises(BadCase) as refused:
        parse_case(data)
    return [str(fault) for fault in refused.value.faults]


def test_the_plain_case_has_no_fault() -> None:
    assert parse_case(changed()).accounts


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("version", 2, "version: must be 1, is 2"),
        ("accounts", [], "accounts: must name at least one account"),
        ("accounts.1.id", "A1", "accounts[1].id: account A1 appears twice"),
        ("securities.1.id", "AAPL", "securities[1].id: security AAPL appears twice"),
        ("securities.0.id", "CASH", "securities[0].id: CASH is not the id of a security"),
        ("securities.0.price", "0", "securities[0].price: must be > 0 (AAPL)"),
        ("securities.0.price", "NaN", "securities[0].price: must be a number, is NaN (AAPL)"),
        ("securities.0.quantity_step", "-1", "securities[0].quantity_step: must be > 0 (AAPL)"),
        ("securities.0.half_spread_bps", -1, "securities[0].half_spread_bps: must be >= 0"),
        ("risk_model.exposures", {"AAPL": [1.0]}, "risk_model.exposures.XOM: is missing: the risk model must cover it"),
        ("risk_model.exposures.XOM", [1.0, 2.0], "risk_model.exposures.XOM: must have 1 numbers, one a factor, has 2"),
        ("risk_model.specific_variance.XOM", -0.1, "risk_model.specific_variance.XOM: must be >= 0, is -0.1"),
        (
            "risk_model.factor_covariance",
            [[-0.1]],
            "risk_model.factor_covariance[0][0]: a variance must be >= 0, is -0.1",
        ),
        (
            "risk_model.factor_covariance",
            [],
            "risk_model.factor_covariance: must be 1 by 1, one row and column a factor",
        ),
        (f"{LOT}.quantity", "0", "accounts[0].lots[0].quantity: must be > 0"),
        (f"{LOT}.cost", "-1", "accounts[0].lots[0].cost: must be >= 0"),
        (f"{LOT}.security", "NONE", "accounts[0].lots[0].security: NONE is not among the securities"),
        (
            f"{LOT}.acquired",
            "2026-03-03",
            "accounts[0].lots[0].acquired: must not be after as_of 2026-03-02, is 2026-03-03",
        ),
        (
            f"{LOT}.holding_date",
            "2022-01-01",
            "accounts[0].lots[0].holding_date: must not be after acquired 2021-05-03",
        ),
        ("accounts.0.lots.1.id", "L1", "accounts[0].lots[1].id: lot L1 appears twice"),
        (f"{ACCOUNT}.cash", "NaN", "accounts[0].cash: must be a number, is NaN"),
        (f"{ACCOUNT}.cash", "-99999", "accounts[0]: the value that stays must be > 0, is -97149.00 dollars"),
        (f"{ACCOUNT}.cash_needs.raise", "4050", "accounts[0]: the value that stays must be > 0, is 0.00 dollars"),
        (f"{ACCOUNT}.cash_needs.reserve_amount", "-1", "accounts[0].cash_needs.reserve_amount: must be >= 0"),
        (f"{ACCOUNT}.cash_needs.max_weight", 1.5, "accounts[0].cash_needs.max_weight: must be between 0 and 1, is 1.5"),
        (f"{ACCOUNT}.target.AAPL", 0.5, "accounts[0].target: weights must sum to 1, sum to 0.900000"),
        (f"{ACCOUNT}.target.GONE", 0.0, "accounts[0].target.GONE: is not among the securities"),
        (
            f"{ACCOUNT}.class_limits",
            {"bonds": [0.5, 0.4]},
            "accounts[0].class_limits.bonds: must be [min, max] with 0 <= min <= max <= 1, is [0.5, 0.4]",
        ),
        (f"{ACCOUNT}.substitutes.0.use", "AAPL", "accounts[0].substitutes[0]: AAPL cannot stand in for itself"),
        (f"{ACCOUNT}.substitutes.0.use", "GONE", "accounts[0].substitutes[0].use: GONE is not among the securities"),
        (f"{ACCOUNT}.substitutes.0.hurdle_bps", -1, "accounts[0].substitutes[0].hurdle_bps: must be >= 0"),
        (
            f"{ACCOUNT}.constraints.0.min_weight",
            0.3,
            "accounts[0].constraints[0]: min_weight 0.3 is above max_weight 0.2",
        ),
        (f"{ACCOUNT}.constraints.0.verb", "never_buy", "accounts[0].constraints[0]: bounds belong to range only"),
        (f"{ACCOUNT}.constraints.0.disposal", "now", "accounts[0].constraints[0].disposal: belongs to never_own only"),
        (f"{TAX}.short_rate", 0.2, "accounts[0].tax.short_rate: must be at least ordinary_rate and long_rate"),
        (f"{TAX}.long_rate", 1.2, "accounts[0].tax.long_rate: must be between 0 and 1, is 1.2"),
        (f"{TAX}.budget_tax", "-5", "accounts[0].tax.budget_tax: must be >= 0"),
        (f"{TAX}.carryforward_long", "-5", "accounts[0].tax.carryforward_long: must be >= 0"),
        (
            f"{TAX}.carried_loss_rate",
            0.01,
            (
                "accounts[0].tax.carried_loss_rate: must be at least 0.132898, "
                "the present value of the long_rate (deferral_years, discount_rate)"
            ),
        ),
        (
            f"{TAX}.carried_loss_rate",
            0.3,
            "accounts[0].tax.carried_loss_rate: must be at most ordinary_rate and long_rate, is 0.300000",
        ),
        ("accounts.1.tax.ordinary_rate", 0.35, "accounts[1].tax: differs from accounts[0].tax of the same return R1"),
        (f"{ACCOUNT}.tax_return", None, "accounts[0].tax_return: is missing: a taxable account belongs to a return"),
        (f"{ACCOUNT}.tax", None, "accounts[0].tax: is missing: a taxable account needs its tax block"),
        (
            f"{TRADING}.tracking_preference",
            11,
            "accounts[0].trading.tracking_preference: must be between 1 and 10, is 11",
        ),
        (f"{TRADING}.max_tracking_error", 0, "accounts[0].trading.max_tracking_error: must be > 0"),
        (f"{TRADING}.min_trade", "-1", "accounts[0].trading.min_trade: must be >= 0"),
        (f"{PIN}.security", "XOM", "accounts[0].trading.pinned[0].quantity: is more than what is held"),
        (f"{PIN}.quantity", None, "accounts[0].trading.pinned[0].quantity: is missing"),
        (f"{PIN}.side", "none", "accounts[0].trading.pinned[0]: side none has neither quantity nor lots"),
        (
            f"{PIN}.lots",
            [{"lot": "L9", "quantity": "3"}],
            "accounts[0].trading.pinned[0].lots[0].lot: L9 is not a lot of AAPL",
        ),
        (
            f"{PIN}.lots",
            [{"lot": "L1", "quantity": "2"}],
            "accounts[0].trading.pinned[0].lots: must add up to the quantity 3",
        ),
        ("recent_trades.0.quantity", "0", "recent_trades[0].quantity: must be > 0"),
        (
            "recent_trades.0.date",
            "2026-03-09",
            "recent_trades[0].date: must not be after as_of 2026-03-02, is 2026-03-09",
        ),
    ],
)
def test_a_fault_is_named_with_its_path(path: str, value: object, fault: str) -> None:
    assert fault in faults_of(changed((path, value)))


def test_all_faults_are_told_at_once() -> None:
    told = faults_of(changed(("version", 3), (f"{LOT}.quantity", "-1"), (f"{TAX}.budget_tax", "-1")))

    assert told[:3] == [
        "version: must be 1, is 3",
        "accounts[0].lots[0].quantity: must be > 0",
        "accounts[0].tax.budget_tax: must be >= 0",
    ]


def test_a_constraint_has_exactly_one_subject() -> None:
    both = faults_of(changed((f"{ACCOUNT}.constraints.0.country", "US")))
    none = faults_of(changed((f"{ACCOUNT}.constraints.0.sector", None)))

    assert both[0].startswith("accounts[0].constraints[0]: must have exactly one of security, ")
    assert both[0].endswith("has 2")
    assert none[0].endswith("has 0")


def test_a_range_needs_a_bound() -> None:
    told = faults_of(
        changed((f"{ACCOUNT}.constraints.0.min_weight", None), (f"{ACCOUNT}.constraints.0.max_weight", None))
    )

    assert told == ["accounts[0].constraints[0]: a range needs at least one bound"]


def test_a_covariance_that_no_returns_can_have_is_refused() -> None:
    model = {"factors": ["a", "b"], "factor_covariance": [[1.0, 2.0], [2.0, 1.0]]}
    told = faults_of(
        changed(
            ("risk_model.factors", model["factors"]),
            ("risk_model.factor_covariance", model["factor_covariance"]),
            ("risk_model.exposures", {"AAPL": [1.0, 0.0], "XOM": [1.0, 0.0]}),
        )
    )

    assert told == ["risk_model.factor_covariance: must be positive semi-definite, has the eigenvalue -1"]


def test_a_covariance_that_is_not_symmetric_is_refused() -> None:
    told = faults_of(
        changed(
            ("risk_model.factors", ["a", "b"]),
            ("risk_model.factor_covariance", [[1.0, 0.2], [0.1, 1.0]]),
            ("risk_model.exposures", {"AAPL": [1.0, 0.0], "XOM": [1.0, 0.0]}),
        )
    )

    assert told == ["risk_model.factor_covariance[0][1]: must equal [1][0]"]


def test_the_tax_block_of_an_account_that_is_not_taxed_is_ignored() -> None:
    assert parse_case(changed((f"{ACCOUNT}.tax_status", "deferred"), (f"{TAX}.short_rate", 0.0))).accounts


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("path", [f"{LOT}.quantity", f"{LOT}.cost", f"{ACCOUNT}.cash", f"{TAX}.budget_tax"])
def test_what_is_no_number_is_a_fault_and_no_traceback(path: str, value: str) -> None:
    assert faults_of(changed((path, value)))
