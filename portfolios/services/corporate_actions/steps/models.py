"""Targets: a security model moves its weight to the acquirer, splits it with a child, or spreads it over the rest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from portfolios.models.guidance import (
    Product,
    ProductListVersion,
    SecurityModel,
    SecurityModelVersion,
    VersionStatus,
)
from portfolios.models.securities import Security
from portfolios.services import guidance_carried
from portfolios.services.corporate_actions.steps.change import (
    Change,
    Data,
    Json,
    Setting,
    Step,
    carrying,
    id_in,
    ids_in,
)
from portfolios.services.corporate_actions.term_facts import children, is_ending, successors, value_fracs
from portfolios.services.lists_carried import carry_product_lists, counting_lists, withdraw_lists

NEEDS_APPROVAL: Final = "action_models_need_approval"  # firm policy: a version made by an action waits for the CIO


def plan_models(setting: Setting) -> Sequence[Change]:
    """Say which models get a new version and which products another security."""
    return [*_model_changes(setting), *_product_changes(setting)]


def _model_changes(setting: Setting) -> Iterator[Change]:
    if not is_ending(setting.terms) and not children(setting.terms):
        return
    for version in _versions_concerned(setting):
        weights = dict(version.weights.values_list("security__symbol", "weight_frac"))
        wanted = moved_weights(setting, weights)
        if wanted is None:
            yield Change(words=f"{version.security_model.name} {_why_not(setting, weights)} Change it by hand.")
        elif wanted != weights:
            yield Change(
                words=f"{version.security_model.name}: {_moved_words(setting, weights, wanted)}.",
                data={
                    "model": version.security_model_id,
                    "effective_on": max(version.effective_on, setting.on).isoformat(),
                    "weights": {symbol: str(weight) for symbol, weight in wanted.items()},
                },
            )


def _versions_concerned(setting: Setting) -> Iterator[SecurityModelVersion]:
    """Yield the version of each model in force on the ex-date and the approved ones of later, where they hold it."""
    for model in SecurityModel.objects.filter(firm=setting.firm).order_by("name", "pk"):
        approved = model.versions.filter(status=VersionStatus.APPROVED)
        in_force = approved.filter(effective_on__lte=setting.on).order_by("-effective_on", "-number").first()
        later = approved.filter(effective_on__gt=setting.on).order_by("effective_on", "number")
        for version in (*([] if in_force is None else [in_force]), *later):
            if version.weights.filter(security__symbol=setting.terms.security).exists():
                yield version


def moved_weights(setting: Setting, weights: Mapping[str, Decimal]) -> Mapping[str, Decimal] | None:
    """Return a model's weights after the action, None where nobody can say: no value known, nothing left to hold."""
    terms, old = setting.terms, setting.terms.security
    freed = weights[old]
    if not is_ending(terms) and not setting.choices.buy_children:
        return dict(weights)
    parts = value_fracs(terms, price_usd=setting.after_usd)
    kept = {symbol: weight for symbol, weight in weights.items() if symbol != old}
    if is_ending(terms) and not successors(terms):
        return guidance_carried.spread(kept, freed)
    if not parts:
        return None
    for symbol, part in parts.items():
        kept[symbol] = kept.get(symbol, Decimal(0)) + freed * part
    return guidance_carried.exact(kept)


def _why_not(setting: Setting, weights: Mapping[str, Decimal]) -> str:
    if len(weights) == 1:
        return f"holds nothing but {setting.terms.security}, which is no more."
    return f"still holds {setting.terms.security}: the prices that divide its weight are missing."


def _moved_words(setting: Setting, before: Mapping[str, Decimal], after: Mapping[str, Decimal]) -> str:
    if is_ending(setting.terms) and not successors(setting.terms):
        freed = f"{before[setting.terms.security]:.4%}"
        return f"the {freed} of {setting.terms.security} are spread over the other {len(after)} securities"
    said = []
    for symbol in (setting.terms.security, *successors(setting.terms), *children(setting.terms)):
        was, becomes = before.get(symbol, Decimal(0)), after.get(symbol, Decimal(0))
        if was != becomes:
            said.append(f"{symbol} {was:.4%} becomes {becomes:.4%}")
    return ", ".join(said)


def _product_changes(setting: Setting) -> Iterator[Change]:
    if not is_ending(setting.terms):
        return
    old, heirs = setting.terms.security, successors(setting.terms)
    lists = [version.pk for version in counting_lists(ProductListVersion, setting.firm.pk, on=setting.on)]
    products = Product.objects.filter(version_id__in=lists, security__symbol=old)
    names = list(
        dict.fromkeys(products.order_by("asset_class__position", "pk").values_list("asset_class__name", flat=True))
    )
    for place, name in enumerate(names):
        if heirs:  # one new list for all classes: the first change makes it
            data: Data = {"use": heirs[0], "before": old} if place == 0 else {}
            yield Change(words=f"{name} is filled by {heirs[0]} instead of {old}.", data=data)
        else:
            yield Change(words=f"{name} is still filled by {old}, which is no more. Choose another product.")


def make_model(setting: Setting, change: Change) -> Data:
    """Submit or approve the version, or set the product; a change that only warns makes nothing."""
    data = change.data
    if "model" in data:
        assert setting.checker is not None and isinstance(data["weights"], dict)  # an applied action was confirmed
        version = guidance_carried.carry_model_version(
            SecurityModel.objects.get(pk=id_in(data, "model"), firm=setting.firm),
            guidance_carried.Carried(
                weights={symbol: Decimal(str(weight)) for symbol, weight in data["weights"].items()},
                effective_on=str(data["effective_on"]),
                why=setting.title,
                maker=setting.maker or setting.checker,
                checker=None if setting.firm.policies.get(NEEDS_APPROVAL) else setting.checker,
            ),
            now=setting.now,
        )
        return {**data, "version": version.pk}
    if "use" in data:
        return {**data, "product_lists": _use(setting, str(data["before"]), str(data["use"]))}
    return data


def _use(setting: Setting, old: str, new: str) -> list[Json]:
    keys = dict(Security.objects.filter(symbol__in=(old, new)).values_list("symbol", "pk"))
    made = carry_product_lists(
        carrying(setting),
        lambda rows: tuple(
            replace(row, security_id=keys[new]) if row.security_id == keys[old] else row for row in rows
        ),
    )
    return list(made)


def undo_model(setting: Setting, data: Data) -> None:
    """Withdraw the versions; those before are in force again."""
    if "version" in data:
        guidance_carried.withdraw_carried_version(
            SecurityModelVersion.objects.get(pk=id_in(data, "version")), why=setting.title, actor=None, now=setting.now
        )
    withdraw_lists(ProductListVersion, ids_in(data, "product_lists"), why=setting.title, now=setting.now)


MODELS: Final = Step(name="models", plan=plan_models, make=make_model, undo=undo_model)
