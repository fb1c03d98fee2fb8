"""Find every place where JSON does not have the shape of a wire type, not only the first."""

import types
import typing
from collections.abc import Iterator

import msgspec

from rebalancing.engine.types import Fault


def shape_faults(value: object, expected: object, *, path: str = "") -> Iterator[Fault]:
    """Yield a fault for each part of `value` that cannot be read as `expected` (a wire type or an annotation)."""
    try:
        msgspec.convert(value, type=expected)
    except msgspec.ValidationError as error:
        inner = list(_inner_faults(value, expected, path=path))
        if inner:
            yield from inner
        else:
            yield Fault(path=path, message=_message(error))


def _inner_faults(value: object, expected: object, *, path: str) -> Iterator[Fault]:
    expected = _without_none(expected)
    if isinstance(value, dict) and isinstance(expected, type) and issubclass(expected, msgspec.Struct):
        yield from _field_faults(value, expected, path=path)
        return
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin is dict and isinstance(value, dict):
        for key, item in value.items():
            yield from shape_faults(item, arguments[1], path=f"{path}.{key}")
    if origin is tuple and isinstance(value, list | tuple) and arguments[-1] is Ellipsis:
        for index, item in enumerate(value):
            yield from shape_faults(item, arguments[0], path=f"{path}[{index}]")


def _field_faults(value: dict[str, object], expected: type[msgspec.Struct], *, path: str) -> Iterator[Fault]:
    prefix = f"{path}." if path else ""
    fields = {field.encode_name: field for field in msgspec.structs.fields(expected)}
    for name in value:
        if name not in fields:
            yield Fault(path=f"{prefix}{name}", message="is not a field of the case format")
    for name, field in fields.items():
        if name in value:
            yield from shape_faults(value[name], field.type, path=f"{prefix}{name}")
        elif field.required:
            yield Fault(path=f"{prefix}{name}", message="is missing")


def _without_none(expected: object) -> object:
    if typing.get_origin(expected) not in (typing.Union, types.UnionType):
        return expected
    members = [member for member in typing.get_args(expected) if member is not type(None)]
    return members[0] if len(members) == 1 else expected


def _message(error: msgspec.ValidationError) -> str:
    sentence = str(error).split(" - at `", 1)[0]
    return sentence[:1].lower() + sentence[1:]
