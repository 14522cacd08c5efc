"""Employees and jurisdictions. Who somebody's manager is comes from the directory alone."""

import uuid
import zoneinfo
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower


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
        return self.get(email=(username or "").lower())


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
    joined_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[EmployeeManager] = EmployeeManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name", "employee_number"]

    class Meta:
        ordering = ("name",)
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
