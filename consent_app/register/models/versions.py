"""The register: what is collected, from which applications, and what is never collected.

A version is drafted by the programme owner, proposed, approved by legal and published; then it
never changes again, nor does anything that belongs to it (triggers of migrations 0002 and 0004).
What belongs to it changes only while it is a draft. What a device is told is
`RegisterVersion.document`, bytes with a name of their own; the rows are the same facts for pages.
"""

from datetime import datetime
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Length, Lower
from django.db.models.lookups import LessThanOrEqual

from consent_agent.protocol.kinds import NEVER_COLLECTED

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024  # Source: design, section 5

SLUG = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
KIND = r"^[a-z]+(?:_[a-z]+)*$"


class Category(models.TextChoices):
    """What an application is for. Safeguards and filters name these."""

    AI_ASSISTANT = "ai_assistant", "AI assistants"
    BROWSER = "browser", "Browsers"
    CHAT_MEETINGS = "chat_meetings", "Chat and meetings"
    CLOUD_OPS = "cloud_ops", "Cloud and operations"
    CRM_SUPPORT = "crm_support", "Customers and support"
    DATA_BI = "data_bi", "Data and reporting"
    DESIGN_MEDIA = "design_media", "Design and media"
    DEVELOPER_TOOLS = "developer_tools", "Developer tools"
    DOCUMENTS_NOTES = "documents_notes", "Documents and notes"
    EMAIL_CALENDAR = "email_calendar", "Mail and calendar"
    FILE_STORAGE = "file_storage", "File storage"
    FINANCE_TRAVEL = "finance_travel", "Finance and travel"
    HEALTH_BENEFITS = "health_benefits", "Health and benefits"
    HR_PAYROLL = "hr_payroll", "HR and payroll"
    IDENTITY_NETWORK = "identity_network", "Sign-in and network"
    LEGAL_ETHICS_UNION = "legal_ethics_union", "Legal, ethics and union"
    PASSWORD_MANAGER = "password_manager", "Password managers"
    PERSONAL_FINANCE = "personal_finance", "Personal finance"
    PERSONAL_LIFE = "personal_life", "Personal life"
    PROJECT_TRACKING = "project_tracking", "Project tracking"
    SEARCH_REFERENCE = "search_reference", "Search and reference"
    SOCIAL_NETWORK = "social_network", "Social networks"
    SOURCE_CI = "source_ci", "Source code and builds"
    SYSTEM_UTILITY = "system_utility", "System utilities"


class Sensitivity(models.TextChoices):
    """Whose harm is likely if this were seen by others."""

    NONE = "none", "nothing in particular"
    CREDENTIALS = "credentials", "passwords and keys"
    FINANCIAL = "financial", "money"
    HEALTH = "health", "health"
    HR = "hr", "employment"
    LEGAL = "legal", "legal advice and disputes"
    PERSONAL = "personal", "private life"
    UNION = "union", "union and collective activity"


class Reader(TypedDict):
    """Who may read what was collected, and what for."""

    who: str
    why: str


class NeverCollected(TypedDict):
    """Something that is never collected, and the reason."""

    what: str
    why: str


class VersionState(models.TextChoices):
    """How far a version has come. Only a published one is ever told to anybody else."""

    DRAFT = "draft", "Draft"
    PROPOSED = "proposed", "With legal"
    APPROVED = "approved", "Approved"
    PUBLISHED = "published", "Published"


class RegisterVersionQuerySet(models.QuerySet["RegisterVersion"]):
    def published(self) -> "RegisterVersionQuerySet":
        return self.filter(state=VersionState.PUBLISHED)

    def in_force(self, at: datetime) -> "RegisterVersionQuerySet":
        """Those whose time had come at `at`, the one that held then first."""
        return self.published().filter(in_force_at__lte=at).order_by("-number")

    def unpublished(self) -> "RegisterVersionQuerySet":
        """The one that is being prepared, if there is one."""
        return self.exclude(state=VersionState.PUBLISHED)


def _by_somebody() -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )


class RegisterVersion(models.Model):
    """One edition of the whole register. `digest` names the canonical bytes in `document`.

    It holds from `in_force_at` until that of the next number. Number 1 came with the files and was
    published by one command; every later one took two people.
    """

    number = models.PositiveIntegerField(unique=True)
    purpose = models.TextField()
    limits = models.TextField(help_text="what it is not used for")
    readers = models.JSONField(help_text="list of Reader")
    never_collected = models.JSONField(help_text="list of NeverCollected")
    state = models.CharField(max_length=12, choices=VersionState, default=VersionState.DRAFT)
    based_on = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="+", help_text="what it changes"
    )
    summary = models.CharField(
        max_length=500, blank=True, help_text="what changes and why, in a sentence for staff"
    )
    notice_fields = models.JSONField(default=dict, help_text="NoticeFields: what laws ask for")
    is_immaterial = models.BooleanField(
        default=False, help_text="only typography changed: nobody is asked again"
    )
    widens = models.BooleanField(default=False, help_text="found when it was proposed")
    drafted_by = _by_somebody()
    drafted_at = models.DateTimeField(null=True)
    proposed_by = _by_somebody()
    proposed_at = models.DateTimeField(null=True)
    approved_by = _by_somebody()
    approved_at = models.DateTimeField(null=True)
    sent_back_by = _by_somebody()
    sent_back_at = models.DateTimeField(null=True)
    sent_back_reason = models.CharField(max_length=1000, blank=True)
    published_by = _by_somebody()
    published_at = models.DateTimeField(null=True)
    in_force_at = models.DateTimeField(null=True)
    digest = models.CharField(max_length=71, null=True, unique=True)  # noqa: DJ001 (unique)
    document = models.BinaryField(null=True)

    objects = RegisterVersionQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.CheckConstraint(condition=Q(number__gte=1), name="register_number_from_1"),
            models.CheckConstraint(
                condition=~Q(state=VersionState.PUBLISHED)
                & Q(
                    published_at__isnull=True,
                    in_force_at__isnull=True,
                    digest__isnull=True,
                    document__isnull=True,
                )
                | Q(
                    state=VersionState.PUBLISHED,
                    published_at__isnull=False,
                    in_force_at__gte=F("published_at"),
                    digest__isnull=False,
                    document__isnull=False,
                ),
                name="register_published_with_document",
            ),
            models.CheckConstraint(
                condition=Q(number=1)
                | Q(state=VersionState.DRAFT)
                | Q(proposed_by__isnull=False, proposed_at__isnull=False),
                name="register_proposed_by_somebody",
            ),
            # Two people: whoever drafted or proposed it can't approve it.
            models.CheckConstraint(
                condition=Q(number=1)
                | Q(state__in=[VersionState.DRAFT, VersionState.PROPOSED])
                | Q(approved_by__isnull=False, approved_at__isnull=False)
                & ~Q(approved_by=F("proposed_by"))
                & ~Q(approved_by=F("drafted_by")),
                name="register_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(is_immaterial=False) | Q(widens=False),
                name="register_widening_is_material",
            ),
            # One draft at a time, so that what legal reads is all that is coming.
            models.UniqueConstraint(
                Value(1), condition=~Q(state=VersionState.PUBLISHED), name="register_one_draft"
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("document"), MAX_DOCUMENT_BYTES),
                name="register_document_size",
            ),
        ]

    def __str__(self) -> str:
        return f"Register version {self.number}"


class DataKind(models.Model):
    """A kind of data, such as keystrokes. Screen content and passwords can never be one."""

    version = models.ForeignKey(RegisterVersion, on_delete=models.CASCADE, related_name="kinds")
    code = models.CharField(max_length=40, validators=[RegexValidator(KIND)])
    name = models.CharField(max_length=80)
    explanation = models.TextField()
    retention_days = models.PositiveSmallIntegerField()
    retention_reason = models.TextField()
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = [
            models.UniqueConstraint(fields=["version", "code"], name="register_kind_once"),
            models.CheckConstraint(condition=Q(code__regex=KIND), name="register_kind_code"),
            models.CheckConstraint(
                condition=~Q(code__regex=NEVER_COLLECTED) & ~Q(name__iregex=NEVER_COLLECTED),
                name="register_no_screen_content",
            ),
            models.CheckConstraint(
                condition=Q(retention_days__gte=1), name="register_kind_retention"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApplicationQuerySet(models.QuerySet["Application"]):
    def captured(self) -> "ApplicationQuerySet":
        return self.filter(excluded=False)

    def excluded(self) -> "ApplicationQuerySet":
        return self.filter(excluded=True)


def identifiers() -> "ArrayField[list[str], list[str]]":
    return ArrayField(models.CharField(max_length=255), default=list)


class Application(models.Model):
    """A program or web application. An excluded one has a reason, and no kinds at all."""

    version = models.ForeignKey(
        RegisterVersion, on_delete=models.CASCADE, related_name="applications"
    )
    slug = models.CharField(max_length=60, validators=[RegexValidator(SLUG)])
    name = models.CharField(max_length=120)
    vendor = models.CharField(max_length=120)
    category = models.CharField(max_length=40, choices=Category)
    macos_bundle_ids = identifiers()
    windows_executables = identifiers()
    linux_executables = identifiers()
    domains = identifiers()
    communication = models.BooleanField(help_text="other people's words appear there")
    sensitivity = models.CharField(max_length=20, choices=Sensitivity)
    kinds = ArrayField(models.CharField(max_length=40), default=list)
    excluded = models.BooleanField()
    reason = models.CharField(max_length=200, blank=True, help_text="why it is excluded")
    verified = models.BooleanField(default=False, help_text="its identifiers were seen to be true")
    source = models.TextField(blank=True, help_text="where its identifiers come from")

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = (Lower("name"), "slug")
        constraints = [
            models.UniqueConstraint(fields=["version", "slug"], name="register_application_once"),
            models.CheckConstraint(condition=Q(slug__regex=SLUG), name="register_application_slug"),
            models.CheckConstraint(
                condition=(Q(excluded=True, kinds=[]) & ~Q(reason=""))
                | Q(excluded=False, reason="", kinds__len__gte=1),
                name="register_excluded_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Safeguard(models.Model):
    """Content that is protected wherever it appears: a password field, a card number, a title."""

    version = models.ForeignKey(
        RegisterVersion, on_delete=models.CASCADE, related_name="safeguards"
    )
    safeguard_id = models.CharField(max_length=60, validators=[RegexValidator(SLUG)])
    protects = models.CharField(max_length=40, help_text="the class in the document")
    detector = models.CharField(max_length=20)
    pattern = models.TextField()
    validator = models.CharField(max_length=20)
    action = models.CharField(max_length=20)
    explanation = models.TextField()

    class Meta:
        ordering = ("safeguard_id",)
        constraints = [
            models.UniqueConstraint(
                fields=["version", "safeguard_id"], name="register_safeguard_once"
            ),
        ]

    def __str__(self) -> str:
        return self.safeguard_id
