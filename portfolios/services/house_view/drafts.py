"""What a draft of the house view says: weights and limits, models, products, substitutes; all faults named at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.utils.text import slugify

from advisors import audit
from advisors.errors import Invalid, NotFound
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from advisors.templatetags.ui import pct
from portfolios.custodians.house_tables import ProductEntry, SubstituteEntry, WeightEntry
from portfolios.ledger.errors import BadInput
from portfolios.models.guidance import HouseViewChange, RiskProfile, SecurityModel
from portfolios.models.securities import AssetClass, Security
from portfolios.policy import SETTINGS, SettingValue, parse_setting, resolve_settings
from portfolios.selectors.guidance_versions import ProductRow, SubstituteRow
from portfolios.services.contradictions import setting_faults
from portfolios.services.house_view.lifecycle import KINDS, draft_in_firm, note_edit
from portfolios.services.house_view.versions import (
    Stamp,
    WeightRow,
    add_defaults,
    add_model_version,
    add_product_list,
    add_profile_version,
    add_substitute_list,
)

ONE: Final = Decimal(1)
_SMALL: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassWeight:
    """One asset class of a risk profile by its key: policy weight and compliant limits, fractions of the account."""

    asset_class: str
    weight_frac: Decimal
    min_frac: Decimal
    max_frac: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The draft that an edit is for, at the revision that was seen."""

    change_id: int
    revision: int


@transaction.atomic
def put_profile(
    member: Membership, draft: Draft, *, profile_id: int, weights: Sequence[ClassWeight], now: datetime
) -> None:
    """
    Say the weights and limits of a risk profile.

    :raises Invalid: the weights do not sum to 1, a class is named twice or unknown, a limit does not hold its weight
    """
    change = editable(member, draft)
    profile = RiskProfile.objects.filter(firm=member.firm, pk=profile_id).first()
    if profile is None:
        raise NotFound("This risk profile does not exist.")
    known = {row.key: row for row in AssetClass.objects.filter(firm=member.firm)}
    _refuse(profile.name, weight_faults(weights, names={key: row.name for key, row in known.items()}))
    rows = [
        WeightRow(
            asset_class_id=known[weight.asset_class].pk,
            weight_frac=weight.weight_frac,
            min_frac=weight.min_frac,
            max_frac=weight.max_frac,
        )
        for weight in weights
    ]
    add_profile_version(profile, rows, stamp=stamp_of(change, member, now))
    note_edit(change, member, what=f"risk profile {profile.key}", now=now)


def weight_faults(weights: Sequence[ClassWeight], *, names: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the weights of a profile, in sentences; `names` are the classes by key."""
    faults = []
    keys = [weight.asset_class for weight in weights]
    faults += [f"There is no asset class with the key {key}." for key in sorted(set(keys) - set(names))]
    faults += [f"{names.get(key, key)} is named twice." for key in sorted({key for key in keys if keys.count(key) > 1})]
    total = sum((weight.weight_frac for weight in weights), Decimal(0))
    if total != ONE:
        faults.append(f"The weights sum to {pct(total, 4)}, not to 100%.{_hint(weights, names)}")
    for weight in weights:
        if not 0 <= weight.min_frac <= weight.weight_frac <= weight.max_frac <= 1:
            faults.append(
                f"The limits of {names.get(weight.asset_class, weight.asset_class)}, {pct(weight.min_frac, 2)} to "
                f"{pct(weight.max_frac, 2)}, do not hold its weight, {pct(weight.weight_frac, 2)}."
            )
    return faults


def _hint(weights: Sequence[ClassWeight], names: Mapping[str, str]) -> str:
    """Guess at a percentage that was typed as a fraction."""
    small = [weight for weight in weights if 0 < weight.weight_frac < _SMALL]
    if not small:
        return ""
    one = small[0]
    name = names.get(one.asset_class, one.asset_class)
    return f" {name} reads as {pct(one.weight_frac, 4)}: was {pct(one.weight_frac * 100, 2)} meant?"


@transaction.atomic
def put_model(
    member: Membership, draft: Draft, *, model_id: int, entries: Sequence[WeightEntry], now: datetime
) -> None:
    """
    Say the securities and weights of a model.

    :raises Invalid: an unknown security, each with its row
    """
    change = editable(member, draft)
    model = SecurityModel.objects.filter(firm=member.firm, pk=model_id).first()
    if model is None:
        raise NotFound("This security model does not exist.")
    known = dict(Security.objects.filter(symbol__in=[entry.symbol for entry in entries]).values_list("symbol", "pk"))
    _refuse(model.name, [_unknown(entry.row, entry.symbol) for entry in entries if entry.symbol not in known])
    weights = {known[entry.symbol]: entry.weight_frac for entry in entries}
    add_model_version(model, weights, stamp=stamp_of(change, member, now))
    note_edit(change, member, what=f"security model {model.key}", now=now)


@transaction.atomic
def create_model(member: Membership, *, name: str, now: datetime) -> SecurityModel:
    """
    Name a new model; what it holds is said in a draft.

    :raises Invalid: no name, or one that is taken
    """
    check_can(member, Capability.EDIT_GUIDANCE)
    said = " ".join(name.split())
    key = slugify(said).replace("-", "_")[:48]
    if not key:
        raise Invalid("Give the model a name.")
    if SecurityModel.objects.filter(firm=member.firm, key=key).exists():
        raise Invalid(f"There is already a security model called {said}.")
    made = SecurityModel.objects.create(firm=member.firm, key=key, name=said[:80])
    audit.record("security_model.created", actor=member, subject=made, data={"key": key}, now=now)
    return made


@transaction.atomic
def put_products(member: Membership, draft: Draft, *, entries: Sequence[ProductEntry], now: datetime) -> None:
    """
    Say what fills every class: the whole list.

    :raises Invalid: an unknown class, or something that is neither a security nor a model, each with its row
    """
    change = editable(member, draft)
    classes = dict(AssetClass.objects.filter(firm=member.firm).values_list("key", "pk"))
    by_name = {row.name.lower(): row.pk for row in AssetClass.objects.filter(firm=member.firm)}
    models = dict(SecurityModel.objects.filter(firm=member.firm).values_list("key", "pk"))
    symbols = dict(Security.objects.filter(symbol__in=[entry.use for entry in entries]).values_list("symbol", "pk"))
    rows, faults = [], []
    for entry in entries:
        class_id = classes.get(entry.asset_class) or by_name.get(entry.asset_class.lower())
        model_id, security_id = models.get(entry.use), symbols.get(entry.use)
        if class_id is None:
            faults.append(f"Row {entry.row}: There is no asset class called {entry.asset_class}.")
        if model_id is None and security_id is None:
            faults.append(f"Row {entry.row}: There is no security or security model called {entry.use}.")
        if class_id is None or (model_id is None and security_id is None):
            continue
        rows.append(
            ProductRow(
                asset_class_id=class_id,
                tax_status=entry.tax_status,
                min_account_usd=entry.min_account_usd,
                security_id=None if model_id else security_id,
                security_model_id=model_id,
            )
        )
    _refuse("The list of products", faults)
    add_product_list(member.firm, rows, stamp=stamp_of(change, member, now))
    note_edit(change, member, what="products", now=now)


@transaction.atomic
def put_substitutes(member: Membership, draft: Draft, *, entries: Sequence[SubstituteEntry], now: datetime) -> None:
    """
    Say what may stand in for what: the whole list.

    :raises Invalid: an unknown security, each with its row
    """
    change = editable(member, draft)
    symbols = {symbol for entry in entries for symbol in (entry.symbol, entry.use)}
    known = dict(Security.objects.filter(symbol__in=symbols).values_list("symbol", "pk"))
    faults = [
        _unknown(entry.row, symbol) for entry in entries for symbol in (entry.symbol, entry.use) if symbol not in known
    ]
    _refuse("The list of substitutes", faults)
    rows = [
        SubstituteRow(
            security_id=known[entry.symbol],
            use_id=known[entry.use],
            rank=entry.rank,
            hurdle_bps=entry.hurdle_bps,
            is_hold_only=entry.is_hold_only,
        )
        for entry in entries
    ]
    add_substitute_list(member.firm, rows, stamp=stamp_of(change, member, now))
    note_edit(change, member, what="substitutes", now=now)


@transaction.atomic
def put_defaults(member: Membership, draft: Draft, *, values: Mapping[str, SettingValue], now: datetime) -> None:
    """
    Say what every setting is where nobody chose anything; what is not named is as Trimtab has it.

    :raises Invalid: an unknown setting, a value that does not fit, or defaults that contradict each other
    """
    change = editable(member, draft)
    parsed: dict[str, SettingValue] = {}
    faults = []
    for key, raw in values.items():
        try:
            parsed[key] = parse_setting(key, raw)
        except BadInput as error:
            faults.append(f"{error}.")
    if not faults:
        whole = resolve_settings(firm_defaults=parsed, chosen={})
        faults += setting_faults(whole)
    _refuse("The list of defaults", faults)
    own = {key: value for key, value in parsed.items() if value != parse_setting(key, SETTINGS[key].default)}
    add_defaults(member.firm, own, stamp=stamp_of(change, member, now))
    note_edit(change, member, what="defaults", now=now)


@transaction.atomic
def take_out(member: Membership, draft: Draft, *, kind: str, version_id: int, now: datetime) -> None:
    """
    Take one piece out of a draft, as if it had never been in it.

    :raises NotFound: it is not in it
    """
    change = editable(member, draft)
    for each in KINDS:
        if each._meta.model_name == kind:
            gone, _ = each._default_manager.filter(change=change, pk=version_id).delete()
            if gone:
                note_edit(change, member, what=f"{kind} taken out", now=now)
                return
    raise NotFound("This is not in the draft any more.")


def editable(member: Membership, draft: Draft) -> HouseViewChange:
    """
    Lock a draft for an edit by somebody who may.

    :raises NotPermitted: the role does not change the house view
    :raises Conflict: somebody edited it meanwhile, or it is no draft any more
    """
    check_can(member, Capability.EDIT_GUIDANCE)
    return draft_in_firm(member, change_id=draft.change_id, revision=draft.revision)


def stamp_of(change: HouseViewChange, member: Membership, now: datetime) -> Stamp:
    """Say who answers for a version of a draft."""
    return Stamp(effective_on=change.effective_on, author=member.user, now=now, change=change)


def _unknown(row: int, symbol: str) -> str:
    return f"Row {row}: There is no security {symbol} in the security master."


def _refuse(what: str, faults: Sequence[str]) -> None:
    if faults:
        raise Invalid(f"{what} was not changed: {faults[0]}", faults=tuple(faults))
