"""Files that came in, what they say, what was wrong with them."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class FileStatus(models.TextChoices):
    RECEIVED = "received", "Received"
    PARSED = "parsed", "Parsed"
    POSTED = "posted", "Posted"
    PARTLY_POSTED = "partly_posted", "Partly posted"
    REFUSED = "refused", "Refused"


class CustodianFile(models.Model):
    """
    One file as received: content encrypted at rest, named by the hash of what was received, kept for good.

    `account` is the one that was named with the file, where its layout names none.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="custodian_files")
    custodian = models.CharField(max_length=32)
    kind = models.CharField(max_length=32, blank=True)
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    content_encrypted = models.BinaryField()
    as_of_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=FileStatus, default=FileStatus.RECEIVED)
    row_count = models.PositiveIntegerField(default=0)
    account = models.ForeignKey(
        "portfolios.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="files_for"
    )
    said = models.JSONField(default=list, blank=True, help_text="what posting a file of market or guidance changes")
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    posted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["firm", "received_at"], name="custodian_file_by_time")]
        constraints = [
            models.UniqueConstraint(fields=["firm", "custodian", "sha256"], name="custodian_file_received_once"),
            models.CheckConstraint(condition=Q(status__in=FileStatus.values), name="custodian_file_status_known"),
        ]

    def __str__(self) -> str:
        return f"custodian file {self.pk}"


class FileFault(models.Model):
    """One thing wrong with a file: the row, the column and a sentence. A note keeps nothing from posting."""

    file = models.ForeignKey(CustodianFile, on_delete=models.CASCADE, related_name="faults")
    row = models.PositiveIntegerField(null=True, blank=True)
    column = models.CharField(max_length=80, blank=True)
    number_last4 = models.CharField(max_length=4, blank=True)
    account = models.ForeignKey(
        "portfolios.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="file_faults"
    )
    message = models.CharField(max_length=400)
    is_note = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"file fault {self.pk}"


class StagedStatus(models.TextChoices):
    READY = "ready", "Ready to post"
    UNCHANGED = "unchanged", "Nothing changes"
    HELD = "held", "Held"
    POSTED = "posted", "Posted"


class StagedAccount(models.Model):
    """One account of a file between parsing and posting: what posting it will change, or why it is held."""

    file = models.ForeignKey(CustodianFile, on_delete=models.CASCADE, related_name="accounts")
    account = models.ForeignKey(
        "portfolios.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="staged"
    )
    number_hash = models.CharField(max_length=64)
    number_last4 = models.CharField(max_length=4)
    status = models.CharField(max_length=12, choices=StagedStatus)
    change = models.JSONField(default=dict, blank=True, help_text="the preview: lots and cash before and after")
    message = models.CharField(max_length=400, blank=True)
    posted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "number_hash"], name="account_staged_once_a_file"),
            models.CheckConstraint(condition=Q(status__in=StagedStatus.values), name="staged_status_known"),
        ]

    def __str__(self) -> str:
        return f"staged account {self.pk}"


class Break(models.Model):
    """A difference between ledger and custodian that nothing explains, until a person resolves it."""

    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="breaks")
    file = models.ForeignKey(CustodianFile, null=True, blank=True, on_delete=models.PROTECT, related_name="breaks")
    security = models.ForeignKey(
        "portfolios.Security", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ledger_units = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    custodian_units = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    message = models.CharField(max_length=400)
    found_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    resolution = models.CharField(max_length=240, blank=True)

    def __str__(self) -> str:
        return f"break {self.pk}"
