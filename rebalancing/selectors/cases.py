"""Cases and outcomes as they were stored, read back whole."""

import msgspec
import zstandard
from django.db.models import QuerySet

from advisors.errors import NotFound
from portfolios.models.market import Blob
from rebalancing.engine.case import Case, parse_case
from rebalancing.engine.outcome import Outcome, parse_outcome
from rebalancing.models.proposals import CaseSnapshot, Proposal, StoredOutcome


def unpacked(content: bytes | memoryview) -> bytes:
    """Undo the compression of a stored part."""
    return zstandard.ZstdDecompressor().decompress(bytes(content))


def shared_part(sha256: str) -> bytes:
    """
    Return the JSON of a part that cases share.

    :raises LookupError: no such part is stored
    """
    blob = Blob.objects.filter(pk=sha256).first()
    if blob is None:
        raise LookupError(sha256)
    return unpacked(blob.content)


def stored_case(snapshot: CaseSnapshot) -> Case:
    """
    Read a case back as it was solved.

    :raises BadCase: it was changed, or a shared part is gone
    """
    return parse_case(unpacked(snapshot.content), resolve=shared_part)


def stored_outcome(outcome: StoredOutcome) -> Outcome:
    """Read back what the engine answered."""
    return parse_outcome(unpacked(outcome.content))


def self_contained_json(snapshot: CaseSnapshot) -> bytes:
    """Return a stored case as one file, its shared parts inside."""
    plain = msgspec.json.decode(unpacked(snapshot.content))
    for name, part in plain.items():
        if isinstance(part, dict) and set(part) == {"sha256"}:
            plain[name] = msgspec.Raw(shared_part(part["sha256"]))
    return msgspec.json.format(msgspec.json.encode(plain))


def proposals_with_case() -> QuerySet[Proposal]:
    """Return proposals with their outcome and case at hand."""
    return Proposal.objects.select_related("outcome__case", "account")


def proposal_with_case(proposal_id: int) -> Proposal:
    """
    Return one proposal with its outcome and case.

    :raises NotFound: there is none
    """
    proposal = proposals_with_case().filter(pk=proposal_id).first()
    if proposal is None:
        raise NotFound(f"There is no proposal {proposal_id}.")
    return proposal
