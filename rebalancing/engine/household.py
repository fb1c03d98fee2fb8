"""Several accounts in one case: which are solved, in what order, and what the earlier leave to the later."""

from rebalancing.engine.types import Account, Case, Fault


def household_faults(case: Case) -> tuple[Fault, ...]:
    """Refuse the household modes that this version cannot solve."""
    if case.household is None:
        return ()
    words = {
        "unified": "unified households are not solved by this version; solve the accounts with household null",
        "guardrail": "guardrail households are not solved by this version; solve the accounts with household null",
    }
    return (Fault(path="household.mode", message=words[case.household.mode]),)


def solving_order(case: Case) -> tuple[Account, ...]:
    """Put taxable accounts first, otherwise in the order of the case: a loss is worth more than a place to buy."""
    return tuple(sorted(case.accounts, key=lambda account: not account.is_taxable))
