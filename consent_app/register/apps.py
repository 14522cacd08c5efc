from django.apps import AppConfig


class RegisterConfig(AppConfig):
    name = "consent_app.register"
    label = "register"
