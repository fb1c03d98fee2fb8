"""Securities of the installation, and what each firm says of them."""

from django.db import models
from django.db.models import Q


class SecurityKind(models.TextChoices):
    STOCK = "stock", "Stock"
    ETF = "etf", "ETF"
    FUND = "fund", "Mutual fund"
    CASH = "cash", "Cash or money fund"
    OTHER = "other", "Other, never traded"


class Security(models.Model):
    """One traded instrument. Belongs to the installation; classification is the firm's (`FirmSecurity`)."""

    symbol = models.CharField(max_length=24, unique=True)
    cusip = models.CharField(max_length=9, blank=True)
    isin = models.CharField(max_length=12, blank=True)
    name = models.CharField(max_length=160)
    kind = models.CharField(max_length=8, choices=SecurityKind)
    sector = models.CharField(max_length=64, blank=True)
    industry = models.CharField(max_length=96, blank=True)
    country = models.CharField(max_length=2, blank=True)
    quantity_step = models.DecimalField(max_digits=9, decimal_places=6, default=1)
    half_spread_bps = models.DecimalField(max_digits=7, decimal_places=3, default=0)

    class Meta:
        indexes = [models.Index(fields=["cusip"], name="security_by_cusip")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=SecurityKind.values), name="security_kind_known"),
            models.CheckConstraint(condition=Q(quantity_step__gt=0), name="quantity_step_positive"),
            models.CheckConstraint(condition=Q(half_spread_bps__gte=0), name="half_spread_not_negative"),
        ]

    def __str__(self) -> str:
        return self.symbol


class SecurityAlias(models.Model):
    """A symbol that a security had before, so that older files and memories still find it."""

    security = models.ForeignKey(Security, on_delete=models.PROTECT, related_name="aliases")
    symbol = models.CharField(max_length=24)
    until_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["symbol", "until_on"], name="alias_unique")]

    def __str__(self) -> str:
        return self.symbol


class AssetClass(models.Model):
    """A node of the firm's asset-class tree. `key` is what cases and files use; the key of cash is `cash`."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="asset_classes")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    key = models.SlugField(max_length=48)
    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "key"], name="asset_class_key_unique_in_firm")]

    def __str__(self) -> str:
        return self.name


class GroupLevel(models.TextChoices):
    IDENTICAL = "identical", "Substantially identical"
    AVOID = "avoid", "Avoid as harvest substitute"


class IdentityGroup(models.Model):
    """Securities that the firm treats as substantially identical for wash sales."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="identity_groups")
    key = models.CharField(max_length=48)
    name = models.CharField(max_length=120)
    level = models.CharField(max_length=12, choices=GroupLevel, default=GroupLevel.IDENTICAL)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "key"], name="identity_group_key_unique_in_firm"),
            models.CheckConstraint(condition=Q(level__in=GroupLevel.values), name="identity_group_level_known"),
        ]

    def __str__(self) -> str:
        return self.name


class FirmSecurity(models.Model):
    """A firm's word on a security: its asset class, its identity group, whether it may be bought at all."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="firm_securities")
    security = models.ForeignKey(Security, on_delete=models.PROTECT, related_name="firm_securities")
    asset_class = models.ForeignKey(
        AssetClass, null=True, blank=True, on_delete=models.PROTECT, related_name="firm_securities"
    )
    identity_group = models.ForeignKey(
        IdentityGroup, null=True, blank=True, on_delete=models.SET_NULL, related_name="members"
    )
    is_buyable = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "security"], name="firm_security_unique")]

    def __str__(self) -> str:
        return f"firm security {self.pk}"


class Screen(models.Model):
    """A list the firm keeps for restrictions: tobacco, firearms, fossil fuel ..."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="screens")
    key = models.SlugField(max_length=48)
    name = models.CharField(max_length=80)
    securities = models.ManyToManyField(Security, related_name="screens", blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "key"], name="screen_key_unique_in_firm")]

    def __str__(self) -> str:
        return self.name
