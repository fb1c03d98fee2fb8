"""Reports that were made: their facts, their file, who asked for them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class ReportKind(models.TextChoices):
    CLIENT = "client", "Client report"
    FORM_8949 = "form_8949", "Form 8949"
    POLICY = "policy", "Policy statement"


class ReportStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Being made"
    READY = "ready", "Ready"
    UNCHANGED = "unchanged", "Nothing changed since the last one"
    FAILED = "failed", "Failed"


OPEN_REPORT = (ReportStatus.QUEUED, ReportStatus.RUNNING)


class Report(models.Model):
    """
    One report on one account for a period. The facts it prints are stored beside it.

    `facts_hash` is the sha256 of the facts' canonical JSON: the same facts give the same report, never a second one.
    A request whose facts were printed already ends as `unchanged` and points at that report with `same_as`.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="reports")
    household = models.ForeignKey("portfolios.Household", on_delete=models.PROTECT, related_name="reports")
    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="reports")
    proposal = models.ForeignKey(
        "rebalancing.Proposal", null=True, blank=True, on_delete=models.PROTECT, related_name="reports"
    )
    kind = models.CharField(max_length=16, choices=ReportKind, default=ReportKind.CLIENT)
    period_starts_on = models.DateField()
    period_ends_on = models.DateField()
    status = models.CharField(max_length=12, choices=ReportStatus, default=ReportStatus.QUEUED)
    message = models.CharField(max_length=400, blank=True)
    facts = models.BinaryField(null=True, blank=True, help_text="canonical JSON, zstandard")
    facts_hash = models.CharField(max_length=64, blank=True)
    content = models.BinaryField(null=True, blank=True, help_text="PDF")
    content_sha256 = models.CharField(max_length=64, blank=True)
    page_count = models.PositiveSmallIntegerField(default=0)
    requested_at = models.DateTimeField()
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    same_as = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="repeats")

    class Meta:
        indexes = [models.Index(fields=["account", "requested_at"], name="report_by_account")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "account", "period_starts_on", "period_ends_on", "facts_hash"],
                condition=~Q(facts_hash=""),
                name="report_made_once_from_its_facts",
            ),
            models.UniqueConstraint(
                fields=["kind", "account", "period_starts_on", "period_ends_on"],
                condition=Q(status__in=OPEN_REPORT),
                name="one_open_report_a_period",
            ),
            models.CheckConstraint(
                condition=~Q(status=ReportStatus.READY)
                | (Q(content__isnull=False, facts__isnull=False, finished_at__isnull=False) & ~Q(facts_hash="")),
                name="ready_report_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(status=ReportStatus.UNCHANGED, same_as__isnull=False)
                | (~Q(status=ReportStatus.UNCHANGED) & Q(same_as__isnull=True)),
                name="unchanged_report_names_the_same",
            ),
            models.CheckConstraint(condition=Q(kind__in=ReportKind.values), name="report_kind_known"),
            models.CheckConstraint(condition=Q(status__in=ReportStatus.values), name="report_status_known"),
            models.CheckConstraint(
                condition=Q(period_starts_on__lte=F("period_ends_on")), name="report_period_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"report {self.pk}"
