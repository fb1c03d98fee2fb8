"""The writing of what a replay worked out otherwise than the rows stood."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from portfolios.models.lots import Lot, RealizedGain, WashMatch
from portfolios.services.bulk_rows import insert_rows
from portfolios.services.ledger_rows import LOT_FIELDS, batches, write_gains
from portfolios.services.replay_rows import MATCH_FIELDS, Cells, Difference


def write_differences(differences: Sequence[Difference], *, event_ids: Mapping[tuple[int, int], int]) -> None:
    """Write what differs. `event_ids` are those of events appended meanwhile, by account and position."""
    _write_lots(differences)
    _write_gains(differences, event_ids)
    _write_matches(differences, event_ids)


def _write_lots(differences: Sequence[Difference]) -> None:
    turns = [(name, turn) for one in differences for name, turn in one.lots.items()]
    insert_rows(
        Lot,
        ("account", "key", "security", "closed_on", *LOT_FIELDS),
        ((*name, *turn.after) for name, turn in turns if turn.after is not None),
        replace_on=("account", "key"),
    )
    gone: dict[int, list[str]] = defaultdict(list)
    for (account_id, key), turn in turns:
        if turn.after is None:
            gone[account_id].append(key)
    for account_id, keys in gone.items():
        for some in batches(keys):
            Lot.objects.filter(account_id=account_id, key__in=some).delete()


def _write_gains(differences: Sequence[Difference], event_ids: Mapping[tuple[int, int], int]) -> None:
    gone: list[int] = []
    rows: list[Cells] = []
    for one in differences:
        known = {**one.known_events, **event_ids}
        missing = {
            (known[name[0], name[1]], name[2], name[3]) for name, turn in one.gains.items() if turn.after is None
        }
        rows.extend(
            (known[name[0], name[1]], *turn.after[1:]) for name, turn in one.gains.items() if turn.after is not None
        )
        gone.extend(_ids_of(missing))
    for some in batches(gone):
        WashMatch.objects.filter(loss_id__in=some).delete()
        RealizedGain.objects.filter(pk__in=some).delete()
    write_gains(rows)


def _ids_of(names: Collection[tuple[int, str, str]]) -> Iterable[int]:
    for some in batches(sorted({event_id for event_id, _, _ in names})):
        rows = RealizedGain.objects.filter(event_id__in=some).values_list("pk", "event_id", "lot_key", "kind")
        yield from (pk for pk, event_id, key, kind in rows if (event_id, key, kind) in names)


def _write_matches(differences: Sequence[Difference], event_ids: Mapping[tuple[int, int], int]) -> None:
    losses: dict[tuple[int, str, str], frozenset[Cells]] = {}
    for one in differences:
        known = {**one.known_events, **event_ids}
        for name, (_, after) in one.matches.items():
            losses[known[name[0], name[1]], name[2], name[3]] = after
    ids: dict[tuple[int, str, str], int] = {}
    for some in batches(sorted({event_id for event_id, _, _ in losses})):
        rows = RealizedGain.objects.filter(event_id__in=some).values_list("pk", "event_id", "lot_key", "kind")
        ids.update(((event_id, key, kind), pk) for pk, event_id, key, kind in rows)
    mine = [ids[name] for name in losses if name in ids]
    for some_ids in batches(mine):
        WashMatch.objects.filter(loss_id__in=some_ids).delete()
    insert_rows(
        WashMatch,
        ("loss", *MATCH_FIELDS),
        ((ids[name], *cells) for name, after in losses.items() for cells in sorted(after, key=str)),
    )
