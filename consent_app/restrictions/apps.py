from django.apps import AppConfig


class RestrictionsConfig(AppConfig):
    name = "consent_app.restrictions"
    label = "restrictions"
