"""Devices, what each was told, and what each said it did.

Policies and ceilings are kept for ever: "what was this device told at that time, and why?" is
answered from these rows and the audit log.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

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


class DeviceQuerySet(models.QuerySet["Device"]):
    def active(self) -> "DeviceQuerySet":
        return self.filter(revoked_at__isnull=True)


class Device(models.Model):
    """A work computer with its key. `policy_version` is the newest policy signed for it."""

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

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ("hostname", "id")

    def __str__(self) -> str:
        return self.hostname

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
