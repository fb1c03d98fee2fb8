"""The small report of `tests.reports` as rows: account, stored case and outcome, proposal, orders, fills, gains."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import zstandard

from advisors.models import Membership
from portfolios.ledger.types import Disposition
from portfolios.models.lots import LedgerEvent, RealizedGain
from rebalancing.engine.outcome import encode_outcome
from rebalancing.models.orders import Fill as FillRow
from rebalancing.models.orders import Order, OrderBlock, OrderStatus, ReleaseBatch
from rebalancing.models.proposals import Proposal, ProposalStatus
from rebalancing.services.cases import CaseToKeep, keep_cases
from tests.factories import (
    NOW,
    AccountFactory,
    AssetClassFactory,
    HouseholdFactory,
    ProposalFactory,
    ProposedTradeFactory,
    SecurityFactory,
    StoredOutcomeFactory,
    TaxSituationFactory,
)
from tests.reports import HEADING, THE_CASE, WORDS, disposition, fills, our_outcome


def proposal_row(member: Membership, *, is_made: bool = True) -> Proposal:
    """
    Store the account, its case, its outcome and its proposal in an advisor's book; `is_made` with orders and fills.

    The case's account is `A1`. The firm's business date is that of the report.
    """
    firm = member.firm
    firm.business_on = HEADING.period_ends_on
    firm.name = "Meridian"
    firm.save()
    owner = AccountFactory(
        household=HouseholdFactory(firm=firm, advisor=member, name="Whitcombe"),
        external_ref="A1",
        name="Joint account",
        number_last4="4471",
        fee_bps=Decimal("73"),
        opened_on=dt.date(2026, 2, 23),
    )
    TaxSituationFactory(tax_return=owner.tax_return, year=2026, outside_long_usd=Decimal("200"))
    for symbol, name in {**WORDS.securities, "SMOK": "Smoke Co"}.items():
        SecurityFactory(symbol=symbol, name=name)
    for position, (key, name) in enumerate(WORDS.classes.items()):
        AssetClassFactory(firm=firm, key=key, name=name, position=position)
    kept = keep_cases(firm.pk, cases=[CaseToKeep(tax_household_id=owner.tax_household_id, case=THE_CASE)], now=NOW)
    stored = StoredOutcomeFactory(
        case=kept[owner.tax_household_id].snapshot,
        run__as_of_on=THE_CASE.as_of,
        content=zstandard.compress(encode_outcome(our_outcome())),
    )
    proposal = ProposalFactory(
        account=owner,
        outcome=stored,
        as_of_on=THE_CASE.as_of,
        status=ProposalStatus.BOOKED if is_made else ProposalStatus.PROPOSED,
    )
    rows = [
        ProposedTradeFactory(
            proposal=proposal,
            position=position,
            side=made.side,
            security=SecurityFactory(symbol=made.security),
            units=made.quantity,
            price_usd=made.price,
            amount_usd=made.quantity * made.price,
            reasons=list(made.reasons),
        )
        for position, made in enumerate(our_outcome().accounts[0].trades)
    ]
    if is_made:
        _fill_rows(proposal, rows, member=member)
    return proposal


def _fill_rows(proposal: Proposal, rows: "Sequence[Any]", *, member: Membership) -> None:
    batch = ReleaseBatch.objects.create(firm=proposal.firm, number=1, released_at=NOW, released_by=member.user)
    for place, (row, fill) in enumerate(zip(rows, fills(), strict=True), start=1):
        block = OrderBlock.objects.create(
            batch=batch, custodian="generic", security=row.security, side=row.side, units=row.units
        )
        order = Order.objects.create(
            block=block,
            proposal=proposal,
            trade=row,
            account=proposal.account,
            security=row.security,
            client_order_id=f"T-{place}",
            side=row.side,
            units=row.units,
            filled_units=row.units,
            status=OrderStatus.FILLED,
            created_at=NOW,
            status_at=NOW,
        )
        event = LedgerEvent.objects.create(
            account=proposal.account,
            position=place,
            kind=row.side,
            security=row.security,
            traded_on=fill.traded_on,
            units=fill.units,
            source="fill",
            source_ref=f"X-{place}",
            recorded_at=NOW,
        )
        FillRow.objects.create(
            order=order,
            execution_id=f"X-{place}",
            units=fill.units,
            price_usd=fill.price_usd,
            fee_usd=fill.fee_usd,
            traded_on=fill.traded_on,
            recorded_at=NOW,
            event=event,
        )
        if row.side == "sell":
            _gain_row(event, sold=disposition())


def _gain_row(event: LedgerEvent, *, sold: Disposition) -> None:
    assert event.security is not None
    RealizedGain.objects.create(
        event=event,
        account=event.account,
        security=event.security,
        lot_key=sold.lot_key,
        closed_on=sold.sold_on,
        acquired_on=sold.acquired_on,
        units=sold.units,
        proceeds_usd=sold.proceeds_usd,
        cost_usd=sold.cost_usd,
        gain_usd=sold.gain_usd,
        term=sold.term,
    )
