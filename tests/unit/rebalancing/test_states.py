"""The two tables: where every status may go, and that the database knows the same words."""

from pathlib import Path

import pytest

from rebalancing.models.orders import OPEN_ORDER, OrderStatus
from rebalancing.models.proposals import LIVE, ProposalStatus
from rebalancing.states import (
    MOVES,
    OPEN_TO_REVIEW,
    ORDER_MOVES,
    WITH_ORDERS,
    Action,
    OrderState,
    Status,
    as_mermaid,
    can_follow,
    can_move,
    can_order_follow,
    is_final,
)


def test_the_pure_statuses_are_those_of_the_database() -> None:
    assert [status.value for status in Status] == ProposalStatus.values
    assert [state.value for state in OrderState] == OrderStatus.values


def test_a_live_proposal_is_open_to_review_or_has_orders() -> None:
    assert {Status(status) for status in LIVE} == OPEN_TO_REVIEW | WITH_ORDERS


@pytest.mark.parametrize(
    ("action", "sources", "target"),
    [
        ("approve_as_advisor", {"proposed"}, "advisor_approved"),
        ("approve", {"proposed", "advisor_approved"}, "approved"),
        ("send_back", {"proposed", "advisor_approved", "approved"}, "sent_back"),
        ("reject", {"proposed", "advisor_approved", "approved"}, "rejected"),
        ("release", {"approved"}, "released"),
        ("mark_stale", {"proposed", "advisor_approved", "approved"}, "stale"),
        (
            "supersede",
            {"proposed", "advisor_approved", "approved", "no_trade", "sent_back", "stale"},
            "superseded",
        ),
        ("send", {"released"}, "sent"),
        ("fill_part", {"sent"}, "partly_filled"),
        ("fill", {"sent", "partly_filled"}, "filled"),
        ("book", {"filled"}, "booked"),
        ("close_unfilled", {"released", "sent"}, "rejected"),
    ],
)
def test_every_action_starts_and_ends_where_the_workflow_says(action: str, sources: set[str], target: str) -> None:
    move = MOVES[Action(action)]

    assert {source.value for source in move.sources} == sources
    assert move.target.value == target
    assert all(can_move(Status(status), Action(action)) == (status in sources) for status in Status)


def test_nothing_with_orders_can_become_stale_or_superseded() -> None:
    for status in WITH_ORDERS:
        assert not can_move(status, Action.MARK_STALE)
        assert not can_move(status, Action.SUPERSEDE)
        assert not can_move(status, Action.REJECT)


def test_final_statuses_are_booked_rejected_and_superseded() -> None:
    assert {status for status in Status if is_final(status)} == {Status.BOOKED, Status.REJECTED, Status.SUPERSEDED}


def test_a_proposal_never_skips_approval() -> None:
    assert can_follow(Status.APPROVED, Status.RELEASED)
    assert not can_follow(Status.PROPOSED, Status.RELEASED)
    assert not can_follow(Status.ADVISOR_APPROVED, Status.RELEASED)


def test_open_orders_are_those_that_can_still_move() -> None:
    assert {state for state in OrderState if ORDER_MOVES[state]} == {OrderState(status) for status in OPEN_ORDER}


def test_an_order_is_filled_only_after_it_was_sent() -> None:
    assert can_order_follow(OrderState.SENT, OrderState.FILLED)
    assert can_order_follow(OrderState.PARTLY_FILLED, OrderState.PARTLY_FILLED)
    assert not can_order_follow(OrderState.RELEASED, OrderState.FILLED)
    assert not can_order_follow(OrderState.FILLED, OrderState.CANCELLED)


def test_the_drawing_holds_every_move() -> None:
    drawn = as_mermaid()

    assert drawn.count("stateDiagram-v2") == 2
    assert "    approved --> released: release" in drawn
    assert "    partly_filled --> cancelled" in drawn


def test_the_documentation_shows_the_same_pictures() -> None:
    page = (Path(__file__).parents[3] / "docs" / "orders.md").read_text(encoding="utf-8")

    for picture in as_mermaid().split("\n\n"):
        assert f"```mermaid\n{picture}\n```" in page
