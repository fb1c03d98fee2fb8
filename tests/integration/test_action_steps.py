"""What an action changes beside lots: prices, models, products, restrictions, substitutes, groups, screens."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest
import zstandard

from advisors.errors import Conflict
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery
from portfolios.models.guidance import (
    SecurityModel,
    SecurityModelVersion,
    SecurityModelWeight,
    VersionStatus,
)
from portfolios.models.market import Blob, Price, RiskModelVersion
from portfolios.models.preferences import Level, Restriction, SubjectKind, Verb
from portfolios.models.securities import Screen, Security, SecurityAlias
from portfolios.selectors.aliases import renamed_in, successors
from portfolios.selectors.prices import last_prices
from portfolios.services.corporate_actions.applying import apply
from portfolios.services.corporate_actions.life import confirm
from portfolios.services.corporate_actions.previewing import preview
from portfolios.services.corporate_actions.reversing import reverse
from portfolios.services.corporate_actions.stored_terms import ActionChoices
from tests.actions import EVE, EX_ON, ActionWorld, action_world, lots_of, terms_for, word_on
from tests.factories import NOW, FirmSecurityFactory, IdentityGroupFactory, PriceFactory
from tests.house_views import add_product, add_substitute, products_in_force, substitutes_in_force

pytestmark = pytest.mark.django_db
D = Decimal
LINE = "OLD 100 @ 80 2024-03-01"
MERGERS = (ActionKind.STOCK_MERGER, ActionKind.MIXED_MERGER, ActionKind.SYMBOL_CHANGE)


@pytest.fixture
def world(db: None) -> ActionWorld:
    """A firm that knows OLD at $100 and NEW, not yet traded."""
    world = action_world()
    world.security("OLD")
    world.security("NEW", price=None)
    return world


def _model(world: ActionWorld, effective_on: date = date(2026, 1, 2), **weights: str) -> SecurityModel:
    model, _ = SecurityModel.objects.get_or_create(firm=world.firm, key="core", name="Core")
    version = SecurityModelVersion.objects.create(
        security_model=model,
        number=model.versions.count() + 1,
        status=VersionStatus.APPROVED,
        effective_on=effective_on,
        author=world.maker.user,
        created_at=NOW,
        approved_by=world.checker.user,
        approved_at=NOW,
    )
    for symbol, weight in weights.items():
        security = Security.objects.get(symbol=symbol)
        SecurityModelWeight.objects.create(version=version, security=security, weight_frac=D(weight))
    return model


def weights_in_force(model: SecurityModel, on: date = EX_ON) -> Mapping[str, Decimal]:
    """Return the weights of the version in force on a day."""
    approved = model.versions.filter(status=VersionStatus.APPROVED, effective_on__lte=on)
    version = approved.order_by("-effective_on", "-number")[0]
    return dict(version.weights.values_list("security__symbol", "weight_frac"))


def _restrict(world: ActionWorld, verb: Verb, **changes: object) -> Restriction:
    return Restriction.objects.create(
        firm=world.firm,
        verb=verb,
        subject_kind=SubjectKind.SECURITY,
        subject="OLD",
        reason="Client's wish.",
        set_at=NOW,
        set_by=world.maker.user,
        **{"level": Level.FIRM, **changes},
    )


@pytest.mark.parametrize(
    ("kind", "priced"),
    [
        (ActionKind.SPLIT, {"OLD": "25"}),
        (ActionKind.REVERSE_SPLIT, {"OLD": "1000"}),
        (ActionKind.SPIN_OFF, {"OLD": "90", "NEW": "40"}),
        (ActionKind.SYMBOL_CHANGE, {"NEW": "100"}),
        (ActionKind.STOCK_MERGER, {"NEW": "200"}),
        (ActionKind.RETURN_OF_CAPITAL, {"OLD": "98"}),
        (ActionKind.SPECIAL_DIVIDEND, {"OLD": "95"}),
        (ActionKind.CASH_MERGER, {}),
        (ActionKind.WORTHLESS, {}),
    ],
)
def test_units_of_after_the_ex_date_never_meet_a_price_of_before_it(
    world: ActionWorld, kind: ActionKind, priced: Mapping[str, str]
) -> None:
    world.applied(terms_for(kind))

    written = Price.objects.filter(priced_on=EX_ON, source="corporate action")
    assert dict(written.values_list("security__symbol", "price_usd")) == {
        symbol: D(price) for symbol, price in priced.items()
    }
    assert Price.objects.get(security__symbol="OLD", priced_on=EVE).price_usd == 100


def test_a_price_that_was_stated_for_the_ex_date_stands(world: ActionWorld) -> None:
    PriceFactory(security=Security.objects.get(symbol="OLD"), price_usd=D("25.40"), priced_on=EX_ON)

    world.applied(terms_for(ActionKind.SPLIT))

    assert Price.objects.get(security__symbol="OLD", priced_on=EX_ON).price_usd == D("25.40")


SAME_DAY = [
    (ActionKind.SPECIAL_DIVIDEND, ActionKind.SPLIT, "95", "23.75"),
    (ActionKind.SPLIT, ActionKind.SPECIAL_DIVIDEND, "25", "20"),
    (ActionKind.SPLIT, ActionKind.REVERSE_SPLIT, "25", "250"),
    (ActionKind.SPLIT, ActionKind.STOCK_DIVIDEND, "25", "23.809524"),
]


def _price_of_the_day() -> Decimal | None:
    return Price.objects.filter(security__symbol="OLD", priced_on=EX_ON).values_list("price_usd", flat=True).first()


@pytest.mark.parametrize(("first", "second", "between", "after"), SAME_DAY)
def test_two_actions_of_one_day_go_on_from_each_others_price_and_come_back(
    world: ActionWorld, first: ActionKind, second: ActionKind, between: str, after: str
) -> None:
    earlier, _ = world.applied(terms_for(first))
    later, _ = world.applied(terms_for(second))
    assert _price_of_the_day() == D(after)

    with pytest.raises(Conflict, match="Reverse that one first"):
        reverse(world.checker, earlier, reason="Wrong.", now=NOW)
    assert _price_of_the_day() == D(after)
    reverse(world.checker, later, reason="Wrong.", now=NOW)
    assert _price_of_the_day() == D(between)
    reverse(world.checker, earlier, reason="Wrong.", now=NOW)
    assert _price_of_the_day() is None


def test_two_firms_with_the_same_two_actions_of_a_day_leave_one_price(world: ActionWorld) -> None:
    other = action_world()
    for each in (world, other):
        each.applied(terms_for(ActionKind.SPECIAL_DIVIDEND))
        each.applied(terms_for(ActionKind.SPLIT))
        assert _price_of_the_day() == D("23.75")


def test_the_value_of_a_holding_is_the_same_across_a_split(world: ActionWorld) -> None:
    account = world.account(LINE)

    world.applied(terms_for(ActionKind.SPLIT))

    old = Security.objects.get(symbol="OLD")
    units = sum(lot[2] for lot in lots_of(account))
    assert units * last_prices([old.pk], as_of=EX_ON)[old.pk].price_usd == 100 * 100


def test_a_new_symbol_enters_the_master_with_its_history_and_an_alias(world: ActionWorld) -> None:
    terms = terms_for(ActionKind.SYMBOL_CHANGE, delivered=(Delivery(security="RENAMED", units_per_unit=D(1)),))
    account = world.account(LINE)

    world.applied(terms)

    new = Security.objects.get(symbol="RENAMED")
    assert (new.name, new.kind, new.sector) == ("OLD Incorporated", "stock", "Technology")
    assert Price.objects.get(security=new, priced_on=EVE).price_usd == 100
    assert SecurityAlias.objects.get(symbol="OLD").security == new
    assert successors(on=EX_ON) == {"OLD": "RENAMED"} and successors(on=EVE) == {}
    assert renamed_in({"RENAMED"}, {"OLD": "RENAMED"}) == {"OLD": "RENAMED"}
    assert renamed_in({"OLD"}, {"OLD": "RENAMED"}) == renamed_in({"OLD", "RENAMED"}, {"OLD": "RENAMED"}) == {}
    assert [lot[1] for lot in lots_of(account)] == ["RENAMED"]
    assert not word_on(world.firm, "OLD").is_buyable and word_on(world.firm, "RENAMED").is_buyable


@pytest.mark.parametrize("kind", MERGERS)
def test_a_merger_moves_the_weight_of_a_model_to_the_acquirer(world: ActionWorld, kind: ActionKind) -> None:
    world.security("KO")
    model = _model(world, OLD="0.3", NEW="0.2", KO="0.5")

    world.applied(terms_for(kind))

    assert weights_in_force(model) == {"NEW": D("0.5"), "KO": D("0.5")}
    assert weights_in_force(model, EVE)["OLD"] == D("0.3")
    version = model.versions.get(number=2)
    assert (version.author, version.approved_by) == (world.maker.user, world.checker.user)


@pytest.mark.parametrize("kind", [ActionKind.CASH_MERGER, ActionKind.WORTHLESS])
def test_weight_of_what_is_no_more_is_spread_over_the_rest(world: ActionWorld, kind: ActionKind) -> None:
    world.security("KO")
    model = _model(world, OLD="0.25", NEW="0.25", KO="0.5")

    world.applied(terms_for(kind))

    weights = weights_in_force(model)
    assert sum(weights.values()) == 1
    assert weights == {"NEW": D("0.33333333"), "KO": D("0.66666667")}


def test_a_spin_off_splits_the_weight_of_a_model_by_value(world: ActionWorld) -> None:
    model = _model(world, OLD="1")

    world.applied(terms_for(ActionKind.SPIN_OFF))

    assert weights_in_force(model) == {"OLD": D("0.9"), "NEW": D("0.1")}


def test_a_firm_that_does_not_want_the_child_keeps_its_model(world: ActionWorld) -> None:
    world.security("UNWANTED", price=None, is_known=False)
    model = _model(world, OLD="1")
    child = Delivery(security="UNWANTED", units_per_unit=D("0.25"), price_usd=D(40))

    world.applied(terms_for(ActionKind.SPIN_OFF, delivered=(child,)), choices=ActionChoices(buy_children=False))

    assert weights_in_force(model) == {"OLD": D(1)}
    assert not word_on(world.firm, "UNWANTED").is_buyable


def test_a_version_of_later_follows_too(world: ActionWorld) -> None:
    model = _model(world, OLD="1")
    later = EX_ON + timedelta(days=30)
    world.security("KO")
    _model(world, later, OLD="0.4", KO="0.6")

    world.applied(terms_for(ActionKind.STOCK_MERGER))

    assert weights_in_force(model) == {"NEW": D(1)}
    assert weights_in_force(model, later) == {"NEW": D("0.4"), "KO": D("0.6")}


def test_a_firm_may_want_its_own_approval_of_models(world: ActionWorld) -> None:
    world.firm.policies = {"action_models_need_approval": True}
    world.firm.save()
    model = _model(world, OLD="1")

    world.applied(terms_for(ActionKind.STOCK_MERGER))

    assert weights_in_force(model) == {"OLD": D(1)}
    assert model.versions.get(number=2).status == VersionStatus.SUBMITTED


def test_a_class_is_filled_by_the_acquirer_of_its_product(world: ActionWorld) -> None:
    add_product(world.firm, asset_class=world.asset_class, security=Security.objects.get(symbol="OLD"))

    world.applied(terms_for(ActionKind.STOCK_MERGER))

    assert products_in_force(world.firm) == [("us_large", "NEW")]
    assert products_in_force(world.firm, EX_ON - timedelta(days=1)) == [("us_large", "OLD")]


def test_substitutes_name_the_successor_and_never_itself(world: ActionWorld) -> None:
    ko, old, new = world.security("KO"), *(Security.objects.get(symbol=each) for each in ("OLD", "NEW"))
    pairs = [(old, ko, 1), (ko, old, 2), (old, new, 1), (ko, new, 1)]
    for security, use, rank in pairs:
        add_substitute(world.firm, security=security, use=use, rank=rank, hurdle_bps=D(5))

    world.applied(terms_for(ActionKind.STOCK_MERGER))

    assert substitutes_in_force(world.firm) == [("KO", "NEW", 1, D(5)), ("NEW", "KO", 1, D(5))]


def test_a_successor_joins_the_group_of_its_predecessor(world: ActionWorld) -> None:
    group = IdentityGroupFactory(firm=world.firm, key="olds")
    word = word_on(world.firm, "OLD")
    word.identity_group = group
    word.save()

    world.applied(terms_for(ActionKind.SYMBOL_CHANGE))

    assert word_on(world.firm, "NEW").identity_group == group


def test_a_successor_without_any_group_gets_one_with_its_predecessor(world: ActionWorld) -> None:
    world.applied(terms_for(ActionKind.SYMBOL_CHANGE))

    old, new = word_on(world.firm, "OLD"), word_on(world.firm, "NEW")
    assert new.identity_group is not None and new.identity_group == old.identity_group
    assert new.identity_group.level == "identical"


def test_an_acquirer_keeps_its_own_group_and_takes_the_predecessor_in(world: ActionWorld) -> None:
    group = IdentityGroupFactory(firm=world.firm, key="news")
    word = word_on(world.firm, "NEW")
    word.identity_group = group
    word.save()

    world.applied(terms_for(ActionKind.STOCK_MERGER))

    assert word_on(world.firm, "OLD").identity_group == group == word_on(world.firm, "NEW").identity_group


def test_a_child_that_was_spun_off_is_another_security(world: ActionWorld) -> None:
    world.applied(terms_for(ActionKind.SPIN_OFF))

    assert word_on(world.firm, "NEW").identity_group is None


def test_screens_of_a_security_hold_for_what_comes_of_it(world: ActionWorld) -> None:
    screen = Screen.objects.create(firm=world.firm, key="tobacco", name="Tobacco")
    screen.securities.add(Security.objects.get(symbol="OLD"))

    world.applied(terms_for(ActionKind.SPIN_OFF))

    assert set(screen.securities.values_list("symbol", flat=True)) == {"OLD", "NEW"}


@pytest.mark.parametrize("kind", [*MERGERS, ActionKind.CASH_MERGER, ActionKind.WORTHLESS])
def test_what_is_no_more_is_bought_no_more(world: ActionWorld, kind: ActionKind) -> None:
    world.applied(terms_for(kind))

    assert not word_on(world.firm, "OLD").is_buyable


def test_the_risk_model_knows_a_new_symbol_by_the_old_one(world: ActionWorld) -> None:
    content = {"exposures": {"OLD": [1.5]}, "specific_variance": {"OLD": 0.04}, "factors": ["market"]}
    packed = zstandard.compress(json.dumps(content).encode())
    blob = Blob.objects.create(sha256="a" * 64, content=packed, size=1)
    RiskModelVersion.objects.create(
        firm=world.firm,
        name="House",
        effective_on=EVE,
        blob=blob,
        factor_count=1,
        security_count=1,
        received_at=NOW,
    )

    world.applied(terms_for(ActionKind.SYMBOL_CHANGE))

    version = RiskModelVersion.objects.get(effective_on=EX_ON)
    told = json.loads(zstandard.ZstdDecompressor().decompress(bytes(version.blob.content)))
    assert told["exposures"] == {"OLD": [1.5], "NEW": [1.5]}


def test_the_preview_says_every_change_in_words_and_makes_none(world: ActionWorld) -> None:
    _model(world, OLD="1")
    _restrict(world, Verb.NEVER_SELL)
    action = world.announced(terms_for(ActionKind.SPIN_OFF))

    steps = preview(action).steps

    assert "OLD is priced at $90 on 2026-11-12 until a price of that day arrives." in steps
    assert "Core: OLD 100.0000% becomes 90.0000%, NEW 0.0000% becomes 10.0000%." in steps
    assert "1 restriction on OLD goes on to NEW, saying why." in steps
    assert SecurityModelVersion.objects.count() == Restriction.objects.count() == 1
    confirm(world.checker, action, now=NOW)
    apply(action, actor=None, now=NOW)
    assert [step["words"] for step in action.done["steps"]] == list(steps)


def test_another_firms_house_view_is_left_alone(world: ActionWorld) -> None:
    other = action_world()
    FirmSecurityFactory(firm=other.firm, security=Security.objects.get(symbol="OLD"), asset_class=other.asset_class)

    world.applied(terms_for(ActionKind.STOCK_MERGER))

    assert word_on(other.firm, "OLD").is_buyable


def test_a_merger_without_known_values_leaves_the_model_and_says_so(world: ActionWorld) -> None:
    world.security("ALSO", price=None)
    _model(world, OLD="1")
    delivered = tuple(Delivery(security=symbol, units_per_unit=D("0.5")) for symbol in ("NEW", "ALSO"))
    terms = ActionTerms(kind=ActionKind.STOCK_MERGER, key="", security="OLD", effective_on=EX_ON, delivered=delivered)
    action = world.announced(terms)

    shown = preview(action)

    assert shown.faults or any("prices that divide its weight are missing" in words for words in shown.steps)
