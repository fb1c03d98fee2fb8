"""Released batches, orders per account, and the fills that come back."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from rebalancing.models.proposals import Side


class ReleaseBatch(models.Model):
    """Proposals released together by one person."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="release_batches")
    number = models.PositiveIntegerField()
    released_at = models.DateTimeField()
    released_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    sent_at = models.DateTimeField(null=True, blank=True)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "number"], name="batch_number_unique_in_firm")]

    def __str__(self) -> str:
        return f"batch {self.number}"


class OrderBlock(models.Model):
    """All orders of a batch in one security on one side at one custodian; its fills are shared among them."""

    batch = models.ForeignKey(ReleaseBatch, on_delete=models.PROTECT, related_name="blocks")
    custodian = models.CharField(max_length=32)
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="+")
    side = models.CharField(max_length=4, choices=Side)
    units = models.DecimalField(max_digits=15, decimal_places=6)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "custodian", "security", "side"], name="one_block_a_side"),
            models.CheckConstraint(condition=Q(side__in=Side.values), name="block_side_known"),
            models.CheckConstraint(condition=Q(units__gt=0), name="block_units_positive"),
        ]

    def __str__(self) -> str:
        return f"block {self.pk}"


class OrderStatus(models.TextChoices):
    RELEASED = "released", "Released"
    SENT = "sent", "Sent"
    PARTLY_FILLED = "partly_filled", "Partly filled"
    FILLED = "filled", "Filled"
    REJECTED = "rejected", "Rejected"
    CANCELLED = "cancelled", "Cancelled"


class QuantityType(models.TextChoices):
    """How an order states its size: stocks and ETFs in shares, mutual funds in dollars or as all that is held."""

    SHARES = "shares", "Shares"
    DOLLARS = "dollars", "Dollars"
    ALL = "all", "All that is held"


OPEN_ORDER = (OrderStatus.RELEASED, OrderStatus.SENT, OrderStatus.PARTLY_FILLED)


class Order(models.Model):
    """
    One account's order for one proposed trade, with the lots the proposal chose.

    `units` are the proposal's; of an order in dollars they are an estimate, and `amount_usd` is what was ordered.
    """

    block = models.ForeignKey(OrderBlock, on_delete=models.PROTECT, related_name="orders")
    proposal = models.ForeignKey("rebalancing.Proposal", on_delete=models.PROTECT, related_name="orders")
    trade = models.OneToOneField("rebalancing.ProposedTrade", on_delete=models.PROTECT, related_name="order")
    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="orders")
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="+")
    client_order_id = models.CharField(max_length=40, unique=True)
    side = models.CharField(max_length=4, choices=Side)
    units = models.DecimalField(max_digits=15, decimal_places=6)
    quantity_type = models.CharField(max_length=8, choices=QuantityType, default=QuantityType.SHARES)
    amount_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    filled_units = models.DecimalField(max_digits=15, decimal_places=6, default=0)
    filled_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    status = models.CharField(max_length=16, choices=OrderStatus, default=OrderStatus.RELEASED)
    created_at = models.DateTimeField()
    status_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "status"], name="order_by_account")]
        constraints = [
            models.CheckConstraint(condition=Q(side__in=Side.values), name="order_side_known"),
            models.CheckConstraint(condition=Q(status__in=OrderStatus.values), name="order_status_known"),
            models.CheckConstraint(condition=Q(units__gt=0), name="order_units_positive"),
            models.CheckConstraint(
                condition=Q(quantity_type__in=QuantityType.values), name="order_quantity_type_known"
            ),
            models.CheckConstraint(
                condition=Q(filled_units__gte=0)
                & (Q(filled_units__lte=F("units")) | Q(quantity_type=QuantityType.DOLLARS)),
                name="order_never_overfilled",
            ),
        ]

    def __str__(self) -> str:
        return self.client_order_id


class FillFile(models.Model):
    """A file of fills as received; the same file twice changes nothing."""

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="fill_files")
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    content_encrypted = models.BinaryField()
    row_count = models.PositiveIntegerField(default=0)
    booked_count = models.PositiveIntegerField(default=0)
    faults = models.JSONField(default=list, blank=True)
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "sha256"], name="fill_file_received_once")]

    def __str__(self) -> str:
        return f"fill file {self.pk}"


class Fill(models.Model):
    """One execution of one order; booked into the ledger in the same transaction."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills")
    file = models.ForeignKey(FillFile, null=True, blank=True, on_delete=models.PROTECT, related_name="fills")
    execution_id = models.CharField(max_length=64, unique=True)
    units = models.DecimalField(max_digits=15, decimal_places=6)
    price_usd = models.DecimalField(max_digits=15, decimal_places=6)
    fee_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    traded_on = models.DateField()
    recorded_at = models.DateTimeField()
    event = models.OneToOneField(
        "portfolios.LedgerEvent", null=True, blank=True, on_delete=models.PROTECT, related_name="fill"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(units__gt=0, price_usd__gt=0, fee_usd__gte=0), name="fill_positive"),
        ]

    def __str__(self) -> str:
        return self.execution_id
