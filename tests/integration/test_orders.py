"""Orders: sent once to each custodian, cancelled with a reason, in shares, dollars or all."""

from decimal import Decimal

import pytest

from advisors.errors import Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent, Firm
from portfolios import vault
from portfolios.models.securities import Security, SecurityKind
from rebalancing.models.orders import Order, OrderStatus
from rebalancing.models.proposals import ProposalStatus
from rebalancing.services import orders
from tests.conftest import Persona
from tests.desks import FILLED, SENT, Desk, Purchase, Sale, open_account, order_of, propose, status_of, units_of

pytestmark = pytest.mark.django_db
D = Decimal
S = ProposalStatus


@pytest.fixture
def desk(firm: Firm, reviewer: Persona, second_reviewer: Persona) -> Desk:
    return Desk(reviewer=reviewer.membership, second=second_reviewer.membership)


def test_taking_the_order_file_marks_orders_and_proposals_as_sent(firm: Firm, desk: Desk) -> None:
    account = open_account(firm, custodian="schwab")
    proposal = propose(account, Sale(symbol="VTI", units="10"), Purchase(symbol="BND", units="7"))
    batch = desk.release(proposal)

    file = orders.take_order_file(desk.second, batch.pk, custodian="schwab", now=SENT)

    assert (file.name, file.order_count) == ("orders-0001-schwab.csv", 2)
    sale, lot, purchase = file.content.strip().split("\r\n")[1:]
    assert sale.startswith(f"ORDER,{order_of(account, 'VTI').client_order_id},BLOCK-")
    assert f"schwab,{vault.decrypt_text(account.number_encrypted)},sell,VTI,,shares,10,100" in sale
    assert lot.endswith(f"VTI-{proposal.pk},2024-03-01,10")
    assert ",buy,BND,,shares,7,50" in purchase
    assert set(Order.objects.values_list("status", flat=True)) == {OrderStatus.SENT}
    assert status_of(proposal) == S.SENT
    batch.refresh_from_db()
    assert (batch.sent_at, batch.sent_by) == (SENT, desk.second.user)


def test_taking_the_file_again_gives_the_same_and_moves_nothing(firm: Firm, desk: Desk) -> None:
    proposal = propose(open_account(firm), Purchase(symbol="BND", units="7"))
    batch = desk.release(proposal)
    first = orders.take_order_file(desk.second, batch.pk, custodian="generic", now=SENT)

    second = orders.take_order_file(desk.reviewer, batch.pk, custodian="generic", now=FILLED)

    assert second == first
    batch.refresh_from_db()
    assert (batch.sent_at, batch.sent_by) == (SENT, desk.second.user)
    assert AuditEvent.objects.filter(action="batch.order_file_taken").count() == 2
    assert AuditEvent.objects.filter(action="proposal.sent").count() == 1


def test_each_custodian_gets_only_its_own_orders(firm: Firm, desk: Desk) -> None:
    here, there = open_account(firm, custodian="schwab"), open_account(firm, custodian="fidelity")
    batch = desk.release(
        propose(here, Purchase(symbol="BND", units="7")), propose(there, Purchase(symbol="BND", units="5"))
    )

    file = orders.take_order_file(desk.second, batch.pk, custodian="fidelity", now=SENT)

    assert file.order_count == 1
    assert vault.decrypt_text(here.number_encrypted) not in file.content
    batch.refresh_from_db()
    assert batch.sent_at is None
    assert order_of(here, "BND").status == OrderStatus.RELEASED
    with pytest.raises(NotFound):
        orders.take_order_file(desk.second, batch.pk, custodian="ibkr", now=SENT)


def test_an_advisor_takes_no_order_files(firm: Firm, advisor: Persona, desk: Desk) -> None:
    batch = desk.release(propose(open_account(firm, advisor=advisor.membership), Purchase(symbol="BND", units="7")))

    with pytest.raises(NotPermitted):
        orders.take_order_file(advisor.membership, batch.pk, custodian="generic", now=SENT)


def test_mutual_funds_are_ordered_in_dollars_or_all(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    proposal = propose(
        account, Sale(symbol="OCGIX", units="100", lot_units="100"), Sale(symbol="OCSCX", units="10", lot_units="100")
    )
    Security.objects.filter(symbol__in=["OCGIX", "OCSCX"]).update(kind=SecurityKind.FUND)

    batch = desk.release(proposal)

    assert order_of(account, "OCGIX").quantity_type == "all"
    assert order_of(account, "OCSCX").quantity_type == "dollars"
    content = orders.take_order_file(desk.second, batch.pk, custodian="generic", now=SENT).content
    assert ",sell,OCGIX,,all,,100," in content
    assert ",sell,OCSCX,,dollars,1000,100," in content


def test_cancelling_what_is_unfilled_keeps_what_was_filled(firm: Firm, desk: Desk) -> None:
    filled, empty = open_account(firm), open_account(firm)
    first = propose(filled, Purchase(symbol="BND", units="7"), Purchase(symbol="GLD", units="3"))
    second = propose(empty, Purchase(symbol="BND", units="5"))
    batch = desk.send(first, second)
    desk.fill(f"{order_of(filled, 'BND').client_order_id},X1,2026-11-12,4,50,0")

    with pytest.raises(Invalid, match="reason"):
        orders.cancel_open_orders(desk.second, batch.pk, reason=" ", now=FILLED)
    count = orders.cancel_open_orders(desk.second, batch.pk, reason="Market closed early.", now=FILLED)

    assert count == 3
    assert (status_of(first), status_of(second)) == (S.BOOKED, S.REJECTED)
    assert order_of(filled, "BND").status == OrderStatus.CANCELLED
    assert units_of(filled, "BND") == D(4)
    refused = desk.fill(f"{order_of(filled, 'BND').client_order_id},X2,2026-11-12,3,50,0")
    assert "takes no more fills" in refused.faults[0].message
