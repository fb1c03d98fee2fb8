"""Whether the house view holds together with a change: what would leave accounts without a target, and what is odd."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from advisors.templatetags.ui import money
from portfolios.models.guidance import HouseViewChange
from portfolios.models.households import TaxStatus
from portfolios.selectors.guidance_versions import ProductRow
from portfolios.selectors.house_view import CASH_CLASS, HouseView, house_view
from portfolios.selectors.prices import last_prices
from portfolios.selectors.risk_models import risk_model_in_force

_ENTRIES: Final = (
    "riskprofileversions",
    "securitymodelversions",
    "productlistversions",
    "substitutelistversions",
    "defaultsversions",
    "screenlistversions",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What bars a change (`faults`), and what somebody should look at before approving it (`warnings`)."""

    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def faults_of_change(change: HouseViewChange) -> tuple[str, ...]:
    """Return what bars a change, in sentences."""
    return findings_of_change(change).faults


def findings_of_change(change: HouseViewChange) -> Findings:
    """Look at the house view of the day on which a change takes effect, the change laid over it."""
    if not any(getattr(change, name).exists() for name in _ENTRIES):
        return Findings(faults=("Nothing is in it yet.",), warnings=())
    view = house_view(change.firm_id, on=change.effective_on, change_id=change.pk)
    faults = tuple(dict.fromkeys(_faults(view)))
    warnings = tuple(dict.fromkeys((*_odd_securities(view), *_unknown_to_market(change, view))))
    return Findings(faults=faults, warnings=warnings)


def _faults(view: HouseView) -> Iterator[str]:
    by_class: dict[int, list[ProductRow]] = {}
    for row in view.products:
        by_class.setdefault(row.asset_class_id, []).append(row)
    yield from _unfilled(view, by_class)
    for row in view.products:
        if row.security_model_id is not None and row.security_model_id not in view.models:
            model, filled = view.model_names[row.security_model_id], view.classes[row.asset_class_id].name
            yield f"{model} fills {filled}, but has no version in force on {view.on:%Y-%m-%d}."


def _unfilled(view: HouseView, by_class: Mapping[int, list[ProductRow]]) -> Iterator[str]:
    """Name classes that a profile gives weight and that no product fills, for some kind of account or small ones."""
    if not view.products:
        return  # a firm that begins has profiles before it has products
    for profile_id, lines in view.profiles.items():
        for line in lines:
            node = view.classes[line.asset_class_id]
            if line.weight_frac == 0 or node.key == CASH_CLASS:
                continue
            for status in TaxStatus:
                fitting = [row for row in by_class.get(node.id, ()) if row.tax_status in ("", status)]
                said = f"{view.profile_names[profile_id]} gives {node.name} {line.weight_frac:.2%}, but no product"
                if not fitting:
                    yield f"{said} fills it in {status.label.lower()} accounts."
                elif (least := min(row.min_account_usd for row in fitting)) > 0:
                    yield f"{said} fills it in {status.label.lower()} accounts below {money(least)}."


def _odd_securities(view: HouseView) -> Iterator[str]:
    for row in view.products:
        filled = view.classes[row.asset_class_id]
        keys = [row.security_id] if row.security_id else list(view.models.get(row.security_model_id or 0, ()))
        for key in keys:
            line = view.securities[key]
            if line.asset_class_id is None:
                yield f"{line.symbol} has no asset class in the security master: no account can follow it."
            elif line.asset_class_id != filled.id:
                yield f"{line.symbol} fills {filled.name}, but counts as {view.classes[line.asset_class_id].name}."
            elif not line.is_buyable:
                yield f"{line.symbol} fills {filled.name}, but may not be bought."


def _unknown_to_market(change: HouseViewChange, view: HouseView) -> Iterator[str]:
    """Name what is bought by it but has no price, so that nobody waits for trades that cannot come."""
    wanted = {key for weights in view.models.values() for key in weights}
    wanted |= {row.security_id for row in view.products if row.security_id}
    business_on = change.firm.business_on
    if business_on is None:
        return
    priced = last_prices(sorted(wanted), as_of=business_on)
    for key in sorted(wanted - set(priced), key=view.symbol):
        yield f"{view.symbol(key)} has no price: until it has one it cannot be bought."
    if risk_model_in_force(change.firm_id, as_of=business_on) is None:
        yield "The firm has no risk model in force."
