"""The demo's securities: invented companies and funds, read from the two tables beside this file."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One invented security. `last_price_usd` is its price on the demo's business date."""

    symbol: str
    name: str
    kind: str  # stock | etf | fund | cash
    asset_class: str
    sector: str
    industry: str
    country: str
    screens: tuple[str, ...]
    identity_group: str
    cusip: str
    isin: str
    last_price_usd: Decimal
    half_spread_bps: Decimal
    quantity_step: Decimal
    market_cap_busd: float
    role: str  # model | other | recommended | substitute | hold_only | sweep
    hurdle_bps: Decimal

    @property
    def is_stock(self) -> bool:
        return self.kind == "stock"


def cusip_of(issuer_number: int) -> str:
    """Form a CUSIP with its check digit in the range that is reserved for internal use (99xxxx), so it is nobody's."""
    body = f"99{issuer_number:04d}10"
    total = 0
    for place, character in enumerate(body):
        value = int(character) * (2 if place % 2 else 1)
        total += value // 10 + value % 10
    return f"{body}{(10 - total % 10) % 10}"


def isin_of(cusip: str) -> str:
    """Form the US ISIN of a CUSIP, check digit included."""
    digits = "".join(str(int(character, 36)) for character in f"US{cusip}")
    total = 0
    for place, character in enumerate(reversed(digits)):
        value = int(character) * (1 if place % 2 else 2)
        total += value // 10 + value % 10
    return f"US{cusip}{(10 - total % 10) % 10}"


def load_universe() -> tuple[Instrument, ...]:
    """Read all securities of the demo: companies, funds, and the money fund that custodians sweep cash into."""
    return (*_companies(), *_funds(), _sweep())


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as table:
        yield from csv.DictReader(table)


def _stock_half_spread_bps(market_cap_busd: float) -> Decimal:
    for floor_busd, half_spread_bps in ((500, "0.8"), (200, "1.2"), (100, "1.8"), (60, "2.5")):
        if market_cap_busd >= floor_busd:
            return Decimal(half_spread_bps)
    return Decimal("4.0")


def _companies() -> Iterator[Instrument]:
    for number, row in enumerate(_rows("companies.csv"), start=1):
        cusip = cusip_of(number)
        market_cap_busd = float(row["market_cap_busd"])
        yield Instrument(
            symbol=row["symbol"],
            name=row["name"],
            kind="stock",
            asset_class="us_large" if market_cap_busd >= 30 else "us_small",
            sector=row["sector"],
            industry=row["industry"],
            country=row["country"],
            screens=tuple(row["screens"].split()),
            identity_group=row["identity_group"],
            cusip=cusip,
            isin=isin_of(cusip),
            last_price_usd=Decimal(row["price_usd"]),
            half_spread_bps=_stock_half_spread_bps(market_cap_busd),
            quantity_step=Decimal(1),
            market_cap_busd=market_cap_busd,
            role="model" if row["in_model"] == "1" else "other",
            hurdle_bps=Decimal(0),
        )


def _funds() -> Iterator[Instrument]:
    for number, row in enumerate(_rows("funds.csv"), start=501):
        is_mutual = row["kind"] == "mutual_fund"
        cusip = cusip_of(number)
        yield Instrument(
            symbol=row["symbol"],
            name=row["name"],
            kind="fund" if is_mutual else "etf",
            asset_class=row["asset_class"],
            sector="",
            industry="",
            country="US",
            screens=(),
            identity_group="US_LARGE_500" if row["index_name"] == "US Large 500" else "",
            cusip=cusip,
            isin=isin_of(cusip),
            last_price_usd=Decimal(row["price_usd"]),
            half_spread_bps=Decimal(row["half_spread_bps"]),
            quantity_step=Decimal("0.001") if is_mutual else Decimal(1),
            market_cap_busd=0.0,
            role=row["role"],
            hurdle_bps=Decimal(row["hurdle_bps"]),
        )


def _sweep() -> Instrument:
    cusip = cusip_of(901)
    return Instrument(
        symbol="HPGXX",
        name="Harbor Government Money Market Fund",
        kind="cash",
        asset_class="cash",
        sector="",
        industry="",
        country="US",
        screens=(),
        identity_group="",
        cusip=cusip,
        isin=isin_of(cusip),
        last_price_usd=Decimal(1),
        half_spread_bps=Decimal(0),
        quantity_step=Decimal("0.01"),
        market_cap_busd=0.0,
        role="sweep",
        hurdle_bps=Decimal(0),
    )
