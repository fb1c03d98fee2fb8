"""Fills: booked whole or not at all, never more than was ordered, shared by rule."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from advisors.errors import NotFound
from advisors.models import AuditEvent, Firm
from portfolios import vault
from portfolios.models.lots import LedgerEvent, Lot, RealizedGain
from portfolios.models.securities import Security, SecurityKind
from rebalancing.models.orders import Fill, FillFile, Order, OrderStatus
from rebalancing.models.proposals import ProposalStatus
from rebalancing.models.runs import AccountFigures, DayState
from rebalancing.selectors.orders import block_reference
from rebalancing.services import fills, orders, rehearsal
from tests.conftest import Persona
from tests.desks import (
    FILLED,
    HEAD,
    SENT,
    Desk,
    Purchase,
    Sale,
    cash_of,
    open_account,
    order_of,
    propose,
    status_of,
    units_of,
)

pytestmark = pytest.mark.django_db
D = Decimal
S = ProposalStatus


@pytest.fixture
def desk(firm: Firm, reviewer: Persona, second_reviewer: Persona) -> Desk:
    return Desk(reviewer=reviewer.membership, second=second_reviewer.membership)


def test_a_filled_proposal_books_its_lots_cash_and_gains(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    proposal = propose(account, Sale(symbol="VTI", units="10", cost="120"), Purchase(symbol="BND", units="7"))
    desk.send(proposal)
    sale, purchase = order_of(account, "VTI"), order_of(account, "BND")

    done = desk.fill(
        f"{sale.client_order_id},X1,2026-11-12,10,99.50,1.00", f"{purchase.client_order_id},X2,2026-11-12,7,50.10,0.50"
    )

    assert (done.booked_count, done.skipped_count, done.faults) == (2, 0, ())
    assert (units_of(account, "VTI"), units_of(account, "BND")) == (D(90), D(7))
    assert cash_of(account) == D("10000") + D("994.00") - D("351.20")
    gain = RealizedGain.objects.get(account=account)
    assert (gain.lot_key, gain.units, gain.proceeds_usd, gain.gain_usd, gain.term) == (
        f"VTI-{proposal.pk}",
        D(10),
        D("994.00"),
        D("-206.00"),
        "long",
    )
    bought = Lot.objects.get(account=account, security__symbol="BND")
    assert (bought.cost_usd, bought.key) == (D("351.20"), "fill-X2")
    assert status_of(proposal) == S.BOOKED
    assert AccountFigures.objects.get(account=account).state == DayState.FILLED
    fill = Fill.objects.get(execution_id="X1")
    assert fill.event is not None
    assert (fill.event.kind, fill.order, fill.price_usd) == ("sell", sale, D("99.50"))
    assert AuditEvent.objects.get(action="fills.recorded").data["fills"] == 2


def test_the_lists_show_what_the_fills_left(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    AccountFigures.objects.filter(account=account).update(tax_used_usd=D(1000), opportunity_usd=D(612))
    shares = [{"key": "us", "name": "US", "before": 0.5, "after": 0.41, "target": 0.4, "min": None, "max": None}]
    desk.send(propose(account, Purchase(symbol="BND", units="7"), allocation=shares))

    desk.fill(f"{order_of(account, 'BND').client_order_id},X2,2026-11-12,7,50.00,0")

    figures = AccountFigures.objects.get(account=account)
    assert (figures.value_usd, figures.cash_usd) == (D(10_000), D(9_650))
    assert (figures.tracking_error_frac, figures.opportunity_usd) == (0.014, 0)
    assert figures.drift_frac == pytest.approx(0.005)
    assert figures.tax_used_usd == D(570)


def test_the_file_is_kept_encrypted_with_its_hash(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    desk.send(propose(account, Purchase(symbol="BND", units="7")))

    desk.fill(f"{order_of(account, 'BND').client_order_id},X2,2026-11-12,7,50.10,")

    file = FillFile.objects.get()
    assert b"X2" not in bytes(file.content_encrypted)
    assert b"X2,2026-11-12,7" in vault.decrypt_content(file.content_encrypted)
    assert (len(file.sha256), file.booked_count, file.received_by) == (64, 1, desk.reviewer.user)


def test_a_partial_fill_waits_for_the_rest_and_takes_the_lots_in_order(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    proposal = propose(account, Sale(symbol="VTI", units="10"))
    desk.send(proposal)
    reference = order_of(account, "VTI").client_order_id

    desk.fill(f"{reference},X1,2026-11-12,4,100,0")

    order = order_of(account, "VTI")
    assert (order.status, order.filled_units, order.filled_usd) == (OrderStatus.PARTLY_FILLED, D(4), D(400))
    assert status_of(proposal) == S.PARTLY_FILLED
    desk.fill(f"{reference},X2,2026-11-13,6,101,0")
    assert order_of(account, "VTI").status == OrderStatus.FILLED
    assert status_of(proposal) == S.BOOKED
    assert units_of(account, "VTI") == D(90)


def test_the_same_file_twice_changes_nothing(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    desk.send(propose(account, Purchase(symbol="BND", units="7")))
    row = f"{order_of(account, 'BND').client_order_id},X2,2026-11-12,7,50.10,0"
    desk.fill(row)

    again = desk.fill(row)

    assert (again.is_duplicate, again.booked_count, again.skipped_count) == (True, 0, 1)
    assert (Fill.objects.count(), FillFile.objects.count()) == (1, 1)
    assert units_of(account, "BND") == D(7)


def test_an_execution_booked_before_is_skipped_in_a_longer_file(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    desk.send(propose(account, Purchase(symbol="BND", units="7"), Purchase(symbol="GLD", units="3")))
    bond, gold = order_of(account, "BND").client_order_id, order_of(account, "GLD").client_order_id
    desk.fill(f"{bond},X1,2026-11-12,7,50.10,0")

    longer = desk.fill(f"{bond},X1,2026-11-12,7,50.10,0", f"{gold},X2,2026-11-12,3,50,0")

    assert (longer.booked_count, longer.skipped_count) == (1, 1)
    assert (units_of(account, "BND"), units_of(account, "GLD")) == (D(7), D(3))


def test_an_execution_that_comes_back_as_another_is_a_fault(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    desk.send(propose(account, Purchase(symbol="BND", units="7"), Purchase(symbol="GLD", units="3")))
    desk.fill(f"{order_of(account, 'BND').client_order_id},X1,2026-11-12,7,50.10,0")

    other = desk.fill(f"{order_of(account, 'GLD').client_order_id},X1,2026-11-12,3,50,0")

    assert "Execution X1 was booked before" in other.faults[0].message
    assert units_of(account, "GLD") == 0


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("T9-9-9,X9,2026-11-12,1,50,0", "client_order_id", "no order or block T9-9-9"),
        ("{bond},X9,2026-11-12,8,50,0", "units", "is overfilled: 8 of 7 units"),
        ("{bond},X9,2026-11-11,1,50,0", "date", "not within 30 days"),
        ("{bond},X9,2027-11-12,1,50,0", "date", "not within 30 days"),
        ("{bond},X9,2026-11-12,many,50,0", "units", "not a number"),
    ],
)
def test_one_faulty_row_keeps_the_whole_file_from_being_booked(
    row: str, column: str, words: str, firm: Firm, desk: Desk
) -> None:
    account = open_account(firm)
    proposal = propose(account, Purchase(symbol="BND", units="7"), Purchase(symbol="GLD", units="3"))
    desk.send(proposal)
    bond, gold = order_of(account, "BND").client_order_id, order_of(account, "GLD").client_order_id

    refused = desk.fill(f"{gold},X1,2026-11-12,3,50,0", row.format(bond=bond))

    (fault,) = refused.faults
    assert (fault.row, fault.column) == (3, column)
    assert words in fault.message
    assert not Fill.objects.exists()
    assert not LedgerEvent.objects.exists()
    assert status_of(proposal) == S.SENT
    kept = FillFile.objects.get()
    assert (kept.booked_count, kept.faults[0]["row"]) == (0, 3)
    assert AuditEvent.objects.filter(action="fills.refused").count() == 1


def test_a_file_that_was_refused_may_come_again_when_its_cause_is_gone(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    batch = desk.release(propose(account, Purchase(symbol="BND", units="7")))
    row = f"{order_of(account, 'BND').client_order_id},X1,2026-11-12,7,50,0"

    refused = desk.fill(row)
    orders.take_order_file(desk.second, batch.pk, custodian="generic", now=SENT)
    booked = desk.fill(row)

    assert "has not been sent yet" in refused.faults[0].message
    assert booked.booked_count == 1
    assert FillFile.objects.get().faults == []


def test_overfill_counts_what_earlier_files_and_rows_filled(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    desk.send(propose(account, Purchase(symbol="BND", units="7")))
    reference = order_of(account, "BND").client_order_id
    desk.fill(f"{reference},X1,2026-11-12,3,50,0")

    refused = desk.fill(f"{reference},X2,2026-11-12,2,50,0", f"{reference},X3,2026-11-12,3,50,0")

    assert "is overfilled: 8 of 7 units" in refused.faults[0].message
    assert order_of(account, "BND").filled_units == D(3)


def test_a_sale_whose_lot_is_gone_books_nothing_anywhere(firm: Firm, desk: Desk) -> None:
    good, bad = open_account(firm), open_account(firm, name="Gone")
    first, second = propose(good, Purchase(symbol="BND", units="7")), propose(bad, Sale(symbol="VTI", units="10"))
    desk.send(first, second)
    Lot.objects.filter(account=bad).update(key="another")

    refused = desk.fill(
        f"{order_of(good, 'BND').client_order_id},X1,2026-11-12,7,50,0",
        f"{order_of(bad, 'VTI').client_order_id},X2,2026-11-12,10,100,0",
    )

    assert "Gone" in refused.faults[0].message
    assert "cannot be booked" in refused.faults[0].message
    assert units_of(good, "BND") == 0
    assert (status_of(first), status_of(second)) == (S.SENT, S.SENT)
    assert not Fill.objects.exists()


def test_a_fill_of_a_block_is_shared_at_one_price_by_the_written_rule(firm: Firm, desk: Desk) -> None:
    accounts = [open_account(firm) for _ in range(3)]
    wanted = ("10", "20", "30")
    proposals = [
        propose(account, Purchase(symbol="BND", units=units)) for account, units in zip(accounts, wanted, strict=True)
    ]
    desk.send(*proposals)
    reference = block_reference(order_of(accounts[0], "BND").block_id)

    done = desk.fill(f"{reference},E1,2026-11-12,15,50.00,0", f"{reference},E2,2026-11-12,10,50.50,0")

    assert done.faults == ()
    assert [units_of(account, "BND") for account in accounts] == [D(4), D(8), D(13)]
    assert set(Fill.objects.values_list("price_usd", flat=True)) == {D("50.2")}
    assert {status_of(proposal) for proposal in proposals} == {S.PARTLY_FILLED}
    again = desk.fill(f"{reference},E1,2026-11-12,15,50.00,0", f"{reference},E3,2026-11-12,35,50,0")
    assert (again.faults, again.skipped_count) == ((), 1)
    assert [units_of(account, "BND") for account in accounts] == [D(10), D(20), D(30)]
    assert {status_of(proposal) for proposal in proposals} == {S.BOOKED}


def test_an_execution_of_a_block_cannot_come_back_as_one_of_an_order(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    desk.send(propose(account, Purchase(symbol="BND", units="7")))
    order = order_of(account, "BND")
    desk.fill(f"{block_reference(order.block_id)},E1,2026-11-12,3,50.00,0")

    refused = desk.fill(f"{order.client_order_id},E1,2026-11-12,3,50.00,0")

    assert "Execution E1 was booked before" in refused.faults[0].message
    assert units_of(account, "BND") == D(3)


def test_more_than_a_block_wants_is_refused(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    desk.send(propose(account, Purchase(symbol="BND", units="7")))
    reference = block_reference(order_of(account, "BND").block_id)

    refused = desk.fill(f"{reference},E1,2026-11-12,8,50.00,0")

    assert f"{reference} is overfilled: 8 units are more than the 7" in refused.faults[0].message


def test_a_fund_ordered_in_dollars_fills_in_other_units(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    proposal = propose(account, Sale(symbol="OCSCX", units="10", lot_units="100"))
    Security.objects.filter(symbol="OCSCX").update(kind=SecurityKind.FUND)
    desk.send(proposal)
    reference = order_of(account, "OCSCX").client_order_id

    too_much = desk.fill(f"{reference},X1,2026-11-12,11,100,0")
    done = desk.fill(f"{reference},X1,2026-11-12,10.2041,98,0")

    assert "$1,100.00 of $1,000.00" in too_much.faults[0].message
    assert done.booked_count == 1
    assert units_of(account, "OCSCX") == D("89.7959")
    assert status_of(proposal) == S.BOOKED


def test_orders_of_another_firm_are_unknown(firm: Firm, desk: Desk, foreigner: Persona) -> None:
    account = open_account(firm)
    batch = desk.send(propose(account, Purchase(symbol="BND", units="7")))
    reference = order_of(account, "BND").client_order_id

    refused = fills.record_fills(
        foreigner.membership, name="x", content=f"{HEAD}{reference},X1,2026-11-12,7,50,0\n".encode(), now=FILLED
    )

    assert f"no order or block {reference}" in refused.faults[0].message
    with pytest.raises(NotFound):
        orders.take_order_file(foreigner.membership, batch.pk, custodian="generic", now=SENT)


def test_made_up_fills_fill_a_batch_to_the_end(firm: Firm, desk: Desk) -> None:
    accounts = [open_account(firm) for _ in range(2)]
    proposals = [
        propose(accounts[0], Sale(symbol="VTI", units="10"), Purchase(symbol="BND", units="7")),
        propose(accounts[1], Sale(symbol="OCSCX", units="10", lot_units="100")),
    ]
    Security.objects.filter(symbol="OCSCX").update(kind=SecurityKind.FUND)
    batch = desk.send(*proposals)

    text = rehearsal.made_up_fills(desk.reviewer, batch.pk)
    done = fills.record_fills(desk.reviewer, name="broker.csv", content=text.encode(), now=FILLED)

    assert (done.faults, done.booked_count, done.batch_ids) == ((), 3, (batch.pk,))
    assert {status_of(proposal) for proposal in proposals} == {S.BOOKED}
    assert set(Order.objects.values_list("status", flat=True)) == {OrderStatus.FILLED}


def test_a_file_of_many_fills_takes_queries_by_account_and_not_by_row(firm: Firm, desk: Desk) -> None:
    account = open_account(firm)
    desk.send(propose(account, *[Purchase(symbol=f"S{place}", units="9") for place in range(12)]))
    references = list(Order.objects.order_by("pk").values_list("client_order_id", flat=True))

    with CaptureQueriesContext(connection) as few:
        desk.fill(f"{references[0]},X0,2026-11-12,1,50,0")
    with CaptureQueriesContext(connection) as many:
        desk.fill(*[f"{reference},Y{place},2026-11-12,1,50,0" for place, reference in enumerate(references)])

    assert len(many) <= len(few) + 2 * len(references)
