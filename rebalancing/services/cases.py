"""Keep cases before they are solved: canonical JSON, compressed, the parts of a day once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import zstandard
from django.db import transaction

from portfolios.models.market import Blob
from rebalancing.engine.case import Case, case_hash, parse_case, split_case
from rebalancing.models.proposals import CaseSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseToKeep:
    tax_household_id: int
    case: Case


def packed(content: bytes) -> bytes:
    """Compress a part to be stored."""
    return zstandard.ZstdCompressor(level=6).compress(content)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCase:
    """A stored case, and what reading it back gives: this, digit for digit, is what is to be solved."""

    snapshot: CaseSnapshot
    case: Case


@transaction.atomic
def keep_cases(firm_id: int, *, cases: Collection[CaseToKeep], now: datetime) -> Mapping[int, KeptCase]:
    """Store cases by tax household; one that is stored already is not stored again. Four queries."""
    blobs: dict[str, bytes] = {}
    fresh: dict[str, CaseSnapshot] = {}
    hash_of: dict[int, str] = {}
    read_back: dict[int, Case] = {}
    for kept in cases:
        split = split_case(kept.case)
        blobs.update(split.blobs)
        name = case_hash(kept.case)
        read_back[kept.tax_household_id] = parse_case(split.case_json, resolve=split.blobs.__getitem__)
        hash_of[kept.tax_household_id] = name
        fresh[name] = CaseSnapshot(
            firm_id=firm_id,
            tax_household_id=kept.tax_household_id,
            case_hash=name,
            as_of_on=kept.case.as_of,
            content=packed(split.case_json),
            taken_at=now,
        )
    _keep_blobs(blobs)
    CaseSnapshot.objects.bulk_create(fresh.values(), ignore_conflicts=True)
    stored = {row.case_hash: row for row in CaseSnapshot.objects.filter(firm_id=firm_id, case_hash__in=fresh)}
    return {
        tax_household_id: KeptCase(snapshot=stored[name], case=read_back[tax_household_id])
        for tax_household_id, name in hash_of.items()
    }


def _keep_blobs(blobs: Mapping[str, bytes]) -> None:
    known = set(Blob.objects.filter(pk__in=blobs).values_list("pk", flat=True))
    Blob.objects.bulk_create(
        [
            Blob(sha256=sha256, content=packed(content), size=len(content))
            for sha256, content in blobs.items()
            if sha256 not in known
        ],
        ignore_conflicts=True,
    )
