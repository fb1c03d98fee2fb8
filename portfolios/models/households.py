"""Households, their people, tax households and accounts."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q


class HouseholdMode(models.TextChoices):
    INDEPENDENT = "independent", "Each account to its own target"
    UNIFIED = "unified", "The accounts together to one target"
    GUARDRAIL = "guardrail", "Own targets inside a household band"


class Household(models.Model):
    """A client relationship: people and accounts in the book of one advisor."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="households")
    office = models.ForeignKey("advisors.Office", on_delete=models.PROTECT, related_name="households")
    advisor = models.ForeignKey("advisors.Membership", on_delete=models.PROTECT, related_name="households")
    name = models.CharField(max_length=120)
    external_ref = models.CharField(max_length=64)
    mode = models.CharField(max_length=16, choices=HouseholdMode, default=HouseholdMode.INDEPENDENT)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "external_ref"], name="household_ref_unique_in_firm"),
            models.CheckConstraint(condition=Q(mode__in=HouseholdMode.values), name="household_mode_known"),
        ]

    def __str__(self) -> str:
        return f"household {self.pk}"


class Person(models.Model):
    """A member of a household. The tax id is kept as a keyed hash only, to suggest tax households."""

    household = models.ForeignKey(Household, on_delete=models.CASCADE, related_name="people")
    full_name = models.CharField(max_length=120)
    born_on = models.DateField(null=True, blank=True)
    tax_id_hash = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"person {self.pk}"


class TaxHousehold(models.Model):
    """Every account whose trades count together for wash sales; suggested by the system, confirmed by a person."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="tax_households")
    household = models.ForeignKey(Household, on_delete=models.PROTECT, related_name="tax_households")
    name = models.CharField(max_length=120)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True, confirmed_by__isnull=True)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
                name="tax_household_confirmation_paired",
            ),
        ]

    def __str__(self) -> str:
        return f"tax household {self.pk}"


class FilingStatus(models.TextChoices):
    SINGLE = "single", "Single"
    JOINT = "mfj", "Married filing jointly"
    SEPARATE = "mfs", "Married filing separately"
    HEAD = "hoh", "Head of household"
    TRUST = "trust", "Trust or estate"


class TaxReturn(models.Model):
    """One tax return: gains and losses of its taxable accounts net together."""

    tax_household = models.ForeignKey(TaxHousehold, on_delete=models.PROTECT, related_name="returns")
    name = models.CharField(max_length=120)
    filing_status = models.CharField(max_length=8, choices=FilingStatus, default=FilingStatus.SINGLE)
    state = models.CharField(max_length=2, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(filing_status__in=FilingStatus.values), name="filing_status_known"),
        ]

    def __str__(self) -> str:
        return f"tax return {self.pk}"


class StatedAs(models.TextChoices):
    RATES = "rates", "The rates themselves"
    INCOME = "income", "Income, filing status and state"


class Origin(models.TextChoices):
    PERSON = "person", "A person"
    YEAR_END = "year_end", "The closed year"


class TaxSituation(models.Model):
    """
    What a return's taxes are for one calendar year; rows are added, the newest counts.

    Rates are fractions, stated, or derived when saved where income was stated (`table_year` says from which table).
    The state taxes short-term gains, and saves on losses against income, as ordinary unless the row says otherwise.
    Carryforwards are positive amounts carried into the year. Outside amounts are net gains realised outside Trimtab
    this year, positive for gains; distributions are funds' capital gain distributions, long-term whoever holds them.
    """

    tax_return = models.ForeignKey(TaxReturn, on_delete=models.CASCADE, related_name="situations")
    year = models.PositiveSmallIntegerField()
    stated_as = models.CharField(max_length=8, choices=StatedAs, default=StatedAs.RATES)
    filing_status = models.CharField(max_length=8, choices=FilingStatus, blank=True)
    state = models.CharField(max_length=2, blank=True)
    ordinary_income_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    preferred_income_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    modified_income_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    table_year = models.PositiveSmallIntegerField(null=True, blank=True)
    is_state_stated = models.BooleanField(default=False)
    federal_ordinary_frac = models.DecimalField(max_digits=6, decimal_places=5)
    federal_long_frac = models.DecimalField(max_digits=6, decimal_places=5)
    niit_frac = models.DecimalField(max_digits=6, decimal_places=5, default=0)
    state_ordinary_frac = models.DecimalField(max_digits=6, decimal_places=5, default=0)
    state_short_frac = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    state_long_frac = models.DecimalField(max_digits=6, decimal_places=5, default=0)
    state_offset_frac = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    ordinary_offset_usd = models.DecimalField(max_digits=15, decimal_places=2, default=3000)
    carryforward_short_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    carryforward_long_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    outside_short_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    outside_long_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    distributions_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    later_rate_frac = models.DecimalField(max_digits=6, decimal_places=5, default=0)
    later_discount_frac = models.DecimalField(max_digits=6, decimal_places=5, default=0)
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.PERSON)
    is_provisional = models.BooleanField(default=False)
    reason = models.CharField(max_length=240, blank=True)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    set_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["tax_return", "year", "set_at"], name="tax_situation_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(carryforward_short_usd__gte=0, carryforward_long_usd__gte=0),
                name="carryforwards_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    federal_ordinary_frac__range=(0, 1),
                    federal_long_frac__range=(0, 1),
                    niit_frac__range=(0, 1),
                    state_ordinary_frac__range=(0, 1),
                    state_long_frac__range=(0, 1),
                ),
                name="tax_rates_are_fractions",
            ),
            models.CheckConstraint(
                condition=Q(later_rate_frac__range=(0, 1), later_discount_frac__range=(0, 1)),
                name="later_rates_are_fractions",
            ),
            models.CheckConstraint(
                condition=Q(distributions_usd__gte=0, preferred_income_usd__gte=0),
                name="tax_incomes_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(stated_as=StatedAs.RATES) | Q(stated_as=StatedAs.INCOME, ordinary_income_usd__gte=0),
                name="stated_income_is_there",
            ),
            models.CheckConstraint(condition=Q(origin__in=Origin.values), name="tax_situation_origin_known"),
        ]

    def __str__(self) -> str:
        return f"tax situation {self.pk}"

    @property
    def short_rate_frac(self) -> Decimal:
        """Return the all-in rate of short-term gains."""
        state = self.state_ordinary_frac if self.state_short_frac is None else self.state_short_frac
        return self.federal_ordinary_frac + self.niit_frac + state

    @property
    def long_rate_frac(self) -> Decimal:
        """Return the all-in rate of long-term gains."""
        return self.federal_long_frac + self.niit_frac + self.state_long_frac

    @property
    def offset_rate_frac(self) -> Decimal:
        """Return what a dollar of net loss set against ordinary income saves: no net investment income tax."""
        state = self.state_ordinary_frac if self.state_offset_frac is None else self.state_offset_frac
        return self.federal_ordinary_frac + state

    @property
    def elsewhere_long_usd(self) -> Decimal:
        """Return the long-term gains that no sale here made: realised outside, and distributed by funds."""
        return self.outside_long_usd + self.distributions_usd


class TaxYearClose(models.Model):
    """
    A closed calendar year of a return as its books net: rows are added when the figures change, the newest counts.

    Provisional until the 30 days after the year are loaded. `unknown_count` sales had no basis and count nothing.
    """

    tax_return = models.ForeignKey(TaxReturn, on_delete=models.CASCADE, related_name="year_closes")
    year = models.PositiveSmallIntegerField()
    short_usd = models.DecimalField(max_digits=15, decimal_places=2)
    long_usd = models.DecimalField(max_digits=15, decimal_places=2)
    carried_in_short_usd = models.DecimalField(max_digits=15, decimal_places=2)
    carried_in_long_usd = models.DecimalField(max_digits=15, decimal_places=2)
    deduction_usd = models.DecimalField(max_digits=15, decimal_places=2)
    carried_short_usd = models.DecimalField(max_digits=15, decimal_places=2)
    carried_long_usd = models.DecimalField(max_digits=15, decimal_places=2)
    is_provisional = models.BooleanField()
    unknown_count = models.PositiveIntegerField(default=0)
    closed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["tax_return", "year", "closed_at"], name="tax_year_close_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(carried_short_usd__gte=0, carried_long_usd__gte=0, deduction_usd__gte=0),
                name="closed_losses_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"tax year close {self.pk}"


class TaxStatus(models.TextChoices):
    TAXABLE = "taxable", "Taxable"
    DEFERRED = "deferred", "Tax-deferred"
    EXEMPT = "exempt", "Tax-exempt"


class Registration(models.TextChoices):
    INDIVIDUAL = "individual", "Individual"
    JOINT = "joint", "Joint"
    TRUST = "trust", "Trust"
    IRA = "ira", "IRA"
    ROTH_IRA = "roth_ira", "Roth IRA"
    PLAN_401K = "401k", "401(k)"
    OTHER = "other", "Other"


class Standing(models.TextChoices):
    ACTIVE = "active", "Active"
    TRANSFERRING = "transferring", "Transferring"
    CLOSING = "closing", "Closing"
    CLOSED = "closed", "Closed"


class Account(models.Model):
    """
    One registration at one custodian.

    The number is encrypted at rest, matched by keyed hash, shown by its last four digits. A held-away account is
    declared by the client: its trades count for wash sales, it is never traded here. `journal_position` is the
    number of the last ledger event and the compare-and-set of every posting; a replay that changes lots without an
    event of this account moves it too, so that numbers of events may have gaps.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="accounts")
    household = models.ForeignKey(Household, on_delete=models.PROTECT, related_name="accounts")
    tax_household = models.ForeignKey(TaxHousehold, on_delete=models.PROTECT, related_name="accounts")
    tax_return = models.ForeignKey(TaxReturn, null=True, blank=True, on_delete=models.PROTECT, related_name="accounts")
    owners = models.ManyToManyField(Person, related_name="accounts", blank=True)
    name = models.CharField(max_length=120)
    external_ref = models.CharField(max_length=64)
    custodian = models.CharField(max_length=32)
    number_encrypted = models.BinaryField()
    number_hash = models.CharField(max_length=64)
    number_last4 = models.CharField(max_length=4)
    registration = models.CharField(max_length=16, choices=Registration)
    tax_status = models.CharField(max_length=8, choices=TaxStatus)
    is_discretionary = models.BooleanField(default=True)
    is_held_away = models.BooleanField(default=False)
    standing = models.CharField(max_length=16, choices=Standing, default=Standing.ACTIVE)
    risk_profile = models.ForeignKey(
        "portfolios.RiskProfile", null=True, blank=True, on_delete=models.PROTECT, related_name="accounts"
    )
    fee_bps = models.DecimalField(max_digits=7, decimal_places=2, default=0)
    opened_on = models.DateField(null=True, blank=True)
    positions_on = models.DateField(null=True, blank=True)
    journal_position = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["firm", "household"], name="account_by_household")]
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "custodian", "number_hash"], name="account_number_unique_at_custodian"
            ),
            models.UniqueConstraint(fields=["firm", "external_ref"], name="account_ref_unique_in_firm"),
            models.CheckConstraint(condition=Q(tax_status__in=TaxStatus.values), name="account_tax_status_known"),
            models.CheckConstraint(
                condition=Q(registration__in=Registration.values), name="account_registration_known"
            ),
            models.CheckConstraint(condition=Q(standing__in=Standing.values), name="account_standing_known"),
            models.CheckConstraint(
                condition=Q(is_held_away=True) | ~Q(tax_status=TaxStatus.TAXABLE) | Q(tax_return__isnull=False),
                name="taxable_account_has_return",
            ),
        ]

    def __str__(self) -> str:
        return f"account {self.pk}"


class HoldKind(models.TextChoices):
    POSITION_BREAK = "position_break", "Position break with custodian"
    MISSING_BASIS = "missing_basis", "Cost basis missing"
    STALE_PRICE = "stale_price", "Price missing or suspicious"
    CORPORATE_ACTION = "corporate_action", "Corporate action to confirm"
    FILE_FAULT = "file_fault", "Fault in custodian file"
    UNKNOWN_SECURITY = "unknown_security", "Unknown security"
    SHORT_POSITION = "short_position", "Short or margin position"
    MANUAL = "manual", "Held by a person"


class AccountHold(models.Model):
    """Why an account may not trade, since when, until when. An account is held while one of these is open."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="holds")
    kind = models.CharField(max_length=24, choices=HoldKind)
    subject = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=400)
    until_on = models.DateField(null=True, blank=True)
    placed_at = models.DateTimeField()
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    lift_reason = models.CharField(max_length=240, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "subject"], condition=Q(lifted_at__isnull=True), name="one_open_hold_a_kind"
            ),
            models.CheckConstraint(condition=Q(kind__in=HoldKind.values), name="hold_kind_known"),
        ]

    def __str__(self) -> str:
        return f"hold {self.pk}"
