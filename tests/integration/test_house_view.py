"""A change of the house view from its draft to the day on which accounts follow it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from advisors.errors import Conflict, Invalid, NotPermitted
from advisors.models import AuditEvent, Membership, Role
from portfolios.custodians.house_tables import read_products, read_substitutes, read_weights
from portfolios.models.guidance import DefaultsVersion, HouseViewChange, SecurityModel, VersionStatus
from portfolios.models.households import Account
from portfolios.models.preferences import Preference
from portfolios.policy import SettingValue
from portfolios.selectors.house_view_pages import change_in_firm, change_page
from portfolios.selectors.preferences import settings_by_account
from portfolios.services.house_view import drafts, lifecycle
from portfolios.services.house_view.checks import findings_of_change
from rebalancing.snapshots.guidance import load_guidance
from rebalancing.snapshots.taking import take_cases
from tests.factories import BUSINESS_ON, NOW, member_of
from tests.firms import Desk, open_desk, sound
from tests.house_views import MORE_BONDS, opened, put_bonds, seen, submit, weight

pytestmark = pytest.mark.django_db
TOMORROW = BUSINESS_ON + timedelta(days=1)


@pytest.fixture
def desk() -> Desk:
    return open_desk()


@pytest.fixture
def author(desk: Desk) -> Membership:
    return member_of(desk.firm, Role.CIO)


@pytest.fixture
def approver(desk: Desk) -> Membership:
    return member_of(desk.firm, Role.CIO)


def test_accounts_follow_a_change_from_its_approval_and_its_day_on(
    desk: Desk, author: Membership, approver: Membership
) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    change = opened(author, effective_on=TOMORROW)
    put_bonds(author, change, desk)
    submit(author, change)
    lifecycle.approve_change(approver, change_id=change.pk, note="Agreed.", now=NOW)

    today = load_guidance(desk.firm.pk, as_of=BUSINESS_ON).profile_of(desk.profile.pk)
    tomorrow = load_guidance(desk.firm.pk, as_of=TOMORROW).profile_of(desk.profile.pk)

    assert sound(desk, account).accounts[0].target["BND"] == 0.4
    assert [str(line.weight_frac) for line in today] == ["0.580000", "0.400000", "0.020000"]
    assert [str(line.weight_frac) for line in tomorrow] == ["0.380000", "0.600000", "0.020000"]
    change.refresh_from_db()
    assert (change.status, change.decided_by, change.decision_note) == ("approved", approver.user, "Agreed.")


def test_a_case_can_be_taken_as_if_a_draft_were_in_force(desk: Desk, author: Membership) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    change = opened(author, effective_on=TOMORROW)
    put_bonds(author, change, desk)
    drafts.put_products(
        author, seen(change), entries=read_products(b"asset_class,use\nus_large,ITOT\nbonds,BND\n"), now=NOW
    )

    def target(change_id: int | None) -> dict[str, float]:
        (taken,) = take_cases(desk.firm.pk, account_ids=[account.pk], as_of=BUSINESS_ON, change_id=change_id)
        assert taken.case is not None
        return dict(taken.case.accounts[0].target)

    assert (target(change.pk)["ITOT"], target(change.pk)["BND"]) == (0.38, 0.6)
    assert (target(None)["VTI"], target(None)["BND"]) == (0.58, 0.4)


def test_whoever_edited_a_part_does_not_approve_the_whole(desk: Desk, author: Membership, approver: Membership) -> None:
    change = opened(author)
    put_bonds(approver, change, desk)
    submit(author, change)

    for member in (author, approver):
        with pytest.raises(NotPermitted, match="Somebody else has to decide"):
            lifecycle.approve_change(member, change_id=change.pk, now=NOW)

    lifecycle.approve_change(member_of(desk.firm, Role.CIO), change_id=change.pk, now=NOW)
    assert HouseViewChange.objects.get(pk=change.pk).status == VersionStatus.APPROVED


def test_what_was_submitted_is_edited_no_more_until_it_is_sent_back(
    desk: Desk, author: Membership, approver: Membership
) -> None:
    change = opened(author)
    put_bonds(author, change, desk)
    submit(author, change)

    with pytest.raises(Conflict, match="waits for approval: it is not edited any more"):
        put_bonds(author, change, desk)

    lifecycle.send_back_change(approver, change_id=change.pk, note="Too much at once.", now=NOW)
    put_bonds(author, change, desk)
    change.refresh_from_db()
    assert (change.status, change.decision_note) == (VersionStatus.DRAFT, "Too much at once.")
    assert change.riskprofileversions.count() == 1


def test_two_who_edit_the_same_draft_never_overwrite_each_other(
    desk: Desk, author: Membership, approver: Membership
) -> None:
    change = opened(author)
    mine = seen(change)
    drafts.put_profile(approver, mine, profile_id=desk.profile.pk, weights=MORE_BONDS, now=NOW)

    with pytest.raises(Conflict, match=approver.user.full_name):
        drafts.put_profile(author, mine, profile_id=desk.profile.pk, weights=MORE_BONDS, now=NOW)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (
            (weight("us_large", "38", "28", "48"), weight("bonds", "0.6", "0", "70"), weight("cash", "2", "0", "10")),
            "The weights sum to 40.6000%, not to 100%. Bonds reads as 0.6000%: was 60.00% meant?",
        ),
        (
            (weight("us_large", "38", "28", "48"), weight("bonds", "60", "61", "70"), weight("cash", "2", "0", "10")),
            "The limits of Bonds, 61.00% to 70.00%, do not hold its weight, 60.00%.",
        ),
        ((*MORE_BONDS, weight("gold", "0", "0", "1")), "There is no asset class with the key gold."),
        ((*MORE_BONDS, weight("cash", "0", "0", "1")), "Cash is named twice."),
    ],
)
def test_weights_and_limits_that_cannot_be_meant_are_refused(
    weights: tuple[drafts.ClassWeight, ...], said: str, desk: Desk, author: Membership
) -> None:
    change = opened(author)

    with pytest.raises(Invalid) as refused:
        drafts.put_profile(author, seen(change), profile_id=desk.profile.pk, weights=weights, now=NOW)

    assert said in refused.value.faults
    assert not change.riskprofileversions.exists()


def test_a_model_names_every_unknown_security_with_its_row(desk: Desk, author: Membership) -> None:
    change = opened(author)
    model = drafts.create_model(author, name="Large Core", now=NOW)
    entries = read_weights(b"symbol,weight\nVTI,50\nZZZZ,30\nYYYY,20\n")

    with pytest.raises(Invalid) as refused:
        drafts.put_model(author, seen(change), model_id=model.pk, entries=entries, now=NOW)

    assert refused.value.faults == (
        "Row 3: There is no security ZZZZ in the security master.",
        "Row 4: There is no security YYYY in the security master.",
    )


def test_a_model_fills_a_class_once_it_is_approved(desk: Desk, author: Membership, approver: Membership) -> None:
    change = opened(author)
    model = drafts.create_model(author, name="Large Core", now=NOW)
    entries = read_weights(b"VTI,75\nAAPL,25\n")
    drafts.put_model(author, seen(change), model_id=model.pk, entries=entries, now=NOW)
    products = read_products(b"asset_class,use\nus_large,large_core\nbonds,BND\n")
    drafts.put_products(author, seen(change), entries=products, now=NOW)
    submit(author, change)
    lifecycle.approve_change(approver, change_id=change.pk, now=NOW)

    target = sound(desk, desk.account("VTI 40 @ 200 2024-03-01")).accounts[0].target

    assert (target["VTI"], target["AAPL"]) == (0.435, 0.145)


def test_a_class_that_nothing_fills_bars_the_change(desk: Desk, author: Membership) -> None:
    change = opened(author)
    products = read_products(b"asset_class,use,tax_status,min_account\nus_large,VTI,taxable,0\nbonds,BND,,50000\n")
    drafts.put_products(author, seen(change), entries=products, now=NOW)

    with pytest.raises(Invalid) as refused:
        submit(author, change)

    assert refused.value.faults == (
        "Balanced gives US Large Cap 58.00%, but no product fills it in tax-deferred accounts.",
        "Balanced gives US Large Cap 58.00%, but no product fills it in tax-exempt accounts.",
        "Balanced gives Bonds 40.00%, but no product fills it in taxable accounts below $50,000.",
        "Balanced gives Bonds 40.00%, but no product fills it in tax-deferred accounts below $50,000.",
        "Balanced gives Bonds 40.00%, but no product fills it in tax-exempt accounts below $50,000.",
    )


def test_what_is_odd_is_said_before_anybody_approves(desk: Desk, author: Membership) -> None:
    change = opened(author)
    products = read_products(b"asset_class,use\nus_large,BND\nbonds,BND\n")
    drafts.put_products(author, seen(change), entries=products, now=NOW)

    found = findings_of_change(HouseViewChange.objects.get(pk=change.pk))

    assert found.faults == ()
    assert "BND fills US Large Cap, but counts as Bonds." in found.warnings


def test_an_empty_change_is_not_submitted(author: Membership) -> None:
    change = opened(author)

    with pytest.raises(Invalid, match="Nothing is in it yet"):
        submit(author, change)


@pytest.mark.parametrize("title", ["", "   "])
def test_a_change_has_a_title_and_a_day_that_is_still_to_come(title: str, author: Membership) -> None:
    with pytest.raises(Invalid) as refused:
        opened(author, title=title, effective_on=BUSINESS_ON - timedelta(days=1))

    assert len(refused.value.faults) == 2


def test_a_piece_taken_out_is_as_if_it_had_never_been_in_it(desk: Desk, author: Membership) -> None:
    change = opened(author)
    entries = read_substitutes(b"symbol,use\nVTI,AAPL\n")
    drafts.put_substitutes(author, seen(change), entries=entries, now=NOW)
    version = change.substitutelistversions.get()

    drafts.take_out(author, seen(change), kind="substitutelistversion", version_id=version.pk, now=NOW)

    assert not change.substitutelistversions.exists()


def test_a_dropped_change_stays_readable_and_never_counts(desk: Desk, author: Membership) -> None:
    change = opened(author)
    put_bonds(author, change, desk)

    lifecycle.drop_change(author, change_id=change.pk, reason="Not this year.", now=NOW)

    change.refresh_from_db()
    assert (change.status, change.decision_note) == (VersionStatus.WITHDRAWN, "Not this year.")
    assert load_guidance(desk.firm.pk, as_of=BUSINESS_ON).profile_of(desk.profile.pk)[1].weight_frac == Decimal("0.4")
    with pytest.raises(Conflict, match="is dropped"):
        lifecycle.drop_change(author, change_id=change.pk, reason="Again.", now=NOW)


def test_every_step_is_in_the_audit_log(desk: Desk, author: Membership, approver: Membership) -> None:
    change = opened(author)
    put_bonds(author, change, desk)
    submit(author, change)
    lifecycle.approve_change(approver, change_id=change.pk, now=NOW)

    said = AuditEvent.objects.filter(action__startswith="house_view_change.").order_by("pk")

    assert [(one.action.split(".")[1], one.actor_id) for one in said] == [
        ("opened", author.user_id),
        ("edited", author.user_id),
        ("submitted", author.user_id),
        ("approved", approver.user_id),
    ]


def test_names_of_models_are_not_taken_twice(desk: Desk, author: Membership) -> None:
    drafts.create_model(author, name="Large Core", now=NOW)

    with pytest.raises(Invalid, match="There is already a security model"):
        drafts.create_model(author, name=" Large  Core ", now=NOW)

    assert SecurityModel.objects.filter(firm=desk.firm).count() == 1


def put_defaults(author: Membership, change: HouseViewChange, **values: SettingValue) -> None:
    """Say defaults in a draft: `tracking_preference=7` of trading."""
    said = {f"trading.{name}": value for name, value in values.items()}
    drafts.put_defaults(author, seen(change), values=said, now=NOW)


def tracking(
    desk: Desk, account: Account, on: date = BUSINESS_ON, change: HouseViewChange | None = None
) -> SettingValue:
    found = settings_by_account([account], on=on, change_id=change.pk if change else None)
    return found[account.pk]["trading.tracking_preference"]


def test_firm_defaults_reach_who_chose_nothing_from_their_day_on(
    desk: Desk, author: Membership, approver: Membership
) -> None:
    account, other = desk.account("VTI 40 @ 200 2024-03-01"), desk.account("VTI 40 @ 200 2024-03-01")
    Preference.objects.create(
        firm=desk.firm,
        level="account",
        account=other,
        key="trading.tracking_preference",
        value=3,
        set_at=NOW,
        set_by=author.user,
    )
    change = opened(author, effective_on=TOMORROW)
    put_defaults(author, change, tracking_preference=7)
    (piece,) = change_page(change_in_firm(author, change.pk)).pieces
    assert [(line.name, line.before, line.after) for line in piece.changed] == [("Tracking preference", "5", "7")]

    assert (tracking(desk, account), tracking(desk, account, change=change)) == (5, 7)
    (taken,) = take_cases(desk.firm.pk, account_ids=[account.pk], as_of=BUSINESS_ON, change_id=change.pk)
    assert taken.case is not None
    assert taken.case.accounts[0].trading.tracking_preference == 7

    submit(author, change)
    lifecycle.approve_change(approver, change_id=change.pk, note="", now=NOW)
    assert (tracking(desk, account), tracking(desk, account, on=TOMORROW)) == (5, 7)
    assert tracking(desk, other, on=TOMORROW) == 3


def test_a_later_list_of_defaults_replaces_the_whole_of_an_earlier_one(
    desk: Desk, author: Membership, approver: Membership
) -> None:
    account = desk.account("VTI 40 @ 200 2024-03-01")
    desk.firm.defaults = {"trading.tracking_preference": 9}
    desk.firm.save()
    assert tracking(desk, account) == 9
    for value in (7, 5):
        change = opened(author, effective_on=BUSINESS_ON)
        put_defaults(author, change, tracking_preference=value)
        submit(author, change)
        lifecycle.approve_change(approver, change_id=change.pk, note="", now=NOW)
        assert tracking(desk, account) == value
    assert DefaultsVersion.objects.order_by("number").last().values == {}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cash.reserve_frac": "0.2", "cash.ceiling_frac": "0.1"}, "contradicts"),
        ({"trading.tracking_preference": 11}, "at most 10"),
        ({"trading.no_such": 1}, "no setting called"),
    ],
)
def test_defaults_that_do_not_fit_are_refused(
    desk: Desk, author: Membership, values: dict[str, SettingValue], said: str
) -> None:
    change = opened(author, effective_on=TOMORROW)

    with pytest.raises(Invalid, match=said):
        drafts.put_defaults(author, seen(change), values=values, now=NOW)
    assert not DefaultsVersion.objects.exists()
