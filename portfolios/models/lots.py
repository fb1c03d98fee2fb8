"""The lot ledger: an append-only journal, and the balances it adds up to."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class LedgerEvent(models.Model):
    """
    One event of an account's journal; never edited, never deleted (database triggers hold this).

    `position` numbers the events of an account from 1. `kind` is a kind of `portfolios.ledger.types`. `amount_usd`
    is the effect on cash. `detail` holds what only some kinds have: lot picks, terms of an opening, a ratio.
    A mistake is mended by one more event whose `corrects` points at it.
    """

    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="events")
    position = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=24)
    security = models.ForeignKey(
        "portfolios.Security", null=True, blank=True, on_delete=models.PROTECT, related_name="events"
    )
    traded_on = models.DateField()
    settled_on = models.DateField(null=True, blank=True)
    units = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    amount_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    cost_usd = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    reason = models.CharField(max_length=240, blank=True)
    source = models.CharField(max_length=48)
    source_ref = models.CharField(max_length=160)
    corrects = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections")
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        indexes = [
            models.Index(fields=["account", "traded_on"], name="ledger_event_by_day"),
            models.Index(fields=["account", "security", "traded_on"], name="ledger_event_by_security"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "position"], name="ledger_event_position_unique"),
            models.UniqueConstraint(fields=["source", "source_ref"], name="ledger_event_posted_once"),
        ]

    def __str__(self) -> str:
        return f"ledger event {self.pk}"


class Lot(models.Model):
    """
    One tax lot as it stands: a projection of the journal, written by `services.posting` alone.

    `cost_usd` is the total basis after wash-sale adjustment; null means unknown, never zero. `holding_on` is the
    earlier date that a tacked holding period counts from. `loss_cost_usd` is the basis for a loss of a dual-basis
    gift. A closed lot keeps its row with no units.
    """

    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="lots")
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="lots")
    key = models.CharField(max_length=96)
    root_key = models.CharField(max_length=96)
    units = models.DecimalField(max_digits=15, decimal_places=6)
    cost_usd = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    loss_cost_usd = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    wash_adjustment_usd = models.DecimalField(max_digits=15, decimal_places=6, default=0)
    acquired_on = models.DateField()
    holding_on = models.DateField(null=True, blank=True)
    is_inherited = models.BooleanField(default=False)
    is_gift = models.BooleanField(default=False, help_text="put aside for charity, never sold")
    is_wash_acquisition = models.BooleanField(default=True)
    is_wash_consumed = models.BooleanField(default=False)
    closed_on = models.DateField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "security"], condition=Q(closed_on__isnull=True), name="open_lots"),
            models.Index(fields=["security"], condition=Q(closed_on__isnull=True), name="open_lots_of_security"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="lot_key_unique_in_account"),
            models.CheckConstraint(
                condition=Q(units__gt=0, closed_on__isnull=True) | Q(units=0, closed_on__isnull=False),
                name="lot_open_iff_it_has_units",
            ),
            models.CheckConstraint(
                condition=Q(cost_usd__isnull=True) | Q(cost_usd__gte=0), name="lot_cost_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"lot {self.pk}"


class CashBalance(models.Model):
    """An account's cash as its journal adds up to, sweeps and money funds included."""

    account = models.OneToOneField("portfolios.Account", on_delete=models.PROTECT, related_name="cash")
    settled_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    unsettled_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)

    def __str__(self) -> str:
        return f"cash of account {self.account_id}"


class Term(models.TextChoices):
    SHORT = "short", "Short-term"
    LONG = "long", "Long-term"


class GainKind(models.TextChoices):
    SALE = "sale", "Sale"
    CASH_IN_LIEU = "cash_in_lieu", "Cash in lieu of a fraction"
    BOOT = "boot", "Cash of a reorganisation"
    TAXABLE_EXCHANGE = "taxable_exchange", "Taxable exchange"
    EXCESS_RETURN_OF_CAPITAL = "excess_return_of_capital", "Return of capital beyond basis"
    WORTHLESS = "worthless", "Worthless"


class TaxPolicyVersion(models.Model):
    """
    The firm's choices where tax law leaves one, from a moment on: `values` of `portfolios.ledger.wash_policy`.

    Rows are added, never changed; the newest counts, and every result points at the one it was computed with.
    """

    firm = models.ForeignKey("advisors.Firm", on_delete=models.PROTECT, related_name="tax_policies")
    values = models.JSONField(default=dict)
    reason = models.CharField(max_length=240, blank=True)
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        indexes = [models.Index(fields=["firm", "set_at"], name="tax_policy_newest")]

    def __str__(self) -> str:
        return f"tax policy {self.pk}"


class RealizedGain(models.Model):
    """
    One lot portion disposed of: what it brought, what it cost, what the wash-sale rule disallowed.

    A projection of the journal, like lots: a replay may change it. `permanent_usd` is the part of `disallowed_usd`
    that is lost for good. Until `provisional_until_on` a later purchase may still wash a loss. `policy` is null where
    a custodian's statement gave the figures.
    """

    event = models.ForeignKey(LedgerEvent, on_delete=models.PROTECT, related_name="realized_gains")
    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="realized_gains")
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=24, choices=GainKind, default=GainKind.SALE)
    lot_key = models.CharField(max_length=96)
    root_key = models.CharField(max_length=96, blank=True)
    closed_on = models.DateField()
    acquired_on = models.DateField(null=True, blank=True)
    holding_on = models.DateField(null=True, blank=True)
    units = models.DecimalField(max_digits=15, decimal_places=6)
    proceeds_usd = models.DecimalField(max_digits=15, decimal_places=2)
    cost_usd = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    gain_usd = models.DecimalField(max_digits=15, decimal_places=2, null=True, blank=True)
    term = models.CharField(max_length=8, choices=Term)
    disallowed_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    permanent_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    provisional_until_on = models.DateField(null=True, blank=True)
    policy = models.ForeignKey(TaxPolicyVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["account", "closed_on"], name="realized_gain_by_day"),
            models.Index(fields=["account", "security", "closed_on"], name="realized_gain_by_security"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["event", "lot_key", "kind"], name="realized_gain_once_a_lot"),
            models.CheckConstraint(condition=Q(term__in=Term.values), name="realized_gain_term_known"),
            models.CheckConstraint(condition=Q(kind__in=GainKind.values), name="realized_gain_kind_known"),
            models.CheckConstraint(
                condition=Q(disallowed_usd__gte=0, permanent_usd__gte=0, permanent_usd__lte=models.F("disallowed_usd")),
                name="disallowed_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"realized gain {self.pk}"


class WashMatch(models.Model):
    """
    So many units of a loss washed by so many units of a replacement: where the disallowed loss went.

    `amount_usd` is in the basis of the replacement lot, or lost for good where `is_permanent`. `tacked_days` were
    added to its holding period.
    """

    loss = models.ForeignKey(RealizedGain, on_delete=models.CASCADE, related_name="wash_matches")
    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="wash_matches")
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="+")
    lot_key = models.CharField(max_length=96)
    bought_on = models.DateField()
    units = models.DecimalField(max_digits=15, decimal_places=6)
    amount_usd = models.DecimalField(max_digits=15, decimal_places=6)
    tacked_days = models.PositiveIntegerField(default=0)
    is_permanent = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["loss", "account", "lot_key"], name="wash_match_once"),
            models.CheckConstraint(condition=Q(units__gt=0, amount_usd__gte=0), name="wash_match_not_negative"),
        ]

    def __str__(self) -> str:
        return f"wash match {self.pk}"


class LedgerReplay(models.Model):
    """
    One replay of identity groups of a tax household: why, from when, and what it changed.

    `changes` lists lots and gains before and after, as plain values; never edited.
    """

    tax_household = models.ForeignKey("portfolios.TaxHousehold", on_delete=models.PROTECT, related_name="replays")
    cause = models.CharField(max_length=240)
    from_on = models.DateField()
    securities = models.JSONField(default=list)
    changes = models.JSONField(default=dict)
    policy = models.ForeignKey(TaxPolicyVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    replayed_at = models.DateTimeField()
    replayed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        indexes = [models.Index(fields=["tax_household", "replayed_at"], name="replay_by_time")]

    def __str__(self) -> str:
        return f"ledger replay {self.pk}"


class StatedGain(models.Model):
    """
    A realised lot as the custodian states it, or a line of its 1099-B: to compare with ours, never booked.

    `acquired_on` is null for "various". `box` is A to F of Form 8949 where it is told.
    """

    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="stated_gains")
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="+")
    file = models.ForeignKey(
        "portfolios.CustodianFile", null=True, blank=True, on_delete=models.PROTECT, related_name="stated_gains"
    )
    row = models.PositiveIntegerField(null=True, blank=True)
    tax_year = models.PositiveSmallIntegerField()
    sold_on = models.DateField()
    acquired_on = models.DateField(null=True, blank=True)
    units = models.DecimalField(max_digits=15, decimal_places=6)
    proceeds_usd = models.DecimalField(max_digits=15, decimal_places=2)
    cost_usd = models.DecimalField(max_digits=15, decimal_places=6, null=True, blank=True)
    disallowed_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    term = models.CharField(max_length=8, choices=Term, blank=True)
    box = models.CharField(max_length=1, blank=True)
    is_1099b = models.BooleanField(default=False)
    source_ref = models.CharField(max_length=160)
    stated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "tax_year"], name="stated_gain_by_year")]
        constraints = [
            models.UniqueConstraint(fields=["account", "source_ref"], name="stated_gain_once"),
            models.CheckConstraint(condition=Q(units__gt=0, disallowed_usd__gte=0), name="stated_gain_not_negative"),
        ]

    def __str__(self) -> str:
        return f"stated gain {self.pk}"


class OutsideTrade(models.Model):
    """A trade in a held-away account, declared or imported: it counts for wash sales and nothing else."""

    account = models.ForeignKey("portfolios.Account", on_delete=models.PROTECT, related_name="outside_trades")
    security = models.ForeignKey("portfolios.Security", on_delete=models.PROTECT, related_name="+")
    traded_on = models.DateField()
    side = models.CharField(max_length=4, choices=[("buy", "Buy"), ("sell", "Sell")])
    units = models.DecimalField(max_digits=15, decimal_places=6)
    loss_usd = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    source_ref = models.CharField(max_length=160, unique=True)
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "traded_on"], name="outside_trade_by_day")]
        constraints = [
            models.CheckConstraint(condition=Q(side__in=["buy", "sell"]), name="outside_trade_side_known"),
            models.CheckConstraint(condition=Q(units__gt=0, loss_usd__gte=0), name="outside_trade_not_negative"),
        ]

    def __str__(self) -> str:
        return f"outside trade {self.pk}"
