"""Write many rows of one table with one statement: what `bulk_create` does, without making a model of every row."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, models

Cell = str | int | bool | Decimal | date | datetime | None | Mapping[str, object]
Plain = str | int | bool | Decimal | date | datetime | None
_Adapt = Callable[[Cell], Plain]


def insert_rows(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, replace_on: Sequence[str] = ()
) -> None:
    """
    Insert rows whose cells stand in the order of `columns`, the names of fields.

    `replace_on` are the fields of a unique constraint: a row that meets it takes over the other columns.
    """
    named = _columns(model, columns)
    quote = connection.ops.quote_name
    marks = ", ".join(_mark(field) for field in named.values())
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(map(quote, named))}) VALUES ({marks})"  # noqa: S608  names of our own
    if replace_on:
        keys = _columns(model, replace_on)
        taken = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in named if name not in keys)
        sql += f" ON CONFLICT ({', '.join(map(quote, keys))}) DO UPDATE SET {taken}"
    adapts = [(place, adapt) for place, field in enumerate(named.values()) if (adapt := _adapt_of(field)) is not None]
    cells = [_adapted(row, adapts) for row in rows]
    if not cells:
        return
    with connection.cursor() as cursor:
        cursor.executemany(sql, cells)


def _columns(model: type[models.Model], names: Sequence[str]) -> "dict[str, models.Field[Any, Any]]":
    """Return the fields of a table by the names of their columns."""
    found = {}
    for name in names:
        field = model._meta.get_field(name)
        assert isinstance(field, models.Field) and field.column  # a column of this table, no reverse relation
        found[str(field.column)] = field
    return found


def _mark(field: "models.Field[Any, Any]") -> str:
    return "%s::jsonb" if isinstance(field, models.JSONField) and connection.vendor == "postgresql" else "%s"


def _adapted(row: Sequence[Cell], adapts: Sequence[tuple[int, _Adapt]]) -> list[Plain]:
    cells: list[Any] = list(row)
    for place, adapt in adapts:
        cells[place] = adapt(cells[place])
    return cells


def _adapt_of(field: "models.Field[Any, Any]") -> _Adapt | None:
    """Return what turns a value into one that the database takes, None where it takes the value as it is."""
    if isinstance(field, models.JSONField):
        return _json
    if connection.vendor == "postgresql":
        return None
    if isinstance(field, models.DecimalField):
        return _text
    if isinstance(field, models.DateTimeField):
        return _moment
    return _day if isinstance(field, models.DateField) else None


def _json(cell: Cell) -> str:
    return json.dumps(cell)


def _text(cell: Cell) -> Plain:
    return None if cell is None else str(cell)


def _day(cell: Cell) -> Plain:
    return cell.isoformat() if isinstance(cell, date) else None


def _moment(cell: Cell) -> Plain:
    return None if cell is None else str(connection.ops.adapt_datetimefield_value(cell))  # type: ignore[arg-type]
