"""The page of a tax situation as tests read and post it."""

from django.urls import reverse

from portfolios.models.households import TaxSituation
from tests.conftest import Persona
from tests.statements import World

WHY = {"reason": "Her accountant's letter"}
HTMX = {"HX-Request": "true"}
INCOME = {
    "stated_as": "income",
    "filing_status": "mfj",
    "state": "MA",
    "ordinary_income_usd": "220,000",
    "preferred_income_usd": "20000",
}


def tax_url(world: World, name: str = "tax_situation", year: int = 2026) -> str:
    """Return the address of a world's tax return and year."""
    return reverse(f"portfolios:{name}", args=[world.account.tax_return_id, year])


def tax_text(who: Persona, world: World, year: int = 2026) -> str:
    """Return the page as text."""
    answer = who.client.get(tax_url(world, year=year))
    assert answer.status_code == 200
    return answer.content.decode()


def tax_input(who: Persona, world: World, **changes: str) -> dict[str, str]:
    """Return what the form of the page would post, with changes."""
    form = who.client.get(tax_url(world)).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: "" if value is None else str(value) for name, value in values.items()} | WHY | changes


def newest_situation(world: World) -> TaxSituation:
    """Return the situation that counts."""
    found = TaxSituation.objects.filter(tax_return=world.account.tax_return).order_by("set_at", "pk").last()
    assert found is not None
    return found
