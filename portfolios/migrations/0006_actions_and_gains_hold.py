"""What 0005 filled in is required from now on."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("advisors", "0003_shared_cache"), ("portfolios", "0005_actions_belong_to_firms")]

    operations = [
        migrations.AlterField(
            model_name="corporateaction",
            name="firm",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="corporate_actions", to="advisors.firm"
            ),
        ),
        migrations.RemoveField(
            model_name='realizedgain',
            name='is_permanent',
        ),
        migrations.AddConstraint(
            model_name='corporateaction',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['reversed', 'withdrawn']), _negated=True), fields=('firm', 'security', 'kind', 'effective_on'), name='corporate_action_unique'),
        ),
        migrations.AddConstraint(
            model_name='corporateaction',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['split', 'reverse_split', 'stock_dividend', 'class_dividend', 'spin_off', 'stock_merger', 'cash_merger', 'mixed_merger', 'return_of_capital', 'tender', 'symbol_change', 'special_dividend', 'worthless', 'other'])), name='corporate_action_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='corporateaction',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['announced', 'confirmed', 'applied', 'reversed', 'withdrawn'])), name='corporate_action_status_known'),
        ),
        migrations.AddConstraint(
            model_name='corporateaction',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['confirmed', 'applied', 'reversed']), _negated=True), models.Q(('confirmed_at__isnull', False), ('confirmed_by__isnull', False)), _connector='OR'), name='corporate_action_confirmed_by_a_person'),
        ),
        migrations.AddConstraint(
            model_name='realizedgain',
            constraint=models.UniqueConstraint(fields=('event', 'lot_key', 'kind'), name='realized_gain_once_a_lot'),
        ),
        migrations.AddConstraint(
            model_name='realizedgain',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['sale', 'cash_in_lieu', 'boot', 'taxable_exchange', 'excess_return_of_capital', 'worthless'])), name='realized_gain_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='realizedgain',
            constraint=models.CheckConstraint(condition=models.Q(('disallowed_usd__gte', 0), ('permanent_usd__gte', 0), ('permanent_usd__lte', models.F('disallowed_usd'))), name='disallowed_not_negative'),
        ),
    ]
