"""Write what only some kinds of event have as JSON for the journal, and read events back."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import date
from decimal import Decimal
from enum import Enum

import msgspec

from portfolios.ledger.corporate_actions.terms import ActionTerms, Delivery, HolderTerms
from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import Disposition, Lot, LotEvent, LotPick

Json = str | bool | list["Json"] | dict[str, "Json"] | None

IN_COLUMNS = frozenset(
    {"kind", "ref", "traded_on", "settled_on", "security", "units", "amount_usd", "reason", "corrects"}
)


def event_detail(event: LotEvent) -> dict[str, Json]:
    """Return what of an event has no column of its own, defaults left out; decimals and dates are strings."""
    return {
        name: _plain(value)
        for name, default in _EVENT_FIELDS
        if name not in IN_COLUMNS and (value := getattr(event, name)) != default
    }


def event_from(columns: Mapping[str, object], detail: Mapping[str, Json]) -> LotEvent:
    """
    Read an event back from its columns and its detail.

    :raises BadInput: a journal row that is no event
    """
    try:
        return msgspec.convert({**detail, **columns}, LotEvent)
    except msgspec.ValidationError as fault:
        raise BadInput(f"journal row {columns.get('ref')} cannot be read: {fault}") from fault


def _defaults(fields_of: tuple[Field[object], ...]) -> tuple[tuple[str, object], ...]:
    return tuple((each.name, each.default if each.default is not MISSING else MISSING) for each in fields_of)


_EVENT_FIELDS = _defaults(fields(LotEvent))
_FIELDS: dict[type, tuple[tuple[str, object], ...]] = {
    kind: _defaults(fields(kind)) for kind in (Lot, LotPick, Disposition, ActionTerms, HolderTerms, Delivery)
}


def _plain(value: object) -> Json:
    known = _FIELDS.get(type(value))
    if known is not None:
        return {name: _plain(part) for name, default in known if (part := getattr(value, name)) != default}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return str(value.value)
    assert value is None or isinstance(value, (str, bool))  # what the types of the ledger hold
    return value
