"""What a custodian states of one account, its securities already known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import ZERO, Book, Cash


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedLot:
    """
    One open lot as the custodian states it.

    Basis and trade date are None where unknown. `is_wash_acquisition` None means that the file does not say.
    """

    security: str
    units: Decimal
    cost_usd: Decimal | None
    acquired_on: date | None
    holding_on: date | None = None
    loss_cost_usd: Decimal | None = None
    wash_adjustment_usd: Decimal = ZERO
    is_inherited: bool = False
    is_gift: bool = False
    is_wash_acquisition: bool | None = None
    is_wash_consumed: bool = False
    ref: str = ""

    def __post_init__(self) -> None:
        if not self.units > 0:
            raise BadInput(
                f"a stated lot of {self.security} has {self.units} units; short positions are not kept as lots"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    What a custodian states of one account as of the close of a day.

    None means that it does not speak of it. `positions` are units by security, complete. `lots` are complete for
    the securities of `lots_of`, for the whole account where that is None.
    """

    as_of: date
    positions: Mapping[str, Decimal] | None = None
    lots: Sequence[StatedLot] | None = None
    lots_of: frozenset[str] | None = None
    cash: Cash | None = None

    def securities(self, book: Book) -> tuple[str, ...]:
        """Return the securities that the statement speaks of: those it names, and those held that it leaves out."""
        named = set(self.positions or ()) | {lot.security for lot in self.lots or ()} | (self.lots_of or set())
        if self.positions is not None or (self.lots is not None and self.lots_of is None):
            named |= {lot.security for lot in book.lots.values()}
        return tuple(sorted(named))

    def has_lots_of(self, security: str) -> bool:
        """Tell whether the lots of a security are stated, be it that there are none."""
        if self.lots is None:
            return False
        return self.lots_of is None or security in self.lots_of

    def stated_units(self, lots: Sequence[StatedLot], security: str) -> Decimal | None:
        """Return the units of a security, None where they are not stated; `lots` are its stated lots."""
        if self.positions is not None:
            return self.positions.get(security, ZERO)
        return sum((lot.units for lot in lots), ZERO) if self.has_lots_of(security) else None
