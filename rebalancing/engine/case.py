"""Read a case, name everything that is wrong with it, and give it its hash."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import msgspec

from rebalancing.engine.faults.case import value_faults
from rebalancing.engine.shape import shape_faults
from rebalancing.engine.types import (
    CASH,
    ENGINE_VERSION,
    Account,
    BadCase,
    Case,
    CashNeeds,
    Constraint,
    Context,
    Fault,
    Household,
    Lot,
    Pinned,
    RecentTrade,
    RiskModel,
    Security,
    Substitute,
    Tax,
    Trading,
)

__all__ = [
    "CASH",
    "ENGINE_VERSION",
    "Account",
    "BadCase",
    "Case",
    "CashNeeds",
    "Constraint",
    "Context",
    "Fault",
    "Household",
    "Lot",
    "Pinned",
    "RecentTrade",
    "RiskModel",
    "Security",
    "SplitCase",
    "Substitute",
    "Tax",
    "Trading",
    "canonical_json",
    "case_hash",
    "case_schema",
    "check_case",
    "parse_case",
    "split_case",
]

Resolve = Callable[[str], bytes]
SHARED = ("securities", "risk_model")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCase:
    """A case whose shared parts stand apart: `blobs` maps the sha256 of each part to its JSON."""

    case_json: bytes
    blobs: Mapping[str, bytes]


def parse_case(data: bytes, *, resolve: Resolve | None = None) -> Case:
    """
    Read one case from JSON.

    `resolve` returns the JSON of a shared part by its sha256 (64 hex digits).
    :raises BadCase: anything is wrong; every fault is named with its path
    """
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadCase((Fault(path="", message=f"not JSON: {error}"),)) from error
    if not isinstance(raw, dict):
        raise BadCase((Fault(path="", message="a case must be a JSON object"),))
    shared = _resolve_parts(raw, resolve=resolve)
    try:
        case = msgspec.convert(raw | shared, type=Case)
    except msgspec.ValidationError as error:
        faults = tuple(shape_faults({**raw, **msgspec.to_builtins(shared)}, Case))
        raise BadCase(faults or (Fault(path="", message=str(error)),)) from error
    check_case(case)
    return case


def check_case(case: Case) -> None:
    """
    Refuse a case whose values contradict each other or the world.

    :raises BadCase: with all faults, not just the first
    """
    faults = tuple(value_faults(case))
    if faults:
        raise BadCase(faults)


def canonical_json(case: Case) -> bytes:
    """Write a self-contained case so that equal cases give equal bytes: keys sorted, decimals without padding."""
    return _canonical(_plain(case))


def split_case(case: Case) -> SplitCase:
    """Write a case with its securities and risk model kept apart under their hashes, for storing them once a day."""
    plain = _plain(case)
    blobs: dict[str, bytes] = {}
    for name in SHARED:
        part = _canonical(plain[name])
        digest = hashlib.sha256(part).hexdigest()
        blobs[digest] = part
        plain[name] = {"sha256": digest}
    return SplitCase(case_json=_canonical(plain), blobs=blobs)


def case_hash(case: Case) -> str:
    """Hash the content of a case; the same whether its shared parts stood inside or apart."""
    return "sha256:" + hashlib.sha256(split_case(case).case_json).hexdigest()


def _resolve_parts(raw: dict[str, object], *, resolve: Resolve | None) -> dict[str, object]:
    parts: dict[str, object] = {}
    faults: list[Fault] = []
    for name in SHARED:
        reference = raw.get(name)
        if not (isinstance(reference, dict) and set(reference) == {"sha256"}):
            continue
        digest = str(reference["sha256"]).removeprefix("sha256:")
        try:
            parts[name] = _part(name, _blob(digest, resolve=resolve))
        except LookupError as error:
            faults.append(Fault(path=name, message=str(error)))
        except BadCase as error:
            faults.extend(error.faults)
    if faults:
        raise BadCase(tuple(faults))
    return parts


def _blob(digest: str, *, resolve: Resolve | None) -> bytes:
    if resolve is None:
        raise LookupError(f"shared part sha256 {digest} is not in the file and no store was given")
    try:
        data = resolve(digest)
    except (LookupError, OSError) as error:
        raise LookupError(f"shared part sha256 {digest} was not found") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise LookupError(f"shared part sha256 {digest} does not have this hash: its bytes were changed")
    return data


@lru_cache(maxsize=8)
def _part(name: str, data: bytes) -> object:
    """Parse a shared part; kept, because thousands of cases of a day share it."""
    expected: type = RiskModel if name == "risk_model" else tuple[Security, ...]
    try:
        return msgspec.json.decode(data, type=expected)
    except msgspec.DecodeError as error:
        faults = tuple(shape_faults(msgspec.json.decode(data), expected, path=name))
        raise BadCase(faults or (Fault(path=name, message=str(error)),)) from error


def _plain(case: Case) -> dict[str, object]:
    """Turn a case into builtins; passing through JSON makes an int in a float's place a float."""
    case = msgspec.json.decode(msgspec.json.encode(case), type=Case)
    plain = msgspec.to_builtins(case, builtin_types=(Decimal,))
    assert isinstance(plain, dict)
    return plain


def _canonical(plain: object) -> bytes:
    return msgspec.json.encode(_shortest(plain), order="sorted")


def _shortest(value: object) -> object:
    """Write every decimal in its shortest plain form, so that 10, 10.0 and 1E+1 are one number."""
    match value:
        case Decimal():
            return format(value.normalize(), "f") if value else "0"
        case dict():
            return {key: _shortest(item) for key, item in value.items()}
        case list() | tuple():
            return [_shortest(item) for item in value]
    return value


def case_schema() -> dict[str, object]:
    """Return the JSON schema of a case, shared parts included; docs/case.schema.json is this, written down."""
    schema = msgspec.json.schema(Case)
    shared = {
        "type": "object",
        "properties": {"sha256": {"type": "string"}},
        "required": ["sha256"],
        "additionalProperties": False,
        "title": "SharedPart",
    }
    properties = schema["$defs"]["Case"]["properties"]
    for name in SHARED:
        properties[name] = {"anyOf": [properties[name], {"$ref": "#/$defs/SharedPart"}]}
    schema["$defs"]["SharedPart"] = shared
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
