"""The choices of a firm: as the golden file names them, there and back as JSON."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from portfolios.ledger.errors import BadInput
from portfolios.ledger.wash_policy import POLICY_WORDS, Tacking, WashPolicy

_GOLDEN = Path(__file__).parents[2] / "golden" / "tax_cases.json"


def test_defaults_are_those_of_the_specification() -> None:
    told = json.loads(_GOLDEN.read_text())["default_policy"]
    told.pop("identical_groups")

    assert WashPolicy.from_json(told) == WashPolicy()
    assert told.items() <= WashPolicy().to_json().items()


def test_choices_go_to_json_and_back() -> None:
    policy = WashPolicy(
        tacking=Tacking.EARLIEST_DATE, spouse_in_scope=False, retirement_statuses=("roth_ira",),
        earlier_acquired_lots_count=False,
    )  # fmt: skip

    assert WashPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"window": 30}, "unknown tax policies: window"),
        ({"window_days": 31}, "30 days by law, not 31"),
        ({"window_days": True}, "must be a number of days"),
        ({"spouse_in_scope": "yes"}, "must be true or false"),
        ({"tacking": "NONE"}, "must be one of ADD_DAYS, EARLIEST_DATE"),
        ({"retirement_statuses": "401k"}, "must be a list of plans"),
        ({"retirement_statuses": ["pension"]}, "unknown retirement plans: pension"),
        ({"sublot_order": 1}, "must be one of HOLDING_DATE"),
        ({"fraction_relief": "x"}, "must be one of ACCOUNT_METHOD"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        WashPolicy.from_json(values)


def test_every_choice_has_words_for_a_form() -> None:
    assert [word.name for word in POLICY_WORDS] == [each.name for each in fields(WashPolicy)]
    assert all(word.label and word.help for word in POLICY_WORDS)
