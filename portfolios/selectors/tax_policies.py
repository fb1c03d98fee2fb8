"""A firm's choices where tax law leaves one: what counts now, and what counted before."""

from dataclasses import dataclass
from datetime import datetime

from portfolios.ledger.wash_policy import POLICY_WORDS, PolicyWord, WashPolicy
from portfolios.models.lots import TaxPolicyVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentPolicy:
    """The policy that counts. `version` is None where the firm never chose: then it is the default of the rules."""

    version: TaxPolicyVersion | None
    policy: WashPolicy

    @property
    def version_id(self) -> int | None:
        """Return the id of the version, None where there is none."""
        return None if self.version is None else self.version.pk


def current_policy(firm_id: int) -> CurrentPolicy:
    """Return what a firm's wash sales are matched by; the default where it never chose."""
    version = TaxPolicyVersion.objects.filter(firm_id=firm_id).order_by("set_at", "pk").last()
    if version is None:
        return CurrentPolicy(version=None, policy=WashPolicy())
    return CurrentPolicy(version=version, policy=WashPolicy.from_json(version.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """One choice as the firm has it: in words, beside the default, with the rule it comes from and who set it."""

    label: str
    help: str
    value: str
    default: str
    is_law: bool
    is_default: bool
    set_at: datetime | None
    set_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """One version of a firm's policies: what it changed, in words, and why."""

    set_at: datetime
    set_by: str
    reason: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPage:
    """The firm's policies and their history, the newest first."""

    lines: tuple[PolicyLine, ...]
    history: tuple[PolicyChange, ...]


def policy_page(firm_id: int) -> PolicyPage:
    """Return what a firm chose, and since when; one query."""
    rows = list(TaxPolicyVersion.objects.filter(firm_id=firm_id).select_related("set_by").order_by("set_at", "pk"))
    default = WashPolicy().to_json()
    said, history = default, []
    since: dict[str, TaxPolicyVersion] = {}
    for row in rows:
        after = WashPolicy.from_json(row.values).to_json()
        changed = [word for word in POLICY_WORDS if after[word.name] != said[word.name]]
        since.update((word.name, row) for word in changed)
        told = tuple(f"{word.label}: {_words(word, after[word.name])}" for word in changed)
        history.append(PolicyChange(set_at=row.set_at, set_by=_who(row), reason=row.reason, changes=told))
        said = after
    return PolicyPage(
        lines=tuple(
            PolicyLine(
                label=word.label,
                help=word.help,
                value=_words(word, said[word.name]),
                default=_words(word, default[word.name]),
                is_law=word.is_law,
                is_default=said[word.name] == default[word.name],
                set_at=since[word.name].set_at if word.name in since else None,
                set_by=_who(since[word.name]) if word.name in since else "",
            )
            for word in POLICY_WORDS
        ),
        history=tuple(reversed(history)),
    )


def _who(row: TaxPolicyVersion) -> str:
    return row.set_by.full_name if row.set_by else "Trimtab"


def _words(word: PolicyWord, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    choices = dict(word.choices)
    if isinstance(value, list):
        return ", ".join(choices.get(str(one), str(one)) for one in value) or "none"
    return choices.get(str(value), str(value))
