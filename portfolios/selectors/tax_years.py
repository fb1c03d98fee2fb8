"""The years of tax returns as the books net them: what was recognised, what may still change, what is carried on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Count, F, Q, Sum

from advisors.errors import Invalid
from advisors.models import Firm
from portfolios.ledger.tax import Gains, YearNetting, carryover_by_worksheet, net_year
from portfolios.models.households import Origin, StatedAs, TaxSituation, TaxStatus, TaxYearClose
from portfolios.models.lots import RealizedGain, Term

WINDOW_DAYS: Final = 30
TABLES_POLICY: Final = "tax_tables"
YearOf = tuple[int, int]  # tax return, calendar year
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizedYear:
    """
    What the taxable accounts of a return recognised in a year, after wash sales.

    `provisional_usd` are losses that a purchase may still wash, `harvested_usd` all losses recognised, `disallowed_usd`
    those washed: positive amounts. Sales of unknown basis are counted, and count nothing.
    """

    short_usd: Decimal = _ZERO
    long_usd: Decimal = _ZERO
    disallowed_usd: Decimal = _ZERO
    permanent_usd: Decimal = _ZERO
    harvested_usd: Decimal = _ZERO
    provisional_usd: Decimal = _ZERO
    sale_count: int = 0
    unknown_count: int = 0

    @property
    def gains(self) -> Gains:
        """Return the two characters as one value."""
        return Gains(short_usd=self.short_usd, long_usd=self.long_usd)


NOTHING_RECOGNIZED: Final = RecognizedYear()


def recognized_years(
    tax_return_ids: Collection[int], *, years: Collection[int], on: date
) -> Mapping[YearOf, RecognizedYear]:
    """Add up what returns recognised, by return and year; a year without a sale is missing. One query."""
    recognized = F("gain_usd") + F("disallowed_usd")
    is_loss = Q(gain_usd__lt=0)
    rows = (
        RealizedGain.objects.filter(
            account__tax_return_id__in=tax_return_ids,
            account__tax_status=TaxStatus.TAXABLE,
            account__is_held_away=False,
            closed_on__gte=date(min(years), 1, 1),
            closed_on__lte=date(max(years), 12, 31),
        )
        .values("account__tax_return_id", "closed_on__year")
        .annotate(
            short=Sum(recognized, filter=Q(term=Term.SHORT)),
            long=Sum(recognized, filter=Q(term=Term.LONG)),
            disallowed=Sum("disallowed_usd"),
            permanent=Sum("permanent_usd"),
            harvested=Sum(recognized, filter=is_loss),
            provisional=Sum(recognized, filter=is_loss & Q(closed_on__gt=on - timedelta(days=WINDOW_DAYS))),
            sales=Count("pk"),
            unknown=Count("pk", filter=Q(gain_usd__isnull=True)),
        )
        .order_by()
    )
    return {
        (row["account__tax_return_id"], row["closed_on__year"]): RecognizedYear(
            short_usd=row["short"] or _ZERO,
            long_usd=row["long"] or _ZERO,
            disallowed_usd=row["disallowed"] or _ZERO,
            permanent_usd=row["permanent"] or _ZERO,
            harvested_usd=-(row["harvested"] or _ZERO),
            provisional_usd=-(row["provisional"] or _ZERO),
            sale_count=row["sales"],
            unknown_count=row["unknown"],
        )
        for row in rows
    }


def newest_situations(tax_return_ids: Collection[int], *, years: Collection[int]) -> Mapping[YearOf, TaxSituation]:
    """Return the situation that counts for each return and year; one query."""
    rows = TaxSituation.objects.filter(tax_return_id__in=tax_return_ids, year__in=years).order_by("set_at", "pk")
    return {(row.tax_return_id, row.year): row for row in rows}


def newest_closes(tax_return_ids: Collection[int], *, years: Collection[int]) -> Mapping[YearOf, TaxYearClose]:
    """Return the close that counts for each return and year; one query."""
    rows = TaxYearClose.objects.filter(tax_return_id__in=tax_return_ids, year__in=years).order_by("closed_at", "pk")
    return {(row.tax_return_id, row.year): row for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class NettedYear:
    """A year of a return: everything realised, the netting with what was carried in, what is carried on."""

    realized: Gains
    carried_in: Gains
    netting: YearNetting
    carried: Gains


def net_situation(situation: TaxSituation, recognized: RecognizedYear) -> NettedYear:
    """
    Net a year from its books and its situation.

    Where income was stated, the Capital Loss Carryover Worksheet decides what of the allowance was used up.
    """
    realized = recognized.gains + Gains(short_usd=situation.outside_short_usd, long_usd=situation.elsewhere_long_usd)
    carried_in = Gains(short_usd=situation.carryforward_short_usd, long_usd=situation.carryforward_long_usd)
    netting = net_year(realized=realized, carried_in=carried_in, offset_limit_usd=situation.ordinary_offset_usd)
    carried = netting.carried
    if situation.stated_as == StatedAs.INCOME and netting.ordinary_deduction_usd:
        income = (situation.ordinary_income_usd or _ZERO) + situation.preferred_income_usd
        carried = carryover_by_worksheet(
            taxable_income_usd=income - netting.ordinary_deduction_usd,
            line_7_usd=netting.net.short_usd,
            line_15_usd=netting.net.long_usd,
            line_21_usd=-netting.ordinary_deduction_usd,
        )
    return NettedYear(realized=realized, carried_in=carried_in, netting=netting, carried=carried)


def is_year_provisional(year: int, *, on: date) -> bool:
    """Say whether a purchase may still wash a loss of the year: until the data of 30 January is in."""
    return on < date(year, 12, 31) + timedelta(days=WINDOW_DAYS)


def table_stand_ins(firm_id: int) -> Mapping[int, int]:
    """
    Return which year's tax table a firm accepts in place of a missing one: `{"tax_tables": {"2027": 2026}}`.

    :raises Invalid: the firm's policy is no such mapping
    """
    said = Firm.objects.values_list("policies", flat=True).get(pk=firm_id).get(TABLES_POLICY, {})
    try:
        return {int(year): int(table) for year, table in said.items()}
    except (AttributeError, TypeError, ValueError):
        raise Invalid(f"The firm's policy {TABLES_POLICY} names no years: {said!r}.") from None


def returns_that_differ(tax_return_ids: Collection[int], *, year: int) -> frozenset[int]:
    """Find the returns whose carryforwards a person stated otherwise than the closed year; two queries."""
    closes = newest_closes(tax_return_ids, years=[year - 1])
    situations = newest_situations(tax_return_ids, years=[year])
    return frozenset(
        row.tax_return_id
        for row in situations.values()
        if (close := closes.get((row.tax_return_id, year - 1))) is not None and is_stated_otherwise(row, close)
    )


def is_stated_otherwise(situation: TaxSituation, close: TaxYearClose) -> bool:
    """Say whether a person stated other carryforwards than the year before carries by its books."""
    stated = (situation.carryforward_short_usd, situation.carryforward_long_usd)
    return situation.origin == Origin.PERSON and stated != (close.carried_short_usd, close.carried_long_usd)
