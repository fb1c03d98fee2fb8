"""The API of corporate actions: announce, list, look. Confirming stays with a person on the page."""

from typing import TYPE_CHECKING, ClassVar, Final

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils import timezone
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from advisors.api import MemberView
from advisors.errors import Invalid
from advisors.permissions import Capability
from portfolios.api.serializers import AnnouncementSerializer, plain, terms_as_json
from portfolios.services.corporate_actions import desk, detail, previewing, queue
from portfolios.services.corporate_actions.stored_terms import choices_of, terms_of

if TYPE_CHECKING:
    from portfolios.services.corporate_actions.effects import AccountEffect
    from portfolios.services.corporate_actions.queue import QueueRow

PAGE_SIZE: Final = 100


class CorporateActions(MemberView):
    """List the firm's corporate actions, and announce one."""

    needs: ClassVar = {"get": Capability.VIEW_DATA, "post": Capability.IMPORT_FILES}

    def get(self, request: Request) -> Response:
        """Return a page of actions, those that wait first; `stage`, `kind` and `text` narrow them."""
        asked = request.query_params
        wanted = queue.QueueFilter(stage=asked.get("stage", ""), kind=asked.get("kind", ""), text=asked.get("text", ""))
        found = queue.queue(self.member, wanted)
        page = Paginator(found.rows, PAGE_SIZE).get_page(asked.get("page", "1"))
        return Response(
            {
                "count": page.paginator.count,
                "page": page.number,
                "page_count": page.paginator.num_pages,
                "stages": {one.stage.value: one.count for one in found.stages},
                "results": [_row(row) for row in page.object_list],
            }
        )

    def post(self, request: Request) -> Response:
        """Announce an action: 201 when it is new, 200 when it was known or was restated."""
        sent = AnnouncementSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        announced = desk.announce(
            self.member,
            sent.terms(),
            source=desk.API,
            note=sent.validated_data["note"],
            buy_children=sent.validated_data["buy_children"],
            now=timezone.now(),
        )
        body = {"is_new": announced.is_new, "is_restated": announced.is_restated}
        (row,) = queue.rows_of(self.member, [queue.action_in_firm(self.member, announced.action.pk)])
        code = status.HTTP_201_CREATED if announced.is_new else status.HTTP_200_OK
        address = reverse("api:action", args=[row.pk])
        return Response({**body, **_row(row)}, status=code, headers={"Location": address})


class OneCorporateAction(MemberView):
    """One action with its terms and what happened to it."""

    needs: ClassVar = {"get": Capability.VIEW_DATA}

    def get(self, request: Request, action_id: int) -> Response:
        """Return the action."""
        del request
        found = queue.action_in_firm(self.member, action_id)
        (row,) = queue.rows_of(self.member, [found])
        body = _row(row)
        try:
            body["terms"] = {**terms_as_json(terms_of(found)), "buy_children": choices_of(found).buy_children}
        except Invalid as fault:
            body["terms"], body["missing"] = None, [str(fault)]
        body["history"] = [
            {"at": one.happened_at.isoformat(), "what": one.words, "who": one.who, "detail": one.detail}
            for one in detail.moments_of(found)
        ]
        return Response(body)


class PreviewOfAction(MemberView):
    """What an action that is not applied yet will do to every account."""

    needs: ClassVar = {"get": Capability.VIEW_DATA}

    def get(self, request: Request, action_id: int) -> Response:
        """Return a page of accounts, and everything else that changes."""
        found = queue.action_in_firm(self.member, action_id)
        (row,) = queue.rows_of(self.member, [found])
        if not row.is_open:
            raise Invalid("This action is applied or ended: there is nothing to foresee.")
        asked = request.query_params.get("page", "1")
        number = max(int(asked) if asked.isdecimal() else 1, 1)
        seen = previewing.preview(found, offset=PAGE_SIZE * (number - 1), limit=PAGE_SIZE)
        return Response(
            {
                "sentence": seen.sentence,
                "missing": list(seen.faults),
                "steps": [*seen.steps, *detail.foreseen(found, terms_of(found))],
                "holder_count": seen.holder_count,
                "page": number,
                "page_count": max(-(-seen.holder_count // PAGE_SIZE), 1),
                "accounts": [_effect(effect) for effect in seen.rows],
            }
        )


def _row(row: "QueueRow") -> dict[str, object]:
    return {
        "id": row.pk,
        "security": row.symbol,
        "kind": row.kind,
        "effective_on": row.effective_on.isoformat(),
        "status": row.status,
        "stage": row.stage.value,
        "sentence": row.sentence,
        "is_detected": row.is_detected,
        "source": row.source,
        "note": row.note,
        "missing": list(row.faults),
        "holder_count": row.holder_count,
        "waiting_count": row.waiting_count,
        "announced_at": row.announced_at.isoformat(),
        "announced_by": row.announced_by,
        "confirmed_at": row.confirmed_at.isoformat() if row.confirmed_at else None,
        "confirmed_by": row.confirmed_by,
        "applied_at": row.applied_at.isoformat() if row.applied_at else None,
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "end_reason": row.end_reason,
    }


def _effect(effect: "AccountEffect") -> dict[str, object]:
    return {
        "account_id": effect.account_id,
        "account": effect.account_name,
        "fault": effect.fault,
        "units_before": plain(effect.units_before),
        "units_after": plain(effect.units_after),
        "delivered": [{"security": symbol, "units": plain(units)} for symbol, units in effect.delivered],
        "basis_before_usd": plain(effect.basis_before_usd),
        "basis_after_usd": plain(effect.basis_after_usd),
        "cash_usd": plain(effect.cash_usd),
        "income_usd": plain(effect.income_usd),
        "gain_usd": plain(effect.gain_usd),
    }
