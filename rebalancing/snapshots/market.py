"""What all cases of a firm and a day share: securities with prices, and the risk model."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec
import zstandard

from portfolios.ledger.errors import BadInput
from portfolios.models.securities import FirmSecurity, GroupLevel, SecurityKind
from portfolios.selectors.prices import LastPrice, last_prices
from portfolios.selectors.risk_models import risk_model_in_force
from portfolios.selectors.screens import screens_by_security
from rebalancing.engine.types import RiskModel, Security

PRICE_MAX_AGE: Final = timedelta(days=3)  # a long weekend; older is no price
_UNMANAGED: Final = (SecurityKind.OTHER, SecurityKind.CASH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """
    The shared part of a case. `securities` are those that a case may name, by database id; buyable is what the firm
    allows and has a price of the day, whether or not it is approved for an account.

    `missing` says of every other security that the firm classified why a case cannot name it. `groups` maps every
    classified security to its identity group, `prices` is by symbol.
    """

    as_of: date
    securities: Mapping[int, Security]
    risk_model: RiskModel
    missing: Mapping[int, str]
    groups: Mapping[int, str]
    prices: Mapping[str, Decimal]

    def security(self, security_id: int, *, symbol: str) -> Security:
        """
        Return a security as the case names it.

        :raises BadInput: with the reason why it cannot be in a case
        """
        known = self.securities.get(security_id)
        if known is None:
            raise BadInput(self.missing.get(security_id, f"{symbol} has no asset class in the house view."))
        return known


def load_market(firm_id: int, *, as_of: date, change_id: int | None = None) -> Market:
    """
    Read securities, prices, screens and risk model; four queries. Screens are those of a draft change if asked.

    :raises BadInput: the firm has no risk model
    """
    model = _risk_model_in_force(firm_id, as_of=as_of)
    rows = list(
        FirmSecurity.objects.filter(firm_id=firm_id)
        .exclude(security__kind__in=_UNMANAGED)
        .select_related("security", "asset_class", "identity_group")
        .order_by("security__symbol")
    )
    prices = last_prices([row.security_id for row in rows], as_of=as_of)
    screens = screens_by_security(firm_id, on=as_of, change_id=change_id)
    securities: dict[int, Security] = {}
    missing: dict[int, str] = {}
    for row in rows:
        last = prices.get(row.security_id)
        fault = _fault(row, last=last, model=model, as_of=as_of)
        if fault:
            missing[row.security_id] = fault
        elif last is not None:
            is_buyable = row.is_buyable and last.priced_on == as_of
            flags = screens.get(row.security_id, ())
            securities[row.security_id] = _security(row, last=last, screens=flags, is_buyable=is_buyable)
    return Market(
        as_of=as_of,
        securities=securities,
        risk_model=model,
        missing=missing,
        groups={row.security_id: _group(row) or row.security.symbol for row in rows},
        prices={security.id: security.price for security in securities.values()},
    )


def _fault(row: FirmSecurity, *, last: LastPrice | None, model: RiskModel, as_of: date) -> str:
    symbol = row.security.symbol
    if row.asset_class is None:
        return f"{symbol} has no asset class in the house view."
    if last is None:
        return f"{symbol} has no price."
    if last.priced_on < as_of - PRICE_MAX_AGE:
        return f"{symbol} has no price of {as_of}; its last price is of {last.priced_on}."
    if symbol not in model.exposures or symbol not in model.specific_variance:
        return f"{symbol} is not in the risk model."
    return ""


def _group(row: FirmSecurity) -> str | None:
    group = row.identity_group
    return group.key if group is not None and group.level == GroupLevel.IDENTICAL else None


def _security(row: FirmSecurity, *, last: LastPrice, screens: tuple[str, ...], is_buyable: bool) -> Security:
    security = row.security
    return Security(
        id=security.symbol,
        price=last.price_usd,
        asset_class=row.asset_class.key if row.asset_class else "",
        sector=security.sector or None,
        industry=security.industry or None,
        country=security.country or None,
        screens=screens,
        identity_group=_group(row),
        quantity_step=security.quantity_step,
        half_spread_bps=float(security.half_spread_bps),
        buyable=is_buyable,
    )


def _risk_model_in_force(firm_id: int, *, as_of: date) -> RiskModel:
    version = risk_model_in_force(firm_id, as_of=as_of)
    if version is None:
        raise BadInput(f"The firm has no risk model as of {as_of}. Import one.")
    return _parsed(version.blob_id, bytes(version.blob.content))


@lru_cache(maxsize=4)
def _parsed(sha256: str, content: bytes) -> RiskModel:
    """Parse a risk model once a worker."""
    del sha256
    return msgspec.json.decode(zstandard.ZstdDecompressor().decompress(content), type=RiskModel)
