"""An outcome is compared with its case figure by figure; nothing that it claims is taken on trust."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import pytest

from rebalancing.engine.outcome import Outcome, Relaxed, ReturnOutcome, Trade
from rebalancing.engine.types import Case, Fault
from rebalancing.engine.verify import declare, judge_trades, verify, with_checks
from tests import cases as c

MARKET = (c.security("AAPL", 200, sector="Technology"), c.security("XOM", 100, sector="Energy"))
LOTS = (c.lot("L1 AAPL 10 @ 250 2025-06-03"), c.lot("L2 AAPL 10 @ 100 2020-06-03"))
TARGET = {"AAPL": 0.5, "XOM": 0.4, "CASH": 0.1}


def a_case(*, tax: Mapping[str, c.Wired] | None = None, **fields: c.Wired) -> Case:
    """Worth 10,000: 4,000 of AAPL and 6,000 of cash."""
    return_of: dict[str, c.Wired] = {**msgspec.to_builtins(c.TAX), **(tax or {})}
    held: dict[str, c.Wired] = {"cash": 6000, "lots": LOTS, "target": TARGET, "tax": return_of, **fields}
    return c.case(MARKET, (c.account(**held),))


CASE = a_case(tax={"budget_tax": "500"})
TRADES = (c.trade(CASE, "sell 10 AAPL", "L1 10"), c.trade(CASE, "buy 30 XOM"))
HONEST = c.outcome(CASE, TRADES)


def altered(outcome: Outcome, path: str, value: object) -> Outcome:
    """Replace one value deep inside an outcome: `accounts.0.cash_after`."""
    plain = msgspec.to_builtins(outcome)
    *parents, last = path.split(".")
    at = plain
    for name in parents:
        at = at[int(name)] if name.isdigit() else at[name]
    at[last] = value
    return msgspec.convert(plain, type=Outcome)


def test_an_honest_outcome_is_clean() -> None:
    verification = verify(CASE, HONEST)

    assert verification.faults == ()
    assert verification.is_clean
    assert {check.verdict for check in verification.checks["A1"]} == {"pass"}


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("version", 2, "version is reported as 2"),
        ("case_hash", "sha256:00", "case_hash is not the hash of this case"),
        ("status", "no_trade", "status is no_trade, though there are trades"),
        ("status", "relaxed", "status is relaxed, though nothing gave way"),
        ("objective", HONEST.objective + 0.01, "objective is reported as"),
        ("lower_bound", HONEST.objective + 1, "above the objective"),
        ("gap_bps", 1.0, "gap_bps is reported as 1"),
        ("accounts.0.id", "A9", "accounts are reported as A9"),
        ("accounts.0.cash_after", "5000.00", "cash_after is reported as 5000.00, it is 4999.00"),
        ("accounts.0.cost", "1.01", "cost is reported as 1.01, it is 1.00"),
        ("accounts.0.short_gain", "-499.99", "short_gain is reported as -499.99, it is -500.00"),
        ("accounts.0.long_gain", "1.00", "long_gain is reported as 1.00, it is 0.00"),
        ("accounts.0.turnover", 0.26, "turnover is reported as 0.26, it is 0.25"),
        ("accounts.0.tracking_error_before", 0.5, "tracking_error_before is reported as 0.5"),
        ("accounts.0.tracking_error_after", 0.5, "tracking_error_after is reported as 0.5"),
        ("accounts.0.opportunity", "1.00", "opportunity is reported as 1.00"),
        ("accounts.0.opportunity_bps", 1.0, "opportunity_bps is reported as 1"),
        ("accounts.0.trades.0.lots.0.gain", "-500.01", "gain is reported as -500.01, it is -500.00"),
        ("accounts.0.trades.0.lots.0.term", "long", "term is reported as long, it is short"),
        ("accounts.0.trades.0.lots.0.waiting", "3.00", "waiting is reported as 3.00, nothing is harvested"),
        ("accounts.0.checks", [{"rule": "booking", "verdict": "pass", "evidence": ""}], "checks are not what"),
        ("accounts.0.relaxed", [{"rule": "gift", "by": "1 dollars", "because": "x"}], "gift is reported as relaxed"),
        ("returns.0.short_gain", "-400.00", "short_gain is reported as -400.00, it is -500.00"),
        ("returns.0.long_gain", "1.00", "long_gain is reported as 1.00, it is 0.00"),
        ("returns.0.tax_caused", "0.00", "tax_caused is reported as 0.00, it is -185.00"),
        ("returns.0.budget_left", "500.00", "budget_left is reported as 500.00, it is 685.00"),
        ("returns.0.budget_left", None, "budget_left is reported as None"),
        ("returns.0.id", "R2", "returns are reported as R2, the case has R1"),
    ],
)
def test_a_figure_that_is_not_true_is_a_fault(path: str, value: object, sentence: str) -> None:
    verification = verify(CASE, altered(HONEST, path, value))

    assert any(sentence in fault for fault in verification.faults), verification.faults
    assert not verification.is_clean


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("accounts.0.trades.0.price", "201"),
        ("accounts.0.trades.1.quantity", "NaN"),
        ("accounts.0.trades.0.lots.0.quantity", "NaN"),
        ("accounts.0.trades.0.lots.0.waiting", "NaN"),
        ("accounts.0.trades.1.security", "NOBODY"),
    ],
)
def test_a_trade_that_cannot_be_booked_fails_the_booking_check(path: str, value: str) -> None:
    verification = verify(CASE, altered(HONEST, path, value))

    assert next(check for check in verification.checks["A1"] if check.rule == "booking").verdict == "fail"


def test_the_written_checks_are_those_that_a_second_reading_finds() -> None:
    written = with_checks(HONEST, verify(CASE, HONEST))

    assert written.accounts[0].checks
    assert verify(CASE, written).is_clean


def test_an_invalid_outcome_names_its_faults_and_has_no_trades() -> None:
    bare = Outcome(case_hash=HONEST.case_hash, engine="0", status="invalid")
    told = msgspec.structs.replace(bare, faults=(Fault(path="household", message="is unified"),))
    traded = msgspec.structs.replace(told, accounts=HONEST.accounts)

    assert verify(CASE, bare).faults == ("status invalid names no faults",)
    assert verify(CASE, told).is_clean
    assert verify(CASE, traded).faults == ("status invalid comes with trades",)


def test_a_rule_that_gives_way_says_because_of_what() -> None:
    case = a_case(trading={"max_turnover": 0.1})
    broken = next(f for f in judge_trades(case, {"A1": TRADES}).findings["A1"] if f.rule == "max_turnover")

    faults = verify(case, c.outcome(case, TRADES, relaxed=[declare(broken, because="")])).faults

    assert "A1: max_turnover gave way without saying because of what" in faults


def test_a_rule_is_made_worse_only_for_a_harder_one() -> None:
    soft: dict[str, c.Wired] = {"constraints": ({"verb": "range", "security": "AAPL", "min_weight": 0.3},)}
    hard: dict[str, c.Wired] = {**soft, "cash_needs": {"reserve_amount": "7000"}}
    made = (c.trade(CASE, "sell 10 AAPL", "L1 10"),)

    needless = verify_declared(a_case(**soft), made)
    needed = verify_declared(a_case(**hard), made)

    assert "A1: range security AAPL is made worse, and no harder rule is cured by it" in needless
    assert needed == ()


def verify_declared(case: Case, made: Sequence[Trade]) -> tuple[str, ...]:
    broken = [f for f in judge_trades(case, {"A1": made}).findings["A1"] if f.is_broken]
    relaxed = [declare(finding, because="something harder") for finding in broken]
    return verify(case, c.outcome(case, made, relaxed=relaxed)).faults


def test_a_rule_of_a_shared_return_may_give_way_for_the_other_account() -> None:
    tax = {**msgspec.to_builtins(c.TAX), "budget_tax": "0"}
    first = c.account(cash=0, lots=LOTS, target=TARGET, tax=tax, cash_needs={"raise": "1000"})
    second = c.account("A2", cash=100, target={"CASH": 1.0}, tax=tax)
    case = c.case(MARKET, (first, second))
    made = {"A1": (c.trade(case, "sell 6 AAPL", "L2 6"),)}
    broken = judge_trades(case, made).findings["A1"]
    relaxed = {f.rule: declare(f, because="cash_raise") for f in broken if f.is_broken}

    outcome = c.outcome(case, made, relaxed=list(relaxed.values()))
    outcome = msgspec.structs.replace(
        outcome,
        accounts=(outcome.accounts[0], msgspec.structs.replace(outcome.accounts[1], relaxed=(relaxed["tax_budget"],))),
    )

    assert verify(case, outcome).is_clean


def test_trades_bring_what_they_have_to_or_cure_a_broken_rule() -> None:
    dear: dict[str, c.Wired] = {"trading": {"only_if_benefit_exceeds_bps": 1e6}}
    curing: dict[str, c.Wired] = {**dear, "class_limits": {"us_large": (0.0, 0.3)}}
    made = (c.trade(CASE, "sell 10 AAPL", "L1 10"),)

    sentence = "A1: the trades bring less than only_if_benefit_exceeds_bps and cure no broken rule"

    assert sentence in verify_declared(a_case(**dear), made)
    assert sentence not in verify_declared(a_case(**curing), made)


def test_the_objective_is_the_formula_worked_by_hand() -> None:
    case = a_case(trading={"tracking_preference": 10, "ticket_cost": "2"})
    account = judge_trades(case, {"A1": TRADES}).measures.accounts[0]

    active = {"AAPL": 0.2 - 0.5, "XOM": 0.3 - 0.4}
    variance = 0.0256 * (active["AAPL"] * 1.0 + active["XOM"] * 1.1) ** 2
    variance += 0.04 * active["AAPL"] ** 2 + 0.044 * active["XOM"] ** 2
    phi = 1.06**-10

    assert account.tracking_error_after == pytest.approx(math.sqrt(variance), abs=1e-12)
    assert account.after.risk_usd == pytest.approx(10_000 * 1000 / 2 * variance, rel=1e-12)
    assert account.after.tax_usd == pytest.approx(-500 * 0.37 + phi * 0.238 * 500, rel=1e-12)
    assert account.after.cost_usd == pytest.approx(1.0 + 4.0, rel=1e-12)


def test_the_lowest_hurdle_of_a_substitute_is_charged_on_what_is_held_after() -> None:
    uses = ({"for": "AAPL", "use": "XOM", "hurdle_bps": 50}, {"for": "AAPL", "use": "XOM", "hurdle_bps": 20})
    account = judge_trades(a_case(substitutes=uses), {"A1": TRADES}).measures.accounts[0]

    assert account.before.hurdle_usd == 0
    assert account.after.hurdle_usd == pytest.approx(3000 * 0.0020)


def test_where_nothing_is_harvested_a_loss_earns_nothing() -> None:
    account = judge_trades(a_case(tax={"harvest": "off"}), {"A1": TRADES}).measures.accounts[0]

    assert account.after.tax_usd == 0


def test_a_gain_where_nothing_is_harvested_still_counts_deferral() -> None:
    case = a_case(tax={"harvest": "off"})
    made = (c.trade(case, "sell 20 AAPL", "L1 10", "L2 10"),)
    account = judge_trades(case, {"A1": made}).measures.accounts[0]

    assert account.after.tax_usd == pytest.approx(500 * 0.238 - 1.06**-10 * 0.238 * 1000)


def test_waiting_is_part_of_the_objective() -> None:
    case = a_case(tax={"harvest": "year_round"})
    waited = altered(c.outcome(case, TRADES), "accounts.0.trades.0.lots.0.waiting", "100.00")
    made = judge_trades(case, {"A1": waited.accounts[0].trades}).measures

    assert made.objective_usd - judge_trades(case, {"A1": TRADES}).measures.objective_usd == pytest.approx(100)


def test_an_account_too_many_or_too_few_is_a_fault_and_no_crash() -> None:
    nobody = msgspec.structs.replace(HONEST, accounts=(), returns=())
    twice = msgspec.structs.replace(HONEST, accounts=HONEST.accounts * 2)

    assert any("accounts are reported as" in fault for fault in verify(CASE, nobody).faults)
    assert any("accounts are reported as A1, A1" in fault for fault in verify(CASE, twice).faults)


def test_a_second_return_is_a_fault() -> None:
    made = ReturnOutcome(id="R9", short_gain=Decimal(0), long_gain=Decimal(0), tax_caused=Decimal(0), budget_left=None)
    faults = verify(CASE, msgspec.structs.replace(HONEST, returns=(*HONEST.returns, made))).faults

    assert any("returns are reported as R1, R9" in fault for fault in faults)


def test_the_first_rank_never_gives_way() -> None:
    made = (c.trade(CASE, "buy 0.5 XOM"),)
    outcome = c.outcome(CASE, made, relaxed=[Relaxed(rule="quantity_step XOM", by="0.5 shares", because="haste")])

    assert [check.rule for check in verify(CASE, outcome).failed] == ["quantity_step XOM"]
