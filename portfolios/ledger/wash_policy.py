"""
What a firm chooses where the wash-sale rules leave a choice: [policy] in sections 1.2 and 1.3 of the tax rules.

Stored as JSON with each result that was computed by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from portfolios.ledger.errors import BadInput
from portfolios.ledger.types import WINDOW_DAYS

PolicyJson = Mapping[str, str | bool | int | list[str]]
PLANS = ("traditional_ira", "roth_ira", "sep_ira", "simple_ira", "401k", "403b", "457b", "hsa", "529", "annuity")


class Tacking(StrEnum):
    """How the holding period of the shares sold is added to the replacement's (R-1.3.9)."""

    ADD_DAYS = "ADD_DAYS"
    EARLIEST_DATE = "EARLIEST_DATE"


class SublotOrder(StrEnum):
    """Which sublot of one acquisition is sold first where none is named (R-1.2.5)."""

    HOLDING_DATE = "HOLDING_DATE"


class FractionRelief(StrEnum):
    """Which lots give up the fraction that a corporate action pays in cash (R-3.1)."""

    ACCOUNT_METHOD = "ACCOUNT_METHOD"


@dataclass(frozen=True, slots=True, kw_only=True)
class WashPolicy:
    """
    The choices, with the defaults of the specification.

    `window_days` is law: it is here so that every stored result says it. `retirement_statuses` are the plans whose
    purchases take a loss for good, while `retirement_acquisitions_count` is on; for an IRA that is Rev. Rul. 2008-5.
    """

    window_days: int = WINDOW_DAYS
    same_acquisition_excluded: bool = True
    simultaneous_same_day_sales: bool = True
    earlier_acquired_lots_count: bool = True
    tacking: Tacking = Tacking.ADD_DAYS
    spouse_in_scope: bool = True
    spouse_basis_adjustment: bool = True
    retirement_acquisitions_count: bool = True
    retirement_statuses: tuple[str, ...] = (
        "traditional_ira",
        "roth_ira",
        "sep_ira",
        "simple_ira",
        "401k",
        "403b",
        "hsa",
    )
    sublot_order: SublotOrder = SublotOrder.HOLDING_DATE
    fraction_relief: FractionRelief = FractionRelief.ACCOUNT_METHOD

    def __post_init__(self) -> None:
        if self.window_days != WINDOW_DAYS:
            raise BadInput(f"the wash-sale window is {WINDOW_DAYS} days by law, not {self.window_days}")
        unknown = sorted(set(self.retirement_statuses) - set(PLANS))
        if unknown:
            raise BadInput(f"unknown retirement plans: {', '.join(unknown)}")

    def to_json(self) -> dict[str, str | bool | int | list[str]]:
        """Return every choice by name, as JSON holds it."""
        values: dict[str, str | bool | int | list[str]] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            values[each.name] = list(value) if isinstance(value, tuple) else value
            if isinstance(value, StrEnum):
                values[each.name] = value.value
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "WashPolicy":
        """
        Read the choices back; what is not said is the default.

        :raises BadInput: an unknown choice, or a value that it cannot have
        """
        known = {each.name for each in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise BadInput(f"unknown tax policies: {', '.join(unknown)}")
        return cls(**{name: _READERS.get(name, _flag)(name, value) for name, value in values.items()})  # type: ignore[arg-type]


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadInput(f"tax policy {name} is {value!r}; it must be true or false")
    return value


def _days(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput(f"tax policy {name} is {value!r}; it must be a number of days")
    return value


def _plans(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise BadInput(f"tax policy {name} is {value!r}; it must be a list of plans")
    return tuple(value)


def _tacking(name: str, value: object) -> Tacking:
    if value not in tuple(Tacking):
        raise BadInput(f"tax policy {name} is {value!r}; it must be one of {', '.join(Tacking)}")
    return Tacking(str(value))


def _sublots(name: str, value: object) -> SublotOrder:
    if value not in tuple(SublotOrder):
        raise BadInput(f"tax policy {name} is {value!r}; it must be one of {', '.join(SublotOrder)}")
    return SublotOrder(str(value))


def _fractions(name: str, value: object) -> FractionRelief:
    if value not in tuple(FractionRelief):
        raise BadInput(f"tax policy {name} is {value!r}; it must be one of {', '.join(FractionRelief)}")
    return FractionRelief(str(value))


_READERS = {
    "window_days": _days,
    "tacking": _tacking,
    "retirement_statuses": _plans,
    "sublot_order": _sublots,
    "fraction_relief": _fractions,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyWord:
    """How a form speaks of one choice; without `choices` it is a yes or no. `is_law` is shown and cannot be changed."""

    name: str
    label: str
    help: str
    choices: tuple[tuple[str, str], ...] = ()
    is_law: bool = False


POLICY_WORDS: tuple[PolicyWord, ...] = (
    PolicyWord(
        name="window_days",
        label="Days to either side of a loss sale",
        help="30 days before and 30 after, 61 dates with the day of the sale (IRC 1091). This is law.",
        is_law=True,
    ),
    PolicyWord(
        name="same_acquisition_excluded",
        label="What was bought together does not wash itself",
        help="Selling part or all of a purchase at a loss is no wash sale by itself (Rev. Rul. 56-602); all fills of"
        " one order are one purchase.",
    ),
    PolicyWord(
        name="simultaneous_same_day_sales",
        label="Sales of one day happen at once",
        help="Shares sold later on the day of the loss are no replacement. Off: sales are taken in their order, and a"
        " lot sold later that day can be one; the total is normally the same, its character may differ.",
    ),
    PolicyWord(
        name="earlier_acquired_lots_count",
        label="Shares bought before the ones sold can be a replacement",
        help="A purchase inside the window counts even where it is older than the shares sold: the literal and cautious"
        " reading.",
    ),
    PolicyWord(
        name="tacking",
        label="Holding period of the replacement",
        help="IRC 1223(3) adds the days that the shares sold were held. The alternative starts the replacement's"
        " holding period where theirs started.",
        choices=((Tacking.ADD_DAYS, "Add the days held"), (Tacking.EARLIEST_DATE, "Take over the earlier date")),
    ),
    PolicyWord(
        name="spouse_in_scope",
        label="A spouse's purchases count",
        help="Publication 550 counts them, also where spouses file separately.",
    ),
    PolicyWord(
        name="spouse_basis_adjustment",
        label="A loss washed by the spouse goes into the spouse's basis",
        help="Off: it is lost for good.",
    ),
    PolicyWord(
        name="retirement_acquisitions_count",
        label="Purchases in retirement accounts count",
        help="The loss is then lost for good. For an owner's IRA this is settled (Rev. Rul. 2008-5).",
    ),
    PolicyWord(
        name="retirement_statuses",
        label="Retirement plans that count",
        help="IRAs are settled by Rev. Rul. 2008-5; for 401(k), 403(b) and HSA nothing is ruled, counting them is the"
        " cautious choice.",
        choices=(
            ("traditional_ira", "Traditional IRA"),
            ("roth_ira", "Roth IRA"),
            ("sep_ira", "SEP IRA"),
            ("simple_ira", "SIMPLE IRA"),
            ("401k", "401(k)"),
            ("403b", "403(b)"),
            ("457b", "457(b)"),
            ("hsa", "HSA"),
            ("529", "529 plan"),
            ("annuity", "Annuity"),
        ),
    ),
    PolicyWord(
        name="sublot_order",
        label="Order of the parts of a lot",
        help="Where a lot was split by a wash sale and none of its parts is named, the part with the earliest holding"
        " date is sold first, then the one with the highest basis a share.",
        choices=((SublotOrder.HOLDING_DATE, "Earliest holding date, then highest basis"),),
    ),
    PolicyWord(
        name="fraction_relief",
        label="Lots that give up a fraction",
        help="Where a corporate action pays a fraction in cash, it is taken from the lots that the account's relief"
        " method would sell, unless the custodian's books say otherwise.",
        choices=((FractionRelief.ACCOUNT_METHOD, "The account's relief method"),),
    ),
)
