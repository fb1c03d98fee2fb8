"""What the API reads and writes of corporate actions. Amounts and ratios are strings, so that no digit is lost."""

from decimal import Decimal

from rest_framework import serializers

from advisors.api import StrictSerializer
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery
from portfolios.ledger.errors import BadInput


def _price(*, is_positive: bool = True) -> serializers.DecimalField:
    least = Decimal("0.000001") if is_positive else Decimal(0)
    return serializers.DecimalField(
        max_digits=15, decimal_places=6, min_value=least, required=False, allow_null=True, default=None
    )


def _ratio(*, is_required: bool) -> serializers.DecimalField:
    if is_required:
        return serializers.DecimalField(max_digits=24, decimal_places=15, min_value=Decimal("0.000000001"))
    return serializers.DecimalField(
        max_digits=24,
        decimal_places=15,
        min_value=Decimal("0.000000001"),
        required=False,
        allow_null=True,
        default=None,
    )


class DeliverySerializer(StrictSerializer):
    """A security that each holder gets."""

    security = serializers.CharField(max_length=24)
    units_per_unit = _ratio(is_required=True)
    price_usd = _price()
    basis_frac = serializers.DecimalField(
        max_digits=12,
        decimal_places=10,
        min_value=Decimal(0),
        max_value=Decimal(1),
        required=False,
        allow_null=True,
        default=None,
    )
    fraction_price_usd = _price()


class AnnouncementSerializer(StrictSerializer):
    """One announced action. What is not known yet may be left out; it is named as missing in the answer."""

    security = serializers.CharField(max_length=24)
    kind = serializers.ChoiceField(choices=[kind.value for kind in ActionKind])
    effective_on = serializers.DateField()
    ratio = _ratio(is_required=False)
    delivered = serializers.ListField(child=DeliverySerializer(), required=False, default=list, max_length=10)
    price_usd = _price(is_positive=False)
    cash_per_unit_usd = serializers.DecimalField(
        max_digits=15, decimal_places=6, min_value=Decimal(0), required=False, default=Decimal(0)
    )
    is_taxable = serializers.BooleanField(required=False, default=False)
    pays_fractions = serializers.BooleanField(required=False, default=False)
    fraction_price_usd = _price()
    buy_children = serializers.BooleanField(required=False, default=True)
    note = serializers.CharField(max_length=400, required=False, default="", allow_blank=True)

    def terms(self) -> ActionTerms:
        """
        Return the terms that were sent.

        :raises ValidationError: they contradict themselves
        """
        said = dict(self.validated_data)
        for name in ("buy_children", "note"):
            del said[name]
        delivered = [{**each, "security": each["security"].strip().upper()} for each in said.pop("delivered")]
        try:
            return ActionTerms(
                key="",
                kind=ActionKind(said.pop("kind")),
                security=said.pop("security").strip().upper(),
                delivered=tuple(Delivery(**each) for each in delivered),
                **said,
            )
        except BadInput as fault:
            raise serializers.ValidationError({"non_field_errors": [str(fault)]}) from fault


def plain(value: Decimal | None) -> str | None:
    """Write a number without an exponent and without idle zeros."""
    return None if value is None else f"{value.normalize():f}"


def terms_as_json(terms: ActionTerms) -> dict[str, object]:
    """Write terms in the fields that an announcement has."""
    return {
        "security": terms.security,
        "kind": terms.kind.value,
        "effective_on": terms.effective_on.isoformat(),
        "ratio": plain(terms.ratio),
        "delivered": [
            {
                "security": each.security,
                "units_per_unit": plain(each.units_per_unit),
                "price_usd": plain(each.price_usd),
                "basis_frac": plain(each.basis_frac),
                "fraction_price_usd": plain(each.fraction_price_usd),
            }
            for each in terms.delivered
        ],
        "price_usd": plain(terms.price_usd),
        "cash_per_unit_usd": plain(terms.cash_per_unit_usd),
        "is_taxable": terms.is_taxable,
        "pays_fractions": terms.pays_fractions,
        "fraction_price_usd": plain(terms.fraction_price_usd),
    }
