"""Risk models of a firm: the one in force, and the daily returns that one is estimated from."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
from django.db.models import FloatField, QuerySet
from django.db.models.functions import Cast

from portfolios.models.guidance import VersionStatus
from portfolios.models.market import ActionKind, ActionStatus, CorporateAction, Price, RiskModelVersion
from portfolios.models.securities import FirmSecurity, SecurityKind

YEARS_OF_DAYS: Final = timedelta(days=3 * 366)
_SPLITS: Final = (ActionKind.SPLIT, ActionKind.REVERSE_SPLIT, ActionKind.STOCK_DIVIDEND)
_TRADING_DAY: Final = 0.2  # of the securities are priced on it

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceReturns:
    """
    Daily price returns of a firm's securities: `returns` (T, N), NaN where there was no price on two days in a row.

    `days` (T,) are the days on which a return ends. Splits are taken out; a day with another corporate action is NaN.
    `peers` names the sector of a stock and the asset class of everything else; `market` are the stocks.
    """

    symbols: tuple[str, ...]
    days: tuple[date, ...]
    returns: Array
    peers: dict[str, str]
    market: tuple[str, ...]


def risk_model_in_force(firm_id: int, *, as_of: date) -> RiskModelVersion | None:
    """Return the approved risk model that counts on a day, with its content; one query."""
    return _approved(firm_id).filter(effective_on__lte=as_of).first()


def newest_risk_model(firm_id: int) -> RiskModelVersion | None:
    """Return the approved risk model that counts last, also when its day has not come yet."""
    return _approved(firm_id).first()


def _approved(firm_id: int) -> "QuerySet[RiskModelVersion]":
    rows = RiskModelVersion.objects.filter(firm_id=firm_id, status=VersionStatus.APPROVED)
    return rows.select_related("blob").order_by("-effective_on", "-pk")


def price_returns(firm_id: int, *, as_of: date) -> PriceReturns:
    """Return three years of daily returns of everything that the firm classifies, cash left out; three queries."""
    rows = list(
        FirmSecurity.objects.filter(firm_id=firm_id)
        .exclude(security__kind=SecurityKind.CASH)
        .select_related("security", "asset_class")
        .order_by("security__symbol")
    )
    place = {row.security_id: at for at, row in enumerate(rows)}
    days, prices = _prices(place, since=as_of - YEARS_OF_DAYS, until=as_of)
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = prices[1:] * _split_factors(firm_id, place, days)[1:] / prices[:-1] - 1
    returns[~np.isfinite(returns)] = np.nan
    stocks = [row.security.symbol for row in rows if row.security.kind == SecurityKind.STOCK]
    symbols = tuple(row.security.symbol for row in rows)
    return PriceReturns(
        symbols=symbols,
        days=tuple(days[1:]),
        returns=returns,
        peers={row.security.symbol: _peers(row) for row in rows},
        market=tuple(stocks) or symbols,
    )


def _peers(row: FirmSecurity) -> str:
    if row.security.kind == SecurityKind.STOCK and row.security.sector:
        return row.security.sector
    return row.asset_class.name if row.asset_class else ""


def _prices(place: dict[int, int], *, since: date, until: date) -> tuple[list[date], Array]:
    """Return the days on which a fifth of the securities were priced, and their prices (T, N)."""
    rows = Price.objects.filter(security_id__in=place, priced_on__gt=since, priced_on__lte=until)
    told = rows.annotate(usd=Cast("price_usd", FloatField())).values_list("priced_on", "security_id", "usd")
    by_day: dict[date, list[tuple[int, float]]] = {}
    for day, security_id, usd in told.iterator(chunk_size=10_000):
        by_day.setdefault(day, []).append((place[security_id], usd))
    days = sorted(day for day, cells in by_day.items() if len(cells) >= _TRADING_DAY * len(place))
    prices = np.full((len(days), len(place)), np.nan)
    for at, day in enumerate(days):
        columns, values = zip(*by_day[day], strict=True)
        prices[at, list(columns)] = values
    return days, prices


def _split_factors(firm_id: int, place: dict[int, int], days: list[date]) -> Array:
    """Return what makes a price comparable with the day before: 1, the ratio of a split, NaN by another action."""
    factors = np.ones((len(days), len(place)))
    rows = CorporateAction.objects.filter(firm_id=firm_id, status=ActionStatus.APPLIED, security_id__in=place)
    ends = np.array(days, dtype="datetime64[D]")
    for kind, security_id, on, ratio in rows.values_list("kind", "security_id", "effective_on", "ratio"):
        at = int(np.searchsorted(ends, np.datetime64(on)))
        if at < len(days):
            factors[at, place[security_id]] *= float(ratio) if kind in _SPLITS and ratio else np.nan
    return factors
