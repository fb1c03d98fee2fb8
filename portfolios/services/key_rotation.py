"""
Seal with the newest key what older keys sealed: account numbers, received files, second factors.

Every binary column whose name ends in `_encrypted` takes part, in whichever app it stands. Rows are sealed anew one by
one, each only if it is still what was read, so that nobody has to stop working; a second run finds nothing to do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import models, transaction

from advisors import audit

SUFFIX: Final = "_encrypted"
_FACTOR_SECRETS: Final = ("secret", "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The rows of one column: how many there are, how many an older key had sealed, and ids that no key opens."""

    column: str
    row_count: int
    old_count: int
    lost_ids: tuple[int, ...]


def rotate_keys(*, now: datetime, is_only_looked: bool = False) -> tuple[Sealed, ...]:
    """
    Seal everything with the first of `TRIMTAB_FIELD_KEYS`; return what was found, column by column.

    With `is_only_looked` nothing is written: while a column has rows of an older key, that key is still needed. A row
    that no key opens is named and left.
    """
    columns = [_column(model, name, is_only_looked=is_only_looked) for model, name in _columns()]
    found = (*columns, _factors(is_only_looked=is_only_looked))
    if not is_only_looked and any(one.old_count for one in found):
        counts = {one.column: one.old_count for one in found if one.old_count}
        audit.record("keys.rotated", actor=None, data={"sealed_anew": counts}, now=now)
    return found


def _columns() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, models.BinaryField) and field.name.endswith(SUFFIX):
                yield model, field.name


def _column(model: type[models.Model], name: str, *, is_only_looked: bool) -> Sealed:
    keys = _Keys()
    rows = model._default_manager.order_by("pk").values_list("pk", name)
    count, old, lost = 0, 0, []
    for pk, token in rows.iterator(chunk_size=100):
        count += 1
        sealed = keys.again(bytes(token))
        if sealed is None:
            lost.append(pk)
        elif sealed != bytes(token):
            old += 1
            if not is_only_looked:
                model._default_manager.filter(pk=pk, **{name: token}).update(**{name: sealed})
    return Sealed(column=f"{model._meta.label}.{name}", row_count=count, old_count=old, lost_ids=tuple(lost))


def _factors(*, is_only_looked: bool) -> Sealed:
    """Seal the secrets of second factors, which live inside a JSON column."""
    from allauth.mfa.models import Authenticator

    keys = _Keys()
    count, old, lost = 0, 0, []
    for pk in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().get(pk=pk)
            count += 1
            data = keys.data_again(row.data)
            if data is None:
                lost.append(pk)
            elif data != row.data:
                old += 1
                if not is_only_looked:
                    Authenticator.objects.filter(pk=pk).update(data=data)
    return Sealed(column="mfa.Authenticator.data", row_count=count, old_count=old, lost_ids=tuple(lost))


class _Keys:
    """The newest key, and all of them."""

    def __init__(self) -> None:
        keys = [Fernet(key) for key in settings.TRIMTAB_FIELD_KEYS]
        self._newest, self._all = keys[0], MultiFernet(keys)

    def again(self, token: bytes) -> bytes | None:
        """Return the token as the newest key seals it: itself where it does already, None where no key opens it."""
        try:
            self._newest.decrypt(token)
        except InvalidToken:
            try:
                return self._all.rotate(token)
            except InvalidToken:
                return None
        return token

    def data_again(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the data of a second factor with its secrets sealed by the newest key."""
        made = dict(data)
        for name in _FACTOR_SECRETS:
            if name in made:
                made[name] = self._text_again(str(made[name]))
        if "migrated_codes" in made:
            made["migrated_codes"] = [self._text_again(str(code)) for code in made["migrated_codes"]]
        told = [made.get(name, "") for name in _FACTOR_SECRETS] + list(made.get("migrated_codes", ()))
        return None if None in told else made

    def _text_again(self, text: str) -> str | None:
        sealed = self.again(text.encode("ascii"))
        return None if sealed is None else sealed.decode("ascii")
