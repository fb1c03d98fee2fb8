"""What a rule found: by how much it is broken, in words, and where it stands in the order of sacrifice."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import IntEnum

from rebalancing.engine.types import ZERO

# Half a cent: below it a shortfall cannot be told from rounding to the cent.
DOLLAR_TOLERANCE = Decimal("0.005")


class Rank(IntEnum):
    """The order of sacrifice, hardest first. The first rank never gives way."""

    LAW = 1
    CLIENT_NEVER = 2
    WASH_SALE = 3
    CASH = 4
    CLASS_LIMITS = 5
    TAX_LIMITS = 6
    WISHES = 7
    TRACKING_ERROR = 8
    TRADING = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule judged on one set of trades. `excess` in dollars (trades for counts) is 0 where the rule holds."""

    rule: str
    rank: Rank
    excess: Decimal
    by: str
    evidence: str
    is_note: bool = False

    @property
    def is_broken(self) -> bool:
        return self.excess > DOLLAR_TOLERANCE


def held(rule: str, rank: Rank, evidence: str) -> Finding:
    """Return a finding of a rule that holds."""
    return Finding(rule=rule, rank=rank, excess=ZERO, by="", evidence=evidence)


def in_dollars(amount_usd: Decimal) -> str:
    return f"{amount_usd.quantize(Decimal('0.01'), ROUND_HALF_EVEN)} dollars"


def in_weight(amount_usd: Decimal, *, value_usd: Decimal) -> str:
    return f"{float(amount_usd / value_usd):.6f} weight"


def in_shares(quantity: Decimal) -> str:
    return f"{quantity.normalize():f} shares" if quantity else "0 shares"


def money(amount_usd: Decimal) -> str:
    """Write dollars for a person: $12,345.60, negative as -$12,345.60."""
    rounded = amount_usd.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return f"-${-rounded:,.2f}" if rounded < 0 else f"${rounded:,.2f}"


def units(quantity: Decimal) -> str:
    """Write a quantity without padding: 1,200 or 12.5."""
    return f"{quantity.normalize():,f}" if quantity else "0"


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: 1 lot, 2 lots, 3 securities."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("ty") else f"{count} {noun}s"


def percent(frac: Decimal | float) -> str:
    return f"{float(frac) * 100:.2f} %"
