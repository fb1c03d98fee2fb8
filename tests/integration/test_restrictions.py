"""Restrictions and cash needs: what contradicts is refused naming both sides, what ended is kept."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from advisors.errors import Conflict, Invalid, NotPermitted
from advisors.models import AuditEvent
from portfolios.models.preferences import CashNeed, Level, Restriction
from portfolios.selectors.preferences import (
    cash_needs_by_account,
    restrictions_by_account,
)
from portfolios.services.restrictions import (
    NewCashNeed,
    NewRestriction,
    add_cash_need,
    add_restriction,
    end_cash_need,
    end_restriction,
)
from portfolios.services.statement_guard import Terms
from tests.conftest import Persona
from tests.factories import (
    BUSINESS_ON,
    NOW,
    AccountFactory,
    FirmSecurityFactory,
    LotFactory,
    PriceFactory,
    SecurityFactory,
)
from tests.statements import World, world_of

pytestmark = pytest.mark.django_db
D = Decimal
WHY = Terms(reason="The client asked for it on the phone.")
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def world(advisor: Persona) -> World:
    return world_of(advisor.membership)


def _restrict(advisor: Persona, world: World, verb: str, terms: Terms = WHY, **more: object) -> Restriction:
    fields = {"subject_kind": "security", "subject": "LUMR"} | more
    new = NewRestriction(verb=verb, **fields)  # type: ignore[arg-type]
    place = (Level.ACCOUNT, world.account.pk)
    return add_restriction(advisor.membership, place=place, new=new, terms=terms, now=NOW)


def _need(advisor: Persona, world: World, terms: Terms = WHY, **more: object) -> CashNeed:
    fields = {"amount_usd": D("1500"), "due_on": date(2026, 12, 1)} | more
    new = NewCashNeed(**fields)  # type: ignore[arg-type]
    return add_cash_need(advisor.membership, account_id=world.account.pk, new=new, terms=terms, now=NOW)


def test_a_restriction_holds_for_the_account_it_was_set_on(advisor: Persona, world: World) -> None:
    _restrict(advisor, world, "never_own")

    (line,) = restrictions_by_account([world.account], on=BUSINESS_ON)[world.account.pk]
    assert (line.verb, line.subject, line.disposal, line.level) == ("never_own", "LUMR", "now", Level.ACCOUNT)


def test_a_restriction_on_a_household_holds_for_all_its_accounts(advisor: Persona, world: World) -> None:
    twin = AccountFactory(household=world.account.household)
    new = NewRestriction(verb="never_buy", subject_kind="sector", subject="Technology")

    add_restriction(
        advisor.membership, place=(Level.HOUSEHOLD, world.account.household_id), new=new, terms=WHY, now=NOW
    )

    found = restrictions_by_account([world.account, twin], on=BUSINESS_ON)
    assert [len(found[pk]) for pk in (world.account.pk, twin.pk)] == [1, 1]


CONTRADICTIONS = [
    ({"verb": "never_sell"}, {"verb": "never_own", "disposal": "now"}, "cannot be sold and kept"),
    ({"verb": "never_own", "disposal": "within_budget"}, {"verb": "never_trade"}, "cannot be sold and kept"),
    ({"verb": "never_sell"}, {"verb": "range", "max_frac": D("0.3")}, "50.0% is held, which only a sale could lower"),
    ({"verb": "never_buy"}, {"verb": "range", "min_units": D(150)}, "100 shares are held, which only a purchase"),
    ({"verb": "never_own"}, {"verb": "range", "min_usd": D(100)}, "cannot be disposed of and kept above a minimum"),
    ({"verb": "range", "min_frac": D("0.5")}, {"verb": "range", "max_frac": D("0.4")}, "no amount satisfies both"),
    ({"verb": "never_buy"}, {"verb": "never_buy"}, "is already in force, set by Ada Advisor"),
    (
        {"verb": "never_sell"},
        {"verb": "never_own", "subject_kind": "sector", "subject": "Technology"},
        "LUMR cannot be sold and kept",
    ),
]


@pytest.mark.parametrize(("first", "second", "sentence"), CONTRADICTIONS)
def test_a_restriction_that_contradicts_another_is_refused_naming_both(
    advisor: Persona, world: World, first: dict[str, object], second: dict[str, object], sentence: str
) -> None:
    _restrict(advisor, world, **first)  # type: ignore[arg-type]

    with pytest.raises(Invalid, match=sentence):
        _restrict(advisor, world, **second)  # type: ignore[arg-type]
    assert Restriction.objects.count() == 1


HARMONIES = [
    ({"verb": "never_sell"}, {"verb": "never_own", "disposal": "keep"}),
    ({"verb": "never_sell"}, {"verb": "range", "max_frac": D("0.6")}),
    ({"verb": "never_buy"}, {"verb": "range", "min_units": D(50)}),
    ({"verb": "never_buy"}, {"verb": "never_sell"}),
    ({"verb": "range", "min_frac": D("0.3")}, {"verb": "range", "max_frac": D("0.4")}),
    ({"verb": "never_sell"}, {"verb": "never_own", "subject_kind": "sector", "subject": "Energy"}),
]


@pytest.mark.parametrize(("first", "second"), HARMONIES)
def test_restrictions_that_fit_each_other_are_both_kept(
    advisor: Persona, world: World, first: dict[str, object], second: dict[str, object]
) -> None:
    SecurityFactory(symbol="OIL", sector="Energy")

    _restrict(advisor, world, **first)  # type: ignore[arg-type]
    _restrict(advisor, world, **second)  # type: ignore[arg-type]

    assert Restriction.objects.count() == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"verb": "range"}, "needs at least one bound"),
        ({"verb": "range", "min_frac": D("0.3"), "max_frac": D("0.2")}, "30.0%, is above the most, 20.0%"),
        ({"verb": "range", "max_frac": D(2)}, "cannot be above 100%"),
        ({"verb": "range", "min_usd": D(-5)}, "cannot be below zero"),
        (
            {"verb": "range", "min_frac": D("0.7")},
            "breaks the compliant limits of Balanced: US Large Cap may be at most",
        ),
        ({"verb": "never_buy", "subject": "NOPE"}, "There is no security called NOPE"),
        ({"verb": "never_buy", "subject_kind": "screen", "subject": "tea"}, "There is no screen called tea"),
        ({"verb": "sometimes"}, "There is no restriction called sometimes"),
    ],
)
def test_a_restriction_that_makes_no_sense_is_refused(
    advisor: Persona, world: World, fields: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        _restrict(advisor, world, **fields)  # type: ignore[arg-type]
    assert not Restriction.objects.exists()


def test_a_restriction_that_starts_later_is_tested_on_the_day_it_starts(advisor: Persona, world: World) -> None:
    later = Terms(starts_on=date(2027, 1, 4))
    _restrict(advisor, world, "never_sell", later)

    with pytest.raises(Invalid, match="cannot be sold and kept"):
        _restrict(advisor, world, "never_own", later)


def test_an_ended_restriction_holds_no_longer_and_stays_in_the_history(advisor: Persona, world: World) -> None:
    row = _restrict(advisor, world, "never_sell")

    end_restriction(advisor.membership, restriction_id=row.pk, reason="Sold the company", now=LATER)

    row.refresh_from_db()
    assert (row.ended_at, row.ended_by) == (LATER, advisor.user)
    assert restrictions_by_account([world.account], on=BUSINESS_ON)[world.account.pk] == ()
    assert AuditEvent.objects.get(action="restriction.ended").data["says"] == "Never sell LUMR"


def test_ending_a_restriction_twice_says_who_did_it_first(advisor: Persona, world: World) -> None:
    row = _restrict(advisor, world, "never_sell")
    end_restriction(advisor.membership, restriction_id=row.pk, reason="", now=LATER)

    with pytest.raises(Conflict, match="Ada Advisor already ended “Never sell LUMR”"):
        end_restriction(advisor.membership, restriction_id=row.pk, reason="", now=LATER)


def test_only_the_house_view_restricts_the_whole_firm(advisor: Persona, cio: Persona, world: World) -> None:
    new = NewRestriction(verb="never_buy", subject_kind="security", subject="LUMR")
    place = (Level.FIRM, advisor.firm.pk)

    with pytest.raises(NotPermitted):
        add_restriction(advisor.membership, place=place, new=new, terms=WHY, now=NOW)
    add_restriction(cio.membership, place=place, new=new, terms=WHY, now=NOW)

    assert restrictions_by_account([world.account], on=BUSINESS_ON)[world.account.pk][0].level == Level.FIRM


# --- cash needs -------------------------------------------------------------------------------------------------------


def test_a_cash_need_is_kept_until_it_is_ended(advisor: Persona, world: World) -> None:
    row = _need(advisor, world, period="monthly")
    (line,) = cash_needs_by_account([world.account], on=BUSINESS_ON)[world.account.pk]
    assert (line.amount_usd, line.period) == (D("1500"), "monthly")

    end_cash_need(advisor.membership, cash_need_id=row.pk, reason="No longer needed", now=LATER)

    assert cash_needs_by_account([world.account], on=BUSINESS_ON)[world.account.pk] == ()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"amount_usd": D(0)}, "more than nothing"),
        ({"amount_usd": D("0.005")}, "more than two decimals"),
        ({"amount_usd": D(30000)}, "is more than Account"),
        ({"due_on": date(2026, 11, 1)}, "before the business date"),
        ({"lead_days": 200}, "at most 90 days"),
        ({"period": "daily"}, "from the lists"),
        ({"terms": Terms(ends_on=date(2026, 11, 20))}, "before it is first due"),
    ],
)
def test_a_cash_need_that_makes_no_sense_is_refused(
    advisor: Persona, world: World, fields: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        _need(advisor, world, **fields)  # type: ignore[arg-type]
    assert not CashNeed.objects.exists()


def test_two_stocks_of_a_restricted_sector_are_named_together(advisor: Persona, world: World) -> None:
    stock = SecurityFactory(symbol="OPTQ", sector="Technology")
    FirmSecurityFactory(firm=advisor.firm, security=stock, asset_class=world.us_large)
    PriceFactory(security=stock, price_usd=D(10))
    LotFactory(account=world.account, security=stock)
    _restrict(advisor, world, "never_sell", subject_kind="sector", subject="Technology")

    with pytest.raises(Invalid, match="LUMR, OPTQ cannot be sold and kept"):
        _restrict(advisor, world, "never_own", subject_kind="country", subject="US")
