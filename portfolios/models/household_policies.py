"""How the accounts of a household are run together."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from portfolios.models.households import Household, HouseholdMode


class HouseholdPolicy(models.Model):
    """
    What a household's accounts follow together, from a moment on.

    Rows are added, never changed; the newest counts, and `Household.mode` repeats its mode. `risk_profile` is the
    target of a unified household and the band of a guardrail; `vetoes` are pairs of tax status and asset class (its
    key) that are never bought together. A household without any is independent.
    """

    household = models.ForeignKey(Household, on_delete=models.PROTECT, related_name="policies")
    mode = models.CharField(max_length=16, choices=HouseholdMode)
    risk_profile = models.ForeignKey(
        "portfolios.RiskProfile", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    tracking_preference = models.PositiveSmallIntegerField(
        default=5, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    transfer_cost_bps = models.DecimalField(max_digits=6, decimal_places=2, default=2)
    vetoes = models.JSONField(default=list, blank=True)
    reason = models.CharField(max_length=400)
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["household", "set_at"], name="household_policy_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(mode__in=HouseholdMode.values), name="household_policy_mode_known"),
            models.CheckConstraint(
                condition=Q(mode=HouseholdMode.INDEPENDENT) | Q(risk_profile__isnull=False),
                name="household_policy_has_a_target",
            ),
            models.CheckConstraint(
                condition=Q(tracking_preference__gte=1, tracking_preference__lte=10, transfer_cost_bps__gte=0),
                name="household_policy_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"household policy {self.pk}"
