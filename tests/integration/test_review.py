"""Decisions on proposals: together, by two people, never on what is stale."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from advisors import audit
from advisors.errors import Conflict, Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent, Firm
from portfolios.ledger.types import EventKind, LotEvent
from portfolios.models.households import Account, HoldKind
from portfolios.models.market import Price
from portfolios.models.preferences import Restriction
from portfolios.services.house_view.versions import Stamp, add_product_list
from portfolios.services.posting import post_events
from rebalancing.models.orders import Order, OrderBlock, ReleaseBatch
from rebalancing.models.proposals import Decision, Proposal, ProposalCheck, ProposalDecision, ProposalStatus
from rebalancing.models.runs import AccountFigures, DayState
from rebalancing.rules import NotReleasable, ProposalStale
from rebalancing.selectors.review import Totals, groups_in_book
from rebalancing.services import review
from rebalancing.states import Action, Status
from tests.conftest import Persona
from tests.desks import LATER, Purchase, Sale, open_account, propose
from tests.factories import BUSINESS_ON, NOW, RiskProfileVersionFactory

pytestmark = pytest.mark.django_db
S = ProposalStatus


def status_of(proposal: Proposal) -> str:
    return Proposal.objects.get(pk=proposal.pk).status


def test_approving_moves_the_whole_tax_household_and_leaves_its_record(firm: Firm, reviewer: Persona) -> None:
    first = open_account(firm)
    ira = open_account(
        firm, household=first.household, tax_household=first.tax_household, registration="ira", tax_status="deferred"
    )
    mine = propose(first, Sale(symbol="VTI", units="10"))
    other = propose(ira, Purchase(symbol="BND", units="5"), outcome=mine.outcome)

    review.approve(reviewer.membership, mine.pk, now=LATER)

    assert (status_of(mine), status_of(other)) == (S.APPROVED, S.APPROVED)
    decision = ProposalDecision.objects.get(proposal=other)
    assert (decision.decision, decision.actor, decision.from_status) == (Decision.APPROVE, reviewer.user, S.PROPOSED)
    event = AuditEvent.objects.get(action="proposal.approved", subject_id=str(mine.pk))
    assert (event.actor_id, event.data["from"], event.happened_at) == (reviewer.user.pk, "proposed", LATER)
    assert AccountFigures.objects.get(account=first).state == DayState.APPROVED


def test_a_household_waits_for_the_advisor_of_its_non_discretionary_account(
    firm: Firm, advisor: Persona, reviewer: Persona
) -> None:
    free = open_account(firm, advisor=advisor.membership)
    asked = open_account(
        firm, household=free.household, tax_household=free.tax_household, is_discretionary=False, name="Trust"
    )
    mine = propose(free, Purchase(symbol="BND", units="5"))
    waiting = propose(asked, Purchase(symbol="BND", units="5"), outcome=mine.outcome)

    with pytest.raises(Invalid, match=r"Trust .* its advisor has to approve first"):
        review.approve(reviewer.membership, mine.pk, now=LATER)
    review.approve_as_advisor(advisor.membership, mine.pk, now=LATER)
    assert (status_of(mine), status_of(waiting)) == (S.PROPOSED, S.ADVISOR_APPROVED)
    review.approve(reviewer.membership, mine.pk, now=LATER)

    assert (status_of(mine), status_of(waiting)) == (S.APPROVED, S.APPROVED)


def test_an_advisor_cannot_decide_outside_their_book(firm: Firm, outsider: Persona) -> None:
    proposal = propose(open_account(firm, is_discretionary=False), Purchase(symbol="BND", units="5"))

    with pytest.raises(NotFound):
        review.approve_as_advisor(outsider.membership, proposal.pk, now=LATER)
    with pytest.raises(NotFound):
        review.reject(outsider.membership, proposal.pk, reason="not my client", now=LATER)
    assert status_of(proposal) == S.PROPOSED


def test_two_people_who_press_at_once_are_told_apart(firm: Firm, reviewer: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="5"))
    loaded_twice = Proposal.objects.get(pk=proposal.pk)

    review.transition(proposal, to=Status.APPROVED, actor=reviewer.user, now=LATER)

    with pytest.raises(review.MovedMeanwhile, match="Somebody was quicker: this proposal is approved"):
        review.transition(loaded_twice, to=Status.REJECTED, actor=reviewer.user, now=LATER)
    assert ProposalDecision.objects.count() == 1


def test_a_status_that_nothing_leads_to_is_refused(firm: Firm) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="5"))

    with pytest.raises(Conflict, match="from there it cannot become released"):
        review.transition(proposal, to=Status.RELEASED, actor=None, now=LATER)


def test_sending_back_keeps_the_reason(firm: Firm, reviewer: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="5"), status=S.APPROVED)

    review.send_back(reviewer.membership, proposal.pk, reason="  Client moves house, wait.  ", now=LATER)

    decision = ProposalDecision.objects.get(proposal=proposal)
    assert (status_of(proposal), decision.note) == (S.SENT_BACK, "Client moves house, wait.")
    assert AuditEvent.objects.get(action="proposal.sent_back").reason == "Client moves house, wait."


def test_rejecting_without_a_reason_changes_nothing(firm: Firm, reviewer: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="5"))

    with pytest.raises(Invalid, match="reason for rejecting"):
        review.reject(reviewer.membership, proposal.pk, reason=" ", now=LATER)
    assert status_of(proposal) == S.PROPOSED


def approved(account: Account, reviewer: Persona, *trades: Sale | Purchase) -> Proposal:
    proposal = propose(account, *trades)
    review.approve(reviewer.membership, proposal.pk, now=NOW + timedelta(minutes=5))
    proposal.refresh_from_db()
    return proposal


def test_a_release_blocks_orders_by_custodian_security_and_side(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    here, there = open_account(firm, custodian="schwab"), open_account(firm, custodian="fidelity")
    third = open_account(firm, custodian="schwab")
    proposals = [
        approved(here, reviewer, Sale(symbol="VTI", units="10"), Purchase(symbol="BND", units="7")),
        approved(there, reviewer, Purchase(symbol="BND", units="5")),
        approved(third, reviewer, Purchase(symbol="BND", units="3")),
    ]

    batch = review.release(second_reviewer.membership, [proposal.pk for proposal in proposals], now=LATER)

    blocks = OrderBlock.objects.filter(batch=batch).order_by("custodian", "side")
    said = [(block.custodian, block.security.symbol, block.side, block.units) for block in blocks]
    assert said == [
        ("fidelity", "BND", "buy", Decimal(5)),
        ("schwab", "BND", "buy", Decimal(10)),
        ("schwab", "VTI", "sell", Decimal(10)),
    ]
    assert Order.objects.filter(block__batch=batch).count() == 4
    assert len(set(Order.objects.values_list("client_order_id", flat=True))) == 4
    assert {status_of(proposal) for proposal in proposals} == {S.RELEASED}
    assert (batch.number, batch.released_by) == (1, second_reviewer.user)
    assert AuditEvent.objects.get(action="batch.released").data["orders"] == 4


def test_who_approved_cannot_release_unless_the_firm_has_one_operator(firm: Firm, reviewer: Persona) -> None:
    proposal = approved(open_account(firm), reviewer, Purchase(symbol="BND", units="5"))

    with pytest.raises(NotPermitted, match="Somebody else has to decide"):
        review.release(reviewer.membership, [proposal.pk], now=LATER)
    assert status_of(proposal) == S.APPROVED
    firm.is_single_operator = True
    firm.save(update_fields=["is_single_operator"])
    reviewer.membership.firm.refresh_from_db()
    review.release(reviewer.membership, [proposal.pk], now=LATER)

    assert status_of(proposal) == S.RELEASED


def test_one_barred_household_holds_back_the_whole_release(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    good = approved(open_account(firm), reviewer, Purchase(symbol="BND", units="5"))
    held_account = open_account(firm)
    held = approved(held_account, reviewer, Purchase(symbol="BND", units="5"))
    held_account.holds.create(kind=HoldKind.CORPORATE_ACTION, reason="Split of BND to confirm.", placed_at=NOW)

    with pytest.raises(NotReleasable, match="held: Split of BND to confirm"):
        review.release(second_reviewer.membership, [good.pk, held.pk], now=LATER)

    assert (status_of(good), status_of(held)) == (S.APPROVED, S.APPROVED)
    assert not ReleaseBatch.objects.exists()
    weighed = review.weigh(second_reviewer.membership, [good.pk, held.pk], Action.RELEASE)
    assert [group.proposals[0].pk for group in weighed.allowed] == [good.pk]
    assert "Split of BND" in weighed.refused[0].reason
    assert weighed.totals == Totals(proposal_count=1, order_count=1, traded_usd=Decimal(250))


def test_a_failed_check_is_released_only_by_compliance(
    firm: Firm, reviewer: Persona, second_reviewer: Persona, compliance: Persona
) -> None:
    proposal = approved(open_account(firm), reviewer, Purchase(symbol="BND", units="5"))
    ProposalCheck.objects.create(proposal=proposal, rule="max_trades", verdict="fail", evidence="9 of 8")

    with pytest.raises(NotReleasable, match="failed max_trades"):
        review.release(second_reviewer.membership, [proposal.pk], now=LATER)
    with pytest.raises(NotPermitted):
        review.override(second_reviewer.membership, proposal.pk, reason="Client insists.", now=LATER)
    review.override(compliance.membership, proposal.pk, reason="Client insists.", now=LATER)
    review.release(second_reviewer.membership, [proposal.pk], now=LATER)

    assert status_of(proposal) == S.RELEASED
    assert AuditEvent.objects.get(action="proposal.check_overridden").data == {"checks": ["max_trades"]}


def test_figures_other_than_the_button_said_refuse_the_release(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    proposal = approved(open_account(firm), reviewer, Purchase(symbol="BND", units="5"))
    promised = Totals(proposal_count=2, order_count=1, traded_usd=Decimal(250))

    with pytest.raises(review.FiguresChanged, match="1 proposals, 1 orders, \\$250 by now"):
        review.release(second_reviewer.membership, [proposal.pk], now=LATER, expected=promised)
    assert status_of(proposal) == S.APPROVED


def move_price(account: Account) -> None:
    Price.objects.filter(security__symbol="BND", priced_on=BUSINESS_ON).update(price_usd=Decimal("51.01"))


def post_cash(account: Account) -> None:
    event = LotEvent(kind=EventKind.CASH_IN, ref="C1", traded_on=BUSINESS_ON, amount_usd=Decimal(500))
    post_events(account, [event], source="test", actor=None, now=LATER)


def restrict(account: Account) -> None:
    Restriction.objects.create(
        firm=account.firm,
        level="household",
        household=account.household,
        verb="never_buy",
        subject_kind="security",
        subject="BND",
        set_at=LATER,
        set_by=account.household.advisor.user,
    )


def advance_day(account: Account) -> None:
    Firm.objects.filter(pk=account.firm_id).update(business_on=BUSINESS_ON + timedelta(days=1))


def publish_profile(account: Account) -> None:
    RiskProfileVersionFactory(risk_profile=account.risk_profile, number=2, approved_at=LATER)


def classify_securities(account: Account) -> None:
    audit.record("securities.posted", actor=None, firm_id=account.firm_id, now=LATER)


def publish_products(account: Account) -> None:
    somebody = account.household.advisor.user
    stamp = Stamp(effective_on=BUSINESS_ON, author=somebody, approver=somebody, now=LATER)
    add_product_list(account.firm, (), stamp=stamp)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (publish_profile, "guidance changed"),
        (classify_securities, "guidance changed"),
        (publish_products, "guidance changed"),
        (move_price, "BND moved 2.0%"),
        (post_cash, "positions or cash changed"),
        (restrict, "preferences changed"),
        (advance_day, "business date"),
    ],
)
def test_what_became_stale_is_marked_and_never_released(
    change: object, word: str, firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    account = open_account(firm)
    proposal = approved(account, reviewer, Purchase(symbol="BND", units="5"))
    assert callable(change)
    change(account)
    second_reviewer.membership.refresh_from_db()

    with pytest.raises(ProposalStale, match=word):
        review.release(second_reviewer.membership, [proposal.pk], now=LATER + timedelta(minutes=1))

    assert status_of(proposal) == S.STALE
    decision = ProposalDecision.objects.get(proposal=proposal, decision=Decision.STALE)
    assert decision.actor is None
    assert word in decision.note


def test_a_price_within_tolerance_is_released(firm: Firm, reviewer: Persona, second_reviewer: Persona) -> None:
    proposal = approved(open_account(firm), reviewer, Purchase(symbol="BND", units="5"))
    Price.objects.filter(security__symbol="BND").update(price_usd=Decimal("50.99"))

    review.release(second_reviewer.membership, [proposal.pk], now=LATER)

    assert status_of(proposal) == S.RELEASED


def test_guidance_that_is_not_in_force_yet_or_of_another_profile_makes_nothing_stale(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    account = open_account(firm)
    proposal = approved(account, reviewer, Purchase(symbol="BND", units="5"))
    RiskProfileVersionFactory(
        risk_profile=account.risk_profile,
        number=2,
        approved_at=LATER,
        effective_on=BUSINESS_ON + timedelta(days=30),
    )
    RiskProfileVersionFactory(risk_profile__firm=firm, approved_at=LATER)

    review.release(second_reviewer.membership, [proposal.pk], now=LATER)

    assert status_of(proposal) == S.RELEASED


def test_what_happened_in_another_household_makes_nothing_stale(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    proposal = approved(open_account(firm), reviewer, Purchase(symbol="BND", units="5"))
    other = open_account(firm)
    post_cash(other)
    restrict(other)

    review.release(second_reviewer.membership, [proposal.pk], now=LATER)

    assert status_of(proposal) == S.RELEASED


def test_an_approved_purchase_elsewhere_in_the_tax_household_bars_a_loss_sale(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    account = open_account(firm)
    ira = open_account(
        firm, household=account.household, tax_household=account.tax_household, tax_status="deferred", name="IRA"
    )
    loss = approved(account, reviewer, Sale(symbol="VTI", units="10", cost="120"))
    approved(ira, reviewer, Purchase(symbol="VTI", units="4", price="100"))

    with pytest.raises(NotReleasable, match="would wash the loss on VTI"):
        review.release(second_reviewer.membership, [loss.pk], now=LATER)


def test_an_open_loss_sale_elsewhere_in_the_tax_household_bars_a_purchase(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    account = open_account(firm)
    ira = open_account(firm, household=account.household, tax_household=account.tax_household, tax_status="deferred")
    loss = approved(account, reviewer, Sale(symbol="VTI", units="10", cost="120"))
    review.release(second_reviewer.membership, [loss.pk], now=LATER)
    buying = approved(ira, reviewer, Purchase(symbol="VTI", units="4", price="100"))

    with pytest.raises(NotReleasable, match="buying VTI before"):
        review.release(second_reviewer.membership, [buying.pk], now=LATER)


def test_open_orders_of_the_account_bar_another_release(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    account = open_account(firm)
    first = approved(account, reviewer, Purchase(symbol="BND", units="5"))
    review.release(second_reviewer.membership, [first.pk], now=LATER)
    Proposal.objects.filter(pk=first.pk).update(status=S.BOOKED)
    second = approved(account, reviewer, Purchase(symbol="GLD", units="2"))

    with pytest.raises(NotReleasable, match="1 order is still open"):
        review.release(second_reviewer.membership, [second.pk], now=LATER)


def test_a_new_run_supersedes_the_undecided_and_leaves_the_released(
    firm: Firm, reviewer: Persona, second_reviewer: Persona
) -> None:
    waiting, gone = open_account(firm), open_account(firm)
    undecided = propose(waiting, Purchase(symbol="BND", units="5"))
    released = approved(gone, reviewer, Purchase(symbol="BND", units="5"))
    review.release(second_reviewer.membership, [released.pk], now=LATER)

    count = review.supersede([waiting.pk, gone.pk], now=LATER)

    assert (count, status_of(undecided), status_of(released)) == (1, S.SUPERSEDED, S.RELEASED)


def test_weighing_a_hundred_proposals_takes_as_many_queries_as_one(firm: Firm, reviewer: Persona) -> None:
    proposals = [propose(open_account(firm), Sale(symbol="VTI", units="1"), status=S.APPROVED).pk for _ in range(12)]

    with CaptureQueriesContext(connection) as one:
        groups_in_book(reviewer.membership, proposals[:1])
    with CaptureQueriesContext(connection) as many:
        groups_in_book(reviewer.membership, proposals)

    assert len(one) == len(many)
    assert len(one) < 40


def test_the_time_of_a_decision_is_the_one_that_was_passed(firm: Firm, reviewer: Persona) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="5"))
    moment = datetime(2026, 11, 13, 17, 1, tzinfo=UTC)

    review.approve(reviewer.membership, proposal.pk, now=moment)

    assert Proposal.objects.get(pk=proposal.pk).status_at == moment
