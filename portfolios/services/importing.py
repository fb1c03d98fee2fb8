"""
From bytes to lots: receive a file, say what it will change, post it account by account.

A file is kept as received, encrypted, and known by its hash: one that arrives twice changes nothing. An account posts
whole or not at all; one at fault is held and says why, the others post.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from advisors import audit
from advisors.errors import Conflict, Invalid
from advisors.models import Firm, User
from portfolios import vault
from portfolios.custodians import registry
from portfolios.custodians.base import Fault, FileKind, ParsedAccount, ParsedFile, Severity
from portfolios.custodians.decoding import MAX_FILE_BYTES
from portfolios.models.households import Account
from portfolios.models.imports import CustodianFile, FileFault, FileStatus, StagedAccount, StagedStatus
from portfolios.services import market
from portfolios.services.account_plans import AccountPlan, plan_accounts
from portfolios.services.account_postings import Outcome, post_plan
from portfolios.services.action_positions import announce_multiplied, hold_multiplied
from portfolios.services.actions_in_files import apply_actions_due
from portfolios.services.break_ageing import age_breaks
from portfolios.services.corporate_actions import desk
from portfolios.services.corporate_actions.applying import apply_to_latecomers
from portfolios.services.plan_words import change_of, reason_of
from portfolios.services.stale_prices import refresh_stale_price_holds

MAX_FAULTS = 500
MAX_GUESSED_BYTES = 5_000_000
_SETTLED = (FileStatus.POSTED, FileStatus.PARTLY_POSTED)


class FileRefused(Invalid):
    """A file that is not even looked into."""


def check_file_size(size: int) -> None:
    """
    Refuse a file by its size, before it is read.

    :raises FileRefused: too large
    """
    if size > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 1_000_000
        raise FileRefused(f"The file has {size / 1_000_000:,.0f} MB; the limit is {limit} MB. Nothing of it was read.")


def receive_custodian_file(
    firm: Firm, *, custodian: str, name: str, content: bytes, actor: User | None, now: datetime, account: str = ""
) -> CustodianFile:
    """
    Keep a file as received, read it, and say what posting it will change; nothing else changes yet.

    The same content from the same custodian gives the file that came first. `account` is the number of the account
    where the layout names none.

    :raises FileRefused: too large
    :raises Invalid: no such custodian
    """
    return _receive(firm, custodian=custodian, name=name, content=content, actor=actor, now=now, account=account).file


def import_custodian_file(
    firm: Firm, *, custodian: str, name: str, content: bytes, actor: User | None, now: datetime, account: str = ""
) -> CustodianFile:
    """
    Receive a file and post it at once, reading it only once. A refused file comes back as refused.

    :raises FileRefused: too large
    :raises Invalid: no such custodian
    """
    received = _receive(firm, custodian=custodian, name=name, content=content, actor=actor, now=now, account=account)
    if received.file.status == FileStatus.REFUSED or received.parsed is None:
        return received.file
    _post(received.file, received.parsed, received.plans, actor=actor, now=now)
    return received.file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    """A file that came, what it says, and the plans for its accounts; only the file where it came before."""

    file: CustodianFile
    parsed: ParsedFile | None = None
    plans: tuple[AccountPlan, ...] = ()


def _receive(
    firm: Firm, *, custodian: str, name: str, content: bytes, actor: User | None, now: datetime, account: str
) -> _Received:
    if custodian not in registry.NAMES:
        raise Invalid(f"“{custodian}” is not one of {', '.join(sorted(registry.NAMES))}.")
    check_file_size(len(content))
    sha256 = hashlib.sha256(content).hexdigest()
    known = CustodianFile.objects.filter(firm=firm, custodian=custodian, sha256=sha256).first()
    if known is not None and known.status in _SETTLED:
        return _Received(file=known)
    named, fault = _named_account(firm, custodian, account)
    parsed = registry.parse(custodian=custodian, file_name=name, content=content, account=account)
    if fault:
        parsed = _with_fault(parsed, fault)
    elif not parsed.is_usable():
        parsed = _with_guess(parsed, name=name, content=content)
    with transaction.atomic():
        file = known or _keep(firm, custodian, name, content, sha256=sha256, actor=actor, now=now)
        file.account, file.name = named, name[-200:]  # a layout may read day or account from the name
        plans = _stage(file, parsed)
    return _Received(file=file, parsed=parsed, plans=tuple(plans))


def _keep(
    firm: Firm, custodian: str, name: str, content: bytes, *, sha256: str, actor: User | None, now: datetime
) -> CustodianFile:
    file, is_new = CustodianFile.objects.get_or_create(
        firm=firm,
        custodian=custodian,
        sha256=sha256,
        defaults={
            "name": name[-200:],
            "size": len(content),
            "content_encrypted": vault.encrypt_content(content),
            "received_at": now,
            "received_by": actor,
        },
    )
    if is_new:
        facts = {"custodian": custodian, "sha256": sha256, "size": len(content)}
        audit.record("custodian_file.received", actor=actor, subject=file, firm_id=firm.pk, data=facts, now=now)
    return file


def _named_account(firm: Firm, custodian: str, number: str) -> tuple[Account | None, Fault | None]:
    if not number:
        return None, None
    accounts = Account.objects.filter(firm=firm, number_hash=vault.hash_number(number))
    found = list(accounts if custodian in registry.ANYWHERE else accounts.filter(custodian=custodian))
    if len(found) == 1:
        return found[0], None
    said = "There is no account" if not found else f"{len(found)} accounts have the number: there is no one account"
    return None, Fault(row=None, column="account", message=f"{said} with number …{vault.last4(number)}.")


def _with_fault(parsed: ParsedFile, fault: Fault) -> ParsedFile:
    return ParsedFile(
        custodian=parsed.custodian,
        kind=parsed.kind,
        as_of=parsed.as_of,
        row_count=parsed.row_count,
        faults=(fault, *parsed.faults),
    )


def _with_guess(parsed: ParsedFile, *, name: str, content: bytes) -> ParsedFile:
    """Say so when another custodian's parser reads a refused file without complaint."""
    if len(content) > MAX_GUESSED_BYTES:
        return parsed
    for other, spelled in registry.NAMES.items():
        if other == parsed.custodian:
            continue
        guess = registry.parse(custodian=other, file_name=name, content=content)
        if guess.is_usable() and guess.kind is not FileKind.UNKNOWN:
            told = f"It reads as {spelled}: was the wrong custodian chosen?"
            return _with_fault(parsed, Fault(row=None, message=told))
    return parsed


def _stage(file: CustodianFile, parsed: ParsedFile) -> list[AccountPlan]:
    """Write what a file says and what posting it will change; return the plans of its accounts."""
    file.kind, file.as_of_on, file.row_count = parsed.kind.value, parsed.as_of, parsed.row_count
    file.said = []
    faults = list(parsed.faults)
    plans: list[AccountPlan] = []
    if not parsed.is_usable():
        file.status = FileStatus.REFUSED
    elif parsed.kind in market.MARKET_KINDS:
        file.status = FileStatus.PARSED
        file.said = market.describe_market_file(file.firm, parsed)
        faults += market.check_market_file(file.firm, parsed)
    else:
        file.status = FileStatus.PARSED
        plans = _plans(file, parsed)
    _write_faults(file, faults, plans)
    StagedAccount.objects.filter(file=file).delete()
    StagedAccount.objects.bulk_create([_staged(file, plan) for plan in plans], batch_size=1000)
    file.save(update_fields=["name", "kind", "as_of_on", "row_count", "said", "status", "account"])
    return plans


def _plans(file: CustodianFile, parsed: ParsedFile) -> list[AccountPlan]:
    plans = plan_accounts(
        file.firm,
        parsed,
        named=file.account,
        ref=f"s:{file.sha256[:16]}",
        fault_subject=f"{parsed.custodian} {parsed.kind.value}",
    )
    hold_multiplied(file.firm, plans, day=parsed.as_of)
    return plans


def plan_again(
    file: CustodianFile, parsed: ParsedFile, told: ParsedAccount, *, ref: str, accepted: frozenset[str]
) -> AccountPlan:
    """Plan one account of a file that was posted, the custodian's word accepted for some securities."""
    met = replace(parsed, accounts=(told,), faults=())
    subject = f"{parsed.custodian} {parsed.kind.value}"
    (plan,) = plan_accounts(file.firm, met, named=file.account, ref=ref, fault_subject=subject, accepted=accepted)
    return plan


def _staged(file: CustodianFile, plan: AccountPlan) -> StagedAccount:
    status, message = StagedStatus.READY, plan.skipped
    if plan.problems:
        status, message = StagedStatus.HELD, reason_of(plan.problems)
    elif plan.skipped or not (plan.events or plan.outside):
        status = StagedStatus.UNCHANGED
    return StagedAccount(
        file=file,
        account=plan.account,
        number_hash=vault.hash_number(plan.parsed.number),
        number_last4=plan.parsed.number[-4:],
        status=status,
        change=change_of(plan),
        message=message[:400],
    )


def _write_faults(file: CustodianFile, faults: Sequence[Fault], plans: Sequence[AccountPlan]) -> None:
    accounts = {plan.parsed.number: plan.account for plan in plans}
    rows = [
        _fault_row(file, fault, accounts.get(fault.account))
        for fault in faults
        if fault.severity is Severity.NOTE or fault.account not in accounts
    ]
    for plan in plans:
        for problem in (*plan.problems, *plan.warnings):
            told = Fault(row=problem.row, column=problem.column, account=plan.parsed.number, message=problem.reason)
            rows.append(_fault_row(file, told, plan.account))
        rows += [_fault_row(file, note, plan.account) for note in plan.notes]
    rows.sort(key=lambda row: (row.is_note, row.row is None, row.row or 0))
    if len(rows) > MAX_FAULTS:
        left = len(rows) - MAX_FAULTS
        rows = [
            *rows[:MAX_FAULTS],
            FileFault(file=file, message=f"And {left:,} more.", is_note=rows[MAX_FAULTS].is_note),
        ]
    FileFault.objects.filter(file=file).delete()
    FileFault.objects.bulk_create(rows)


def _fault_row(file: CustodianFile, fault: Fault, account: Account | None) -> FileFault:
    return FileFault(
        file=file,
        row=fault.row,
        column=fault.column[:80],
        number_last4=fault.account[-4:],
        account=account,
        message=fault.message[:400],
        is_note=fault.severity is Severity.NOTE,
    )


def post_file(file: CustodianFile, *, actor: User | None, now: datetime) -> CustodianFile:
    """
    Post what a file says: each account whole or not at all, the faulty ones held with the reason.

    Posting again tries the accounts that were held; what is posted stays as it is.

    :raises Conflict: the file was refused
    """
    file = CustodianFile.objects.select_related("firm", "account").get(pk=file.pk)
    if file.status == FileStatus.REFUSED:
        raise Conflict("This file was refused; nothing of it can be posted.")
    if file.status == FileStatus.POSTED:
        return file
    number = "" if file.account is None else vault.decrypt_text(file.account.number_encrypted)
    content = vault.decrypt_content(file.content_encrypted)
    parsed = registry.parse(custodian=file.custodian, file_name=file.name, content=content, account=number)
    plans = () if parsed.kind in market.MARKET_KINDS else _plans(file, parsed)
    _post(file, parsed, plans, actor=actor, now=now)
    return file


def _post(
    file: CustodianFile, parsed: ParsedFile, plans: Sequence[AccountPlan], *, actor: User | None, now: datetime
) -> None:
    if parsed.kind in market.MARKET_KINDS:
        _post_market(file, parsed, actor=actor, now=now)
        _act(file, parsed, actor=actor, now=now)
    else:
        _post_accounts(file, parsed, plans, actor=actor, now=now)
    refresh_stale_price_holds(file.firm, now=now)
    age_breaks(file.firm, now=now)


@transaction.atomic
def _post_market(file: CustodianFile, parsed: ParsedFile, *, actor: User | None, now: datetime) -> None:
    posted = market.post_market_file(file.firm, parsed, actor=actor, now=now)
    file.said = list(posted.said)
    _write_faults(file, (*parsed.faults, *posted.faults), ())
    is_whole = not any(fault.severity is Severity.ERROR for fault in posted.faults)
    _close(file, is_whole=is_whole, facts={"said": len(posted.said)}, actor=actor, now=now)


def _act(file: CustodianFile, parsed: ParsedFile, *, actor: User | None, now: datetime) -> None:
    """Apply the corporate actions that a new day makes due, and hold whoever waits for one."""
    if parsed.kind not in (FileKind.PRICES, FileKind.CORPORATE_ACTIONS):
        return
    told = desk.act_on_the_day(file.firm, actor=actor, now=now)
    if told:
        file.said = [*file.said, *told]
        file.save(update_fields=["said"])


def _post_accounts(
    file: CustodianFile, parsed: ParsedFile, plans: Sequence[AccountPlan], *, actor: User | None, now: datetime
) -> None:
    def again(plan: AccountPlan) -> AccountPlan:
        met = replace(parsed, accounts=(plan.parsed,), faults=())
        return _plans(file, met)[0]

    if apply_actions_due(file.firm, as_of=parsed.as_of or file.firm.business_on, now=now):
        plans = _plans(file, parsed)
    name = registry.NAMES[file.custodian]
    announce_multiplied(file.firm, plans, day=parsed.as_of, source_name=name, now=now)
    staged = {row.number_hash: row for row in StagedAccount.objects.filter(file=file)}
    waiting = [plan for plan in plans if staged[vault.hash_number(plan.parsed.number)].status != StagedStatus.POSTED]
    counts = {"posted": 0, "held": 0, "unchanged": 0}
    for plan in waiting:
        row = staged[vault.hash_number(plan.parsed.number)]
        outcome = post_plan(file, plan, row, replan=again, actor=actor, now=now)
        counts[outcome.value] += 1
    apply_to_latecomers(file.firm, now=now)
    with transaction.atomic():
        _write_faults(file, parsed.faults, waiting)
        _close(file, is_whole=not counts[Outcome.HELD.value], facts=counts, actor=actor, now=now)


def _close(file: CustodianFile, *, is_whole: bool, facts: dict[str, int], actor: User | None, now: datetime) -> None:
    file.status = FileStatus.POSTED if is_whole else FileStatus.PARTLY_POSTED
    file.posted_at = now
    file.save(update_fields=["status", "posted_at", "said"])
    audit.record(
        "custodian_file.posted",
        actor=actor,
        subject=file,
        firm_id=file.firm_id,
        data={"status": file.status, **facts},
        now=now,
    )
