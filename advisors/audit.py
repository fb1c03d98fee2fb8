"""
The audit log: `record` is its only writer, `seal_events` chains it, `verify_chain` proves that nobody touched it.

Events commit with their cause, unsealed, so that writers never wait for each other. One job seals them every minute:
each gets the next number and a hash over its own content and the hash before it. Database triggers forbid every other
change and every deletion.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from allauth.core.internal.httpkit import get_client_ip
from django.db import connection, models, transaction
from django.http import HttpRequest
from django.utils import timezone

from advisors.models import AuditEvent, Membership, User

FIRST_HASH: Final = hashlib.sha256(b"trimtab audit log").hexdigest()
OVERDUE: Final = timedelta(minutes=5)
MAX_FAULTS: Final = 50
SYSTEM: Final = "system"
_SEAL_LOCK: Final = 7_311_746_001
_BATCH: Final = 2_000

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]
Subject = models.Model | tuple[str, int | str]

_source: ContextVar[str] = ContextVar("audit_source", default=SYSTEM)


@contextmanager
def acting_from(source: str) -> Iterator[None]:
    """Name where the events inside come from: an address, or a command."""
    token = _source.set(source[:64])
    try:
        yield
    finally:
        _source.reset(token)


def address_of(request: HttpRequest) -> str:
    """Return the client's address, through as many proxies as the settings trust."""
    return get_client_ip(request) or "unknown"


def _plain(value: object) -> Json:
    """Turn a value into JSON that reads back the same from both databases: numbers with a point become text."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return [_plain(one) for one in sorted(value, key=str)]
    if isinstance(value, Sequence):
        return [_plain(one) for one in value]
    return _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"an audit event cannot hold a {type(value).__name__}")


def _subject(subject: Subject | None) -> tuple[str, str]:
    if subject is None:
        return "", ""
    if isinstance(subject, models.Model):
        return subject._meta.verbose_name_raw.replace(" ", "_"), str(subject.pk)
    return subject[0], str(subject[1])


def record(
    action: str,
    *,
    actor: User | Membership | None,
    subject: Subject | None = None,
    firm_id: int | None = None,
    household_id: int | None = None,
    data: Mapping[str, object] | None = None,
    reason: str = "",
    now: datetime | None = None,
) -> AuditEvent:
    """
    Write one event, in the caller's transaction: ids and values, no client names.

    `action` reads noun.verb (`proposal.released`). `actor` is None for a machine. `subject` is a row, or its kind and
    id. The firm is the member's unless named.
    """
    user = actor.user if isinstance(actor, Membership) else actor
    subject_type, subject_id = _subject(subject)
    plain = _plain(data or {})
    assert isinstance(plain, dict)
    return AuditEvent.objects.create(
        firm_id=firm_id if firm_id is not None else getattr(actor, "firm_id", None),
        happened_at=now or timezone.now(),
        actor_id=user.pk if user else None,
        actor_name=user.full_name if user else "",
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        household_id=household_id,
        data=plain,
        reason=reason[:400],
        source=_source.get(),
    )


def _digest(event: AuditEvent, *, sequence: int, previous_hash: str) -> str:
    content = {
        "sequence": sequence,
        "previous_hash": previous_hash,
        "id": event.pk,
        "firm_id": event.firm_id,
        "happened_at": event.happened_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": event.actor_id,
        "actor_name": event.actor_name,
        "action": event.action,
        "subject_type": event.subject_type,
        "subject_id": event.subject_id,
        "household_id": event.household_id,
        "data": event.data,
        "reason": event.reason,
        "source": event.source,
    }
    wire = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(wire.encode("ascii")).hexdigest()


def _lock_chain() -> None:
    """Let one sealer work at a time; on SQLite the transaction already is the only writer."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SEAL_LOCK])


def _seal_batch(*, now: datetime) -> int:
    with transaction.atomic():
        _lock_chain()
        last = AuditEvent.objects.filter(sequence__isnull=False).order_by("-sequence").first()
        sequence, previous = (last.sequence or 0, last.hash) if last else (0, FIRST_HASH)
        rows: list[tuple[int, str, str, Any, int]] = []
        for event in AuditEvent.objects.filter(sealed_at__isnull=True).order_by("pk")[:_BATCH]:
            sequence += 1
            digest = _digest(event, sequence=sequence, previous_hash=previous)
            rows.append((sequence, previous, digest, connection.ops.adapt_datetimefield_value(now), event.pk))
            previous = digest
        if rows:
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"UPDATE {AuditEvent._meta.db_table} SET sequence = %s, previous_hash = %s, hash = %s,"  # noqa: S608  the name of our own table
                    " sealed_at = %s WHERE id = %s AND sealed_at IS NULL",
                    rows,
                )
    return len(rows)


def seal_events(*, now: datetime) -> int:
    """Chain every event that is not yet sealed, in the order of their ids; return how many."""
    total = 0
    while sealed := _seal_batch(now=now):
        total += sealed
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What a walk along the chain found. `head` is worth writing down elsewhere: it proves that no tail was cut."""

    sealed_count: int
    unsealed_count: int
    overdue_count: int
    head: str
    faults: tuple[str, ...]
    is_guarded: bool

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing was touched and the database still forbids it."""
        return not self.faults and self.is_guarded


def _faults_of(event: AuditEvent, *, sequence: int, previous_hash: str) -> Iterator[str]:
    if event.sequence != sequence:
        yield f"Event {sequence} is missing: the next one found is {event.sequence}."
    elif event.previous_hash != previous_hash:
        yield f"Event {sequence} (row {event.pk}) does not follow the one before it."
    if event.hash != _digest(event, sequence=event.sequence or 0, previous_hash=event.previous_hash):
        yield f"Event {event.sequence} (row {event.pk}) was changed after it was sealed."


def verify_chain(*, now: datetime, expected_head: str = "") -> ChainReport:
    """
    Recompute every hash and compare.

    `expected_head` is the `head` of an earlier report, "number:hash"; it is a fault when that event is gone or another.
    """
    faults: list[str] = []
    sequence, previous, sealed = 0, FIRST_HASH, 0
    expected_number, _, expected_hash = expected_head.partition(":")
    is_expected_seen = not expected_head
    for event in AuditEvent.objects.filter(sequence__isnull=False).order_by("sequence").iterator(chunk_size=_BATCH):
        faults.extend(_faults_of(event, sequence=sequence + 1, previous_hash=previous))
        sequence, previous, sealed = event.sequence or 0, event.hash, sealed + 1
        if str(event.sequence) == expected_number and event.hash == expected_hash:
            is_expected_seen = True
    if not is_expected_seen:
        faults.append(f"The event noted as {expected_head[:24]} is no longer there.")
    return ChainReport(
        sealed_count=sealed,
        unsealed_count=AuditEvent.objects.filter(sealed_at__isnull=True).count(),
        overdue_count=overdue_count(now=now),
        head=f"{sequence}:{previous}",
        faults=tuple(faults[:MAX_FAULTS]),
        is_guarded=is_guarded(),
    )


def overdue_count(*, now: datetime) -> int:
    """Return how many events have waited for their seal for more than five minutes."""
    return AuditEvent.objects.filter(sealed_at__isnull=True, happened_at__lt=now - OVERDUE).count()


def is_guarded() -> bool:
    """Tell whether the triggers that forbid changes and deletions are in place."""
    question = {
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN (%s, %s)",
        "postgresql": "SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'D' AND tgname IN (%s, %s)",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(question, ["audit_only_seals", "audit_keeps_all"])
        (found,) = cursor.fetchone() or (0,)
    return bool(found == 2)
