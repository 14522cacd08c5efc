"""Devices, what each was told, and what each said it did.

Policies and ceilings are kept for ever: "what was this device told at that time, and why?" is
answered from these rows and the audit log.
"""

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

from consent_app.people.models import Jurisdiction
from consent_app.register.models import RegisterVersion


class Platform(models.TextChoices):
    MACOS = "macos", "macOS"
    WINDOWS = "windows", "Windows"
    LINUX = "linux", "Linux"


class State(models.TextChoices):
    """What a device policy says of itself (design, section 5). The words are a contract."""

    COLLECTING = "collecting", "Collecting"
    PAUSED = "paused", "Paused"
    EXEMPT = "exempt", "Exempt"
    PROTECTED = "protected", "Protected"
    UNACKNOWLEDGED = "unacknowledged", "Not collecting"
    OPTED_OUT = "opted_out", "Not collecting"
    OUT_OF_SCOPE = "out_of_scope", "Not collecting"
    REVOKED = "revoked", "Removed"


class EnrolmentCode(models.Model):
    """Lets one device in, once. Only a hash is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    employee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="enrolment_codes"
    )
    code_hash = models.BinaryField(max_length=32, unique=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("issued_at")), name="enrolment_code_expires_later"
            ),
        ]

    def __str__(self) -> str:
        return f"enrolment code {self.pk}"


class Rollout(models.Model):
    """A code of IT that lets many devices in, each under the name of somebody. Only a hash is kept.

    Whom a device was let in for decides whether it is theirs; until then it collects nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    label = models.CharField(max_length=80, help_text="what it is for, in words of IT")
    code_hash = models.BinaryField(max_length=32, unique=True)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="rollouts"
    )
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    uses_allowed = models.PositiveIntegerField(null=True, help_text="null for any number")
    uses = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        ordering = ("-issued_at", "id")
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("issued_at")), name="rollout_expires_later"
            ),
            models.CheckConstraint(
                condition=Q(uses_allowed__isnull=True) | Q(uses__lte=F("uses_allowed")),
                name="rollout_uses_within_what_is_allowed",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="rollout_ended_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def is_spent(self) -> bool:
        """Whether it has let in as many as it may."""
        return self.uses_allowed is not None and self.uses >= self.uses_allowed

    def is_usable(self, at: datetime) -> bool:
        return self.ended_at is None and at < self.expires_at and not self.is_spent


WAITS_FOR_OWNER = Q(rollout__isnull=False, accepted_at__isnull=True)


class DeviceQuerySet(models.QuerySet["Device"]):
    def active(self) -> "DeviceQuerySet":
        """Leave out those that were removed."""
        return self.filter(revoked_at__isnull=True)

    def waiting(self) -> "DeviceQuerySet":
        """Return those whose owner has not said yet that they are theirs."""
        return self.active().filter(WAITS_FOR_OWNER)

    def in_use(self) -> "DeviceQuerySet":
        """Return those that are somebody's by their own word."""
        return self.active().exclude(WAITS_FOR_OWNER)


class Device(models.Model):
    """A work computer with its key. `policy_version` is the newest policy signed for it.

    `cohort` and `confirmed_ceiling` say how far it follows what is decided for many: IT sees these,
    and nothing that follows from what its owner decided (docs/policy.md, section 17).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    employee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="devices"
    )
    hostname = models.CharField(max_length=80)
    platform = models.CharField(max_length=10, choices=Platform)
    agent_version = models.CharField(max_length=40)
    public_key = models.CharField(max_length=43, unique=True, help_text="x of the JWK, base64url")
    token_hash = models.BinaryField(max_length=32, unique=True)
    enrolled_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    policy_version = models.PositiveBigIntegerField(default=0)
    last_seen_at = models.DateTimeField(null=True, help_text="to within half a minute")
    # With a default of the database, so that a release without the column can still enrol.
    agent_run = models.CharField(
        max_length=22, default="", db_default="", blank=True, help_text="the run that began last"
    )
    two_clients_at = models.DateTimeField(
        null=True, help_text="when it showed that two programs use this identity"
    )
    rollout = models.ForeignKey(
        Rollout, on_delete=models.PROTECT, null=True, related_name="devices",
        help_text="whose code let it in; null for a code of its owner",
    )  # fmt: skip
    accepted_at = models.DateTimeField(
        null=True, help_text="when its owner said that one of a roll-out is theirs"
    )
    cohort = models.CharField(
        max_length=12, blank=True, default="", db_default="",
        help_text="the jurisdiction whose ceiling it is told",
    )  # fmt: skip
    confirmed_ceiling = models.PositiveBigIntegerField(
        default=0, db_default=0,
        help_text="the highest version of that ceiling that it confirmed; 0 for none",
    )  # fmt: skip
    ceiling_confirmed_at = models.DateTimeField(null=True)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ("hostname", "id")
        indexes = [
            models.Index(fields=["hostname", "id"], name="device_by_name"),
            models.Index(fields=["employee"], condition=WAITS_FOR_OWNER, name="device_waits"),
            models.Index(
                fields=["two_clients_at"],
                condition=Q(two_clients_at__isnull=False),
                name="device_two_clients",
            ),
            GinIndex(OpClass(Upper("hostname"), name="gin_trgm_ops"), name="device_name_parts"),
        ]

    def __str__(self) -> str:
        return self.hostname

    @property
    def waits_for_owner(self) -> bool:
        """Whether its owner has not said yet that it is theirs; it collects nothing till then."""
        return self.rollout_id is not None and self.accepted_at is None

    @property
    def public_jwk(self) -> dict[str, str]:
        return {"kty": "OKP", "crv": "Ed25519", "x": self.public_key}


class AgentRun(models.Model):
    """A start of a device's agent; `returns` counts polls from after another took its place."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="runs")
    name = models.CharField(max_length=22)
    began_at = models.DateTimeField()
    returns = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "name"], name="agent_run_once"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} run {self.name}"


class DevicePolicy(models.Model):
    """One signed device policy, and when the device was first given it."""

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="policies")
    version = models.PositiveBigIntegerField()
    state = models.CharField(max_length=20, choices=State)
    jws = models.TextField()
    digest = models.CharField(max_length=71)
    requested_at = models.DateTimeField(help_text="when what led to it was decided")
    signed_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "version"], name="device_policy_version"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} version {self.version}"


class Ceiling(models.Model):
    """The most that may be collected from anybody in a cohort, signed with the programme key.

    Of those whose time has come, the highest version holds. A register that was published ahead
    has its ceilings signed ahead.
    """

    jurisdiction = models.ForeignKey(
        Jurisdiction, on_delete=models.PROTECT, related_name="ceilings"
    )
    version = models.PositiveBigIntegerField()
    register = models.ForeignKey(RegisterVersion, on_delete=models.PROTECT, related_name="ceilings")
    content_digest = models.CharField(max_length=71, help_text="of all but version and time")
    jws = models.TextField()
    digest = models.CharField(max_length=71)
    signed_at = models.DateTimeField()
    in_force_at = models.DateTimeField(help_text="no device is given it earlier")
    needs_policies_since = models.DateTimeField(
        null=True, help_text="a device with an older policy is told that all is stopped"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["jurisdiction", "version"], name="ceiling_version"),
        ]
        indexes = [
            models.Index(fields=["digest"], name="ceiling_by_digest"),
            models.Index(
                fields=["jurisdiction", "-in_force_at", "-version"], name="ceiling_by_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.jurisdiction_id} version {self.version}"


class SignedKeySet(models.Model):
    """Which policy and checkpoint keys hold, signed with the programme key; the newest holds."""

    version = models.PositiveBigIntegerField(unique=True)
    jws = models.TextField()
    digest = models.CharField(max_length=71)
    signed_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="devices accept no document after it")

    def __str__(self) -> str:
        return f"key set {self.version}"


class Acknowledgement(models.Model):
    """A device's signed word that it applied a policy."""

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="acknowledgements")
    sequence = models.PositiveBigIntegerField()
    policy = models.ForeignKey(
        DevicePolicy, on_delete=models.PROTECT, related_name="acknowledgements"
    )
    ceiling_digest = models.CharField(max_length=71)
    effect = models.CharField(max_length=20)
    applied_at = models.DateTimeField(help_text="by the device's clock")
    received_at = models.DateTimeField()
    jws = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "sequence"], name="acknowledgement_once"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id} #{self.sequence}"
