"""The security master: what instruments there are, and what a firm says of each."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from advisors import audit
from advisors.jobs import enqueue
from advisors.models import Firm, User
from portfolios.custodians.base import Fault, ParsedFile, SecurityRow
from portfolios.models.securities import AssetClass, FirmSecurity, IdentityGroup, Screen, Security
from portfolios.services.house_view.screens_applied import apply_screens, screens_by_list
from portfolios.services.posted_files import Posted

_TEXTS = ("name", "kind", "cusip", "isin", "sector", "industry", "country", "quantity_step", "half_spread_bps")
_BATCH = 1000


def check_classes(firm: Firm, rows: Sequence[SecurityRow]) -> list[Fault]:
    """Return a fault for every row whose asset class is not one of the firm's."""
    known = set(AssetClass.objects.filter(firm=firm).values_list("key", flat=True))
    return [
        Fault(
            row=row.row,
            column="asset_class",
            message=f"{row.symbol}: “{row.asset_class[:48]}” is not the key of an asset class of the firm.",
        )
        for row in rows
        if row.asset_class and row.asset_class not in known
    ]


def describe_securities(firm: Firm, parsed: ParsedFile) -> list[str]:
    """Say how many securities are new to the master."""
    del firm
    symbols = [row.symbol for row in parsed.securities]
    known = Security.objects.filter(symbol__in=symbols).count()
    return [f"{len(symbols) - known:,} new securities, {known:,} known already."]


def post_securities(firm: Firm, parsed: ParsedFile, *, actor: User | None, now: datetime) -> Posted:
    """
    Add or restate securities, and what the firm says of them. A row of an unknown asset class is left out.

    Where the identity group of a known security changes, wash sales are matched anew by a background job.
    """
    faults = check_classes(firm, parsed.securities)
    left_out = {fault.row for fault in faults}
    rows = [row for row in parsed.securities if row.row not in left_out]
    before = Security.objects.count()
    Security.objects.bulk_create(
        [Security(symbol=row.symbol, **{name: getattr(row, name) for name in _TEXTS}) for row in rows],
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["symbol"],
        update_fields=list(_TEXTS),
    )
    keys = dict(Security.objects.filter(symbol__in=[row.symbol for row in rows]).values_list("symbol", "pk"))
    classes = dict(AssetClass.objects.filter(firm=firm).values_list("key", "pk"))
    groups = _groups(firm, rows)
    grouped = dict(
        FirmSecurity.objects.filter(firm=firm, security_id__in=keys.values()).values_list(
            "security_id", "identity_group_id"
        )
    )
    FirmSecurity.objects.bulk_create(
        [
            FirmSecurity(
                firm=firm,
                security_id=keys[row.symbol],
                asset_class_id=classes.get(row.asset_class),
                identity_group_id=groups.get(row.identity_group),
                is_buyable=row.is_buyable,
            )
            for row in rows
        ],
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["firm", "security"],
        update_fields=["asset_class", "identity_group", "is_buyable"],
    )
    _fill_screens(firm, rows, keys)
    apply_screens(firm, now=now)
    if any(keys[row.symbol] in grouped and grouped[keys[row.symbol]] != groups.get(row.identity_group) for row in rows):
        enqueue("portfolios.tasks.replay_by_groups_task", firm_id=firm.pk)
    added = Security.objects.count() - before
    facts = {"count": len(rows), "added": added}
    audit.record("securities.posted", actor=actor, subject=firm, firm_id=firm.pk, data=facts, now=now)
    return Posted(said=[f"{added:,} securities added, {len(rows) - added:,} restated."], faults=faults)


def _groups(firm: Firm, rows: Iterable[SecurityRow]) -> Mapping[str, int]:
    wanted = {row.identity_group for row in rows if row.identity_group}
    known = set(IdentityGroup.objects.filter(firm=firm, key__in=wanted).values_list("key", flat=True))
    IdentityGroup.objects.bulk_create(
        IdentityGroup(firm=firm, key=key, name=key.replace("_", " ").capitalize()) for key in sorted(wanted - known)
    )
    return dict(IdentityGroup.objects.filter(firm=firm, key__in=wanted).values_list("key", "pk"))


def _fill_screens(firm: Firm, rows: Sequence[SecurityRow], keys: Mapping[str, int]) -> None:
    """Make every screen that is named hold the securities that name it, and no other of this file."""
    stated = [keys[row.symbol] for row in rows]
    wanted = {key for row in rows for key in row.screens}
    known = set(Screen.objects.filter(firm=firm, key__in=wanted).values_list("key", flat=True))
    Screen.objects.bulk_create(
        Screen(firm=firm, key=key, name=key.replace("_", " ").capitalize()) for key in sorted(wanted - known)
    )
    through = Screen.securities.through
    by_list = screens_by_list(firm)
    for screen in Screen.objects.filter(firm=firm).exclude(key__in=by_list).order_by("pk"):
        inside = {keys[row.symbol] for row in rows if screen.key in row.screens}
        held = set(through.objects.filter(screen=screen, security_id__in=stated).values_list("security_id", flat=True))
        screen.securities.remove(*(held - inside))
        screen.securities.add(*(inside - held))
