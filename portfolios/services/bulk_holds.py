"""Hold and let go thousands of accounts for one cause: a few statements, and one audit event for every thousand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from advisors import audit
from advisors.models import Firm
from portfolios.models.households import AccountHold, HoldKind

_BATCH: Final = 1000
Pair = tuple[int, str]  # account id, subject


def keep_holds(
    firm: Firm, wanted: Mapping[Pair, str], *, standing: Mapping[Pair, AccountHold], kind: HoldKind, now: datetime
) -> None:
    """
    Make the open holds of a kind those that are wanted, with their reasons; `standing` are the ones to judge by it.

    An open hold of the same kind and subject that somebody else placed takes over the new reason.
    """
    _place(firm, {pair: said for pair, said in wanted.items() if pair not in standing}, kind=kind, now=now)
    for pair, hold in standing.items():
        if pair in wanted and wanted[pair][:400] != hold.reason:
            AccountHold.objects.filter(pk=hold.pk, lifted_at__isnull=True).update(reason=wanted[pair][:400])
    _lift(firm, {pair: hold for pair, hold in standing.items() if pair not in wanted}, kind=kind, now=now)


def _place(firm: Firm, wanted: Mapping[Pair, str], *, kind: HoldKind, now: datetime) -> None:
    pairs = sorted(wanted)
    for start in range(0, len(pairs), _BATCH):
        part = pairs[start : start + _BATCH]
        taken = {
            (account_id, subject): pk
            for pk, account_id, subject in AccountHold.objects.filter(
                account_id__in={account_id for account_id, _ in part}, kind=kind, lifted_at__isnull=True
            ).values_list("pk", "account_id", "subject")
        }
        for pair in part:
            if pair in taken:
                AccountHold.objects.filter(pk=taken[pair]).update(reason=wanted[pair][:400])
        AccountHold.objects.bulk_create(
            AccountHold(account_id=pair[0], kind=kind, subject=pair[1], reason=wanted[pair][:400], placed_at=now)
            for pair in part
            if pair not in taken
        )
        facts = {
            "kind": kind,
            "account_ids": [pair[0] for pair in part],
            "subjects": sorted({pair[1] for pair in part}),
        }
        audit.record("accounts.held", actor=None, subject=firm, firm_id=firm.pk, data=facts, now=now)


def _lift(firm: Firm, settled: Mapping[Pair, AccountHold], *, kind: HoldKind, now: datetime) -> None:
    pairs = sorted(settled)
    for start in range(0, len(pairs), _BATCH):
        part = pairs[start : start + _BATCH]
        keys = [settled[pair].pk for pair in part]
        AccountHold.objects.filter(pk__in=keys, lifted_at__isnull=True).update(
            lifted_at=now, lift_reason="Price, position and model agree."
        )
        facts = {
            "kind": kind,
            "account_ids": [pair[0] for pair in part],
            "subjects": sorted({pair[1] for pair in part}),
        }
        audit.record("accounts.let_go", actor=None, subject=firm, firm_id=firm.pk, data=facts, now=now)
