"""Build lots in the words of a confirmation: `lots("AAPL 100 @ 150.00 2024-03-01")`."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from portfolios.ledger.types import Book, Lot


def lots(*lines: str) -> tuple[Lot, ...]:
    """Read one lot a line: symbol, units, @, price paid per unit (`?` is unknown), trade date."""
    return tuple(_lot(number, line) for number, line in enumerate(lines, start=1))


def book_of(*lines: str) -> Book:
    """Make a book that holds such lots and no cash."""
    return Book(lots={lot.key: lot for lot in lots(*lines)})


def _lot(number: int, line: str) -> Lot:
    symbol, units, _, price, acquired = line.split()
    lot = Lot(
        key=f"L{number}",
        security=symbol,
        units=Decimal(units),
        cost_usd=None,
        acquired_on=date.fromisoformat(acquired),
    )
    return lot if price == "?" else replace(lot, cost_usd=Decimal(units) * Decimal(price))
