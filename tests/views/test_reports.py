"""The pages of reports: who sees which, what they show in each state, what a form refuses."""

from hashlib import sha256
from typing import Any

import pytest
import zstandard
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from portfolios.models.households import Account
from reporting.measures.facts import encode_facts
from reporting.models import Report, ReportStatus
from tests.conftest import Persona
from tests.factories import NOW, AccountFactory, HouseholdFactory, ProposalFactory
from tests.reports import HEADING, report

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def account(advisor: Persona) -> Account:
    """An account in the advisor's book, of a firm whose day is known."""
    advisor.firm.business_on = HEADING.period_ends_on
    advisor.firm.save()
    household = HouseholdFactory(firm=advisor.firm, advisor=advisor.membership, name="Whitcombe")
    return AccountFactory(household=household, name="Joint account", number_last4="4471")


def row(account: Account, persona: Persona, **changes: Any) -> Report:
    values = {
        "firm": account.firm,
        "household": account.household,
        "account": account,
        "period_starts_on": HEADING.period_starts_on,
        "period_ends_on": HEADING.period_ends_on,
        "requested_at": NOW,
        "requested_by": persona.user,
        **changes,
    }
    return Report.objects.create(**values)


def ready(account: Account, persona: Persona, **changes: Any) -> Report:
    data = encode_facts(report())
    made = {
        "status": ReportStatus.READY,
        "facts": zstandard.compress(data),
        "facts_hash": sha256(data).hexdigest(),
        "content": b"%PDF-1.7 a file",
        "content_sha256": "c" * 64,
        "page_count": 3,
        "finished_at": NOW,
    }
    return row(account, persona, **{**made, **changes})


def test_the_list_shows_the_reports_of_the_own_book(advisor: Persona, account: Account) -> None:
    made = ready(account, advisor)

    page = advisor.client.get(reverse("reporting:reports")).content.decode()

    assert "Joint account ··4471" in page and "Ready" in page
    assert reverse("reporting:download", args=[made.pk]) in page


def test_the_list_of_another_book_is_empty(advisor: Persona, outsider: Persona, account: Account) -> None:
    ready(account, advisor)

    page = outsider.client.get(reverse("reporting:reports")).content.decode()

    assert "No reports yet" in page and "Whitcombe" not in page


def test_the_list_can_be_narrowed_to_one_account_or_household(advisor: Persona, account: Account) -> None:
    ready(account, advisor)
    other = AccountFactory(household=HouseholdFactory(firm=advisor.firm, advisor=advisor.membership), name="Other")

    of_other = advisor.client.get(reverse("reporting:reports"), {"account": other.pk}).content.decode()
    of_house = advisor.client.get(reverse("reporting:reports"), {"household": account.household_id}).content.decode()

    assert "Joint account" not in of_other and "No reports yet" in of_other
    assert "Joint account" in of_house and "show all" in of_house


def test_the_list_asks_the_database_equally_often_for_one_and_many(
    advisor: Persona, account: Account, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    ready(account, advisor)
    for number in range(9):
        ready(account, advisor, facts_hash=f"{number:064x}")

    with django_assert_max_num_queries(8):
        page = advisor.client.get(reverse("reporting:reports")).content.decode()

    assert page.count("Joint account ··4471") == 10


@pytest.mark.parametrize("name", ["report", "download"])
def test_a_report_outside_the_book_does_not_exist(
    advisor: Persona, outsider: Persona, account: Account, name: str
) -> None:
    made = ready(account, advisor)

    assert outsider.client.get(reverse(f"reporting:{name}", args=[made.pk])).status_code == 404


def test_a_report_that_waits_asks_again_every_two_seconds(advisor: Persona, account: Account) -> None:
    waiting = row(account, advisor)

    page = advisor.client.get(reverse("reporting:report", args=[waiting.pk])).content.decode()

    assert 'hx-trigger="every 2s"' in page and "Queued" in page
    assert "Look again" in page
    assert advisor.client.get(reverse("reporting:download", args=[waiting.pk])).status_code == 404


def test_the_poll_gets_only_the_state_and_stops_when_it_is_made(advisor: Persona, account: Account) -> None:
    made = ready(account, advisor)

    part = advisor.client.get(reverse("reporting:report", args=[made.pk]), headers=HTMX).content.decode()

    assert part.strip().startswith('<div id="state"')
    assert "hx-trigger" not in part and "Download the PDF" in part


def test_the_preview_says_what_the_pdf_says(advisor: Persona, account: Account) -> None:
    made = ready(account, advisor)

    page = advisor.client.get(reverse("reporting:report", args=[made.pk])).content.decode()

    for words in (
        "We followed your plan and what you asked for; 1 request is still under way.",
        "Own no companies on the Tobacco list, as the tax budget allows",
        "Gains not realised",
        "$202",
        "Sold 20 Alpha Fund (AAA)",
        "Where you are invested",
        "Appendix for your accountant",
        "−210.00",
    ):
        assert words in page
    assert "data-chart" in page and "report.css" in page


def test_a_report_that_failed_says_why_and_one_that_repeats_names_the_first(advisor: Persona, account: Account) -> None:
    first = ready(account, advisor)
    failed = row(account, advisor, status=ReportStatus.FAILED, message="No proposal was made for this account yet.")
    same = row(account, advisor, status=ReportStatus.UNCHANGED, same_as=first, message="Nothing has changed.")

    told = advisor.client.get(reverse("reporting:report", args=[failed.pk])).content.decode()
    pointed = advisor.client.get(reverse("reporting:report", args=[same.pk])).content.decode()

    assert "No proposal was made for this account yet." in told and "Failed" in told
    assert reverse("reporting:report", args=[first.pk]) in pointed and "Nothing has changed." in pointed


def test_the_file_is_handed_out_as_a_pdf(advisor: Persona, account: Account) -> None:
    made = ready(account, advisor)

    answer = advisor.client.get(reverse("reporting:download", args=[made.pk]))

    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith('attachment; filename="client-report-')
    assert answer.content == b"%PDF-1.7 a file"


def test_the_request_begins_with_the_year_so_far(advisor: Persona, account: Account) -> None:
    page = advisor.client.get(reverse("reporting:new", args=[account.pk])).content.decode()

    assert 'value="2026-01-01"' in page and 'value="2026-03-04"' in page


def test_a_request_is_queued_and_leads_to_its_page(advisor: Persona, account: Account) -> None:
    answer = advisor.client.post(
        reverse("reporting:new", args=[account.pk]),
        {"period_starts_on": "2026-01-01", "period_ends_on": "2026-03-04"},
    )

    asked = Report.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == reverse("reporting:report", args=[asked.pk])
    assert (asked.status, asked.requested_by) == (ReportStatus.QUEUED, advisor.user)


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        ("2026-01-01", "2026-12-31", "The report cannot go beyond"),
        ("2026-01-01", "", "This field is required"),
    ],
)
def test_days_that_cannot_be_are_refused_and_kept(
    advisor: Persona, account: Account, first: str, last: str, sentence: str
) -> None:
    answer = advisor.client.post(
        reverse("reporting:new", args=[account.pk]), {"period_starts_on": first, "period_ends_on": last}
    )

    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page and f'value="{first}"' in page
    assert not Report.objects.exists()


def test_a_proposal_leads_to_a_report_about_itself(advisor: Persona, account: Account) -> None:
    proposal = ProposalFactory(account=account)
    address = f"{reverse('reporting:new', args=[account.pk])}?proposal={proposal.pk}"

    page = advisor.client.get(reverse("rebalancing:proposal", args=[proposal.pk])).content.decode()
    form = advisor.client.get(address).content.decode()
    days = {"period_starts_on": "2026-01-01", "period_ends_on": "2026-03-04", "proposal": proposal.pk}
    advisor.client.post(reverse("reporting:new", args=[account.pk]), days)

    assert address in page
    assert f'name="proposal" value="{proposal.pk}"' in form
    assert Report.objects.get().proposal_id == proposal.pk


def test_a_proposal_of_another_account_is_refused(advisor: Persona, account: Account) -> None:
    other = ProposalFactory(account=AccountFactory(household=account.household))

    answer = advisor.client.get(reverse("reporting:new", args=[account.pk]), {"proposal": other.pk})

    assert answer.status_code == 404


def test_a_request_for_another_book_does_not_exist(outsider: Persona, account: Account) -> None:
    assert outsider.client.get(reverse("reporting:new", args=[account.pk])).status_code == 404


def test_operations_may_read_reports_but_not_ask_for_them(
    advisor: Persona, operations: Persona, account: Account
) -> None:
    made = ready(account, advisor)

    assert operations.client.get(reverse("reporting:new", args=[account.pk])).status_code == 403
    page = operations.client.get(reverse("reporting:report", args=[made.pk])).content.decode()
    assert "New report" not in page and "Download the PDF" in page
