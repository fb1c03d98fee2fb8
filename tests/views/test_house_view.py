"""The pages of the house view: what is in force, the restricted list, and a change from draft to approval."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.html import strip_tags

from advisors.models import Role
from portfolios.models.guidance import HouseViewChange, SecurityModel, VersionStatus
from portfolios.models.preferences import Restriction
from tests.conftest import Persona, sign_in
from tests.desks import text_of as source_of
from tests.factories import BUSINESS_ON, FirmFactory, member_of
from tests.firms import Desk, open_desk

pytestmark = pytest.mark.django_db
NEXT_MONTH = (BUSINESS_ON + timedelta(days=30)).isoformat()


def text_of(answer: object) -> str:
    """Return what a page shows, its white space as single blanks."""
    return " ".join(strip_tags(source_of(answer).replace("<", " <")).split())  # type: ignore[arg-type]


@pytest.fixture
def desk() -> Desk:
    return open_desk()


@pytest.fixture
def author(desk: Desk) -> Persona:
    return sign_in(member_of(desk.firm, Role.CIO, full_name="Ada Author"))


@pytest.fixture
def approver(desk: Desk) -> Persona:
    return sign_in(member_of(desk.firm, Role.CIO, full_name="Abe Approver"))


def begun(author: Persona) -> HouseViewChange:
    answer = author.client.post(
        reverse("house_view:changes"), {"title": "More bonds", "why": "Rates.", "effective_on": NEXT_MONTH}
    )
    change = HouseViewChange.objects.get(firm=author.firm)
    assert answer["Location"] == reverse("house_view:change", args=[change.pk])
    return change


def percents(change: HouseViewChange, **said: str) -> dict[str, str]:
    values = {"us_large": "38 28 48", "bonds": "60 50 70", "cash": "2 0 10", **said}
    change.refresh_from_db()
    fields = {"revision": str(change.revision)}
    for key, row in values.items():
        fields |= dict(zip((f"weight_{key}", f"least_{key}", f"most_{key}"), row.split(), strict=True))
    return fields


def edit(author: Persona, change: HouseViewChange, desk: Desk, **said: str) -> object:
    url = reverse("house_view:edit_profile", args=[change.pk, desk.profile.pk])
    return author.client.post(url, percents(change, **said))


def decide(persona: Persona, change: HouseViewChange, decision: str, **said: str) -> int:
    change.refresh_from_db()
    url = reverse("house_view:decide", args=[change.pk, decision])
    return int(persona.client.post(url, {"revision": str(change.revision), **said}).status_code)


def test_what_is_in_force_stands_on_one_page_for_everybody(desk: Desk) -> None:
    advisor = sign_in(member_of(desk.firm, Role.ADVISOR))

    page = text_of(advisor.client.get(reverse("house_view:house_view")))

    assert "58.0% 48.0% to 68.0%" in page
    assert "VTI ITOT 1 3.0 bp held and bought" in page
    assert "Draft a change" not in page


def test_a_draft_is_edited_submitted_and_approved_by_somebody_else(
    desk: Desk, author: Persona, approver: Persona
) -> None:
    change = begun(author)
    edit(author, change, desk)

    page = text_of(author.client.get(reverse("house_view:change", args=[change.pk])))
    assert "US Large Cap 58.00% (48.00% to 68.00%) 38.00% (28.00% to 48.00%)" in page
    assert "2 lines change, 1 stay" in page

    assert decide(author, change, "submit") == 303
    assert decide(author, change, "approve") == 403
    assert decide(approver, change, "approve", note="Agreed.") == 303
    change.refresh_from_db()
    assert (change.status, change.decision_note) == (VersionStatus.APPROVED, "Agreed.")


def test_a_refused_profile_keeps_what_was_typed_and_names_the_fault(desk: Desk, author: Persona) -> None:
    change = begun(author)

    answer = edit(author, change, desk, bonds="0.6 0.5 0.7")

    page = text_of(answer)
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "The weights sum to 40.6000%, not to 100%. Bonds reads as 0.6000%: was 60.00% meant?" in page
    assert 'value="0.6"' in answer.content.decode()  # type: ignore[attr-defined]


def test_a_row_filled_in_halfway_is_named(desk: Desk, author: Persona) -> None:
    change = begun(author)
    fields = percents(change)
    del fields["most_bonds"]

    answer = author.client.post(reverse("house_view:edit_profile", args=[change.pk, desk.profile.pk]), fields)

    assert answer.status_code == 422
    assert "Bonds needs its weight, its least and its most." in text_of(answer)


def test_an_edit_of_a_draft_that_somebody_edited_meanwhile_is_refused_and_kept(
    desk: Desk, author: Persona, approver: Persona
) -> None:
    change = begun(author)
    stale = percents(change)
    edit(approver, change, desk)

    answer = author.client.post(reverse("house_view:edit_profile", args=[change.pk, desk.profile.pk]), stale)

    assert answer.status_code == 409
    assert "Abe Approver edited “More bonds”" in text_of(answer)


def test_a_draft_edited_after_its_submission_is_refused(desk: Desk, author: Persona) -> None:
    change = begun(author)
    edit(author, change, desk)
    decide(author, change, "submit")

    answer = edit(author, change, desk)

    assert answer.status_code == 409  # type: ignore[attr-defined]
    assert "waits for approval: it is not edited any more" in text_of(answer)


def test_a_model_is_pasted_or_uploaded_with_every_faulty_row_named(desk: Desk, author: Persona) -> None:
    change = begun(author)
    author.client.post(reverse("house_view:new_model", args=[change.pk]), {"name": "Large Core"})
    model = SecurityModel.objects.get(firm=desk.firm)
    url = reverse("house_view:edit_model", args=[change.pk, model.pk])

    refused = author.client.post(url, {"revision": "1", "table": "symbol,weight\nVTI,60\nNOPE,x\nAAPL,40\nVTI,1\n"})
    file = SimpleUploadedFile("core.csv", b"symbol;weight\nVTI;60\nAAPL;40\n")
    saved = author.client.post(url, {"revision": "1", "file": file})

    said = text_of(refused)
    assert (refused.status_code, saved.status_code) == (422, 303)
    assert "Row 3: “x” is not a number." in said
    assert "Row 5: VTI stands in row 2 already." in said
    assert "NOPE,x" in said
    version = model.versions.get()
    assert dict(version.weights.values_list("security__symbol", "weight_frac")).keys() == {"VTI", "AAPL"}


def test_products_and_substitutes_begin_with_what_is_in_force(desk: Desk, author: Persona) -> None:
    change = begun(author)

    products = author.client.get(reverse("house_view:edit_products", args=[change.pk])).content.decode()
    substitutes = author.client.get(reverse("house_view:edit_substitutes", args=[change.pk])).content.decode()

    assert "us_large,all,0,VTI" in products
    assert "VTI,ITOT,1,3,no" in substitutes


def test_a_change_of_another_firm_does_not_exist(desk: Desk, author: Persona) -> None:
    change = begun(author)
    foreigner = sign_in(member_of(FirmFactory(), Role.CIO))

    assert foreigner.client.get(reverse("house_view:change", args=[change.pk])).status_code == 404
    assert decide(foreigner, change, "drop", note="x") == 404
    assert edit(foreigner, change, desk).status_code == 404  # type: ignore[attr-defined]


def test_the_restricted_list_binds_says_who_holds_it_and_keeps_its_history(desk: Desk, author: Persona) -> None:
    desk.account("AAPL 10 @ 150 2024-03-01")
    url = reverse("house_view:restricted")

    author.client.post(url, {"verb": "never_buy", "symbol": "aapl", "disposal": "now", "reason": "Under review."})
    line = Restriction.objects.get(firm=desk.firm, level="firm")
    page = text_of(author.client.get(url))
    assert "Never buy AAPL always 1 Under review." in page

    author.client.post(reverse("house_view:end_restricted", args=[line.pk]), {"reason": "Cleared."})
    page = text_of(author.client.get(url))
    assert "Nothing is restricted." in page
    assert "ended by Ada Author" in page


def test_a_restriction_of_an_unknown_security_is_refused_in_a_sentence(desk: Desk, author: Persona) -> None:
    answer = author.client.post(
        reverse("house_view:restricted"), {"verb": "never_buy", "symbol": "NOPE", "disposal": "now", "reason": "x"}
    )

    assert answer.status_code == 422
    assert "There is no security called NOPE." in text_of(answer)


def test_an_advisor_neither_edits_nor_sees_what_is_not_in_force(desk: Desk, author: Persona) -> None:
    change = begun(author)
    advisor = sign_in(member_of(desk.firm, Role.ADVISOR))

    assert advisor.client.get(reverse("house_view:changes")).status_code == 403
    assert advisor.client.get(reverse("house_view:change", args=[change.pk])).status_code == 403
    assert (
        advisor.client.post(
            reverse("house_view:restricted"),
            {"verb": "never_buy", "symbol": "AAPL", "disposal": "now", "reason": "x"},
        ).status_code
        == 403
    )


def test_versions_of_a_model_are_compared(desk: Desk, author: Persona, approver: Persona) -> None:
    change = begun(author)
    author.client.post(reverse("house_view:new_model", args=[change.pk]), {"name": "Core"})
    model = SecurityModel.objects.get(firm=desk.firm)
    for table in ("VTI,60\nAAPL,40\n", "VTI,70\nBND,30\n"):
        if table.startswith("VTI,70"):
            change = HouseViewChange.objects.get(pk=begun_again(author).pk)
        change.refresh_from_db()
        url = reverse("house_view:edit_model", args=[change.pk, model.pk])
        author.client.post(url, {"revision": str(change.revision), "table": table})
        decide(author, change, "submit")
        decide(approver, change, "approve")

    page = text_of(author.client.get(reverse("house_view:model", args=[model.pk]) + "?version=2"))

    assert "Version 2 against version 1" in page
    assert "AAPL 40.0000% –" in page
    assert "40.00%" in page  # moved
    sent = b"".join(
        author.client.get(  # type: ignore[attr-defined]
            reverse("house_view:model_export", args=[model.pk]) + "?version=1"
        ).streaming_content
    )
    assert b"VTI,60" in sent


def begun_again(author: Persona) -> HouseViewChange:
    author.client.post(reverse("house_view:changes"), {"title": "Core again", "why": "", "effective_on": NEXT_MONTH})
    return HouseViewChange.objects.get(firm=author.firm, title="Core again")


def defaults_of(author: Persona, change: HouseViewChange) -> dict[str, str]:
    """Return what the form of the firm's defaults shows, as a browser would post it."""
    page = author.client.get(reverse("house_view:edit_defaults", args=[change.pk]))
    form = page.context["form"]
    return {field.html_name: "" if field.value() is None else str(field.value()) for field in form}


def test_firm_defaults_are_said_in_a_draft_beside_trimtabs_own(desk: Desk, author: Persona) -> None:
    change = begun(author)
    url = reverse("house_view:edit_defaults", args=[change.pk])
    shown = defaults_of(author, change)
    assert shown["trading__tracking_preference"] == "5"
    assert "Trimtab’s own: 5." in text_of(author.client.get(url))

    refused = author.client.post(url, shown | {"trading__tracking_preference": "11"})
    assert refused.status_code == 422
    assert 'value="11"' in refused.content.decode()
    saved = author.client.post(url, shown | {"trading__tracking_preference": "7", "cash__reserve_frac": "2.5"})
    assert saved.status_code == 303

    page = text_of(author.client.get(reverse("house_view:change", args=[change.pk])))
    assert "Firm defaults" in page
    assert "Tracking preference 5 7" in page
    assert "Cash reserve, share of value 1.0% 2.5%" in page
    stale = author.client.post(url, shown | {"trading__tracking_preference": "8"})
    assert stale.status_code == 409
    assert decide(author, change, "submit") == 303
