"""Taking an action back: every row is what it was before, or nothing is undone and it says who stands in the way."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisors.errors import Conflict, Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent, Firm, Role
from portfolios.ledger.corporate_actions.terms import ActionKind, HolderTerms
from portfolios.models.guidance import SecurityModelWeight, SubstituteListVersion, VersionStatus
from portfolios.models.households import Account, AccountHold
from portfolios.models.lots import CashBalance, Lot, RealizedGain, WashMatch
from portfolios.models.market import ActionApplication, ActionStatus, CorporateAction, Price
from portfolios.models.preferences import Level, Restriction, SubjectKind, Verb
from portfolios.models.securities import FirmSecurity, IdentityGroup, Screen, Security, SecurityAlias
from portfolios.services.action_signals import action_reversed
from portfolios.services.corporate_actions.applying import apply
from portfolios.services.corporate_actions.cash_in_lieu import correct_cash_in_lieu
from portfolios.services.corporate_actions.life import confirm, set_holder_terms
from portfolios.services.corporate_actions.reversing import Irreversible, reverse
from tests.actions import EX_ON, ActionWorld, action_world, cash_in, lots_of, terms_for
from tests.factories import NOW, FirmFactory, IdentityGroupFactory, member_of
from tests.house_views import add_product, add_substitute, products_in_force, substitutes_in_force

pytestmark = pytest.mark.django_db
D = Decimal
KINDS = [kind for kind in ActionKind if kind is not ActionKind.OTHER]
_LOT = ("account", "security", "key", "units", "cost_usd", "holding_on", "acquired_on", "root_key", "is_wash_consumed")
_GAIN = ("account", "security", "kind", "lot_key", "closed_on", "units", "proceeds_usd", "gain_usd", "disallowed_usd")
_LINE = ("verb", "subject", "level", "account", "reason", "disposal", "min_units", "max_units", "max_frac")
_WORD = ("security__symbol", "asset_class", "identity_group", "is_buyable")


@pytest.fixture
def world(db: None) -> ActionWorld:
    """A firm whose whole house view is about OLD."""
    return _full_world()


def _full_world() -> ActionWorld:
    world = action_world()
    old, ko = world.security("OLD"), world.security("KO")
    world.security("NEW", price=None)
    group = IdentityGroupFactory(firm=world.firm)
    FirmSecurity.objects.filter(firm=world.firm, security=old).update(identity_group=group)
    Screen.objects.create(firm=world.firm, key="tobacco", name="Tobacco").securities.add(old)
    add_product(world.firm, asset_class=world.asset_class, security=old)
    add_substitute(world.firm, security=old, use=ko, rank=1)
    add_substitute(world.firm, security=ko, use=old, rank=1)
    for verb, changes in ((Verb.NEVER_SELL, {}), (Verb.RANGE, {"max_units": D(500), "max_frac": D("0.2")})):
        Restriction.objects.create(
            firm=world.firm,
            level=Level.FIRM,
            verb=verb,
            subject_kind=SubjectKind.SECURITY,
            subject="OLD",
            reason="Wish.",
            set_at=NOW,
            set_by=world.maker.user,
            **changes,
        )
    return world


def standing_rows(firm: Firm) -> Mapping[str, object]:
    """Return everything of a firm that an action may change, as it stands: what is ended or withdrawn left out."""
    lots = Lot.objects.filter(account__firm=firm, closed_on__isnull=True)
    lines = Restriction.objects.filter(firm=firm, ended_at__isnull=True)
    weights = SecurityModelWeight.objects.filter(
        version__security_model__firm=firm, version__status=VersionStatus.APPROVED
    )
    return {
        "lots": sorted(lots.values_list(*_LOT), key=str),
        "cash": sorted(CashBalance.objects.filter(account__firm=firm).values_list("account", "settled_usd")),
        "gains": sorted(RealizedGain.objects.filter(account__firm=firm).values_list(*_GAIN), key=str),
        "washes": sorted(WashMatch.objects.filter(account__firm=firm).values_list("lot_key", "units", "amount_usd")),
        "lines": sorted(lines.values_list(*_LINE), key=str),
        "words": sorted(FirmSecurity.objects.filter(firm=firm).values_list(*_WORD), key=str),
        "groups": sorted(IdentityGroup.objects.filter(firm=firm).values_list("key", "name")),
        "screens": sorted(Screen.securities.through.objects.values_list("screen", "security__symbol")),
        "products": products_in_force(firm),
        "substitutes": substitutes_in_force(firm),
        "weights": sorted(weights.values_list("version", "security__symbol", "weight_frac")),
        "prices": sorted(Price.objects.values_list("security__symbol", "priced_on", "price_usd")),
        "aliases": list(SecurityAlias.objects.values_list("symbol", "security__symbol")),
        "holds": list(AccountHold.objects.filter(account__firm=firm, lifted_at__isnull=True).values_list("account")),
    }


def _applied(world: ActionWorld, kind: ActionKind, accounts: list[Account]) -> CorporateAction:
    action = world.announced(terms_for(kind))
    if kind is ActionKind.TENDER:
        for account in accounts:
            holder = HolderTerms(tendered_units=D(1))
            set_holder_terms(world.maker, action, account_id=account.pk, holder=holder, now=NOW)
    confirm(world.checker, action, now=NOW)
    assert apply(action, actor=None, now=NOW).account_count == len(accounts)
    return action


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_reversing_restores_every_row(db: None, kind: ActionKind, data: st.DataObject) -> None:
    units = st.integers(min_value=1, max_value=5000)
    price = st.decimals(min_value="0.5", max_value="300", places=2)
    ages = st.integers(min_value=1, max_value=800)
    world = _fresh_world()
    accounts = []
    for _ in range(data.draw(st.integers(1, 3))):
        lots = data.draw(st.lists(st.tuples(units, price, ages), min_size=1, max_size=3))
        account = world.account()
        accounts.append(account)
        for bought, paid, age in sorted(lots, key=lambda lot: -lot[2]):
            world.buy(account, f"OLD {bought} @ {paid} {EX_ON - timedelta(days=age)}")
    before = standing_rows(world.firm)

    action = _applied(world, kind, accounts)
    changed = standing_rows(world.firm)
    reverse(world.checker, action, reason="It never happened.", now=NOW)

    assert changed != before
    assert standing_rows(world.firm) == before
    assert action.status == ActionStatus.REVERSED
    assert not ActionApplication.objects.filter(action=action, undone_by__isnull=True).exists()


def _fresh_world() -> ActionWorld:
    """Start over: examples share one database."""
    Price.objects.filter(security__symbol__in=["OLD", "NEW", "KO"]).delete()
    SubstituteListVersion.objects.all().delete()
    return _full_world()


def test_an_action_can_be_announced_and_applied_anew_after_its_reversal(world: ActionWorld) -> None:
    account = world.account("OLD 100 @ 80 2024-03-01")
    action = _applied(world, ActionKind.SPLIT, [account])
    reverse(world.checker, action, reason="Wrong ratio.", now=NOW)

    world.applied(terms_for(ActionKind.SPLIT, ratio=D(5)))

    assert lots_of(account) == [("L1", "OLD", D(500), D(8000))]


def test_a_corrected_action_is_taken_back_by_its_last_correction(world: ActionWorld) -> None:
    account = world.account("OLD 105 @ 80 2024-03-01")
    action = _applied(world, ActionKind.REVERSE_SPLIT, [account])
    correct_cash_in_lieu(action, account, security="OLD", cash_usd=D("490"), actor=None, now=NOW)

    reverse(world.checker, action, reason="Called off.", now=NOW)

    assert lots_of(account) == [("L1", "OLD", D(105), D(8400))]
    assert cash_in(account) == D(-8400)


def test_an_action_whose_child_was_sold_is_not_reversed_and_names_every_account(world: ActionWorld) -> None:
    world.firm.business_on = EX_ON + timedelta(days=9)
    world.firm.save()
    sold = [world.account("OLD 100 @ 80 2024-03-01") for _ in range(2)]
    kept = world.account("OLD 100 @ 80 2024-03-01")
    action = _applied(world, ActionKind.SPIN_OFF, [*sold, kept])
    for account in sold:
        world.sell(account, f"NEW 25 @ 41 {EX_ON + timedelta(days=2)}")
    before = standing_rows(world.firm)

    with pytest.raises(Irreversible) as refusal:
        reverse(world.checker, action, reason="Called off.", now=NOW)

    assert [each.account_id for each in refusal.value.blocked] == [account.pk for account in sold]
    assert all(each.reason for each in refusal.value.blocked)
    assert "2 accounts" in str(refusal.value)
    assert standing_rows(world.firm) == before
    action.refresh_from_db()
    assert action.status == ActionStatus.APPLIED


def test_a_later_trade_that_can_do_without_the_action_is_replayed(world: ActionWorld) -> None:
    world.firm.business_on = EX_ON + timedelta(days=9)
    world.firm.save()
    account = world.account("OLD 100 @ 80 2024-03-01")
    action = _applied(world, ActionKind.SPLIT, [account])
    world.sell(account, f"OLD 50 @ 25 {EX_ON + timedelta(days=2)}")

    reverse(world.checker, action, reason="Called off.", now=NOW)

    assert lots_of(account) == [("L1", "OLD", D(50), D(4000))]
    assert RealizedGain.objects.get(account=account).gain_usd == D("1250") - D("4000")


def test_reversing_is_for_operations_of_the_firm_with_a_reason_and_once(world: ActionWorld) -> None:
    account = world.account("OLD 100 @ 80 2024-03-01")
    action = _applied(world, ActionKind.SPLIT, [account])

    with pytest.raises(NotPermitted):
        reverse(member_of(world.firm, Role.ADVISOR), action, reason="No.", now=NOW)
    with pytest.raises(NotFound):
        reverse(member_of(FirmFactory(), Role.OPERATIONS), action, reason="No.", now=NOW)
    with pytest.raises(Invalid, match="Say why"):
        reverse(world.checker, action, reason=" ", now=NOW)
    reverse(world.checker, action, reason="Called off.", now=NOW)
    with pytest.raises(Conflict, match="reversed"):
        reverse(world.checker, action, reason="Twice.", now=NOW)

    event = AuditEvent.objects.get(action="corporate_action.reversed")
    assert (event.reason, event.data["account_count"]) == ("Called off.", 1)


def test_receivers_hear_of_a_reversal_inside_its_transaction(world: ActionWorld) -> None:
    account = world.account("OLD 100 @ 80 2024-03-01")
    action = _applied(world, ActionKind.SPLIT, [account])

    def fail(**told: object) -> None:
        assert told["account_ids"] == {account.pk}
        raise RuntimeError("orders cannot follow")

    action_reversed.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            reverse(world.checker, action, reason="Called off.", now=NOW)
    finally:
        action_reversed.disconnect(fail)

    action.refresh_from_db()
    assert action.status == ActionStatus.APPLIED
    assert lots_of(account) == [("L1", "OLD", D(400), D(8000))]


def test_another_firm_keeps_the_price_that_both_needed(world: ActionWorld) -> None:
    other = action_world()
    action, _ = world.applied(terms_for(ActionKind.SPLIT))
    other.applied(terms_for(ActionKind.SPLIT))

    reverse(world.checker, action, reason="Not for us.", now=NOW)

    assert Price.objects.get(security=Security.objects.get(symbol="OLD"), priced_on=EX_ON).price_usd == 25
