"""One change of the preferences of many accounts: checked before, applied line by line, taken back."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from advisors.errors import Conflict, Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent, Role
from portfolios.models.bulk_changes import BulkChange
from portfolios.models.households import Account
from portfolios.models.preferences import Preference, Restriction
from portfolios.policy import Group, SettingValue
from portfolios.selectors.preferences import settings_by_account
from portfolios.services.bulk_changes import applying
from portfolios.services.bulk_changes.asked import Asked, AskedSetting
from portfolios.services.bulk_changes.preparing import prepare_copy, prepare_for_accounts, prepare_from_file
from portfolios.services.preferences import set_preference
from portfolios.services.restrictions import NewRestriction, add_restriction, end_restriction
from portfolios.services.statement_guard import Terms
from tests.conftest import Persona, sign_in
from tests.factories import BUSINESS_ON, NOW, HouseholdFactory, TaxHouseholdFactory, member_of
from tests.firms import Desk, open_desk

pytestmark = pytest.mark.django_db
WHY = Terms(reason="Agreed at the yearly meeting.")
TRACKING = "trading.tracking_preference"
NEVER_VTI = NewRestriction(verb="never_buy", subject_kind="security", subject="VTI")


@pytest.fixture
def desk() -> Desk:
    return open_desk()


@pytest.fixture
def advisor(desk: Desk) -> Persona:
    return sign_in(member_of(desk.firm, Role.ADVISOR, full_name="Ada Advisor"))


@pytest.fixture
def accounts(desk: Desk, advisor: Persona) -> list[Account]:
    """Four accounts: two on one return, one of another household, one that defers tax."""
    home = TaxHouseholdFactory.create(household=HouseholdFactory.create(firm=desk.firm, advisor=advisor.membership))
    shared = desk.tax_return(home)
    other = HouseholdFactory.create(firm=desk.firm, advisor=advisor.membership)
    return [
        desk.account("VTI 40 @ 200 2024-03-01", tax_household=home, tax_return=shared, external_ref="A-1"),
        desk.account("BND 40 @ 70 2024-03-01", tax_household=home, tax_return=shared, external_ref="A-2"),
        desk.account("VTI 10 @ 200 2024-03-01", household=other, external_ref="A-3"),
        desk.account("VTI 10 @ 200 2024-03-01", tax_household=home, tax_status="deferred", external_ref="A-4"),
    ]


def clock() -> Iterator[datetime]:
    return (NOW + timedelta(minutes=minute) for minute in itertools.count(1))


def prepare(advisor: Persona, accounts: list[Account], asked: Asked, terms: Terms = WHY) -> BulkChange:
    ids = [account.pk for account in accounts]
    return prepare_for_accounts(advisor.membership, account_ids=ids, asked=asked, terms=terms, now=NOW)


def apply(advisor: Persona, change: BulkChange) -> None:
    applying.start_applying(advisor.membership, change.pk, now=NOW)
    ticks = clock()
    applying.go_on(change.pk, clock=lambda: next(ticks))


def undo(advisor: Persona, change: BulkChange) -> None:
    later = NOW + timedelta(hours=5)
    applying.start_undoing(advisor.membership, change.pk, reason="A mistake", now=later)
    ticks = (later + timedelta(minutes=minute) for minute in itertools.count(1))
    applying.go_on(change.pk, clock=lambda: next(ticks))


def statuses(change: BulkChange) -> list[str]:
    return list(change.lines.order_by("position").values_list("status", flat=True))


def values(accounts: list[Account], key: str = TRACKING) -> list[SettingValue]:
    found = settings_by_account(accounts, on=BUSINESS_ON)
    return [found[account.pk][key] for account in accounts]


def test_nothing_holds_before_it_is_applied(advisor: Persona, accounts: list[Account]) -> None:
    change = prepare(advisor, accounts, AskedSetting(key=TRACKING, value=8))

    assert (change.status, statuses(change)) == ("prepared", ["ready"] * 4)
    assert values(accounts) == [5, 5, 5, 5]
    assert not Preference.objects.exists()


def test_applying_sets_the_value_everywhere_and_undoing_gives_each_its_own_back(
    advisor: Persona, accounts: list[Account]
) -> None:
    set_preference(advisor.membership, account_id=accounts[0].pk, key=TRACKING, value=3, terms=WHY, now=NOW)
    change = prepare(advisor, accounts, AskedSetting(key=TRACKING, value=8))

    apply(advisor, change)
    change.refresh_from_db()
    assert (change.status, values(accounts)) == ("applied", [8, 8, 8, 8])

    undo(advisor, change)
    change.refresh_from_db()
    assert (change.status, values(accounts)) == ("undone", [3, 5, 5, 5])
    assert Preference.objects.filter(ended_at__isnull=True).count() == 1
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"bulk_change.prepared", "bulk_change.applied", "bulk_change.undone", "preference.restored"} <= actions


def test_what_somebody_changed_since_is_left_and_said(advisor: Persona, accounts: list[Account]) -> None:
    change = prepare(advisor, accounts[:2], AskedSetting(key=TRACKING, value=8))
    apply(advisor, change)
    later = NOW + timedelta(hours=2)
    set_preference(advisor.membership, account_id=accounts[0].pk, key=TRACKING, value=2, terms=WHY, now=later)

    undo(advisor, change)

    assert sorted(statuses(change)) == ["left", "undone"]
    assert values(accounts[:2]) == [2, 5]
    (left,) = change.lines.filter(status="left")
    assert "Ada Advisor changed “Tracking preference” to 2" in left.why


def test_a_setting_of_the_return_is_asked_once_and_never_of_accounts_without_tax(
    advisor: Persona, accounts: list[Account]
) -> None:
    change = prepare(advisor, accounts, AskedSetting(key="tax.budget_usd", value="5000"))

    assert change.lines.count() == 2
    apply(advisor, change)
    assert values(accounts, "tax.budget_usd") == ["5000", "5000", "5000", None]


def test_a_line_that_contradicts_is_refused_with_both_sides_and_the_others_go_on(
    advisor: Persona, accounts: list[Account]
) -> None:
    place = ("account", accounts[2].pk)
    floor = NewRestriction(verb="range", subject_kind="security", subject="VTI", min_usd=90_000)  # type: ignore[arg-type]
    add_restriction(advisor.membership, place=place, new=floor, terms=WHY, now=NOW)
    change = prepare(advisor, accounts, NEVER_VTI)

    refused = change.lines.get(status="refused")
    assert refused.account == accounts[2]
    assert "“Never buy VTI” contradicts “Keep VTI at least $90,000”, set by Ada Advisor" in refused.why
    apply(advisor, change)
    assert sorted(statuses(change)) == ["applied", "applied", "applied", "refused"]
    assert Restriction.objects.filter(verb="never_buy", ended_at__isnull=True).count() == 3


def test_what_contradicts_only_by_the_time_it_is_applied_is_refused_then(
    advisor: Persona, accounts: list[Account]
) -> None:
    change = prepare(advisor, accounts[2:3], NEVER_VTI)
    floor = NewRestriction(verb="range", subject_kind="security", subject="VTI", min_usd=90_000)  # type: ignore[arg-type]
    add_restriction(advisor.membership, place=("account", accounts[2].pk), new=floor, terms=WHY, now=NOW)

    apply(advisor, change)

    (line,) = change.lines.all()
    assert line.status == "refused"
    assert "contradicts" in line.why
    assert not Restriction.objects.filter(verb="never_buy").exists()


def test_what_holds_already_is_no_change(advisor: Persona, accounts: list[Account]) -> None:
    add_restriction(
        advisor.membership, place=("household", accounts[0].household_id), new=NEVER_VTI, terms=WHY, now=NOW
    )

    assert statuses(prepare(advisor, accounts[:3], NEVER_VTI)) == ["unchanged", "unchanged", "ready"]


def test_a_restriction_that_was_ended_meanwhile_is_left(advisor: Persona, accounts: list[Account]) -> None:
    change = prepare(advisor, accounts[:2], NEVER_VTI)
    apply(advisor, change)
    first = Restriction.objects.order_by("pk").first()
    assert first is not None
    end_restriction(advisor.membership, restriction_id=first.pk, reason="No longer", now=NOW + timedelta(hours=1))

    undo(advisor, change)

    assert sorted(statuses(change)) == ["left", "undone"]
    assert not Restriction.objects.filter(ended_at__isnull=True).exists()


def test_a_killed_job_goes_on_where_it_stopped(advisor: Persona, accounts: list[Account]) -> None:
    change = prepare(advisor, accounts, AskedSetting(key=TRACKING, value=8))
    applying.start_applying(advisor.membership, change.pk, now=NOW)
    ticks = clock()
    calls = itertools.count()

    def dying() -> datetime:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return next(ticks)

    with pytest.raises(KeyboardInterrupt):
        applying.go_on(change.pk, clock=dying)
    assert statuses(change).count("applied") == 2

    applying.go_on(change.pk, clock=lambda: next(ticks))
    applying.go_on(change.pk, clock=lambda: next(ticks))
    assert statuses(change) == ["applied"] * 4
    assert Preference.objects.count() == 4


def test_it_is_decided_once_and_by_whom_prepared_it(desk: Desk, advisor: Persona, accounts: list[Account]) -> None:
    change = prepare(advisor, accounts, AskedSetting(key=TRACKING, value=8))
    other = sign_in(member_of(desk.firm, Role.ADVISOR))
    reviewer = sign_in(member_of(desk.firm, Role.REVIEWER))

    with pytest.raises(NotFound):
        applying.start_applying(other.membership, change.pk, now=NOW)
    with pytest.raises(NotPermitted):
        applying.start_applying(reviewer.membership, change.pk, now=NOW)
    with pytest.raises(Conflict):
        applying.start_undoing(advisor.membership, change.pk, reason="Too early", now=NOW)
    applying.drop(advisor.membership, change.pk, now=NOW)
    with pytest.raises(Conflict, match="dropped already"):
        applying.start_applying(advisor.membership, change.pk, now=NOW)


def test_accounts_of_another_book_are_never_reached(desk: Desk, advisor: Persona, accounts: list[Account]) -> None:
    foreign = desk.account("VTI 10 @ 200 2024-03-01")

    with pytest.raises(Invalid, match="no open account"):
        prepare(advisor, [foreign], AskedSetting(key=TRACKING, value=8))


def test_an_account_takes_over_what_another_chose_for_itself(advisor: Persona, accounts: list[Account]) -> None:
    member, source = advisor.membership, accounts[0]
    until = BUSINESS_ON + timedelta(days=90)
    set_preference(member, account_id=source.pk, key=TRACKING, value=3, terms=WHY, now=NOW)
    set_preference(member, account_id=source.pk, key="tax.budget_usd", value="5000", terms=WHY, now=NOW)
    add_restriction(
        member, place=("account", source.pk), new=NEVER_VTI, terms=Terms(reason="x", ends_on=until), now=NOW
    )
    change = prepare_copy(
        member,
        source_id=source.pk,
        account_id=accounts[2].pk,
        groups=tuple(Group),
        with_restrictions=True,
        terms=WHY,
        now=NOW,
    )
    apply(advisor, change)

    assert sorted(change.lines.values_list("says", flat=True)) == [
        "Never buy VTI",
        "Tax budget for the year: $5,000",
        "Tracking preference: 3",
    ]
    assert values([accounts[2]]) == [3]
    assert values([accounts[2]], "tax.budget_usd") == ["5000"]
    copied = Restriction.objects.get(account=accounts[2])
    assert (copied.ends_on, copied.reason) == (until, WHY.reason)


def test_tax_preferences_are_not_copied_to_an_account_without_tax(advisor: Persona, accounts: list[Account]) -> None:
    member = advisor.membership
    set_preference(member, account_id=accounts[0].pk, key="tax.budget_usd", value="5000", terms=WHY, now=NOW)

    with pytest.raises(Invalid, match="nothing to copy"):
        prepare_copy(
            member,
            source_id=accounts[0].pk,
            account_id=accounts[3].pk,
            groups=tuple(Group),
            with_restrictions=True,
            terms=WHY,
            now=NOW,
        )


FILE = """account,what,subject_kind,subject,disposal,at_least,at_most,value,reason,starts_on,ends_on,review_on
A-1,never_own,,BND,within_budget,,,,By letter,,,2027-01-15
A-1,range,,VTI,,,30%,,Concentrated,,,
A-2,trading.tracking_preference,,,,,,7,Asked,,,
A-2,Most tracking error,,,,,,5%,Asked,,,
A-3,trading.max_tracking_error_frac,,,,,,0.05,Asked,,,
A-9,never_buy,,VTI,,,,,Asked,,,
A-3,never_buy,,NOPE,,,,,Asked,,,
A-3,never_buy,,VTI,,,,,,,,
A-3,range,,VTI,,500,,,Asked,,,
A-3,never_buy,,VTI,,,,,Asked,2027-02-01,2027-01-01,
A-3,sell_all,,VTI,,,,,Asked,,,
A-3,never_buy,sector,Nowhere,,,,,Asked,,32-01-01,
"""


def test_a_file_names_every_faulty_row_and_keeps_the_others(advisor: Persona, accounts: list[Account]) -> None:
    change = prepare_from_file(advisor.membership, name="wishes.csv", content=FILE.encode(), now=NOW)

    assert statuses(change) == ["ready"] * 4 + ["refused"] * 8
    why = {line.position: line.why for line in change.lines.filter(status="refused")}
    assert why[6] == "Most tracking error: write “0.05” with a percent sign, as in 5%."
    assert why[7] == "There is no account A-9 in your book."
    assert why[8] == "There is no security called NOPE."
    assert why[9] == "The reason is missing."
    assert why[10] == "“500” needs its unit: 12%, $250,000 or 500 shares."
    assert why[11] == "It would end on Jan 1, 2027, before it starts on Feb 1, 2027."
    assert "“sell_all” is neither a restriction" in why[12]
    assert why[13] == "“32-01-01” is not a date."
    apply(advisor, change)
    assert values(accounts[1:2]) == [7]
    assert values(accounts[1:2], "trading.max_tracking_error_frac") == ["0.05"]
    own = Restriction.objects.get(verb="never_own")
    assert (own.account, own.disposal, str(own.review_on)) == (accounts[0], "within_budget", "2027-01-15")


def test_a_file_that_is_no_table_is_refused_whole(advisor: Persona, accounts: list[Account]) -> None:
    with pytest.raises(Invalid, match="column “what” is missing"):
        prepare_from_file(advisor.membership, name="x.csv", content=b"account,reason\nA-1,Asked\n", now=NOW)
    assert not BulkChange.objects.exists()


def test_a_line_is_tested_against_those_before_it(advisor: Persona, accounts: list[Account]) -> None:
    rows = ["account,what,subject,at_least,disposal,reason", "A-1,range,VTI,20%,,Asked", "A-1,never_own,VTI,,now,Asked"]
    change = prepare_from_file(advisor.membership, name="x.csv", content="\n".join(rows).encode(), now=NOW)

    assert statuses(change) == ["ready", "refused"]
    assert "contradicts “Keep VTI at least 20.0%”" in change.lines.get(position=3).why


def test_checking_asks_the_same_number_of_questions_for_any_number_of_lines(
    advisor: Persona, accounts: list[Account]
) -> None:
    def count(rows: int) -> int:
        lines = [f"A-{1 + row % 3},never_buy,BND,Asked" for row in range(rows)]
        content = "\n".join(["account,what,subject,reason", *lines]).encode()
        with CaptureQueriesContext(
            connection,
        ) as seen:
            prepare_from_file(advisor.membership, name="x.csv", content=content, now=NOW)
        return len(seen)

    assert count(3) == count(60)
