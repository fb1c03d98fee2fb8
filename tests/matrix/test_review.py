"""Every status, persona and action in one table: what is done, and what is refused with which answer."""

import pytest
from django.urls import reverse

from advisors.models import Firm
from rebalancing.models.orders import ReleaseBatch
from rebalancing.models.proposals import Proposal, ProposalCheck, ProposalStatus
from rebalancing.services import orders
from tests.conftest import Persona
from tests.desks import LATER, Purchase, open_account, propose
from tests.factories import NOW

pytestmark = pytest.mark.django_db

PERSONAS = (
    "advisor",
    "outsider",
    "reviewer",
    "second_reviewer",
    "cio",
    "compliance",
    "operations",
    "administrator",
    "foreigner",
    "stranger",
)
ACTIONS = ("see", "approve_as_advisor", "approve", "send_back", "reject", "override", "release", "case")

# who may press it at all; everybody else is refused (403), who lies outside the book or firm sees nothing (404)
MAY = {
    "see": {"advisor", "reviewer", "second_reviewer", "cio", "compliance", "operations", "administrator"},
    "approve_as_advisor": {"advisor"},
    "approve": {"reviewer", "second_reviewer"},
    "send_back": {"advisor", "reviewer", "second_reviewer"},
    "reject": {"advisor", "reviewer", "second_reviewer"},
    "override": {"compliance"},
    "release": {"reviewer", "second_reviewer"},
    "case": {"reviewer", "second_reviewer", "compliance", "administrator"},
}
# whose role allows an action in principle, though not on this proposal: they see nothing of it
OUTSIDE = {
    "see": {"outsider", "foreigner"},
    "approve_as_advisor": {"outsider"},
    "approve": {"foreigner"},
    "send_back": {"outsider", "foreigner"},
    "reject": {"outsider", "foreigner"},
    "override": set(),
    "release": {"foreigner"},
    "case": {"foreigner"},
}
ASKED_FOR_REASON = {"send_back", "reject", "override"}

OPEN = {"proposed", "advisor_approved", "approved"}
STARTS = {
    "approve_as_advisor": {"proposed"},
    "approve": {"advisor_approved"},
    "send_back": OPEN,
    "reject": OPEN,
    "override": OPEN,
    "release": {"approved"},
}
ENDS = {
    "approve_as_advisor": "advisor_approved",
    "approve": "approved",
    "send_back": "sent_back",
    "reject": "rejected",
    "release": "released",
}


def expected_answer(status: str, persona: str, action: str) -> int:
    """Say in one place what the table holds: 303 done, 200 shown, 403, 404, 409, 422."""
    if persona == "stranger":
        return 302
    if persona in OUTSIDE[action]:
        return 404
    if persona not in MAY[action]:
        return 403
    if action in ("see", "case"):
        return 200
    return answer_of_state(status, persona, action)


def answer_of_state(status: str, persona: str, action: str) -> int:
    if status == "superseded" or status == "no_trade":
        return 409
    if status in STARTS[action]:
        # who approved is `reviewer`: only the second reviewer releases
        return 403 if (action, persona) == ("release", "reviewer") else 303
    # non-discretionary: a reviewer who comes before the advisor is told to wait
    return 422 if (action, status) == ("approve", "proposed") else 409


@pytest.fixture
def people(request: pytest.FixtureRequest) -> dict[str, object]:
    return {name: request.getfixturevalue(name) for name in PERSONAS}


def make(firm: Firm, people: dict[str, object], status: str) -> Proposal:
    advisor, reviewer = people["advisor"], people["reviewer"]
    assert isinstance(advisor, Persona)
    assert isinstance(reviewer, Persona)
    account = open_account(firm, advisor=advisor.membership, is_discretionary=False)
    proposal = propose(account, Purchase(symbol="BND", units="5"), status=ProposalStatus(status))
    proposal.decisions.create(
        decision="approve", from_status="advisor_approved", to_status="approved", actor=reviewer.user, decided_at=NOW
    )
    return proposal


def press(people: dict[str, object], persona: str, action: str, proposal: Proposal) -> int:
    who = people[persona]
    client = who.client if isinstance(who, Persona) else who
    if action in ("see", "case"):
        name = "rebalancing:proposal" if action == "see" else "rebalancing:proposal_case"
        return int(client.get(reverse(name, args=[proposal.pk])).status_code)  # type: ignore[attr-defined]
    if action in ASKED_FOR_REASON:
        url = reverse("rebalancing:proposal_decide", args=[proposal.pk, action.replace("_", "-")])
        return int(client.post(url, {"reason": "A good reason."}).status_code)  # type: ignore[attr-defined]
    url = reverse(f"rebalancing:proposal_{action}", args=[proposal.pk])
    return int(client.post(url).status_code)  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", ProposalStatus.values)
@pytest.mark.parametrize("action", [action for action in ACTIONS if action not in ("override", "case")])
def test_every_status_persona_and_action(status: str, action: str, firm: Firm, people: dict[str, object]) -> None:
    for persona in PERSONAS:
        proposal = make(firm, people, status)

        answer = press(people, persona, action, proposal)

        assert answer == expected_answer(status, persona, action), f"{status}, {persona}, {action}"
        proposal.refresh_from_db()
        moved = ENDS[action] if answer == 303 else status
        assert proposal.status == moved, f"{status}, {persona}, {action}"


@pytest.mark.parametrize("status", ProposalStatus.values)
def test_overriding_a_failed_check_by_every_persona(status: str, firm: Firm, people: dict[str, object]) -> None:
    for persona in PERSONAS:
        proposal = make(firm, people, status)
        ProposalCheck.objects.create(proposal=proposal, rule="max_trades", verdict="fail", evidence="9 of 8")

        answer = press(people, persona, "override", proposal)

        assert answer == expected_answer(status, persona, "override"), f"{status}, {persona}"
        overridden = proposal.decisions.filter(decision="override").exists()
        assert overridden == (answer == 303), f"{status}, {persona}"


BATCH_MAY = {
    "see": {"advisor", "reviewer", "second_reviewer", "cio", "compliance", "operations", "administrator"},
    "take": {"reviewer", "second_reviewer", "operations"},
    "cancel": {"reviewer", "second_reviewer"},
    "fill": {"reviewer", "second_reviewer", "operations", "foreigner"},
}


@pytest.mark.parametrize("action", list(BATCH_MAY))
def test_what_each_persona_may_do_with_a_batch(action: str, firm: Firm, people: dict[str, object]) -> None:
    reviewer = people["reviewer"]
    assert isinstance(reviewer, Persona)
    for persona in PERSONAS:
        proposal = make(firm, people, "released")
        batch = orders.create_orders(proposals=[proposal], actor=reviewer.membership, now=LATER)

        answer = press_batch(people, persona, action, batch)

        assert answer == batch_answer(persona, action), f"{persona}, {action}"


def batch_answer(persona: str, action: str) -> int:
    if persona == "stranger":
        return 302
    if persona not in BATCH_MAY[action]:
        sees_other_books = persona == "foreigner" or (persona == "outsider" and action == "see")
        return 404 if sees_other_books else 403
    return {"see": 200, "take": 200, "cancel": 303, "fill": 422}[action]


def press_batch(people: dict[str, object], persona: str, action: str, batch: ReleaseBatch) -> int:
    who = people[persona]
    client = who.client if isinstance(who, Persona) else who
    if action == "see":
        return int(client.get(reverse("rebalancing:batch", args=[batch.pk])).status_code)  # type: ignore[attr-defined]
    if action == "fill":
        return int(client.post(reverse("rebalancing:fills")).status_code)  # type: ignore[attr-defined]
    name, args = ("rebalancing:batch_file", [batch.pk, "generic"])
    if action == "cancel":
        name, args = "rebalancing:batch_cancel", [batch.pk]
    url = reverse(name, args=args)
    return int(client.post(url, {"reason": "A good reason."}).status_code)  # type: ignore[attr-defined]
