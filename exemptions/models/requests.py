"""A request, the steps it took and the decisions on it.

What people wrote stands in `texts`, sealed. A trigger holds the states (migration 0002).
"""

import uuid
from datetime import date, datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from consent_app.restrictions.models import Restriction
from exemptions import rules
from exemptions.models.grounds import Ground, Reviewer, Route
from exemptions.scope import Scope, set_or_none


class State(models.TextChoices):
    """Where a request stands. Whether a granted one is in force is said by its dates alone."""

    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    INFORMATION_REQUESTED = "information_requested", "Waiting for your answer"
    APPROVED = "approved", "Approved"
    PARTLY_APPROVED = "partly_approved", "Approved in part"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Withdrawn"
    APPEALED = "appealed", "Appealed"
    UPHELD = "upheld", "Decision upheld"
    OVERTURNED = "overturned", "Decision overturned"
    REVOKED = "revoked", "Revoked"


PENDING = (State.IN_REVIEW, State.INFORMATION_REQUESTED, State.APPEALED)


class ExemptionRequestQuerySet(models.QuerySet["ExemptionRequest"]):
    def pending(self) -> "ExemptionRequestQuerySet":
        return self.filter(state__in=PENDING)

    def submitted(self) -> "ExemptionRequestQuerySet":
        return self.exclude(state=State.DRAFT)


class ExemptionRequest(models.Model):
    """One person's request, from its draft to the end of the exemption.

    `sealing_key` is the wrapped key of all its texts: without it they are gone for good.
    `version` grows with every change; whoever decides says which one they saw.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="exemption_requests"
    )
    ground = models.ForeignKey(Ground, on_delete=models.PROTECT, related_name="requests")
    is_sensitive = models.BooleanField()
    route = models.ForeignKey(Route, null=True, on_delete=models.PROTECT, related_name="requests")
    state = models.CharField(max_length=24, choices=State, default=State.DRAFT)
    version = models.PositiveIntegerField(default=0)
    sealing_key = models.BinaryField(null=True)

    applications = ArrayField(models.SlugField(max_length=80), null=True)
    kinds = ArrayField(models.SlugField(max_length=40), null=True)
    starts_on = models.DateField(null=True)
    ends_on = models.DateField(null=True)
    review_on = models.DateField(null=True)

    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    legal_due_on = models.DateField(null=True, help_text="when the law wants an answer")
    legal_extended_at = models.DateTimeField(null=True)
    renews = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="renewal"
    )

    protection = models.ForeignKey(
        Restriction, null=True, on_delete=models.PROTECT, related_name="+"
    )
    protected_scope = models.CharField(
        max_length=32, blank=True, help_text="Scope.key while protected from submission"
    )
    protection_told_at = models.DateTimeField(null=True)

    exemption = models.ForeignKey(
        Restriction, null=True, on_delete=models.PROTECT, related_name="+"
    )
    granted_applications = ArrayField(models.SlugField(max_length=80), null=True)
    granted_kinds = ArrayField(models.SlugField(max_length=40), null=True)
    granted_starts_on = models.DateField(null=True)
    granted_ends_on = models.DateField(null=True)
    granted_review_on = models.DateField(null=True)
    revoked_at = models.DateTimeField(null=True)
    expiry_told_days = models.PositiveSmallIntegerField(
        null=True, help_text="the last reminder given: so many days before the end; 0 at the end"
    )

    objects = ExemptionRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state=State.DRAFT)
                | Q(submitted_at__isnull=False, route__isnull=False, starts_on__isnull=False),
                name="request_submitted_whole",
            ),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="request_ends_after_start",
            ),
            models.CheckConstraint(
                condition=(Q(applications__isnull=True) | Q(applications__len__gt=0))
                & (Q(kinds__isnull=True) | Q(kinds__len__gt=0)),
                name="request_lists_not_empty",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[State.APPROVED, State.PARTLY_APPROVED, State.OVERTURNED])
                | Q(exemption__isnull=False),
                name="request_granted_has_restriction",
            ),
            models.CheckConstraint(
                condition=Q(exemption__isnull=True) | Q(granted_starts_on__isnull=False),
                name="request_grant_says_when",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.REVOKED)
                | Q(exemption__isnull=False, revoked_at__isnull=False),
                name="request_revoked_was_granted",
            ),
            # What is decided protects no longer; a pending one whose ground asks for it does.
            models.CheckConstraint(
                condition=Q(protection__isnull=True) | Q(state__in=PENDING),
                name="request_protected_while_pending",
            ),
            models.CheckConstraint(
                condition=Q(protected_scope="") | Q(protection__isnull=False),
                name="request_protected_scope_has_restriction",
            ),
            models.UniqueConstraint(
                fields=["requester", "protected_scope"],
                condition=~Q(protected_scope=""),
                name="request_one_protection_per_scope",
            ),
        ]
        indexes = [
            models.Index(fields=["requester", "-created_at"], name="request_of_person"),
            models.Index(
                fields=["granted_ends_on"],
                condition=Q(granted_ends_on__isnull=False),
                name="request_by_end",
            ),
            models.Index(
                fields=["granted_review_on"],
                condition=Q(granted_review_on__isnull=False),
                name="request_by_review",
            ),
        ]

    def __str__(self) -> str:
        return f"request {self.pk}"

    @property
    def asked(self) -> Scope:
        """What was asked for; the draft must have its period."""
        assert self.starts_on is not None  # noqa: S101 (a constraint says so once submitted)
        return Scope(
            set_or_none(self.applications),
            set_or_none(self.kinds),
            self.starts_on,
            self.ends_on,
            self.review_on,
        )

    @property
    def granted(self) -> Scope | None:
        """What was granted, or None."""
        if self.granted_starts_on is None:
            return None
        return Scope(
            set_or_none(self.granted_applications),
            set_or_none(self.granted_kinds),
            self.granted_starts_on,
            self.granted_ends_on,
            self.granted_review_on,
        )

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING

    @property
    def appeal_until(self) -> datetime:
        """The moment up to which a decided request can be appealed."""
        assert self.decided_at is not None  # noqa: S101 (a decided one has it)
        return self.decided_at + rules.APPEAL_WITHIN

    def is_renewable(self, *, today: date) -> bool:
        """Whether an exemption is granted and its end, or the day to look at it again, is near."""
        granted = self.granted
        if granted is None or self.state == State.REVOKED or self.is_pending:
            return False
        return granted.last_day is not None and today >= granted.last_day - rules.RENEWABLE_FROM

    @property
    def cause(self) -> str:
        """What its Restrictions give as their cause; says nothing about the request."""
        return f"request:{self.pk}"

    def is_in_force(self, at: datetime) -> bool:
        """Whether a granted exemption takes collection away at `at`."""
        row = self.exemption
        return row is not None and row.starts_at <= at and (row.ends_at is None or at < row.ends_at)


class ReviewStepQuerySet(models.QuerySet["ReviewStep"]):
    def open(self) -> "ReviewStepQuerySet":
        return self.filter(closed_at__isnull=True)


OPEN = Q(closed_at__isnull=True)


class ReviewStep(models.Model):
    """A step that a request reached. It waits for the line manager, or for whoever has the role.

    Without `assignee` a step is the team's. Once overdue, `fallback` may decide it as well. While
    the requester is asked something, `stopped_at` is set and `days_left` keeps what was left.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(ExemptionRequest, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    is_appeal = models.BooleanField(default=False)
    reviewer = models.CharField(max_length=20, choices=Reviewer)
    fallback = models.CharField(max_length=20, choices=Reviewer, blank=True)
    people = models.PositiveSmallIntegerField()
    target_days = models.PositiveSmallIntegerField()
    grace_days = models.PositiveSmallIntegerField()
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="review_steps"
    )
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    remind_at = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    days_left = models.PositiveSmallIntegerField(null=True)
    closed_at = models.DateTimeField(null=True)

    objects = ReviewStepQuerySet.as_manager()

    class Meta:
        ordering = ("request", "position")
        constraints = [
            models.UniqueConstraint(fields=["request", "position"], name="step_place"),
            models.UniqueConstraint(fields=["request"], condition=OPEN, name="step_one_open"),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True) | Q(days_left__isnull=False),
                name="step_stopped_keeps_days",
            ),
        ]
        indexes = [
            models.Index(fields=["reviewer", "due_at"], condition=OPEN, name="step_of_team"),
            models.Index(
                fields=["fallback", "due_at"],
                condition=OPEN & Q(escalated_at__isnull=False),
                name="step_of_fallback",
            ),
            models.Index(fields=["assignee", "due_at"], condition=OPEN, name="step_of_assignee"),
            models.Index(
                fields=["remind_at"],
                condition=OPEN & Q(reminded_at__isnull=True, stopped_at__isnull=True),
                name="step_to_remind",
            ),
            models.Index(
                fields=["due_at"],
                condition=OPEN & Q(escalated_at__isnull=True, stopped_at__isnull=True),
                name="step_to_escalate",
            ),
        ]

    def __str__(self) -> str:
        return f"step {self.position} of {self.request_id}"


class Verdict(models.TextChoices):
    APPROVE = "approve", "Approve"
    APPROVE_IN_PART = "approve_in_part", "Approve in part"
    DECLINE = "decline", "Decline"


class DeclineCode(models.TextChoices):
    """Why a request is declined; the employee reads the label beside the reviewer's own text."""

    GROUND_NOT_MET = "ground_not_met", "What was described is not covered by these grounds"
    NOT_ENOUGH_KNOWN = "not_enough_known", "What was sent does not show it"
    COVERED_OTHERWISE = "covered_otherwise", "The register or another exemption covers it already"
    SCOPE_TOO_WIDE = "scope_too_wide", "The grounds do not reach as far as what was asked for"
    WORK_NEEDS_IT = "work_needs_it", "A duty of this work needs the capture"


class Decision(models.Model):
    """One reviewer's word on a step: never changed, and never a second one by the same person.

    The scope is what this decision lets stand; for a declined request, nothing. `text` is sealed
    and is what the employee reads. `saw` names what was on the reviewer's screen: the version, the
    messages and the files by their ids.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(
        ExemptionRequest, on_delete=models.PROTECT, related_name="decisions"
    )
    step = models.ForeignKey(ReviewStep, on_delete=models.PROTECT, related_name="decisions")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions"
    )
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    verdict = models.CharField(max_length=16, choices=Verdict)
    code = models.CharField(max_length=20, choices=DeclineCode, blank=True)
    text = models.BinaryField()
    applications = ArrayField(models.SlugField(max_length=80), null=True)
    kinds = ArrayField(models.SlugField(max_length=40), null=True)
    starts_on = models.DateField(null=True)
    ends_on = models.DateField(null=True)
    review_on = models.DateField(null=True)
    saw = models.JSONField()
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ("decided_at",)
        constraints = [
            # Two people are two people, and nobody hears the appeal against their own decision.
            models.UniqueConstraint(fields=["request", "by"], name="decision_one_per_person"),
            models.CheckConstraint(
                condition=(Q(verdict=Verdict.DECLINE) & ~Q(code=""))
                | (~Q(verdict=Verdict.DECLINE) & Q(code="", starts_on__isnull=False)),
                name="decision_declines_with_a_code",
            ),
        ]
        indexes = [
            models.Index(fields=["by", "-decided_at"], name="decision_of_reviewer"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.pk}"

    @property
    def purpose(self) -> str:
        """What its text is sealed for."""
        return f"decision:{self.pk}"

    @property
    def scope(self) -> Scope | None:
        """What it lets stand; None when it declines."""
        if self.starts_on is None:
            return None
        return Scope(
            set_or_none(self.applications),
            set_or_none(self.kinds),
            self.starts_on,
            self.ends_on,
            self.review_on,
        )
