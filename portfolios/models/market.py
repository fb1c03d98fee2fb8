"""Prices, risk models and corporate actions: what the market says, by date."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from portfolios.models.guidance import VersionStatus


class Blob(models.Model):
    """Content that many rows share, kept once: canonical JSON compressed with zstandard, named by its sha256."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    content = models.BinaryField()
    size = models.PositiveIntegerField(help_text="bytes before compression")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.sha256


class Price(models.Model):
    """One security's closing price on one day, in US dollars."""

    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="prices")
    priced_on = models.DateField()
    price_usd = models.DecimalField(max_digits=15, decimal_places=6)
    source = models.CharField(max_length=32)

    class Meta:
        indexes = [models.Index(fields=["priced_on"], name="price_by_day")]
        constraints = [
            models.UniqueConstraint(fields=["security", "priced_on"], name="one_price_a_day"),
            models.CheckConstraint(condition=Q(price_usd__gt=0), name="price_positive"),
        ]

    def __str__(self) -> str:
        return f"price {self.pk}"


class RiskModelOrigin(models.TextChoices):
    IMPORTED = "imported", "From a file"
    ESTIMATED = "estimated", "Estimated from prices"
    CARRIED = "carried", "Carried on by a corporate action"


class RiskModelVersion(models.Model):
    """
    A factor risk model as of a date: the `risk_model` of a case, stored as a blob.

    In force is the approved one with the latest `effective_on`, then the newest. An estimated one waits for a second
    person; `findings` say what it was made of and how well it foresaw (`portfolios.services.risk_models.Findings`).
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="risk_models")
    name = models.CharField(max_length=80)
    effective_on = models.DateField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    factor_count = models.PositiveSmallIntegerField()
    security_count = models.PositiveIntegerField()
    received_at = models.DateTimeField()
    origin = models.CharField(max_length=12, choices=RiskModelOrigin, default=RiskModelOrigin.IMPORTED)
    status = models.CharField(max_length=12, choices=VersionStatus, default=VersionStatus.APPROVED)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    findings = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "name", "effective_on", "blob"], name="risk_model_version_unique"),
            models.CheckConstraint(condition=Q(status__in=VersionStatus.values), name="risk_model_status_known"),
            models.CheckConstraint(
                condition=~Q(origin="estimated", status=VersionStatus.APPROVED) | Q(decided_by__isnull=False),
                name="risk_model_approved_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.effective_on}"


class ActionKind(models.TextChoices):
    SPLIT = "split", "Split"
    REVERSE_SPLIT = "reverse_split", "Reverse split"
    STOCK_DIVIDEND = "stock_dividend", "Stock dividend"
    CLASS_DIVIDEND = "class_dividend", "Dividend of another class"
    SPIN_OFF = "spin_off", "Spin-off"
    STOCK_MERGER = "stock_merger", "Merger for stock"
    CASH_MERGER = "cash_merger", "Merger for cash"
    MIXED_MERGER = "mixed_merger", "Merger for stock and cash"
    RETURN_OF_CAPITAL = "return_of_capital", "Return of capital"
    TENDER = "tender", "Tender"
    SYMBOL_CHANGE = "symbol_change", "Symbol change"
    SPECIAL_DIVIDEND = "special_dividend", "Special dividend"
    WORTHLESS = "worthless", "Worthless"
    OTHER = "other", "Other"


class ActionStatus(models.TextChoices):
    ANNOUNCED = "announced", "Announced"
    CONFIRMED = "confirmed", "Confirmed"
    APPLIED = "applied", "Applied"
    REVERSED = "reversed", "Reversed"
    WITHDRAWN = "withdrawn", "Withdrawn"


class CorporateAction(models.Model):
    """
    An action on a security as a firm handles it, from announcement to application.

    `ratio` is new units per old unit. `terms` are `portfolios.ledger.corporate_actions.terms.ActionTerms` as plain
    values. `is_detected` marks one that nobody announced: prices or positions show it. `done` is what applying it
    changed beside lots (prices, models, restrictions, substitutes, groups), so that it can be undone.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="corporate_actions")
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="corporate_actions")
    kind = models.CharField(max_length=24, choices=ActionKind)
    effective_on = models.DateField()
    ratio = models.DecimalField(max_digits=15, decimal_places=9, null=True, blank=True)
    terms = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=12, choices=ActionStatus, default=ActionStatus.ANNOUNCED)
    source = models.CharField(max_length=64)
    note = models.CharField(max_length=400, blank=True)
    is_detected = models.BooleanField(default=False)
    done = models.JSONField(default=dict, blank=True)
    announced_at = models.DateTimeField()
    announced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    applied_at = models.DateTimeField(null=True, blank=True)
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True, help_text="when it was reversed or withdrawn")
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    end_reason = models.CharField(max_length=240, blank=True)

    class Meta:
        indexes = [models.Index(fields=["firm", "status", "effective_on"], name="corporate_action_queue")]
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "security", "kind", "effective_on"],
                condition=~Q(status__in=["reversed", "withdrawn"]),
                name="corporate_action_unique",
            ),
            models.CheckConstraint(condition=Q(kind__in=ActionKind.values), name="corporate_action_kind_known"),
            models.CheckConstraint(condition=Q(status__in=ActionStatus.values), name="corporate_action_status_known"),
            models.CheckConstraint(
                condition=Q(ratio__isnull=True) | Q(ratio__gt=0), name="corporate_action_ratio_positive"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["confirmed", "applied", "reversed"])
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
                name="corporate_action_confirmed_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"corporate action {self.pk}"


class ActionApplication(models.Model):
    """
    A corporate action as it was applied to one holder: exactly once.

    `event` is the journal's event, `undone_by` the one that took it back.
    """

    action = models.ForeignKey(CorporateAction, on_delete=models.PROTECT, related_name="applications")
    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="action_applications")
    event = models.ForeignKey("portfolios.LedgerEvent", on_delete=models.PROTECT, related_name="+")
    undone_by = models.ForeignKey(
        "portfolios.LedgerEvent", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    before_units = models.DecimalField(max_digits=15, decimal_places=6)
    after_units = models.DecimalField(max_digits=15, decimal_places=6)
    cash_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "account"], name="action_applied_once")]

    def __str__(self) -> str:
        return f"application {self.pk}"
