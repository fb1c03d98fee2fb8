"""One word, icon and tone for every state that a page shows; colour never stands alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """`attention` and `stop` are spent only where somebody must act."""

    OK = "ok"
    WAIT = "wait"
    ATTENTION = "attention"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWord:
    icon: str
    word: str
    tone: Tone


def _word(icon: str, word: str, tone: Tone) -> StatusWord:
    return StatusWord(icon=icon, word=word, tone=tone)


_OK, _WAIT, _ATTENTION, _STOP = Tone.OK, Tone.WAIT, Tone.ATTENTION, Tone.STOP

STATUS_WORDS: Mapping[str, StatusWord] = {
    # an account's day and its standing
    "received": _word("arrow-down-to-line", "Received", _WAIT),
    "held": _word("pause", "Held", _ATTENTION),
    "analysed": _word("circle-check", "Analysed", _OK),
    "active": _word("check", "Active", _OK),
    "transferring": _word("clock", "Transferring", _WAIT),
    "closing": _word("clock", "Closing", _WAIT),
    "closed": _word("x", "Closed", _WAIT),
    "held_away": _word("info", "Held away", _WAIT),
    # a proposal
    "no_trade": _word("circle-check", "No trade needed", _OK),
    "proposed": _word("file-text", "Proposed", _OK),
    "advisor_approved": _word("check", "Approved by advisor", _OK),
    "approved": _word("check", "Approved", _OK),
    "released": _word("arrow-right", "Released", _OK),
    "sent": _word("arrow-right", "Sent", _WAIT),
    "partly_filled": _word("rotate-cw", "Partly filled", _WAIT),
    "filled": _word("circle-check", "Filled", _OK),
    "booked": _word("circle-check", "Booked", _OK),
    "sent_back": _word("undo-2", "Sent back", _ATTENTION),
    "rejected": _word("x", "Rejected", _STOP),
    "stale": _word("rotate-cw", "Stale, to re-run", _WAIT),
    "superseded": _word("history", "Superseded", _WAIT),
    "for_review": _word("clock", "For review", _WAIT),
    "override_needed": _word("flag", "Override needed", _ATTENTION),
    # a check
    "pass": _word("check", "Passed", _OK),
    "fail": _word("x", "Failed", _STOP),
    "relaxed": _word("flag", "Gave way", _ATTENTION),
    # runs, chunks, files, reports
    "queued": _word("clock", "Queued", _WAIT),
    "waiting": _word("clock", "Waiting", _WAIT),
    "running": _word("rotate-cw", "Running", _WAIT),
    "leased": _word("rotate-cw", "At work", _WAIT),
    "done": _word("check", "Done", _OK),
    "split": _word("flag", "Split after failures", _ATTENTION),
    "parked": _word("pause", "Parked", _ATTENTION),
    "cancelled": _word("x", "Cancelled", _WAIT),
    "failed": _word("x", "Failed", _STOP),
    "parsed": _word("file-text", "Parsed", _WAIT),
    "posted": _word("check", "Posted", _OK),
    "partly_posted": _word("flag", "Partly posted", _ATTENTION),
    "refused": _word("x", "Refused", _STOP),
    "ready": _word("check", "Ready", _OK),
    "unchanged": _word("minus", "Nothing changes", _WAIT),
    # holds: who must act
    "position_break": _word("x", "Blocks release", _STOP),
    "missing_basis": _word("clock", "Asked", _WAIT),
    "stale_price": _word("flag", "To confirm", _ATTENTION),
    "corporate_action": _word("flag", "To confirm", _ATTENTION),
    "file_fault": _word("x", "Blocks release", _STOP),
    "unknown_security": _word("flag", "To confirm", _ATTENTION),
    "short_position": _word("clock", "Asked", _WAIT),
    "manual": _word("pause", "Held", _ATTENTION),
    # how a security compared with its custodian
    "matched": _word("circle-check", "Matched", _OK),
    "explained": _word("check", "Explained", _OK),
    "adjusted": _word("flag", "Adjusted to the custodian’s word", _ATTENTION),
    "broken": _word("x", "Broken", _STOP),
    "no_statement": _word("clock", "No statement", _WAIT),
    "rounding": _word("check", "Rounding", _OK),
    "wash_adjustment": _word("check", "Wash adjustment", _OK),
    "fee": _word("check", "Commission", _OK),
    "other_lots": _word("flag", "Other lots", _ATTENTION),
    # guidance and corporate actions
    "draft": _word("pencil", "Draft", _WAIT),
    "submitted": _word("clock", "For approval", _WAIT),
    "withdrawn": _word("undo-2", "Withdrawn", _WAIT),
    "announced": _word("clock", "Announced", _WAIT),
    "detected": _word("triangle-alert", "Seen, not announced", _ATTENTION),
    "to_complete": _word("pencil", "To complete", _ATTENTION),
    "to_confirm": _word("flag", "To confirm", _ATTENTION),
    "due": _word("clock", "Due", _ATTENTION),
    "confirmed": _word("check", "Confirmed", _OK),
    "applied": _word("check", "Applied", _OK),
    "reversed": _word("undo-2", "Reversed", _ATTENTION),
    # bulk changes of preferences
    "prepared": _word("clock", "Prepared", _WAIT),
    "applying": _word("rotate-cw", "Being applied", _WAIT),
    "undoing": _word("rotate-cw", "Being undone", _WAIT),
    "undone": _word("undo-2", "Undone", _WAIT),
    "dropped": _word("x", "Dropped", _WAIT),
    "left": _word("flag", "Left as it is", _ATTENTION),
    # lines of a policy statement
    "in_force": _word("check", "In force", _OK),
    "starts_later": _word("clock", "Starts later", _WAIT),
    "review_due": _word("flag", "Review due", _ATTENTION),
    "ended": _word("history", "Ended", _WAIT),
}
