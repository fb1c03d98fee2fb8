"""What a line of a bulk change asks for: a setting or a restriction, kept as JSON and written in words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from portfolios.models.households import Account
from portfolios.models.preferences import Disposal, Level, Verb
from portfolios.policy import SETTINGS, SettingValue
from portfolios.selectors.preferences import RestrictionLine
from portfolios.selectors.statement_words import restriction_words, setting_words
from portfolios.services.restrictions import NewRestriction
from portfolios.services.statement_guard import Terms

BOUNDS: Final = ("min_frac", "max_frac", "min_usd", "max_usd", "min_units", "max_units")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSetting:
    """A setting and the value it shall have, as `parse_setting` returns it."""

    key: str
    value: SettingValue


Asked = AskedSetting | NewRestriction


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLine:
    """One line as it was asked for; `faults` are what is wrong with it before anything is looked up."""

    position: int
    account: Account | None
    asked: Asked | None
    terms: Terms
    account_said: str = ""
    faults: tuple[str, ...] = ()


def to_json(asked: Asked) -> dict[str, object]:
    """Write what is asked for, decimals as text."""
    if isinstance(asked, AskedSetting):
        return {"what": "setting", "key": asked.key, "value": asked.value}
    said = {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(asked).items()}
    return {"what": "restriction", **said}


def from_json(said: Mapping[str, SettingValue] | None) -> Asked:
    """Read back what `to_json` wrote."""
    assert said is not None
    if said["what"] == "setting":
        return AskedSetting(key=str(said["key"]), value=said["value"])
    bounds = {name: None if said[name] is None else Decimal(str(said[name])) for name in BOUNDS}
    names = ("verb", "subject_kind", "subject", "disposal")
    return NewRestriction(**{name: str(said[name]) for name in names}, **bounds)  # type: ignore[arg-type]


def asked_words(asked: Asked, names: Mapping[tuple[str, str], str]) -> str:
    """Write it in words: Tracking preference: 7, or Never own screen Tobacco, sell now."""
    if isinstance(asked, AskedSetting):
        return f"{SETTINGS[asked.key].label}: {setting_words(asked.key, asked.value)}"
    return restriction_words(
        as_line(asked, terms=Terms(), position=0, set_by="", now=datetime.min.replace(tzinfo=UTC)), names=names
    )


def as_line(new: NewRestriction, *, terms: Terms, position: int, set_by: str, now: datetime) -> RestrictionLine:
    """Show a restriction as the line it would become; `position` orders it among others that are not saved yet."""
    return RestrictionLine(
        id=_UNSAVED + position,
        level=Level.ACCOUNT,
        verb=new.verb,
        subject_kind=new.subject_kind,
        subject=new.subject,
        disposal=(new.disposal or Disposal.NOW) if new.verb == Verb.NEVER_OWN else "",
        **{name: getattr(new, name) if new.verb == Verb.RANGE else None for name in BOUNDS},
        reason=terms.reason,
        set_by=set_by,
        set_at=now,
        starts_on=terms.starts_on,
        ends_on=terms.ends_on,
        review_on=terms.review_on,
    )


_UNSAVED: Final = 10**12  # newer than every saved line
