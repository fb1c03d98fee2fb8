"""From the rows of a table to the lines of a bulk change: whose account, and what is asked of it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from advisors.models import Membership
from portfolios.custodians.cells import parse_number
from portfolios.custodians.wish_table import WishRow
from portfolios.ledger.errors import BadInput
from portfolios.models.households import Standing
from portfolios.models.preferences import Disposal, SubjectKind, Verb
from portfolios.policy import SETTINGS, Setting, SettingValue, Type, parse_setting
from portfolios.selectors.books import accounts_in_book
from portfolios.services.bulk_changes.asked import Asked, AskedLine, AskedSetting
from portfolios.services.restrictions import NewRestriction
from portfolios.services.statement_guard import Terms

_KEYS: Final[Mapping[str, str]] = {
    **{key: key for key in SETTINGS},
    **{setting.label.lower().replace(" ", "_").replace("-", "_"): key for key, setting in SETTINGS.items()},
}
_YES_NO: Final = {"yes": True, "no": False}


class _Refused(Exception):
    """What one row asks for cannot be understood."""


def lines_of(member: Membership, rows: Sequence[WishRow]) -> list[AskedLine]:
    """Find the accounts of the rows by reference in the member's book, and read what is asked; one query."""
    accounts = {account.external_ref: account for account in accounts_in_book(member)}
    lines = []
    for row in rows:
        faults = list(row.faults)
        account = accounts.get(row.account)
        if account is None and row.account:
            faults.append(f"There is no account {row.account[:64]} in your book.")
        elif account is not None and (account.is_held_away or account.standing == Standing.CLOSED):
            faults.append(f"{account.name} is not managed here: it is closed or held away.")
        asked: Asked | None = None
        if not row.faults:
            try:
                asked = _asked(row)
            except _Refused as error:
                faults.append(str(error))
        terms = Terms(reason=row.reason, starts_on=row.starts_on, ends_on=row.ends_on, review_on=row.review_on)
        if not row.reason:
            faults.append("The reason is missing.")
        lines.append(
            AskedLine(
                position=row.row,
                account=account,
                asked=asked,
                terms=terms,
                account_said=row.account,
                faults=tuple(faults),
            )
        )
    return lines


def _asked(row: WishRow) -> Asked:
    if row.what in Verb.values:
        return _restriction(row)
    key = _KEYS.get(row.what)
    if key is None:
        verbs = ", ".join(Verb.values)
        raise _Refused(f"“{row.what[:48]}” is neither a restriction ({verbs}) nor the key of a setting.")
    if row.subject or row.at_least or row.at_most or row.disposal:
        raise _Refused(f"{SETTINGS[key].label} takes a value, no subject, bounds or disposal.")
    return AskedSetting(key=key, value=_value(SETTINGS[key], row.value))


def _restriction(row: WishRow) -> NewRestriction:
    if row.subject_kind not in SubjectKind.values:
        raise _Refused(f"“{row.subject_kind[:48]}” is none of {', '.join(SubjectKind.values)}.")
    if not row.subject:
        raise _Refused("The subject is missing: a symbol, or what the kind asks for.")
    if row.value:
        raise _Refused("A restriction takes no value; a range has at_least and at_most.")
    if row.disposal and row.what != Verb.NEVER_OWN:
        raise _Refused("A disposal goes with never_own.")
    if row.disposal and row.disposal not in Disposal.values:
        raise _Refused(f"“{row.disposal[:48]}” is none of {', '.join(Disposal.values)}.")
    if (row.at_least or row.at_most) and row.what != Verb.RANGE:
        raise _Refused("Bounds go with range.")
    subject = row.subject.upper() if row.subject_kind == SubjectKind.SECURITY else row.subject
    bounds = {f"{side}_{b.unit}": b.amount for side, b in (("min", row.at_least), ("max", row.at_most)) if b}
    return NewRestriction(
        verb=row.what, subject_kind=row.subject_kind, subject=subject, disposal=row.disposal, **bounds
    )


def _value(setting: Setting, said: str) -> SettingValue:
    """Read the value of a setting; a share needs its percent sign, since 5 and 0.05 can both mean five percent."""
    raw: SettingValue = said
    if setting.type is Type.FRACTION and said:
        number = parse_number(said[:-1]) if said.endswith("%") else None
        if number is None:
            raise _Refused(f"{setting.label}: write “{said[:24]}” with a percent sign, as in 5%.")
        raw = f"{(number / 100).normalize():f}"
    elif setting.type is Type.FLAG:
        raw = _YES_NO.get(said.lower(), said)
    elif setting.type is not Type.CHOICE and said:
        number = parse_number(said)
        raw = said if number is None else f"{Decimal(number).normalize():f}"
    try:
        return parse_setting(setting.key, raw)
    except BadInput as error:
        raise _Refused(f"{error}.") from error
