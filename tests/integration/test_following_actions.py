"""What proposals, orders and fills do when a corporate action is applied or taken back."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from advisors.models import AuditEvent, Firm
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.lots import LedgerEvent
from portfolios.models.market import ActionApplication, ActionStatus, CorporateAction
from portfolios.services.action_signals import action_applied, action_foreseen, action_reversed
from rebalancing import rules
from rebalancing.models.orders import Order, OrderStatus
from rebalancing.models.proposals import Proposal, ProposalDecision, ProposalStatus
from rebalancing.rules import NotReleasable, ProposalStale
from rebalancing.selectors.review import groups_in_book
from rebalancing.services import orders, review
from tests.action_rows import action_row
from tests.conftest import Persona
from tests.desks import LATER, SENT, Desk, Purchase, Sale, open_account, order_of, propose, status_of
from tests.factories import BUSINESS_ON, NOW, FirmFactory

pytestmark = pytest.mark.django_db
D = Decimal
S = ProposalStatus
AFTER = LATER + timedelta(hours=3)
EX_ON = BUSINESS_ON + timedelta(days=1)


@pytest.fixture
def desk(firm: Firm, reviewer: Persona, second_reviewer: Persona) -> Desk:
    return Desk(reviewer=reviewer.membership, second=second_reviewer.membership)


def _apply(
    firm: Firm, *accounts: Account, symbol: str = "VTI", on: date = BUSINESS_ON, is_reversed: bool = False
) -> CorporateAction:
    """Tell what applying (or reversing) a split tells, as the room of the ledger does."""
    status = ActionStatus.REVERSED if is_reversed else ActionStatus.APPLIED
    action = action_row(firm, symbol, on=on, status=status, at=AFTER)
    signal = action_reversed if is_reversed else action_applied
    signal.send(
        sender=CorporateAction,
        firm=firm,
        action=action,
        security_ids={action.security_id},
        account_ids={account.pk for account in accounts},
        now=AFTER,
    )
    return action


def _last_note(proposal: Proposal) -> str:
    decision = ProposalDecision.objects.filter(proposal=proposal).order_by("-decided_at", "-pk").first()
    assert decision is not None
    return decision.note


def test_a_holders_open_proposal_is_stale_and_names_the_action(firm: Firm) -> None:
    account = open_account(firm)
    proposal = propose(account, Purchase(symbol="BND", units="7"))

    _apply(firm, account)

    assert status_of(proposal) == S.STALE
    assert _last_note(proposal) == f"corporate action on VTI, split of {BUSINESS_ON}"


@pytest.mark.parametrize("status", [S.PROPOSED, S.ADVISOR_APPROVED, S.APPROVED])
def test_every_proposal_that_waits_becomes_stale(firm: Firm, status: ProposalStatus) -> None:
    account = open_account(firm)
    proposal = propose(account, Sale(symbol="VTI", units="10"), status=status)

    _apply(firm, account)

    assert status_of(proposal) == S.STALE


@pytest.mark.parametrize("status", [S.NO_TRADE, S.SENT_BACK, S.REJECTED, S.SUPERSEDED, S.BOOKED])
def test_what_is_decided_stays_as_it_is(firm: Firm, status: ProposalStatus) -> None:
    account = open_account(firm)
    proposal = propose(account, Sale(symbol="VTI", units="10"), status=status)

    _apply(firm, account)

    assert status_of(proposal) == status


def test_who_buys_the_security_without_holding_it_is_stale_too(firm: Firm) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="VTI", units="7"))

    _apply(firm)

    assert status_of(proposal) == S.STALE


def test_what_was_solved_together_becomes_stale_together(firm: Firm) -> None:
    holder = open_account(firm)
    other = open_account(firm, household=holder.household, tax_household=holder.tax_household)
    first = propose(holder, Sale(symbol="VTI", units="10"))
    second = propose(other, Purchase(symbol="BND", units="7"), outcome=first.outcome)

    _apply(firm, holder)

    assert (status_of(first), status_of(second)) == (S.STALE, S.STALE)


def test_proposals_of_others_are_untouched(firm: Firm) -> None:
    mine, theirs = open_account(firm), open_account(firm)
    proposal = propose(theirs, Purchase(symbol="BND", units="7"))

    _apply(firm, mine)

    assert status_of(proposal) == S.PROPOSED


def test_another_firms_proposals_are_untouched(firm: Firm) -> None:
    theirs = propose(open_account(FirmFactory()), Purchase(symbol="VTI", units="7"))

    _apply(firm)

    assert status_of(theirs) == S.PROPOSED


def test_orders_that_nobody_was_sent_are_withdrawn_whole(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    proposal = propose(account, Sale(symbol="VTI", units="10"), Purchase(symbol="BND", units="7"))
    desk.release(proposal)

    _apply(firm, account)

    assert set(Order.objects.values_list("status", flat=True)) == {OrderStatus.CANCELLED}
    assert status_of(proposal) == S.REJECTED  # closed without a fill: the account is analysed again
    assert _last_note(proposal).startswith("Withdrawn before it was sent: corporate action on VTI")
    event = AuditEvent.objects.get(action="batch.orders_cancelled")
    assert event.actor_id is None
    assert len(event.data["orders"]) == 2


def test_orders_in_other_securities_go_on(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    proposal = propose(account, Purchase(symbol="BND", units="7"))
    desk.release(proposal)

    _apply(firm, account)

    assert order_of(account, "BND").status == OrderStatus.RELEASED
    assert status_of(proposal) == S.RELEASED


def test_orders_that_are_out_hold_their_account_until_they_are_done(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    proposal = propose(account, Sale(symbol="VTI", units="10"))
    batch = desk.send(proposal)
    order = order_of(account, "VTI")

    _apply(firm, account)

    hold = AccountHold.objects.get(account=account, lifted_at__isnull=True)
    assert (hold.kind, hold.subject) == (HoldKind.CORPORATE_ACTION, "VTI orders")
    assert order.client_order_id in hold.reason
    assert order_of(account, "VTI").status == OrderStatus.SENT

    orders.cancel_open_orders(desk.second, batch.pk, reason="cancelled at the custodian", now=AFTER)

    assert not AccountHold.objects.filter(account=account, lifted_at__isnull=True).exists()


def test_a_fill_of_the_ex_date_is_refused_with_a_sentence(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    desk.send(propose(account, Sale(symbol="VTI", units="10")))
    order = order_of(account, "VTI")
    _apply(firm, account, on=EX_ON)
    events = LedgerEvent.objects.count()

    done = desk.fill(f"{order.client_order_id},X1,{EX_ON},10,25.10,1.00")

    (fault,) = done.faults
    assert (fault.row, fault.column) == (2, "date")
    assert f"made before the corporate action on VTI, split of {EX_ON}" in fault.message
    assert "Cancel the order" in fault.message
    assert LedgerEvent.objects.count() == events


def test_a_fill_before_the_ex_date_is_booked_in_the_units_of_the_order(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    desk.send(propose(account, Purchase(symbol="VTI", units="10")))
    order = order_of(account, "VTI")
    action_row(firm, on=EX_ON)

    done = desk.fill(f"{order.client_order_id},X1,{BUSINESS_ON},10,50.10,1.00")

    assert (done.booked_count, done.faults) == (1, ())


def test_a_release_is_refused_when_the_units_change_before_orders_are_filled(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    proposal = propose(account, Purchase(symbol="VTI", units="10"), status=S.APPROVED)
    monday = date(2026, 11, 16)
    firm.business_on = date(2026, 11, 13)  # a Friday: what is sent then trades on Monday
    firm.save()
    Proposal.objects.filter(pk=proposal.pk).update(as_of_on=firm.business_on)
    action_row(firm, on=monday)
    member = desk.second
    member.firm.refresh_from_db()

    (group,) = groups_in_book(member, [proposal.pk])

    with pytest.raises(NotReleasable, match="its units are those of before the corporate action on VTI"):
        rules.check_can_release(group.facts)


def test_an_action_further_ahead_bars_no_release(firm: Firm, desk: Desk) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="VTI", units="10"), status=S.APPROVED)
    action_row(firm, on=BUSINESS_ON + timedelta(days=9))

    (group,) = groups_in_book(desk.second, [proposal.pk])

    assert group.facts[0].actions_ahead == ()


def test_a_proposal_solved_while_the_action_was_applied_says_so(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    proposal = propose(account, Purchase(symbol="BND", units="7"))
    action = action_row(firm, status=ActionStatus.APPLIED, at=AFTER)
    event = LedgerEvent.objects.create(
        account=account,
        position=1,
        kind="corporate_action",
        traded_on=BUSINESS_ON,
        source="test",
        source_ref="1",
        recorded_at=AFTER,
    )
    ActionApplication.objects.create(action=action, account=account, event=event, before_units=10, after_units=40)

    with pytest.raises(ProposalStale, match=f"corporate action on VTI, split of {BUSINESS_ON}"):
        review.approve(desk.reviewer, proposal.pk, now=AFTER)

    assert "positions or cash changed" not in _last_note(proposal)


def test_a_reversal_is_followed_as_well(firm: Firm) -> None:
    account = open_account(firm)
    proposal = propose(account, Sale(symbol="VTI", units="10"))

    _apply(firm, account, is_reversed=True)

    assert status_of(proposal) == S.STALE
    assert _last_note(proposal).endswith("was taken back")


def test_what_will_happen_is_told_before(firm: Firm, desk: Desk) -> None:
    open_one, released, sent = (open_account(firm) for _ in range(3))
    propose(open_one, Sale(symbol="VTI", units="10"))
    desk.release(propose(released, Sale(symbol="VTI", units="10"), Purchase(symbol="BND", units="1")))
    desk.send(propose(sent, Sale(symbol="VTI", units="10")))
    action = action_row(firm)

    answers = action_foreseen.send(sender=CorporateAction, firm_id=firm.pk, security_ids={action.security_id})

    assert [sentence for _, told in answers for sentence in told or ()] == [
        "1 open proposal becomes stale.",
        "2 released orders not sent yet are withdrawn.",
        "1 order already sent stays out until filled or cancelled.",
    ]
    assert AuditEvent.objects.filter(action="corporate_action.followed").count() == 0


def test_following_is_on_the_record(firm: Firm) -> None:
    account = open_account(firm)
    propose(account, Sale(symbol="VTI", units="10"))

    action = _apply(firm, account)

    event = AuditEvent.objects.get(action="corporate_action.followed")
    assert event.subject_id == str(action.pk)
    assert event.data == {"stale": 1, "withdrawn": 0, "held": 0, "is_reversed": False}
    assert event.happened_at == AFTER
    assert SENT < AFTER and NOW < AFTER
