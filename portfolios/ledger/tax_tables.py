"""
The federal figures of a year and a filing status, read from the data files of `tables`.

A year without a table is an error, never the newest table; a firm may name a table that stands in for a year.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final

from portfolios.ledger.errors import BadInput
from portfolios.ledger.tables import federal_2024, federal_2025, federal_2026
from portfolios.ledger.types import ZERO

NIIT_FRAC: Final = Decimal("0.038")
CORPORATE_FRAC: Final = Decimal("0.21")
LONG_FRACS: Final = (ZERO, Decimal("0.15"), Decimal("0.20"))
FILING_STATUSES: Final = ("single", "mfj", "mfs", "hoh", "trust")
_YEARS: Final[Mapping[int, Mapping[str, Any]]] = {
    module.FEDERAL["year"]: module.FEDERAL for module in (federal_2024, federal_2025, federal_2026)
}
TABLE_YEARS: Final = tuple(sorted(_YEARS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Income from `from_usd` up to `to_usd` (None: without end) is taxed at `rate_frac`."""

    from_usd: Decimal
    to_usd: Decimal | None
    rate_frac: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FederalTable:
    """
    The figures of one filing status in one year.

    `table_year` differs from `year` where a firm lets another year's table stand in. `amt_from_usd` is where the
    alternative minimum tax starts to take its exemption back; None where no figure is kept.
    """

    year: int
    table_year: int
    status: str
    source: str
    ordinary: tuple[Band, ...]
    long: tuple[Band, ...]
    standard_deduction_usd: Decimal
    niit_threshold_usd: Decimal
    loss_limit_usd: Decimal
    amt_from_usd: Decimal | None
    amt_rate_frac: Decimal

    @property
    def is_stand_in(self) -> bool:
        """Say whether another year's table is used."""
        return self.table_year != self.year


def federal_table(year: int, filing_status: str, *, stand_ins: Mapping[int, int] | None = None) -> FederalTable:
    """
    Return the table of a year; `stand_ins` names, year by year, which table a firm accepts in place of a missing one.

    :raises BadInput: the status is unknown, or there is no table of the year and none stands in
    """
    if filing_status not in FILING_STATUSES:
        raise BadInput(f"{filing_status!r} is no filing status; it is one of {', '.join(FILING_STATUSES)}")
    table_year = year if year in _YEARS else (stand_ins or {}).get(year)
    if table_year is None or table_year not in _YEARS:
        known = ", ".join(str(known) for known in TABLE_YEARS)
        raise BadInput(f"There is no federal tax table of {year}; there are those of {known}.")
    return _table(year, table_year, filing_status)


@cache
def _table(year: int, table_year: int, status: str) -> FederalTable:
    data = _YEARS[table_year]
    rates = data["trust_rates" if status == "trust" else "rates"]
    amt_from = data["amt_phase_out_from"].get(status)
    return FederalTable(
        year=year,
        table_year=table_year,
        status=status,
        source=data["source"],
        ordinary=_bands(data["ordinary"][status], [Decimal(rate) for rate in rates]),
        long=_bands(data["long_breakpoints"][status], LONG_FRACS),
        standard_deduction_usd=Decimal(data["standard_deduction"][status]),
        niit_threshold_usd=Decimal(data["niit_threshold"][status]),
        loss_limit_usd=Decimal(data["loss_limit"][status]),
        amt_from_usd=None if amt_from is None else Decimal(amt_from),
        amt_rate_frac=Decimal(data["amt_phase_out_rate"]),
    )


def _bands(tops: tuple[int, ...], rates: list[Decimal] | tuple[Decimal, ...]) -> tuple[Band, ...]:
    starts = (ZERO, *(Decimal(top) for top in tops))
    ends = (*starts[1:], None)
    return tuple(
        Band(from_usd=start, to_usd=end, rate_frac=rate) for start, end, rate in zip(starts, ends, rates, strict=True)
    )


def tax_in_bands_usd(bands: tuple[Band, ...], *, amount_usd: Decimal, stacked_on_usd: Decimal = ZERO) -> Decimal:
    """Return the tax on an amount that lies on top of other income of the same bands; unrounded."""
    top = stacked_on_usd + amount_usd
    tax = ZERO
    for band in bands:
        if band.from_usd >= top:
            break
        end = top if band.to_usd is None or band.to_usd > top else band.to_usd
        start = max(band.from_usd, stacked_on_usd)
        if end > start:
            tax += (end - start) * band.rate_frac
    return tax


def band_of(bands: tuple[Band, ...], income_usd: Decimal) -> Band:
    """Return the band of the next dollar after an income."""
    return next(band for band in bands if band.to_usd is None or income_usd < band.to_usd)
