"""What people wrote and attached: sealed with the request's own key, for every request alike."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from exemptions.files import MAX_FILE_BYTES, MAX_FILES
from exemptions.models.requests import ExemptionRequest


class MessageKind(models.TextChoices):
    """Notes stay among reviewers; everything else is between them and the employee."""

    STATEMENT = "statement", "Statement"
    ADDITION = "addition", "Addition"
    QUESTION = "question", "Question"
    ANSWER = "answer", "Answer"
    MESSAGE = "message", "Message"
    APPEAL = "appeal", "Appeal"
    DELAY = "delay", "Why it takes longer"
    REVOCATION = "revocation", "Why it was revoked"
    NOTE = "note", "Note among reviewers"


class Message(models.Model):
    """Something written about a request. Only a draft's statement is ever changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(ExemptionRequest, on_delete=models.CASCADE, related_name="messages")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=MessageKind)
    text = models.BinaryField()
    written_at = models.DateTimeField()

    class Meta:
        ordering = ("written_at",)
        indexes = [models.Index(fields=["request", "written_at"], name="message_of_request")]
        constraints = [
            models.UniqueConstraint(
                fields=["request"], condition=Q(kind="statement"), name="message_one_statement"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def purpose(self) -> str:
        """What its text is sealed for."""
        return f"message:{self.pk}"


class Attachment(models.Model):
    """A file of a request. Its name and content are sealed; it is only ever downloaded."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(
        ExemptionRequest, on_delete=models.CASCADE, related_name="attachments"
    )
    number = models.PositiveSmallIntegerField()
    name = models.BinaryField(help_text="as the employee called it")
    content = models.BinaryField()
    media_type = models.CharField(max_length=40)
    extension = models.CharField(max_length=8)
    size_bytes = models.PositiveIntegerField()
    added_at = models.DateTimeField()

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="attachment_place"),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=MAX_FILES), name="attachment_few"
            ),
            models.CheckConstraint(
                condition=Q(size_bytes__gt=0, size_bytes__lte=MAX_FILE_BYTES),
                name="attachment_small",
            ),
        ]

    def __str__(self) -> str:
        return f"attachment {self.pk}"

    @property
    def purpose(self) -> str:
        """What its content is sealed for; its name for the same with ":name"."""
        return f"attachment:{self.pk}"
