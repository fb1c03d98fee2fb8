"""The terms of a corporate action: what a holder gets for each unit, and how the tax rules treat it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from portfolios.ledger.errors import BadInput

ZERO = Decimal(0)


class ActionKind(StrEnum):
    """The kinds of section 3 of the tax specification."""

    SPLIT = "split"
    REVERSE_SPLIT = "reverse_split"
    STOCK_DIVIDEND = "stock_dividend"
    CLASS_DIVIDEND = "class_dividend"  # nontaxable dividend of a different class
    SPIN_OFF = "spin_off"
    STOCK_MERGER = "stock_merger"
    CASH_MERGER = "cash_merger"
    MIXED_MERGER = "mixed_merger"
    RETURN_OF_CAPITAL = "return_of_capital"
    TENDER = "tender"
    SYMBOL_CHANGE = "symbol_change"
    SPECIAL_DIVIDEND = "special_dividend"
    WORTHLESS = "worthless"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    A security that a holder gets: `units_per_unit` new units for each unit held.

    `price_usd` is its fair market value a unit on the first day; `basis_frac` is the issuer's share of the parent's
    basis (Form 8937), which goes before the prices where both are known. `fraction_price_usd` is what a new unit
    brought where fractions were sold for the holders; it goes before the one price of the terms.
    """

    security: str
    units_per_unit: Decimal
    price_usd: Decimal | None = None
    basis_frac: Decimal | None = None
    fraction_price_usd: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.units_per_unit > 0:
            raise BadInput(
                f"{self.units_per_unit} units of {self.security} a unit are delivered; it must be more than 0"
            )
        if self.basis_frac is not None and not 0 <= self.basis_frac <= 1:
            raise BadInput(f"{self.security} takes {self.basis_frac} of the basis; it must be between 0 and 1")
        for price in (self.price_usd, self.fraction_price_usd):
            if price is not None and price < 0:
                raise BadInput(f"{self.security} is delivered at a price of {price}; a price is not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTerms:
    """
    One action on `security`, effective on its ex-date, the same for every holder.

    `ratio` is new units per old unit of the same security (split, reverse split; 1.05 for a stock dividend of five
    per cent). `delivered` are other securities: the children of a spin-off, the acquirer of a merger, the new symbol.
    `price_usd` is the fair market value of a unit of the security itself after the action. `cash_per_unit_usd` is cash
    for each old unit. `is_taxable` marks a spin-off, stock dividend or merger that the rules tax. Fractions of a unit
    are paid in cash at `fraction_price_usd` a (new) unit where `pays_fractions`; otherwise they are kept.
    """

    kind: ActionKind
    key: str
    security: str
    effective_on: date
    ratio: Decimal | None = None
    delivered: tuple[Delivery, ...] = ()
    price_usd: Decimal | None = None
    cash_per_unit_usd: Decimal = ZERO
    is_taxable: bool = False
    pays_fractions: bool = False
    fraction_price_usd: Decimal | None = None

    def __post_init__(self) -> None:
        if self.ratio is not None and not self.ratio > 0:
            raise BadInput(f"action {self.key} on {self.security} has a ratio of {self.ratio}; it must be above zero")
        if self.cash_per_unit_usd < 0:
            raise BadInput(f"action {self.key} on {self.security} pays {self.cash_per_unit_usd} a unit")
        for price in (self.price_usd, self.fraction_price_usd):
            if price is not None and price < 0:
                raise BadInput(f"action {self.key} on {self.security} has a price of {price}; a price is not negative")

    @property
    def securities(self) -> tuple[str, ...]:
        """Return every security whose lots the action touches, its own first."""
        return tuple(dict.fromkeys((self.security, *(each.security for each in self.delivered))))


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderTerms:
    """
    What is particular to one account: what the custodian paid for its fraction, what it tendered or elected.

    `fraction_cash_usd` is the cash in lieu as paid, by security; it goes before the price of the terms.
    `tendered_units` None means all that are held, unless `tendered_lots` names lots and their units. After an election
    between cash and stock `elected_cash_per_unit_usd` and `elected_units_per_unit` are what this holder got for each
    old unit, proration included; both are told or neither. `assigned_lots` are (lot, units received, cash received)
    where the terms of a merger give stock and cash for particular lots; without, every unit gets the same.
    """

    fraction_cash_usd: tuple[tuple[str, Decimal], ...] = ()
    tendered_units: Decimal | None = None
    tendered_lots: tuple[tuple[str, Decimal], ...] = ()
    elected_cash_per_unit_usd: Decimal | None = None
    elected_units_per_unit: Decimal | None = None
    assigned_lots: tuple[tuple[str, Decimal, Decimal], ...] = ()

    def __post_init__(self) -> None:
        if (self.elected_cash_per_unit_usd is None) != (self.elected_units_per_unit is None):
            raise BadInput("an election tells the cash and the units that the holder got for each unit, or neither")
        for name, value in (
            ("cash for a fraction", min((paid for _, paid in self.fraction_cash_usd), default=ZERO)),
            ("number of units tendered", self.tendered_units or ZERO),
            ("cash elected", self.elected_cash_per_unit_usd or ZERO),
            ("number of units elected", self.elected_units_per_unit or ZERO),
            ("number of units assigned", min((units for _, units, _ in self.assigned_lots), default=ZERO)),
            ("cash assigned", min((cash for _, _, cash in self.assigned_lots), default=ZERO)),
        ):
            if value < 0:
                raise BadInput(f"the {name} is {value}; it is not negative")

    def paid_for_fraction_usd(self, security: str) -> Decimal | None:
        """Return what the custodian paid for this account's fraction of a security, None where it is not known."""
        return next((paid for symbol, paid in self.fraction_cash_usd if symbol == security), None)
