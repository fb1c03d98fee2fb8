"""One change beside lots that applying an action makes: said before it is made, kept so that it can be undone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from advisors.models import Firm, User
from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.models.market import CorporateAction
from portfolios.services.corporate_actions.stored_terms import ActionChoices
from portfolios.services.lists_carried import Carrying

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]
Data = dict[str, Json]


def id_in(data: Data, name: str) -> int:
    """Return an id that was kept."""
    return int(str(data[name]))


def ids_in(data: Data, name: str) -> list[int]:
    """Return ids that were kept, none where there are none."""
    found = data.get(name, [])
    assert isinstance(found, list)  # as kept
    return [int(str(key)) for key in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change in words, and as the values that make and undo it."""

    words: str
    data: Data = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """
    What every step knows: whose action, its terms in force, who answers for it.

    `title` is the action in one line of words. `before_usd` is the price of the security that the action starts from,
    the last one before the ex-date or what an earlier action of the day left; `after_usd` is what one is worth then.
    """

    firm: Firm
    action: CorporateAction
    terms: ActionTerms
    choices: ActionChoices
    title: str
    maker: User | None
    checker: User | None
    before_usd: Decimal | None
    after_usd: Decimal | None
    now: datetime

    @property
    def on(self) -> date:
        """Return the ex-date."""
        return self.terms.effective_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    One kind of change. `plan` reads and says what would change; `make` makes one and returns what undoing it needs;
    `undo` takes it back.
    """

    name: str
    plan: Callable[[Setting], Sequence[Change]]
    make: Callable[[Setting, Change], Data]
    undo: Callable[[Setting, Data], None]


def carrying(setting: Setting) -> Carrying:
    """Return who answers for the lists that an applied action carries on: a person confirmed it."""
    assert setting.checker is not None
    return Carrying(
        firm=setting.firm,
        on=setting.on,
        why=setting.title,
        maker=setting.maker or setting.checker,
        checker=setting.checker,
        now=setting.now,
    )
