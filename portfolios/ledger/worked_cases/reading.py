"""Read the fields of a worked case, and write figures the way its file does: decimals as strings."""

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import CENT, ZERO, Term

Fields = Mapping[str, Any]
Actual = dict[str, Any]


def money_in(fields: Fields, name: str, default: Decimal | None = None) -> Decimal:
    """
    Return an amount or a number of shares of a case.

    :raises BadInput: it is missing without a default, or no number
    """
    if fields.get(name) is None:
        if default is None:
            raise BadInput(f"the case gives no {name}")
        return default
    try:
        value = Decimal(str(fields[name]))
    except InvalidOperation:
        raise BadInput(f"{name} is {fields[name]!r}, not a number") from None
    if not value.is_finite():
        raise BadInput(f"{name} is {fields[name]!r}, not a number")
    return value


def day_in(fields: Fields, name: str) -> date:
    """
    Return a date of a case.

    :raises BadInput: it is missing, or no date
    """
    try:
        return date.fromisoformat(str(fields[name]))
    except KeyError:
        raise BadInput(f"the case gives no {name}") from None
    except ValueError:
        raise BadInput(f"{name} is {fields[name]!r}, not a date") from None


def text_in(fields: Fields, name: str) -> str:
    """
    Return a text of a case.

    :raises BadInput: it is missing
    """
    if not fields.get(name):
        raise BadInput(f"the case gives no {name}")
    return str(fields[name])


def money(amount: Decimal | None) -> str | None:
    """Write an amount to the cent; an unknown one is None."""
    return None if amount is None else f"{amount.quantize(CENT, ROUND_HALF_UP) + ZERO:f}"


def shares(units: Decimal) -> str:
    """Write a number of shares without trailing zeros."""
    return f"{units.normalize():f}"


def day(value: date | None) -> str | None:
    """Write a date."""
    return None if value is None else value.isoformat()


def term_code(term: Term | None) -> str | None:
    """Write a term as ST or LT."""
    if term is None:
        return None
    return "LT" if term is Term.LONG else "ST"
