"""What the matching of wash sales asks of the accounts of a tax household: whose they are, and how they are taxed."""

from collections.abc import Mapping, Sequence
from typing import Final

from portfolios.ledger.projection import AccountFacts
from portfolios.models.households import Account, Registration, TaxStatus

_PLANS: Final[Mapping[str, str]] = {
    Registration.IRA: "traditional_ira",
    Registration.ROTH_IRA: "roth_ira",
    Registration.PLAN_401K: "401k",
}


def account_facts(accounts: Sequence[Account]) -> Mapping[str, AccountFacts]:
    """
    Return the facts of the accounts of one tax household by their ids as text; owners are prefetched.

    Accounts that share an owner have one owner; everybody else of the tax household counts as a spouse. Who belongs
    to it at all was confirmed by a person.
    """
    owners = _owners(accounts)
    everybody = set(owners.values())
    return {
        str(account.pk): AccountFacts(
            key=str(account.pk),
            owner=owners[account.pk],
            is_taxable=account.tax_status == TaxStatus.TAXABLE,
            is_retirement=account.tax_status != TaxStatus.TAXABLE,
            plan=_PLANS.get(account.registration, ""),
            is_held_away=account.is_held_away,
            spouses=tuple(sorted(everybody - {owners[account.pk]})),
        )
        for account in accounts
    }


def _owners(accounts: Sequence[Account]) -> Mapping[int, str]:
    """Name the owner of each account: people who own an account together are one."""
    people = {account.pk: sorted(person.pk for person in account.owners.all()) for account in accounts}
    leader: dict[int, int] = {}

    def lead(person: int) -> int:
        while leader.setdefault(person, person) != person:
            person = leader[person]
        return person

    for members in people.values():
        for person in members:
            first, other = sorted((lead(members[0]), lead(person)))
            leader[other] = first
    return {pk: f"person {lead(members[0])}" if members else "" for pk, members in people.items()}
