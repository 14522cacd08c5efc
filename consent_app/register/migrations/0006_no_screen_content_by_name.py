"""More words name what is never collected, and they are looked for in a kind's name as well."""

from django.db import migrations, models
from django.db.models import Q

NEVER_COLLECTED = (
    "screen|display|desktop|framebuffer|pixel|bitmap|image|picture|photo|video|film|visual"
    "|snapshot|thumbnail|camera|webcam|(window|page|tab)[ _]?(content|text)"
    "|password|passcode|passphrase|secret|credential|(^|[^a-z])(ocr|frames?|pins?)([^a-z]|$)"
)


class Migration(migrations.Migration):
    dependencies = [("register", "0005_passwords_stay_protected")]

    operations = [
        migrations.RemoveConstraint(model_name="datakind", name="register_no_screen_content"),
        migrations.AddConstraint(
            model_name="datakind",
            constraint=models.CheckConstraint(
                condition=~Q(code__regex=NEVER_COLLECTED) & ~Q(name__iregex=NEVER_COLLECTED),
                name="register_no_screen_content",
            ),
        ),
    ]
