"""
Write the numbers of wire values in one way, so that equal values give equal bytes.

A decimal becomes the text of its shortest plain form (10, 10.0 and 1E+1 are one number), an int in a float's place a
float. What has no such numbers is taken as it is; the rest is copied once. Thousands of lots pass here, so each type
says once which of its fields have to be looked at.
"""

import typing
from collections.abc import Callable
from decimal import Decimal
from functools import cache

import msgspec

Write = Callable[[object], object]


def write_shortest(value: object) -> object:
    """Return a copy to be encoded as JSON: texts stand for its decimals, so it is no value of its type any more."""
    if isinstance(value, msgspec.Struct):
        return _write_struct(value)
    if isinstance(value, tuple):
        return tuple(write_shortest(item) for item in value)
    if isinstance(value, dict):
        return {key: write_shortest(item) for key, item in value.items()}
    return value


def _write_struct(value: msgspec.Struct) -> msgspec.Struct:
    copied = msgspec.structs.replace(value)
    for name, write in _looked_at(type(value)):
        item = getattr(value, name)
        if item is not None:
            msgspec.structs.force_setattr(copied, name, write(item))
    return copied


@cache
def _looked_at(kind: type[msgspec.Struct]) -> tuple[tuple[str, Write], ...]:
    """Name the fields of a type that may have to be written otherwise, and how."""
    found: list[tuple[str, Write]] = []
    for field in msgspec.structs.fields(kind):
        write = _writer(field.type)
        if write is not None:
            found.append((field.name, write))
    return tuple(found)


def _writer(annotation: object) -> Write | None:
    """Choose how to write what stands in a field; None where it can stay."""
    parts = _parts(annotation)
    if Decimal in parts:
        return _shortest
    if any(isinstance(part, type) and issubclass(part, msgspec.Struct) for part in parts):
        return write_shortest
    return _floats if float in parts else None


def _parts(annotation: object) -> set[object]:
    """Return all the types that an annotation mentions."""
    arguments = typing.get_args(annotation)
    return {annotation}.union(*map(_parts, arguments)) if arguments else {annotation}


def _shortest(value: object) -> str:
    text = str(value)
    if "E" in text or text.startswith("-0"):
        number = Decimal(text)
        text = format(number, "f") if number else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _floats(value: object) -> object:
    """Return the same numbers as floats, and the very same object where they are floats already."""
    if isinstance(value, dict):
        whole = all(type(item) is float for item in value.values())
        return value if whole else {key: _floats(item) for key, item in value.items()}
    if isinstance(value, tuple):
        whole = all(type(item) is float for item in value)
        return value if whole else tuple(_floats(item) for item in value)
    return float(value) if isinstance(value, int) else value
