"""A risk model from stored prices: estimated in the background, approved by somebody else, then in force."""

from datetime import date, timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from advisors.errors import Conflict, Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent, Role
from portfolios.models.market import CorporateAction, Price, RiskModelVersion
from portfolios.selectors.risk_models import price_returns, risk_model_in_force
from portfolios.services.risk_models import decide_on_risk_model
from rebalancing.services.risk_models import POLICY, ask_for_estimate, estimate_for_firm, firms_due
from rebalancing.snapshots.taking import take_cases
from rebalancing.tasks import estimate_due_risk_models_task, estimate_risk_model_task
from tests.conftest import Persona, sign_in
from tests.factories import BUSINESS_ON, NOW, SecurityFactory, UserFactory, member_of
from tests.firms import Desk, open_desk

pytestmark = pytest.mark.django_db
DAYS = 200
VOLATILITY = {"VTI": 0.16, "ITOT": 0.16, "BND": 0.05, "AAPL": 0.28}


def weekdays(count: int) -> list[date]:
    """Return the last days before the business date on which markets were open, and itself."""
    days: list[date] = []
    day = BUSINESS_ON
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day -= timedelta(days=1)
    return days[::-1]


def price(desk: Desk, days: int = DAYS, seed: int = 1) -> None:
    """Give the desk's securities a history: all of them move with one market."""
    rng = np.random.default_rng(seed)
    dates = weekdays(days)
    market = rng.normal(size=days) * 0.15 / np.sqrt(252)
    Price.objects.all().delete()
    for symbol, security in desk.securities.items():
        if symbol not in VOLATILITY:
            continue
        own = rng.normal(size=days) * 0.2 * VOLATILITY[symbol] / np.sqrt(252)
        path = 100 * np.cumprod(1 + VOLATILITY[symbol] / 0.16 * market + own)
        Price.objects.bulk_create(
            Price(security=security, priced_on=day, price_usd=round(float(usd), 4), source="test")
            for day, usd in zip(dates, path, strict=True)
        )


@pytest.fixture
def desk() -> Desk:
    made = open_desk()
    price(made)
    return made


@pytest.fixture
def cio(desk: Desk) -> Persona:
    return sign_in(member_of(desk.firm, Role.CIO, full_name="Cara Chief"))


@pytest.fixture
def second(desk: Desk) -> Persona:
    return sign_in(member_of(desk.firm, Role.CIO))


def made_by(cio: Persona) -> RiskModelVersion:
    version = estimate_for_firm(cio.firm.pk, actor_id=cio.membership.user_id, now=NOW)
    assert version is not None
    return version


def test_an_estimate_waits_and_counts_once_a_second_person_approves(desk: Desk, cio: Persona, second: Persona) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01; AAPL 30 @ 90 2024-03-01")
    before = risk_model_in_force(desk.firm.pk, as_of=BUSINESS_ON)
    version = made_by(cio)
    assert risk_model_in_force(desk.firm.pk, as_of=BUSINESS_ON) == before

    with pytest.raises(NotPermitted, match="You made this estimate yourself"):
        decide_on_risk_model(cio.membership, version.pk, is_approved=True, note="", now=NOW)
    decide_on_risk_model(second.membership, version.pk, is_approved=True, note="Looks right", now=NOW)

    assert risk_model_in_force(desk.firm.pk, as_of=BUSINESS_ON) == version
    (taken,) = take_cases(desk.firm.pk, account_ids=[account.pk], as_of=BUSINESS_ON)
    assert taken.case is not None
    assert taken.case.risk_model.factors[0] == "market"
    assert set(VOLATILITY) <= set(taken.case.risk_model.exposures)
    with pytest.raises(Conflict):
        decide_on_risk_model(second.membership, version.pk, is_approved=False, note="No", now=NOW)
    actions = AuditEvent.objects.filter(action__startswith="risk_model.").order_by("pk")
    assert [event.action for event in actions] == ["risk_model.estimated", "risk_model.approved"]


def test_what_it_found_says_how_well_it_foresaw_the_firms_accounts(desk: Desk, cio: Persona) -> None:
    desk.account("VTI 40 @ 200 2024-03-01; AAPL 30 @ 90 2024-03-01")
    desk.account("BND 90 @ 70 2024-03-01")
    version = made_by(cio)

    found = version.findings
    assert (found["day_count"], found["held_out_days"]) == (DAYS - 1, 63)
    assert found["foresight"]["count"] == found["present"]["count"] == 2
    assert 0.5 < found["foresight"]["median_ratio"] < 2
    assert found["covered_frac"] == 1.0
    assert found["volatilities"]["market"] == pytest.approx(0.28, rel=0.35)  # the only stock is the market here
    assert found["unknown"] == []


def test_a_young_security_is_named_as_known_by_its_peers(desk: Desk, cio: Persona) -> None:
    Price.objects.filter(security=desk.securities["ITOT"], priced_on__lt=BUSINESS_ON - timedelta(days=20)).delete()

    version = made_by(cio)

    assert "ITOT" in version.findings["by_peers"]
    assert "VTI" not in version.findings["by_peers"]


def test_a_split_is_no_loss(desk: Desk) -> None:
    on = weekdays(60)[0]
    CorporateAction.objects.create(
        firm=desk.firm,
        security=desk.securities["AAPL"],
        kind="split",
        effective_on=on,
        ratio=4,
        status="applied",
        source="test",
        announced_at=NOW,
        confirmed_at=NOW,
        confirmed_by=UserFactory.create(),
    )
    for row in Price.objects.filter(security=desk.securities["AAPL"], priced_on__gte=on):
        row.price_usd /= 4
        row.save()

    told = price_returns(desk.firm.pk, as_of=BUSINESS_ON)

    at = told.symbols.index("AAPL")
    assert np.nanmin(told.returns[:, at]) > -0.2
    assert np.isfinite(told.returns[:, at]).sum() == DAYS - 1


def test_the_day_of_another_action_has_no_return(desk: Desk) -> None:
    on = weekdays(60)[0]
    CorporateAction.objects.create(
        firm=desk.firm,
        security=desk.securities["AAPL"],
        kind="spin_off",
        effective_on=on,
        status="applied",
        source="test",
        announced_at=NOW,
        confirmed_at=NOW,
        confirmed_by=UserFactory.create(),
    )

    told = price_returns(desk.firm.pk, as_of=BUSINESS_ON)

    column = told.returns[:, told.symbols.index("AAPL")]
    assert np.isnan(column[told.days.index(on)])
    assert np.isfinite(column).sum() == DAYS - 2


def test_the_same_prices_are_no_news_and_new_ones_replace_what_waits(desk: Desk, cio: Persona) -> None:
    first = made_by(cio)
    assert estimate_for_firm(desk.firm.pk, actor_id=None, now=NOW) is None

    price(desk, seed=2)
    second = made_by(cio)

    first.refresh_from_db()
    assert (first.status, second.status) == ("withdrawn", "submitted")


def test_too_few_prices_and_no_business_date_are_said(desk: Desk, cio: Persona) -> None:
    price(desk, days=30)
    with pytest.raises(Invalid, match="needs 60 daily returns"):
        estimate_for_firm(desk.firm.pk, actor_id=None, now=NOW)
    assert estimate_risk_model_task(firm_id=desk.firm.pk) is False
    assert not RiskModelVersion.objects.filter(origin="estimated").exists()
    desk.firm.business_on = None
    desk.firm.save()
    with pytest.raises(Invalid, match="no business date"):
        estimate_for_firm(desk.firm.pk, actor_id=None, now=NOW)


def test_who_may_ask_and_who_may_decide(desk: Desk, cio: Persona, foreigner: Persona) -> None:
    advisor = sign_in(member_of(desk.firm, Role.ADVISOR))
    stranger = sign_in(member_of(foreigner.firm, Role.CIO))
    version = made_by(cio)

    with pytest.raises(NotPermitted):
        ask_for_estimate(advisor.membership, now=NOW)
    with pytest.raises(NotPermitted):
        decide_on_risk_model(advisor.membership, version.pk, is_approved=True, note="", now=NOW)
    with pytest.raises(NotFound):
        decide_on_risk_model(stranger.membership, version.pk, is_approved=True, note="", now=NOW)
    with pytest.raises(Invalid, match="Say why"):
        decide_on_risk_model(cio.membership, version.pk, is_approved=False, note=" ", now=NOW)
    dropped = decide_on_risk_model(cio.membership, version.pk, is_approved=False, note="Too few days", now=NOW)
    assert dropped.status == "withdrawn"


def test_the_clock_estimates_for_firms_that_want_it_and_not_again_before_its_time(desk: Desk) -> None:
    assert list(firms_due()) == []
    desk.firm.policies[POLICY] = 7
    desk.firm.save()

    assert estimate_due_risk_models_task() == 1
    assert estimate_due_risk_models_task() == 0
    made = RiskModelVersion.objects.get(origin="estimated")
    assert (made.author, made.status) == (None, "submitted")

    desk.firm.business_on = BUSINESS_ON + timedelta(days=7)
    desk.firm.save()
    assert list(firms_due()) == [desk.firm.pk]


def test_a_security_of_no_class_is_in_no_model(desk: Desk, cio: Persona) -> None:
    SecurityFactory.create(symbol="ODD")

    assert "ODD" not in price_returns(desk.firm.pk, as_of=BUSINESS_ON).symbols


def test_the_command_says_what_it_found(desk: Desk) -> None:
    desk.account("VTI 40 @ 200 2024-03-01; AAPL 30 @ 90 2024-03-01")
    said = StringIO()

    call_command("estimate_risk_model", firm=desk.firm.slug, stdout=said)

    assert "199 days; 0 known by their peers alone" in said.getvalue()
    assert "the model in force: median" in said.getvalue()
    again = StringIO()
    call_command("estimate_risk_model", firm=desk.firm.slug, stdout=again)
    assert "say what they said" in again.getvalue()
    with pytest.raises(CommandError):
        call_command("estimate_risk_model", firm="nobody")
