"""Corporate actions before they are applied: announced, restated, confirmed by a second person, withdrawn."""

from datetime import timedelta
from decimal import Decimal

import pytest

from advisors.errors import Conflict, Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent, Role
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, HolderTerms
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.services.corporate_actions.applying import apply
from portfolios.services.corporate_actions.life import announce, confirm, faults_of, set_holder_terms, withdraw
from portfolios.services.corporate_actions.stored_terms import (
    ActionChoices,
    choices_of,
    holder_terms_of,
    stamp_of,
    terms_of,
)
from tests.actions import EX_ON, ActionWorld, action_world, terms_for
from tests.factories import NOW, FirmFactory, member_of

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def world(db: None) -> ActionWorld:
    """A firm that knows OLD and NEW."""
    world = action_world()
    world.security("OLD")
    world.security("NEW")
    return world


def test_an_action_is_announced_once_however_often_it_is_told(world: ActionWorld) -> None:
    first = announce(world.firm, terms_for(ActionKind.SPLIT), source="file", actor=None, now=NOW)
    again = announce(world.firm, terms_for(ActionKind.SPLIT), source="api", actor=None, now=NOW)

    assert first.is_new and not again.is_new and not again.is_restated
    assert CorporateAction.objects.get() == first.action == again.action
    assert AuditEvent.objects.filter(action="corporate_action.announced").count() == 1


@pytest.mark.parametrize("kind", [kind for kind in ActionKind if kind is not ActionKind.OTHER])
def test_terms_of_every_kind_read_back_as_they_were_announced(world: ActionWorld, kind: ActionKind) -> None:
    choices = ActionChoices(buy_children=False)

    action = announce(world.firm, terms_for(kind), source="form", actor=None, now=NOW, choices=choices).action
    action.refresh_from_db()

    assert terms_of(action) == terms_for(kind, key=f"action:{action.pk}")
    assert choices_of(action) == choices


def test_other_terms_restate_an_action_and_keep_the_old_ones_in_the_audit_log(world: ActionWorld) -> None:
    action = world.confirmed(terms_for(ActionKind.SPLIT))

    came = announce(world.firm, terms_for(ActionKind.SPLIT, ratio=D(5)), source="file", actor=None, now=NOW)

    action.refresh_from_db()
    assert came.is_restated and came.action == action
    assert (action.status, action.ratio, action.confirmed_by) == (ActionStatus.ANNOUNCED, D(5), None)
    told = AuditEvent.objects.get(action="corporate_action.restated").data
    assert (told["before"]["ratio"], told["after"]["ratio"], told["was"]) == ("4", "5", "confirmed")


def test_an_action_on_an_unknown_security_is_refused(world: ActionWorld) -> None:
    with pytest.raises(Invalid, match="GONE is not in the security master"):
        announce(world.firm, terms_for(ActionKind.SPLIT, "GONE"), source="file", actor=None, now=NOW)


def test_whoever_announced_an_action_does_not_confirm_it(world: ActionWorld) -> None:
    action = world.announced(terms_for(ActionKind.SPLIT))

    with pytest.raises(NotPermitted, match="Somebody else has to decide"):
        confirm(world.maker, action, now=NOW)

    assert action.status == ActionStatus.ANNOUNCED
    confirm(world.checker, action, now=NOW)
    assert (action.status, action.confirmed_by) == (ActionStatus.CONFIRMED, world.checker.user)


def test_a_single_operator_confirms_their_own_announcement(world: ActionWorld) -> None:
    world.firm.is_single_operator = True
    world.firm.save()
    action = world.announced(terms_for(ActionKind.SPLIT))

    confirm(world.maker, action, now=NOW)

    assert action.status == ActionStatus.CONFIRMED


@pytest.mark.parametrize("role", [Role.ADVISOR, Role.REVIEWER, Role.CIO, Role.COMPLIANCE, Role.ADMINISTRATOR])
def test_only_operations_confirms_actions(world: ActionWorld, role: Role) -> None:
    action = world.announced(terms_for(ActionKind.SPLIT))

    with pytest.raises(NotPermitted, match="confirming corporate actions"):
        confirm(member_of(world.firm, role), action, now=NOW)


def test_an_action_of_another_firm_does_not_exist(world: ActionWorld) -> None:
    action = world.announced(terms_for(ActionKind.SPLIT))
    foreigner = member_of(FirmFactory(), Role.OPERATIONS)

    with pytest.raises(NotFound):
        confirm(foreigner, action, now=NOW)
    with pytest.raises(NotFound):
        withdraw(foreigner, action, reason="Not ours.", now=NOW)


def test_incomplete_terms_are_announced_but_not_confirmed(world: ActionWorld) -> None:
    terms = ActionTerms(kind=ActionKind.SPLIT, key="", security="OLD", effective_on=EX_ON)
    action = world.announced(terms)

    assert faults_of(action)
    with pytest.raises(Invalid, match="cannot be confirmed yet"):
        confirm(world.checker, action, now=NOW)


def test_an_acquirer_outside_the_master_keeps_a_merger_from_being_confirmed(world: ActionWorld) -> None:
    terms = terms_for(ActionKind.STOCK_MERGER)
    action = world.announced(
        ActionTerms(
            kind=terms.kind,
            key="",
            security="OLD",
            effective_on=EX_ON,
            delivered=(type(terms.delivered[0])(security="ACQ", units_per_unit=D(1)),),
        )
    )

    assert "The security ACQ is not in the security master; add it first." in faults_of(action)


def test_a_confirmation_of_what_was_restated_meanwhile_is_refused(world: ActionWorld) -> None:
    action = world.announced(terms_for(ActionKind.SPLIT))
    seen = stamp_of(action)
    announce(world.firm, terms_for(ActionKind.SPLIT, ratio=D(5)), source="file", actor=None, now=NOW)

    with pytest.raises(Conflict, match="changed meanwhile"):
        confirm(world.checker, action, now=NOW, seen=seen)


def test_a_file_does_not_raise_again_what_a_person_withdrew(world: ActionWorld) -> None:
    action = announce(world.firm, terms_for(ActionKind.SPLIT), source="file", actor=None, now=NOW).action
    withdraw(world.checker, action, reason="Another company.", now=NOW)

    again = announce(world.firm, terms_for(ActionKind.SPLIT), source="file", actor=None, now=NOW)
    by_hand = announce(world.firm, terms_for(ActionKind.SPLIT), source="form", actor=world.maker.user, now=NOW)

    assert (again.action, again.is_new) == (action, False)
    assert by_hand.is_new and by_hand.action != action


def test_withdrawing_asks_for_a_reason_and_happens_once(world: ActionWorld) -> None:
    action = world.announced(terms_for(ActionKind.SPLIT))

    with pytest.raises(Invalid, match="Say why"):
        withdraw(world.checker, action, reason="  ", now=NOW)
    withdraw(world.checker, action, reason="Called off.", now=NOW)

    assert (action.status, action.end_reason) == (ActionStatus.WITHDRAWN, "Called off.")
    with pytest.raises(Conflict):
        withdraw(world.checker, action, reason="Twice.", now=NOW)


def test_what_a_holder_elected_is_kept_with_the_action_and_survives_a_restatement(world: ActionWorld) -> None:
    account = world.account()
    action = world.announced(terms_for(ActionKind.TENDER))
    holder = HolderTerms(tendered_units=D(30))

    set_holder_terms(world.checker, action, account_id=account.pk, holder=holder, now=NOW)
    announce(world.firm, terms_for(ActionKind.TENDER, cash_per_unit_usd=D(106)), source="file", actor=None, now=NOW)

    action.refresh_from_db()
    assert holder_terms_of(action, account.pk) == holder
    assert terms_of(action).cash_per_unit_usd == D(106)


def test_what_a_holder_elects_after_the_confirmation_is_confirmed_again_by_another(world: ActionWorld) -> None:
    account = world.account()
    action = world.confirmed(terms_for(ActionKind.MIXED_MERGER))
    holder = HolderTerms(elected_cash_per_unit_usd=D(9999), elected_units_per_unit=D(0))

    set_holder_terms(world.maker, action, account_id=account.pk, holder=holder, now=NOW)

    assert (action.status, action.confirmed_by) == (ActionStatus.ANNOUNCED, None)
    assert AuditEvent.objects.get(action="corporate_action.holder_terms_set").data["was"] == "confirmed"
    with pytest.raises(Conflict, match="Only a confirmed action is applied"):
        apply(action, actor=None, now=NOW)
    with pytest.raises(NotPermitted, match="Somebody else has to decide"):
        confirm(world.maker, action, now=NOW)
    confirm(world.checker, action, now=NOW)
    assert holder_terms_of(action, account.pk) == holder


def test_who_confirmed_and_then_entered_an_election_leaves_it_to_the_other(world: ActionWorld) -> None:
    account = world.account()
    action = world.confirmed(terms_for(ActionKind.TENDER))
    set_holder_terms(world.checker, action, account_id=account.pk, holder=HolderTerms(tendered_units=D(3)), now=NOW)

    with pytest.raises(NotPermitted):
        confirm(world.checker, action, now=NOW)
    confirm(world.maker, action, now=NOW)

    assert action.status == ActionStatus.CONFIRMED


def test_who_entered_an_election_before_the_confirmation_does_not_confirm_it(world: ActionWorld) -> None:
    account = world.account()
    action = world.announced(terms_for(ActionKind.TENDER))
    set_holder_terms(world.checker, action, account_id=account.pk, holder=HolderTerms(tendered_units=D(3)), now=NOW)

    for member in (world.checker, world.maker):
        with pytest.raises(NotPermitted):
            confirm(member, action, now=NOW)
    set_holder_terms(world.maker, action, account_id=account.pk, holder=HolderTerms(tendered_units=D(4)), now=NOW)
    confirm(world.checker, action, now=NOW)

    assert action.status == ActionStatus.CONFIRMED


def test_elections_of_accounts_of_another_firm_are_refused(world: ActionWorld) -> None:
    other = action_world()
    account = other.account()
    action = world.announced(terms_for(ActionKind.TENDER))

    with pytest.raises(NotFound):
        set_holder_terms(world.checker, action, account_id=account.pk, holder=HolderTerms(), now=NOW)


def test_the_same_split_on_another_day_is_another_action(world: ActionWorld) -> None:
    world.announced(terms_for(ActionKind.SPLIT))
    world.announced(terms_for(ActionKind.SPLIT, effective_on=EX_ON + timedelta(days=30)))

    assert CorporateAction.objects.count() == 2


def test_the_same_split_told_with_two_dates_is_not_confirmed_twice(world: ActionWorld) -> None:
    first, _ = world.applied(terms_for(ActionKind.SPLIT))
    again = terms_for(ActionKind.SPLIT, effective_on=EX_ON + timedelta(days=1))
    second = world.announced(again)

    with pytest.raises(Invalid, match=f"the split of OLD of {first.effective_on}, applied"):
        confirm(world.checker, second, now=NOW)

    why = "The company splits a second time."
    announce(world.firm, again, source="form", note=why, actor=world.maker.user, now=NOW)
    confirm(world.checker, second, now=NOW)
    assert (second.status, second.note) == (ActionStatus.CONFIRMED, why)


@pytest.mark.parametrize(("ratio", "days"), [(2, 1), (4, 11)])
def test_another_ratio_or_a_later_day_is_another_split(world: ActionWorld, ratio: int, days: int) -> None:
    world.applied(terms_for(ActionKind.SPLIT))
    second = world.announced(terms_for(ActionKind.SPLIT, ratio=D(ratio), effective_on=EX_ON + timedelta(days=days)))

    assert faults_of(second) == ()


def test_of_two_announcements_of_one_split_the_first_goes_ahead(world: ActionWorld) -> None:
    first = world.announced(terms_for(ActionKind.SPLIT))
    second = world.announced(terms_for(ActionKind.SPLIT, effective_on=EX_ON - timedelta(days=10)))

    assert faults_of(first) == ()
    assert "announced. Withdraw this one" in faults_of(second)[0]


def test_what_was_detected_needs_the_word_of_a_person_to_be_another_split(world: ActionWorld) -> None:
    world.applied(terms_for(ActionKind.SPLIT))
    terms = terms_for(ActionKind.SPLIT, effective_on=EX_ON + timedelta(days=5))
    told = {"source": "prices", "note": "OLD looks split.", "actor": None, "now": NOW, "is_detected": True}
    second = announce(world.firm, terms, **told).action  # type: ignore[arg-type]  # as the line above says

    assert faults_of(second)
    withdraw(world.checker, second, reason="The same one.", now=NOW)
    assert second.status == ActionStatus.WITHDRAWN
