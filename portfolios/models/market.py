"""Prices, risk models and corporate actions: what the market says, by date."""

from django.db import models
from django.db.models import Q


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


class RiskModelVersion(models.Model):
    """A factor risk model as of a date: the `risk_model` of a case, stored as a blob."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="risk_models")
    name = models.CharField(max_length=80)
    effective_on = models.DateField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    factor_count = models.PositiveSmallIntegerField()
    security_count = models.PositiveIntegerField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "name", "effective_on", "blob"], name="risk_model_version_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.effective_on}"


class ActionKind(models.TextChoices):
    SPLIT = "split", "Split"
    REVERSE_SPLIT = "reverse_split", "Reverse split"
    SPIN_OFF = "spin_off", "Spin-off"
    MERGER = "merger", "Merger"
    SYMBOL_CHANGE = "symbol_change", "Symbol change"
    OTHER = "other", "Other"


class ActionStatus(models.TextChoices):
    ANNOUNCED = "announced", "Announced"
    CONFIRMED = "confirmed", "Confirmed"
    APPLIED = "applied", "Applied"
    REVERSED = "reversed", "Reversed"


class CorporateAction(models.Model):
    """An action on a security, from announcement to application. `ratio` is new units per old unit."""

    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="corporate_actions")
    kind = models.CharField(max_length=16, choices=ActionKind)
    effective_on = models.DateField()
    ratio = models.DecimalField(max_digits=15, decimal_places=9, null=True, blank=True)
    terms = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=12, choices=ActionStatus, default=ActionStatus.ANNOUNCED)
    source = models.CharField(max_length=64)
    announced_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["security", "kind", "effective_on"], name="corporate_action_unique"),
            models.CheckConstraint(condition=Q(kind__in=ActionKind.values), name="corporate_action_kind_known"),
            models.CheckConstraint(condition=Q(status__in=ActionStatus.values), name="corporate_action_status_known"),
            models.CheckConstraint(
                condition=Q(ratio__isnull=True) | Q(ratio__gt=0), name="corporate_action_ratio_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"corporate action {self.pk}"
