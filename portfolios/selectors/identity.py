"""Which securities a firm treats as substantially identical."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from portfolios.models.securities import FirmSecurity, GroupLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A firm's identity groups: the group of a security, and the members of a group. Without a group it is its own."""

    keys: Mapping[int, str]
    members: Mapping[str, frozenset[int]]

    def closed(self, security_ids: Collection[int]) -> frozenset[int]:
        """Return these securities with all that are identical to one of them."""
        found = set(security_ids)
        for security_id in security_ids:
            key = self.keys.get(security_id)
            if key is not None:
                found |= self.members[key]
        return frozenset(found)

    def name(self, security_id: int) -> str:
        """Return a name that identical securities share."""
        return self.keys.get(security_id, f"#{security_id}")


def identity_of(firm_id: int) -> Identity:
    """Return what a firm treats as identical, in one query."""
    rows = FirmSecurity.objects.filter(firm_id=firm_id, identity_group__level=GroupLevel.IDENTICAL)
    keys = {pk: key or "" for pk, key in rows.values_list("security_id", "identity_group__key")}
    members: dict[str, set[int]] = defaultdict(set)
    for security_id, key in keys.items():
        members[key].add(security_id)
    return Identity(keys=keys, members={key: frozenset(found) for key, found in members.items()})
