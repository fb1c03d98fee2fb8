"""The Reconciliation pages: the day, the breaks and what people do with them, one account beside its custodian."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from advisors.models import BookOfRecord, Firm
from portfolios.models.households import Account
from portfolios.models.imports import Break, BreakDecision, BreakKind
from portfolios.models.securities import Security
from portfolios.services.importing import import_custodian_file
from tests.books import NOW, know_securities, open_account, units_of
from tests.conftest import Persona
from tests.factories import FirmFactory

pytestmark = pytest.mark.django_db
D = Decimal
HEAD = "account,as_of,symbol,quantity,cost,acquired,lot\n"
PAGE = "data:reconciliation"


@pytest.fixture
def account(operations: Persona) -> Account:
    firm = operations.firm
    firm.book_of_record = BookOfRecord.TRIMTAB
    firm.save()
    know_securities(firm)
    return open_account(firm, "8812-4401", name="Joint at the bank")


def _state(firm: Firm, *rows: str, as_of: str = "2026-11-12", number: str = "8812-4401") -> None:
    text = HEAD + "".join(f"{number},{as_of},{row}\n" for row in rows)
    import_custodian_file(firm, custodian="generic", name="lots.csv", content=text.encode(), actor=None, now=NOW)


def _break(firm: Firm) -> Break:
    _state(firm, "AAPL,120,9840.00,2019-04-11,L-1", "KO,50,2500.00,2020-01-02,L-2", as_of="2026-11-11")
    _state(firm, "AAPL,100,8200.00,2019-04-11,L-1", "KO,50,2500.00,2020-01-02,L-2")
    return Break.objects.get()


def _page(persona: Persona, name: str = PAGE, *args: int, **query: str) -> str:
    answer = persona.client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_day_counts_accounts_by_custodian_and_names_those_without_a_statement(
    operations: Persona, account: Account
) -> None:
    open_account(operations.firm, "8812-4402", name="Never stated")
    _break(operations.firm)

    page = " ".join(_page(operations).split())

    assert '<td class="n" data-l="accounts">2</td>' in page
    assert '<td class="n" data-l="broken or waiting">1</td>' in page
    assert "1 account without a statement for the day" in page
    assert "never stated" in page


def test_a_break_shows_both_sides_what_is_at_stake_and_its_age(operations: Persona, account: Account) -> None:
    _break(operations.firm)
    operations.firm.business_on = date(2026, 11, 16)
    operations.firm.save()

    page = " ".join(_page(operations).split())

    assert '<td class="n" data-l="ours">120</td>' in page
    assert '<td class="n" data-l="custodian’s">100</td>' in page
    assert '<td class="n" data-l="at stake">$2,000</td>' in page
    assert '<td class="n" data-l="days">2 ' in page
    assert "Reconciliation 1<span" in page


def test_breaks_are_filtered_and_served_in_part(operations: Persona, account: Account) -> None:
    found = _break(operations.firm)

    said = found.message.removeprefix("AAPL: the custodian ")
    assert said in _page(operations, kind="units")
    assert said in _page(operations, custodian="generic")
    for query in ({"kind": "cash"}, {"mine": "on"}, {"age": "5"}):
        part = operations.client.get(reverse(PAGE), query, headers={"HX-Request": "true"}).content.decode()
        assert "No break is like that." in part
        assert "<html" not in part


def test_operations_give_a_break_to_a_person_note_it_and_find_it_among_theirs(
    operations: Persona, account: Account
) -> None:
    found = _break(operations.firm)

    given = operations.client.post(reverse("data:assign_break", args=[found.pk]), {"person": operations.user.pk})
    noted = operations.client.post(reverse("data:note_break", args=[found.pk]), {"note": "Called them"})

    assert (given.status_code, noted.status_code) == (303, 303)
    page = _page(operations, mine="on")
    assert operations.user.full_name in page
    assert "Called them" in page


def test_a_break_is_not_given_to_somebody_who_may_not_resolve_it(operations: Persona, account: Account) -> None:
    found = _break(operations.firm)

    answer = operations.client.post(reverse("data:assign_break", args=[found.pk]), {"person": "999999"})

    assert answer.status_code == 422
    assert "Choose somebody of the firm" in answer.content.decode()
    found.refresh_from_db()
    assert found.assigned_to is None


def test_accepting_the_custodians_word_changes_the_ledger(operations: Persona, account: Account) -> None:
    found = _break(operations.firm)

    answer = operations.client.post(
        reverse("data:resolve_break", args=[found.pk]), {"decision": "accept", "reason": "Confirmed by them"}
    )

    assert answer.status_code == 303
    assert units_of(account, "AAPL") == D(100)
    page = _page(operations)
    assert "Nothing is broken." in page
    assert "Confirmed by them" in page


def test_leaving_it_to_the_ledger_changes_nothing_and_says_that_the_figures_differ(
    operations: Persona, account: Account
) -> None:
    found = _break(operations.firm)

    operations.client.post(
        reverse("data:resolve_break", args=[found.pk]), {"decision": "leave", "reason": "They book it late"}
    )

    found.refresh_from_db()
    assert (found.decision, units_of(account, "AAPL")) == (BreakDecision.LEDGER, D(120))
    assert "The figures still differ." in _page(operations)


@pytest.mark.parametrize("said", [{"decision": "accept"}, {"reason": "Because"}, {"decision": "eat", "reason": "x"}])
def test_a_resolution_without_a_decision_or_a_reason_is_refused(
    operations: Persona, account: Account, said: dict[str, str]
) -> None:
    found = _break(operations.firm)

    answer = operations.client.post(reverse("data:resolve_break", args=[found.pk]), said)

    assert answer.status_code == 422
    found.refresh_from_db()
    assert found.resolved_at is None


def test_a_break_that_is_no_longer_there_is_refused_with_a_sentence(operations: Persona, account: Account) -> None:
    found = _break(operations.firm)
    Account.objects.filter(pk=account.pk).update(positions_on=date(2026, 11, 13))

    answer = operations.client.post(
        reverse("data:resolve_break", args=[found.pk]), {"decision": "accept", "reason": "Yes"}
    )

    assert answer.status_code == 409
    assert "Wait for the next file." in answer.content.decode()


def test_an_account_beside_its_custodian_shows_lots_side_by_side(operations: Persona, account: Account) -> None:
    _break(operations.firm)

    page = " ".join(_page(operations, "data:comparison", account.pk).split())

    assert '<td class="n" data-l="our units">120</td>' in page
    assert '<td class="n" data-l="their units">100</td>' in page
    assert "1 security matched" in page
    assert "KO" in page
    earlier = _page(operations, "data:comparison", account.pk, day="2026-11-11")
    assert "Opening balance" in earlier
    assert "statement of Nov 11, 2026" in " ".join(earlier.split())


def test_an_account_that_nothing_was_stated_of_says_so(operations: Persona, account: Account) -> None:
    assert "No statement was compared yet." in _page(operations, "data:comparison", account.pk)


@pytest.mark.parametrize("role", ["reviewer", "compliance"])
def test_roles_that_only_look_find_no_buttons(request: pytest.FixtureRequest, role: str, account: Account) -> None:
    persona: Persona = request.getfixturevalue(role)
    persona.firm.refresh_from_db()
    found = _break(persona.firm)

    assert reverse("data:resolve_break", args=[found.pk]) not in _page(persona)
    for name in ("data:assign_break", "data:note_break", "data:resolve_break"):
        assert persona.client.post(reverse(name, args=[found.pk])).status_code == 403


def test_another_firms_break_and_account_do_not_exist(operations: Persona, account: Account) -> None:
    other = FirmFactory(book_of_record=BookOfRecord.TRIMTAB)
    foreign = open_account(other, "9000-0001", name="Theirs")
    row = Break.objects.create(account=foreign, kind=BreakKind.CASH, message="Theirs", found_at=NOW)

    assert "Theirs" not in _page(operations)
    assert operations.client.get(reverse("data:comparison", args=[foreign.pk])).status_code == 404
    for name in ("data:assign_break", "data:note_break", "data:resolve_break"):
        answer = operations.client.post(
            reverse(name, args=[row.pk]), {"person": "", "note": "x", "decision": "leave", "reason": "x"}
        )
        assert answer.status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_rows(operations: Persona, account: Account) -> None:
    counts = []
    security = Security.objects.get(symbol="AAPL")
    for first, number in ((0, 2), (2, 14)):
        for place in range(first, number):
            one = open_account(operations.firm, f"7000-{place:04d}")
            Break.objects.create(
                account=one, security=security, kind=BreakKind.UNITS, message="Differs", found_at=NOW, size_usd=D(5)
            )
        operations.client.get(reverse(PAGE))
        with CaptureQueriesContext(connection) as queries:
            assert operations.client.get(reverse(PAGE)).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 18


def test_today_names_the_open_breaks_to_whom_it_may_concern(
    operations: Persona, advisor: Persona, account: Account
) -> None:
    _break(operations.firm)

    assert "1 break with custodians" in _page(operations, "runs:today")
    assert "with custodians" not in _page(advisor, "runs:today")
