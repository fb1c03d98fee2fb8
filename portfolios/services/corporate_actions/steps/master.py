"""The security master: the row of a new symbol, and the old symbol that later files may still name."""

from collections.abc import Sequence
from typing import Final

from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.models.securities import Security, SecurityAlias
from portfolios.services.corporate_actions.steps.change import Change, Data, Setting, Step

_COPIED: Final = ("isin", "name", "kind", "sector", "industry", "country", "quantity_step", "half_spread_bps")


def plan_master(setting: Setting) -> Sequence[Change]:
    """
    Say which row the master gets for a new symbol.

    Securities are shared by all firms and journals name symbols as they were traded, so the old row is not renamed: it
    stays as the history of its name, and an alias leads from it to its successor.
    """
    if setting.terms.kind is not ActionKind.SYMBOL_CHANGE:
        return []
    changes = []
    old = setting.terms.security
    for each in setting.terms.delivered:
        if not Security.objects.filter(symbol=each.security).exists():
            words = f"{each.security} enters the security master with what is known of {old}."
            changes.append(Change(words=words, data={"add": each.security, "like": old}))
        words = f"Files that say {old} from {setting.on} on mean {each.security}."
        data: Data = {"alias": old, "of": each.security, "until_on": setting.on.isoformat()}
        changes.append(Change(words=words, data=data))
    return changes


def make_master(setting: Setting, change: Change) -> Data:
    """Add the row or the alias."""
    if "add" in change.data:
        old = Security.objects.get(symbol=change.data["like"])
        Security.objects.get_or_create(
            symbol=str(change.data["add"]), defaults={name: getattr(old, name) for name in _COPIED}
        )
        return change.data
    security = Security.objects.get(symbol=change.data["of"])
    _, is_new = SecurityAlias.objects.get_or_create(
        symbol=str(change.data["alias"]), until_on=setting.on, defaults={"security": security}
    )
    return {**change.data, "is_new": is_new}


def undo_master(setting: Setting, data: Data) -> None:
    """Take the alias away, unless another firm's same action needs it. A row of the master stays."""
    others = CorporateAction.objects.filter(
        security=setting.action.security, effective_on=setting.on, status=ActionStatus.APPLIED
    )
    if "alias" in data and data.get("is_new") and not others.exclude(firm=setting.firm).exists():
        SecurityAlias.objects.filter(symbol=data["alias"], until_on=setting.on).delete()


MASTER: Final = Step(name="master", plan=plan_master, make=make_master, undo=undo_master)
