"""Batches: what goes out, what comes back, and what is refused row by row."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from advisors.models import Firm
from rebalancing.models.orders import Fill, FillFile, Order, OrderStatus
from rebalancing.models.proposals import ProposalStatus
from rebalancing.selectors.orders import block_reference
from tests.conftest import Persona
from tests.desks import HEAD, Answer, Desk, Purchase, Sale, open_account, order_of, propose, status_of, text_of

pytestmark = pytest.mark.django_db
S = ProposalStatus


@pytest.fixture
def desk(firm: Firm, reviewer: Persona, second_reviewer: Persona) -> Desk:
    return Desk(reviewer=reviewer.membership, second=second_reviewer.membership)


def upload(persona: Persona, *rows: str) -> Answer:
    content = (HEAD + "\n".join(rows) + "\n").encode()
    return persona.client.post(
        reverse("rebalancing:fills"), {"file": SimpleUploadedFile("broker.csv", content, content_type="text/csv")}
    )


def test_the_list_and_the_page_of_a_batch_show_what_is_in_it(firm: Firm, desk: Desk, second_reviewer: Persona) -> None:
    account = open_account(firm, name="Whitcombe joint", custodian="schwab")
    batch = desk.release(propose(account, Sale(symbol="VTI", units="10"), Purchase(symbol="BND", units="7")))

    listed = text_of(second_reviewer.client.get(reverse("rebalancing:batches")))
    said = text_of(second_reviewer.client.get(reverse("rebalancing:batch", args=[batch.pk])))

    assert "Batch 1" in listed
    assert "Sam Second" in listed
    assert "2 orders for 1 account" in said
    assert "sales of $1,000, purchases of $350" in said
    assert said.index("VTI") < said.index("BND")
    assert "Take 2 orders and mark them sent" in said
    assert "Whitcombe joint" not in said


def test_a_block_unfolds_to_its_orders(firm: Firm, desk: Desk, reviewer: Persona) -> None:
    account = open_account(firm, name="Whitcombe joint")
    batch = desk.release(propose(account, Purchase(symbol="BND", units="7")))
    reference = block_reference(order_of(account, "BND").block_id)
    url = reverse("rebalancing:batch", args=[batch.pk])

    whole = text_of(reviewer.client.get(url, {"block": reference}))
    part = text_of(reviewer.client.get(url, {"block": reference}, headers={"HX-Request": "true"}))

    assert "Whitcombe joint" in whole
    assert order_of(account, "BND").client_order_id in part
    assert "<html" not in part


def test_an_advisor_sees_only_the_orders_of_their_book(
    firm: Firm, desk: Desk, advisor: Persona, outsider: Persona
) -> None:
    mine = propose(open_account(firm, advisor=advisor.membership), Purchase(symbol="BND", units="7"))
    batch = desk.release(mine, propose(open_account(firm), Purchase(symbol="BND", units="70")))
    url = reverse("rebalancing:batch", args=[batch.pk])

    said = text_of(advisor.client.get(url))

    assert "1 order for 1 account" in said
    assert "purchases of $350" in said
    assert "mark them sent" not in said
    assert outsider.client.get(url).status_code == 404


def test_the_order_file_is_handed_out_and_marks_its_orders_sent(
    firm: Firm, desk: Desk, second_reviewer: Persona
) -> None:
    account = open_account(firm, custodian="schwab")
    proposal = propose(account, Purchase(symbol="BND", units="7"))
    batch = desk.release(proposal)

    answer = second_reviewer.client.post(reverse("rebalancing:batch_file", args=[batch.pk, "schwab"]))

    assert answer["Content-Disposition"] == 'attachment; filename="orders-0001-schwab.csv"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert text_of(answer).startswith("record,client_order_id")
    assert status_of(proposal) == S.SENT
    shown = text_of(second_reviewer.client.get(reverse("rebalancing:batch", args=[batch.pk])))
    assert "Take 1 orders again" not in shown
    assert "Take 1 order again" in shown


def test_an_uploaded_file_is_booked_and_leads_to_its_batch(firm: Firm, desk: Desk, reviewer: Persona) -> None:
    account = open_account(firm)
    proposal = propose(account, Purchase(symbol="BND", units="7"))
    batch = desk.send(proposal)

    answer = upload(reviewer, f"{order_of(account, 'BND').client_order_id},X1,2026-11-12,7,50.10,0")

    assert answer["Location"] == reverse("rebalancing:batch", args=[batch.pk])
    assert status_of(proposal) == S.BOOKED
    said = text_of(reviewer.client.get(answer["Location"]))
    assert "1 fills booked" not in said
    assert "1 fill booked." in said
    assert "X1" in said
    assert "broker.csv" in said


def test_faults_are_shown_by_row_and_nothing_is_booked(firm: Firm, desk: Desk, reviewer: Persona) -> None:
    account = open_account(firm)
    proposal = propose(account, Purchase(symbol="BND", units="7"))
    desk.send(proposal)
    reference = order_of(account, "BND").client_order_id

    answer = upload(reviewer, f"{reference},X1,2026-11-12,3,50,0", "T9-9,X2,2026-11-12,3,50,0", ",X3,never,0,-1,0")

    said = text_of(answer)
    assert answer.status_code == 422
    assert "Nothing of this file was booked." in said
    assert "is not a date" in said
    assert "The client_order_id is missing." in said
    assert not Fill.objects.exists()
    assert status_of(proposal) == S.SENT
    kept = FillFile.objects.get()
    again = text_of(reviewer.client.get(reverse("rebalancing:fill_file", args=[kept.pk])))
    assert "is not a date" in again


def test_no_file_is_refused_with_the_form(reviewer: Persona) -> None:
    answer = reviewer.client.post(reverse("rebalancing:fills"))

    assert answer.status_code == 422
    assert "Choose a file first." in text_of(answer)


def test_a_file_of_another_firm_is_not_there(firm: Firm, desk: Desk, reviewer: Persona, foreigner: Persona) -> None:
    account = open_account(firm)
    desk.send(propose(account, Purchase(symbol="BND", units="7")))
    upload(reviewer, f"{order_of(account, 'BND').client_order_id},X1,2026-11-12,7,50.10,0")

    url = reverse("rebalancing:fill_file", args=[FillFile.objects.get().pk])

    assert reviewer.client.get(url).status_code == 200
    assert foreigner.client.get(url).status_code == 404


def test_cancelling_needs_a_reason_and_says_how_many(firm: Firm, desk: Desk, reviewer: Persona) -> None:
    batch = desk.send(propose(open_account(firm), Purchase(symbol="BND", units="7")))
    url = reverse("rebalancing:batch_cancel", args=[batch.pk])

    refused = reviewer.client.post(url, {"reason": ""})
    assert refused.status_code == 422
    assert Order.objects.get().status == OrderStatus.SENT
    done = reviewer.client.post(url, {"reason": "Market closed early."})

    assert done.status_code == 303
    assert Order.objects.get().status == OrderStatus.CANCELLED


def test_a_batch_takes_as_many_queries_for_thirty_orders_as_for_one(firm: Firm, desk: Desk, reviewer: Persona) -> None:
    one = desk.release(propose(open_account(firm), Purchase(symbol="BND", units="7")))
    many_orders = desk.release(
        propose(open_account(firm), *[Purchase(symbol=f"S{place}", units="1") for place in range(30)])
    )
    reviewer.client.get(reverse("rebalancing:batch", args=[one.pk]))

    with CaptureQueriesContext(connection) as few:
        reviewer.client.get(reverse("rebalancing:batch", args=[one.pk]))
    with CaptureQueriesContext(connection) as many:
        reviewer.client.get(reverse("rebalancing:batch", args=[many_orders.pk]))

    assert len(few) == len(many)
    assert len(few) < 20
