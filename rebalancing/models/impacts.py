"""What a change of the house view would do to one account, beside what would be proposed without it."""

from django.db import models


class AccountImpact(models.Model):
    """
    One account of a preview, answered twice on one day's data: as the house view stands (`now`), and changed (`then`).

    Tax and budget are those of the account's return, the same in every account of it; None where it is not taxable.
    `broken` lists the ids of rules that give way. Where the account cannot be answered at all, `why` says so and the
    figures of that side stay at nothing. `fails_anew`: it breaks a rule, or has no answer, only under the change.
    """

    run = models.ForeignKey("rebalancing.Run", on_delete=models.CASCADE, related_name="impacts")
    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="+")
    value_usd = models.DecimalField(max_digits=15, decimal_places=2)
    now_trade_count = models.PositiveIntegerField(default=0)
    then_trade_count = models.PositiveIntegerField(default=0)
    now_traded_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    then_traded_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    now_tax_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    then_tax_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    now_tracking_error_frac = models.FloatField(
        default=0.0, help_text="after the trades, against the target of its side"
    )
    then_tracking_error_frac = models.FloatField(default=0.0)
    now_broken = models.JSONField(default=list)
    then_broken = models.JSONField(default=list)
    is_over_budget_now = models.BooleanField(default=False)
    is_over_budget_then = models.BooleanField(default=False)
    fails_anew = models.BooleanField(default=False)
    now_why = models.CharField(max_length=400, blank=True)
    then_why = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "account"], name="one_impact_an_account")]

    def __str__(self) -> str:
        return f"impact on account {self.account_id}"
