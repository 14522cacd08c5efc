"""The audit events of this room. Details name the fields that changed, never their values."""

EMPLOYEE_CREATED = "employee.created"
EMPLOYEE_UPDATED = "employee.updated"
EMPLOYEE_DEACTIVATED = "employee.deactivated"
PASSWORD_CHANGED = "employee.password_changed"  # noqa: S105 (a name)
JURISDICTION_CHANGED = "jurisdiction.changed"
