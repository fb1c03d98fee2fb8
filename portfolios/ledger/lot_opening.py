"""Open the lots that a custodian states and the ledger does not have."""

from dataclasses import dataclass
from datetime import date

from portfolios.ledger.statements import StatedLot
from portfolios.ledger.types import Lot


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The day of the statement, whether it is the account's first, and whether basis matters for its taxes."""

    as_of: date
    is_first: bool
    is_taxable: bool


def is_dated_enough(row: StatedLot) -> bool:
    """Tell whether a lot's term is known: by its trade date, or because it was inherited."""
    return row.acquired_on is not None or row.is_inherited


def opened_lot(row: StatedLot, used: set[str], setting: Setting) -> Lot:
    """
    Open a stated lot.

    Without a trade date neither term nor window is known: in a taxable account its basis then counts as unknown, but
    for what was inherited, which is long-term whenever sold.
    """
    is_dated = is_dated_enough(row)
    acquired_on = row.acquired_on or setting.as_of
    root = f"{row.security}-{acquired_on:%Y%m%d}"
    cost = row.cost_usd if is_dated or not setting.is_taxable else None
    return Lot(
        key=row.ref if row.ref and row.ref not in used else _free_key(root, used, setting),
        root_key=root,
        security=row.security,
        units=row.units,
        cost_usd=cost,
        acquired_on=acquired_on,
        holding_on=row.holding_on,
        loss_cost_usd=None if cost is None else row.loss_cost_usd,
        wash_adjustment_usd=row.wash_adjustment_usd,
        is_inherited=row.is_inherited,
        is_gift=row.is_gift,
        is_wash_acquisition=is_dated if row.is_wash_acquisition is None else row.is_wash_acquisition,
        is_wash_consumed=row.is_wash_consumed,
    )


def _free_key(root: str, used: set[str], setting: Setting) -> str:
    stem = root if setting.is_first else f"{root}-{setting.as_of:%Y%m%d}"
    number = 1
    while f"{stem}-{number}" in used:
        number += 1
    return f"{stem}-{number}"
