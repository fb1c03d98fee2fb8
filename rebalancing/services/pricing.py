"""What each preference of an account costs as things stand now: its tax household taken and priced, nothing stored."""

from dataclasses import dataclass

from advisors.models import Membership
from portfolios.ledger.errors import BadInput
from portfolios.models.households import Account, Standing
from portfolios.selectors.books import account_in_book
from rebalancing.engine.outcome import PreferenceCost
from rebalancing.engine.solver import NotCertified
from rebalancing.services.solving import price_account_of
from rebalancing.snapshots.taking import TakenCase, take_cases

NO_DATE = "The firm has no business date yet. Import a day's prices first."
UNSURE = "The fast solver cannot certify an answer for this account now. Its next proposal can be priced by the queue."


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedAccount:
    """An account with the price of each preference, the dearest first; or `why` it cannot be priced."""

    account: Account
    prices: tuple[PreferenceCost, ...] = ()
    why: str = ""


def price_account(member: Membership, account_id: int) -> PricedAccount:
    """
    Solve the account's tax household as it is, and again without each preference of the account.

    :raises NotFound: the account lies outside the member's book
    """
    account = account_in_book(member, account_id)
    if member.firm.business_on is None:
        return PricedAccount(account=account, why=NO_DATE)
    together = Account.objects.filter(tax_household_id=account.tax_household_id, is_held_away=False)
    ids = list(together.exclude(standing=Standing.CLOSED).values_list("pk", flat=True))
    try:
        (taken,) = take_cases(member.firm_id, account_ids=ids, as_of=member.firm.business_on)
    except BadInput as error:
        return PricedAccount(account=account, why=str(error))
    why = _why_not(taken, account_id)
    if why or taken.case is None:
        return PricedAccount(account=account, why=why)
    try:
        prices = price_account_of(taken.case, account.external_ref)
    except NotCertified:
        return PricedAccount(account=account, why=UNSURE)
    return PricedAccount(account=account, prices=prices)


def _why_not(taken: TakenCase, account_id: int) -> str:
    if any(account.pk == account_id for account in taken.accounts):
        return ""
    return {**taken.failed, **taken.held}.get(account_id, "This account is not analysed.")
