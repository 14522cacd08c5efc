from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "consent_app.access"
    label = "access"
