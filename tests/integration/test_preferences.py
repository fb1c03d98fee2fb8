"""Settings, restrictions, cash needs, tax situations: what is kept, what is refused, who may."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from advisors.errors import Conflict, Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent
from portfolios.models.households import Account, TaxSituation
from portfolios.models.preferences import CashNeed, Level, Preference, Restriction
from portfolios.policy import SettingValue
from portfolios.selectors.preferences import (
    cash_needs_by_account,
    preferences_changed_at,
    restrictions_by_account,
    settings_by_account,
)
from portfolios.services.households import NewTaxSituation
from portfolios.services.preferences import set_preference, set_preferences, set_risk_profile
from portfolios.services.restrictions import (
    NewCashNeed,
    NewRestriction,
    add_cash_need,
    add_restriction,
    end_restriction,
)
from portfolios.services.statement_guard import Terms
from portfolios.services.tax_situations import confirm_tax_household, set_tax_situation
from tests.conftest import Persona
from tests.factories import (
    BUSINESS_ON,
    NOW,
    AccountFactory,
    HouseholdFactory,
    RiskProfileFactory,
    RiskProfileVersionFactory,
    RiskProfileWeightFactory,
    TaxSituationFactory,
)
from tests.statements import World, world_of

pytestmark = pytest.mark.django_db
D = Decimal
WHY = Terms(reason="The client asked for it on the phone.")
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def world(advisor: Persona) -> World:
    return world_of(advisor.membership)


def _set(advisor: Persona, world: World, key: str, value: SettingValue, terms: Terms = WHY) -> None:
    set_preference(advisor.membership, account_id=world.account.pk, key=key, value=value, terms=terms, now=NOW)


def _restrict(advisor: Persona, world: World, verb: str, terms: Terms = WHY, **more: object) -> Restriction:
    fields = {"subject_kind": "security", "subject": "LUMR"} | more
    new = NewRestriction(verb=verb, **fields)  # type: ignore[arg-type]
    place = (Level.ACCOUNT, world.account.pk)
    return add_restriction(advisor.membership, place=place, new=new, terms=terms, now=NOW)


def _need(advisor: Persona, world: World, terms: Terms = WHY, **more: object) -> CashNeed:
    fields = {"amount_usd": D("1500"), "due_on": date(2026, 12, 1)} | more
    new = NewCashNeed(**fields)  # type: ignore[arg-type]
    return add_cash_need(advisor.membership, account_id=world.account.pk, new=new, terms=terms, now=NOW)


def test_a_changed_setting_says_what_from_whom_and_why(advisor: Persona, world: World) -> None:
    _set(advisor, world, "trading.tracking_preference", 8)

    line = world.lines()["trading.tracking_preference"]
    assert (line.value, line.default, line.level, line.is_changed) == (8, 5, Level.ACCOUNT, True)
    assert (line.set_by, line.reason) == ("Ada Advisor", WHY.reason)


def test_a_setting_that_the_return_shares_is_kept_at_the_return(advisor: Persona, world: World) -> None:
    twin = AccountFactory(
        household=world.account.household,
        tax_household=world.account.tax_household,
        tax_return=world.account.tax_return,
        risk_profile=world.account.risk_profile,
    )

    _set(advisor, world, "tax.budget_usd", "12000")

    assert Preference.objects.get().level == Level.TAX_RETURN
    assert settings_by_account([twin], on=BUSINESS_ON)[twin.pk]["tax.budget_usd"] == "12000"


def test_the_old_line_is_ended_and_kept_when_a_setting_changes(advisor: Persona, world: World) -> None:
    _set(advisor, world, "trading.tracking_preference", 8)
    _set(advisor, world, "trading.tracking_preference", 2)

    old, new = Preference.objects.order_by("pk")
    assert (old.value, old.ended_by, new.value, new.ended_at) == (8, advisor.user, 2, None)


def test_choosing_the_default_again_ends_the_own_line(advisor: Persona, world: World) -> None:
    _set(advisor, world, "trading.tracking_preference", 8)
    _set(advisor, world, "trading.tracking_preference", 5)

    assert world.lines()["trading.tracking_preference"].level is None
    assert Preference.objects.get().ended_at == NOW


def test_what_holds_for_a_while_gives_way_again_to_what_stood(advisor: Persona, world: World) -> None:
    _set(advisor, world, "trading.tracking_preference", 8)
    _set(advisor, world, "trading.tracking_preference", 3, Terms(ends_on=date(2026, 12, 31)))

    account = world.account
    now, after = (settings_by_account([account], on=on)[account.pk] for on in (BUSINESS_ON, date(2027, 1, 1)))
    assert (now["trading.tracking_preference"], after["trading.tracking_preference"]) == (3, 8)


def test_the_firms_default_lies_below_every_level(advisor: Persona, world: World) -> None:
    advisor.firm.defaults = {"trading.tracking_preference": 6}
    advisor.firm.save()

    assert world.value("trading.tracking_preference") == 6
    assert not world.lines()["trading.tracking_preference"].is_changed


@pytest.mark.parametrize("nearer", [Level.OFFICE, Level.HOUSEHOLD, Level.TAX_RETURN, Level.ACCOUNT])
def test_the_line_nearest_to_the_account_counts(advisor: Persona, world: World, nearer: Level) -> None:
    account = world.account
    ids = {
        Level.OFFICE: account.household.office_id,
        Level.HOUSEHOLD: account.household_id,
        Level.TAX_RETURN: account.tax_return_id,
        Level.ACCOUNT: account.pk,
    }
    line = {"firm": account.firm, "key": "trading.max_trades", "set_at": NOW, "set_by": advisor.user}
    Preference.objects.create(level=nearer, value=7, **{f"{nearer}_id": ids[nearer]}, **line)
    Preference.objects.create(level=Level.FIRM, value=99, **line)

    assert (world.value("trading.max_trades"), world.lines()["trading.max_trades"].level) == (7, nearer)


def test_a_change_is_refused_when_somebody_changed_the_setting_since_the_form_was_shown(
    advisor: Persona, world: World
) -> None:
    _set(advisor, world, "trading.tracking_preference", 8)

    with pytest.raises(Conflict, match="Ada Advisor changed “Tracking preference” to 8 on Nov 13, 2026"):
        set_preferences(
            advisor.membership,
            account_id=world.account.pk,
            values={"trading.tracking_preference": 2},
            terms=WHY,
            seen={"trading.tracking_preference": None},
            now=LATER,
        )
    assert world.value("trading.tracking_preference") == 8


def test_several_settings_are_saved_together_or_not_at_all(advisor: Persona, world: World) -> None:
    values: dict[str, SettingValue] = {
        "trading.tracking_preference": 2,
        "cash.reserve_frac": "0.2",
        "cash.ceiling_frac": "0.1",
    }

    with pytest.raises(Invalid):
        set_preferences(advisor.membership, account_id=world.account.pk, values=values, terms=WHY, seen=None, now=NOW)
    assert not Preference.objects.exists()


def test_every_change_leaves_an_audit_event_with_old_and_new(advisor: Persona, world: World) -> None:
    _set(advisor, world, "tax.short_gains", "forbid")

    event = AuditEvent.objects.get(action="preference.set")
    assert (event.data["old"], event.data["new"], event.reason) == ("Avoid", "Forbid", WHY.reason)
    assert (event.household_id, event.actor_id) == (world.account.household_id, advisor.user.pk)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("cash.reserve_frac", "0.6", "leaves the limits of Balanced for Cash, 0.5% to 55.0%"),
        ("cash.ceiling_frac", "0.001", "leaves the limits of Balanced for Cash"),
        ("tax.forced_harvest_short_usd", "500", "more than the whole harvest"),
        ("trading.tracking_preference", 11, "must be at most 10"),
        ("tax.harvest", "sometimes", "must be one of"),
    ],
)
def test_a_setting_that_contradicts_or_leaves_a_limit_is_refused(
    advisor: Persona, world: World, key: str, value: SettingValue, sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        _set(advisor, world, key, value)
    assert not Preference.objects.exists()


def test_a_reserve_above_the_most_cash_is_refused_naming_both(advisor: Persona, world: World) -> None:
    _set(advisor, world, "cash.ceiling_frac", "0.05")

    with pytest.raises(Invalid, match=r"share of value of 8\.0% contradicts most cash, share of value of 5\.0%"):
        _set(advisor, world, "cash.reserve_frac", "0.08")


def test_an_old_contradiction_does_not_bar_an_unrelated_change(advisor: Persona, world: World) -> None:
    line = {"firm": world.account.firm, "level": Level.ACCOUNT, "account": world.account, "set_at": NOW}
    Preference.objects.create(key="cash.reserve_frac", value="0.9", set_by=advisor.user, **line)

    _set(advisor, world, "trading.tracking_preference", 7)

    assert world.value("trading.tracking_preference") == 7


def test_dates_that_do_not_fit_are_refused(advisor: Persona, world: World) -> None:
    backwards = Terms(starts_on=date(2026, 12, 2), ends_on=date(2026, 12, 1))

    with pytest.raises(Invalid, match="before it starts on Dec 2, 2026"):
        _set(advisor, world, "trading.tracking_preference", 7, backwards)


# --- who may ----------------------------------------------------------------------------------------------------------

Change = Callable[[Persona, World], object]
CHANGES: dict[str, Change] = {
    "setting": lambda who, world: _set(who, world, "trading.tracking_preference", 7),
    "restriction": lambda who, world: _restrict(who, world, "never_buy"),
    "cash need": _need,
    "profile": lambda who, world: _choose_profile(who, world, world.account.risk_profile_id or 0),
    "tax situation": lambda who, world: _state(who, world, seen_id=None),
    "tax household": lambda who, world: confirm_tax_household(
        who.membership, tax_household_id=world.account.tax_household_id, now=NOW
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_advisor_reaches_only_the_own_book(outsider: Persona, world: World, change: str) -> None:
    with pytest.raises(NotFound):
        CHANGES[change](outsider, world)


@pytest.mark.parametrize("change", CHANGES)
def test_another_firm_reaches_nothing(foreigner: Persona, world: World, change: str) -> None:
    with pytest.raises(NotFound):
        CHANGES[change](foreigner, world)


@pytest.mark.parametrize("change", CHANGES)
def test_a_reviewer_sees_and_does_not_change(reviewer: Persona, world: World, change: str) -> None:
    with pytest.raises(NotPermitted):
        CHANGES[change](reviewer, world)


# --- risk profile, tax situation, tax household -----------------------------------------------------------------------


def _choose_profile(who: Persona, world: World, profile_id: int, seen_id: int | None = None) -> None:
    seen = world.account.risk_profile_id if seen_id is None else seen_id
    set_risk_profile(
        who.membership, account_id=world.account.pk, profile_id=profile_id, seen_id=seen, terms=WHY, now=NOW
    )


def _growth(world: World, cash_max: str = "0.9") -> int:
    version = RiskProfileVersionFactory(risk_profile=RiskProfileFactory(firm=world.account.firm, name="Growth"))
    RiskProfileWeightFactory(
        version=version, asset_class=world.cash, weight_frac=D("0.01"), min_frac=D(0), max_frac=D(cash_max)
    )
    return int(version.risk_profile_id)


def test_another_risk_profile_is_chosen_and_the_choice_is_kept(advisor: Persona, world: World) -> None:
    growth = _growth(world)

    _choose_profile(advisor, world, growth)

    assert Account.objects.get(pk=world.account.pk).risk_profile_id == growth
    assert Preference.objects.get().key == "allocation.risk_profile"
    assert AuditEvent.objects.get(action="risk_profile.chosen").data["old"] == "Balanced"


def test_a_risk_profile_whose_limits_a_preference_leaves_is_refused(advisor: Persona, world: World) -> None:
    _set(advisor, world, "cash.reserve_frac", "0.2")

    with pytest.raises(Invalid, match="leaves the limits of Growth for Cash"):
        _choose_profile(advisor, world, _growth(world, cash_max="0.04"))
    assert Account.objects.get(pk=world.account.pk).risk_profile_id == world.account.risk_profile_id


def test_a_risk_profile_without_an_approved_version_is_refused(advisor: Persona, world: World) -> None:
    with pytest.raises(Invalid, match="no approved version"):
        _choose_profile(advisor, world, RiskProfileFactory(firm=world.account.firm).pk)


def test_two_people_cannot_choose_a_risk_profile_at_once(advisor: Persona, world: World) -> None:
    first, second = _growth(world), _growth(world)
    _choose_profile(advisor, world, first)

    with pytest.raises(Conflict):
        _choose_profile(advisor, world, second)


def _state(who: Persona, world: World, *, seen_id: int | None) -> TaxSituation:
    new = NewTaxSituation(
        year=2026, federal_ordinary_frac=D("0.35"), federal_long_frac=D("0.15"), reason="New accountant"
    )
    assert world.account.tax_return_id is not None
    return set_tax_situation(
        who.membership, tax_return_id=world.account.tax_return_id, new=new, seen_id=seen_id, now=LATER
    )


def test_a_tax_situation_is_added_to_the_ones_before(advisor: Persona, world: World) -> None:
    old = TaxSituationFactory(tax_return=world.account.tax_return)

    _state(advisor, world, seen_id=old.pk)

    assert TaxSituation.objects.filter(tax_return=world.account.tax_return, year=2026).count() == 2


def test_a_tax_situation_stated_meanwhile_is_not_overwritten(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, set_by=advisor.user)

    with pytest.raises(Conflict, match="Ada Advisor stated the tax situation"):
        _state(advisor, world, seen_id=None)


def test_a_tax_household_is_confirmed_once(advisor: Persona, world: World) -> None:
    pk = world.account.tax_household_id
    confirm_tax_household(advisor.membership, tax_household_id=pk, now=NOW)

    with pytest.raises(Conflict, match="already confirmed"):
        confirm_tax_household(advisor.membership, tax_household_id=pk, now=NOW)


# --- what the stale rule and the runs read ----------------------------------------------------------------------------


def test_an_untouched_account_has_no_moment_of_change(world: World) -> None:
    assert preferences_changed_at([world.account.pk]) == {}


@pytest.mark.parametrize("change", ["setting", "restriction", "cash need", "tax situation"])
def test_every_change_moves_the_moment_of_change(advisor: Persona, world: World, change: str) -> None:
    other = AccountFactory(household=HouseholdFactory(firm=advisor.firm))

    CHANGES[change](advisor, world)

    assert set(preferences_changed_at([world.account.pk, other.pk])) == {world.account.pk}


def test_ending_a_line_moves_the_moment_of_change(advisor: Persona, world: World) -> None:
    row = _restrict(advisor, world, "never_sell")
    end_restriction(advisor.membership, restriction_id=row.pk, reason="", now=LATER)

    assert preferences_changed_at([world.account.pk]) == {world.account.pk: LATER}


@pytest.mark.parametrize("read", [settings_by_account, restrictions_by_account, cash_needs_by_account])
def test_bulk_reads_take_the_same_queries_for_any_number_of_accounts(
    advisor: Persona, world: World, read: Callable[..., object]
) -> None:
    accounts = [world.account]
    for number in range(12):
        accounts.append(AccountFactory(household=HouseholdFactory(firm=advisor.firm, advisor=advisor.membership)))
        set_preference(
            advisor.membership,
            account_id=accounts[-1].pk,
            key="trading.max_trades",
            value=number + 1,
            terms=WHY,
            now=NOW,
        )

    counts = []
    for some in (accounts[:1], accounts):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            read(some, on=BUSINESS_ON)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4
