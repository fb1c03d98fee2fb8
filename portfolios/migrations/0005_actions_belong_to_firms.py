"""Give each firm its own row of a corporate action, and say how much of a disallowed loss is lost for good."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F


def fill_in(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Copy actions to every firm; a kind that is now told apart becomes its plainest form."""
    gains = apps.get_model("portfolios", "RealizedGain")
    gains.objects.filter(is_permanent=True).update(permanent_usd=F("disallowed_usd"))
    action = apps.get_model("portfolios", "CorporateAction")
    action.objects.filter(kind="merger").update(kind="stock_merger")
    action.objects.exclude(status="announced").update(status="announced")
    firms = list(apps.get_model("advisors", "Firm").objects.order_by("pk").values_list("pk", flat=True))
    for row in action.objects.filter(firm__isnull=True).order_by("pk"):
        for number, firm_id in enumerate(firms):
            row.pk = row.pk if number == 0 else None
            row.firm_id = firm_id
            row.save()
    action.objects.filter(firm__isnull=True).delete()


def leave(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Going back needs no data."""


class Migration(migrations.Migration):
    dependencies = [("portfolios", "0004_ledger_replays_and_actions_live")]

    operations = [migrations.RunPython(fill_in, leave)]
