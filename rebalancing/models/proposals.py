"""Cases, outcomes, and the proposals they become."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class CaseSnapshot(models.Model):
    """A case as it was solved: canonical JSON with shared parts by hash, zstandard; stored before solving."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="+")
    tax_household = models.ForeignKey("portfolios.TaxHousehold", on_delete=models.PROTECT, related_name="cases")
    case_hash = models.CharField(max_length=80)
    as_of_on = models.DateField()
    content = models.BinaryField()
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "case_hash"], name="case_kept_once")]

    def __str__(self) -> str:
        return self.case_hash


class StoredOutcome(models.Model):
    """What the engine answered to a case in a run, whole; proposals are its accounts, unfolded for the pages."""

    run = models.ForeignKey("rebalancing.Run", on_delete=models.PROTECT, related_name="outcomes")
    tax_household = models.ForeignKey("portfolios.TaxHousehold", on_delete=models.PROTECT, related_name="+")
    case = models.ForeignKey(CaseSnapshot, on_delete=models.PROTECT, related_name="outcomes")
    engine_version = models.CharField(max_length=24)
    status = models.CharField(max_length=12)
    solver = models.CharField(max_length=16)
    objective_usd = models.FloatField(null=True, blank=True)
    lower_bound_usd = models.FloatField(null=True, blank=True)
    gap_bps = models.FloatField(null=True, blank=True)
    content = models.BinaryField(help_text="outcome JSON, zstandard")
    solved_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "tax_household"], name="outcome_once_a_run")]

    def __str__(self) -> str:
        return f"outcome {self.pk}"


class ProposalStatus(models.TextChoices):
    NO_TRADE = "no_trade", "No trade needed"
    PROPOSED = "proposed", "Proposed"
    ADVISOR_APPROVED = "advisor_approved", "Approved by advisor"
    APPROVED = "approved", "Approved"
    RELEASED = "released", "Released"
    SENT = "sent", "Sent"
    PARTLY_FILLED = "partly_filled", "Partly filled"
    FILLED = "filled", "Filled"
    BOOKED = "booked", "Booked"
    SENT_BACK = "sent_back", "Sent back"
    REJECTED = "rejected", "Rejected"
    STALE = "stale", "Stale"
    SUPERSEDED = "superseded", "Superseded"


LIVE = (
    ProposalStatus.PROPOSED,
    ProposalStatus.ADVISOR_APPROVED,
    ProposalStatus.APPROVED,
    ProposalStatus.RELEASED,
    ProposalStatus.SENT,
    ProposalStatus.PARTLY_FILLED,
    ProposalStatus.FILLED,
)


class Proposal(models.Model):
    """
    The trades proposed for one account as of one date, with the figures a person decides on.

    Tax figures are those of the account's tax return. `status` changes only through `services.review.transition`.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="+")
    household = models.ForeignKey("portfolios.Household", on_delete=models.PROTECT, related_name="proposals")
    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="proposals")
    run = models.ForeignKey("rebalancing.Run", on_delete=models.PROTECT, related_name="proposals")
    outcome = models.ForeignKey(StoredOutcome, on_delete=models.PROTECT, related_name="proposals")
    as_of_on = models.DateField()
    status = models.CharField(max_length=20, choices=ProposalStatus)
    status_at = models.DateTimeField()
    created_at = models.DateTimeField()
    is_relaxed = models.BooleanField(default=False)
    value_usd = models.DecimalField(max_digits=15, decimal_places=2)
    traded_usd = models.DecimalField(max_digits=15, decimal_places=2)
    cash_before_usd = models.DecimalField(max_digits=15, decimal_places=2)
    cash_after_usd = models.DecimalField(max_digits=15, decimal_places=2)
    short_gain_usd = models.DecimalField(max_digits=15, decimal_places=2)
    long_gain_usd = models.DecimalField(max_digits=15, decimal_places=2)
    tax_caused_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    budget_left_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    cost_usd = models.DecimalField(max_digits=15, decimal_places=2)
    turnover_frac = models.FloatField()
    tracking_error_before_frac = models.FloatField()
    tracking_error_after_frac = models.FloatField()
    opportunity_usd = models.DecimalField(max_digits=15, decimal_places=2)
    opportunity_bps = models.FloatField()
    gap_bps = models.FloatField(null=True, blank=True)
    sentence = models.CharField(max_length=400)
    relaxed = models.JSONField(default=list, blank=True)
    why_not = models.JSONField(default=list, blank=True)
    allocation = models.JSONField(
        default=list, blank=True, help_text="per asset class: key, name, before, after, target, min, max (fractions)"
    )

    class Meta:
        indexes = [
            models.Index(fields=["firm", "status", "opportunity_usd"], name="proposal_queue"),
            models.Index(fields=["account", "created_at"], name="proposal_by_account"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["run", "account"], name="proposal_once_a_run"),
            models.UniqueConstraint(fields=["account"], condition=Q(status__in=LIVE), name="one_live_proposal"),
            models.CheckConstraint(condition=Q(status__in=ProposalStatus.values), name="proposal_status_known"),
        ]

    def __str__(self) -> str:
        return f"proposal {self.pk}"


class Side(models.TextChoices):
    BUY = "buy", "Buy"
    SELL = "sell", "Sell"


class ProposedTrade(models.Model):
    """One trade of a proposal with its reasons. `benefit` is dollars of the objective: risk, tax, cost."""

    proposal = models.ForeignKey(Proposal, on_delete=models.CASCADE, related_name="trades")
    position = models.PositiveSmallIntegerField()
    side = models.CharField(max_length=4, choices=Side)
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="+")
    units = models.DecimalField(max_digits=15, decimal_places=6)
    price_usd = models.DecimalField(max_digits=15, decimal_places=6)
    amount_usd = models.DecimalField(max_digits=15, decimal_places=2)
    short_gain_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    long_gain_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    reasons = models.JSONField(default=list)
    why = models.CharField(max_length=600, blank=True)
    benefit = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["proposal", "security"], name="one_side_a_security"),
            models.UniqueConstraint(fields=["proposal", "position"], name="trade_position_unique"),
            models.CheckConstraint(condition=Q(side__in=Side.values), name="trade_side_known"),
            models.CheckConstraint(condition=Q(units__gt=0, price_usd__gt=0), name="trade_units_positive"),
        ]

    def __str__(self) -> str:
        return f"trade {self.pk}"


class LotSelection(models.Model):
    """The units of one lot that a proposed sale takes."""

    trade = models.ForeignKey(ProposedTrade, on_delete=models.CASCADE, related_name="lots")
    lot_key = models.CharField(max_length=96)
    acquired_on = models.DateField()
    units = models.DecimalField(max_digits=15, decimal_places=6)
    lot_units = models.DecimalField(max_digits=15, decimal_places=6, help_text="held before the sale")
    cost_usd = models.DecimalField(max_digits=15, decimal_places=6)
    gain_usd = models.DecimalField(max_digits=15, decimal_places=2)
    term = models.CharField(max_length=8)
    waiting_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trade", "lot_key"], name="lot_selected_once"),
            models.CheckConstraint(condition=Q(units__gt=0), name="lot_selection_positive"),
        ]

    def __str__(self) -> str:
        return f"lot selection {self.pk}"


class ProposalCheck(models.Model):
    """One rule tested on the final trades by the verifier, with its evidence."""

    proposal = models.ForeignKey(Proposal, on_delete=models.CASCADE, related_name="checks")
    rule = models.CharField(max_length=160)
    verdict = models.CharField(max_length=8, choices=[("pass", "Passed"), ("fail", "Failed"), ("relaxed", "Relaxed")])
    evidence = models.CharField(max_length=600)

    class Meta:
        indexes = [models.Index(fields=["verdict", "proposal"], name="check_by_verdict")]
        constraints = [
            models.UniqueConstraint(fields=["proposal", "rule"], name="rule_checked_once"),
            models.CheckConstraint(condition=Q(verdict__in=["pass", "fail", "relaxed"]), name="check_verdict_known"),
        ]

    def __str__(self) -> str:
        return f"check {self.pk}"


class Decision(models.TextChoices):
    ADVISOR_APPROVE = "advisor_approve", "Approved by advisor"
    APPROVE = "approve", "Approved"
    SEND_BACK = "send_back", "Sent back"
    REJECT = "reject", "Rejected"
    OVERRIDE = "override", "Override of a failed check approved"
    RELEASE = "release", "Released"
    STALE = "stale", "Made stale"


class ProposalDecision(models.Model):
    """What a person (or the stale rule) decided on a proposal; added to, never edited."""

    proposal = models.ForeignKey(Proposal, on_delete=models.CASCADE, related_name="decisions")
    decision = models.CharField(max_length=20, choices=Decision)
    from_status = models.CharField(max_length=20, choices=ProposalStatus)
    to_status = models.CharField(max_length=20, choices=ProposalStatus)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField()
    note = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(decision__in=Decision.values), name="decision_known"),
        ]

    def __str__(self) -> str:
        return f"decision {self.pk}"
