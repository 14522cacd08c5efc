"""A mail can end in three ways, and in one only: mailed, unwanted, given up."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="unwanted_at",
            field=models.DateTimeField(
                help_text="not mailed: the person had switched mails of this kind off", null=True
            ),
        ),
        migrations.RemoveIndex(model_name="notification", name="notification_unsent"),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                fields=["owed_at"],
                condition=Q(
                    mailed_at__isnull=True, unwanted_at__isnull=True, failed_at__isnull=True
                ),
                name="notification_to_mail",
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.CheckConstraint(
                condition=Q(mailed_at__isnull=True, unwanted_at__isnull=True)
                | Q(unwanted_at__isnull=True, failed_at__isnull=True)
                | Q(failed_at__isnull=True, mailed_at__isnull=True),
                name="notification_mail_one_outcome",
            ),
        ),
    ]
