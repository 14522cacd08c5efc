from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "consent_app.audit"
    label = "audit"
    verbose_name = "audit log"
