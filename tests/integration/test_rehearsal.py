"""The demo's day: walked by two reviewers, once, and taken up again where it stopped."""

from datetime import datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from advisors.models import AuditEvent, Firm
from rebalancing.models.orders import Fill, Order, OrderStatus, ReleaseBatch
from rebalancing.models.proposals import Decision, Proposal, ProposalDecision, ProposalStatus
from rebalancing.services import rehearsal
from tests.conftest import Persona
from tests.desks import LATER, Purchase, Sale, open_account, propose

pytestmark = pytest.mark.django_db


def clock() -> datetime:
    return LATER


@pytest.fixture
def day(firm: Firm, advisor: Persona, reviewer: Persona, second_reviewer: Persona) -> list[Proposal]:
    asked = open_account(firm, advisor=advisor.membership, is_discretionary=False, custodian="schwab")
    free = open_account(firm, custodian="fidelity")
    return [
        propose(asked, Sale(symbol="VTI", units="10"), Purchase(symbol="BND", units="7")),
        propose(free, Purchase(symbol="BND", units="5")),
    ]


def walk(firm: Firm) -> tuple[bool, list[str], dict[str, str]]:
    told: list[str] = []
    kept: dict[str, str] = {}
    is_new = rehearsal.walk_day(rehearsal.cast_of(firm.slug), clock=clock, tell=told.append, keep=kept.__setitem__)
    return is_new, told, kept


def test_the_day_ends_with_one_batch_booked_by_two_people(
    firm: Firm, day: list[Proposal], advisor: Persona, reviewer: Persona, second_reviewer: Persona
) -> None:
    is_new, told, kept = walk(firm)

    assert is_new
    assert set(Proposal.objects.values_list("status", flat=True)) == {ProposalStatus.BOOKED}
    assert Fill.objects.count() == 3
    assert set(kept) == {"orders-0001-fidelity.csv", "orders-0001-schwab.csv", "fills-0001.csv"}
    assert told[0] == "1 proposal approved by Ada Advisor, advisor"
    who = dict(ProposalDecision.objects.filter(proposal=day[0]).values_list("decision", "actor__full_name"))
    assert who == {
        Decision.ADVISOR_APPROVE: advisor.user.full_name,
        Decision.APPROVE: reviewer.user.full_name,
        Decision.RELEASE: second_reviewer.user.full_name,
    }


def test_a_second_walk_changes_nothing(firm: Firm, day: list[Proposal]) -> None:
    walk(firm)
    before = AuditEvent.objects.count()

    is_new, told, kept = walk(firm)

    assert (is_new, told, kept) == (False, [], {})
    assert AuditEvent.objects.count() == before


def test_a_walk_that_was_stopped_goes_on(firm: Firm, day: list[Proposal]) -> None:
    cast = rehearsal.cast_of(firm.slug)
    approved = rehearsal._sign_off(cast, clock=clock, tell=lambda _: None)
    rehearsal._release(cast, approved, clock=clock, tell=lambda _: None)

    is_new, _, _ = walk(firm)

    assert is_new
    assert ReleaseBatch.objects.count() == 1
    assert set(Order.objects.values_list("status", flat=True)) == {OrderStatus.FILLED}


def test_the_command_says_when_nothing_was_proposed(
    firm: Firm, reviewer: Persona, second_reviewer: Persona, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="nothing to approve"):
        call_command("demo_day", firm=firm.slug, out=tmp_path)


def test_the_command_writes_what_went_out_and_came_in(firm: Firm, day: list[Proposal], tmp_path: Path) -> None:
    call_command("demo_day", firm=firm.slug, out=tmp_path)

    assert (tmp_path / "orders" / "fills-0001.csv").read_text().startswith("client_order_id,execution_id")


def test_one_reviewer_is_not_enough(firm: Firm, reviewer: Persona, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="at least two reviewers"):
        call_command("demo_day", firm=firm.slug, out=tmp_path)
