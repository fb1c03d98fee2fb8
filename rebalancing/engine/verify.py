"""
Compliance: every rule on the rounded trades, in Decimal, without the solver.

`verify` knows only the case and the outcome. It books the trades afresh, judges every rule of docs/case.md, and
compares every figure that the outcome reports with its own. What it says becomes the checks of the proposal.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import msgspec

from rebalancing.engine.case import case_hash
from rebalancing.engine.judge.figures import BPS_TOLERANCE, figure_faults
from rebalancing.engine.judge.findings import DOLLAR_TOLERANCE, Finding, Rank
from rebalancing.engine.judge.judgement import Judgement, is_shared, judge_trades
from rebalancing.engine.judge.measures import Measures
from rebalancing.engine.outcome import Check, Outcome, Relaxed, Verdict
from rebalancing.engine.types import ZERO, Case

SAID_TOLERANCE = {"dollars": Decimal("0.005"), "weight": Decimal("0.00000051")}

__all__ = [
    "Judgement",
    "Verification",
    "declare",
    "judge_trades",
    "verify",
    "with_checks",
    "worse_faults",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found: the checks by account id, and the faults (figures or declarations that are not true)."""

    checks: Mapping[str, tuple[Check, ...]]
    faults: tuple[str, ...]
    judgement: Judgement | None

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for checks in self.checks.values() for check in checks if check.verdict == "fail")

    @property
    def is_clean(self) -> bool:
        return not self.faults and not self.failed


def verify(case: Case, outcome: Outcome) -> Verification:
    """Judge an outcome by its case alone."""
    faults = list(_frame_faults(case, outcome))
    if outcome.status == "invalid":
        return Verification(checks={}, faults=tuple(faults), judgement=None)
    known = {account.id for account in case.accounts}
    judgement = judge_trades(case, {a.id: a.trades for a in outcome.accounts if a.id in known})
    before = judge_trades(case, {}) if _needs_before(judgement, outcome) else None
    accounts = {account.id: account for account in outcome.accounts}
    checks: dict[str, tuple[Check, ...]] = {}
    for measured in judgement.measures.accounts:
        name, value_usd = measured.book.account.id, measured.book.value_usd
        findings = judgement.findings[name]
        declared = {relaxed.rule: relaxed for relaxed in accounts[name].relaxed} if name in accounts else {}
        checks[name] = tuple(_check(finding, declared, value_usd=value_usd) for finding in findings)
        faults += _declaration_faults(name, findings, declared)
        if before is not None:
            faults += worse_faults(name, judgement, before)
    faults += figure_faults(outcome, judgement.measures)
    faults += _checks_faults(outcome, checks)
    if before is not None:
        faults += _benefit_faults(case, judgement, before)
    return Verification(checks=checks, faults=tuple(faults), judgement=judgement)


def with_checks(outcome: Outcome, verification: Verification) -> Outcome:
    """Write the checks into the outcome."""
    accounts = tuple(
        msgspec.structs.replace(account, checks=verification.checks.get(account.id, ())) for account in outcome.accounts
    )
    return msgspec.structs.replace(outcome, accounts=accounts)


def declare(finding: Finding, *, because: str) -> Relaxed:
    """Put a broken rule into the words in which `verify` expects it to be declared."""
    return Relaxed(rule=finding.rule, by=finding.by, because=because)


def _frame_faults(case: Case, outcome: Outcome) -> Iterator[str]:
    if outcome.version != 1:
        yield f"version is reported as {outcome.version}, it must be 1"
    if outcome.case_hash != case_hash(case):
        yield "case_hash is not the hash of this case"
    if outcome.status == "invalid":
        yield from _invalid_faults(outcome)
        return
    if outcome.faults:
        yield f"status {outcome.status} comes with faults"
    said, known = [account.id for account in outcome.accounts], [account.id for account in case.accounts]
    if said != known:
        yield f"accounts are reported as {', '.join(said)}, the case has {', '.join(known)}"
    yield from _status_faults(outcome)


def _invalid_faults(outcome: Outcome) -> Iterator[str]:
    if not outcome.faults:
        yield "status invalid names no faults"
    if any(account.trades for account in outcome.accounts):
        yield "status invalid comes with trades"


def _status_faults(outcome: Outcome) -> Iterator[str]:
    has_relaxed = any(account.relaxed for account in outcome.accounts)
    has_trades = any(account.trades for account in outcome.accounts)
    if has_relaxed != (outcome.status == "relaxed"):
        yield f"status is {outcome.status}, though {'something' if has_relaxed else 'nothing'} gave way"
    if outcome.status == "no_trade" and has_trades:
        yield "status is no_trade, though there are trades"
    if outcome.status == "optimal" and not has_trades:
        yield "status is optimal, though there are no trades"


def _check(finding: Finding, declared: Mapping[str, Relaxed], *, value_usd: Decimal) -> Check:
    verdict: Verdict = "fail"
    evidence = finding.evidence
    if not finding.is_broken:
        verdict = "pass"
    elif finding.is_note:
        verdict = "relaxed"
    elif finding.rank is not Rank.LAW and finding.rule in declared:
        said = declared[finding.rule]
        if is_same_amount(said.by, finding, value_usd=value_usd):
            verdict = "relaxed"
            evidence = f"{evidence}; gave way by {finding.by} because of {said.because}"
        else:
            evidence = f"{evidence}; broken by {finding.by}, declared as {said.by}"
    return Check(rule=finding.rule, verdict=verdict, evidence=evidence)


def is_same_amount(by: str, finding: Finding, *, value_usd: Decimal) -> bool:
    """Tell whether a declared `number unit` says what was found, to half the last digit that `declare` writes."""
    number, _, unit = by.partition(" ")
    try:
        said = Decimal(number)
    except InvalidOperation:
        return False
    found_number, _, found_unit = finding.by.partition(" ")
    if unit == found_unit:
        found = Decimal(found_number.replace(",", ""))
    elif unit == "dollars":
        found = finding.excess
    elif unit == "weight":
        found = finding.excess / value_usd
    else:
        return False
    return said.is_finite() and abs(said - found) <= SAID_TOLERANCE.get(unit, ZERO)


def _declaration_faults(name: str, findings: tuple[Finding, ...], declared: Mapping[str, Relaxed]) -> Iterator[str]:
    broken = {finding.rule for finding in findings if finding.is_broken}
    for rule, relaxed in declared.items():
        if rule not in broken:
            yield f"{name}: {rule} is reported as relaxed, it is not broken"
        if not relaxed.because:
            yield f"{name}: {rule} gave way without saying because of what"


def _checks_faults(outcome: Outcome, checks: Mapping[str, tuple[Check, ...]]) -> Iterator[str]:
    for account in outcome.accounts:
        if account.checks and account.checks != checks.get(account.id):
            yield f"{account.id}: the checks are not what is found by checking"


def _needs_before(judgement: Judgement, outcome: Outcome) -> bool:
    if not any(account.trades for account in outcome.accounts):
        return False
    findings = itertools.chain.from_iterable(judgement.findings.values())
    return any(finding.is_broken for finding in findings) or bool(_poor(judgement.measures))


def _poor(measures: Measures) -> tuple[str, ...]:
    """Name the accounts whose trades bring less than they have to; a unified household is looked at as a whole."""
    trading = [account for account in measures.accounts if account.book.trades]
    if measures.household is None:
        return tuple(
            account.book.account.id
            for account in trading
            if account.opportunity_bps < account.book.account.trading.only_if_benefit_exceeds_bps - BPS_TOLERANCE
        )
    saved_usd = measures.objective_before_usd - measures.objective_usd
    least = min((account.book.account.trading.only_if_benefit_exceeds_bps for account in trading), default=0.0)
    if saved_usd / float(measures.household.value_usd) * 1e4 >= least - BPS_TOLERANCE:
        return ()
    return tuple(account.book.account.id for account in trading)


def _benefit_faults(case: Case, judgement: Judgement, before: Judgement) -> Iterator[str]:
    is_unified = judgement.measures.household is not None
    anywhere = any(_cured_ranks(name, judgement, before) for name in judgement.findings)
    for name in _poor(judgement.measures):
        is_cure = anywhere if is_unified else bool(_cured_ranks(name, judgement, before))
        if not is_cure and (is_unified or not _is_missed(case, judgement, name)):
            yield f"{name}: the trades bring less than only_if_benefit_exceeds_bps and cure no broken rule"


def _is_missed(case: Case, judgement: Judgement, name: str) -> bool:
    """Tell whether the others would do so much worse without this account that its trades are worth it after all."""
    books = {account.book.account.id: account.book for account in judgement.measures.accounts}
    others = {other: book.trades for other, book in books.items() if other != name}
    if not any(others.values()):
        return False
    saved_usd = judge_trades(case, others).measures.objective_usd - judgement.measures.objective_usd
    least = books[name].account.trading.only_if_benefit_exceeds_bps
    return saved_usd / float(books[name].value_usd) * 1e4 >= least - BPS_TOLERANCE


def _cured_ranks(name: str, judgement: Judgement, before: Judgement) -> tuple[Rank, ...]:
    now = {finding.rule: finding.excess for finding in judgement.findings[name]}
    return tuple(
        finding.rank
        for finding in before.findings[name]
        if finding.is_broken and now.get(finding.rule, ZERO) < finding.excess
    )


def worse_faults(name: str, judgement: Judgement, before: Judgement) -> Iterator[str]:
    """Yield every rule of an account that is left worse though the trades cure none of the same or a harder rank."""
    was = {finding.rule: finding.excess for finding in before.findings[name]}
    own = _cured_ranks(name, judgement, before)
    anywhere = tuple(rank for owner in judgement.findings for rank in _cured_ranks(owner, judgement, before))
    for finding in judgement.findings[name]:
        worse = finding.excess - was.get(finding.rule, ZERO) > DOLLAR_TOLERANCE
        cured = anywhere if is_shared(finding.rule) else own
        if finding.is_broken and not finding.is_note and worse and not any(rank <= finding.rank for rank in cured):
            yield f"{name}: {finding.rule} is made worse, and no harder rule is cured by it"
