"""A stored proposal solved again: the same trades, other trades, another version; and its case as one file."""

from io import StringIO

import msgspec
import pytest
from django.core.management import CommandError, call_command

from portfolios.models.market import Blob
from rebalancing.engine.case import case_hash, parse_case
from rebalancing.engine.outcome import encode_outcome
from rebalancing.engine.reference import solve_convex
from rebalancing.models.proposals import Proposal
from rebalancing.selectors.cases import stored_case, stored_outcome
from rebalancing.services import runs, solving
from rebalancing.services.cases import packed
from rebalancing.services.runs import Scope
from rebalancing.services.solving import Worker
from tests.factories import NOW
from tests.firms import open_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def proposal() -> Proposal:
    desk = open_desk()
    account = desk.account("VTI 400 @ 240 2024-03-01", cash="500")
    run = runs.start_run(desk.firm, scope=Scope(account_id=account.pk), actor=None, now=NOW)
    worker = Worker(name="test", fallback=solve_convex, clock=lambda: NOW)
    list(solving.drain(worker=worker, run_id=run.pk))
    return Proposal.objects.select_related("outcome__case").get()


def replay(proposal: Proposal) -> tuple[int, str]:
    """Run the command; return its exit code and what it said."""
    said = StringIO()
    try:
        call_command("replay", str(proposal.pk), stdout=said, stderr=said)
    except SystemExit as ending:
        return int(ending.code or 0), said.getvalue()
    return 0, said.getvalue()


def store(proposal: Proposal, **changes: object) -> None:
    """Put another answer in the place of the stored one."""
    row = proposal.outcome
    row.content = packed(encode_outcome(msgspec.structs.replace(stored_outcome(row), **changes)))
    row.save(update_fields=["content"])


def test_same_version_finds_the_same_trades(proposal: Proposal) -> None:
    assert replay(proposal) == (0, f"proposal {proposal.pk}: the same trades\n")


def test_other_trades_are_named_and_end_with_one(proposal: Proposal) -> None:
    (account,) = stored_outcome(proposal.outcome).accounts
    store(proposal, accounts=(msgspec.structs.replace(account, trades=account.trades[:1]),))

    code, said = replay(proposal)

    assert code == 1
    assert "buy BND: no trade before" in said


def test_another_version_is_named_verified_and_ends_with_three(proposal: Proposal) -> None:
    store(proposal, engine="0.0.1")

    code, said = replay(proposal)

    assert code == 3
    assert "proposed by engine 0.0.1" in said
    assert "verified afresh, holds" in said
    assert "within the certified gap" in said


def test_case_that_was_changed_is_refused_with_two(proposal: Proposal) -> None:
    Blob.objects.update(content=packed(b"[]"))

    code, said = replay(proposal)

    assert code == 2
    assert "does not have this hash" in said


def test_unknown_proposal_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="no proposal 7"):
        call_command("replay", "7")


def test_exported_case_is_self_contained_and_hashes_alike(proposal: Proposal) -> None:
    said = StringIO()

    call_command("export_case", str(proposal.pk), stdout=said)

    exported = parse_case(said.getvalue().encode())
    assert exported == stored_case(proposal.outcome.case)
    assert case_hash(exported) == proposal.outcome.case.case_hash
