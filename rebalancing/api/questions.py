"""The API of what-ifs: frontiers, pinned trades, overrides and plans over years, of a proposal's stored case."""

from decimal import Decimal
from typing import ClassVar

from django.urls import reverse
from django.utils import timezone
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from advisors.api import MemberView, StrictSerializer
from advisors.permissions import Capability
from rebalancing.engine.types import Pinned, PinnedLot
from rebalancing.selectors.questions import question_in_book
from rebalancing.services.questions import EngineQuestion, Question, QuestionKind, QuestionStatus, ask

MOST_PINS = 200


def _units(*, required: bool) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=20, decimal_places=6, min_value=Decimal("0.000001"), required=required, allow_null=not required
    )


class PinnedLotSerializer(StrictSerializer):
    """Units of one lot to sell."""

    lot = serializers.CharField(max_length=80)
    quantity = _units(required=True)


class PinSerializer(StrictSerializer):
    """A trade taken as given in one account; side `none` forbids trading the security."""

    account = serializers.CharField(max_length=80)
    security = serializers.CharField(max_length=40)
    side = serializers.ChoiceField(choices=["buy", "sell", "none"])
    quantity = _units(required=False)
    lots = PinnedLotSerializer(many=True, required=False)


class QuestionSerializer(StrictSerializer):
    """What is asked."""

    kind = serializers.ChoiceField(choices=QuestionKind.choices)
    points = serializers.IntegerField(min_value=2, max_value=200, default=20)
    years = serializers.IntegerField(min_value=1, max_value=10, default=5)
    pins = PinSerializer(many=True, required=False)

    def validate_pins(self, pins: list[object]) -> list[object]:
        """Take no more pins than a person sets."""
        if len(pins) > MOST_PINS:
            raise serializers.ValidationError(f"At most {MOST_PINS} trades can be pinned.")
        return pins

    def question(self) -> Question:
        """Return the question of what was sent."""
        sent = self.validated_data
        pins: dict[str, list[Pinned]] = {}
        for pin in sent.get("pins", ()):
            lots = tuple(PinnedLot(lot=part["lot"], quantity=part["quantity"]) for part in pin.get("lots", ()))
            pinned = Pinned(security=pin["security"], side=pin["side"], quantity=pin.get("quantity"), lots=lots)
            pins.setdefault(pin["account"], []).append(pinned)
        return Question(kind=QuestionKind(sent["kind"]), points=sent["points"], years=sent["years"], pins=pins)


class Questions(MemberView):
    """Ask about a proposal's case."""

    needs: ClassVar = {"post": Capability.VIEW_BOOK}

    def post(self, request: Request, proposal_id: int) -> Response:
        """Answer with 200; with 202 and an address to come back to where the queue has to answer."""
        sent = QuestionSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        asked = ask(self.member, proposal_id, sent.question(), now=timezone.now())
        if asked.waiting is None:
            return Response({"status": QuestionStatus.ANSWERED, "answer": asked.answer})
        address = reverse("engine:question", args=[asked.waiting.pk])
        return Response(_told(asked.waiting), status=status.HTTP_202_ACCEPTED, headers={"Location": address})


class OneQuestion(MemberView):
    """A question that the queue answers."""

    needs: ClassVar = {"get": Capability.VIEW_BOOK}

    def get(self, request: Request, question_id: int) -> Response:
        """Return its status, and the answer once there is one."""
        del request
        return Response(_told(question_in_book(self.member, question_id)))


def _told(question: EngineQuestion) -> dict[str, object]:
    return {
        "id": question.pk,
        "status": question.status,
        "answer": question.answer,
        "reason": question.reason,
        "asked_at": question.asked_at,
        "answered_at": question.answered_at,
    }
