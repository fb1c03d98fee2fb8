"""
The only writer of settings and of the choice of a risk profile.

A line is never edited: a change ends the old one and adds a new one. An account keeps only what differs: choosing
what would hold anyway ends the account's own line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from advisors.templatetags.ui import moment
from portfolios.ledger.errors import BadInput
from portfolios.models.guidance import RiskProfile
from portfolios.models.households import Account, TaxReturn
from portfolios.models.preferences import Level, Preference
from portfolios.policy import SETTINGS, SettingValue, parse_setting
from portfolios.selectors.books import account_in_book
from portfolios.selectors.limits import version_ids_in_force
from portfolios.selectors.preferences import Place, in_force, own_place, settings_above, strongest
from portfolios.selectors.statement_words import setting_words
from portfolios.services.statement_guard import (
    Terms,
    accounts_of_return,
    business_date,
    check_terms,
    end_line,
    refuse,
    save_without_contradiction,
)

RISK_PROFILE_KEY = "allocation.risk_profile"

Seen = Mapping[str, int | None]


@transaction.atomic
def set_preference(
    member: Membership, *, account_id: int, key: str, value: SettingValue, terms: Terms, now: datetime
) -> None:
    """Set one setting of an account, whatever stood before."""
    set_preferences(member, account_id=account_id, values={key: value}, terms=terms, seen=None, now=now)


@transaction.atomic
def set_preferences(
    member: Membership,
    *,
    account_id: int,
    values: Mapping[str, SettingValue],
    terms: Terms,
    seen: Seen | None,
    now: datetime,
) -> tuple[str, ...]:
    """
    Set several settings of an account together and return the keys that changed.

    Settings that a tax return shares are kept at the return. `seen` names, by key, the line that the form showed
    (None where there was none); without it there is no guard against somebody else's change.

    :raises Conflict: a setting was changed since the form was shown
    :raises Invalid: a value does not fit, contradicts another, or leaves the compliant limits
    """
    account = account_in_book(member, account_id)
    check_can(member, Capability.EDIT_PREFERENCES)
    on = business_date(member, now=now)
    check_terms(terms, on=on)
    if terms.ends_on and not terms.starts_on:  # what holds for a while lies over what stands, and gives way again
        terms = replace(terms, starts_on=on)
    parsed = _parsed(values)
    _lock(account)
    places = {key: own_place(account, is_shared_by_return=SETTINGS[key].is_shared_by_return) for key in parsed}
    standing = {key: _standing(places[key], key, on=on) for key in parsed}
    if seen is not None:
        _check_unchanged(places, standing, seen)
    above = settings_above(account, on=on)
    changes = {key: value for key, value in parsed.items() if _is_change(standing[key], value, above[key], terms)}
    shares = any(level == Level.TAX_RETURN for level, _ in (places[key] for key in changes))
    reached = accounts_of_return(account.tax_return_id) if shares and account.tax_return_id else (account,)

    def change() -> None:
        for key, value in changes.items():
            line = standing[key]
            old = above[key] if line is None else line.value
            _replace(member, account, places[key], key, value, old, above[key], terms=terms, now=now)

    save_without_contradiction(reached, on=max(on, terms.starts_on or on), change=change)
    return tuple(changes)


def _parsed(values: Mapping[str, SettingValue]) -> dict[str, SettingValue]:
    parsed: dict[str, SettingValue] = {}
    faults = []
    for key, raw in values.items():
        try:
            parsed[key] = parse_setting(key, raw)
        except BadInput as fault:
            faults.append(f"{fault}.")
    refuse(faults)
    return parsed


def _lock(account: Account) -> None:
    """Let one writer at a time change what an account or its return chose."""
    Account.objects.select_for_update().filter(pk=account.pk).first()
    if account.tax_return_id is not None:
        TaxReturn.objects.select_for_update().filter(pk=account.tax_return_id).first()


def _open_lines(place: Place, key: str) -> list[Preference]:
    level, pk = place
    rows = Preference.objects.filter(level=level, key=key, ended_at__isnull=True, **{f"{level}_id": pk})
    return list(rows.select_related("set_by").order_by("pk"))


def _standing(place: Place, key: str, *, on: date) -> Preference | None:
    level, pk = place
    rows = Preference.objects.filter(in_force(on), level=level, key=key, **{f"{level}_id": pk})
    return strongest(rows.select_related("set_by"))


def _is_change(line: Preference | None, value: SettingValue, above: SettingValue, terms: Terms) -> bool:
    if line is None:
        return value != above or terms.starts_on is not None
    dates = (line.starts_on, line.ends_on, line.review_on)
    return value != line.value or (
        terms != Terms(reason=terms.reason) and dates != (terms.starts_on, terms.ends_on, terms.review_on)
    )


def _check_unchanged(places: Mapping[str, Place], standing: Mapping[str, Preference | None], seen: Seen) -> None:
    said = []
    for key, line in standing.items():
        if (line.pk if line else None) != seen.get(key):
            said.append(_who_changed(places[key], key, line))
    if said:
        raise Conflict(" ".join(said))


def _who_changed(place: Place, key: str, line: Preference | None) -> str:
    label = SETTINGS[key].label
    if line is not None:
        to = setting_words(key, line.value)
        return f"{line.set_by.full_name} changed “{label}” to {to} on {moment(line.set_at)}."
    level, pk = place
    rows = Preference.objects.filter(level=level, key=key, ended_at__isnull=False, **{f"{level}_id": pk})
    ended = rows.select_related("ended_by").order_by("ended_at", "pk").last()
    if ended is None or ended.ended_by is None:
        return f"“{label}” no longer holds as this page showed it."
    return f"{ended.ended_by.full_name} set “{label}” back to the default on {moment(ended.ended_at)}."


def _replace(
    member: Membership,
    account: Account,
    place: Place,
    key: str,
    value: SettingValue,
    old: SettingValue,
    above: SettingValue,
    *,
    terms: Terms,
    now: datetime,
) -> None:
    """End what the new line takes the place of, and add it unless it says what would hold anyway."""
    is_dated = terms.starts_on is not None
    for line in _open_lines(place, key):
        if not is_dated or line.starts_on == terms.starts_on:
            end_line(line, actor=member.user, now=now, what=f"“{SETTINGS[key].label}”")
    made = None
    if is_dated or value != above:
        made = _add(member, account, place, key, value, terms=terms, now=now)
    audit.record(
        "preference.set" if made else "preference.reset",
        actor=member,
        subject=(str(place[0]), place[1]),
        household_id=account.household_id,
        data={
            "account_id": account.pk,
            "key": key,
            "label": SETTINGS[key].label,
            "old": setting_words(key, old),
            "new": setting_words(key, value),
            "preference_id": made.pk if made else None,
            "starts_on": terms.starts_on,
            "ends_on": terms.ends_on,
        },
        reason=terms.reason,
        now=now,
    )


def _add(
    member: Membership,
    account: Account,
    place: Place,
    key: str,
    value: SettingValue,
    *,
    terms: Terms,
    now: datetime,
) -> Preference:
    level, pk = place
    return Preference.objects.create(
        firm_id=account.firm_id,
        level=level,
        **{f"{level}_id": pk},
        key=key,
        value=value,
        reason=terms.reason,
        starts_on=terms.starts_on,
        ends_on=terms.ends_on,
        review_on=terms.review_on,
        set_at=now,
        set_by=member.user,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What one change of a setting left behind: the line it added, None where it went back, and those it ended."""

    made_id: int | None
    ended_ids: tuple[int, ...]


def replaced_at(account: Account, key: str, *, by_id: int, at: datetime) -> Replaced:
    """Find what a change of one setting by somebody at a moment added and ended."""
    level, pk = own_place(account, is_shared_by_return=SETTINGS[key].is_shared_by_return)
    rows = Preference.objects.filter(level=level, key=key, **{f"{level}_id": pk})
    made = rows.filter(set_at=at, set_by_id=by_id).order_by("pk").last()
    ended = rows.filter(ended_at=at, ended_by_id=by_id).order_by("pk").values_list("pk", flat=True)
    return Replaced(made_id=made.pk if made else None, ended_ids=tuple(ended))


@transaction.atomic
def restore_setting(
    member: Membership, *, account_id: int, key: str, replaced: Replaced, reason: str, now: datetime
) -> None:
    """
    Take back one change of a setting: end what it added, and let what it ended hold again, as new lines.

    :raises Conflict: the setting was changed again since
    :raises Invalid: what would hold again contradicts something that stands now
    """
    account = account_in_book(member, account_id)
    check_can(member, Capability.EDIT_PREFERENCES)
    on = business_date(member, now=now)
    _lock(account)
    place = own_place(account, is_shared_by_return=SETTINGS[key].is_shared_by_return)
    level, pk = place
    rows = Preference.objects.filter(level=level, key=key, **{f"{level}_id": pk}).select_related("set_by")
    newest = rows.order_by("pk").last()
    if newest is None or newest.pk != (replaced.made_id or max(replaced.ended_ids, default=0)):
        raise Conflict(_who_changed(place, key, newest if newest and newest.ended_at is None else None))
    old = list(rows.filter(pk__in=replaced.ended_ids).order_by("pk"))
    shares = level == Level.TAX_RETURN and account.tax_return_id is not None
    reached = accounts_of_return(account.tax_return_id or 0) if shares else (account,)

    def change() -> None:
        if replaced.made_id is not None and newest is not None:
            end_line(newest, actor=member.user, now=now, what=f"“{SETTINGS[key].label}”")
        for line in old:
            terms = Terms(reason=reason, starts_on=line.starts_on, ends_on=line.ends_on, review_on=line.review_on)
            _add(member, account, place, key, line.value, terms=terms, now=now)

    save_without_contradiction(reached, on=on, change=change)
    audit.record(
        "preference.restored",
        actor=member,
        subject=(str(level), pk),
        household_id=account.household_id,
        data={
            "account_id": account.pk,
            "key": key,
            "label": SETTINGS[key].label,
            "ended_id": replaced.made_id,
            "new": [setting_words(key, line.value) for line in old],
        },
        reason=reason,
        now=now,
    )


@transaction.atomic
def set_risk_profile(
    member: Membership, *, account_id: int, profile_id: int, seen_id: int | None, terms: Terms, now: datetime
) -> None:
    """
    Choose the risk profile of an account; `seen_id` is the profile that the form showed.

    :raises Conflict: somebody chose another one meanwhile
    :raises Invalid: the profile is not in force, or a preference leaves its compliant limits
    """
    account = account_in_book(member, account_id)
    check_can(member, Capability.EDIT_PREFERENCES)
    on = business_date(member, now=now)
    check_terms(terms, on=on)
    profile = RiskProfile.objects.filter(pk=profile_id, firm_id=account.firm_id).first()
    if profile is None or profile.pk not in version_ids_in_force([profile_id], on=on):
        raise Invalid("This risk profile has no approved version in force. Choose another one.")
    if account.risk_profile_id == profile_id and seen_id == profile_id:
        return
    old = account.risk_profile.name if account.risk_profile else "none"

    def change() -> None:
        rows = Account.objects.filter(pk=account.pk, risk_profile_id=seen_id)
        if not rows.update(risk_profile=profile):
            raise Conflict(f"The risk profile of {account.name} was changed to {old} meanwhile.")
        place = (Level.ACCOUNT, account.pk)
        for line in _open_lines(place, RISK_PROFILE_KEY):
            end_line(line, actor=member.user, now=now, what="the choice of the risk profile")
        _add(member, account, place, RISK_PROFILE_KEY, profile.key, terms=terms, now=now)

    save_without_contradiction((account,), on=on, change=change)
    audit.record(
        "risk_profile.chosen",
        actor=member,
        subject=account,
        household_id=account.household_id,
        data={"old": old, "new": profile.name, "profile_id": profile.pk},
        reason=terms.reason,
        now=now,
    )
