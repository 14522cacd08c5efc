"""Erasure orders: what somebody wants forgotten, and whose word that it is gone is awaited.

An order names devices and stores as they were when it was made, one row each. It is completed with
the last word of those that had to confirm; triggers (migration 0002) let it end no earlier, and let
nothing that was ordered or confirmed change. What is not a foreign key is an id of a room above.
"""

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from consent_app.erasure.rules import KEPT_IN_POLICY, Scope


class DataStore(models.Model):
    """A program that holds recordings, where it takes orders, and the key that it shares with us.

    The key is sealed under the row's own data key (portal.lib.sealing). After a rotation the former
    one counts until `former_until`. A store that is retired gets no new orders; those it was given
    it still has to confirm.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80, unique=True)
    holds = models.CharField(max_length=300, help_text="what it holds, as staff read it")
    endpoint = models.URLField(max_length=500)
    sealing_key = models.BinaryField()
    secret = models.BinaryField()
    former_secret = models.BinaryField(null=True)
    former_until = models.DateTimeField(null=True)
    added_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True, help_text="when staff were told last")

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(holds=""), name="data_store_says_what_it_holds"
            ),
            models.CheckConstraint(
                condition=Q(former_secret__isnull=True, former_until__isnull=True)
                | Q(former_secret__isnull=False, former_until__isnull=False),
                name="data_store_former_key_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def purpose(self) -> str:
        """What its keys are sealed for."""
        return f"data-store:{self.pk}"


class Outcome(models.TextChoices):
    """How an order ended."""

    COMPLETED = "completed", "Forgotten everywhere"
    INCOMPLETE = "incomplete", "Ended without everybody's word"


class ErasureOrderQuerySet(models.QuerySet["ErasureOrder"]):
    def open(self) -> "ErasureOrderQuerySet":
        return self.filter(closed_at__isnull=True)


class ErasureOrder(models.Model):
    """What is to be forgotten of one person: a period, of chosen applications or of all (None)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    employee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="erasure_orders"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    applications = ArrayField(models.SlugField(max_length=80), null=True)
    ordered_at = models.DateTimeField()
    escalated_at = models.DateTimeField(null=True, help_text="when its owner was told")
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)

    objects = ErasureOrderQuerySet.as_manager()

    class Meta:
        ordering = ("-ordered_at",)
        indexes = [models.Index(fields=["employee", "-ordered_at"], name="erasure_order_own")]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at"), ends_at__lte=F("ordered_at")),
                name="erasure_order_of_the_past",
            ),
            models.CheckConstraint(
                condition=Q(applications__isnull=True) | Q(applications__len__gt=0),
                name="erasure_order_list_not_empty",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, outcome="")
                | Q(closed_at__isnull=False, outcome__in=Outcome.values),
                name="erasure_order_ends_with_an_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"erasure order {self.pk}"

    @property
    def scope(self) -> Scope:
        applications = None if self.applications is None else frozenset(self.applications)
        return Scope(self.starts_at, self.ends_at, applications)

    @property
    def is_completed(self) -> bool:
        return self.outcome == Outcome.COMPLETED


class DeviceErasureQuerySet(models.QuerySet["DeviceErasure"]):
    def awaited(self) -> "DeviceErasureQuerySet":
        """Those whose word can still come."""
        return self.filter(is_awaited=True, confirmed_at__isnull=True, gone_at__isnull=True)

    def to_tell(self, *, at: datetime) -> "DeviceErasureQuerySet":
        """Those that a policy signed at `at` names."""
        return self.awaited().filter(order__ordered_at__gt=at - KEPT_IN_POLICY)


class DeviceErasure(models.Model):
    """A device that is to drop what it still holds.

    It is awaited if it was enrolled at the order. One that was removed before is named to stores
    only. `gone_at`: it was removed, or its time was over, before it confirmed.
    """

    order = models.ForeignKey(ErasureOrder, on_delete=models.PROTECT, related_name="devices")
    device = models.UUIDField()
    hostname = models.CharField(max_length=80)
    is_awaited = models.BooleanField()
    told_at = models.DateTimeField(null=True, help_text="when it was given a policy that says so")
    due_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)

    objects = DeviceErasureQuerySet.as_manager()

    class Meta:
        ordering = ("hostname", "device")
        indexes = [
            models.Index(
                fields=["device"],
                condition=Q(is_awaited=True, confirmed_at__isnull=True, gone_at__isnull=True),
                name="erasure_device_awaited",
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["order", "device"], name="erasure_device_once"),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True) | Q(gone_at__isnull=True, is_awaited=True),
                name="erasure_device_confirmed_or_gone",
            ),
            models.CheckConstraint(
                condition=Q(told_at__isnull=True, due_at__isnull=True)
                | Q(told_at__isnull=False, due_at__gt=F("told_at")),
                name="erasure_device_due_after_told",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} on {self.hostname}"


class Training(models.TextChoices):
    """Whether what was erased had been used to train a model. The values are a contract."""

    YES = "yes", "yes"
    NO = "no", "no"
    UNKNOWN = "unknown", "not known"


class StoreErasureQuerySet(models.QuerySet["StoreErasure"]):
    def to_send(self, at: datetime) -> "StoreErasureQuerySet":
        return self.filter(next_attempt_at__lte=at)

    def unconfirmed(self) -> "StoreErasureQuerySet":
        return self.filter(confirmed_at__isnull=True)

    def overdue(self, at: datetime) -> "StoreErasureQuerySet":
        return self.unconfirmed().filter(due_at__lte=at)


class StoreErasure(models.Model):
    """An order to one store: the outbox row, and the store's word. Its id is the message's.

    `next_attempt_at` is when it is sent (again); None once the store took it, or after too many
    attempts (`given_up_at`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(ErasureOrder, on_delete=models.PROTECT, related_name="stores")
    store = models.ForeignKey(DataStore, on_delete=models.PROTECT, related_name="erasures")
    due_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_failure = models.CharField(max_length=40, blank=True)
    received_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    confirmation_id = models.CharField(max_length=120, blank=True, help_text="webhook-id of it")
    erased_at = models.DateTimeField(null=True, help_text="by the store's clock")
    used_in_training = models.CharField(max_length=7, choices=Training, blank=True)
    records = models.PositiveBigIntegerField(null=True)

    objects = StoreErasureQuerySet.as_manager()

    class Meta:
        ordering = ("store__name",)
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="erasure_store_to_send",
            ),
            models.Index(
                fields=["store", "due_at"],
                condition=Q(confirmed_at__isnull=True),
                name="erasure_store_unconfirmed",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["order", "store"], name="erasure_store_once"),
            models.UniqueConstraint(
                fields=["store", "confirmation_id"],
                condition=~Q(confirmation_id=""),
                name="erasure_store_message_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    confirmed_at__isnull=True,
                    confirmation_id="",
                    erased_at__isnull=True,
                    used_in_training="",
                    records__isnull=True,
                )
                | Q(
                    confirmed_at__isnull=False,
                    erased_at__isnull=False,
                    next_attempt_at__isnull=True,
                    used_in_training__in=Training.values,
                )
                & ~Q(confirmation_id=""),
                name="erasure_store_confirms_in_full",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} at {self.store}"

    def is_overdue(self, at: datetime) -> bool:
        return self.confirmed_at is None and self.due_at <= at
