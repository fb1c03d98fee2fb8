"""The security master as custodians' rows look things up in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from portfolios.custodians.base import LotRow, PositionRow, RealisedRow, TransactionRow

NamedRow: TypeAlias = LotRow | PositionRow | TransactionRow | RealisedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityNames:
    """
    The security master as custodians' rows look things up in it: by symbol, by CUSIP, by ISIN, by name.

    `by_name` holds the names that exactly one security has, spelled by `name_key`; a name counts only where the file
    gives no symbol, and no CUSIP that is known. `renamed` has the successor of a symbol that an account no longer
    holds since its name changed, while its custodian still writes the old one.
    """

    symbols: frozenset[str]
    by_cusip: Mapping[str, str] = field(default_factory=dict)
    by_isin: Mapping[str, str] = field(default_factory=dict)
    by_name: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def find(self, row: NamedRow) -> str:
        """Return the symbol of the master, "" where the security is unknown."""
        found = self._find(row)
        return self.renamed.get(found, found)

    def _find(self, row: NamedRow) -> str:
        for spelled in (row.symbol, row.symbol.replace("/", "."), row.symbol.replace(" ", ".")):
            if spelled in self.symbols:
                return spelled
        found = self.by_cusip.get(row.cusip, "") or self.by_isin.get(row.isin, "")
        if found or row.symbol:
            return found
        return self.by_name.get(name_key(row.security_name), "")


def name_key(name: str) -> str:
    """Spell a security's name as it is compared: capitals, single spaces."""
    return " ".join(name.upper().split())


def is_named(row: NamedRow) -> bool:
    """Tell whether a row names a security at all."""
    return bool(row.symbol or row.cusip or row.isin or row.security_name)
