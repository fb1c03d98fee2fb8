"""The Data pages: upload, preview, post, faults by row, held accounts, corporate actions."""

from typing import cast

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from advisors.models import AuditEvent, Firm
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.imports import CustodianFile, FileStatus
from portfolios.services.holds import place_hold
from portfolios.services.importing import import_custodian_file, receive_custodian_file
from tests.books import NOW, know_securities, open_account, units_of
from tests.conftest import Persona
from tests.factories import FirmFactory

pytestmark = pytest.mark.django_db
HEAD = "account,as_of,symbol,quantity,cost,acquired\n"
LOTS = f"{HEAD}8812-4401,2026-11-12,AAPL,120,9840.00,2019-04-11\n8812-4402,2026-11-12,ZZZZ,5,300.00,2020-01-02\n"


@pytest.fixture
def account(firm: Firm) -> Account:
    know_securities(firm)
    open_account(firm, "8812-4402")
    return open_account(firm, "8812-4401")


def _upload(persona: Persona, *texts: str, custodian: str = "generic", **more: str) -> HttpResponse:
    files = [SimpleUploadedFile(f"lots{number}.csv", text.encode()) for number, text in enumerate(texts)]
    answer = persona.client.post(reverse("data:upload"), {"custodian": custodian, "chosen": files, **more})
    return cast(HttpResponse, answer)


def _received(firm: Firm, text: str = LOTS) -> CustodianFile:
    return receive_custodian_file(
        firm, custodian="generic", name="lots.csv", content=text.encode(), actor=None, now=NOW
    )


def test_an_uploaded_file_is_shown_before_it_posts(operations: Persona, account: Account) -> None:
    answer = _upload(operations, LOTS)

    file = CustodianFile.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == reverse("data:file", args=[file.pk])
    page = operations.client.get(answer["Location"]).content.decode()
    assert "1 lot opened." in page
    assert "The security ZZZZ is not in the security master." in page
    assert "Post 1 account" in page
    assert account.lots.count() == 0


def test_posting_posts_the_good_account_and_holds_the_other(operations: Persona, account: Account) -> None:
    file = _received(operations.firm)

    answer = operations.client.post(reverse("data:post_file", args=[file.pk]))

    assert answer.status_code == 303
    assert units_of(account, "AAPL") == 120
    file.refresh_from_db()
    assert file.status == FileStatus.PARTLY_POSTED
    assert AccountHold.objects.get().kind == HoldKind.UNKNOWN_SECURITY
    assert AuditEvent.objects.get(action="custodian_file.posted").actor_id == operations.user.pk


def test_several_files_come_at_once(operations: Persona, account: Account) -> None:
    answer = _upload(operations, LOTS, f"{HEAD}8812-4401,2026-11-12,KO,5,300.00,2020-01-02\n")

    assert answer["Location"] == reverse("data:files")
    assert CustodianFile.objects.count() == 2


def test_an_upload_without_a_file_is_refused_with_a_sentence(operations: Persona) -> None:
    answer = operations.client.post(reverse("data:upload"), {"custodian": "generic"})

    assert answer.status_code == 422
    assert "Nothing was changed" in answer.content.decode()


def test_an_upload_beyond_the_limit_is_refused_and_nothing_of_it_is_kept(
    operations: Persona, settings: Settings
) -> None:
    settings.MAX_UPLOAD_BYTES = 1000

    answer = _upload(operations, "x" * 200_000)

    assert answer.status_code == 422
    assert "larger than 50 MB together" in answer.content.decode()
    assert CustodianFile.objects.count() == 0


def test_a_refused_file_names_its_faults_and_offers_no_button(operations: Persona) -> None:
    file = _received(operations.firm, "what,is,this\n1,2,3\n")

    page = operations.client.get(reverse("data:file", args=[file.pk])).content.decode()

    assert "The first row is not the header of any generic format" in page
    assert reverse("data:post_file", args=[file.pk]) not in page


def test_held_accounts_say_why_and_operations_lifts_with_a_reason(operations: Persona, account: Account) -> None:
    hold = place_hold(account, kind=HoldKind.MANUAL, reason="Papers are missing", actor=None, now=NOW)
    assert "Papers are missing" in operations.client.get(reverse("data:held")).content.decode()

    answer = operations.client.post(reverse("data:lift_hold", args=[hold.pk]), {"reason": "Papers came"})

    assert answer.status_code == 303
    hold.refresh_from_db()
    assert (hold.lifted_by, hold.lift_reason) == (operations.user, "Papers came")
    assert AuditEvent.objects.get(action="account.hold_lifted").reason == "Papers came"


def test_lifting_without_a_reason_is_refused(operations: Persona, account: Account) -> None:
    hold = place_hold(account, kind=HoldKind.MANUAL, reason="Papers are missing", actor=None, now=NOW)

    answer = operations.client.post(reverse("data:lift_hold", args=[hold.pk]), {"reason": ""})

    assert answer.status_code == 422
    hold.refresh_from_db()
    assert hold.lifted_at is None


def test_held_accounts_can_be_filtered_and_served_in_part(operations: Persona, account: Account) -> None:
    place_hold(account, kind=HoldKind.MANUAL, reason="Papers are missing", actor=None, now=NOW)

    answer = operations.client.get(reverse("data:held"), {"kind": "stale_price"}, headers={"HX-Request": "true"})

    text = answer.content.decode()
    assert "Papers are missing" not in text
    assert "<html" not in text


def test_actions_and_old_prices_are_listed_with_the_accounts_that_wait(operations: Persona, account: Account) -> None:
    for text in (
        "symbol,kind,effective,ratio\nAAPL,split,2026-11-11,4\n",
        f"{HEAD}8812-4401,2026-11-12,AAPL,120,9840.00,2019-04-11\n",
        "symbol,date,price\nKO,2026-11-20,62.00\n",
    ):
        import_custodian_file(
            operations.firm, custodian="generic", name="f.csv", content=text.encode(), actor=None, now=NOW
        )

    page = operations.client.get(reverse("data:actions")).content.decode()

    assert "Split" in page
    assert f'href="{reverse("data:held")}?kind=stale_price">1</a>' in page


@pytest.mark.parametrize("role", ["advisor", "cio", "administrator"])
def test_roles_without_data_may_not_look(request: pytest.FixtureRequest, role: str) -> None:
    persona: Persona = request.getfixturevalue(role)

    assert persona.client.get(reverse("data:files")).status_code == 403


@pytest.mark.parametrize("role", ["reviewer", "compliance"])
def test_roles_that_only_look_find_no_buttons_and_may_not_import(
    request: pytest.FixtureRequest, role: str, account: Account
) -> None:
    persona: Persona = request.getfixturevalue(role)
    file = _received(persona.firm)
    hold = place_hold(account, kind=HoldKind.MANUAL, reason="Papers are missing", actor=None, now=NOW)

    assert reverse("data:upload") not in persona.client.get(reverse("data:files")).content.decode()
    assert persona.client.get(reverse("data:file", args=[file.pk])).status_code == 200
    assert _upload(persona, LOTS).status_code == 403
    assert persona.client.post(reverse("data:post_file", args=[file.pk])).status_code == 403
    assert persona.client.post(reverse("data:lift_hold", args=[hold.pk]), {"reason": "x"}).status_code == 403


def test_another_firms_file_and_hold_do_not_exist(operations: Persona, account: Account) -> None:
    other = FirmFactory()
    foreign = open_account(other, "9000-0001")
    file = _received(other)
    hold = place_hold(foreign, kind=HoldKind.MANUAL, reason="Theirs", actor=None, now=NOW)

    assert operations.client.get(reverse("data:file", args=[file.pk])).status_code == 404
    assert operations.client.post(reverse("data:post_file", args=[file.pk])).status_code == 404
    assert operations.client.post(reverse("data:lift_hold", args=[hold.pk]), {"reason": "x"}).status_code == 404
    assert "Theirs" not in operations.client.get(reverse("data:held")).content.decode()


def test_a_stranger_is_sent_to_sign_in(stranger: Client) -> None:
    answer = stranger.get(reverse("data:files"))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/")


def _more(firm: Firm, first: int, count: int) -> CustodianFile:
    rows = ""
    for number in range(first, first + count):
        account = open_account(firm, f"7000-{number:04d}")
        place_hold(account, kind=HoldKind.MANUAL, reason="Papers", actor=None, now=NOW)
        rows += f"7000-{number:04d},2026-11-12,AAPL,{count},100,2020-01-02\n"
    return _received(firm, HEAD + rows)


@pytest.mark.parametrize("name", ["data:files", "data:held", "data:actions", "data:file"])
def test_the_number_of_queries_does_not_grow_with_the_rows(operations: Persona, account: Account, name: str) -> None:
    counts = []
    for first, count in ((0, 2), (2, 12)):
        file = _more(operations.firm, first, count)
        url = reverse(name, args=[file.pk] if name == "data:file" else [])
        operations.client.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert operations.client.get(url).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 12
