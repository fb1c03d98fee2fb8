"""
The policy statement in force: settings, restrictions and cash needs of many accounts at once.

Lines stand at the firm, an office, a household, a tax return or an account. Of a setting the nearest to the account
counts; restrictions and cash needs add up. Every read takes the same few queries for any number of accounts.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from django.db.models import Max, Q

from portfolios.models.household_policies import HouseholdPolicy
from portfolios.models.households import Account, Household, TaxSituation
from portfolios.models.preferences import CashNeed, Level, Preference, Restriction, Statement
from portfolios.policy import SETTINGS, SettingValue, resolve_settings
from portfolios.selectors.guidance_versions import firm_defaults

_NEAREST_LAST = (Level.FIRM, Level.OFFICE, Level.HOUSEHOLD, Level.TAX_RETURN, Level.ACCOUNT)

Place = tuple[str, int]
Line = TypeVar("Line", bound=Statement)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingLine:
    """
    One setting as it holds for an account, and where that comes from.

    `level` is None while nobody chose anything: the value is then the firm's default. `preference_id` names the line
    in force at that level; `reason`, `set_by`, `set_at` and the dates are its own.
    """

    key: str
    value: SettingValue
    default: SettingValue
    level: Level | None = None
    preference_id: int | None = None
    reason: str = ""
    set_by: str = ""
    set_at: datetime | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    review_on: date | None = None

    @property
    def is_changed(self) -> bool:
        """Tell whether the value differs from the firm's default."""
        return self.value != self.default


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionLine:
    """One restriction as it holds for an account, at whichever level it was set. Fractions are of the account."""

    id: int
    level: Level
    verb: str
    subject_kind: str
    subject: str
    disposal: str
    min_frac: Decimal | None
    max_frac: Decimal | None
    min_usd: Decimal | None
    max_usd: Decimal | None
    min_units: Decimal | None
    max_units: Decimal | None
    reason: str
    set_by: str
    set_at: datetime
    starts_on: date | None
    ends_on: date | None
    review_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CashNeedLine:
    """Money that leaves or comes: `due_on` is the next date, raised `lead_days` before."""

    id: int
    level: Level
    kind: str
    amount_usd: Decimal
    due_on: date
    period: str
    lead_days: int
    reason: str
    set_by: str
    set_at: datetime
    starts_on: date | None
    ends_on: date | None
    review_on: date | None


def in_force(on: date) -> Q:
    """Return the condition of lines that hold on a day."""
    return (
        Q(ended_at__isnull=True)
        & (Q(starts_on__isnull=True) | Q(starts_on__lte=on))
        & (Q(ends_on__isnull=True) | Q(ends_on__gte=on))
    )


def place_of(line: Statement) -> Place:
    """Return the level of a line and the id of the row it applies to."""
    level = Level(line.level)
    return (level, line.firm_id if level is Level.FIRM else int(getattr(line, f"{level}_id")))


def places_of(accounts: Iterable[Account]) -> Mapping[int, tuple[Place, ...]]:
    """Return the places whose lines reach each account, the nearest last; one query."""
    accounts = list(accounts)
    office_of = dict(
        Household.objects.filter(pk__in={account.household_id for account in accounts}).values_list("pk", "office_id")
    )
    return {account.pk: tuple(_places(account, office_of)) for account in accounts}


def _places(account: Account, office_of: Mapping[int, int]) -> Iterator[Place]:
    yield (Level.FIRM, account.firm_id)
    yield (Level.OFFICE, office_of[account.household_id])
    yield (Level.HOUSEHOLD, account.household_id)
    if account.tax_return_id is not None:
        yield (Level.TAX_RETURN, account.tax_return_id)
    yield (Level.ACCOUNT, account.pk)


def reaching(places: Mapping[int, tuple[Place, ...]]) -> Q:
    """Return the condition of lines that reach any of these accounts."""
    ids: dict[str, set[int]] = {level: set() for level in _NEAREST_LAST}
    for row in places.values():
        for level, pk in row:
            ids[level].add(pk)
    condition = Q(level=Level.FIRM, firm_id__in=ids[Level.FIRM])
    for level in _NEAREST_LAST[1:]:
        condition |= Q(**{f"{level}_id__in": ids[level]})
    return condition


def _lines_by_place(lines: Iterable[Line]) -> Mapping[Place, list[Line]]:
    found: dict[Place, list[Line]] = {}
    for line in lines:
        found.setdefault(place_of(line), []).append(line)
    return found


def _strength(line: Preference) -> tuple[bool, date, datetime, int]:
    """Of two lines at one level the dated one wins, then the one that starts later, then the newer."""
    return (line.starts_on is not None or line.ends_on is not None, line.starts_on or date.min, line.set_at, line.pk)


def strongest(lines: Iterable[Preference]) -> Preference | None:
    """Return the one that counts of several lines for one key at one place."""
    return max(lines, key=_strength, default=None)


def setting_lines_by_account(
    accounts: Collection[Account], *, on: date, change_id: int | None = None
) -> Mapping[int, Mapping[str, SettingLine]]:
    """Return every setting of each account with where it comes from, with a draft's defaults if asked; four queries."""
    places = places_of(accounts)
    firms = firm_defaults({account.firm_id for account in accounts}, on=on, change_id=change_id)
    chosen = _lines_by_place(
        Preference.objects.filter(in_force(on), reaching(places), key__in=SETTINGS).select_related("set_by")
    )
    defaults = {pk: resolve_settings(firm_defaults=values, chosen={}) for pk, values in firms.items()}
    return {
        account.pk: _setting_lines(places[account.pk], chosen, firms[account.firm_id], defaults[account.firm_id])
        for account in accounts
    }


def _setting_lines(
    places: tuple[Place, ...],
    chosen: Mapping[Place, list[Preference]],
    of_firm: Mapping[str, SettingValue],
    defaults: Mapping[str, SettingValue],
) -> Mapping[str, SettingLine]:
    nearest: dict[str, Preference] = {}
    for place in places:
        for line in sorted(chosen.get(place, ()), key=_strength):
            nearest[line.key] = line
    values = resolve_settings(firm_defaults=of_firm, chosen={key: line.value for key, line in nearest.items()})
    return {key: _setting_line(key, values[key], defaults[key], nearest.get(key)) for key in SETTINGS}


def _setting_line(key: str, value: SettingValue, default: SettingValue, line: Preference | None) -> SettingLine:
    if line is None:
        return SettingLine(key=key, value=value, default=default)
    return SettingLine(
        key=key,
        value=value,
        default=default,
        level=Level(line.level),
        preference_id=line.pk,
        reason=line.reason,
        set_by=line.set_by.full_name,
        set_at=line.set_at,
        starts_on=line.starts_on,
        ends_on=line.ends_on,
        review_on=line.review_on,
    )


def settings_above(account: Account, *, on: date) -> Mapping[str, SettingValue]:
    """Return what each setting would be if the account, or for shared settings its return, had chosen nothing."""
    firm = firm_defaults([account.firm_id], on=on)[account.firm_id]
    places = places_of([account])[account.pk]
    chosen = _lines_by_place(
        Preference.objects.filter(in_force(on), reaching({account.pk: places}), key__in=SETTINGS).select_related(
            "set_by"
        )
    )
    defaults = resolve_settings(firm_defaults=firm, chosen={})
    own = own_place(account, is_shared_by_return=False)
    shared = own_place(account, is_shared_by_return=True)
    above = _setting_lines(places[: places.index(own)], chosen, firm, defaults)
    above_return = _setting_lines(places[: places.index(shared)], chosen, firm, defaults)
    return {key: (above_return if SETTINGS[key].is_shared_by_return else above)[key].value for key in SETTINGS}


def own_place(account: Account, *, is_shared_by_return: bool) -> Place:
    """Return where an account's own choice of a setting is kept: at its tax return when the return shares it."""
    if is_shared_by_return and account.tax_return_id is not None:
        return (Level.TAX_RETURN, account.tax_return_id)
    return (Level.ACCOUNT, account.pk)


def settings_by_account(
    accounts: Collection[Account], *, on: date, change_id: int | None = None
) -> Mapping[int, Mapping[str, SettingValue]]:
    """Return the value of every setting of each account, with a draft's defaults if asked; four queries."""
    lines = setting_lines_by_account(accounts, on=on, change_id=change_id)
    return {pk: {key: line.value for key, line in row.items()} for pk, row in lines.items()}


def restrictions_by_account(accounts: Collection[Account], *, on: date) -> Mapping[int, tuple[RestrictionLine, ...]]:
    """Return the restrictions in force on each account, the firm's first; two queries."""
    places = places_of(accounts)
    rows = Restriction.objects.filter(in_force(on), reaching(places)).select_related("set_by").order_by("pk")
    found = _lines_by_place(rows)
    return {
        pk: tuple(restriction_line(row) for place in reach for row in found.get(place, ()))
        for pk, reach in places.items()
    }


def restriction_line(row: Restriction) -> RestrictionLine:
    """Unfold one restriction."""
    return RestrictionLine(
        id=row.pk,
        level=Level(row.level),
        verb=row.verb,
        subject_kind=row.subject_kind,
        subject=row.subject,
        disposal=row.disposal,
        min_frac=row.min_frac,
        max_frac=row.max_frac,
        min_usd=row.min_usd,
        max_usd=row.max_usd,
        min_units=row.min_units,
        max_units=row.max_units,
        reason=row.reason,
        set_by=row.set_by.full_name,
        set_at=row.set_at,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        review_on=row.review_on,
    )


def cash_needs_by_account(accounts: Collection[Account], *, on: date) -> Mapping[int, tuple[CashNeedLine, ...]]:
    """Return the cash needs in force on each account, the earliest due first; two queries."""
    places = places_of(accounts)
    rows = CashNeed.objects.filter(in_force(on), reaching(places)).select_related("set_by").order_by("due_on", "pk")
    found = _lines_by_place(rows)
    return {
        pk: tuple(
            sorted(
                (cash_need_line(row) for place in reach for row in found.get(place, ())),
                key=lambda line: (line.due_on, line.id),
            )
        )
        for pk, reach in places.items()
    }


def cash_need_line(row: CashNeed) -> CashNeedLine:
    """Unfold one cash need."""
    return CashNeedLine(
        id=row.pk,
        level=Level(row.level),
        kind=row.kind,
        amount_usd=row.amount_usd,
        due_on=row.due_on,
        period=row.period,
        lead_days=row.lead_days,
        reason=row.reason,
        set_by=row.set_by.full_name,
        set_at=row.set_at,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        review_on=row.review_on,
    )


def tax_situations_by_return(tax_return_ids: Collection[int], *, year: int) -> Mapping[int, TaxSituation]:
    """Return the newest situation of each return for a year; a return without one is missing from the answer."""
    rows = TaxSituation.objects.filter(tax_return_id__in=tax_return_ids, year=year).order_by("set_at", "pk")
    return {row.tax_return_id: row for row in rows}


def preferences_changed_at(account_ids: Collection[int]) -> Mapping[int, datetime]:
    """
    Return when anything that a case takes from the policy statement was last changed, by account.

    Counts lines of all levels, added or ended, the choice of a risk profile, and the tax situation of the return. An
    account that nobody ever touched is missing from the answer.
    """
    accounts = list(Account.objects.filter(pk__in=account_ids))
    places = places_of(accounts)
    newest: dict[Place, datetime] = {}
    for model in (Preference, Restriction, CashNeed):
        fields = ("level", "firm_id", "office_id", "household_id", "tax_return_id", "account_id")
        rows = model._default_manager.filter(reaching(places)).values(*fields)
        for row in rows.annotate(last_set=Max("set_at"), last_ended=Max("ended_at")):
            level = str(row["level"])
            _keep_latest(newest, (level, row[f"{level}_id"]), row["last_set"], row["last_ended"])
    households = {account.household_id for account in accounts}
    policies = HouseholdPolicy.objects.filter(household_id__in=households).values_list("household_id")
    for pk, last_set in policies.annotate(last_set=Max("set_at")):
        _keep_latest(newest, (Level.HOUSEHOLD, pk), last_set)
    returns = {account.tax_return_id for account in accounts if account.tax_return_id}
    said = TaxSituation.objects.filter(tax_return_id__in=returns).values_list("tax_return_id")
    for pk, last_set in said.annotate(last_set=Max("set_at")):
        _keep_latest(newest, (Level.TAX_RETURN, pk), last_set)
    changed = {pk: [newest[place] for place in reach if place in newest] for pk, reach in places.items()}
    return {pk: max(moments) for pk, moments in changed.items() if moments}


def _keep_latest(newest: dict[Place, datetime], place: Place, *moments: datetime | None) -> None:
    known = [moment for moment in (newest.get(place), *moments) if moment is not None]
    newest[place] = max(known)
