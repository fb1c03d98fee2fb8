"""
Are trades better than none, and can they be made at all: what the pipeline asks of every answer before it reports it.
"""

from collections.abc import Mapping, Sequence

from rebalancing.engine.judge.findings import Finding
from rebalancing.engine.judge.judgement import Judgement
from rebalancing.engine.outcome import Trade
from rebalancing.engine.types import ZERO, Account, Case, Fault
from rebalancing.engine.verify import judge_trades, worse_faults

Trades = Mapping[str, tuple[Trade, ...]]
BPS_TOLERANCE = 1e-4
IMPOSSIBLE = frozenset({"no_overdraft", "never_short"})


def accounts_not_worth_it(case: Case, trades: Trades, proposed: Judgement, before: Judgement) -> set[str]:
    """
    Name the accounts that trade for less than they have to.

    A unified household trades as one, or not at all; else every account is looked at alone, with all others trading.
    """
    trading = [account for account in case.accounts if trades.get(account.id)]
    if proposed.measures.household is not None:
        worth = not trading or is_household_worth_it(trading, proposed, before)
        return set() if worth else {account.id for account in trading}
    found: set[str] = set()
    for account in trading:
        others = {name: made for name, made in trades.items() if name != account.id}
        present = before if len(trading) == 1 else judge_trades(case, others)
        if not is_worth_it(account, proposed, present):
            found.add(account.id)
    return found


def accounts_better_idle(case: Case, trades: Trades, proposed: Judgement, before: Judgement) -> set[str]:
    """
    Name the accounts whose trades leave a rule worse and cure none of the same or a harder rank.

    Whole shares, and rules that give way, can leave a plan no honest trades; then doing nothing is the better answer.
    """
    return {
        account.id
        for account in case.accounts
        if trades.get(account.id)
        and not any(pin.side != "none" for pin in account.trading.pinned)
        and any(worse_faults(account.id, proposed, before))
    }


def is_household_worth_it(trading: Sequence[Account], proposed: Judgement, before: Judgement) -> bool:
    """Tell whether a unified household's trades bring, of its value after tax, the least that any account asks for."""
    if any(pin.side != "none" for account in trading for pin in account.trading.pinned):
        return True
    household = proposed.measures.household
    assert household is not None
    bps = (before.measures.objective_usd - proposed.measures.objective_usd) / float(household.value_usd) * 1e4
    least = min(account.trading.only_if_benefit_exceeds_bps for account in trading)
    return (bps > 0 and bps >= least - BPS_TOLERANCE / 2) or cures_a_rule(proposed.findings, before.findings)


def is_worth_it(account: Account, proposed: Judgement, present: Judgement) -> bool:
    """Tell whether an account's trades bring what they have to, cure a broken rule, or were asked for."""
    if any(pin.side != "none" for pin in account.trading.pinned):
        return True
    measured = next(item for item in proposed.measures.accounts if item.book.account.id == account.id)
    gain_usd = present.measures.objective_usd - proposed.measures.objective_usd
    bps = gain_usd / float(measured.book.value_usd) * 1e4
    if bps > 0 and bps >= account.trading.only_if_benefit_exceeds_bps - BPS_TOLERANCE / 2:
        return True
    return cures_a_rule(proposed.findings, present.findings)


def cures_a_rule(proposed: Mapping[str, Sequence[Finding]], present: Mapping[str, Sequence[Finding]]) -> bool:
    """Tell whether some broken rule is less broken in the proposal."""
    now = {(owner, finding.rule): finding.excess for owner, found in proposed.items() for finding in found}
    return any(
        finding.is_broken and now.get((owner, finding.rule), ZERO) < finding.excess
        for owner, found in present.items()
        for finding in found
    )


def is_too_little(case: Case, most_usd: float) -> bool:
    """Tell whether a gain of that much is below what a case of one account has to bring to be proposed."""
    if len(case.accounts) != 1:
        return False
    account = case.accounts[0]
    prices = {item.id: item.price for item in case.securities}
    worth = sum((lot.quantity * prices[lot.security] for lot in account.lots), ZERO)
    value = float(worth + account.cash - account.cash_needs.raise_)
    return most_usd / value * 1e4 < account.trading.only_if_benefit_exceeds_bps - BPS_TOLERANCE / 2


def impossible_pins(case: Case, judged: Judgement, before: Judgement) -> tuple[Fault, ...]:
    """
    Name what pinned trades would overdraw or sell short, which nobody can override.

    What else of the first rank a pin breaks is a failed check: a second person decides on it.
    """
    faults: list[Fault] = []
    for at, account in enumerate(case.accounts):
        if not account.trading.pinned:
            continue
        was = {one.rule for one in before.findings[account.id] if one.is_broken}
        faults += [
            Fault(path=f"accounts[{at}].trading.pinned", message=f"breaks {one.rule}: {one.evidence}")
            for one in judged.findings[account.id]
            if one.rule in IMPOSSIBLE and one.is_broken and one.rule not in was
        ]
    return tuple(faults)
