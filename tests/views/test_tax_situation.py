"""The page of a tax return's year: rates or income stated, rates shown before saving, the year, limits, differences."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from advisors.errors import Invalid
from advisors.models import AuditEvent, Firm
from portfolios.models.households import Origin, StatedAs, TaxReturn, TaxSituation, TaxYearClose
from portfolios.models.lots import LedgerEvent, RealizedGain
from portfolios.services.preferences import set_preferences
from portfolios.services.statement_guard import Terms
from portfolios.services.tax_rates import StatedAmounts, StatedRates, StatedSituation
from portfolios.services.tax_situations import state_situation
from tests.conftest import Persona
from tests.factories import BUSINESS_ON, NOW, SecurityFactory, TaxSituationFactory
from tests.statements import World, world_of
from tests.tax_pages import INCOME, newest_situation, tax_input, tax_text, tax_url

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def world(advisor: Persona) -> World:
    return world_of(advisor.membership, name="Whitcombe Joint")


def _return(world: World) -> TaxReturn:
    assert world.account.tax_return_id is not None
    return TaxReturn.objects.get(pk=world.account.tax_return_id)


def _sold(world: World, gain: str, *, term: str, on: date, disallowed: str = "0") -> None:
    number = LedgerEvent.objects.count() + 1
    security = SecurityFactory()
    event = LedgerEvent.objects.create(
        account=world.account, position=number, kind="sell", security=security, traded_on=on, source="test",
        source_ref=f"S{number}", recorded_at=NOW,
    )  # fmt: skip
    RealizedGain.objects.create(
        event=event, account=world.account, security=security, lot_key="L", closed_on=on, units=D(1),
        proceeds_usd=D(1), gain_usd=D(gain), term=term, disallowed_usd=D(disallowed),
    )  # fmt: skip


# --- stating rates ---


def test_rates_are_stated_in_percent(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return)
    data = tax_input(
        advisor, world, federal_ordinary_frac="35", carryforward_long_usd="310,000", distributions_usd="400"
    )

    assert advisor.client.post(tax_url(world, "state_tax_situation"), data).status_code == 303

    newest = newest_situation(world)
    assert (newest.federal_ordinary_frac, newest.carryforward_long_usd) == (D("0.35"), D(310000))
    assert (newest.distributions_usd, newest.stated_as, newest.set_by) == (D(400), StatedAs.RATES, advisor.user)
    assert TaxSituation.objects.count() == 2


def test_a_situation_that_cannot_be_is_refused_and_kept(advisor: Persona, world: World) -> None:
    rates = StatedRates(federal_ordinary_frac=D("1.2"))
    stated = StatedSituation(
        year=2026, filing_status="single", state="", said=rates, amounts=StatedAmounts(), reason="Test"
    )

    with pytest.raises(Invalid, match="must be between 0 and 1"):
        state_situation(advisor.membership, tax_return_id=_return(world).pk, stated=stated, seen_id=None, now=NOW)
    assert not TaxSituation.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"federal_ordinary_frac": ""}, "This field is required"),
        ({"federal_ordinary_frac": "high"}, "Enter a number"),
        ({"carryforward_short_usd": "-5"}, "greater than or equal to 0"),
        ({"reason": ""}, "This field is required"),
        ({"filing_status": "mfs"}, "at most 1,500 count against income"),
        ({"stated_as": "income", "ordinary_income_usd": ""}, "This field is required"),
        ({**INCOME, "own_state_long_frac": "3"}, "or leave both empty"),
    ],
)
def test_input_that_cannot_be_read_is_named_at_its_field(
    advisor: Persona, world: World, changes: dict[str, str], words: str
) -> None:
    answer = advisor.client.post(tax_url(world, "state_tax_situation"), tax_input(advisor, world) | changes)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not TaxSituation.objects.exists()


def test_a_situation_stated_meanwhile_is_a_conflict_that_keeps_the_input(advisor: Persona, world: World) -> None:
    data = tax_input(advisor, world, federal_ordinary_frac="35")
    other = TaxSituationFactory(tax_return=world.account.tax_return, set_at=NOW + timedelta(hours=1))

    answer = advisor.client.post(tax_url(world, "state_tax_situation"), data)

    assert answer.status_code == 409
    assert answer.context["form"]["federal_ordinary_frac"].value() == "35"
    assert answer.context["form"]["seen"].value() == str(other.pk)


# --- stating income ---


def test_rates_are_derived_from_income_and_stored(advisor: Persona, world: World) -> None:
    data = tax_input(advisor, world, **INCOME)

    assert advisor.client.post(tax_url(world, "state_tax_situation"), data).status_code == 303

    newest = newest_situation(world)
    assert (newest.short_rate_frac, newest.long_rate_frac) == (D("0.363"), D("0.238"))
    assert (newest.offset_rate_frac, newest.table_year) == (D("0.29"), 2026)
    assert newest.stated_as == StatedAs.INCOME


def test_filing_status_and_state_become_those_of_the_return(advisor: Persona, world: World) -> None:
    advisor.client.post(tax_url(world, "state_tax_situation"), tax_input(advisor, world, **INCOME) | {"state": "NY"})

    found = _return(world)
    assert (found.filing_status, found.state) == ("mfj", "NY")
    assert AuditEvent.objects.filter(action="tax_return.changed").count() == 1


def test_an_earlier_year_leaves_the_return_as_it_is(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, year=2026)
    data = tax_input(advisor, world, **INCOME) | {"seen": ""}

    assert advisor.client.post(tax_url(world, "state_tax_situation", 2025), data).status_code == 303

    assert _return(world).filing_status == "single"
    assert TaxSituation.objects.get(year=2025).table_year == 2025


def test_a_stated_state_rate_replaces_the_one_of_the_table(advisor: Persona, world: World) -> None:
    data = tax_input(advisor, world, **INCOME, own_state_ordinary_frac="7", own_state_long_frac="3")

    advisor.client.post(tax_url(world, "state_tax_situation"), data)

    newest = newest_situation(world)
    assert (newest.state_short_frac, newest.state_long_frac, newest.is_state_stated) == (D("0.07"), D("0.03"), True)
    assert tax_input(advisor, world)["own_state_ordinary_frac"] == "7"


def test_a_year_without_a_table_is_refused_unless_the_firm_lets_another_stand_in(
    advisor: Persona, world: World
) -> None:
    data = tax_input(advisor, world, **INCOME)

    answer = advisor.client.post(tax_url(world, "state_tax_situation", 2027), data)
    assert answer.status_code == 422
    assert "There is no federal tax table of 2027" in answer.content.decode()

    Firm.objects.filter(pk=advisor.firm.pk).update(policies={"tax_tables": {"2027": 2026}})
    assert advisor.client.post(tax_url(world, "state_tax_situation", 2027), data).status_code == 303
    assert "stands in for 2027" in tax_text(advisor, world, 2027)


# --- what the page tells ---


def test_the_next_loss_is_worth_what_the_year_leaves_for_it(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, outside_short_usd=D(2000))

    ladders = advisor.client.get(tax_url(world)).context["rates"].ladders

    # 2,000 at 45.8 %, 3,000 at 42 %, 5,000 carried on.
    assert ladders[0].now_usd == D(2000) * D("0.458") + D(3000) * D("0.42")
    assert [line.amount_usd for line in ladders[0].lines] == [D(2000), D(0), D(3000), D(5000)]
    assert "is worth <b>$2,176</b> this year" in tax_text(advisor, world)


def test_deferral_and_what_stays_for_good_are_told_apart(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, outside_short_usd=D(2000))

    benefit = advisor.client.get(tax_url(world)).context["rates"].ladders[0].benefit

    assert benefit.owed_later_usd == D(5000) * D("0.288")  # the used half of 10,000, at the long-term rate in ten years
    assert benefit.permanent_usd == D(2176) - D(1440)
    assert "Permanent: +$736" in tax_text(advisor, world)


def test_a_basis_that_is_never_sold_owes_nothing_again(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, outside_short_usd=D(2000))
    set_preferences(
        advisor.membership,
        account_id=world.account.pk,
        values={"tax.never_realize_gains": True},
        seen={},
        terms=Terms(reason="Her wish"),
        now=NOW,
    )

    benefit = advisor.client.get(tax_url(world)).context["rates"].ladders[0].benefit

    assert (benefit.owed_later_usd, benefit.permanent_usd) == (0, D(2176))


def test_the_year_is_netted_after_wash_sales_with_its_provisional_part(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, carryforward_short_usd=D(500), distributions_usd=D(700))
    _sold(world, "-4000", term="short", on=BUSINESS_ON - timedelta(days=5), disallowed="1000")
    _sold(world, "9000", term="long", on=date(2026, 3, 2))
    _sold(world, "77777", term="long", on=date(2025, 3, 3))

    answer = advisor.client.get(tax_url(world))

    page = answer.context["page"]
    assert (page.netted.netting.net.short_usd, page.netted.netting.net.long_usd) == (D(-3500), D(9700))
    assert page.netted.netting.taxable.long_usd == D(6200)
    assert page.recognized.provisional_usd == D(3000)
    text = answer.content.decode()
    assert "$3,000 of the losses were sold within 30 days" in text
    assert "Wash sales took $1,000" in text


def test_the_budget_is_shown_used_and_left_of_the_part_freed(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return)
    _sold(world, "10000", term="long", on=date(2026, 3, 2))
    set_preferences(
        advisor.membership,
        account_id=world.account.pk,
        values={"tax.budget_usd": "12000", "tax.budget_prorated": "quarter", "tax.max_net_gain_usd": "9000"},
        seen={},
        terms=Terms(reason="Her wish"),
        now=NOW,
    )

    limits = {one.words: one for one in advisor.client.get(tax_url(world)).context["page"].limits}

    quarters = (BUSINESS_ON.month - 1) // 3 + 1
    budget = limits["Tax budget"]
    assert budget.line.free_usd == D(3000) * quarters
    assert budget.line.used_usd == D(10000) * D("0.288")
    assert budget.left_usd == D(3000) * quarters - D(2880)
    assert limits["Most net gain"].line.free_usd == D(9000)
    assert not limits["Most net gain"].is_kept


def test_every_row_of_the_history_stays(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, reason="The first letter")
    TaxSituationFactory(tax_return=world.account.tax_return, reason="The second", set_at=NOW + timedelta(hours=1))

    page = tax_text(advisor, world)

    assert "The first letter" in page and "The second" in page


def _close(world: World) -> None:
    TaxYearClose.objects.create(
        tax_return=_return(world), year=2025, short_usd=D(-9000), long_usd=D(0), carried_in_short_usd=D(0),
        carried_in_long_usd=D(0), deduction_usd=D(3000), carried_short_usd=D(6000), carried_long_usd=D(0),
        is_provisional=False, closed_at=NOW,
    )  # fmt: skip


def test_a_person_who_states_other_losses_than_the_books_is_told(advisor: Persona, world: World) -> None:
    _close(world)
    TaxSituationFactory(tax_return=world.account.tax_return, carryforward_short_usd=D(5000))

    page = tax_text(advisor, world)
    assert "The books differ" in page and "$6,000.00 of short-term" in page

    taken = advisor.client.get(tax_url(world) + "?take=books")
    assert taken.context["form"]["carryforward_short_usd"].value() == D(6000)
    assert newest_situation(world).carryforward_short_usd == D(5000)


def test_nothing_is_said_where_the_books_agree_or_were_taken_over(advisor: Persona, world: World) -> None:
    _close(world)
    TaxSituationFactory(tax_return=world.account.tax_return, carryforward_short_usd=D(6000))
    assert "The books differ" not in tax_text(advisor, world)

    TaxSituationFactory(
        tax_return=world.account.tax_return,
        origin=Origin.YEAR_END,
        is_provisional=True,
        set_at=NOW + timedelta(hours=1),
    )
    page = tax_text(advisor, world)
    assert "The books differ" not in page
    assert "A purchase until January 30 may still wash" in page


def test_the_household_leads_to_the_page_and_says_where_the_books_carry_other_losses(
    advisor: Persona, world: World
) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, carryforward_short_usd=D(5000))
    url = reverse("accounts:household", args=[world.account.household_id])
    before = advisor.client.get(url).content.decode()
    _close(world)

    assert tax_url(world) in before and "The books carry other losses" not in before
    assert "The books carry other losses" in advisor.client.get(url).content.decode()


def test_a_firm_policy_that_names_no_years_is_said(advisor: Persona, world: World) -> None:
    Firm.objects.filter(pk=advisor.firm.pk).update(policies={"tax_tables": ["2026"]})

    answer = advisor.client.post(tax_url(world, "state_tax_situation"), tax_input(advisor, world, **INCOME))

    assert answer.status_code == 422
    assert "policy tax_tables names no years" in answer.content.decode()


def test_a_year_far_away_does_not_exist(advisor: Persona, world: World) -> None:
    assert advisor.client.get(tax_url(world, year=2019)).status_code == 404
    assert advisor.client.get(tax_url(world, year=2028)).status_code == 404


def test_who_may_not_edit_sees_the_page_without_its_form(reviewer: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return)

    page = tax_text(reviewer, world)
    assert "45.80%" in page
    assert "Save" not in page and 'name="federal_ordinary_frac"' not in page


@pytest.mark.parametrize("name", ["state_tax_situation", "tax_rates"])
def test_nobody_else_states_or_looks(
    name: str, advisor: Persona, outsider: Persona, reviewer: Persona, world: World
) -> None:
    data = tax_input(advisor, world)

    assert outsider.client.post(tax_url(world, name), data).status_code == 404
    assert reviewer.client.post(tax_url(world, name), data).status_code == 403
    assert not TaxSituation.objects.exists()
