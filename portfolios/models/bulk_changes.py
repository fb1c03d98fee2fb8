"""One change of the preferences of many accounts: prepared, looked at, applied, and taken back if need be."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q


class BulkOrigin(models.TextChoices):
    FILTER = "filter", "A list of accounts"
    FILE = "file", "A file"
    COPY = "copy", "Another account"


class BulkStatus(models.TextChoices):
    PREPARED = "prepared", "Prepared"
    APPLYING = "applying", "Being applied"
    APPLIED = "applied", "Applied"
    UNDOING = "undoing", "Being undone"
    UNDONE = "undone", "Undone"
    DROPPED = "dropped", "Dropped"


class BulkLineStatus(models.TextChoices):
    READY = "ready", "Ready"
    UNCHANGED = "unchanged", "Nothing changes"
    REFUSED = "refused", "Refused"
    APPLIED = "applied", "Applied"
    UNDONE = "undone", "Undone"
    LEFT = "left", "Left as it is"


class BulkChange(models.Model):
    """
    What one member prepared for many accounts. Nothing holds before it is applied.

    The lines are applied one by one, each wholly or not at all, by a job that may be killed and started again.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey("advisors.Membership", on_delete=models.PROTECT, related_name="+")
    origin = models.CharField(max_length=8, choices=BulkOrigin)
    title = models.CharField(max_length=240)
    status = models.CharField(max_length=12, choices=BulkStatus, default=BulkStatus.PREPARED)
    prepared_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_because = models.CharField(max_length=240, blank=True)

    class Meta:
        indexes = [models.Index(fields=["firm", "-prepared_at"], name="bulk_change_newest_first")]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=BulkStatus.values), name="bulk_change_status_known"),
            models.CheckConstraint(condition=Q(origin__in=BulkOrigin.values), name="bulk_change_origin_known"),
        ]

    def __str__(self) -> str:
        return f"bulk change {self.pk}"


class BulkChangeLine(models.Model):
    """
    One setting or restriction for one account; `account_said` is how a file named it.

    `asked` is what `portfolios.services.bulk_changes.asked` writes; `made` names the row that applying it added
    ("" and null where a setting went back to what stands above), `before` the value and dates that stood there.
    """

    bulk_change = models.ForeignKey(BulkChange, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField(help_text="the row of the file, or the place in the list")
    account = models.ForeignKey(
        "portfolios.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="bulk_lines"
    )
    account_said = models.CharField(max_length=120, blank=True)
    asked = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    says = models.CharField(max_length=240, blank=True)
    was = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=400, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    review_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=12, choices=BulkLineStatus)
    why = models.TextField(blank=True)
    made_id = models.PositiveBigIntegerField(null=True, blank=True)
    before = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)

    class Meta:
        indexes = [models.Index(fields=["bulk_change", "status", "position"], name="bulk_line_by_status")]
        constraints = [
            models.UniqueConstraint(fields=["bulk_change", "position"], name="one_bulk_line_a_position"),
            models.CheckConstraint(condition=Q(status__in=BulkLineStatus.values), name="bulk_line_status_known"),
            models.CheckConstraint(
                condition=~Q(status__in=("ready", "applied")) | Q(account__isnull=False, asked__isnull=False),
                name="bulk_line_applies_to_an_account",
            ),
        ]

    def __str__(self) -> str:
        return f"bulk change line {self.pk}"
