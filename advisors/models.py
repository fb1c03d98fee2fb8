"""Firms, their offices and people, what was done by whom, and whether the queue is alive."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone


class BookOfRecord(models.TextChoices):
    CUSTODIAN = "custodian", "The custodian"
    TRIMTAB = "trimtab", "Trimtab"


class Firm(models.Model):
    """
    A wealth manager: everything but securities and prices belongs to one.

    `business_on` is advanced by the import of a day's data; staleness uses it, never the wall clock. `defaults` maps
    preference keys to the firm's values, `policies` holds its rules of work, `mark` is an SVG printed on reports.
    """

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=64, unique=True)
    business_on = models.DateField(null=True, blank=True)
    is_single_operator = models.BooleanField(default=False)
    book_of_record = models.CharField(max_length=16, choices=BookOfRecord, default=BookOfRecord.CUSTODIAN)
    defaults = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    policies = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    mark = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(book_of_record__in=BookOfRecord.values), name="book_of_record_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Office(models.Model):
    """A branch of a firm."""

    firm = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="offices")
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "name"], name="office_name_unique_in_firm")]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Finds people by e-mail address, whatever its case; `services.create_user` makes them."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the person with this address."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """Somebody who signs in, with an e-mail address. What they may do stands in their memberships."""

    email = models.EmailField(max_length=254, unique=True)
    full_name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_is_lower_case"),
            models.CheckConstraint(condition=~Q(full_name=""), name="user_has_name"),
        ]

    def __str__(self) -> str:
        return self.full_name

    def get_full_name(self) -> str:
        """Return the name as the person writes it."""
        return self.full_name

    def get_short_name(self) -> str:
        """Return the first word of the name."""
        return self.full_name.split(" ", 1)[0]


class Role(models.TextChoices):
    ADVISOR = "advisor", "Advisor"
    REVIEWER = "reviewer", "Reviewer"
    CIO = "cio", "CIO"
    COMPLIANCE = "compliance", "Compliance"
    OPERATIONS = "operations", "Operations"
    ADMINISTRATOR = "administrator", "Administrator"


class Membership(models.Model):
    """What one person is in one firm. A membership with the role of advisor owns a book of households."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    firm = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    office = models.ForeignKey(Office, null=True, blank=True, on_delete=models.PROTECT, related_name="memberships")
    is_active = models.BooleanField(default=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "firm"], name="one_membership_a_firm"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
            models.CheckConstraint(
                condition=Q(starts_on__isnull=True) | Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="membership_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"membership {self.pk}"


class Delegation(models.Model):
    """A deputy works an advisor's book beside their own, from one day to another, both included."""

    firm = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="+")
    advisor = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="delegations")
    deputy = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="deputised")
    starts_on = models.DateField()
    ends_on = models.DateField()
    reason = models.CharField(max_length=240)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="delegation_ends_after_start"),
            models.CheckConstraint(condition=~Q(advisor=F("deputy")), name="delegation_to_somebody_else"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="delegation_ending_paired",
            ),
        ]

    def __str__(self) -> str:
        return f"delegation {self.pk}"


class ApiToken(models.Model):
    """
    A key by which a program acts as a member: kept as a hash, shown once when it is made.

    It allows what the member's role allows, until it expires or is revoked.
    """

    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=80)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="api_token_expires_after_creation"
            ),
        ]

    def __str__(self) -> str:
        return f"API token {self.pk}"


class AuditEvent(models.Model):
    """
    One thing that was done: ids and values, no foreign keys, no client names.

    Written by `audit.record` only. Database triggers let nothing change but the seal (`sequence`, the two hashes and
    `sealed_at`, once) and let nothing be deleted.
    """

    firm_id = models.PositiveBigIntegerField(null=True, blank=True)
    happened_at = models.DateTimeField()
    actor_id = models.PositiveBigIntegerField(null=True, blank=True)
    actor_name = models.CharField(max_length=120, blank=True)
    action = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=48, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    household_id = models.PositiveBigIntegerField(null=True, blank=True)
    data = models.JSONField(default=dict, blank=True)
    reason = models.CharField(max_length=400, blank=True)
    source = models.CharField(max_length=64)
    sequence = models.PositiveBigIntegerField(null=True, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)
    sealed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["firm_id", "-happened_at", "-id"], name="audit_newest_of_firm"),
            models.Index(fields=["firm_id", "subject_type", "subject_id"], name="audit_by_subject"),
            models.Index(fields=["firm_id", "actor_id"], name="audit_by_actor"),
            models.Index(fields=["id"], condition=Q(sealed_at__isnull=True), name="audit_unsealed"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["sequence"], name="audit_sequence_unique"),
            models.CheckConstraint(
                condition=Q(sequence__isnull=True, sealed_at__isnull=True, hash="", previous_hash="")
                | (Q(sequence__gte=1, sealed_at__isnull=False) & ~Q(hash="") & ~Q(previous_hash="")),
                name="audit_seal_is_whole",
            ),
            models.CheckConstraint(condition=~Q(action=""), name="audit_action_named"),
        ]

    def __str__(self) -> str:
        return f"audit event {self.pk}"


class Heartbeat(models.Model):
    """When something that must not sleep was last awake: the queue's worker, the sealing of the audit log."""

    name = models.CharField(max_length=48)
    beat_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="heartbeat_name_unique")]

    def __str__(self) -> str:
        return f"heartbeat {self.name}"
