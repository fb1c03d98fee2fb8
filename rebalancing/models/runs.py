"""A run over accounts: its chunks, its accounts, and the figures every list reads."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class RunStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


OPEN_RUN = (RunStatus.QUEUED, RunStatus.RUNNING)


class RunScope(models.TextChoices):
    FIRM = "firm", "All accounts"
    HOUSEHOLD = "household", "One household"
    ACCOUNT = "account", "One account"
    PREVIEW = "preview", "A change of the house view"


class Run(models.Model):
    """
    One pass of the engine over the accounts in scope as of the firm's business date.

    A preview proposes nothing: it answers all accounts with a change of the house view and without, as the change stood
    at `change_revision`, and leaves an `AccountImpact` of each.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="runs")
    as_of_on = models.DateField()
    scope = models.CharField(max_length=12, choices=RunScope)
    household = models.ForeignKey(
        "portfolios.Household", null=True, blank=True, on_delete=models.PROTECT, related_name="runs"
    )
    account = models.ForeignKey(
        "portfolios.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="runs"
    )
    change = models.ForeignKey(
        "portfolios.HouseViewChange", null=True, blank=True, on_delete=models.PROTECT, related_name="previews"
    )
    change_revision = models.PositiveIntegerField(null=True, blank=True)
    status = models.CharField(max_length=12, choices=RunStatus, default=RunStatus.QUEUED)
    requested_at = models.DateTimeField()
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    engine_version = models.CharField(max_length=24, blank=True)

    class Meta:
        indexes = [models.Index(fields=["firm", "requested_at"], name="run_by_time")]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=RunStatus.values), name="run_status_known"),
            models.CheckConstraint(condition=Q(scope__in=RunScope.values), name="run_scope_known"),
            models.UniqueConstraint(
                fields=["firm"], condition=Q(status__in=OPEN_RUN, scope="firm"), name="one_open_firm_run"
            ),
            models.UniqueConstraint(
                fields=["change"], condition=Q(status__in=OPEN_RUN), name="one_open_preview_a_change"
            ),
            models.CheckConstraint(
                condition=Q(scope="preview", change__isnull=False, change_revision__isnull=False)
                | (~Q(scope="preview") & Q(change__isnull=True, change_revision__isnull=True)),
                name="preview_has_its_change",
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class ChunkStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    LEASED = "leased", "At work"
    DONE = "done", "Done"
    SPLIT = "split", "Split after failures"
    PARKED = "parked", "Parked with its reason"
    CANCELLED = "cancelled", "Cancelled"


class Chunk(models.Model):
    """
    A few tax households of a run, claimed by one worker at a time.

    The lease is the truth, not the queue: claim by compare-and-set on (`status`, `attempts`), store results fenced
    by `attempts`, split after three failures until the one bad tax household is parked with its reason.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=ChunkStatus, default=ChunkStatus.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    leased_until_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    message = models.CharField(max_length=400, blank=True)

    class Meta:
        indexes = [models.Index(fields=["run", "status"], name="chunk_by_status")]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="chunk_number_unique_in_run"),
            models.CheckConstraint(condition=Q(status__in=ChunkStatus.values), name="chunk_status_known"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.pk}"


class RunAccountStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    DONE = "done", "Done"
    HELD = "held", "Held"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class RunAccount(models.Model):
    """One account of a run and what became of it."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="accounts")
    chunk = models.ForeignKey(Chunk, null=True, blank=True, on_delete=models.SET_NULL, related_name="accounts")
    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="run_accounts")
    tax_household = models.ForeignKey("portfolios.TaxHousehold", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=12, choices=RunAccountStatus, default=RunAccountStatus.WAITING)
    message = models.CharField(max_length=400, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["run", "status"], name="run_account_by_status")]
        constraints = [
            models.UniqueConstraint(fields=["run", "account"], name="account_once_a_run"),
            models.CheckConstraint(condition=Q(status__in=RunAccountStatus.values), name="run_account_status_known"),
        ]

    def __str__(self) -> str:
        return f"run account {self.pk}"


class DayState(models.TextChoices):
    """Where an account stands in the firm's day."""

    RECEIVED = "received", "Received"
    HELD = "held", "Held"
    ANALYSED = "analysed", "Analysed"
    PROPOSED = "proposed", "Proposed"
    APPROVED = "approved", "Approved"
    RELEASED = "released", "Released"
    FILLED = "filled", "Filled"


class AccountFigures(models.Model):
    """
    One row per account with the figures that lists and Today read; written by runs, postings and reviews.

    `journal_position` is the account's when its holdings were last valued: where it differs, they have moved since.
    """

    account = models.OneToOneField("portfolios.Account", on_delete=models.CASCADE, related_name="figures")
    as_of_on = models.DateField(null=True, blank=True)
    journal_position = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=12, choices=DayState, default=DayState.RECEIVED)
    state_since_at = models.DateTimeField()
    value_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    cash_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    drift_frac = models.FloatField(null=True, blank=True, help_text="half the sum of absolute class differences")
    tracking_error_frac = models.FloatField(null=True, blank=True)
    unrealized_short_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    unrealized_long_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    tax_used_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    budget_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    opportunity_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    opportunity_bps = models.FloatField(null=True, blank=True)
    proposal = models.ForeignKey(
        "rebalancing.Proposal", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=DayState.values), name="account_day_state_known"),
        ]

    def __str__(self) -> str:
        return f"figures of account {self.account_id}"
