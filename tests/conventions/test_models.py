"""Rules of CONVENTIONS.md that hold for every table."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from tests.conventions.sources import APPS

UNITS = ("_usd", "_frac", "_bps", "_units", "_days", "units")
# Quantities whose name is their unit, each with the reason.
UNITLESS = {
    "CorporateAction.ratio": "new units per old unit",
    "Security.quantity_step": "in units of the security",
}
LIBRARY = {"User.last_login": "django.contrib.auth"}


def _fields(*kinds: type[Any]) -> Iterator[tuple[str, Any]]:
    for app in APPS:
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.get_fields():
                if type(field) in kinds:
                    yield f"{model.__name__}.{field.name}", field


def test_datetimes_end_in_at_and_dates_in_on() -> None:
    wrong = [
        name
        for kind, ending in ((models.DateTimeField, "_at"), (models.DateField, "_on"))
        for name, _ in _fields(kind)
        if not name.endswith(ending) and name not in LIBRARY
    ]

    assert wrong == [], "\n".join(wrong)


def test_quantities_end_in_their_unit() -> None:
    wrong = [
        name
        for name, _ in _fields(models.DecimalField, models.FloatField)
        if not name.endswith(UNITS) and name not in UNITLESS
    ]

    assert wrong == [], "\n".join(wrong)


def test_decimals_fit_into_fifteen_digits() -> None:
    """SQLite keeps decimals as floats: more digits would not read back the same."""
    wide = [name for name, field in _fields(models.DecimalField) if field.max_digits > 15]

    assert wide == [], "\n".join(wide)


@pytest.mark.parametrize("app", APPS)
def test_no_table_has_a_hidden_order(app: str) -> None:
    assert [model.__name__ for model in apps.get_app_config(app).get_models() if model._meta.ordering] == []


@pytest.mark.parametrize("app", APPS)
def test_constraints_and_indexes_have_names_of_their_own(app: str) -> None:
    unnamed = [
        f"{model.__name__}: {constraint.name}"
        for model in apps.get_app_config(app).get_models()
        for constraint in model._meta.constraints
        if constraint.name.count("_") < 1
    ]

    assert unnamed == [], "\n".join(unnamed)
