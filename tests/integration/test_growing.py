"""A large firm out of a small one, to measure pages on: whole households, each only once."""

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from portfolios.models.households import Account, Household
from portfolios.models.lots import Lot
from rebalancing.models.proposals import Proposal
from reporting.management.growing import grow
from tests.factories import HouseholdFactory, ProposalFactory
from tests.firms import open_desk

pytestmark = pytest.mark.django_db


def test_households_are_copied_whole_until_there_are_enough_accounts() -> None:
    desk = open_desk()
    household = HouseholdFactory.create(firm=desk.firm, name="Quill")
    for _ in range(2):
        account = desk.account("VTI 40 @ 200 2024-03-01; BND 3 @ 70 2024-03-01", household=household)
        ProposalFactory.create(account=account)

    assert grow(5) == 6

    assert Household.objects.count() == 3
    assert {row.lots.count() for row in Account.objects.all()} == {2}
    assert {lot.account.household.firm for lot in Lot.objects.all()} == {desk.firm}
    assert Proposal.objects.count() == 6
    assert all(row.account.household_id == row.household_id for row in Proposal.objects.select_related("account"))
    assert len({row.outcome_id for row in Proposal.objects.all()}) == 6


def test_the_database_of_the_installation_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "NAME", str(settings.TRIMTAB_VAR / "trimtab.sqlite3"))

    with pytest.raises(CommandError, match="Name a scratch database"):
        call_command("bench_grow", accounts=5)
