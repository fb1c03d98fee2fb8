"""
A mutant: an outcome that is right to the last share, cent and day, and the same outcome with one thing off.

`kept` is judged clean by `case`; `broken`, told as truthfully as can be but without a word of excuse, is not: by
`killer`, a rule that fails or the beginning of a fault. Where only the case moves, the trades stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import pytest
from _pytest.mark import ParameterSet

from rebalancing.engine.outcome import Outcome, Trade
from rebalancing.engine.types import Case
from rebalancing.engine.verify import Verification, verify
from tests import cases as c
from tests.unit.engine.verify_scenarios import a_case, trades

Words = Sequence[str] | Mapping[str, Sequence[str]]
NOT_WORTH_IT = "bring less than only_if_benefit_exceeds_bps"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    case: Case
    kept: Outcome
    mutated: Case
    broken: Outcome
    killer: str


def told(case: Case, words: Words) -> Outcome:
    """Report trades truthfully: `sell 5 AAPL < L1 5` of A1, or by account id."""
    if not isinstance(words, Mapping):
        return c.outcome(case, {"A1": trades(case, *words)})
    return c.outcome(case, {name: trades_of(case, name, of_account) for name, of_account in words.items()})


def trades_of(case: Case, owner: str, words: Sequence[str]) -> tuple[Trade, ...]:
    made = []
    for text in words:
        head, _, lots = text.partition(" < ")
        made.append(c.trade(case, head, *(lots.split(", ") if lots else ()), owner=owner))
    return tuple(made)


def by_trades(name: str, killer: str, kept: Words, broken: Words, **fields: c.Wired) -> ParameterSet:
    """One case, two sets of trades."""
    case = a_case(**fields)
    made = Mutant(case=case, kept=told(case, kept), mutated=case, broken=told(case, broken), killer=killer)
    return pytest.param(made, id=f"{killer}: {name}")


def by_case(name: str, killer: str, words: Words, kept: dict[str, c.Wired], broken: dict[str, c.Wired]) -> ParameterSet:
    """One set of trades, two cases that differ by a cent, a share or a day."""
    case, mutated = a_case(**kept), a_case(**broken)
    made = Mutant(case=case, kept=told(case, words), mutated=mutated, broken=told(mutated, words), killer=killer)
    return pytest.param(made, id=f"{killer}: {name}")


def by_figure(name: str, killer: str, case: Case, kept: Outcome, path: str, value: object) -> ParameterSet:
    """One thing that an outcome says is replaced: `accounts.0.cash_after`."""
    made = Mutant(case=case, kept=kept, mutated=case, broken=altered(kept, path, value), killer=killer)
    return pytest.param(made, id=f"{killer}: {name}")


def altered(outcome: Outcome, path: str, value: object) -> Outcome:
    """Replace one value deep inside an outcome; a function is given the old value."""
    plain = msgspec.to_builtins(outcome)
    *parents, last = path.split(".")
    at = plain
    for name in parents:
        at = at[int(name)] if name.isdigit() else at[name]
    key: str | int = int(last) if last.isdigit() else last
    if isinstance(at, tuple):
        raise TypeError(f"{path} ends in a tuple; replace the whole of it")
    at[key] = value(at[key]) if callable(value) else value
    return msgspec.convert(plain, type=Outcome)


def complaints(verification: Verification) -> tuple[str, ...]:
    """Everything that a verification holds against an outcome, but that it was not worth its cost."""
    failed = (f"{check.rule}: {check.evidence}" for check in verification.failed)
    return (*failed, *(fault for fault in verification.faults if NOT_WORTH_IT not in fault))


def verdict_on(case: Case, outcome: Outcome) -> tuple[str, ...]:
    return complaints(verify(case, outcome))
