"""
The settings of a client's policy statement: one registry of keys, types, defaults and words.

A firm may override a default (`Firm.defaults`, a mapping of key to value). An account stores only what differs, as
`Preference` rows. Values are JSON: money and fractions are strings holding decimals, never floats.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from portfolios.ledger.errors import BadInput

SettingValue = str | int | bool | None


class Group(StrEnum):
    CASH = "Cash"
    TAX = "Tax"
    TRADING = "Trading"


class Type(StrEnum):
    """How a value is written: money in dollars, fraction as 0.05 (shown as 5 %), basis points, count, choice, flag."""

    MONEY = "money"
    FRACTION = "fraction"
    BPS = "bps"
    COUNT = "count"
    CHOICE = "choice"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `default` None means "no limit"; `is_shared_by_return` ones apply to all accounts of a return."""

    key: str
    label: str
    group: Group
    type: Type
    default: SettingValue
    help: str
    choices: tuple[tuple[str, str], ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    is_shared_by_return: bool = False


_ONE = Decimal(1)
_ZERO = Decimal(0)

_CASH = (
    Setting(
        key="cash.reserve_usd",
        label="Cash reserve, amount",
        group=Group.CASH,
        type=Type.MONEY,
        default="0",
        minimum=_ZERO,
        help="Never invested. The greater of this amount and the percentage below.",
    ),
    Setting(
        key="cash.reserve_frac",
        label="Cash reserve, share of value",
        group=Group.CASH,
        type=Type.FRACTION,
        default="0.01",
        minimum=_ZERO,
        maximum=_ONE,
        help="Never invested. The greater of this percentage and the amount above.",
    ),
    Setting(
        key="cash.ceiling_frac",
        label="Most cash, share of value",
        group=Group.CASH,
        type=Type.FRACTION,
        default=None,
        minimum=_ZERO,
        maximum=_ONE,
        help="Cash beyond this is invested. Empty: the limits of the risk profile alone.",
    ),
)

_TAX = (
    Setting(
        key="tax.budget_usd",
        label="Tax budget for the year",
        group=Group.TAX,
        type=Type.MONEY,
        default=None,
        minimum=_ZERO,
        is_shared_by_return=True,
        help="The most tax that trading may cause this calendar year. Harvested losses buy room. Empty: no cap.",
    ),
    Setting(
        key="tax.budget_prorated",
        label="Prorate the tax budget",
        group=Group.TAX,
        type=Type.CHOICE,
        default="none",
        choices=(("none", "Whole year at once"), ("month", "By month"), ("quarter", "By quarter")),
        is_shared_by_return=True,
        help="How much of the budget is free before the year's end.",
    ),
    Setting(
        key="tax.max_net_gain_usd",
        label="Most net gain in the year",
        group=Group.TAX,
        type=Type.MONEY,
        default=None,
        minimum=_ZERO,
        is_shared_by_return=True,
        help="Net gains realised this year may not exceed this. Empty: no cap.",
    ),
    Setting(
        key="tax.short_gains",
        label="Short-term gains",
        group=Group.TAX,
        type=Type.CHOICE,
        default="avoid",
        choices=(("allow", "Allow"), ("avoid", "Avoid, unless a harder rule asks"), ("forbid", "Forbid")),
        is_shared_by_return=True,
        help="Whether lots held a year or less may be sold at a gain.",
    ),
    Setting(
        key="tax.harvest",
        label="Loss harvesting",
        group=Group.TAX,
        type=Type.CHOICE,
        default="year_round",
        choices=(
            ("off", "Off: still defers gains"),
            ("year_round", "Year-round: waits when waiting is worth more"),
            ("immediate", "Immediate: whenever worth its cost"),
        ),
        is_shared_by_return=True,
        help="How readily losses are realised to save tax.",
    ),
    Setting(
        key="tax.never_realize_gains",
        label="Never realise gains",
        group=Group.TAX,
        type=Type.FLAG,
        default=False,
        is_shared_by_return=True,
        help="For a client who intends a step-up in basis.",
    ),
    Setting(
        key="tax.deferral_years",
        label="Years until deferred gains are taxed",
        group=Group.TAX,
        type=Type.COUNT,
        default=10,
        minimum=_ZERO,
        maximum=Decimal(60),
        is_shared_by_return=True,
        help="Prices what deferring a gain is worth.",
    ),
    Setting(
        key="tax.discount_frac",
        label="Discount rate",
        group=Group.TAX,
        type=Type.FRACTION,
        default="0.06",
        minimum=_ZERO,
        maximum=_ONE,
        is_shared_by_return=True,
        help="A year, for the value of tax paid later.",
    ),
    Setting(
        key="tax.forced_harvest_usd",
        label="Harvest this much loss",
        group=Group.TAX,
        type=Type.MONEY,
        default=None,
        minimum=_ZERO,
        is_shared_by_return=True,
        help="A request of the client or accountant. What cannot be found is noted on the proposal.",
    ),
    Setting(
        key="tax.forced_harvest_short_usd",
        label="Of it, short-term",
        group=Group.TAX,
        type=Type.MONEY,
        default=None,
        minimum=_ZERO,
        is_shared_by_return=True,
        help="The part that must be short-term loss.",
    ),
)

_TRADING = (
    Setting(
        key="trading.tracking_preference",
        label="Tracking preference",
        group=Group.TRADING,
        type=Type.COUNT,
        default=5,
        minimum=Decimal(1),
        maximum=Decimal(10),
        help="1 puts taxes first, 10 puts the target first.",
    ),
    Setting(
        key="trading.max_tracking_error_frac",
        label="Most tracking error",
        group=Group.TRADING,
        type=Type.FRACTION,
        default=None,
        minimum=_ZERO,
        maximum=_ONE,
        help="Expected a year, against the target. Empty: no cap.",
    ),
    Setting(
        key="trading.min_trade_usd",
        label="Smallest trade",
        group=Group.TRADING,
        type=Type.MONEY,
        default="100",
        minimum=_ZERO,
        help="A sale that closes a position is exempt.",
    ),
    Setting(
        key="trading.min_position_usd",
        label="Smallest position",
        group=Group.TRADING,
        type=Type.MONEY,
        default="200",
        minimum=_ZERO,
        help="What a purchase or partial sale leaves is at least this.",
    ),
    Setting(
        key="trading.max_turnover_frac",
        label="Most turnover in one rebalance",
        group=Group.TRADING,
        type=Type.FRACTION,
        default=None,
        minimum=_ZERO,
        maximum=_ONE,
        help="Half of purchases and sales together, as a share of value. Empty: no cap.",
    ),
    Setting(
        key="trading.max_trades",
        label="Most trades in one rebalance",
        group=Group.TRADING,
        type=Type.COUNT,
        default=None,
        minimum=_ONE,
        help="Empty: no cap.",
    ),
    Setting(
        key="trading.ticket_usd",
        label="Ticket cost",
        group=Group.TRADING,
        type=Type.MONEY,
        default="0",
        minimum=_ZERO,
        help="Charged for each trade by the custodian.",
    ),
    Setting(
        key="trading.min_benefit_bps",
        label="Trade only for a benefit of",
        group=Group.TRADING,
        type=Type.BPS,
        default="1.0",
        minimum=_ZERO,
        help="Of the account's value. Below it nothing is traded, unless a broken rule is cured.",
    ),
)

SETTINGS: Mapping[str, Setting] = {setting.key: setting for setting in (*_CASH, *_TAX, *_TRADING)}


def parse_setting(key: str, raw: SettingValue) -> SettingValue:
    """
    Check one value and return it in the form that is stored.

    :raises BadInput: the key is unknown, or the value is not of the setting's type or outside its range
    """
    setting = SETTINGS.get(key)
    if setting is None:
        raise BadInput(f"there is no setting called {key}")
    if raw is None or raw == "":
        if setting.default is None:
            return None
        raise BadInput(f"{setting.label}: a value is needed")
    if setting.type is Type.FLAG:
        return _flag(setting, raw)
    if setting.type is Type.CHOICE:
        return _choice(setting, raw)
    return _number(setting, raw)


def _flag(setting: Setting, raw: SettingValue) -> bool:
    if isinstance(raw, bool):
        return raw
    raise BadInput(f"{setting.label}: must be yes or no")


def _choice(setting: Setting, raw: SettingValue) -> str:
    if isinstance(raw, str) and raw in dict(setting.choices):
        return raw
    allowed = ", ".join(value for value, _ in setting.choices)
    raise BadInput(f"{setting.label}: must be one of {allowed}")


def _number(setting: Setting, raw: SettingValue) -> str | int:
    if isinstance(raw, bool):
        raise BadInput(f"{setting.label}: must be a number")
    try:
        number = Decimal(str(raw))
    except InvalidOperation:
        raise BadInput(f"{setting.label}: {raw!r} is not a number") from None
    if not number.is_finite():
        raise BadInput(f"{setting.label}: must be a finite number")
    if setting.minimum is not None and number < setting.minimum:
        raise BadInput(f"{setting.label}: must be at least {setting.minimum}")
    if setting.maximum is not None and number > setting.maximum:
        raise BadInput(f"{setting.label}: must be at most {setting.maximum}")
    if setting.type is Type.COUNT:
        if number != int(number):
            raise BadInput(f"{setting.label}: must be a whole number")
        return int(number)
    return str(number)


def resolve_settings(
    *, firm_defaults: Mapping[str, SettingValue], chosen: Mapping[str, SettingValue]
) -> Mapping[str, SettingValue]:
    """
    Lay what an account chose over the firm's defaults over Trimtab's.

    :raises BadInput: a stored value does not fit its setting
    """
    values: dict[str, SettingValue] = {}
    for key, setting in SETTINGS.items():
        raw = chosen[key] if key in chosen else firm_defaults.get(key, setting.default)
        values[key] = parse_setting(key, raw)
    return values
