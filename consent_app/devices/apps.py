from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "consent_app.devices"
    label = "devices"
