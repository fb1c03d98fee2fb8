"""Bulk changes as an advisor meets them: from the list of accounts to the preview, applied, and taken back."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from advisors.models import Role
from portfolios.models.bulk_changes import BulkChange
from portfolios.models.households import Account
from portfolios.models.preferences import Preference, Restriction
from portfolios.tasks import bulk_change_task
from tests.conftest import Persona, sign_in
from tests.factories import HouseholdFactory, member_of
from tests.firms import Desk, open_desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return open_desk()


@pytest.fixture
def advisor(desk: Desk) -> Persona:
    return sign_in(member_of(desk.firm, Role.ADVISOR, full_name="Ada Advisor"))


@pytest.fixture
def accounts(desk: Desk, advisor: Persona) -> list[Account]:
    household = HouseholdFactory.create(firm=desk.firm, advisor=advisor.membership, name="Quill")
    return [
        desk.account("VTI 40 @ 200 2024-03-01", household=household, name="Quill Joint", external_ref="Q-1"),
        desk.account("VTI 9 @ 200 2024-03-01", household=household, name="Quill Trust", external_ref="Q-2"),
    ]


def words_of(response: Any) -> str:
    return " ".join(strip_tags(response.content.decode().replace("<", " <")).split())


def ask(advisor: Persona, query: str = "", **fields: str) -> Any:
    data = {"key": "trading.tracking_preference", "value": "7", "reason": "Yearly meeting"} | fields
    return advisor.client.post(f"{reverse('accounts:change_accounts')}{query}", data)


def test_from_the_filtered_list_to_applied_and_back(advisor: Persona, accounts: list[Account]) -> None:
    listed = advisor.client.get(f"{reverse('accounts:accounts')}?q=Trust")
    assert f"{reverse('accounts:change_accounts')}?q=Trust" in listed.content.decode()

    asked = ask(advisor, "?q=Trust")
    assert asked.status_code == 303
    page = advisor.client.get(asked.url)
    assert "1 of 1 line can be applied. Nothing holds yet." in words_of(page)
    assert "Quill Trust" in words_of(page)
    assert "Quill Joint" not in words_of(page)

    change = BulkChange.objects.get()
    decide = reverse("portfolios:decide_bulk_change", args=[change.pk, "apply"])
    assert advisor.client.post(decide).status_code == 303
    assert "Being applied" in words_of(advisor.client.get(asked.url))
    bulk_change_task(bulk_change_id=change.pk)
    assert "1 applied." in words_of(advisor.client.get(asked.url))
    assert [line.account.name for line in Preference.objects.select_related("account") if line.account] == [
        "Quill Trust"
    ]

    assert advisor.client.post(decide).status_code == 409
    undo = reverse("portfolios:decide_bulk_change", args=[change.pk, "undo"])
    assert advisor.client.post(undo).status_code == 422
    assert advisor.client.post(undo, {"reason": "A mistake"}).status_code == 303
    bulk_change_task(bulk_change_id=change.pk)
    assert "1 undone" in words_of(advisor.client.get(asked.url))
    assert not Preference.objects.filter(ended_at__isnull=True).exists()


def test_the_field_fits_the_setting_and_a_wrong_value_keeps_the_input(
    advisor: Persona, accounts: list[Account]
) -> None:
    url = reverse("accounts:change_accounts")
    page = advisor.client.get(f"{url}?key=trading.max_tracking_error_frac").content.decode()
    assert "Most tracking error, %" in page

    refused = ask(advisor, value="77")
    assert refused.status_code == 422
    assert 'value="77"' in refused.content.decode()
    assert not BulkChange.objects.exists()


def test_a_restriction_for_all_of_them(advisor: Persona, accounts: list[Account]) -> None:
    fields = {"verb": "never_own", "symbol": "bnd", "disposal": "within_budget", "unit": "frac", "reason": "Asked"}
    asked = advisor.client.post(reverse("accounts:change_accounts"), fields)

    assert asked.status_code == 303
    bulk = BulkChange.objects.get()
    assert bulk.title == "Never own BND, sell as the tax budget allows"
    advisor.client.post(reverse("portfolios:decide_bulk_change", args=[bulk.pk, "apply"]))
    bulk_change_task(bulk_change_id=bulk.pk)
    assert Restriction.objects.filter(verb="never_own", subject="BND", level="account").count() == 2


def test_a_file_shows_what_is_refused_first_and_sends_it_as_a_file(advisor: Persona, accounts: list[Account]) -> None:
    content = b"account,what,subject,reason\nQ-1,never_buy,VTI,Asked\nQ-7,never_buy,VTI,Asked\n"
    upload = SimpleUploadedFile("wishes.csv", content)
    sent: Any = advisor.client.post(reverse("portfolios:bulk_file"), {"file": upload})

    words = words_of(advisor.client.get(sent.url))
    assert "1 of 2 lines can be applied; 1 is refused." in words
    assert words.index("There is no account Q-7 in your book.") < words.index("Quill Joint")
    told = b"".join(advisor.client.get(f"{sent.url}lines.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "There is no account Q-7 in your book." in told


def test_the_example_file_is_read(advisor: Persona, accounts: list[Account]) -> None:
    example = b"".join(
        advisor.client.get(reverse("portfolios:bulk_example")).streaming_content  # type: ignore[attr-defined]
    )
    sent = advisor.client.post(reverse("portfolios:bulk_file"), {"file": SimpleUploadedFile("example.csv", example)})

    assert sent.status_code == 303
    whys = BulkChange.objects.get().lines.values_list("why", flat=True)
    assert all(why.startswith("There is no account A-100") for why in whys)


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"account\nQ-1\n"])
def test_a_file_that_cannot_be_read_is_refused(advisor: Persona, accounts: list[Account], content: bytes) -> None:
    upload = SimpleUploadedFile("wishes.csv", content)

    assert advisor.client.post(reverse("portfolios:bulk_file"), {"file": upload}).status_code == 422
    assert not BulkChange.objects.exists()


def test_copying_starts_with_the_household_and_searches_the_book(advisor: Persona, accounts: list[Account]) -> None:
    url = reverse("portfolios:copy_preferences", args=[accounts[1].pk])
    assert "Quill Joint" in words_of(advisor.client.get(url))
    assert "No other account found" in words_of(advisor.client.get(f"{url}?q=nobody"))

    fields = {"source": accounts[0].pk, "groups": ["cash", "tax", "trading"], "reason": "As the other one"}
    assert "nothing to copy" in words_of(advisor.client.post(url, fields))
    Preference.objects.create(
        firm=accounts[0].firm,
        level="account",
        account=accounts[0],
        key="trading.max_trades",
        value=20,
        set_at=timezone.now() - timedelta(days=1),
        set_by=advisor.membership.user,
    )
    sent: Any = advisor.client.post(url, fields)
    assert "Most trades in one rebalance: 20" in words_of(advisor.client.get(sent.url))


def test_who_sees_the_firm_sees_bulk_changes_and_decides_none(
    desk: Desk, advisor: Persona, accounts: list[Account]
) -> None:
    asked = ask(advisor)
    reviewer, other = sign_in(member_of(desk.firm, Role.REVIEWER)), sign_in(member_of(desk.firm, Role.ADVISOR))

    seen = reviewer.client.get(asked.url)
    assert "Ada Advisor" in words_of(seen)
    assert "Apply" not in words_of(seen)
    assert other.client.get(asked.url).status_code == 404
    assert "None yet" in words_of(other.client.get(reverse("portfolios:bulk_changes")))
    assert other.client.get(f"{asked.url}lines.csv").status_code == 404
