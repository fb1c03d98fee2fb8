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


class BreakKind(models.TextChoices):
    UNITS = "units", "Units"
    COST = "cost", "Cost basis"
    DATES = "dates", "Lots and dates"
    CASH = "cash", "Cash"
    GAIN = "gain", "Realised gain"


class BreakDecision(models.TextChoices):
    AGREED = "agreed", "A later file agrees"
    CUSTODIAN = "custodian", "The custodian’s word was accepted"
    LEDGER = "ledger", "The ledger is right"


class Break(models.Model):
    """
    A difference between ledger and custodian that nothing explains, until a file or a person resolves it.

    `found_on` is the day of the statement that showed it first, from which it ages in business days; it counts once,
    however often files repeat it. Dollars are set where dollars differ; `size_usd` is what is at stake, null where no
    price tells. `agreed_on` is the day of the last statement that agreed: what happened later may still explain it.
    `is_standing` marks a difference that a person left as it is because the ledger is right: it is no break again
    while its figures stay.
    """

    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="breaks")
    file = models.ForeignKey(CustodianFile, null=True, blank=True, on_delete=models.PROTECT, related_name="breaks")
    security = models.ForeignKey(
        "portfolios.Security", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(max_length=8, choices=BreakKind, default=BreakKind.UNITS)
    ledger_units = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    custodian_units = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    ledger_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    custodian_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    size_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    message = models.CharField(max_length=400)
    note = models.CharField(max_length=400, blank=True)
    agreed_on = models.DateField(null=True, blank=True)
    found_on = models.DateField(null=True, blank=True)
    found_at = models.DateTimeField()
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    assigned_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    resolution = models.CharField(max_length=240, blank=True)
    decision = models.CharField(max_length=12, choices=BreakDecision, blank=True)
    is_standing = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["account"], condition=Q(resolved_at__isnull=True), name="open_breaks"),
            models.Index(fields=["account"], condition=Q(is_standing=True), name="standing_breaks"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=BreakKind.values), name="break_kind_known"),
            models.CheckConstraint(
                condition=Q(decision="") | Q(decision__in=BreakDecision.values), name="break_decision_known"
            ),
            models.CheckConstraint(
                condition=Q(is_standing=False) | Q(decision="ledger", resolved_at__isnull=False),
                name="standing_break_was_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"break {self.pk}"


class ReconciledDay(models.Model):
    """
    How an account compared with its custodian's statement of one day.

    `matched` are symbols that needed nothing. `explained` lists what did: security, verdict (explained, adjusted,
    broken, waiting), the cause of an explanation, a sentence, and both sides' lots. Files of the same day add to its
    row.
    """

    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="reconciled_days")
    file = models.ForeignKey(CustodianFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    as_of_on = models.DateField()
    matched_count = models.PositiveIntegerField(default=0)
    explained_count = models.PositiveIntegerField(default=0)
    adjusted_count = models.PositiveIntegerField(default=0)
    broken_count = models.PositiveIntegerField(default=0)
    matched = models.JSONField(default=list)
    explained = models.JSONField(default=list)
    reconciled_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "as_of_on"], name="reconciled_by_day")]

    def __str__(self) -> str:
        return f"reconciled day {self.pk}"
