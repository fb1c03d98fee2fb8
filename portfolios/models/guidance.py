"""The firm's house view: risk profiles, products, substitutes and security models, in versions."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from portfolios.models.households import TaxStatus


class VersionStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Submitted"
    APPROVED = "approved", "Approved"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Version(models.Model):
    """
    What every version of guidance carries: number, status, effective date, author and approver.

    An approved version is never edited. In force is the approved one with the latest `effective_on` not after the
    business date, then the highest number. The approver is never the author unless the firm is a single operator.
    """

    number = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=VersionStatus, default=VersionStatus.DRAFT)
    effective_on = models.DateField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(condition=Q(status__in=VersionStatus.values), name="%(class)s_status_known"),
            models.CheckConstraint(
                condition=~Q(status=VersionStatus.APPROVED) | Q(approved_at__isnull=False, approved_by__isnull=False),
                name="%(class)s_approval_paired",
            ),
        ]


class RiskProfile(models.Model):
    """A named policy, e.g. Balanced."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="risk_profiles")
    key = models.SlugField(max_length=48)
    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "key"], name="risk_profile_key_unique_in_firm")]

    def __str__(self) -> str:
        return self.name


class RiskProfileVersion(Version):
    """The weights and compliant limits of a risk profile from a date on."""

    risk_profile = models.ForeignKey(RiskProfile, on_delete=models.PROTECT, related_name="versions")

    class Meta(Version.Meta):
        constraints = [
            *Version.Meta.constraints,
            models.UniqueConstraint(fields=["risk_profile", "number"], name="risk_profile_version_number_unique"),
        ]

    def __str__(self) -> str:
        return f"risk profile version {self.pk}"


class RiskProfileWeight(models.Model):
    """One asset class of a risk profile: policy weight and compliant limits, fractions of the account."""

    version = models.ForeignKey(RiskProfileVersion, on_delete=models.CASCADE, related_name="weights")
    asset_class = models.ForeignKey("portfolios.AssetClass", on_delete=models.PROTECT, related_name="+")
    weight_frac = models.DecimalField(max_digits=7, decimal_places=6)
    min_frac = models.DecimalField(max_digits=7, decimal_places=6)
    max_frac = models.DecimalField(max_digits=7, decimal_places=6)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "asset_class"], name="one_weight_a_class"),
            models.CheckConstraint(
                condition=Q(min_frac__gte=0, max_frac__lte=1, weight_frac__gte=F("min_frac"))
                & Q(weight_frac__lte=F("max_frac")),
                name="limits_hold_the_weight",
            ),
        ]

    def __str__(self) -> str:
        return f"risk profile weight {self.pk}"


class SecurityModel(models.Model):
    """A named list of securities with weights, e.g. a 100-stock large-cap core."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="security_models")
    key = models.SlugField(max_length=48)
    name = models.CharField(max_length=80)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "key"], name="security_model_key_unique_in_firm")]

    def __str__(self) -> str:
        return self.name


class SecurityModelVersion(Version):
    """One version of a security model; its weights sum to 1."""

    security_model = models.ForeignKey(SecurityModel, on_delete=models.PROTECT, related_name="versions")

    class Meta(Version.Meta):
        constraints = [
            *Version.Meta.constraints,
            models.UniqueConstraint(fields=["security_model", "number"], name="security_model_version_number_unique"),
        ]

    def __str__(self) -> str:
        return f"security model version {self.pk}"


class SecurityModelWeight(models.Model):
    version = models.ForeignKey(SecurityModelVersion, on_delete=models.CASCADE, related_name="weights")
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="+")
    weight_frac = models.DecimalField(max_digits=9, decimal_places=8)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "security"], name="one_weight_a_security"),
            models.CheckConstraint(
                condition=Q(weight_frac__gt=0, weight_frac__lte=1), name="security_model_weight_is_fraction"
            ),
        ]

    def __str__(self) -> str:
        return f"security model weight {self.pk}"


class Product(models.Model):
    """
    What fills an asset class: one security or one security model, for a tax status or (blank) for all.

    `min_account_usd` says from which account value on a product is used; the one with the highest minimum that the
    account reaches wins, a product for the tax status before one for all.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="products")
    asset_class = models.ForeignKey("portfolios.AssetClass", on_delete=models.PROTECT, related_name="products")
    tax_status = models.CharField(max_length=8, choices=TaxStatus, blank=True)
    min_account_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    security = models.ForeignKey(
        "portfolios.Security", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    security_model = models.ForeignKey(
        SecurityModel, null=True, blank=True, on_delete=models.PROTECT, related_name="products"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "asset_class", "tax_status", "min_account_usd"], name="one_product_a_class_and_status"
            ),
            models.CheckConstraint(
                condition=Q(security__isnull=False, security_model__isnull=True)
                | Q(security__isnull=True, security_model__isnull=False),
                name="product_is_security_or_model",
            ),
        ]

    def __str__(self) -> str:
        return f"product {self.pk}"


class Substitute(models.Model):
    """An approved stand-in for a security, ranked; bought or kept only where it saves at least its hurdle."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="substitutes")
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="substitutes")
    use = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="+")
    rank = models.PositiveSmallIntegerField(default=1)
    hurdle_bps = models.DecimalField(max_digits=7, decimal_places=2, default=0)
    is_hold_only = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["firm", "security", "use"], name="substitute_unique"),
            models.CheckConstraint(condition=Q(hurdle_bps__gte=0), name="hurdle_not_negative"),
            models.CheckConstraint(condition=~Q(security=F("use")), name="substitute_is_another_security"),
        ]

    def __str__(self) -> str:
        return f"substitute {self.pk}"
