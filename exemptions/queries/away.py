"""Being away: whose delegations somebody may see."""

from datetime import datetime

from django.core.exceptions import PermissionDenied

from consent_app.people.models import Employee
from exemptions.queries import reviewing


def check_may_be_away(person: Employee, *, at: datetime) -> None:
    """Raises PermissionDenied unless somebody has something to do with requests of others."""
    if not reviewing.is_reviewer(person, at=at):
        raise PermissionDenied
