"""Employees and jurisdictions. Who somebody's manager is comes from the directory alone."""

import uuid
import zoneinfo
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Upper
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property

from consent_app.people.roles import Role
from consent_app.people.rules import normalise_email

# The employee number of the system itself, which acts where no person does.
SYSTEM_NUMBER = "SYSTEM"
# Where the system works. ISO 3166-1 leaves this code to its users; nothing is in scope there.
NOWHERE = "ZZ"


class CollectionDefault(models.TextChoices):
    """What the law of a place lets the programme do unless somebody decides otherwise."""

    ALLOWED_WITH_NOTICE = "allowed_with_notice", "allowed after notice"
    OPT_IN = "opt_in", "only for those who opted in"
    NOT_IN_SCOPE = "not_in_scope", "never"


class Jurisdiction(models.Model):
    """A country or state. Its code is also the cohort of everybody who works there.

    Source: consent_app/people/data/jurisdictions.csv.
    """

    code = models.CharField(
        max_length=12, primary_key=True, help_text="ISO 3166-1 or 3166-2, US-NY"
    )
    name = models.CharField(max_length=80)
    regime = models.CharField(max_length=80)
    legal_instruments = models.TextField(blank=True)
    collection_default = models.CharField(max_length=20, choices=CollectionDefault)
    notice_required = models.BooleanField()
    acknowledgement_required = models.BooleanField()
    response_deadline_days = models.PositiveSmallIntegerField(null=True, help_text="calendar days")
    protects_indirect = models.BooleanField()
    notes = models.TextField(blank=True)
    verified = models.BooleanField()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def cohort(self) -> str:
        """The name of this jurisdiction's cohort in the policy documents, such as us-ny."""
        return self.code.lower()


class EmployeeManager(BaseUserManager["Employee"]):
    """How sign-in finds somebody."""

    def get_by_natural_key(self, username: str | None) -> "Employee":
        return self.get(email=normalise_email(username or ""))


def check_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"{name} is not a time zone of the IANA database.")


class Employee(AbstractBaseUser, PermissionsMixin):
    """Somebody who works here, and their account. `pseudonym` is all that the audit log knows."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pseudonym = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True, help_text="lower case, NFKC")
    name = models.CharField(max_length=120)
    employee_number = models.CharField(max_length=40, unique=True)
    line_manager = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reports"
    )
    jurisdiction = models.ForeignKey(
        Jurisdiction, on_delete=models.PROTECT, related_name="employees"
    )
    time_zone = models.CharField(max_length=60, default="UTC", validators=[check_time_zone])
    locale = models.CharField(max_length=12, default="en")
    is_active = models.BooleanField(default=True)
    session_epoch = models.PositiveIntegerField(
        default=0, help_text="raising it ends every session of this person"
    )
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[EmployeeManager] = EmployeeManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name", "employee_number"]

    class Meta:
        ordering = ("name",)
        indexes = [
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="employee_name_parts"),
            GinIndex(OpClass(Upper("email"), name="gin_trgm_ops"), name="employee_email_parts"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="employee_email_lower"),
            models.CheckConstraint(
                condition=Q(line_manager__isnull=True) | ~Q(line_manager=F("id")),
                name="employee_not_own_manager",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ", 1)[0]

    @cached_property
    def roles(self) -> frozenset[str]:
        """The values of `Role` that this person has, read once per instance."""
        return frozenset(self.groups.values_list("name", flat=True)) & frozenset(Role.values)

    def has_role(self, *roles: Role) -> bool:
        """Whether this person is active and has at least one of `roles`."""
        return self.is_active and not self.roles.isdisjoint(roles)

    @cached_property
    def is_manager(self) -> bool:
        """Whether somebody who works here reports to this person."""
        return self.is_active and self.reports.filter(is_active=True).exists()

    def is_manager_of(self, other: "Employee") -> bool:
        """Whether `other` reports directly to this person."""
        return self.is_active and other.line_manager_id == self.pk

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Bind sessions to the password, as Django does, and to `session_epoch`."""
        return salted_hmac(
            "consent_app.people.session",
            f"{self.password}:{self.session_epoch}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()
