"""
Every address of the site, as everybody: who is let in stands in one table, written by hand and not read from the code.

A row gives the roles that are let in and what they get for something that does not exist (or for an empty form).
Everybody else of the firm gets 403, strangers are sent to sign in, and people of another firm find nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from advisors.checks import is_ours, routes
from advisors.models import Role
from tests.conftest import Persona, sign_in
from tests.factories import AccountFactory, FirmFactory, HouseholdFactory, ProposalFactory, member_of

pytestmark = pytest.mark.django_db

EVERYBODY: Final = frozenset(Role)
ADVISOR, REVIEWER, CIO = frozenset({Role.ADVISOR}), frozenset({Role.REVIEWER}), frozenset({Role.CIO})
COMPLIANCE, OPERATIONS = frozenset({Role.COMPLIANCE}), frozenset({Role.OPERATIONS})
ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
ALSO_STRANGERS: Final = "also strangers"
NOBODYS_ID: Final = 999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Who is let in by which method, and what they get; `words` fill what is not a number in the address."""

    roles: frozenset[Role]
    status: int = 200
    method: str = "get"
    words: Mapping[str, str] = field(default_factory=dict)
    is_public: bool = False
    is_api: bool = False  # programs are told 401, not sent to a page


def sees(roles: frozenset[Role], status: int = 200, **words: str) -> Row:
    """Give a row of a page."""
    return Row(roles=roles, status=status, words=words)


def does(roles: frozenset[Role], status: int = 404, **words: str) -> Row:
    """Give a row of a change."""
    return Row(roles=roles, status=status, method="post", words=words)


TABLE: Final[Mapping[str, Row]] = {
    "advisors:audit": sees(COMPLIANCE | ADMINISTRATOR),
    "advisors:audit_export": sees(COMPLIANCE | ADMINISTRATOR),
    "advisors:audit_verify": does(COMPLIANCE | ADMINISTRATOR, 303),
    "advisors:team": sees(EVERYBODY),
    "advisors:team_invite": does(ADMINISTRATOR, 422),
    "advisors:team_set_active": does(ADMINISTRATOR),
    "advisors:team_second_factor": does(ADMINISTRATOR, 303),
    "portfolios:household_policy": sees(EVERYBODY, 404),
    "portfolios:change_household_policy": does(ADVISOR),
    "portfolios:person": sees(EVERYBODY, 404),
    "portfolios:change_place": does(ADMINISTRATOR),
    "portfolios:hand_over": does(ADMINISTRATOR),
    "portfolios:delegate": does(ADVISOR | ADMINISTRATOR),
    "portfolios:end_delegation": does(ADVISOR | ADMINISTRATOR),
    "advisors:health": Row(roles=EVERYBODY, is_public=True),
    "runs:today": sees(EVERYBODY),
    "runs:runs": sees(EVERYBODY),
    "runs:run": sees(EVERYBODY, 404),
    "runs:progress": sees(EVERYBODY, 404),
    "runs:start": does(ADVISOR | REVIEWER | OPERATIONS, 422),
    "runs:cancel": does(ADVISOR | REVIEWER | OPERATIONS | CIO),
    "data:files": sees(REVIEWER | COMPLIANCE | OPERATIONS),
    "data:upload": does(OPERATIONS, 422),
    "data:file": sees(REVIEWER | COMPLIANCE | OPERATIONS, 404),
    "data:post_file": does(OPERATIONS),
    "data:held": sees(REVIEWER | COMPLIANCE | OPERATIONS),
    "data:lift_hold": does(OPERATIONS),
    "data:reconciliation": sees(REVIEWER | COMPLIANCE | OPERATIONS),
    "data:comparison": sees(REVIEWER | COMPLIANCE | OPERATIONS, 404),
    "data:assign_break": does(OPERATIONS),
    "data:note_break": does(OPERATIONS),
    "data:resolve_break": does(OPERATIONS),
    "data:actions": sees(REVIEWER | COMPLIANCE | OPERATIONS),
    "data:new_action": sees(OPERATIONS),
    "data:action": sees(REVIEWER | COMPLIANCE | OPERATIONS, 404),
    "data:edit_action": sees(OPERATIONS, 404),
    "data:action_effects": sees(REVIEWER | COMPLIANCE | OPERATIONS, 404),
    "data:set_holder": does(OPERATIONS),
    "data:decide_action": does(OPERATIONS, decision="confirm"),
    "house_view:house_view": sees(EVERYBODY),
    "house_view:model": sees(EVERYBODY, 404),
    "house_view:model_export": sees(EVERYBODY, 404),
    "house_view:restricted": sees(EVERYBODY),
    "house_view:end_restricted": does(CIO, 422),
    "house_view:changes": sees(CIO | COMPLIANCE | ADMINISTRATOR),
    "house_view:change": sees(CIO | COMPLIANCE | ADMINISTRATOR, 404),
    "house_view:describe": does(CIO),
    "house_view:edit_profile": sees(CIO, 404),
    "house_view:edit_model": sees(CIO, 404),
    "house_view:new_model": does(CIO),
    "house_view:edit_products": sees(CIO, 404),
    "house_view:edit_substitutes": sees(CIO, 404),
    "house_view:edit_screens": sees(CIO, 404),
    "house_view:edit_defaults": sees(CIO, 404),
    "house_view:take_out": does(CIO, kind="productlistversion"),
    "house_view:decide": does(CIO, decision="approve"),
    "risk_models:risk_models": sees(EVERYBODY),
    "risk_models:ask": does(CIO, 303),
    "risk_models:risk_model": sees(EVERYBODY, 404),
    "risk_models:approve": does(CIO),
    "risk_models:drop": does(CIO),
    "impact:impact": sees(CIO | COMPLIANCE | ADMINISTRATOR, 404),
    "impact:start": does(CIO),
    "impact:csv": sees(CIO | COMPLIANCE | ADMINISTRATOR, 404),
    "api:actions": Row(roles=REVIEWER | COMPLIANCE | OPERATIONS, is_api=True),
    "api:action": Row(roles=REVIEWER | COMPLIANCE | OPERATIONS, status=404, is_api=True),
    "api:preview": Row(roles=REVIEWER | COMPLIANCE | OPERATIONS, status=404, is_api=True),
    "engine:questions": Row(roles=EVERYBODY, status=415, method="post", is_api=True),
    "engine:question": Row(roles=EVERYBODY, status=404, is_api=True),
    "accounts:accounts": sees(EVERYBODY),
    "accounts:change_accounts": sees(ADVISOR),
    "accounts:account": sees(EVERYBODY, 404),
    "accounts:household": sees(EVERYBODY, 404),
    "ledger:ledger": sees(EVERYBODY, 404),
    "ledger:record": does(OPERATIONS),
    "ledger:correct": does(OPERATIONS),
    "ledger:cancel": does(OPERATIONS),
    "ledger:wash_sales": sees(EVERYBODY, 404),
    "ledger:tax_policies": sees(EVERYBODY),
    "portfolios:review_list": sees(EVERYBODY),
    "portfolios:bulk_changes": sees(EVERYBODY),
    "portfolios:bulk_file": sees(ADVISOR),
    "portfolios:bulk_example": sees(ADVISOR),
    "portfolios:bulk_change": sees(EVERYBODY, 404),
    "portfolios:bulk_change_csv": sees(EVERYBODY, 404),
    "portfolios:decide_bulk_change": does(ADVISOR, decision="apply"),
    "portfolios:copy_preferences": sees(ADVISOR, 404),
    "portfolios:preferences": sees(EVERYBODY, 404),
    "portfolios:change_settings": does(ADVISOR, group="cash"),
    "portfolios:choose_profile": does(ADVISOR),
    "portfolios:restrict": does(ADVISOR),
    "portfolios:need_cash": does(ADVISOR),
    "portfolios:end_line": does(ADVISOR, what="restriction"),
    "portfolios:tax_situation": sees(EVERYBODY, 404),
    "portfolios:state_tax_situation": does(ADVISOR),
    "portfolios:tax_rates": does(ADVISOR),
    "portfolios:confirm_tax_household": does(ADVISOR),
    "rebalancing:proposals": sees(EVERYBODY),
    "rebalancing:proposal": sees(EVERYBODY, 404),
    "rebalancing:account_prices": sees(EVERYBODY, 404),
    "rebalancing:preference_prices": does(EVERYBODY),
    "rebalancing:preference_prices_asked": sees(EVERYBODY, 404),
    "rebalancing:proposal_case": sees(REVIEWER | COMPLIANCE | ADMINISTRATOR, 404),
    "rebalancing:proposal_approve_as_advisor": does(ADVISOR),
    "rebalancing:proposal_approve": does(REVIEWER),
    "rebalancing:proposal_release": does(REVIEWER),
    "rebalancing:proposal_decide": does(REVIEWER | ADVISOR | COMPLIANCE, action="send-back"),
    "rebalancing:review": sees(REVIEWER),
    "rebalancing:review_approve": does(REVIEWER, 422),
    "rebalancing:release": does(REVIEWER, 422),
    "rebalancing:batches": sees(EVERYBODY),
    "rebalancing:batch": sees(EVERYBODY, 404),
    "rebalancing:batch_cancel": does(REVIEWER),
    "rebalancing:batch_file": does(REVIEWER | OPERATIONS, custodian="schwab"),
    "rebalancing:fills": sees(REVIEWER | OPERATIONS),
    "rebalancing:fill_file": sees(REVIEWER | OPERATIONS, 404),
    "reporting:reports": sees(EVERYBODY),
    "reporting:report": sees(EVERYBODY, 404),
    "reporting:download": sees(EVERYBODY, 404),
    "reporting:policy_statement": sees(EVERYBODY, 404),
    "reporting:form_8949": sees(EVERYBODY, 404),
    "reporting:form_8949_csv": sees(EVERYBODY, 404),
    "reporting:new": sees(ADVISOR | REVIEWER, 404),
}

# One thing of each kind in the advisor's book: who of the firm sees it, and that nobody else does.
IN_THE_BOOK: Final = (
    "accounts:account",
    "accounts:household",
    "portfolios:preferences",
    "reporting:policy_statement",
    "portfolios:household_policy",
    "portfolios:tax_situation",
    "ledger:ledger",
    "ledger:wash_sales",
    "rebalancing:proposal",
)


def _ours() -> dict[str, URLPattern]:
    """Find every address with a guard of ours, by its name with namespace."""
    found: dict[str, URLPattern] = {}
    spaces = {"advisors.": "advisors", "portfolios.views.data": "data", "portfolios.": "portfolios"}
    spaces |= {"portfolios.api": "api", "portfolios.views.ledgers": "ledger", "portfolios.views.wash_sales": "ledger"}
    spaces |= {"portfolios.views.tax_policies": "ledger", "portfolios.views.house_view": "house_view"}
    spaces |= {"rebalancing.api": "engine", "rebalancing.views.accounts": "accounts", "rebalancing.views.runs": "runs"}
    spaces |= {
        "rebalancing.views.impacts": "impact",
        "rebalancing.views.risk_models": "risk_models",
        "rebalancing.views.bulk_changes": "accounts",
        "rebalancing.views.today": "runs",
        "rebalancing.": "rebalancing",
        "reporting.": "reporting",
    }
    for _, pattern in routes():
        if is_ours(pattern):
            module = pattern.callback.__module__
            space = next(spaces[start] for start in sorted(spaces, key=len, reverse=True) if module.startswith(start))
            found[f"{space}:{pattern.name}"] = pattern
    return found


def _address(name: str, row: Row) -> str:
    converters = _ours()[name].pattern.converters
    return reverse(name, kwargs={key: row.words.get(key, NOBODYS_ID) for key in converters})


def _ask(client: Client, name: str, row: Row) -> int:
    return int(getattr(client, row.method)(_address(name, row)).status_code)


def test_the_table_names_every_address_and_no_other() -> None:
    assert set(TABLE) == set(_ours())


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", TABLE)
def test_a_role_gets_what_the_table_says(name: str, role: Role) -> None:
    row = TABLE[name]
    person = sign_in(member_of(FirmFactory(), role))

    assert _ask(person.client, name, row) == (row.status if role in row.roles else 403)


@pytest.mark.parametrize("name", TABLE)
def test_a_stranger_is_sent_to_sign_in(name: str, stranger: Client) -> None:
    row = TABLE[name]

    answer = getattr(stranger, row.method)(_address(name, row))

    if row.is_public:
        assert answer.status_code == row.status
    elif row.is_api:
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    else:
        assert answer.status_code == 302
        assert answer["Location"].startswith("/sign-in/login/")


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.method == "post"])
def test_a_change_is_never_made_by_following_a_link(name: str) -> None:
    """A GET of what changes something shows a page at most."""
    row = TABLE[name]
    role = next(iter(row.roles))
    person = sign_in(member_of(FirmFactory(), role))

    assert person.client.get(_address(name, row)).status_code in {200, 303, 404, 405, 422}


@pytest.mark.parametrize("name", IN_THE_BOOK)
def test_what_is_in_a_book_exists_for_its_advisor_and_the_home_office_only(
    name: str, advisor: Persona, outsider: Persona, foreigner: Persona, reviewer: Persona, compliance: Persona
) -> None:
    account = AccountFactory(household=HouseholdFactory(firm=advisor.firm, advisor=advisor.membership))
    proposal = ProposalFactory(account=account)
    numbers = {
        "tax_return_id": account.tax_return_id,
        "year": 2026,
        "account_id": account.pk,
        "household_id": account.household_id,
        "proposal_id": proposal.pk,
    }
    converters = _ours()[name].pattern.converters
    address = reverse(name, kwargs={key: numbers[key] for key in converters})

    seen = {who: who.client.get(address).status_code for who in (advisor, outsider, foreigner, reviewer, compliance)}

    assert list(seen.values()) == [200, 404, 404, 200, 200]
