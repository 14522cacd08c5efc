"""The append-only log: leaves, the details beside them, and the stored nodes of the Merkle tree.

The role that serves requests may only INSERT and SELECT here and owns nothing; triggers refuse
changes from anybody else as well (migration 0002). What a person wrote stands in `Details`, which
an erasure can empty; the leaf keeps a salted commitment to it, so the tree still verifies.
"""

from datetime import UTC, datetime

from django.db import models

from consent_agent.protocol.canonical import canonical_json


def utc_text(at: datetime) -> str:
    """Return `at` as RFC 3339 in UTC with microseconds, the only form that is hashed."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Leaf(models.Model):
    """One event, immutable. `index` counts from 0 without a gap."""

    index = models.BigIntegerField(primary_key=True)
    event = models.CharField(max_length=80)
    actor = models.UUIDField(db_index=True, help_text="pseudonym of who did it")
    person = models.UUIDField(null=True, db_index=True, help_text="pseudonym of whom it concerns")
    subject = models.CharField(
        max_length=120, db_index=True, help_text="kind:id of what it is about"
    )
    at = models.DateTimeField()
    commitment = models.BinaryField(max_length=32)
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(index__gte=0), name="audit_leaf_index"),
        ]

    def __str__(self) -> str:
        return f"{self.index} {self.event}"

    def content(self) -> bytes:
        """Return the exact bytes that the tree hashes: the leaf as canonical JSON (RFC 8785)."""
        return canonical_json(
            {
                "actor": str(self.actor),
                "at": utc_text(self.at),
                "commitment": bytes(self.commitment).hex(),
                "event": self.event,
                "index": self.index,
                "person": str(self.person) if self.person else None,
                "subject": self.subject,
            }
        )


class Details(models.Model):
    """What a leaf commits to. An erasure deletes the row and leaves an entry that says so."""

    leaf = models.OneToOneField(Leaf, on_delete=models.PROTECT, primary_key=True)
    salt = models.BinaryField(max_length=32)
    content = models.JSONField()

    class Meta:
        verbose_name_plural = "details"

    def __str__(self) -> str:
        return f"details of {self.leaf_id}"


class Node(models.Model):
    """The hash of a perfect subtree above the leaves, kept so that proofs stay cheap."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["level", "index"], name="audit_node_place"),
        ]

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"
