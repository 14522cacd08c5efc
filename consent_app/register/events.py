"""The names of the audit events of this room."""

PUBLISHED = "register.published"
NOTICE_SERVED = "notice.served"
NOTICE_READ = "notice.reading_confirmed"
NOTICE_ACKNOWLEDGED = "notice.acknowledged"
CONSENT_GIVEN = "consent.granted"
CONSENT_REFUSED = "consent.refused"
CONSENT_WITHDRAWN = "consent.withdrawn"
