"""What the firm says of securities: class, group and screens of a successor, and what is bought no more."""

from collections.abc import Iterator, Sequence
from typing import Final

from portfolios.models.securities import FirmSecurity, GroupLevel, IdentityGroup, Screen, Security
from portfolios.services.corporate_actions.steps.change import Change, Data, Setting, Step, id_in
from portfolios.services.corporate_actions.term_facts import children, is_ending, successors


def plan_firm_securities(setting: Setting) -> Sequence[Change]:
    """Say what the firm's word on each security becomes."""
    old = setting.terms.security
    said = {row.security.symbol: row for row in _rows(setting, (old, *successors(setting.terms), *_children(setting)))}
    changes = [*_groups(setting, said)]
    for symbol in (*successors(setting.terms), *_children(setting)):
        changes.extend(_classification(setting, symbol, said))
    changes.extend(_screens(setting))
    known = said.get(old)
    if is_ending(setting.terms) and known is not None and known.is_buyable:
        changes.append(Change(words=f"{old} is bought no more.", data={"set": old, "is_buyable": False}))
    return changes


def _children(setting: Setting) -> tuple[str, ...]:
    return children(setting.terms)


def _rows(setting: Setting, symbols: Sequence[str]) -> Sequence[FirmSecurity]:
    rows = FirmSecurity.objects.filter(firm=setting.firm, security__symbol__in=symbols)
    return list(rows.select_related("security", "asset_class", "identity_group"))


def _classification(setting: Setting, symbol: str, said: dict[str, FirmSecurity]) -> Iterator[Change]:
    """Give a security that the firm has not classified the class of the one it comes from."""
    origin, known = said.get(setting.terms.security), said.get(symbol)
    if origin is None or origin.asset_class is None or (known is not None and known.asset_class is not None):
        return
    is_buyable = origin.is_buyable and (symbol not in _children(setting) or setting.choices.buy_children)
    words = f"{symbol} is classified as {origin.asset_class.name}, like {setting.terms.security}"
    yield Change(
        words=f"{words}." if is_buyable else f"{words}, and is not bought.",
        data={
            "set": symbol,
            "asset_class": origin.asset_class_id,
            "is_buyable": is_buyable if known is None else known.is_buyable,
        },
    )


def _groups(setting: Setting, said: dict[str, FirmSecurity]) -> Iterator[Change]:
    """
    Put a security and its successor into one identity group (R-1.3.5): the predecessor's, or, where the successor has
    one of its own, that one. A child that was spun off is another security.
    """
    old = setting.terms.security
    for symbol in successors(setting.terms):
        mine = said[old].identity_group if old in said else None
        theirs = said[symbol].identity_group if symbol in said else None
        if mine is not None and theirs is not None and mine.pk == theirs.pk:
            continue
        why = f"counts as substantially identical with {old} for wash sales"
        if theirs is not None:
            yield Change(words=f"{symbol} {why} (group {theirs.name}).", data={"set": old, "group": theirs.pk})
        elif mine is not None:
            yield Change(words=f"{symbol} {why} (group {mine.name}).", data={"set": symbol, "group": mine.pk})
        else:
            yield Change(words=f"{symbol} {why}.", data={"new_group": [old, symbol]})


def _screens(setting: Setting) -> Iterator[Change]:
    """Let a successor and a child be in every screen that their origin is in."""
    members = Screen.securities.through.objects
    inside = members.filter(screen__firm=setting.firm, security__symbol=setting.terms.security)
    for symbol in (*successors(setting.terms), *_children(setting)):
        held = set(members.filter(screen__firm=setting.firm, security__symbol=symbol).values_list("screen", flat=True))
        for screen in Screen.objects.filter(pk__in=inside.values("screen")).exclude(pk__in=held).order_by("name"):
            words = f"{symbol} joins the screen {screen.name}, where {setting.terms.security} is."
            yield Change(words=words, data={"screen": screen.pk, "symbol": symbol})


def make_firm_security(setting: Setting, change: Change) -> Data:
    """Make one change; what stood before is kept for undoing."""
    data = change.data
    if "screen" in data:
        Screen.objects.get(pk=id_in(data, "screen")).securities.add(Security.objects.get(symbol=data["symbol"]))
        return data
    if "new_group" in data:
        return _make_group(setting, data)
    return {**data, "before": _set(setting, str(data["set"]), data)}


def _make_group(setting: Setting, data: Data) -> Data:
    symbols = data["new_group"]
    assert isinstance(symbols, list)  # as planned
    old, new = (str(symbol) for symbol in symbols)
    group, is_new = IdentityGroup.objects.get_or_create(
        firm=setting.firm,
        key=f"{old}-{new}".lower()[:48],
        defaults={"name": f"{new}, formerly {old}"[:120], "level": GroupLevel.IDENTICAL},
    )
    before: list[Data] = [
        {"symbol": symbol, "before": _set(setting, symbol, {"group": group.pk})} for symbol in (old, new)
    ]
    return {**data, "group": group.pk, "is_new": is_new, "members": list(before)}


def _set(setting: Setting, symbol: str, values: Data) -> Data | None:
    security = Security.objects.get(symbol=symbol)
    row = FirmSecurity.objects.filter(firm=setting.firm, security=security).first()
    before: Data | None = None
    if row is not None:
        before = {
            "asset_class": row.asset_class_id,
            "group": row.identity_group_id,
            "is_buyable": row.is_buyable,
        }
    row = row or FirmSecurity(firm=setting.firm, security=security)
    _write(row, values)
    return before


def _write(row: FirmSecurity, values: Data) -> None:
    if "asset_class" in values:
        row.asset_class_id = values["asset_class"]  # type: ignore[assignment]  # an id, kept as JSON
    if "group" in values:
        row.identity_group_id = values["group"]  # type: ignore[assignment]
    if "is_buyable" in values:
        row.is_buyable = bool(values["is_buyable"])
    row.save()


def undo_firm_security(setting: Setting, data: Data) -> None:
    """Restore what the firm said before."""
    if "screen" in data:
        Screen.objects.get(pk=id_in(data, "screen")).securities.remove(Security.objects.get(symbol=data["symbol"]))
    elif "new_group" in data:
        members = data["members"]
        assert isinstance(members, list)  # as made
        for member in reversed(members):
            assert isinstance(member, dict)
            _restore(setting, str(member["symbol"]), member["before"])
        if data["is_new"]:
            IdentityGroup.objects.filter(pk=id_in(data, "group")).delete()
    else:
        _restore(setting, str(data["set"]), data["before"])


def _restore(setting: Setting, symbol: str, before: object) -> None:
    row = FirmSecurity.objects.filter(firm=setting.firm, security__symbol=symbol).first()
    if row is None:
        return
    if before is None:
        row.delete()
        return
    assert isinstance(before, dict)
    _write(row, before)


FIRM_SECURITIES: Final = Step(
    name="firm_securities", plan=plan_firm_securities, make=make_firm_security, undo=undo_firm_security
)
