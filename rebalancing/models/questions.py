"""A question about a stored case that the web process could not answer for certain, so that the queue does."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class QuestionKind(models.TextChoices):
    TRACKING = "tracking", "Tax against tracking error over the tracking preference"
    BUDGET = "budget", "Tax against tracking error over the tax budget"
    YEARS = "years", "A plan over years"
    WHAT_IF = "what_if", "Trades pinned, forbidden or resized"
    OVERRIDE = "override", "What an override costs"
    PREFERENCES = "preferences", "What each preference costs"


class QuestionStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    ANSWERED = "answered", "Answered"
    REFUSED = "refused", "Refused with its reason"


class EngineQuestion(models.Model):
    """What was asked of a proposal's case, and the answer once the queue has it; `asked` and `answer` are JSON."""

    proposal = models.ForeignKey("rebalancing.Proposal", on_delete=models.CASCADE, related_name="questions")
    kind = models.CharField(max_length=12, choices=QuestionKind)
    asked = models.JSONField()
    status = models.CharField(max_length=12, choices=QuestionStatus, default=QuestionStatus.WAITING)
    answer = models.JSONField(null=True, blank=True)
    reason = models.CharField(max_length=400, blank=True)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=QuestionKind.values), name="question_kind_known"),
            models.CheckConstraint(condition=Q(status__in=QuestionStatus.values), name="question_status_known"),
            models.CheckConstraint(
                condition=Q(status="waiting", answered_at__isnull=True)
                | (~Q(status="waiting") & Q(answered_at__isnull=False)),
                name="question_answered_with_time",
            ),
        ]

    def __str__(self) -> str:
        return f"question {self.pk}"
