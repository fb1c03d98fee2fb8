"""Generic files about the market: prices and the security master."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from portfolios.custodians.base import FileKind, ParsedFile, PriceRow, SecurityRow
from portfolios.custodians.cells import FaultLog, RowReader

CUSTODIAN = "generic"
SECURITY_KINDS = frozenset({"stock", "etf", "fund", "cash", "other"})
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,47}")
_MAX_PRICE_USD = Decimal(10) ** 9


def read_prices(rows: Iterator[RowReader], log: FaultLog) -> ParsedFile:
    """Read closing prices; a security has one a day."""
    del log
    prices: list[PriceRow] = []
    seen: dict[tuple[str, date], int] = {}
    for row in rows:
        price = PriceRow(
            row=row.number,
            symbol=row.symbol("symbol"),
            priced_on=row.need_date("date"),
            price_usd=row.need_number("price"),
        )
        if row.is_good and not 0 < price.price_usd < _MAX_PRICE_USD:
            row.fail(f"The price {price.price_usd} is not above 0 or not plausible.", "price")
        first = seen.setdefault((price.symbol, price.priced_on), row.number)
        if row.is_good and first != row.number:
            row.fail(f"{price.symbol} has a price for {price.priced_on} in row {first} already.", "date")
        if row.is_good:
            prices.append(price)
    latest = max((price.priced_on for price in prices), default=None)
    return ParsedFile(custodian=CUSTODIAN, kind=FileKind.PRICES, as_of=latest, prices=tuple(prices))


def read_securities(rows: Iterator[RowReader], log: FaultLog) -> ParsedFile:
    """Read the security master; a symbol stands in one row."""
    del log
    securities: dict[str, SecurityRow] = {}
    for row in rows:
        security = _read_security(row)
        if security.symbol in securities:
            row.fail(f"{security.symbol} stands in row {securities[security.symbol].row} already.", "symbol")
        if row.is_good:
            securities[security.symbol] = security
    return ParsedFile(custodian=CUSTODIAN, kind=FileKind.SECURITIES, securities=tuple(securities.values()))


def _read_security(row: RowReader) -> SecurityRow:
    kind = row.need_text("kind").lower()
    if kind and kind not in SECURITY_KINDS:
        row.fail(f"“{kind}” is not one of {', '.join(sorted(SECURITY_KINDS))}.", "kind")
    step = row.maybe_number("quantity_step")
    if step is not None and not 0 < step <= 1000:
        row.fail(f"The quantity_step {step} is not above 0.", "quantity_step")
    spread = row.maybe_number("half_spread_bps") or Decimal(0)
    if not 0 <= spread <= 1000:
        row.fail(f"The half_spread_bps {spread} lies outside 0 to 1000.", "half_spread_bps")
    return SecurityRow(
        row=row.number,
        symbol=row.symbol("symbol"),
        name=row.need_text("name"),
        kind=kind,
        cusip=_code(row, "cusip", r"[0-9A-Z*@#]{9}"),
        isin=_code(row, "isin", r"[A-Z]{2}[0-9A-Z]{9}[0-9]"),
        asset_class=row.text("asset_class"),
        sector=row.text("sector"),
        industry=row.text("industry"),
        country=_code(row, "country", r"[A-Z]{2}"),
        identity_group=row.text("identity_group"),
        screens=_screens(row),
        quantity_step=Decimal(1) if step is None else step,
        half_spread_bps=spread,
        is_buyable=row.yes_no("buyable", default=True),
    )


def _code(row: RowReader, column: str, pattern: str) -> str:
    value = row.text(column).upper()
    if value and not re.fullmatch(pattern, value):
        row.fail(f"“{value[:20]}” is not a {column}; leading zeros are lost when a sheet keeps it as a number.", column)
    return value


def _screens(row: RowReader) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in row.text("screens").split("|") if key.strip())
    for key in keys:
        if not _KEY.fullmatch(key):
            row.fail(f"“{key[:40]}” is not a key of a screen.", "screens")
    return keys
