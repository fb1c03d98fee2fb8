"""The demo's corporate actions: the split of the last days is confirmed and applied, the others wait for their person."""

from datetime import datetime

from advisors.models import Role
from portfolios.demo.market import SPLIT
from portfolios.demo.people import DemoFirm
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.services.corporate_actions import desk
from portfolios.services.corporate_actions.stored_terms import stamp_of


def confirm_split(demo: DemoFirm, *, now: datetime) -> bool:
    """Confirm the split as somebody who did not import its announcement, and apply it; return whether it was done."""
    waiting = CorporateAction.objects.filter(
        firm=demo.firm, security__symbol=SPLIT.symbol, status=ActionStatus.ANNOUNCED
    ).select_related("security", "firm")
    action = waiting.first()
    if action is None:
        return False
    checker = next(
        member
        for member in demo.members.values()
        if member.role == Role.OPERATIONS and member.user_id != action.announced_by_id
    )
    desk.confirm(checker, action, seen=stamp_of(action), now=now)
    desk.act_on_the_day(demo.firm, actor=None, now=now)
    return True
