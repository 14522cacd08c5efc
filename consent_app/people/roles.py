"""The roles somebody can have beside being an employee; each is a group that the directory fills.

Being a manager is no role: somebody is a manager while somebody reports to them.
"""

from django.contrib.auth.models import Group
from django.db import models


class Role(models.TextChoices):
    """The value names the group and stands in the directory's `roles` column."""

    HR_REVIEWER = "hr_reviewer", "HR reviewer"
    LEGAL_REVIEWER = "legal_reviewer", "legal reviewer"
    PROGRAMME_OWNER = "programme_owner", "programme owner"
    AUDITOR = "auditor", "auditor"
    IT_ADMINISTRATOR = "it_administrator", "IT administrator"


def ensure_roles() -> dict[Role, Group]:
    """Make the groups that are missing and return all of them by role."""
    Group.objects.bulk_create([Group(name=role.value) for role in Role], ignore_conflicts=True)
    groups = {group.name: group for group in Group.objects.filter(name__in=Role.values)}
    return {role: groups[role.value] for role in Role}
