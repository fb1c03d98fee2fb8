"""When the firm calls two securities identical, or no longer, wash sales are matched anew."""

from datetime import date
from decimal import Decimal

import pytest
from django_q.models import OrmQ

from advisors.models import Firm
from portfolios.custodians.base import FileKind, ParsedFile, SecurityRow
from portfolios.ledger.wash_policy import WashPolicy
from portfolios.models.lots import LedgerReplay, RealizedGain, TaxPolicyVersion, WashMatch
from portfolios.models.securities import Security
from portfolios.services.household_replays import replay_by_groups
from portfolios.services.security_master import post_securities
from tests.books import NOW, know_securities, open_account
from tests.integration.test_replays import buy, post, sell
from tests.ledgers import assert_ledger_is_whole

pytestmark = pytest.mark.django_db


def _state_groups(firm: Firm, group: str) -> None:
    rows = tuple(
        SecurityRow(row=number, symbol=symbol, name=symbol, kind="stock", asset_class="us_large", identity_group=group)
        for number, symbol in enumerate(("AAPL", "MSFT"), start=2)
    )
    post_securities(
        firm, ParsedFile(custodian="generic", kind=FileKind.SECURITIES, securities=rows), actor=None, now=NOW
    )


def _jobs() -> list[str]:
    return [job.func() for job in OrmQ.objects.all()]


def test_a_new_group_washes_what_it_makes_identical_and_its_end_gives_it_back(firm: Firm) -> None:
    know_securities(firm)
    account = open_account(firm)
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)))
    post(account, sell("S1", "50", "6000", date(2026, 10, 20)))
    post(account, buy("B2", "20", "9000", date(2026, 10, 26), symbol="MSFT"))
    assert not WashMatch.objects.exists()

    _state_groups(firm, "twins")
    rung = _jobs()
    replay_by_groups(firm.pk, now=NOW)
    washed = RealizedGain.objects.get().disallowed_usd
    assert_ledger_is_whole(firm.pk)
    _state_groups(firm, "")
    replay_by_groups(firm.pk, now=NOW)

    assert rung == ["portfolios.tasks.replay_by_groups_task"]
    assert washed == Decimal("600.00")
    assert RealizedGain.objects.get().disallowed_usd == 0
    assert LedgerReplay.objects.filter(cause="The firm's identity groups changed").count() == 2
    assert_ledger_is_whole(firm.pk)


def test_groups_that_stay_ring_nobody(firm: Firm) -> None:
    know_securities(firm)
    _state_groups(firm, "twins")
    OrmQ.objects.all().delete()

    _state_groups(firm, "twins")

    assert _jobs() == []
    assert Security.objects.get(symbol="AAPL").kind == "stock"


def test_gain_of_an_earlier_policy_stands_where_it_comes_out_the_same(firm: Firm) -> None:
    know_securities(firm)
    account = open_account(firm)
    post(account, buy("B1", "100", "15000", date(2025, 6, 2)))
    post(account, sell("S1", "50", "9000", date(2026, 10, 20)))
    values = {**WashPolicy().to_json(), "tacking": "EARLIEST_DATE"}
    TaxPolicyVersion.objects.create(firm=firm, values=values, reason="Ours", set_at=NOW)

    assert_ledger_is_whole(firm.pk)
