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


UNDECIDED = (VersionStatus.DRAFT, VersionStatus.SUBMITTED)


class HouseViewChange(models.Model):
    """
    A change of the house view: one or several versions that one person drafts and another approves together.

    Only a draft is edited; every edit counts `revision` up, so that two people never overwrite each other unseen. From
    approval on its versions are in force from `effective_on`. `decision_note` is what the second person said.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="house_view_changes")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=120)
    why = models.CharField(max_length=400, blank=True)
    status = models.CharField(max_length=12, choices=VersionStatus, default=VersionStatus.DRAFT)
    effective_on = models.DateField()
    revision = models.PositiveIntegerField(default=1)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    edited_at = models.DateTimeField()
    edited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    editor_ids = models.JSONField(default=list, help_text="everybody who edited it; none of them approves it")
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decision_note = models.CharField(max_length=400, blank=True)

    class Meta:
        indexes = [models.Index(fields=["firm", "status"], name="house_view_changes_by_status")]
        constraints = [
            models.UniqueConstraint(fields=["firm", "number"], name="house_view_change_number_unique"),
            models.CheckConstraint(condition=Q(status__in=VersionStatus.values), name="house_view_change_status_known"),
            models.CheckConstraint(condition=~Q(title=""), name="house_view_change_has_title"),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, decided_by__isnull=True)
                | Q(decided_at__isnull=False, decided_by__isnull=False),
                name="house_view_change_decision_paired",
            ),
            models.CheckConstraint(
                condition=~Q(status=VersionStatus.APPROVED) | Q(decided_at__isnull=False, submitted_at__isnull=False),
                name="house_view_change_approved_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"house view change {self.pk}"


class Version(models.Model):
    """
    What every version of guidance carries: number, status, effective date, author and approver.

    An approved version is never edited. In force is the approved one with the latest `effective_on` not after the
    business date, then the highest number. The approver is never the author unless the firm is a single operator.
    A version that a person drafts belongs to a change; one that a corporate action carried on belongs to none.
    """

    change = models.ForeignKey(
        HouseViewChange, null=True, blank=True, on_delete=models.PROTECT, related_name="%(class)ss"
    )
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
            models.UniqueConstraint(fields=["change", "risk_profile"], name="one_profile_version_a_change"),
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
            models.UniqueConstraint(fields=["change", "security_model"], name="one_model_version_a_change"),
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


class ProductListVersion(Version):
    """One version of what fills the firm's asset classes: the whole list."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="product_lists")

    class Meta(Version.Meta):
        constraints = [
            *Version.Meta.constraints,
            models.UniqueConstraint(fields=["firm", "number"], name="product_list_number_unique"),
            models.UniqueConstraint(fields=["change"], name="one_product_list_a_change"),
        ]

    def __str__(self) -> str:
        return f"product list {self.pk}"


class Product(models.Model):
    """
    What fills an asset class: one security or one security model, for a tax status or (blank) for all.

    `min_account_usd` says from which account value on a product is used; the one with the highest minimum that the
    account reaches wins, a product for the tax status before one for all.
    """

    version = models.ForeignKey(ProductListVersion, on_delete=models.CASCADE, related_name="lines")
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
                fields=["version", "asset_class", "tax_status", "min_account_usd"],
                name="one_product_a_class_and_status",
            ),
            models.CheckConstraint(
                condition=Q(security__isnull=False, security_model__isnull=True)
                | Q(security__isnull=True, security_model__isnull=False),
                name="product_is_security_or_model",
            ),
        ]

    def __str__(self) -> str:
        return f"product {self.pk}"


class SubstituteListVersion(Version):
    """One version of the firm's approved substitutes: the whole list."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="substitute_lists")

    class Meta(Version.Meta):
        constraints = [
            *Version.Meta.constraints,
            models.UniqueConstraint(fields=["firm", "number"], name="substitute_list_number_unique"),
            models.UniqueConstraint(fields=["change"], name="one_substitute_list_a_change"),
        ]

    def __str__(self) -> str:
        return f"substitute list {self.pk}"


class Substitute(models.Model):
    """An approved stand-in for a security, ranked; bought or kept only where it saves at least its hurdle."""

    version = models.ForeignKey(SubstituteListVersion, on_delete=models.CASCADE, related_name="lines")
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="substitutes")
    use = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="+")
    rank = models.PositiveSmallIntegerField(default=1)
    hurdle_bps = models.DecimalField(max_digits=7, decimal_places=2, default=0)
    is_hold_only = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "security", "use"], name="substitute_unique"),
            models.CheckConstraint(condition=Q(hurdle_bps__gte=0), name="hurdle_not_negative"),
            models.CheckConstraint(condition=~Q(security=F("use")), name="substitute_is_another_security"),
        ]

    def __str__(self) -> str:
        return f"substitute {self.pk}"


class DefaultsVersion(Version):
    """
    One version of the firm's defaults: the values of settings, by key, that differ from Trimtab's own.

    Before the first one `Firm.defaults` counts.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="default_versions")
    values = models.JSONField(default=dict, blank=True)

    class Meta(Version.Meta):
        constraints = [
            *Version.Meta.constraints,
            models.UniqueConstraint(fields=["firm", "number"], name="defaults_number_unique"),
            models.UniqueConstraint(fields=["change"], name="one_defaults_version_a_change"),
        ]

    def __str__(self) -> str:
        return f"defaults {self.pk}"


class ScreenRule(models.TextChoices):
    SECURITY = "security", "Security"
    SECTOR = "sector", "Sector"
    INDUSTRY = "industry", "Industry"
    COUNTRY = "country", "Country"


class ScreenListVersion(Version):
    """
    One version of the firm's screens: the whole list.

    It is laid down in `Screen.securities` when its day comes (`applied_at`); securities that are added later and fit
    a rule join by themselves. A screen that no list ever named is filled by the security master alone.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="screen_lists")
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta(Version.Meta):
        constraints = [
            *Version.Meta.constraints,
            models.UniqueConstraint(fields=["firm", "number"], name="screen_list_number_unique"),
            models.UniqueConstraint(fields=["change"], name="one_screen_list_a_change"),
        ]

    def __str__(self) -> str:
        return f"screen list {self.pk}"


class ScreenLine(models.Model):
    """One line of a screen: a security, or everything of a sector, an industry or a country."""

    version = models.ForeignKey(ScreenListVersion, on_delete=models.CASCADE, related_name="lines")
    screen_key = models.SlugField(max_length=48)
    screen_name = models.CharField(max_length=80)
    kind = models.CharField(max_length=12, choices=ScreenRule)
    subject = models.CharField(max_length=96)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "screen_key", "kind", "subject"], name="one_screen_line"),
            models.CheckConstraint(condition=Q(kind__in=ScreenRule.values), name="screen_rule_known"),
        ]

    def __str__(self) -> str:
        return f"screen line {self.pk}"
