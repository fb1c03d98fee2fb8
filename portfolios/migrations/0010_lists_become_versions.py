"""The products and substitutes of each firm become the first version of their list; what waits gets its change."""

from django.db import migrations
from django.db.models import Max, Min
from django.utils import timezone


def make_versions(apps, schema_editor):
    Firm = apps.get_model("advisors", "Firm")
    for firm in Firm.objects.order_by("pk"):
        _make_list(apps, firm, "Product", "ProductListVersion")
        _make_list(apps, firm, "Substitute", "SubstituteListVersion")
        _make_changes(apps, firm)


def _make_list(apps, firm, line, version):
    rows = apps.get_model("portfolios", line).objects.filter(firm=firm, version=None)
    if not rows.exists():
        return
    author = _answering(apps, firm)
    now = timezone.now()
    made = apps.get_model("portfolios", version).objects.create(
        firm=firm,
        number=1,
        status="approved",
        effective_on=_since(apps, firm) or firm.business_on or now.date(),
        author_id=author,
        created_at=now,
        approved_by_id=author,
        approved_at=now,
    )
    rows.update(version=made)


def _answering(apps, firm):
    """Find who answered for the house view: whoever approved last, else the first member of the firm."""
    for name, path in (("RiskProfileVersion", "risk_profile"), ("SecurityModelVersion", "security_model")):
        rows = apps.get_model("portfolios", name).objects.filter(**{f"{path}__firm": firm})
        approved = rows.exclude(approved_by=None).order_by("-approved_at").first()
        if approved is not None:
            return approved.approved_by_id
    return apps.get_model("advisors", "Membership").objects.filter(firm=firm).order_by("pk").first().user_id


def _since(apps, firm):
    rows = apps.get_model("portfolios", "RiskProfileVersion").objects.filter(risk_profile__firm=firm)
    return rows.aggregate(first=Min("effective_on"))["first"]


def _make_changes(apps, firm):
    Change = apps.get_model("portfolios", "HouseViewChange")
    for name, path in (("RiskProfileVersion", "risk_profile"), ("SecurityModelVersion", "security_model")):
        rows = apps.get_model("portfolios", name).objects.filter(**{f"{path}__firm": firm})
        for version in rows.filter(status="submitted", change=None).select_related(path).order_by("pk"):
            last = Change.objects.filter(firm=firm).aggregate(last=Max("number"))["last"]
            change = Change.objects.create(
                firm=firm,
                number=(last or 0) + 1,
                title=f"{getattr(version, path).name} version {version.number}",
                status="submitted",
                effective_on=version.effective_on,
                author_id=version.author_id,
                created_at=version.created_at,
                edited_at=version.created_at,
                edited_by_id=version.author_id,
                editor_ids=[version.author_id],
                submitted_at=version.created_at,
            )
            version.change = change
            version.save(update_fields=["change"])


class Migration(migrations.Migration):
    dependencies = [("portfolios", "0009_house_view_changes")]

    operations = [migrations.RunPython(make_versions, migrations.RunPython.noop)]
