"""Grounds for an exemption and the routes that requests on them take. Both are data, not code."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from consent_app.people.roles import Role


class Reviewer(models.TextChoices):
    """Who decides a step: the requester's line manager, or whoever has a role."""

    MANAGER = "manager", "line manager"
    HR = Role.HR_REVIEWER.value, "HR"
    LEGAL = Role.LEGAL_REVIEWER.value, "Legal"
    IT = Role.IT_ADMINISTRATOR.value, "IT"


class Ground(models.Model):
    """A reason for which an exemption can be asked for.

    `is_sensitive` never changes once loaded: what was confidential when it was told stays so.
    """

    slug = models.SlugField(max_length=60, primary_key=True)
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=120)
    explanation = models.TextField(help_text="what it means, in the employee's words")
    is_sensitive = models.BooleanField()
    is_offered = models.BooleanField(default=True)

    class Meta:
        ordering = ("position",)

    def __str__(self) -> str:
        return self.name


class RouteState(models.TextChoices):
    DRAFT = "draft", "Draft"
    PROPOSED = "proposed", "Waiting for legal"
    IN_FORCE = "in_force", "In force"
    RETIRED = "retired", "Retired"


class Route(models.Model):
    """One version of the way that requests on a ground take; a request keeps the one it began with.

    `approved_by` is empty for the first version alone, which comes with the portal.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ground = models.ForeignKey(Ground, on_delete=models.PROTECT, related_name="routes")
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=RouteState)
    protects_while_pending = models.BooleanField(
        help_text="nothing in the scope is collected from submission until the decision"
    )
    appeal_reviewer = models.CharField(max_length=20, choices=Reviewer)
    change_note = models.TextField(blank=True, help_text="why it differs from the one before")
    review_note = models.TextField(blank=True, help_text="why legal sent it back")
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="routes_drafted"
    )
    drafted_at = models.DateTimeField()
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="routes_approved",
    )
    in_force_since = models.DateTimeField(null=True)

    class Meta:
        ordering = ("ground", "-version")
        constraints = [
            models.UniqueConstraint(fields=["ground", "version"], name="route_version_once"),
            models.UniqueConstraint(
                fields=["ground"],
                condition=Q(state=RouteState.IN_FORCE),
                name="route_one_in_force_per_ground",
            ),
            models.UniqueConstraint(
                fields=["ground"],
                condition=Q(state__in=[RouteState.DRAFT, RouteState.PROPOSED]),
                name="route_one_draft_per_ground",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("drafted_by")),
                name="route_two_people",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[RouteState.DRAFT, RouteState.PROPOSED])
                | Q(approved_by__isnull=False)
                | Q(version=1),
                name="route_approved_but_the_first",
            ),
            models.CheckConstraint(
                condition=~Q(appeal_reviewer=Reviewer.MANAGER), name="route_appeal_not_to_manager"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[RouteState.DRAFT, RouteState.PROPOSED])
                | Q(in_force_since__isnull=False),
                name="route_in_force_since",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ground_id} {self.version}"


class RouteStep(models.Model):
    """One step of a route. Days are business days where the requester works."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    reviewer = models.CharField(max_length=20, choices=Reviewer)
    people = models.PositiveSmallIntegerField(
        default=1, help_text="how many have to decide the same"
    )
    target_days = models.PositiveSmallIntegerField(help_text="until the step is due")
    grace_days = models.PositiveSmallIntegerField(
        help_text="after that, until the requester is protected"
    )
    fallback = models.CharField(
        max_length=20, choices=Reviewer, blank=True, help_text="who may decide once it is overdue"
    )

    class Meta:
        ordering = ("route", "position")
        constraints = [
            models.UniqueConstraint(fields=["route", "position"], name="route_step_place"),
            models.CheckConstraint(
                condition=Q(people__gte=1, people__lte=2), name="route_step_one_or_two_people"
            ),
            models.CheckConstraint(
                condition=Q(target_days__gte=1, target_days__lte=30)
                & Q(grace_days__gte=0, grace_days__lte=10),
                name="route_step_days",
            ),
            models.CheckConstraint(
                condition=~Q(reviewer=Reviewer.MANAGER) | Q(people=1),
                name="route_step_one_manager",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.reviewer}"
