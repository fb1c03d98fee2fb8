"""What a corporate action does to the lots of one account, as values."""

from dataclasses import dataclass
from decimal import Decimal

from portfolios.ledger.types import ZERO, Disposition, Lot


@dataclass(frozen=True, slots=True, kw_only=True)
class LotExchange:
    """
    One lot given up in a reorganisation with cash.

    `realised_usd` is cash and the value of the stock, less the basis; `recognised_usd` is the part of it that is taxed.
    Both are None where the basis is unknown.
    """

    lot_key: str
    units: Decimal
    cash_usd: Decimal
    stock_usd: Decimal
    realised_usd: Decimal | None
    recognised_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LotOutcome:
    """
    One lot before the action and what stands in its place.

    `cash_usd` is all cash that the lot brought. `income_usd` is the dividend: cash of a special one, the value of
    what was distributed in a taxable one.
    """

    before: Lot
    after: tuple[Lot, ...] = ()
    dispositions: tuple[Disposition, ...] = ()
    cash_usd: Decimal = ZERO
    income_usd: Decimal = ZERO
    exchange: LotExchange | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEffect:
    """
    What the action does to an account: every lot given is in `kept` (under its old key) or in `gone`.

    A kept lot may have other units, another basis and another security. `opened` are new lots. `cash_usd` is all cash
    to the account, and `income_usd` what of the action is a dividend.
    """

    kept: tuple[Lot, ...] = ()
    opened: tuple[Lot, ...] = ()
    gone: tuple[str, ...] = ()
    dispositions: tuple[Disposition, ...] = ()
    cash_usd: Decimal = ZERO
    income_usd: Decimal = ZERO
    exchanges: tuple[LotExchange, ...] = ()
    notes: tuple[str, ...] = ()


def effect_of(outcomes: tuple[LotOutcome, ...], *, merged: tuple[str, ...] = ()) -> ActionEffect:
    """Add up what became of each lot; `merged` are keys of lots that went into another before the action."""
    kept = tuple(lot for each in outcomes for lot in each.after if lot.key == each.before.key)
    kept_keys = {lot.key for lot in kept}
    return ActionEffect(
        kept=kept,
        opened=tuple(lot for each in outcomes for lot in each.after if lot.key != each.before.key),
        gone=(*(each.before.key for each in outcomes if each.before.key not in kept_keys), *merged),
        dispositions=tuple(sold for each in outcomes for sold in each.dispositions),
        cash_usd=sum((each.cash_usd for each in outcomes), ZERO),
        income_usd=sum((each.income_usd for each in outcomes), ZERO),
        exchanges=tuple(each.exchange for each in outcomes if each.exchange is not None),
        notes=tuple(each.note for each in outcomes if each.note),
    )
