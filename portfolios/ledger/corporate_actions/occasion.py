"""One action at one account: its terms, its holder, and how the account chooses lots."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portfolios.ledger.corporate_actions.terms import ActionTerms, Delivery, HolderTerms
from portfolios.ledger.errors import BadInput
from portfolios.ledger.relief import Occasion, pick_lots
from portfolios.ledger.types import Lot, LotPick, Relief


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOccasion:
    """What every family of actions needs to know besides the lots."""

    terms: ActionTerms
    holder: HolderTerms
    method: Relief
    event_ref: str
    taken: Container[str] = ()

    @property
    def on(self) -> date:
        """Return the day of the action."""
        return self.terms.effective_on

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """
        Return what the holder gets.

        :raises BadInput: the terms name nothing
        """
        if not self.terms.delivered:
            raise self.missing("names nothing that the holder gets")
        return self.terms.delivered

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the symbols of what the holder gets."""
        return tuple(each.security for each in self.deliveries)

    def child_key(self, lot_key: str, security: str) -> str:
        """
        Name the lot of a security that comes out of a lot: `K/CHILD`, and `K/CHILD~1` out of a part `K~1`.

        A second child of the same name is `K/CHILD.2`.
        """
        base, tilde, part = lot_key.rpartition("~")
        if not part.isdigit() or not base:
            base, tilde, part = lot_key, "", ""
        key, number = f"{base}/{security}{tilde}{part}", 1
        while key in self.taken:
            number += 1
            key = f"{base}/{security}.{number}{tilde}{part}"
        return key

    def pick(self, lots: tuple[Lot, ...], *, units: Decimal, price_usd: Decimal) -> tuple[LotPick, ...]:
        """
        Choose lots as the account chooses those of a sale.

        The least tax is the least gain here: an action has no rates.
        :raises BadInput: fewer units are held in lots that may be sold
        """
        method = Relief.MAX_LOSS if self.method is Relief.MIN_TAX else self.method
        occasion = Occasion(sold_on=self.on, price_usd=price_usd)
        return pick_lots(lots, units=units, method=method, occasion=occasion)

    def missing(self, what: str) -> BadInput:
        """Return the error that names a fact without which the action cannot be applied."""
        return BadInput(f"the {self.terms.kind.replace('_', ' ')} {self.terms.key} of {self.terms.security} {what}")

    def price_of(self, delivery: Delivery) -> Decimal:
        """
        Return the fair market value of a unit that is delivered.

        :raises BadInput: the terms do not tell it
        """
        if delivery.price_usd is None:
            raise self.missing(f"needs the fair market value of a unit of {delivery.security}")
        return delivery.price_usd
