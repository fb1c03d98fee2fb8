"""Read a case, name everything that is wrong with it, and give it its hash."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard

import msgspec

from rebalancing.engine.faults.case import value_faults
from rebalancing.engine.same import Same
from rebalancing.engine.shape import shape_faults
from rebalancing.engine.shortest import write_shortest
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
LONGEST_REFERENCE = 200
NO_MODEL = RiskModel(factors=(), factor_covariance=(), exposures={}, specific_variance={})


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
        fields = msgspec.structs.asdict(_ENVELOPE.decode(data))
        shared = {name: _part(name, _content(bytes(fields[name]), resolve=resolve)) for name in SHARED}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, LookupError, BadCase):
        case = _parse_slowly(data, resolve=resolve)
    else:
        case = Case(**fields | shared)
    check_case(case)
    return case


def _parse_slowly(data: bytes, *, resolve: Resolve | None) -> Case:
    """Read a case that has shared parts apart, or find all that is wrong with its shape."""
    raw = _decode(data, path="")
    if not isinstance(raw, dict):
        raise BadCase((Fault(path="", message="a case must be a JSON object"),))
    shared = _resolve_parts(raw, resolve=resolve)
    try:
        case = msgspec.convert(raw | shared, type=Case)
    except msgspec.ValidationError as error:
        faults = tuple(shape_faults({**raw, **msgspec.to_builtins(shared)}, Case))
        raise BadCase(faults or (Fault(path="", message=str(error)),)) from error
    return msgspec.structs.replace(case, **shared)  # the very objects, by which what depends on them is kept


def _decode(data: bytes, *, path: str) -> object:
    """
    Read JSON of any shape.

    :raises BadCase: it is none, or nested beyond any case
    """
    try:
        raw: object = msgspec.json.decode(data)
    except RecursionError as error:
        raise BadCase((Fault(path=path, message="not JSON that can be read: nested too deeply"),)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadCase((Fault(path=path, message=f"not JSON: {error}"),)) from error
    return raw


def check_case(case: Case) -> None:
    """
    Refuse a case whose values contradict each other or the world.

    :raises BadCase: with all faults, not just the first
    """
    faults = _faults(Same(case))
    if faults:
        raise BadCase(faults)


@lru_cache(maxsize=4)
def _faults(same: Same) -> tuple[Fault, ...]:
    """Look once for all who ask in a row."""
    assert isinstance(same.it, Case)
    return tuple(value_faults(same.it))


def canonical_json(case: Case) -> bytes:
    """Write a self-contained case so that equal cases give equal bytes: keys sorted, decimals without padding."""
    return msgspec.json.encode(write_shortest(case), order="sorted")


def split_case(case: Case) -> SplitCase:
    """Write a case with its securities and risk model kept apart under their hashes, for storing them once a day."""
    blobs: dict[str, bytes] = {}
    parts: dict[str, object] = {}
    for name in SHARED:
        kept = _blob_of(Same(getattr(case, name)))
        blobs[kept.digest] = kept.data
        parts[name] = {"sha256": kept.digest}
    written = write_shortest(msgspec.structs.replace(case, securities=(), risk_model=NO_MODEL))
    assert isinstance(written, Case)
    plain = msgspec.structs.asdict(written) | parts
    return SplitCase(case_json=msgspec.json.encode(plain, order="sorted"), blobs=blobs)


def case_hash(case: Case) -> str:
    """Hash the content of a case; the same whether its shared parts stood inside or apart."""
    return _hash(Same(case))


@lru_cache(maxsize=4)
def _hash(same: Same) -> str:
    """Hash once for all who ask in a row."""
    assert isinstance(same.it, Case)
    return "sha256:" + hashlib.sha256(split_case(same.it).case_json).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blob:
    digest: str
    data: bytes


@lru_cache(maxsize=4)
def _blob_of(part: Same) -> _Blob:
    """Write a shared part down; kept, because all cases of a day share it."""
    data = msgspec.json.encode(write_shortest(part.it), order="sorted")
    return _Blob(digest=hashlib.sha256(data).hexdigest(), data=data)


def _envelope() -> msgspec.json.Decoder[msgspec.Struct]:
    """Read a case but for its shared parts, which stay bytes: a part seen before is not read again."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(Case):
        kind = msgspec.Raw if field.name in SHARED else field.type
        fields.append((field.name, kind) if field.required else (field.name, kind, field.default))
    return msgspec.json.Decoder(msgspec.defstruct("Envelope", fields, kw_only=True, forbid_unknown_fields=True))


_ENVELOPE = _envelope()


def _content(part: bytes, *, resolve: Resolve | None) -> bytes:
    """Return the JSON of a shared part, from the store where only its hash stands in the case."""
    reference = msgspec.json.decode(part) if len(part) <= LONGEST_REFERENCE else None
    if _is_reference(reference):
        return _blob(_digest(reference), resolve=resolve)
    return part


def _is_reference(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict) and set(value) == {"sha256"}


def _digest(reference: Mapping[str, object]) -> str:
    return str(reference["sha256"]).removeprefix("sha256:")


def _resolve_parts(raw: dict[str, object], *, resolve: Resolve | None) -> dict[str, object]:
    parts: dict[str, object] = {}
    faults: list[Fault] = []
    for name in SHARED:
        reference = raw.get(name)
        if not _is_reference(reference):
            continue
        try:
            parts[name] = _part(name, _blob(_digest(reference), resolve=resolve))
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
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        faults = tuple(shape_faults(_decode(data, path=name), expected, path=name))
        raise BadCase(faults or (Fault(path=name, message=str(error)),)) from error


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
