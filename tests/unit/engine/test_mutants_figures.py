"""Every figure that an outcome reports is moved by the least that can be seen, one at a time: none gets through."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest
from _pytest.mark import ParameterSet

from rebalancing.engine.explain import explain
from rebalancing.engine.judge.judgement import judge_trades
from rebalancing.engine.outcome import Outcome
from rebalancing.engine.types import Case, Household
from rebalancing.engine.verify import declare, verify, with_checks
from tests import cases as c
from tests.unit.engine.mutants import told, verdict_on
from tests.unit.engine.verify_scenarios import HELD, MARKET, TARGET

# What an outcome says in words, who solved it and how long that took are no figures; the lower bound is the solver's.
WORDS = {"why", "reasons", "why_not", "engine", "solver", "timing_ms", "shadow_prices", "preference_costs"}
DOLLARS = {"objective", "lower_bound", "risk", "tax", "cost", "waiting", "hurdles", "transfers"}
TAX = {**msgspec.to_builtins(c.TAX), "budget_tax": "100", "realized_long": "300"}
SPOUSE = c.account(
    "A2", cash=500, lots=(c.lot("P1 BND 20 @ 70 2024-01-10"),), target={"BND": 1.0}, tax_return="R2", tax=c.TAX
)
IRA = c.account("A3", status="deferred", cash=4000, target={"BND": 0.5, "XOM": 0.5}, after_tax_weight=0.7)
WORDS_OF_TRADES = {
    "A1": ("sell 13 AAPL < L1 10, L2 3", "sell 2 XOM < L3 2", "buy 25.5 BND"),
    "A2": ("sell 10 BND < P1 10",),
    "A3": ("buy 20 BND", "buy 10 XOM"),
}


def a_case(*, is_unified: bool = False) -> Case:
    """Trades that fill a reserve turn over more than they may: the softer rule gave way."""
    fields: dict[str, c.Wired] = {"cash": 2000, "lots": HELD, "target": TARGET, "tax": TAX}
    fields |= {"trading": {"max_turnover": 0.2}, "cash_needs": {"reserve_amount": "2500"}}
    case = c.case(MARKET, (c.account(**fields), SPOUSE, IRA))
    if not is_unified:
        return case
    household = {"mode": "unified", "target": {"AAPL": 0.4, "BND": 0.6}, "transfer_cost_bps": 10}
    return msgspec.structs.replace(case, household=msgspec.convert(household, type=Household))


def explained(case: Case) -> Outcome:
    """Everything that the trades do, told truthfully, with what every trade is worth and the rules that gave way."""
    plain = told(case, WORDS_OF_TRADES)
    judged = judge_trades(case, {account.id: account.trades for account in plain.accounts})
    outcome = explain(case, plain, judged, judge_trades(case, {}))
    accounts = tuple(
        msgspec.structs.replace(
            account,
            relaxed=tuple(
                declare(finding, because="cash_reserve") for finding in judged.findings[account.id] if finding.is_broken
            ),
        )
        for account in outcome.accounts
    )
    outcome = msgspec.structs.replace(outcome, accounts=accounts, status="relaxed")
    return with_checks(outcome, verify(case, outcome))


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield every value at the end of a path, but for words."""
    items: list[tuple[str, object]] = []
    if isinstance(value, dict):
        items = [(str(key), item) for key, item in value.items() if key not in WORDS]
    elif isinstance(value, list | tuple):
        items = [(str(place), item) for place, item in enumerate(value)]
    else:
        yield path, value
    for key, item in items:
        yield from leaves(item, f"{path}.{key}" if path else key)


def nudged(path: str, value: object) -> object:
    """Move a value by the least that counts: a cent, a share, a millionth; a word becomes another."""
    match value:
        case bool() | None:
            return None if value is None else not value
        case int():
            return value + 1
        case float():
            return value + (1e-3 if "bps" in path else 0.02 if is_dollars(path) else 1e-6)
    if path.endswith("quantity"):
        return str(Decimal(str(value)) + 1)
    try:
        return str(Decimal(str(value)) + Decimal("0.01"))
    except ArithmeticError:
        return other_word(path, str(value))


def is_dollars(path: str) -> bool:
    return path.rsplit(".", maxsplit=1)[-1] in DOLLARS


def other_word(path: str, word: str) -> str:
    swap = {"buy": "sell", "sell": "buy", "short": "long", "long": "short", "relaxed": "optimal"}
    if path.endswith(".by"):
        number, _, unit = word.partition(" ")
        least = {"dollars": "0.01", "weight": "0.000001"}.get(unit, "1")
        return f"{Decimal(number) + Decimal(least)} {unit}"
    if path.endswith(".because"):
        return ""
    if path.endswith("verdict"):
        return {"relaxed": "pass"}.get(word, "relaxed")
    return swap.get(word, f"{word}?")


def replaced(plain: object, keys: list[str], value: object) -> object:
    """Write a copy of builtins with one value replaced."""
    if not keys:
        return value
    first, *rest = keys
    if isinstance(plain, dict):
        return {key: replaced(item, rest, value) if str(key) == first else item for key, item in plain.items()}
    assert isinstance(plain, list | tuple)
    return [replaced(item, rest, value) if str(place) == first else item for place, item in enumerate(plain)]


OUTCOMES = {
    "three accounts": a_case(),
    "unified household": a_case(is_unified=True),
}
TOLD = {name: explained(case) for name, case in OUTCOMES.items()}


def mutants() -> Iterator[ParameterSet]:
    for name, outcome in TOLD.items():
        plain = msgspec.to_builtins(outcome)
        for path, value in leaves(plain):
            if value is not None:
                yield pytest.param(name, path, nudged(path, value), id=f"{name}: {path}")


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_outcome_itself_is_let_through(name: str) -> None:
    assert verdict_on(OUTCOMES[name], TOLD[name]) == ()


@pytest.mark.parametrize(("name", "path", "value"), tuple(mutants()))
def test_a_figure_that_is_off_by_the_least_is_killed(name: str, path: str, value: object) -> None:
    mutant = msgspec.convert(replaced(msgspec.to_builtins(TOLD[name]), path.split("."), value), type=Outcome)

    assert verdict_on(OUTCOMES[name], mutant) != ()


@pytest.mark.parametrize("name", OUTCOMES)
@pytest.mark.parametrize("part", ["trades", "lots", "relaxed", "checks", "returns", "accounts"])
def test_leaving_something_out_is_killed(name: str, part: str) -> None:
    plain = msgspec.to_builtins(TOLD[name])
    owner = plain if part in plain else plain["accounts"][0]
    owner = owner["trades"][0] if part == "lots" else owner
    owner[part] = list(owner[part])[1:]

    assert verdict_on(OUTCOMES[name], msgspec.convert(plain, type=Outcome)) != ()
