"""
What other rooms hear when a corporate action is applied or taken back, inside the transaction that does it.

Both are sent with `firm`, `action`, `security_ids` and `account_ids` (sets of ids) and `now`. Proposals and orders live
above this room, so it cannot call them; a receiver that raises takes the whole application back.
`action_foreseen` is asked with `firm_id` and `security_ids` before anything happens; a receiver returns sentences.
"""

from django.dispatch import Signal

action_applied = Signal()
action_reversed = Signal()
action_foreseen = Signal()
