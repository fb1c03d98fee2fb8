"""What a change of the house view would do to the book, found out before anybody approves it."""

import io

import pytest
from django.core.management import call_command

from advisors.errors import Conflict, NotPermitted
from advisors.models import Membership, Role
from portfolios.custodians.house_tables import read_products
from portfolios.services.house_view import drafts, lifecycle
from rebalancing.engine.case import Case
from rebalancing.engine.outcome import Outcome
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.query import ConvexSolver
from rebalancing.engine.reference import solve_convex
from rebalancing.models.impacts import AccountImpact
from rebalancing.models.proposals import CaseSnapshot, Proposal, StoredOutcome
from rebalancing.models.runs import AccountFigures, Run, RunStatus
from rebalancing.selectors.impacts import impact_page
from rebalancing.services import runs, solving
from rebalancing.services.impacts import start_preview
from rebalancing.snapshots.taking import take_cases
from tests.factories import BUSINESS_ON, NOW, RiskProfileFactory, RiskProfileVersionFactory, member_of
from tests.factories import RiskProfileWeightFactory as WeightFactory
from tests.firms import Desk, open_desk
from tests.house_views import opened, put_bonds, seen, submit

pytestmark = pytest.mark.django_db
IN_LINE = "VTI 232 @ 240 2024-03-01; BND 533 @ 75 2024-03-01"  # 58 and 40 per cent, with 2,000 of cash


@pytest.fixture
def desk() -> Desk:
    return open_desk()


@pytest.fixture
def author(desk: Desk) -> Membership:
    return member_of(desk.firm, Role.CIO)


def worked(run: Run) -> list[Case]:
    """Work the preview to its end; return the cases that the engine was asked about."""
    asked: list[Case] = []

    def engine(case: Case, /, *, fallback: ConvexSolver | None) -> Outcome:
        asked.append(case)
        return rebalance(case, fallback=fallback)

    worker = solving.Worker(name="test", fallback=solve_convex, clock=lambda: NOW, engine=engine)
    list(solving.drain(worker=worker, run_id=run.pk))
    run.refresh_from_db()
    return asked


def test_an_account_is_told_what_the_engine_says_with_the_change_and_without(desk: Desk, author: Membership) -> None:
    account = desk.account(IN_LINE, cash="2000")
    change = opened(author)
    put_bonds(author, change, desk)

    run = start_preview(author, change.pk, now=NOW)
    worked(run)

    row = AccountImpact.objects.get()
    for side, change_id in (("now", None), ("then", change.pk)):
        (taken,) = take_cases(desk.firm.pk, account_ids=[account.pk], as_of=BUSINESS_ON, change_id=change_id)
        assert taken.case is not None
        outcome = rebalance(taken.case, fallback=solve_convex)
        (told,) = outcome.accounts
        assert getattr(row, f"{side}_trade_count") == len(told.trades)
        assert getattr(row, f"{side}_traded_usd") == sum(trade.quantity * trade.price for trade in told.trades)
        assert getattr(row, f"{side}_tax_usd") == outcome.returns[0].tax_caused
        assert getattr(row, f"{side}_tracking_error_frac") == pytest.approx(told.tracking_error_after)
    assert row.now_trade_count == 0 < row.then_trade_count
    assert row.fails_anew is False


def test_a_preview_proposes_stores_and_values_nothing(desk: Desk, author: Membership) -> None:
    desk.account(IN_LINE, cash="2000")
    change = opened(author)
    put_bonds(author, change, desk)

    run = start_preview(author, change.pk, now=NOW)
    worked(run)

    assert run.status == RunStatus.DONE
    for kind in (Proposal, StoredOutcome, CaseSnapshot, AccountFigures):
        assert not kind.objects.exists()


def test_what_a_change_does_not_touch_is_answered_once(desk: Desk, author: Membership) -> None:
    other = RiskProfileFactory.create(firm=desk.firm, name="Growth")
    version = RiskProfileVersionFactory.create(risk_profile=other)
    for key, weight in (("us_large", "0.98"), ("cash", "0.02")):
        WeightFactory.create(version=version, asset_class=desk.classes[key], weight_frac=weight, min_frac=0, max_frac=1)
    desk.account("VTI 40 @ 200 2024-03-01", risk_profile=other)
    desk.account(IN_LINE, cash="2000")
    change = opened(author)
    put_bonds(author, change, desk)

    asked = worked(start_preview(author, change.pk, now=NOW))

    page = impact_page(author, change.pk)
    assert len(asked) == 3
    assert page.impact is not None
    assert (page.impact.account_count, page.impact.touched_count, page.impact.then.trading_count) == (2, 1, 2)


def test_an_account_that_the_change_leaves_without_a_product_can_no_longer_comply(
    desk: Desk, author: Membership
) -> None:
    account = desk.account(IN_LINE, cash="2000")
    change = opened(author)
    drafts.put_products(author, seen(change), entries=read_products(b"asset_class,use\nus_large,VTI\n"), now=NOW)

    worked(start_preview(author, change.pk, now=NOW))

    page = impact_page(author, change.pk)
    assert page.impact is not None
    (line,) = page.impact.failing
    assert (line.account_id, page.impact.failing_count) == (account.pk, 1)
    assert line.fails == ("No product is approved for Bonds in an account that is taxable.",)
    assert page.impact.taxes == ()


def test_the_tax_of_a_return_counts_once_for_all_its_accounts(desk: Desk, author: Membership) -> None:
    first = desk.account(IN_LINE, cash="2000")
    desk.account(IN_LINE, cash="2000", tax_household=first.tax_household, tax_return=first.tax_return)
    change = opened(author)
    put_bonds(author, change, desk)

    worked(start_preview(author, change.pk, now=NOW))

    page = impact_page(author, change.pk)
    one, other = AccountImpact.objects.order_by("pk")
    assert page.impact is not None
    assert one.then_tax_usd == other.then_tax_usd
    assert page.impact.then.tax_usd == one.then_tax_usd != 0
    (line,) = page.impact.taxes
    assert (line.then_tax_usd, line.accounts.count("··")) == (one.then_tax_usd, 2)


def test_a_draft_that_is_edited_meanwhile_is_not_mixed_with_what_it_was(desk: Desk, author: Membership) -> None:
    desk.account(IN_LINE, cash="2000")
    change = opened(author)
    put_bonds(author, change, desk)
    run = start_preview(author, change.pk, now=NOW)
    put_bonds(author, change, desk)

    worked(run)

    assert not AccountImpact.objects.exists()
    assert "The change was edited after this preview began." in run.accounts.get().message
    assert impact_page(author, change.pk).is_outdated


def test_a_change_has_one_preview_at_a_time_and_none_once_it_is_decided(desk: Desk, author: Membership) -> None:
    desk.account(IN_LINE, cash="2000")
    change = opened(author)
    put_bonds(author, change, desk)
    run = start_preview(author, change.pk, now=NOW)

    with pytest.raises(Conflict, match="A preview of this change is under way"):
        start_preview(author, change.pk, now=NOW)
    runs.cancel_run_for(author, run.pk, now=NOW)
    submit(author, change)
    lifecycle.approve_change(member_of(desk.firm, Role.CIO), change_id=change.pk, now=NOW)
    with pytest.raises(Conflict, match="This change is decided"):
        start_preview(author, change.pk, now=NOW)


@pytest.mark.parametrize("role", [Role.ADVISOR, Role.COMPLIANCE, Role.OPERATIONS, Role.REVIEWER])
def test_only_who_may_change_the_house_view_previews_it(desk: Desk, author: Membership, role: Role) -> None:
    desk.account(IN_LINE, cash="2000")
    change = opened(author)

    with pytest.raises(NotPermitted):
        start_preview(member_of(desk.firm, role), change.pk, now=NOW)


def test_a_preview_is_worked_from_the_command_line(desk: Desk, author: Membership) -> None:
    desk.account(IN_LINE, cash="2000")
    change = opened(author)
    put_bonds(author, change, desk)
    out = io.StringIO()

    call_command("rebalance", "--change", str(change.number), "--here", stdout=out)

    assert "1 analysed, 0 held, 0 failed" in out.getvalue()
    assert AccountImpact.objects.count() == 1
