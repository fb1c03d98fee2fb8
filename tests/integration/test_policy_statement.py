"""The policy statement as a page to print and a PDF: what holds, from whom, and why."""

import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils.html import strip_tags
from pypdf import PdfReader

from portfolios.services.preferences import set_preference
from portfolios.services.restrictions import NewCashNeed, NewRestriction, add_cash_need, add_restriction
from portfolios.services.statement_guard import Terms
from rebalancing.engine.reference import solve_convex
from reporting.models import Report, ReportStatus
from reporting.selectors.policy_statement import policy_statement
from reporting.services.reports import issue_policy_statement, make_report
from tests.conftest import Persona
from tests.factories import BUSINESS_ON, NOW
from tests.statements import World, world_of

pytestmark = pytest.mark.django_db
WHY = Terms(reason="Asked by letter", review_on=BUSINESS_ON + timedelta(days=200))


@pytest.fixture
def world(advisor: Persona) -> World:
    """An account with a setting, a restriction and a cash need of its own."""
    made = world_of(advisor.membership, name="Quill Joint")
    member, pk = advisor.membership, made.account.pk
    set_preference(member, account_id=pk, key="trading.tracking_preference", value=8, terms=WHY, now=NOW)
    new = NewRestriction(verb="never_sell", subject_kind="security", subject="LUMR")
    add_restriction(member, place=("household", made.account.household_id), new=new, terms=WHY, now=NOW)
    need = NewCashNeed(amount_usd=Decimal(1500), due_on=BUSINESS_ON + timedelta(days=9))
    add_cash_need(member, account_id=pk, new=need, terms=Terms(reason="Tuition"), now=NOW)
    return made


def words_of(response: Any) -> str:
    return " ".join(strip_tags(response.content.decode().replace("<", " <")).split())


def make(advisor: Persona, world: World) -> Report:
    report = issue_policy_statement(advisor.membership, world.account.pk, now=NOW)
    assert make_report(report.pk, fallback=solve_convex, now=NOW)
    report.refresh_from_db()
    return report


def test_the_page_says_everything_that_holds_with_its_origin(advisor: Persona, world: World) -> None:
    page = words_of(advisor.client.get(reverse("reporting:policy_statement", args=[world.account.pk])))

    assert "Never sell LUMR Household: Ada Advisor" in page
    assert "Withdrawal of $1,500" in page
    assert "Tracking preference 8 5 Account: Ada Advisor" in page
    assert "Asked by letter · review on" in page
    assert "US Large Cap 50.0% 40.0% 60.0%" in page
    assert "1 setting differs" in page


def test_tax_is_left_out_where_there_is_none(advisor: Persona) -> None:
    world = world_of(advisor.membership, tax_status="deferred", tax_return=None)

    told = policy_statement(world.account, on=BUSINESS_ON)

    assert [group.title for group in told.groups] == ["Cash", "Trading"]


def test_the_pdf_is_tagged_and_says_the_same(advisor: Persona, world: World) -> None:
    report = make(advisor, world)

    assert report.status == ReportStatus.READY, report.message
    assert report.content is not None
    reader = PdfReader(io.BytesIO(bytes(report.content)))
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    assert "Never sell LUMR" in text
    assert "Tracking preference" in text
    assert reader.root_object.get("/StructTreeRoot") is not None
    file = advisor.client.get(reverse("reporting:download", args=[report.pk]))
    assert file["Content-Disposition"].startswith('attachment; filename="policy-statement-')


def test_the_same_statement_is_made_once_and_a_new_one_after_a_change(advisor: Persona, world: World) -> None:
    first = make(advisor, world)
    assert make(advisor, world).same_as == first

    set_preference(
        advisor.membership,
        account_id=world.account.pk,
        key="trading.tracking_preference",
        value=2,
        terms=WHY,
        now=NOW + timedelta(hours=1),
    )
    second = make(advisor, world)
    assert (second.status, second.facts_hash != first.facts_hash) == (ReportStatus.READY, True)


def test_posting_asks_for_it_and_without_a_business_date_says_so(
    advisor: Persona, reviewer: Persona, world: World
) -> None:
    url = reverse("reporting:policy_statement", args=[world.account.pk])
    assert advisor.client.post(url).status_code == 303
    report = Report.objects.get()
    assert "Policy statement" in words_of(advisor.client.get(reverse("reporting:report", args=[report.pk])))

    advisor.firm.business_on = None
    advisor.firm.save()
    refused = advisor.client.post(url)
    assert refused.status_code == 422
    assert "no business date" in words_of(refused)


def test_who_issues_no_reports_reads_and_makes_no_pdf(compliance: Persona, advisor: Persona, world: World) -> None:
    url = reverse("reporting:policy_statement", args=[world.account.pk])

    assert "Make the PDF" not in words_of(compliance.client.get(url))
    assert compliance.client.post(url).status_code == 403
    assert not Report.objects.exists()
