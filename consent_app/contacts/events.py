"""Names of the audit events of this room."""

LISTED = "contact.listed"
ENTRY_ENDED = "contact.ended"
OBJECTED = "contact.objected"
OBJECTION_WITHDRAWN = "contact.objection_withdrawn"
FILTER_RENEWED = "filter.renewed"
