"""How the ledger of a tax household stands, to lay two moments side by side: lots, gains, cash and the year's tax."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portfolios.ledger.tax import tax_used_usd
from portfolios.models.households import Account, TaxReturn
from portfolios.models.lots import CashBalance, Lot, RealizedGain
from portfolios.selectors.preferences import tax_situations_by_return
from portfolios.selectors.tax_rates_shown import rates_of
from portfolios.selectors.tax_years import NOTHING_RECOGNIZED, net_situation, recognized_years

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotState:
    """One open lot."""

    units: Decimal
    cost_usd: Decimal | None
    wash_usd: Decimal
    held_from_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class GainState:
    """One realised portion."""

    units: Decimal
    gain_usd: Decimal | None
    disallowed_usd: Decimal
    permanent_usd: Decimal
    term: str


@dataclass(frozen=True, slots=True, kw_only=True)
class YearState:
    """What a return recognised in a year, and its tax; None where no situation is stated."""

    short_usd: Decimal
    long_usd: Decimal
    tax_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSnapshot:
    """One moment: lots by account, security, key; gains by account, security, day, lot, kind; the rest by name."""

    lots: Mapping[tuple[str, str, str], LotState]
    gains: Mapping[tuple[str, str, date, str, str], GainState]
    years: Mapping[tuple[str, int], YearState]
    cash: Mapping[str, Decimal]


def snapshot_of(tax_household_id: int, *, on: date) -> LedgerSnapshot:
    """Return how a tax household's ledger stands; the tax is that of the year of `on` and of those that gains name."""
    names = {
        pk: f"{name} ··{last4}"
        for pk, name, last4 in Account.objects.filter(tax_household_id=tax_household_id).values_list(
            "pk", "name", "number_last4"
        )
    }
    gains = RealizedGain.objects.filter(account_id__in=names).select_related("security")
    lots = Lot.objects.filter(account_id__in=names, closed_on__isnull=True).select_related("security")
    states = {
        (names[one.account_id], one.security.symbol, one.closed_on, one.lot_key, one.get_kind_display()): GainState(
            units=one.units,
            gain_usd=one.gain_usd,
            disallowed_usd=one.disallowed_usd,
            permanent_usd=one.permanent_usd,
            term=one.get_term_display(),
        )
        for one in gains.order_by("closed_on", "pk")
    }
    years = {on.year, *(day.year for _, _, day, _, _ in states)}
    cash = CashBalance.objects.filter(account_id__in=names)
    return LedgerSnapshot(
        lots={
            (names[lot.account_id], lot.security.symbol, lot.key): LotState(
                units=lot.units,
                cost_usd=lot.cost_usd,
                wash_usd=lot.wash_adjustment_usd,
                held_from_on=lot.holding_on or lot.acquired_on,
            )
            for lot in lots.order_by("acquired_on", "pk")
        },
        gains=states,
        years=_years(tax_household_id, {year for year in years if year >= on.year - 1}, on=on),
        cash={names[one.account_id]: one.settled_usd + one.unsettled_usd for one in cash},
    )


def _years(tax_household_id: int, years: set[int], *, on: date) -> Mapping[tuple[str, int], YearState]:
    returns = list(TaxReturn.objects.filter(tax_household_id=tax_household_id).order_by("pk"))
    found = recognized_years([one.pk for one in returns], years=years, on=on)
    states: dict[tuple[str, int], YearState] = {}
    for year in sorted(years):
        situations = tax_situations_by_return([one.pk for one in returns], year=year)
        for one in returns:
            recognized = found.get((one.pk, year), NOTHING_RECOGNIZED)
            situation = situations.get(one.pk)
            tax = None
            if situation is not None:
                netted = net_situation(situation, recognized)
                tax = tax_used_usd(realized=netted.realized, carried_in=netted.carried_in, rates=rates_of(situation))
            states[one.name, year] = YearState(
                short_usd=recognized.short_usd, long_usd=recognized.long_usd, tax_usd=tax
            )
    return states


@dataclass(frozen=True, slots=True, kw_only=True)
class LotChange:
    """A lot before and after; None where it was not open."""

    account_name: str
    symbol: str
    key: str
    before: LotState | None
    after: LotState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GainChange:
    """A realised portion before and after."""

    account_name: str
    symbol: str
    sold_on: date
    key: str
    kind: str
    before: GainState | None
    after: GainState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class YearChange:
    """A year of a return before and after; also where it stays as it is."""

    name: str
    year: int
    before: YearState
    after: YearState


@dataclass(frozen=True, slots=True, kw_only=True)
class CashChange:
    """The cash of an account before and after."""

    account_name: str
    before_usd: Decimal
    after_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerChanges:
    """What differs between two moments."""

    lots: tuple[LotChange, ...]
    gains: tuple[GainChange, ...]
    years: tuple[YearChange, ...]
    cash: tuple[CashChange, ...]

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing differs."""
        return not (self.lots or self.gains or self.cash)


def compare_snapshots(before: LedgerSnapshot, after: LedgerSnapshot) -> LedgerChanges:
    """Return what differs, in order of account, security and day."""
    nothing = YearState(short_usd=_ZERO, long_usd=_ZERO, tax_usd=None)
    return LedgerChanges(
        lots=tuple(
            LotChange(account_name=name[0], symbol=name[1], key=name[2], before=old, after=new)
            for name in sorted(before.lots.keys() | after.lots.keys())
            if (old := before.lots.get(name)) != (new := after.lots.get(name))
        ),
        gains=tuple(
            GainChange(
                account_name=name[0], symbol=name[1], sold_on=name[2], key=name[3], kind=name[4], before=was, after=now
            )
            for name in sorted(before.gains.keys() | after.gains.keys())
            if (was := before.gains.get(name)) != (now := after.gains.get(name))
        ),
        years=tuple(
            YearChange(
                name=name[0], year=name[1], before=before.years.get(name, nothing), after=after.years.get(name, nothing)
            )
            for name in sorted(before.years.keys() | after.years.keys())
        ),
        cash=tuple(
            CashChange(account_name=name, before_usd=one, after_usd=other)
            for name in sorted(before.cash.keys() | after.cash.keys())
            if (one := before.cash.get(name, _ZERO)) != (other := after.cash.get(name, _ZERO))
        ),
    )
