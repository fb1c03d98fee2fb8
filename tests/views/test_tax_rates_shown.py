"""The tax situation page: rates looked at before saving, notices on them, the allowance that is offered."""

from decimal import Decimal

import pytest

from portfolios.models.households import TaxReturn, TaxSituation
from tests.conftest import Persona
from tests.factories import TaxSituationFactory
from tests.statements import World, world_of
from tests.tax_pages import HTMX, INCOME, newest_situation, tax_input, tax_text, tax_url

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def world(advisor: Persona) -> World:
    return world_of(advisor.membership, name="Whitcombe Joint")


def test_long_term_gains_may_be_taxed_higher_and_a_notice_says_so(advisor: Persona, world: World) -> None:
    notice = "Long-term gains are taxed higher than short-term gains"
    data = tax_input(advisor, world, federal_ordinary_frac="12", federal_long_frac="15")

    look = advisor.client.post(tax_url(world, "tax_rates"), data)
    answer = advisor.client.post(tax_url(world, "state_tax_situation"), data)

    assert notice in look.content.decode()
    assert answer.status_code == 303
    assert (newest_situation(world).short_rate_frac, newest_situation(world).long_rate_frac) == (D("0.12"), D("0.15"))
    assert notice in tax_text(advisor, world)


def test_no_notice_where_short_term_gains_are_taxed_higher(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return)

    assert "are taxed higher than short-term gains" not in tax_text(advisor, world)


@pytest.mark.parametrize("is_stated_before", [False, True])
def test_a_couple_filing_separately_is_offered_half_the_allowance(
    advisor: Persona, world: World, is_stated_before: bool
) -> None:
    assert world.account.tax_return_id is not None
    TaxReturn.objects.filter(pk=world.account.tax_return_id).update(filing_status="mfs")
    if is_stated_before:
        TaxSituationFactory(tax_return=world.account.tax_return, ordinary_offset_usd=D(3000))

    data = tax_input(advisor, world)

    assert (data["filing_status"], data["ordinary_offset_usd"]) == ("mfs", "1500")
    assert advisor.client.post(tax_url(world, "state_tax_situation"), data).status_code == 303


def test_a_smaller_allowance_that_was_stated_is_kept(advisor: Persona, world: World) -> None:
    TaxSituationFactory(tax_return=world.account.tax_return, ordinary_offset_usd=D(0))

    assert tax_input(advisor, world)["ordinary_offset_usd"] == "0"


def test_rates_are_shown_as_one_types_and_nothing_is_saved(advisor: Persona, world: World) -> None:
    data = tax_input(advisor, world, **INCOME) | {"reason": ""}

    answer = advisor.client.post(tax_url(world, "tax_rates"), data, headers=HTMX)

    part = answer.content.decode()
    assert answer.status_code == 200
    assert part.lstrip().startswith("<section")
    for said in ("36.30%", "23.80%", "29.00%", "183,550", "not saved", "Massachusetts"):
        assert said in part
    assert not TaxSituation.objects.exists()


def test_without_script_a_button_shows_the_page_with_the_same_input(advisor: Persona, world: World) -> None:
    answer = advisor.client.post(tax_url(world, "tax_rates"), tax_input(advisor, world, **INCOME))

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "36.30%" in page and "<html" in page
    assert answer.context["form"]["ordinary_income_usd"].value() == "220,000"
    assert not TaxSituation.objects.exists()


def test_what_an_ordinary_dollar_pushes_up_is_explained(advisor: Persona, world: World) -> None:
    incomes = {"filing_status": "single", "state": "", "ordinary_income_usd": "40000", "preferred_income_usd": "100000"}

    answer = advisor.client.post(
        tax_url(world, "tax_rates"), tax_input(advisor, world, **INCOME) | incomes, headers=HTMX
    )

    page = answer.content.decode()
    assert answer.context["rates"].short_frac == D("0.27")
    assert "taxed at 12%; each dollar also pushes a dollar of long-term income into the 15% band: 15% more" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ordinary_income_usd": ""}, "Still missing: Taxable ordinary income."),
        ({"federal_ordinary_frac": "", "stated_as": "rates"}, "Still missing: Federal, ordinary."),
        (
            {"filing_status": "mfs", "ordinary_offset_usd": "3000"},
            "Losses against ordinary income: With this filing status at most 1,500 count against income.",
        ),
        ({"carryforward_short_usd": "some"}, "Carried in, short-term losses: Enter a number"),
    ],
)
def test_figures_that_cannot_be_are_said_where_the_rates_stand(
    advisor: Persona, world: World, changes: dict[str, str], words: str
) -> None:
    answer = advisor.client.post(
        tax_url(world, "tax_rates"), tax_input(advisor, world, **INCOME) | changes, headers=HTMX
    )

    assert answer.status_code == 200
    assert words in answer.content.decode()
