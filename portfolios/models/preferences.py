"""The client's policy statement: settings, restrictions and cash needs, each with who, when and why."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Level(models.TextChoices):
    FIRM = "firm", "Firm"
    OFFICE = "office", "Office"
    HOUSEHOLD = "household", "Household"
    TAX_RETURN = "tax_return", "Tax return"
    ACCOUNT = "account", "Account"


def _level_names_its_subject() -> Q:
    condition = Q()
    subjects = [level.value for level in Level if level is not Level.FIRM]
    for level in Level:
        empty = {f"{name}__isnull": name != level.value for name in subjects}
        condition |= Q(level=level.value, **empty)
    return condition


class Statement(models.Model):
    """
    What every line of a policy statement carries: where it applies, since when, by whom, why.

    A line is never edited: a change ends the old one (`ended_at`, `ended_by`) and adds a new one. In force on a day
    are the lines not ended whose `starts_on`/`ends_on` (inclusive, null = open) hold that day.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="+")
    level = models.CharField(max_length=12, choices=Level)
    office = models.ForeignKey("advisors.Office", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    household = models.ForeignKey(
        "portfolios.Household", null=True, blank=True, on_delete=models.PROTECT, related_name="%(class)ss"
    )
    tax_return = models.ForeignKey(
        "portfolios.TaxReturn", null=True, blank=True, on_delete=models.PROTECT, related_name="%(class)ss"
    )
    account = models.ForeignKey(
        "portfolios.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="%(class)ss"
    )
    reason = models.CharField(max_length=400, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    review_on = models.DateField(null=True, blank=True)
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(condition=_level_names_its_subject(), name="%(class)s_level_names_its_subject"),
            models.CheckConstraint(
                condition=Q(starts_on__isnull=True) | Q(ends_on__isnull=True) | Q(starts_on__lte=F("ends_on")),
                name="%(class)s_starts_before_it_ends",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="%(class)s_ending_paired",
            ),
        ]


class Preference(Statement):
    """One setting that differs from the default. Keys and value types: `portfolios.services.preferences`."""

    key = models.CharField(max_length=48)
    value = models.JSONField()

    class Meta(Statement.Meta):
        constraints = [
            *Statement.Meta.constraints,
            models.UniqueConstraint(
                fields=["account", "key"],
                condition=Q(ended_at__isnull=True, level="account", starts_on__isnull=True),
                name="one_standing_preference_a_key",
            ),
        ]

    def __str__(self) -> str:
        return f"preference {self.pk}"


class Verb(models.TextChoices):
    NEVER_BUY = "never_buy", "Never buy"
    NEVER_SELL = "never_sell", "Never sell"
    NEVER_TRADE = "never_trade", "Never trade"
    NEVER_OWN = "never_own", "Never own"
    RANGE = "range", "Keep within a range"


class SubjectKind(models.TextChoices):
    SECURITY = "security", "Security"
    IDENTITY_GROUP = "identity_group", "Identity group"
    SECTOR = "sector", "Sector"
    INDUSTRY = "industry", "Industry"
    COUNTRY = "country", "Country"
    SCREEN = "screen", "Screen"


class Disposal(models.TextChoices):
    NOW = "now", "Sell now, whatever it costs"
    WITHIN_BUDGET = "within_budget", "Sell as the tax budget allows"
    KEEP = "keep", "Keep what is held, never add"


class Restriction(Statement):
    """A verb on a subject. At the level of the firm it is the firm's restricted list."""

    verb = models.CharField(max_length=12, choices=Verb)
    subject_kind = models.CharField(max_length=16, choices=SubjectKind)
    subject = models.CharField(max_length=96, help_text="symbol, group key, sector, industry, country or screen key")
    disposal = models.CharField(max_length=16, choices=Disposal, blank=True)
    min_frac = models.DecimalField(max_digits=7, decimal_places=6, null=True, blank=True)
    max_frac = models.DecimalField(max_digits=7, decimal_places=6, null=True, blank=True)
    min_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    max_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    min_units = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    max_units = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)

    class Meta(Statement.Meta):
        constraints = [
            *Statement.Meta.constraints,
            models.CheckConstraint(condition=Q(verb__in=Verb.values), name="restriction_verb_known"),
            models.CheckConstraint(condition=Q(subject_kind__in=SubjectKind.values), name="restriction_subject_known"),
            models.CheckConstraint(
                condition=Q(verb=Verb.NEVER_OWN, disposal__in=Disposal.values)
                | (~Q(verb=Verb.NEVER_OWN) & Q(disposal="")),
                name="restriction_disposal_goes_with_never_own",
            ),
            models.CheckConstraint(
                condition=Q(verb=Verb.RANGE)
                | Q(
                    min_frac__isnull=True,
                    max_frac__isnull=True,
                    min_usd__isnull=True,
                    max_usd__isnull=True,
                    min_units__isnull=True,
                    max_units__isnull=True,
                ),
                name="restriction_bounds_go_with_range",
            ),
        ]

    def __str__(self) -> str:
        return f"restriction {self.pk}"


class CashNeedKind(models.TextChoices):
    WITHDRAWAL = "withdrawal", "Withdrawal"
    CONTRIBUTION = "contribution", "Contribution"


class CashPeriod(models.TextChoices):
    ONCE = "once", "Once"
    MONTHLY = "monthly", "Every month"
    QUARTERLY = "quarterly", "Every quarter"
    YEARLY = "yearly", "Every year"


class CashNeed(Statement):
    """Money that leaves or comes: an amount on a due date, once or by period, raised `lead_days` before it is due."""

    kind = models.CharField(max_length=16, choices=CashNeedKind, default=CashNeedKind.WITHDRAWAL)
    amount_usd = models.DecimalField(max_digits=15, decimal_places=2)
    due_on = models.DateField(help_text="the next date")
    period = models.CharField(max_length=12, choices=CashPeriod, default=CashPeriod.ONCE)
    lead_days = models.PositiveSmallIntegerField(default=5)

    class Meta(Statement.Meta):
        constraints = [
            *Statement.Meta.constraints,
            models.CheckConstraint(condition=Q(amount_usd__gt=0), name="cash_need_positive"),
            models.CheckConstraint(condition=Q(kind__in=CashNeedKind.values), name="cash_need_kind_known"),
            models.CheckConstraint(condition=Q(period__in=CashPeriod.values), name="cash_need_period_known"),
        ]

    def __str__(self) -> str:
        return f"cash need {self.pk}"
