"""The inbox: one order for rows of the same moment, and indexes for its page and its count."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_unwanted_mail")]

    operations = [
        migrations.AlterModelOptions(
            name="notification", options={"ordering": ("-owed_at", "-id")}
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(fields=["recipient", "-owed_at", "-id"], name="notification_inbox"),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                fields=["recipient", "event"],
                condition=Q(read_at__isnull=True),
                name="notification_unread",
            ),
        ),
    ]
