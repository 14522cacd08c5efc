"""Ceilings can be signed ahead. Those there are came into force when they were signed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("devices", "0001_initial")]

    operations = [
        migrations.AddField(
            "ceiling",
            "in_force_at",
            models.DateTimeField(help_text="no device is given it earlier", null=True),
        ),
        migrations.RunSQL(
            "UPDATE devices_ceiling SET in_force_at = signed_at", migrations.RunSQL.noop
        ),
        migrations.AlterField(
            "ceiling",
            "in_force_at",
            models.DateTimeField(help_text="no device is given it earlier"),
        ),
    ]
