"""Which statements of a split are of one and the same split of the household's shares."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

_SAME_SPLIT_DAYS = 15  # custodians date one split differently

Splits = dict[tuple[str, Decimal], tuple["StatedSplit", ...]]  # by security and ratio, in order of statement


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedSplit:
    """A split as it was first dated, and the accounts that have stated it."""

    on: date
    accounts: frozenset[str]


def is_new_split(splits: Splits, *, account: str, security: str, ratio: Decimal, on: date) -> bool:
    """
    Note that an account states a split; tell whether nobody stated it before.

    Another account may date the same split some days off. One account states a split once: a second one is another.
    """
    known = splits.get((security, ratio), ())
    same = [one for one in known if account not in one.accounts and abs((on - one.on).days) <= _SAME_SPLIT_DAYS]
    if not same:
        splits[security, ratio] = (*known, StatedSplit(on=on, accounts=frozenset({account})))
        return True
    nearest = min(same, key=lambda one: abs((on - one.on).days))
    joined = replace(nearest, accounts=nearest.accounts | {account})
    splits[security, ratio] = tuple(joined if one is nearest else one for one in known)
    return False
