"""Notices of a register version, and what happened between each of them and each person.

Notice served, read and acknowledged are facts about a text. Consent is a choice: it is kept in a
table of its own, and an acknowledgement never becomes one.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from consent_app.register.models.versions import RegisterVersion


class NoticeForm(models.TextChoices):
    """Which law the wording follows. The value stands in addresses and in the log."""

    GENERAL = "general", "Notice of collection"
    NEW_YORK = "us-ny", "Notice of electronic monitoring (New York)"
    DELAWARE = "us-de", "Notice of monitoring (Delaware)"
    CONNECTICUT = "us-ct", "Notice of electronic monitoring (Connecticut)"
    CALIFORNIA = "us-ca", "Notice at collection (California)"
    GDPR_13 = "gdpr-13", "Information under article 13 GDPR"
    GDPR_14 = "gdpr-14", "Information under article 14 GDPR"


class Notice(models.Model):
    """The exact text that people are shown from a version on. Never changed (migration 0004).

    Who acknowledged this form's notice of version `asks_since`, or of a later one, is not asked
    again by this one.
    """

    version = models.ForeignKey(RegisterVersion, on_delete=models.PROTECT, related_name="notices")
    form = models.CharField(max_length=12, choices=NoticeForm)
    language = models.CharField(max_length=12, default="en")
    text = models.TextField(help_text="plain text; an empty line ends a paragraph")
    digest = models.CharField(max_length=71, help_text="sha256:<hex> of the text in UTF-8")
    asks_since = models.PositiveIntegerField(help_text="number of a version")

    class Meta:
        ordering = ("version", "form")
        constraints = [
            models.UniqueConstraint(fields=["version", "form", "language"], name="notice_once"),
            models.CheckConstraint(condition=Q(asks_since__gte=1), name="notice_asks_since"),
        ]

    def __str__(self) -> str:
        return f"{self.form} of version {self.version_id}"


class NoticeStage(models.TextChoices):
    """How far a notice came with a person. Each stage is a row of its own."""

    SERVED = "served", "Served"
    READ = "read", "Read"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"


class NoticeRecord(models.Model):
    """One notice reached one stage with one person. Never changed, never deleted.

    `browser` or `device` says where: the name of a browser, or the id of a device.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="records")
    employee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notice_records"
    )
    stage = models.CharField(max_length=12, choices=NoticeStage)
    at = models.DateTimeField()
    digest = models.CharField(max_length=71, help_text="of the text that was shown")
    language = models.CharField(max_length=12)
    browser = models.CharField(max_length=120, blank=True)
    device = models.UUIDField(null=True)

    class Meta:
        ordering = ("-at",)
        indexes: ClassVar = [
            models.Index(fields=["employee", "stage", "at"], name="notice_record_of_employee"),
        ]
        constraints = [
            # A notice is acknowledged once; it may be shown every day.
            models.UniqueConstraint(
                fields=["employee", "notice"],
                condition=Q(stage=NoticeStage.ACKNOWLEDGED),
                name="notice_acknowledged_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.pk}"


class ConsentChoice(models.TextChoices):
    """What somebody said who was free to refuse."""

    GIVEN = "given", "You said yes"
    REFUSED = "refused", "You said no"
    WITHDRAWN = "withdrawn", "You took your yes back"


class ConsentRecord(models.Model):
    """One free choice, kept as ISO/IEC TS 27560 asks, in terms of the W3C's DPV. The last counts.

    Made only where the law of the person's place is `opt_in`. Never changed, never deleted.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    employee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="consent_records"
    )
    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="consent_records")
    choice = models.CharField(max_length=10, choices=ConsentChoice)
    at = models.DateTimeField()
    record = models.JSONField(help_text="the whole record, as it is handed out")

    class Meta:
        ordering = ("-at",)
        indexes: ClassVar = [
            models.Index(fields=["employee", "-at"], name="consent_record_of_employee"),
        ]

    def __str__(self) -> str:
        return f"{self.choice} {self.pk}"
